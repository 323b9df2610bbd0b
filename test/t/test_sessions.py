"""What a session remembers and shares: exports across scans, statements and transactions, and whose credentials are used."""

import json
import threading
import time
import unittest

import psycopg2

import support

IDS = "SELECT DISTINCT export_id FROM ads.campaigns"


class SessionCase(support.TestCase):
    def export_id(self, session=None, table="ads.campaigns"):
        (row,) = (session or self.session).rows("SELECT DISTINCT export_id FROM %s" % table)
        return row[0]


class Sharing(SessionCase):
    def setUp(self):
        super().setUp()
        self.amazon(max_age=0)

    def test_two_scans_of_a_statement(self):
        for query in ("SELECT DISTINCT a.export_id, b.export_id FROM ads.campaigns a JOIN ads.campaigns b USING (campaign_id)",
                      "SELECT (SELECT min(export_id) FROM ads.campaigns), (SELECT min(export_id) FROM ads.campaigns WHERE name > '')",
                      "WITH a AS MATERIALIZED (SELECT min(export_id) AS id FROM ads.campaigns) SELECT id, (SELECT max(export_id) FROM ads.campaigns) FROM a",
                      "SELECT min(export_id), max(export_id) FROM (SELECT export_id FROM ads.campaigns UNION ALL SELECT export_id FROM ads.campaigns) u"):
            with self.subTest(query=query):
                self.clear_log()
                (row,) = self.session.rows(query)
                self.assertEqual(row[0], row[1])
                self.assertEqual([self.count_calls("request"), self.count_calls("download")], [1, 2 if "UNION" not in query else 2])

    def test_each_scan_has_a_download_of_its_own(self):
        """Links are used once."""
        self.emulator.settings(url_one_shot=True)
        self.session.rows("SELECT * FROM ads.campaigns a, ads.campaigns b, ads.campaigns c WHERE a.campaign_id = b.campaign_id "
                          "AND c.campaign_id = a.campaign_id")
        self.assertEqual(self.count_calls("download"), 3)
        self.assertEqual({call["status"] for call in self.calls("download")}, {200})
        self.assertEqual(len({call["query"] for call in self.calls("download")}), 3)

    def test_other_filters_are_other_exports(self):
        (row,) = self.session.rows("SELECT (SELECT min(export_id) FROM ads.campaigns WHERE state = 'PAUSED'), "
                                   "(SELECT min(export_id) FROM ads.campaigns WHERE state = 'ENABLED')")
        self.assertNotEqual(row[0], row[1])
        self.assertEqual(self.count_calls("request"), 2)

    def test_other_statements_are_other_exports(self):
        self.assertNotEqual(self.export_id(), self.export_id())
        self.session.run("BEGIN")  # READ COMMITTED: each statement sees the present
        self.assertNotEqual(self.export_id(), self.export_id())
        self.session.run("COMMIT")
        self.assertEqual(self.count_calls("request"), 4)

    def test_repeatable_read(self):
        for level in ("REPEATABLE READ", "SERIALIZABLE"):
            with self.subTest(level=level):
                before = self.export_id()
                self.session.run("BEGIN ISOLATION LEVEL " + level)
                first = self.export_id()
                self.assertEqual(first, self.export_id())
                self.assertNotEqual(first, before)
                self.session.run("SAVEPOINT s")
                self.assertEqual(first, self.export_id())
                self.session.run("ROLLBACK TO s")
                self.assertEqual(first, self.export_id())
                self.session.run("COMMIT")
                self.assertNotEqual(first, self.export_id())

    def test_queries_of_functions_belong_to_the_statement(self):
        self.session.run("CREATE FUNCTION pg_temp.id() RETURNS text LANGUAGE plpgsql VOLATILE AS "
                         "$$ BEGIN RETURN (SELECT min(export_id) FROM ads.campaigns); END $$")
        self.session.run("CREATE FUNCTION pg_temp.id_sql() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT min(export_id) FROM ads.campaigns $$")
        (row,) = self.session.rows("SELECT pg_temp.id(), (SELECT min(export_id) FROM ads.campaigns), pg_temp.id_sql(), pg_temp.id()")
        self.assertEqual(len(set(row)), 1)
        self.assertEqual(self.count_calls("request"), 1)
        self.session.run("DO $$ DECLARE a text := pg_temp.id(); b text := pg_temp.id(); BEGIN ASSERT a = b; END $$")
        self.assertEqual(self.count_calls("request"), 2)

    def test_max_age(self):
        self.amazon(max_age="%ds" % (3 * support.PATIENCE))
        first = self.export_id()
        self.assertEqual(first, self.export_id())
        time.sleep(3.1 * support.PATIENCE)
        second = self.export_id()
        self.assertNotEqual(first, second)
        self.assertEqual(self.count_calls("request"), 2)

    def test_max_age_of_a_table(self):
        self.amazon(max_age="1h")
        self.session.run("ALTER FOREIGN TABLE ads.campaigns OPTIONS (ADD max_age '0')")
        self.assertNotEqual(self.export_id(), self.export_id())
        self.assertEqual(self.export_id(table="ads.ads"), self.export_id(table="ads.ads"))

    def test_two_tables_of_an_entity(self):
        """The request is what counts, not the table."""
        self.session.run("CREATE FOREIGN TABLE ads.again (export_id text, name text) SERVER amazon OPTIONS (entity 'campaigns')")
        (row,) = self.session.rows("SELECT (SELECT min(export_id) FROM ads.campaigns), (SELECT min(export_id) FROM ads.again)")
        self.assertEqual(row[0], row[1])

    def test_sessions_do_not_share_tokens_by_accident(self):
        other = self.connect()
        self.assertNotEqual(self.export_id(), self.export_id(other))


