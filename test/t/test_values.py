"""Every column of every table holds what the data set holds, by an independent reading of both."""

import collections
import unittest

import mapping
import support


class Values(support.TestCase):
    # More than one round of the oddities, which come every 37 to 61 records.
    emulator_options = ("--campaigns", "90", "--ad-groups", "120", "--targets", "400", "--ads", "150")
    profiles = ("1111", "2222", "18014398509481985", "9007199254740993")

    def setUp(self):
        super().setUp()
        self.amazon(profile_ids=",".join(self.profiles))
        self.amplitude()

    # Comparing

    def compare(self, table, expected, query, session=None):
        """Rows of a query (all columns, in any order) against expected rows, both as multisets."""
        kinds = {column: kind for column, kind, _ in mapping.COLUMNS[table]}
        found = [{column: mapping.normal(kinds[column], value) for column, value in row.items()} for row in (session or self.session).table(query)]
        self.compare_rows(expected, found)

    def compare_rows(self, expected, found):
        def form(row):
            return tuple(sorted((column, repr(value)) for column, value in row.items()))

        wanted = collections.Counter(map(form, expected))
        got = collections.Counter(map(form, found))
        missing = list((wanted - got).elements())
        surplus = list((got - wanted).elements())
        if not missing and not surplus:
            self.assertTrue(found, "nothing was compared")
            return
        lines = ["%d rows missing, %d too many" % (len(missing), len(surplus))]
        if missing and surplus:
            nearest = min(surplus, key=lambda row: len(set(row) ^ set(missing[0])))
            lines.append("missing: %s" % sorted(set(missing[0]) - set(nearest)))
            lines.append("instead: %s" % sorted(set(nearest) - set(missing[0])))
            lines.append("row: %s" % (missing[0][:3],))
        else:
            lines.append(str((missing or surplus)[0]))
        self.fail("\n".join(lines))

    def exports(self, entity):
        """{profile: (export id, when it was generated)} by the emulator's own word."""
        found = {}
        for call in self.calls("status", entity=entity, status=200):
            status = self.emulator.status(entity, call["export"], call["profile"]).json()
            found[call["profile"]] = (call["export"], mapping.parse_time(status["generatedAt"]))
        return found

    def expected_amazon(self, table, profiles=None):
        exports = self.exports(table)
        rows = []
        for profile in profiles or self.profiles:
            identifier, generated = exports[profile]
            rows += [mapping.expected_row(table, record, profile_id=profile, export_id=identifier, exported_at=generated)
                     for record in self.data().records(table, profile)]
        return rows

    def expected_events(self, start, end):
        return [mapping.expected_row("amplitude_events", record, archive_entry=name)
                for name, records in self.data().event_files(start, end) for record in records]

    def check_amazon(self, table):
        query = "SELECT * FROM ads.%s" % table
        found = self.session.table(query)  # asks, so that there is something to expect
        self.assertEqual(list(found[0]), [column for column, _, _ in mapping.COLUMNS[table]])
        self.compare(table, self.expected_amazon(table), query)
        self.assertEqual(self.count_calls("request"), len(self.profiles))

    # The six tables

    def test_campaigns(self):
        self.check_amazon("campaigns")

    def test_ad_groups(self):
        self.check_amazon("ad_groups")

    def test_targets(self):
        self.check_amazon("targets")

    def test_ads(self):
        self.check_amazon("ads")

    def test_words_of_open_lists(self):
        """Words that the documentation of exports does not have, as the vendor's newer model has them, pass through."""
        self.assertEqual(self.session.rows("SELECT DISTINCT delivery_status, delivery_reasons, cost_type, budget_recurrence_time_period, budget_type"
                                           " FROM ads.campaigns WHERE delivery_status = 'LIMITED'"),
                         [("LIMITED", ["SPEND_LIMIT_EXCEEDED", "ADVERTISER_OUT_OF_POSTPAY_BUDGET"], "FIXED_PRICE", "MONTHLY", "IMPRESSION")])
        self.assertEqual(self.session.rows("SELECT DISTINCT target_type, match_type FROM ads.targets WHERE target_type = 'LOCATION'"),
                         [("LOCATION", "KEYWORDS_CLOSE_MATCH")])

    def test_profiles(self):
        expected = [mapping.expected_row("profiles", record) for record in self.data().profiles(access="view")]
        self.assertEqual(len(expected), 6)
        self.compare("profiles", expected, "SELECT * FROM ads.profiles")

    RANGE = "server_upload_time >= '2025-03-01 00:00+00' AND server_upload_time < '2025-03-03 00:00+00'"

    def test_events(self):
        expected = self.expected_events("2025-03-01T00", "2025-03-02T23")
        self.assertGreater(len(expected), 500)
        query = "SELECT * FROM product.amplitude_events WHERE " + self.RANGE
        self.compare("amplitude_events", expected, query)
        self.assertEqual(list(self.session.table(query + " LIMIT 1")[0]), [column for column, _, _ in mapping.COLUMNS["amplitude_events"]])

    def test_events_of_days_before_the_hourly_files(self):
        self.compare("amplitude_events", self.expected_events("2014-11-11T00", "2014-11-12T05"),
                     "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2014-11-11 00:00+00' "
                     "AND server_upload_time < '2014-11-12 06:00+00'")

    def test_the_columns_have_the_types_of_the_reference(self):
        for schema, table in [("ads", table) for table in ("campaigns", "ad_groups", "targets", "ads", "profiles")] + [
                ("product", "amplitude_events")]:
            with self.subTest(table=table):
                found = self.session.rows("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
                                          "WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", "%s.%s" % (schema, table))
                self.assertEqual(found, [(column, mapping.SQL_TYPES.get(kind, kind)) for column, kind, _ in mapping.COLUMNS[table]])

    # Other ways to declare and to look

    def test_rows_as_wholes(self):
        """Rows that are stored, sorted, hashed, kept or taken apart as a whole."""
        self.session.rows("SELECT * FROM ads.targets")
        expected = self.expected_amazon("targets")
        names = ", ".join(column for column, _, _ in mapping.COLUMNS["targets"])
        self.session.run("CREATE TABLE stored AS SELECT * FROM ads.targets")
        self.session.run("CREATE TABLE inserted (LIKE ads.targets)")
        self.session.run("INSERT INTO inserted SELECT * FROM ads.targets")
        self.session.run("CREATE TABLE rows AS SELECT t AS whole FROM ads.targets t")
        self.session.run("CREATE TABLE updated AS SELECT target_id, profile_id, NULL::ads.targets AS whole FROM ads.targets")
        self.session.run("UPDATE updated u SET whole = t FROM ads.targets t WHERE t.target_id = u.target_id AND t.profile_id = u.profile_id")
        self.session.run("SET enable_hashjoin = off; SET enable_nestloop = off")
        for query in ("SELECT * FROM stored", "SELECT * FROM inserted", "SELECT (whole).* FROM rows", "SELECT (whole).* FROM updated",
                      "SELECT (t).* FROM (SELECT t FROM ads.targets t OFFSET 0) x",
                      "SELECT * FROM ads.targets ORDER BY target_id DESC, bid",
                      "WITH kept AS MATERIALIZED (SELECT * FROM ads.targets) SELECT * FROM kept",
                      "SELECT DISTINCT t.* FROM ads.targets t",
                      "SELECT u.* FROM unnest((SELECT array_agg(t) FROM ads.targets t)) u",
                      "SELECT (t::text::ads.targets).* FROM ads.targets t",
                      "SELECT t.* FROM ads.targets t JOIN stored s USING (target_id, profile_id)",
                      "SELECT * FROM ads.targets WHERE coalesce(bid, 0) >= 0 AND target_id IS NOT NULL",
                      "SELECT (jsonb_populate_record(NULL::ads.targets, to_jsonb(t))).* FROM ads.targets t"):
            with self.subTest(query=query):
                self.compare("targets", expected, "SELECT %s FROM (%s) x" % (names, query))
        self.session.run("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT * FROM ads.targets")
        forward = self.session.rows("FETCH ALL FROM c")
        self.assertEqual(self.session.rows("FETCH BACKWARD ALL FROM c"), forward[::-1])
        self.session.run("COMMIT")
        self.assertEqual(len(forward), len(expected))

    def test_rows_as_wholes_after_changes_of_the_table(self):
        self.session.rows("SELECT * FROM ads.targets")
        for statements, gone in (("ALTER FOREIGN TABLE ads.targets DROP COLUMN keyword, DROP COLUMN target_id", {"keyword", "target_id"}),
                                 ("ALTER FOREIGN TABLE ads.targets ADD COLUMN target_id text", {"keyword"}),
                                 ("ALTER FOREIGN TABLE ads.targets ALTER product_brand SET STORAGE PLAIN", {"keyword"})):
            self.session.run(statements)
            expected = [{column: value for column, value in row.items() if column not in gone} for row in self.expected_amazon("targets")]
            with self.subTest(statements=statements):
                self.session.run("DROP TABLE IF EXISTS stored; CREATE TABLE stored AS SELECT * FROM ads.targets")
                self.compare("targets", expected, "SELECT * FROM stored")
                self.compare("targets", expected, "SELECT (t).* FROM (SELECT t FROM ads.targets t OFFSET 0) x")

    def test_raw_is_the_untouched_record(self):
        self.amazon(profile_ids="1111", imports={"raw": "true"})
        self.amplitude(imports={"raw": "true"})
        for table in ("campaigns", "ad_groups", "targets", "ads"):
            with self.subTest(table=table):
                expected = [{"raw": mapping.normal("jsonb", record)} for record in self.data().records(table, 1111)]
                self.compare_rows(expected, [{"raw": mapping.normal("jsonb", value)} for value in self.session.column("SELECT raw FROM ads.%s" % table)])
        with self.subTest(table="profiles"):
            expected = [{"raw": mapping.normal("jsonb", record)} for record in self.data().profiles(access="view")]
            self.compare_rows(expected, [{"raw": mapping.normal("jsonb", value)} for value in self.session.column("SELECT raw FROM ads.profiles")])
        with self.subTest(table="amplitude_events"):
            expected = [{"raw": mapping.normal("jsonb", record)} for record in self.data().events("2025-03-01T00", "2025-03-01T11")]
            self.compare_rows(expected, [{"raw": mapping.normal("jsonb", value)} for value in self.session.column(
                "SELECT raw FROM product.amplitude_events WHERE server_upload_time BETWEEN '2025-03-01 00:00Z' AND '2025-03-01 11:59:59.999999Z'")])

    def test_ids_as_numeric(self):
        self.amazon(profile_ids="1111,18014398509481985", imports={"id_type": "numeric"})
        for table in ("campaigns", "ad_groups", "targets", "ads"):
            with self.subTest(table=table):
                ids = [column for column, kind, _ in mapping.COLUMNS[table] if kind == "id"]
                found = self.session.rows("SELECT %s FROM ads.%s WHERE campaign_id IS NULL OR campaign_id > 0" % (", ".join(ids), table))
                expected = []
                for profile in ("1111", "18014398509481985"):
                    for record in self.data().records(table, profile):
                        row = mapping.expected_row(table, record, profile_id=profile, export_id="", exported_at=None)
                        # An empty id is none in a column that is no text.
                        expected.append(tuple(int(row[column]) if row[column] else None for column in ids))
                self.assertCountEqual(found, expected)

    def test_ids_as_bigint(self):
        # The first record of each table has the largest id of uint64.
        self.amazon(profile_ids="18014398509481985", imports={"id_type": "bigint"})
        self.expect_error("22003", "SELECT campaign_id FROM ads.campaigns", "campaign_id", "18446744073709551615")
        self.emulator.settings(drift=False, inject=[
            {"entity": table, "index": 0, "path": key, "literal": '"9223372036854775807"'}
            for table, key in (("campaigns", "campaignId"), ("ad_groups", "adGroupId"), ("ad_groups", "campaignId"))] + [
            {"entity": "ad_groups", "index": 3, "path": "campaignId", "literal": '"9223372036854775807"'}])
        self.session.run("SELECT adsexport_forget()")
        for table, column in (("campaigns", "campaign_id"), ("ad_groups", "ad_group_id")):
            with self.subTest(table=table):
                expected = [int(mapping.expected_row(table, record, profile_id="", export_id="", exported_at=None)[column])
                            for record in self.data().records(table, "18014398509481985")]
                self.assertIn(9223372036854775807, expected)
                self.assertCountEqual(self.session.column("SELECT %s FROM ads.%s" % (column, table)), expected)
        self.assertEqual(self.session.value("SELECT DISTINCT profile_id FROM ads.campaigns"), 18014398509481985)

    def test_types_that_no_table_has(self):
        self.session.run("CREATE DOMAIN ads.required AS text NOT NULL")
        self.session.run("CREATE FOREIGN TABLE ads.other_types (target_id text, lookback smallint, bid real, "
                         "delivery_reasons varchar(60)[], required ads.required OPTIONS (json_path 'state')) SERVER amazon OPTIONS (entity 'targets')")
        query = "SELECT target_id, lookback::smallint, bid::real, delivery_reasons::varchar(60)[], state FROM %s"
        self.assertCountEqual(self.session.rows("SELECT target_id, lookback, bid, delivery_reasons, required FROM ads.other_types"),
                              self.session.rows(query % "ads.targets"))
        self.session.run("ALTER FOREIGN TABLE ads.other_types ALTER COLUMN required OPTIONS (SET json_path 'no.such.key')")
        self.expect_error("23502", "SELECT required FROM ads.other_types", "does not allow null")

    def test_a_subset_in_another_order(self):
        self.session.run("CREATE FOREIGN TABLE ads.few (state text, exported_at timestamptz, budget_amount numeric, name varchar(300), "
                         "campaign_id text) SERVER amazon OPTIONS (entity 'campaigns', profile_ids '1111')")
        self.session.rows("SELECT * FROM ads.few")
        columns = ("state", "exported_at", "budget_amount", "name", "campaign_id")
        expected = [{column: row[column] for column in columns} for row in self.expected_amazon("campaigns", ["1111"])]
        self.compare("campaigns", expected, "SELECT * FROM ads.few")

    def test_single_columns(self):
        """A query that needs one column must find it as well as one that needs all."""
        for table in ("campaigns", "targets", "ads"):
            self.session.rows("SELECT * FROM ads.%s" % table)
            rows = self.expected_amazon(table)
            for column, kind, _ in mapping.COLUMNS[table]:
                with self.subTest(table=table, column=column):
                    self.compare(table, [{column: row[column]} for row in rows], "SELECT %s FROM ads.%s" % (column, table))

    def test_no_column_at_all(self):
        for table in ("campaigns", "ad_groups", "targets", "ads"):
            with self.subTest(table=table):
                expected = sum(1 for profile in self.profiles for _ in self.data().records(table, profile))
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.%s" % table), expected)

    def test_paths_written_by_hand(self):
        self.session.run("""
            CREATE FOREIGN TABLE ads.by_hand (
                id text OPTIONS (json_path 'targetId'),
                amount numeric OPTIONS (json_path 'bid.bid|bid'),
                currency text OPTIONS (json_path 'bid.currencyCode'),
                level text OPTIONS (json_path '@target_level'),
                what text OPTIONS (json_path 'targetDetails.keyword|targetDetails.asin|targetDetails.productCategoryId'),
                details json OPTIONS (json_path 'targetDetails'),
                details_text text OPTIONS (json_path 'targetDetails'),
                first_reason text OPTIONS (json_path 'deliveryReasons|state'),
                whole jsonb OPTIONS (json_path '$'),
                whose text OPTIONS (json_path '@profile_id'),
                updated timestamp OPTIONS (json_path 'lastUpdatedDateTime'),
                nothing text OPTIONS (json_path 'no.such.key')
            ) SERVER amazon OPTIONS (entity 'targets', profile_ids '1111')""")
        expected = []
        for record in self.data().records("targets", 1111):
            updated = mapping.convert("timestamptz", record.get("lastUpdatedDateTime"))
            row = mapping.expected_row("targets", record, profile_id="1111", export_id="", exported_at=None)
            expected.append({
                "id": row["target_id"], "amount": row["bid"], "currency": row["bid_currency_code"], "level": row["target_level"],
                "what": mapping.convert("text", mapping.first_scalar(record, "targetDetails.keyword", "targetDetails.asin",
                                                                     "targetDetails.productCategoryId")),
                "details": mapping.normal("jsonb", record.get("targetDetails")),
                "details_text": mapping.normal("jsonb", record.get("targetDetails")),
                "whole": mapping.normal("jsonb", record), "whose": "1111",
                "updated": updated and updated.replace(tzinfo=None), "nothing": None})
        found = self.session.table("SELECT id, amount, currency, level, what, details, details_text, whole, whose, updated, nothing FROM ads.by_hand")
        for row in found:
            row["amount"] = mapping.normal("numeric", row["amount"])
            row["details"] = mapping.normal("jsonb", row["details"])
            row["whole"] = mapping.normal("jsonb", row["whole"])
            if row["details_text"] is not None:
                row["details_text"] = mapping.normal("jsonb", support.exact_json_loads(row["details_text"]))
        self.compare_rows(expected, found)

    def test_aliases_of_events(self):
        self.session.run("""
            CREATE FOREIGN TABLE product.aliases (
                "$insert_id" text, _insert_id text, insert_id text, id bigint, ad_id text, group_types jsonb, _schema integer, "$schema" integer,
                key text OPTIONS (json_path '$insert_key'), title text OPTIONS (json_path 'event_properties.[Amplitude] Page Title'),
                server_upload_time timestamptz, entry text OPTIONS (json_path '@archive_entry'), paying text
            ) SERVER amplitude OPTIONS (entity 'amplitude_events')""")
        expected = []
        for name, records in self.data().event_files("2025-03-01T00", "2025-03-01T23"):
            for record in records:
                row = mapping.expected_row("amplitude_events", record, archive_entry=name)
                expected.append({
                    "$insert_id": row["insert_id"], "_insert_id": row["insert_id"], "insert_id": row["insert_id"], "id": row["event_id"],
                    "ad_id": row["adid"], "group_types": row["groups"], "_schema": row["schema"], "$schema": row["schema"],
                    "key": row["insert_key"], "title": record["event_properties"].get("[Amplitude] Page Title"),
                    "server_upload_time": row["server_upload_time"], "entry": name,
                    "paying": mapping.convert("text", record["paying"])})
        found = self.session.table("SELECT * FROM product.aliases WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-02Z'")
        for row in found:
            row["group_types"] = mapping.normal("jsonb", row["group_types"])
            row["server_upload_time"] = mapping.normal("timestamptz", row["server_upload_time"])
        self.compare_rows(expected, found)

    def test_time_zone_of_the_session(self):
        """Times are moments, whatever the zone; the same hours are asked for."""
        expected = self.expected_events("2025-03-01T00", "2025-03-02T23")
        self.session.rows("SELECT * FROM ads.ads")
        for zone in ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "America/Los_Angeles"):
            with self.subTest(zone=zone):
                self.session.run("SET TimeZone = '%s'" % zone)
                self.session.run("SET DateStyle = 'SQL, DMY'" if zone.startswith("Asia") else "SET DateStyle = 'ISO'")
                self.compare_rows([{"text": row["event_time"].strftime("%Y-%m-%d %H:%M:%S.%f")} for row in expected],
                                  [{"text": text} for text in self.session.column(
                                      "SELECT to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM product.amplitude_events WHERE "
                                      + self.RANGE.replace("2025-03-01", "01/03/2025").replace("2025-03-03", "03/03/2025")
                                      if zone.startswith("Asia") else
                                      "SELECT to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM product.amplitude_events WHERE "
                                      + self.RANGE)])
                self.session.run("SET DateStyle = 'ISO'")
                self.compare("ads", self.expected_amazon("ads"), "SELECT * FROM ads.ads")

    def latin_session(self, name):
        """In a database of another encoding."""
        support.cluster().run("DROP DATABASE IF EXISTS %s" % name,
                              "CREATE DATABASE %s TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'" % name)
        self.addCleanup(support.cluster().drop_database, name)
        session = support.Session(name)
        self.addCleanup(session.close)
        session.run("CREATE EXTENSION adsexport_fdw")
        return session

    def import_campaigns(self, session, server):
        session.run("CREATE SERVER %s FOREIGN DATA WRAPPER adsexport_fdw " % server + support.option_list(
            {"api": "amazon_ads", "endpoint": self.emulator.url, "token_endpoint": self.emulator.url + "/auth/o2/token",
             "profile_ids": "18014398509481985", "poll_interval": "100ms"}))
        session.run("CREATE USER MAPPING FOR PUBLIC SERVER %s " % server + support.option_list(self.amazon_mapping()))
        session.run("IMPORT FOREIGN SCHEMA exports LIMIT TO (campaigns) FROM SERVER %s INTO public" % server)

    def test_text_of_another_server_encoding(self):
        session = self.latin_session(self.database + "_latin")
        self.emulator.settings(drift=False, inject=[
            {"entity": "campaigns", "profile": "18014398509481985", "index": index, "path": "name", "literal": literal}
            for index, literal in enumerate(('"Gr\\u00f6\\u00dfe"', '"Größe"', '"plain"'))])
        self.import_campaigns(session, "s")
        self.assertEqual(session.rows("SELECT name, length(name), octet_length(name) FROM campaigns"),
                         [("Größe", 5, 5), ("Größe", 5, 5), ("plain", 5, 5)])
        self.emulator.settings(inject=[{"entity": "campaigns", "index": 1, "path": "name", "literal": '"\u9774"'}])
        session.run("SELECT adsexport_forget()")
        self.expect_error("22P05", "SELECT name FROM campaigns", session=session)

    def test_names_of_another_server_encoding(self):
        """In a database of another encoding the names of server, user and database are no text."""
        name, role = self.database + "_names", self.database + "_müller"
        stats = "SELECT database, server, user_name FROM adsexport_stats() WHERE server IN ('zürich', 'z?rich')"
        beside = self.latin_session(name + "_beside")
        session = self.latin_session(name)
        self.import_campaigns(session, "zürich")
        beside.run("CREATE ROLE %s" % role)
        self.addCleanup(beside.run, "DROP ROLE %s" % role)
        self.addCleanup(support.cluster().drop_database, name)
        session.run("GRANT SELECT ON campaigns TO %s" % role)
        session.run("SET ROLE %s; SELECT count(*) FROM campaigns; SELECT adsexport_forget()" % role)
        self.eventually(lambda: session.rows(stats) == [(name, "zürich", role)], "the count of its scan")
        session.close()
        beside.run("ALTER DATABASE %s RENAME TO %s_münchen" % (name, name))
        try:
            self.assertEqual(beside.rows(stats), [(name + "_münchen", "zürich", role)])
            self.assertEqual(self.session.rows(stats), [(name + "_m?nchen", "z?rich", role.replace("ü", "?"))])
        finally:
            beside.run("ALTER DATABASE %s_münchen RENAME TO %s" % (name, name))