class Invalidation(SessionCase):
    def setUp(self):
        super().setUp()
        self.amazon(max_age="1h")
        self.first = self.export_id()
        self.assertEqual(self.export_id(), self.first)

    def renewed_by(self, *statements, session=None):
        for statement in statements:
            with self.subTest(statement=statement):
                (session or self.session).run(statement)
                second = self.export_id()
                self.assertNotEqual(second, self.first)
                self.assertEqual(self.export_id(), second)
                self.first = second

    def test_altered_server(self):
        self.renewed_by("ALTER SERVER amazon OPTIONS (SET max_retries '2')", "ALTER SERVER amazon OPTIONS (DROP max_retries)")

    def test_altered_user_mapping(self):
        self.renewed_by("ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (SET client_id '%s', SET client_secret 'second-secret', "
                        "SET refresh_token 'Atzr|second')" % "amzn1.application-oa2-client.second")
        self.assertEqual(self.calls("request")[-1]["client"], "amzn1.application-oa2-client.second")

    def test_altered_by_another_session(self):
        self.renewed_by("ALTER SERVER amazon OPTIONS (SET max_retries '2')", session=self.connect())

    def test_another_server_or_mapping_changes_nothing(self):
        self.amplitude()
        self.session.run("ALTER SERVER amplitude OPTIONS (SET max_retries '2')")
        self.assertEqual(self.export_id(), self.first)

    def test_a_mapping_made_worse(self):
        """The token of the old credentials is not used for the new ones."""
        self.session.run("ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (SET client_secret 'wrong')")
        self.expect_error("28000", IDS)
        self.session.run("DROP USER MAPPING FOR CURRENT_USER SERVER amazon")
        self.expect_error("28000", IDS, "no user mapping")

    def test_recreated_server(self):
        self.amazon(max_age="1h")
        self.assertNotEqual(self.export_id(), self.first)

    def test_caches_that_are_flushed_as_a_whole(self):
        """When others define so much at once that a session that waits can't keep up with what they changed."""
        storm = ("DO $$ BEGIN FOR i IN 1..40 LOOP EXECUTE 'CREATE TABLE storm_' || i || ' (' || (SELECT string_agg('c' || n || ' int', ',') "
                 "FROM generate_series(1, 100) n) || ')'; END LOOP; END $$")
        self.session.run("SELECT adsexport_forget()")
        self.clear_log()
        self.emulator.settings(export_delay=1.5)
        self.session.run("CREATE FUNCTION pg_temp.id() RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN RETURN (SELECT min(export_id) FROM ads.campaigns); END $$")
        running = self.session.start("SELECT pg_temp.id(), pg_temp.id()")
        self.wait_for_call("request")
        self.connect().run(storm)
        running.wait()
        self.assertEqual(running.result[0][0], running.result[0][1])
        self.assertEqual(self.export_id(), running.result[0][0])
        self.assertEqual(self.count_calls("request"), 1)

    def test_change_in_a_transaction_that_is_rolled_back(self):
        self.session.run("BEGIN")
        self.session.run("ALTER SERVER amazon OPTIONS (SET profile_ids '2222')")
        self.assertEqual(self.session.value("SELECT DISTINCT profile_id FROM ads.campaigns"), "2222")
        self.session.run("ROLLBACK")
        self.assertEqual(self.session.value("SELECT DISTINCT profile_id FROM ads.campaigns"), "1111")

    def test_change_while_a_cursor_reads(self):
        self.emulator.settings(campaigns=5000)
        self.session.run("SELECT adsexport_forget()")
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        self.session.rows("FETCH 10 FROM c")
        other = self.connect()
        other.run("ALTER SERVER amazon OPTIONS (SET max_retries '2')")
        self.session.rows("SELECT 1 FROM ads.ads LIMIT 1")
        self.assertEqual(len(self.session.rows("FETCH ALL FROM c")), 4990)
        self.session.run("COMMIT")