class LargeExports(support.TestCase):
    """Exports that are large enough for read-ahead, so that a thread converts some of the rows and the reader the others."""

    emulator_options = ("--targets", "20000", "--events-per-hour", "4000")
    expected_amazon = Values.expected_amazon
    expected_events = Values.expected_events
    exports = Values.exports
    compare = Values.compare
    compare_rows = Values.compare_rows
    profiles = ("1111",)

    def check(self, table, relation, condition, expected):
        names = ", ".join(column for column, _, _ in mapping.COLUMNS[table])
        for read_ahead in ("on", "off"):
            self.session.run("SET adsexport_fdw.read_ahead = %s; DROP TABLE IF EXISTS stored" % read_ahead)
            with self.subTest(table=table, read_ahead=read_ahead):
                self.compare(table, expected, "SELECT * FROM %s%s" % (relation, condition))
                self.session.run("CREATE TABLE stored AS SELECT * FROM %s%s" % (relation, condition))
                self.compare(table, expected, "SELECT %s FROM stored" % names)

    def test_targets(self):
        self.amazon(max_age="1h")
        self.session.rows("SELECT 1 FROM ads.targets LIMIT 1")
        expected = self.expected_amazon("targets")
        self.assertEqual(len(expected), 20000)
        self.check("targets", "ads.targets", "", expected)

    def test_events(self):
        self.amplitude()
        expected = self.expected_events("2025-03-01T00", "2025-03-01T02")
        self.assertGreater(len(expected), 5000)
        self.check("amplitude_events", "product.amplitude_events",
                   " WHERE server_upload_time >= '2025-03-01 00:00+00' AND server_upload_time < '2025-03-01 03:00+00'", expected)


class Layouts(support.TestCase):
    """The same rows however the export is written and sent."""

    emulator_options = ("--targets", "700")

    def check(self):
        self.amazon()
        expected = [str(record["targetId"]) for record in self.data().records("targets", 1111)]
        self.assertCountEqual(self.session.column("SELECT target_id FROM ads.targets"), expected)
        self.session.run("SELECT adsexport_forget()")

    def test_encodings_and_layouts(self):
        for encoding in ("gzip", "multi-member", "plain", "content-encoding"):
            for layout in ("compact", "lines", "pretty"):
                with self.subTest(encoding=encoding, layout=layout):
                    self.emulator.settings(export_encoding=encoding, export_layout=layout)
                    self.check()

    def test_framings(self):
        for action in ({"chunked": True}, {"until_close": True}, {"drip": 200000}, {"close": True}, {"content_encoding": "gzip"},
                       {"no_etag": True}, {"headers": {"Content-Type": "text/html"}}):
            with self.subTest(action=action):
                self.clear_faults()
                self.fault({"call": "download"}, **action)
                self.check()

    def test_an_empty_export(self):
        self.amazon(profile_ids="9007199254740993")
        for table in ("campaigns", "ad_groups", "targets", "ads"):
            with self.subTest(table=table):
                self.assertEqual(self.session.rows("SELECT * FROM ads.%s" % table), [])
        self.assertEqual(self.calls("download")[0]["bytes_sent"], 22)


if __name__ == "__main__":
    unittest.main()