class Functions(SessionCase):
    def test_exports(self):
        self.amazon(max_age="1h", profile_ids="1111,9007199254740993")
        self.assertEqual(self.session.table("SELECT * FROM adsexport_exports()"), [])
        self.session.rows("SELECT * FROM ads.campaigns WHERE state = 'PAUSED'")
        rows = {row["profile_id"]: row for row in self.session.table("SELECT *, clock_timestamp() AS now FROM adsexport_exports()")}
        self.assertEqual(sorted(rows), ["1111", "9007199254740993"])
        row = rows["1111"]
        request = self.calls("request", profile="1111")[0]
        self.assertEqual((row["server"], row["user_name"], row["entity"], row["status"], row["error"]),
                         ("amazon", support.cluster().user, "campaigns", "COMPLETED", None))
        self.assertEqual(row["export_id"], request["export"])
        self.assertEqual(row["request"], json.loads(request["body"]))
        self.assertLessEqual(row["requested_at"], row["completed_at"])
        self.assertLessEqual(row["completed_at"], row["now"])
        self.assertLess((row["now"] - row["requested_at"]).total_seconds(), 30 * support.PATIENCE)
        self.assertEqual(row["polls"], len(self.calls("status", profile="1111")))
        self.assertEqual(row["requests"], row["polls"] + 1)
        self.assertEqual(row["retries"], 0)
        self.assertEqual(row["bytes_downloaded"], self.calls("download", profile="1111")[0]["bytes_sent"])
        self.assertGreater(row["bytes_inflated"], row["bytes_downloaded"])
        self.assertEqual(row["records"], sum(1 for record in self.data().records("campaigns", 1111) if record["state"] == "PAUSED"))
        self.assertEqual((rows["9007199254740993"]["records"], rows["9007199254740993"]["bytes_downloaded"]), (0, 22))

    def test_exports_in_other_states(self):
        self.amazon(max_age="1h", max_retries=0)
        self.emulator.settings(export_delay=30)
        running = self.session.start("SELECT * FROM ads.campaigns")
        # The answer to the request is known then.
        self.wait_for_call("status")
        self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        self.fault({"call": "request", "entity": "ads"}, status=400, body_kind="gateway", message="No.")
        self.expect_error("HV000", "SELECT * FROM ads.ads")
        found = {row["entity"]: row for row in self.session.table("SELECT * FROM adsexport_exports()")}
        self.assertEqual(found["campaigns"]["status"], "IN_PROGRESS")
        self.assertIsNone(found["campaigns"]["completed_at"])
        self.assertEqual(found["ads"]["status"], "FAILED")
        self.assertIn("No.", found["ads"]["error"])

    def test_forget(self):
        self.amazon(max_age="1h")
        first = self.export_id()
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.session.rows("SELECT * FROM adsexport_exports()"), [])
        self.assertNotEqual(self.export_id(), first)
        self.assertEqual(self.count_calls("token"), 2)
        self.assertEqual(self.session.value("SELECT adsexport_forget() IS NOT NULL"), True)

    def test_forget_with_an_open_cursor(self):
        self.amazon(max_age="1h", profile_ids="1111,2222,18014398509481985")
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT profile_id, campaign_id FROM ads.campaigns")
        found = self.session.rows("FETCH 10 FROM c")
        self.session.run("SELECT adsexport_forget()")
        found += self.session.rows("FETCH 50 FROM c")
        self.session.run("SELECT adsexport_forget()")
        self.session.rows("SELECT 1 FROM ads.ads LIMIT 1")
        self.session.run("SELECT adsexport_forget()")
        found += self.session.rows("FETCH ALL FROM c")
        self.session.run("COMMIT")
        self.assertEqual(len(set(found)), 83)
        self.assertEqual(len(found), 83)
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.session.rows("SELECT * FROM adsexport_exports()"), [])

    def test_forget_while_the_statement_runs(self):
        self.amazon(max_age="1h", profile_ids="1111,2222")
        found = self.session.rows("SELECT campaign_id, adsexport_forget()::text FROM ads.campaigns")
        self.assertEqual(len(found), 80)
        # Before the first row, too.
        self.session.run("SELECT adsexport_forget()")
        found = self.session.rows("WITH f AS MATERIALIZED (SELECT adsexport_forget()) SELECT campaign_id FROM f, ads.campaigns")
        self.assertEqual(len(found), 80)

    def test_complete_until(self):
        until, now = self.session.rows("SELECT adsexport_complete_until(), now()")[0]
        self.assertEqual((until.minute, until.second, until.microsecond), (0, 0, 0))
        self.assertTrue(2 * 3600 <= (now - until).total_seconds() < 3 * 3600)

    def test_many_exports_are_remembered_in_bounds(self):
        self.amazon(max_age=0, max_retries=0)
        self.fault({"call": "request"}, status=400, body_kind="gateway")
        for _ in range(120):
            with self.assertRaises(psycopg2.Error):
                self.session.rows("SELECT 1 FROM ads.campaigns")
        count = self.session.value("SELECT count(*) FROM adsexport_exports()")
        self.assertLessEqual(count, 1000)
        self.assertGreater(count, 0)


class Access(SessionCase):
    """The user mapping is that of the user as whom the scan runs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for role in ("adsexport_t_owner", "adsexport_t_reader", "adsexport_t_outsider"):
            support.cluster().run("DO $$ BEGIN CREATE ROLE %s LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % role)

    def setUp(self):
        super().setUp()
        # The owner's credentials are of the second client, the other user's are wrong.
        self.amazon(max_age="1h", user="adsexport_t_owner", mapping=self.amazon_mapping("amzn1.application-oa2-client.second"))
        self.session.run("CREATE USER MAPPING FOR adsexport_t_reader SERVER amazon " + support.option_list(self.amazon_mapping(client_secret="wrong")))
        self.session.run("GRANT USAGE, CREATE ON SCHEMA ads TO adsexport_t_owner, adsexport_t_reader")
        self.session.run("GRANT SELECT ON ALL TABLES IN SCHEMA ads TO adsexport_t_owner, adsexport_t_reader")
        self.owner = self.connect("adsexport_t_owner")
        self.reader = self.connect("adsexport_t_reader")

    def test_directly(self):
        self.assertEqual(self.owner.value("SELECT count(*) FROM ads.campaigns"), 40)
        self.expect_error("28000", "SELECT count(*) FROM ads.campaigns", "Client authentication failed", session=self.reader)
        self.expect_error("28000", "SELECT count(*) FROM ads.campaigns", "no user mapping")

    def test_views(self):
        self.owner.run("CREATE OR REPLACE VIEW ads.seen AS SELECT * FROM ads.campaigns")
        self.owner.run("GRANT SELECT ON ads.seen TO adsexport_t_reader")
        self.assertEqual(self.reader.value("SELECT count(*) FROM ads.seen"), 40)
        self.assertEqual({call["client"] for call in self.calls()}, {"amzn1.application-oa2-client.second"})
        # What the owner's mapping brought is not the reader's: the export is not shared.
        self.expect_error("28000", "SELECT count(*) FROM ads.campaigns", session=self.reader)
        # Nor is the owner's request shown to the reader, who may not act for the owner.
        self.assertEqual({row["user_name"] for row in self.reader.table("SELECT * FROM adsexport_exports()")}, {"adsexport_t_reader"})

    def test_an_owner_without_a_mapping(self):
        self.session.run("CREATE OR REPLACE VIEW ads.of_postgres AS SELECT * FROM ads.campaigns; GRANT SELECT ON ads.of_postgres TO adsexport_t_reader")
        self.session.run("GRANT USAGE ON SCHEMA ads TO adsexport_t_outsider; GRANT SELECT ON ads.campaigns TO adsexport_t_outsider")
        self.session.run("CREATE MATERIALIZED VIEW ads.stored AS SELECT name FROM ads.campaigns WITH NO DATA; ALTER MATERIALIZED VIEW ads.stored OWNER TO adsexport_t_outsider")
        # The one who asks has a mapping, which does not help.
        self.expect_error("28000", "SELECT count(*) FROM ads.of_postgres", 'no user mapping for user "postgres"',
                          'User "adsexport_t_reader" reads through a view, materialized view or function that user "postgres" owns',
                          "Let a user who has a user mapping own it (ALTER VIEW ... OWNER TO adsexport_t_reader), or run: CREATE USER MAPPING FOR postgres SERVER",
                          session=self.reader)
        if self.session.connection.server_version >= 150000:
            self.expect_error("28000", "SELECT count(*) FROM ads.of_postgres", "security_invoker", session=self.reader)
            self.session.run("ALTER VIEW ads.of_postgres SET (security_invoker = true)")
            self.expect_error("28000", "SELECT count(*) FROM ads.of_postgres", "Client authentication failed", session=self.reader)
            self.assertEqual(self.count_calls("token"), 1)
            self.clear_log()
        # What a restore does, too.
        self.expect_error("28000", "REFRESH MATERIALIZED VIEW ads.stored", 'no user mapping for user "adsexport_t_outsider"',
                          'User "postgres" reads through a view, materialized view or function that user "adsexport_t_outsider" owns',
                          "(ALTER MATERIALIZED VIEW ... OWNER TO ...), or run: CREATE USER MAPPING FOR adsexport_t_outsider SERVER")
        self.session.run("DROP MATERIALIZED VIEW ads.stored; DROP VIEW ads.of_postgres")
        self.assertEqual(self.calls(), [])

    def test_security_definer(self):
        self.owner.run("CREATE OR REPLACE FUNCTION ads.counted() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM ads.campaigns $$")
        self.owner.run("CREATE OR REPLACE FUNCTION ads.counted_invoker() RETURNS bigint LANGUAGE plpgsql AS "
                       "$$ BEGIN RETURN (SELECT count(*) FROM ads.campaigns); END $$")
        self.assertEqual(self.reader.value("SELECT ads.counted()"), 40)
        self.expect_error("28000", "SELECT ads.counted_invoker()", session=self.reader)
        self.assertEqual(self.owner.value("SELECT ads.counted_invoker()"), 40)

    def test_set_role(self):
        """A session may be several users after one another; each has exports of its own."""
        self.session.run("SET ROLE adsexport_t_owner")
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 40)
        self.session.run("SET ROLE adsexport_t_reader")
        self.expect_error("28000", "SELECT count(*) FROM ads.campaigns")
        self.session.run("SET ROLE adsexport_t_owner")
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 40)
        self.assertEqual(self.count_calls("request"), 1)

    def test_public_mapping(self):
        self.session.run("CREATE USER MAPPING FOR PUBLIC SERVER amazon " + support.option_list(self.amazon_mapping()))
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 40)
        self.assertEqual({call["client"] for call in self.calls("request")}, {support.DEFAULT_CLIENT})
        self.expect_error("28000", "SELECT count(*) FROM ads.campaigns", session=self.reader)

    def test_profiles_of_the_mapping(self):
        self.session.run("ALTER SERVER amazon OPTIONS (DROP profile_ids)")
        self.session.run("ALTER USER MAPPING FOR adsexport_t_owner SERVER amazon OPTIONS (ADD profile_ids '2222,18014398509481985')")
        self.assertEqual(self.owner.rows("SELECT profile_id, count(*) FROM ads.campaigns GROUP BY 1 ORDER BY 1"),
                         [("18014398509481985", 3), ("2222", 40)])
        self.session.run("ALTER SERVER amazon OPTIONS (ADD profile_ids '1111')")  # the mapping wins
        self.assertEqual(self.owner.value("SELECT count(DISTINCT profile_id) FROM ads.campaigns"), 2)
        self.session.run("ALTER FOREIGN TABLE ads.campaigns OPTIONS (ADD profile_ids '1111')")  # the table wins
        self.assertEqual(self.owner.value("SELECT DISTINCT profile_id FROM ads.campaigns"), "1111")

    def test_secrets_of_mappings_are_hidden_from_others(self):
        self.assertEqual(self.reader.rows("SELECT umoptions FROM pg_user_mappings WHERE usename = 'adsexport_t_owner'"), [(None,)])


class Reading(SessionCase):
    """How scans are read: stopped early, from the start again, piece by piece, in turn."""

    emulator_options = ("--targets", "20000")

    def setUp(self):
        super().setUp()
        self.amazon(max_age="1h")
        self.amplitude()

    def test_every_way_to_read_gives_the_same_rows(self):
        """With and without the thread, which prepares rows while it is ahead, and through a column whose type it cannot prepare."""
        self.emulator.settings(events_per_hour=2000)
        columns = self.session.column("SELECT attname FROM pg_attribute WHERE attrelid = 'ads.targets'::regclass AND attnum > 0 ORDER BY attnum")
        self.session.run("CREATE FOREIGN TABLE ads.slow_targets (%s) SERVER amazon OPTIONS (entity 'targets')" % ", ".join(
            "%s %s" % (name, "varchar(100)" if name == "target_id" else kind) for name, kind in self.session.rows(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'ads.targets'::regclass AND attnum > 0 "
                "ORDER BY attnum")))
        # The sum makes the reader slower than the thread.
        whole = "SELECT count(*), sum(length(md5(t::text))), md5(string_agg(md5(t::text), '' ORDER BY t::text COLLATE \"C\")) FROM (%s) t"
        targets = "SELECT %s FROM ads.%%s" % ", ".join(columns)
        events = ("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 06:00Z'")
        for queries in ((targets % "targets", targets % "slow_targets"), (events,)):
            found = set()
            for read_ahead in ("on", "off"):
                self.session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
                for query in queries:
                    found.update(self.session.rows(whole % query))
            self.assertEqual(len(found), 1, found)
            self.assertGreater(min(found)[0], 5000)
        self.assertEqual(self.count_calls("request"), 1)

    def test_limit_stops_early(self):
        self.fault({"call": "download"}, drip=20000)  # all of it would take forty seconds
        self.assertEqual(len(self.session.rows("SELECT * FROM ads.targets LIMIT 5")), 5)
        self.eventually(lambda: self.count_calls("download", finished="true"), "end of the download")
        (call,) = self.calls("download")
        self.assertFalse(call["complete"])
        self.assertLess(call["bytes_sent"], 100000)

    def test_limit_of_events(self):
        self.fault({"call": "export"}, drip=50000)
        query = "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-07Z' LIMIT 5"
        self.assertEqual(len(self.session.rows(query)), 5)
        # Six days are six requests; the later ones are not even made.
        self.assertLessEqual(self.count_calls("export"), 2)

    def test_limit_0_and_false(self):
        self.session.run("ALTER SERVER amazon OPTIONS (ADD eager 'false')")
        self.assertEqual(self.session.rows("SELECT * FROM ads.targets LIMIT 0"), [])
        self.assertEqual(self.session.rows("SELECT * FROM ads.targets WHERE false"), [])
        self.assertEqual(self.calls(), [])

    def test_rescans(self):
        """The same export again and again: in a nested loop, and in a correlated subquery."""
        self.session.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off"
                         if self.session.connection.server_version >= 140000 else
                         "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off")
        query = ("SELECT n, count(*), min(export_id) FROM generate_series(1, 4) n JOIN ads.campaigns c ON length(c.name) > n GROUP BY 1 ORDER BY 1")
        plan = self.session.explain(query)
        self.assertIn("Nested Loop", plan)
        expected = [sum(1 for record in self.data().records("campaigns", 1111) if len(record["name"]) > n) for n in range(1, 5)]
        found = self.session.rows(query)
        self.assertEqual([row[1] for row in found], expected)
        self.assertEqual(len({row[2] for row in found}), 1)
        self.assertEqual(self.count_calls("request"), 1)
        found = self.session.column("SELECT (SELECT count(*) FROM ads.campaigns WHERE length(name) > n) FROM generate_series(1, 4) n")
        self.assertEqual(found, expected)
        self.assertEqual(self.count_calls("request"), 1)

    def test_rescans_with_a_pushed_value_that_changes(self):
        self.session.run("SET enable_hashjoin = off; SET enable_mergejoin = off")
        query = ("SELECT s, (SELECT count(*) FROM ads.campaigns c WHERE c.state = s.s) FROM unnest(ARRAY['ENABLED', 'PAUSED', 'ENABLED', 'NONSENSE', "
                 "NULL, 'ARCHIVED', 'PAUSED']) s(s)")
        counts = {}
        for record in self.data().records("campaigns", 1111):
            counts[record["state"]] = counts.get(record["state"], 0) + 1
        found = self.session.rows(query)
        self.assertEqual(found, [(state, counts.get(state, 0)) for state in ("ENABLED", "PAUSED", "ENABLED", "NONSENSE", None, "ARCHIVED", "PAUSED")])
        bodies = [json.loads(call["body"])["stateFilter"] for call in self.calls("request")]
        self.assertEqual(sorted(bodies), [["ARCHIVED"], ["ENABLED"], ["PAUSED"]])

    def test_rescans_of_events(self):
        query = ("SELECT h, (SELECT count(*) FROM product.amplitude_events e WHERE e.server_upload_time >= h AND e.server_upload_time < h + interval '1 hour') "
                 "FROM generate_series('2025-03-01 00:00Z'::timestamptz, '2025-03-01 05:00Z', interval '1 hour') h")
        expected = [sum(1 for _ in self.data().events("2025-03-01T%02d" % hour, "2025-03-01T%02d" % hour)) for hour in range(6)]
        self.assertEqual([row[1] for row in self.session.rows(query)], expected)
        self.assertEqual([(call["start"], call["end"]) for call in self.calls("export")], [("20250301T%02d" % hour,) * 2 for hour in range(6)])

    def test_cursor(self):
        expected = [str(record["targetId"]) for record in self.data().records("targets", 1111)]
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT target_id FROM ads.targets")
        found = []
        while True:
            rows = self.session.column("FETCH 3000 FROM c")
            if not rows:
                break
            found += rows
        self.assertEqual(found, expected)
        self.session.run("CLOSE c")
        self.session.run("COMMIT")
        self.assertEqual(self.count_calls("download"), 1)

    def test_cursor_that_goes_back(self):
        self.session.run("BEGIN")
        self.session.run("DECLARE c SCROLL CURSOR FOR SELECT target_id FROM ads.targets")
        first = self.session.column("FETCH 100 FROM c")
        self.session.run("MOVE ABSOLUTE 0 IN c")
        self.assertEqual(self.session.column("FETCH 100 FROM c"), first)
        self.session.run("MOVE LAST IN c")
        self.session.run("MOVE FIRST IN c")
        self.assertEqual(self.session.column("FETCH 5 FROM c"), first[1:6])
        self.session.run("COMMIT")
        self.assertEqual(self.count_calls("request"), 1)

    def test_cursor_with_hold(self):
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR WITH HOLD FOR SELECT target_id FROM ads.targets")
        first = self.session.column("FETCH 10 FROM c")
        self.session.run("COMMIT")
        self.assertEqual(len(set(first + self.session.column("FETCH ALL FROM c"))), 20000)
        self.session.run("CLOSE c")

    def test_cursor_that_rests(self):
        """Longer than the timeouts, while other scans run: it goes on where it was."""
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                self.session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
                self.amazon(max_age="1h", stall_timeout="1500ms", max_retries=0)
                self.clear_faults()
                self.fault({"call": "download", "entity": "targets", "times": 1}, drip=1000000)
                self.session.run("BEGIN")
                self.session.run("DECLARE c CURSOR FOR SELECT target_id FROM ads.targets")
                found = self.session.column("FETCH 100 FROM c")
                time.sleep(1.9)
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 40)
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.targets WHERE state = 'ARCHIVED'"),
                                 sum(1 for record in self.data().records("targets", 1111) if record["state"] == "ARCHIVED"))
                found += self.session.column("FETCH 5000 FROM c")
                time.sleep(1.6)
                found += self.session.column("FETCH ALL FROM c")
                self.session.run("COMMIT")
                self.assertEqual(found, [str(record["targetId"]) for record in self.data().records("targets", 1111)])

    def test_cursor_before_the_export_is_ready(self):
        self.emulator.settings(export_delay=0.4)
        self.session.run("BEGIN")
        self.session.run("DECLARE a CURSOR FOR SELECT target_id FROM ads.targets")
        self.session.run("DECLARE b CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        self.assertEqual(len(self.session.column("FETCH ALL FROM b")), 40)
        self.assertEqual(len(self.session.column("FETCH ALL FROM a")), 20000)
        self.session.run("COMMIT")

    def test_cursors_in_turn(self):
        self.session.run("BEGIN")
        self.session.run("DECLARE a CURSOR FOR SELECT target_id FROM ads.targets")
        self.session.run("DECLARE b CURSOR FOR SELECT target_id FROM ads.targets")
        self.session.run("DECLARE e CURSOR FOR SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' "
                         "AND server_upload_time < '2025-03-04Z'")
        a, b, e = [], [], []
        for _ in range(10):
            a += self.session.column("FETCH 2000 FROM a")
            e += self.session.column("FETCH 100 FROM e")
            b += self.session.column("FETCH 2000 FROM b")
        e += self.session.column("FETCH ALL FROM e")
        self.session.run("COMMIT")
        self.assertEqual(len(a), 20000)
        self.assertEqual(a, b)
        self.assertEqual(sorted(e), sorted(record["uuid"] for record in self.data().events("2025-03-01T00", "2025-03-03T23")))
        self.assertEqual(self.count_calls("request"), 1)

    def test_cursor_closed_early_leaves_nothing(self):
        self.session.rows("SELECT 1 FROM ads.targets LIMIT 1")
        descriptors = self.session.descriptors_in_use()
        for end in ("CLOSE c", "ROLLBACK", "COMMIT"):
            with self.subTest(end=end):
                self.session.run("BEGIN")
                self.session.run("DECLARE c CURSOR FOR SELECT target_id FROM ads.targets")
                self.session.rows("FETCH 10 FROM c")
                self.session.run(end)
                self.session.run("ROLLBACK")
                self.assertEqual(self.session.descriptors_in_use(), descriptors)


class Subtransactions(SessionCase):
    def setUp(self):
        super().setUp()
        self.amazon(max_age="1h", max_retries=0)
        self.amplitude(max_retries=0)

    def test_exception_blocks(self):
        self.fault({"call": "download", "entity": "ads"}, corrupt_byte=0.5)
        self.session.rows("SELECT 1 FROM ads.campaigns LIMIT 1")
        descriptors = self.session.descriptors_in_use()
        self.session.run("""
            CREATE FUNCTION pg_temp.try(query text) RETURNS text LANGUAGE plpgsql AS $$
            DECLARE result text;
            BEGIN
                BEGIN EXECUTE query INTO result;
                EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END;
                RETURN result;
            END $$""")
        found = self.session.rows("SELECT pg_temp.try('SELECT count(*) FROM ads.ads'), pg_temp.try('SELECT count(*) FROM ads.campaigns'), "
                                  "pg_temp.try('SELECT count(*) FROM ads.ads'), pg_temp.try('SELECT count(name::int) FROM ads.campaigns'), "
                                  "pg_temp.try('SELECT count(*) FROM ads.campaigns')")
        self.assertEqual(found, [("HV000", "40", "HV000", "22P02", "40")])
        self.assertEqual(self.session.descriptors_in_use(), descriptors)

    def test_abort_inside_a_loop_over_a_scan(self):
        """The outer scan goes on after an inner one was thrown away."""
        self.fault({"call": "download", "entity": "ads"}, corrupt_byte=0.5)
        self.session.run("""
            CREATE FUNCTION pg_temp.walk() RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE campaign record; n bigint := 0; failed bigint := 0;
            BEGIN
                FOR campaign IN SELECT campaign_id FROM ads.campaigns LOOP
                    n := n + 1;
                    IF n % 8 = 0 THEN
                        BEGIN PERFORM count(*) FROM ads.ads;
                        EXCEPTION WHEN fdw_error THEN failed := failed + 1; END;
                    END IF;
                END LOOP;
                RETURN n * 1000 + failed;
            END $$""")
        self.assertEqual(self.session.value("SELECT pg_temp.walk()"), 40005)

    def test_savepoints_and_cursors(self):
        self.session.run("BEGIN")
        self.session.run("DECLARE outer_one CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        first = self.session.column("FETCH 10 FROM outer_one")
        self.session.run("SAVEPOINT s")
        self.session.run("DECLARE inner_one CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        self.assertEqual(self.session.column("FETCH 10 FROM inner_one"), first)
        self.session.run("ROLLBACK TO s")
        with self.assertRaises(psycopg2.Error):
            self.session.column("FETCH 1 FROM inner_one")
        self.session.run("ROLLBACK TO s")
        self.assertEqual(len(set(first + self.session.column("FETCH ALL FROM outer_one"))), 40)
        self.session.run("COMMIT")

    def test_cancel_in_a_subtransaction(self):
        self.fault({"call": "status", "entity": "ads"}, hang=True)
        self.session.run("SET statement_timeout = 0")
        running = self.session.start("""
            DO $$ BEGIN
                BEGIN PERFORM count(*) FROM ads.ads; EXCEPTION WHEN query_canceled THEN NULL; END;
                PERFORM count(*) FROM ads.campaigns;
            END $$""")
        self.wait_for_call("status", entity="ads")
        time.sleep(0.05)
        self.cancel(running)
        self.assertIsNone(running.error)
        self.assertEqual(self.count_calls("download", entity="campaigns"), 1)

    def test_failure_between_start_and_first_row(self):
        """Eagerly requested exports of a plan whose execution fails before they are read."""
        self.session.rows("SELECT 1 FROM ads.campaigns LIMIT 1")
        descriptors = self.session.descriptors_in_use()
        for _ in range(5):
            self.expect_error("22012", "SELECT 1/(SELECT n - 1 FROM generate_series(1, 1) n), name FROM ads.ads")
            self.expect_error("22012", "WITH x AS MATERIALIZED (SELECT 1/(random() * 0)::int AS one) SELECT * FROM x, ads.ads")
        self.eventually(lambda: self.session.descriptors_in_use() == descriptors or self.session.run("SELECT count(*) FROM ads.ads"),
                        "the descriptors of before", 5)


class Profiles(SessionCase):
    def test_left_out(self):
        """All that the account lists, but agencies."""
        self.amazon(profile_ids=None)
        self.assertEqual(self.session.rows("SELECT profile_id, count(*) FROM ads.campaigns GROUP BY 1 ORDER BY 2 DESC, 1"),
                         [("1111", 40), ("2222", 40), ("18014398509481985", 3), ("6666", 2)])
        self.assertEqual(sorted(call["profile"] for call in self.calls("request")), ["1111", "18014398509481985", "2222", "6666", "9007199254740993"])
        self.assertEqual(self.count_calls("profiles"), 1)
        # Remembered like exports.
        self.session.rows("SELECT count(*) FROM ads.ads")
        self.assertEqual(self.count_calls("profiles"), 1)

    def test_left_out_without_max_age(self):
        self.amazon(profile_ids=None, max_age=0)
        self.session.rows("SELECT count(*) FROM ads.campaigns a JOIN ads.ads b USING (campaign_id)")
        self.assertEqual(self.count_calls("profiles"), 1)
        self.session.rows("SELECT count(*) FROM ads.campaigns")
        self.assertEqual(self.count_calls("profiles"), 2)

    def test_an_account_of_agencies_only(self):
        self.emulator.settings(profiles=[{"profileId": 3333, "access": "edit", "accountInfo": {"type": "agency"}}])
        self.amazon(profile_ids=None)
        self.expect_error("HV00L", "SELECT * FROM ads.campaigns", "no profile that can have exports", "All profiles of the list (1) belong to agencies")
        self.assertEqual(len(self.session.rows("SELECT * FROM ads.profiles")), 1)

    def test_an_account_without_profiles(self):
        """No empty table, but an error that tells what may be wrong."""
        self.emulator.settings(profiles=[])
        self.amazon(profile_ids=None)
        self.expect_error("HV00L", "SELECT * FROM ads.campaigns", "no profile that can have exports", "The list of profiles is empty.",
                          "region of server amazon (na)", "profile_ids")
        self.assertEqual(self.calls("request"), [])
        # A clause that names profiles of the list finds none either, and asks nobody.
        self.expect_error("HV00L", "SELECT * FROM ads.campaigns WHERE profile_id = '1111'", "no profile that can have exports")
        self.assertEqual(self.session.rows("SELECT * FROM ads.profiles"), [])
        # What may be edited is asked for once what may be viewed is nothing.
        self.assertEqual([call["query"] for call in self.calls("profiles")][:2], ["apiProgram=campaign&accessLevel=view", ""])

    def test_profiles_that_may_only_be_viewed(self):
        listed = {row[0] for row in self.listed_profiles()}
        self.assertIn("6666", listed)
        self.assertEqual(self.session.take_notices(), "")

    def listed_profiles(self):
        self.amazon(profile_ids=None)
        return self.session.rows("SELECT profile_id FROM ads.profiles")

    def test_a_list_of_those_that_is_empty(self):
        """The default list is believed, then, for the table and for the exports."""
        self.emulator.fault({"call": "profiles", "query": "accessLevel"}, {"status": 200, "body": "[]"})
        self.assertEqual(len(self.listed_profiles()), 5)
        self.assertEqual(self.session.value("SELECT count(DISTINCT profile_id) FROM ads.campaigns"), 3)
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.session.value("SELECT count(DISTINCT profile_id) FROM ads.campaigns"), 3)
        self.assertEqual([call["query"] != "" for call in self.calls("profiles")], [True, False, False, True, False])

    def many(self, count):
        self.emulator.settings(profiles=[
            {"profileId": 7000 + number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "access": "edit",
             "rows": {"campaigns": 2, "ad_groups": 1, "targets": 1, "ads": 1},
             "accountInfo": {"marketplaceStringId": "X", "id": str(number), "type": "seller", "name": str(number)}} for number in range(count)])

    def most_in_progress(self):
        return {(row["client"], row["entity"]): row["count"] for row in self.emulator.control("GET", "/state")["amazon"]["most_in_progress"]}

    def test_never_more_jobs_than_may_be(self):
        self.many(23)
        for jobs, listed in ((None, False), (2, True)):
            with self.subTest(max_jobs=jobs):
                self.emulator.control("POST", "/reset")
                self.many(23)
                self.emulator.settings(export_delay=0.5, job_cap=jobs or 5)
                self.amazon(profile_ids=None if listed else ",".join(str(7000 + number) for number in range(23)), max_jobs=jobs)
                began = time.monotonic()
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 46)
                self.assertEqual(self.most_in_progress(), {(support.DEFAULT_CLIENT, "campaigns"): jobs or 5})
                self.assertEqual([call for call in self.calls("request") if call["status"] == 429], [])
                self.assertEqual(self.count_calls("request"), 23)
                # Side by side: one after the other would take longer than the vendor does.
                self.assertLess(time.monotonic() - began, 23 * 0.5)
                self.session.run("SELECT adsexport_forget()")

    def test_memory_for_thousands_of_profiles(self):
        # Exports outlive the statement; each with a copy of the options, 3,000 of them took 311 MB for the list of profiles alone.
        self.emulator.settings(export_delay=60)
        self.amazon(profile_ids=",".join(str(1000000 + number) for number in range(3000)), max_jobs=1)
        self.session.explain("SELECT * FROM ads.campaigns")
        before = self.session.resident_kilobytes()
        running = self.session.start("SELECT * FROM ads.campaigns")
        self.wait_for_answer("request")
        grown = self.session.resident_kilobytes() - before
        self.cancel(running)
        self.assertEqual(self.session.value("SELECT count(*) FROM adsexport_exports()"), 3000)
        self.assertLess(grown, 64 * 1024)
        self.session.run("SELECT adsexport_forget()")

    def test_more_profiles_than_a_scan_can_ask(self):
        many = ",".join(str(1000000 + number) for number in range(10001))
        self.amazon(profile_ids=None)
        self.expect_error("HV024", "ALTER SERVER amazon OPTIONS (ADD profile_ids '%s')" % many, "option \"profile_ids\"",
                          "more than 10000 profiles", "1000000,1000001,", "...")
        self.many(10001)
        self.expect_error("54000", "SELECT * FROM ads.campaigns", "10001 profiles", "10000 at most", "profile_ids")
        self.assertEqual(self.session.rows("SELECT count(*) FROM ads.campaigns WHERE profile_id = '7003'"), [(2,)])

    def test_caps_are_by_endpoint(self):
        self.many(6)
        self.emulator.settings(export_delay=1)
        self.amazon(profile_ids=",".join(str(7000 + number) for number in range(6)))
        self.session.rows("SELECT * FROM ads.campaigns JOIN ads.ad_groups USING (profile_id) JOIN ads.ads USING (profile_id)")
        self.assertEqual(self.most_in_progress(), {(support.DEFAULT_CLIENT, entity): 5 for entity in ("campaigns", "ad_groups", "ads")})

    def test_all_scans_of_a_query_are_requested_when_it_starts(self):
        self.emulator.settings(export_delay=1)
        self.amazon()
        query = ("SELECT count(*) FROM ads.campaigns JOIN ads.ad_groups USING (campaign_id) JOIN ads.targets USING (ad_group_id) "
                 "JOIN ads.ads USING (ad_group_id)")
        began = time.monotonic()
        self.session.rows(query)
        self.assertLess(time.monotonic() - began, 3.9, "the sum was waited for, not the slowest")
        self.assertEqual(self.count_calls("request"), 4)
        self.assertLess(self.calls("request")[-1]["id"], self.calls("download")[0]["id"])

    def test_not_eager(self):
        self.emulator.settings(export_delay=0.3)
        self.amazon(eager="false")
        self.session.rows("SELECT (SELECT count(*) FROM ads.campaigns), (SELECT count(*) FROM ads.ads)")
        times = [call["time"] for call in self.calls("request")]
        self.assertGreater(max(times) - min(times), 0.25)

    def test_polls_become_rarer(self):
        """While nothing is known of how long such exports take."""
        self.emulator.settings(export_delay=2)
        self.amazon(poll_interval="100ms", poll_interval_max="400ms")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        (request,), status = self.calls("request"), self.calls("status")
        # The intervals are a share of the time since the request, but at first more than the shortest, within the two options.
        wanted = [0.1]
        while wanted[-1] < 2.4:
            wanted.append(wanted[-1] + min(max(0.25 * wanted[-1], 0.135 - 0.1 * wanted[-1], 0.1), 0.4))
        # The time is counted from the answer to the request, so that a busy machine may make a call late, or leave one out, but makes none early.
        for call, elapsed in zip(status, wanted):
            self.assertGreater(call["time"] - request["time"], elapsed - 0.01)
        self.assertLessEqual(len(status), len(wanted))
        self.assertGreater(len(status), len(wanted) / 2)

    def test_progress_notices(self):
        self.emulator.settings(export_delay=1)
        self.amazon()
        session = self.connect(**{"adsexport_fdw.progress_interval": "250ms"})
        began = time.monotonic()
        session.rows("SELECT 1 FROM ads.campaigns")
        took = time.monotonic() - began
        notices = session.take_notices()
        self.assertRegex(notices, "NOTICE:  campaigns, profile 1111")
        self.assertLessEqual(len(notices.strip().splitlines()), took / 0.25 + 1)
        # A busy machine may miss some of at least four.
        self.assertGreaterEqual(len(notices.strip().splitlines()), 2)
        quiet = self.connect(**{"adsexport_fdw.progress_interval": "-1"})
        quiet.rows("SELECT 1 FROM ads.ads")
        self.assertEqual(quiet.take_notices(), "")

    def test_sessions_side_by_side(self):
        """Each has its own; together they may meet the vendor's cap, and wait."""
        self.emulator.settings(export_delay=0.2, job_cap=2, job_cap_retry_after="1")
        self.amazon(max_age=0)
        sessions = [self.connect() for _ in range(4)]
        results = []
        threads = [threading.Thread(target=lambda one=one: results.append(one.value("SELECT count(*) FROM ads.campaigns"))) for one in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 * support.PATIENCE)
        self.assertEqual(results, [40] * 4)


if __name__ == "__main__":
    unittest.main()
