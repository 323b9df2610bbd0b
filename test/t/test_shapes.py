"""The shapes SQL has: whatever the plan, the rows are right and no export is requested twice unless a pushed value changed."""

import collections
import json
import threading
import time
import unittest

import psycopg2

import mapping
import support

EVENTS = "server_upload_time >= '2025-03-01 00:00Z' AND server_upload_time < '2025-03-01 06:00Z'"
JOINS = {"nested loop": ("hashjoin", "mergejoin"), "nested loop without materialisation": ("hashjoin", "mergejoin", "material", "memoize"),
         "hash": ("mergejoin", "nestloop"), "merge": ("hashjoin", "nestloop"), "merge without materialisation": ("hashjoin", "nestloop", "material")}


class ShapeCase(support.TestCase):
    emulator_options = ("--campaigns", "20", "--ad-groups", "30", "--targets", "60", "--ads", "30",
                        "--amplitude-ranges", "2025-03-01T00..2025-03-01T05", "--events-per-hour", "4", "--amplitude-even", "true")

    def setUp(self):
        super().setUp()
        # Nothing is used again by a later statement, so that each has to ask for itself.
        self.amazon(max_age=0)
        self.amplitude()
        if not self.session.value("SELECT to_regclass('local.campaigns') IS NOT NULL"):
            self.session.run("CREATE SCHEMA local")
            for table in ("campaigns", "ad_groups", "targets", "ads"):
                self.copy(table, [mapping.expected_row(table, record, profile_id="1111", export_id="", exported_at=None) for record in self.data().records(table, 1111)])
            self.copy("amplitude_events", [mapping.expected_row("amplitude_events", record, archive_entry="")
                                           for record in self.data().events("2025-03-01T00", "2025-03-01T05")])
            self.session.run("CREATE TABLE states (state text, n int); INSERT INTO states VALUES ('ENABLED', 1), ('PAUSED', 2), ('ENABLED', 3), ('x', 4), (NULL, 5)")
            self.session.run("ANALYZE")

    def copy(self, table, rows):
        columns = mapping.COLUMNS[table]
        self.session.run("CREATE TABLE local.%s (%s)" % (table, ", ".join("%s %s" % (name, mapping.SQL_TYPES.get(kind, kind)) for name, kind, _ in columns)))
        with self.session.connection.cursor() as cursor:
            for row in rows:
                cursor.execute("INSERT INTO local.%s VALUES (%s)" % (table, ", ".join(["%s"] * len(columns))),
                               ["{}" if kind == "jsonb" else row[name] for name, kind, _ in columns])

    def expected(self, query):
        """What the query gives on the copies: C_, A_, T_, G_ and E_ stand for tables."""
        return self.session.rows(self.on(query, "local.%s", "local.amplitude_events"))

    @staticmethod
    def on(query, amazon="ads.%s", events="product.amplitude_events"):
        for short, table in (("C_", "campaigns"), ("G_", "ad_groups"), ("T_", "targets"), ("A_", "ads")):
            query = query.replace(short, amazon % table)
        return query.replace("E_", events)

    def check(self, query, requests=1, events=0, session=None, ordered=False):
        """Rows like those of the copies, and so many requests (POST to Amazon, GET to Amplitude)."""
        with self.subTest(query=query):
            self.clear_log()
            found = (session or self.session).rows(self.on(query))
            expected = self.expected(query)
            self.assertTrue(expected, "nothing is compared")
            if ordered:
                self.assertEqual(found, expected)
            else:
                self.assertCountEqual(found, expected)
            self.check_requests(requests, events)

    def check_requests(self, requests, events=0):
        calls = self.calls("request")
        bodies = collections.Counter((call["entity"], call["profile"], call["body"]) for call in calls)
        self.assertLessEqual(max(bodies.values(), default=0), 1, "an export was requested twice: %s" % bodies)
        self.assertEqual(len(calls), requests)
        self.assertEqual(self.count_calls("export"), events)

    def settings(self, **values):
        for name, value in values.items():
            if self.session.value("SELECT count(*) FROM pg_settings WHERE name = %s", name):
                self.session.run("SET %s = %s" % (name, value))

    def force_join(self, kind):
        self.session.run("RESET ALL; SET statement_timeout = '20s'")
        self.settings(**{"enable_" + name: "off" for name in JOINS[kind]})


class Joins(ShapeCase):
    def test_each_kind(self):
        node = {"nested": "Nested Loop", "hash": "Hash Join", "merge": "Merge Join"}
        for kind in JOINS:
            with self.subTest(kind=kind):
                self.force_join(kind)
                query = "SELECT c.name, t.target_id FROM C_ c JOIN T_ t ON t.campaign_id = c.campaign_id"
                self.assertIn(node[kind.split()[0]], self.session.explain(self.on(query)))
                self.check(query, 2)
                self.check("SELECT c.name, s.n FROM states s JOIN C_ c ON c.state = s.state")
                self.check("SELECT c.name, s.n FROM states s LEFT JOIN C_ c ON c.state = s.state")
                self.check("SELECT c.name, s.n FROM C_ c LEFT JOIN states s ON c.state = s.state AND s.n > 1")
                self.check("SELECT c.name, d.name FROM C_ c JOIN C_ d ON c.campaign_id = d.campaign_id")  # shared
                self.check("SELECT s.n, e.uuid FROM states s JOIN E_ e ON e.event_id %% 5 = s.n WHERE e.".replace("%%", "%") + EVENTS, 0, 1)
                self.check("SELECT c.name, e.uuid FROM C_ c JOIN E_ e ON length(c.name) % 4 = e.event_id % 4 WHERE e." + EVENTS, 1, 1)

    def test_full_and_semi_and_anti(self):
        for kind in ("hash", "merge"):
            self.force_join(kind)
            self.check("SELECT c.campaign_id, t.target_id FROM C_ c FULL JOIN T_ t USING (campaign_id)", 2)
        for kind in JOINS:
            self.force_join(kind)
            self.check("SELECT name FROM C_ c WHERE EXISTS (SELECT FROM T_ t WHERE t.campaign_id = c.campaign_id)", 2)
            self.check("SELECT name FROM C_ c WHERE NOT EXISTS (SELECT FROM T_ t WHERE t.campaign_id = c.campaign_id AND t.negative)", 2)
            self.check("SELECT n FROM states s WHERE EXISTS (SELECT FROM C_ c WHERE c.state = s.state)")

    def test_aggregates_and_windows(self):
        self.check("SELECT state, count(*), min(name) FROM C_ GROUP BY state")
        self.check("SELECT state, ad_product, count(*) FROM C_ GROUP BY GROUPING SETS ((state), (ad_product), ())")
        self.check("SELECT name, rank() OVER (PARTITION BY state ORDER BY name) FROM C_")
        self.check("SELECT DISTINCT ON (state) state, name FROM C_ ORDER BY state, name")
        self.check("SELECT state FROM C_ EXCEPT SELECT 'PAUSED' INTERSECT SELECT state FROM T_", 2)


class Subqueries(ShapeCase):
    def test_uncorrelated(self):
        self.check("SELECT (SELECT count(*) FROM C_), n FROM states")
        self.check("SELECT n FROM states WHERE state NOT IN (SELECT state FROM C_ WHERE state = 'PAUSED')")
        self.check("SELECT n FROM states WHERE n < ANY (SELECT length(state) FROM C_)")
        self.check("SELECT n, n > ALL (SELECT length(state) FROM C_) FROM states")
        self.check("SELECT n, ARRAY(SELECT name FROM C_ ORDER BY name) FROM states")
        self.check("SELECT n, (n, state) IN (SELECT 1, state FROM C_) FROM states")
        self.settings(enable_material="off", work_mem="64")
        self.check("SELECT n, state = ANY (SELECT state FROM C_) OR n = 4 FROM states")

    def test_correlated(self):
        """A filter that depends on nothing outside is asked for once, however often the subquery runs."""
        self.check("SELECT n, (SELECT count(*) FROM C_ c WHERE length(c.name) > s.n) FROM states s")
        self.check("SELECT n, (SELECT count(*) FROM E_ e WHERE e.event_id > s.n AND e." + EVENTS + ") FROM states s", 0, 1)
        self.check("SELECT n, EXISTS (SELECT FROM E_ e WHERE e.event_id > s.n AND e." + EVENTS + ") FROM states s", 0, 1)
        self.check("SELECT n, (SELECT count(*) FROM C_ c, E_ e WHERE length(c.name) > s.n AND e.event_id > s.n AND e." + EVENTS + ") FROM states s", 1, 1)
        self.check("SELECT n, (SELECT max(c.name) FROM (SELECT * FROM C_ LIMIT 1000) c WHERE length(c.name) > s.n) FROM states s")

    def test_correlated_and_pushed(self):
        """One request for each value, and for a value that comes again the one that was made for it."""
        self.check("SELECT n, (SELECT count(*) FROM C_ c WHERE c.state = s.state) FROM states s", 2)
        self.check("SELECT n, (SELECT string_agg(name, ',' ORDER BY name) FROM C_ c WHERE c.state = s.state AND length(c.name) > s.n) FROM states s", 2)
        self.check("SELECT h, (SELECT count(*) FROM E_ e WHERE e.server_upload_time >= h AND e.server_upload_time < h + interval '1 hour') "
                   "FROM generate_series('2025-03-01 00:00Z'::timestamptz, '2025-03-01 05:00Z', interval '1 hour') h", 0, 6)
        # A value that stays the same from row to row is none that changed.
        self.check("SELECT n, (SELECT count(*) FROM E_ e WHERE e.server_upload_time >= h AND e.server_upload_time < h + interval '1 hour' AND e.event_id > n) "
                   "FROM generate_series(1, 4) n, LATERAL (SELECT timestamptz '2025-03-01 03:00Z' + interval '0' AS h OFFSET 0) l", 0, 1)

    def test_lateral(self):
        for limit in ("", " LIMIT 2"):
            self.check("SELECT n, l.* FROM states s, LATERAL (SELECT name FROM C_ c WHERE length(c.name) > s.n + 5 ORDER BY name%s) l" % limit)
            self.check("SELECT n, l.* FROM states s, LATERAL (SELECT name FROM C_ c WHERE c.state = s.state ORDER BY name%s) l" % limit, 2)
            self.check("SELECT n, l.* FROM states s LEFT JOIN LATERAL (SELECT e.uuid FROM E_ e WHERE e.event_id > s.n AND e.%s ORDER BY uuid%s) l ON true" % (EVENTS, limit), 0, 1)
        self.settings(enable_hashjoin="off", enable_mergejoin="off", enable_material="off", enable_memoize="off")
        self.check("SELECT n, l.* FROM states s, LATERAL (SELECT c.name, s.n + 1 AS m FROM C_ c WHERE length(c.name) > s.n OFFSET 0) l")
        self.check("SELECT n, l.* FROM states s, LATERAL (SELECT e.uuid, s.n + 1 AS m FROM E_ e WHERE e." + EVENTS + " OFFSET 0) l", 0, 1)
        self.check("SELECT c.name, t.target_id FROM C_ c, LATERAL (SELECT target_id FROM T_ t WHERE t.campaign_id = c.campaign_id AND t.state = c.state OFFSET 0) t", 4)

    def test_common_table_expressions(self):
        for word in ("", "MATERIALIZED ", "NOT MATERIALIZED "):
            self.check("WITH c AS %s(SELECT * FROM C_) SELECT a.name, b.name FROM c a JOIN c b USING (campaign_id)" % word)
            self.check("WITH c AS %s(SELECT * FROM C_ WHERE state = 'PAUSED') SELECT count(*) FROM c UNION ALL SELECT count(*) FROM c WHERE name > 'M'" % word)
        self.check("WITH e AS MATERIALIZED (SELECT * FROM E_ WHERE " + EVENTS + ") SELECT n, (SELECT count(*) FROM e WHERE event_id > n) FROM states", 0, 1)
        self.check("WITH RECURSIVE r (n, name) AS (SELECT 1, min(name) FROM C_ UNION ALL SELECT r.n + 1, c.name FROM r JOIN C_ c ON c.name > r.name AND length(c.name) > r.n WHERE r.n < 3) "
                   "SELECT n, count(*) FROM r GROUP BY n")
        self.check("WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 4 AND EXISTS (SELECT FROM E_ e WHERE e.event_id > r.n AND e." + EVENTS + ")) SELECT n FROM r", 0, 1)
        self.check("WITH RECURSIVE r (n) AS (SELECT 0 UNION ALL SELECT r.n + 1 FROM r, E_ e WHERE r.n < 3 AND e.event_id = 1 AND e." + EVENTS + ") SELECT n, count(*) FROM r GROUP BY n", 0, 1)
        self.session.run("CREATE TABLE sink (name text)")
        self.addCleanup(lambda: self.session.run("DROP TABLE sink"))
        self.clear_log()
        found = self.session.value(self.on("WITH gone AS (INSERT INTO sink SELECT name FROM C_ RETURNING name) SELECT count(*) FROM gone"))
        self.assertEqual(found, 20)
        self.check_requests(1)

    def test_unions(self):
        self.check("SELECT name FROM C_ WHERE state = 'PAUSED' UNION ALL SELECT name FROM C_ WHERE state = 'ENABLED'", 2)
        self.check("SELECT name FROM C_ UNION ALL SELECT state FROM states UNION ALL SELECT name FROM A_ UNION ALL SELECT name FROM C_", 2)
        self.check("SELECT name FROM C_ UNION SELECT name FROM C_")
        self.check("SELECT campaign_id FROM C_ UNION ALL SELECT uuid::text FROM E_ WHERE " + EVENTS, 1, 1)
        self.settings(enable_hashjoin="off", enable_mergejoin="off", enable_material="off")
        # An Append that is scanned again and again.
        self.check("SELECT n, u.name FROM states s JOIN (SELECT name FROM C_ UNION ALL SELECT name FROM A_) u ON length(u.name) > n * 5", 2)
        self.check("SELECT n, u.x FROM states s, LATERAL (SELECT name AS x FROM C_ WHERE length(name) > n UNION ALL SELECT uuid::text FROM E_ WHERE event_id > n AND " + EVENTS + ") u", 1, 1)

    def test_several_parameters(self):
        """Rescans with some values that change and some that do not."""
        self.check("SELECT p.state, l.n, (SELECT count(*) FROM T_ t WHERE t.state = p.state AND t.negative = (l.n = 2) AND length(t.target_id) > l.n) "
                   "FROM (VALUES ('ENABLED'), ('PAUSED'), ('ENABLED')) p(state), generate_series(1, 3) l(n)", 4)


class Rows(ShapeCase):
    def test_whole_rows_and_no_columns(self):
        self.check("SELECT c.state, (c).name FROM C_ c")
        self.check("SELECT count(c) FROM C_ c")
        self.clear_log()
        (row,) = self.session.rows("SELECT to_jsonb(c) ->> 'state', c::text LIKE '%1111%' FROM ads.campaigns c ORDER BY campaign_id LIMIT 1")
        self.assertTrue(row[1])
        self.check_requests(1)
        self.check("SELECT FROM C_")
        self.check("SELECT count(*) FROM C_")
        self.check("SELECT 1 FROM C_ WHERE name > 'M'")
        self.session.run("CREATE FOREIGN TABLE ads.bare () SERVER amazon OPTIONS (entity 'ads')")
        self.assertEqual(len(self.session.rows("SELECT FROM ads.bare")), 30)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.bare b WHERE b IS NOT NULL"), 30)

    def test_tableoid(self):
        self.assertEqual(self.session.rows("SELECT DISTINCT tableoid::regclass::text, c.tableoid = 'ads.campaigns'::regclass FROM ads.campaigns c"), [("ads.campaigns", True)])
        self.check_requests(1)

    def test_dropped_and_added_columns(self):
        self.session.run("ALTER FOREIGN TABLE ads.campaigns DROP COLUMN ad_product, ADD COLUMN product text OPTIONS (json_path '@ad_product')")
        self.assertCountEqual(self.session.rows("SELECT name, state FROM ads.campaigns c WHERE product = 'SPONSORED_BRANDS' AND c IS NOT NULL OR product = 'SPONSORED_BRANDS'"),
                              self.session.rows("SELECT name, state FROM local.campaigns WHERE ad_product = 'SPONSORED_BRANDS'"))
        (call,) = self.calls("request")
        self.assertEqual(json.loads(call["body"])["adProductFilter"], ["SPONSORED_BRANDS"])

    def test_sources_of_writes(self):
        self.session.run("CREATE TABLE sink (campaign_id text PRIMARY KEY, name text, state text)")
        self.addCleanup(lambda: self.session.run("DROP TABLE sink"))
        self.session.run("INSERT INTO sink SELECT campaign_id, name, state FROM ads.campaigns WHERE state <> 'ARCHIVED'")
        self.check_requests(1)
        self.clear_log()
        self.session.run("INSERT INTO sink SELECT campaign_id, name, state FROM ads.campaigns ON CONFLICT (campaign_id) DO UPDATE SET name = excluded.name || '!'")
        self.check_requests(1)
        expected = self.session.rows("SELECT campaign_id, name || CASE WHEN state <> 'ARCHIVED' THEN '!' ELSE '' END, state FROM local.campaigns")
        self.assertCountEqual(self.session.rows("SELECT * FROM sink"), expected)
        self.clear_log()
        self.session.run("UPDATE sink s SET name = c.name FROM ads.campaigns c WHERE c.campaign_id = s.campaign_id")
        self.check_requests(1)
        self.clear_log()
        self.session.run("DELETE FROM sink s USING ads.campaigns c WHERE c.campaign_id = s.campaign_id AND c.state = 'PAUSED'")
        self.check_requests(1)
        self.assertCountEqual(self.session.rows("SELECT * FROM sink"), self.session.rows("SELECT campaign_id, name, state FROM local.campaigns WHERE state <> 'PAUSED'"))
        if self.session.connection.server_version >= 150000:
            self.clear_log()
            self.session.run("MERGE INTO sink s USING ads.campaigns c ON s.campaign_id = c.campaign_id WHEN MATCHED AND c.state = 'ARCHIVED' THEN DELETE "
                             "WHEN MATCHED THEN UPDATE SET name = upper(c.name) WHEN NOT MATCHED THEN INSERT VALUES (c.campaign_id, c.name, c.state)")
            self.check_requests(1)
            self.assertCountEqual(self.session.rows("SELECT * FROM sink"), self.session.rows(
                "SELECT campaign_id, CASE state WHEN 'ENABLED' THEN upper(name) ELSE name END, state FROM local.campaigns WHERE state <> 'ARCHIVED'"))
        self.clear_log()
        self.session.run("CREATE TABLE copied AS SELECT * FROM ads.campaigns; DROP TABLE copied")
        self.check_requests(1)
        self.clear_log()
        with self.session.connection.cursor() as cursor:
            import io
            output = io.StringIO()
            cursor.copy_expert("COPY (SELECT campaign_id FROM ads.campaigns) TO STDOUT", output)
            self.assertCountEqual(output.getvalue().split(), self.session.column("SELECT campaign_id FROM local.campaigns"))
        self.check_requests(1)

    def test_triggers_that_read(self):
        self.session.run("CREATE TABLE watched (state text, campaigns bigint)")
        self.addCleanup(lambda: self.session.run("DROP TABLE watched; DROP FUNCTION count_campaigns"))
        self.session.run("CREATE FUNCTION count_campaigns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.campaigns := (SELECT count(*) FROM ads.campaigns WHERE state = NEW.state); RETURN NEW; END $$")
        self.session.run("CREATE TRIGGER counted BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION count_campaigns()")
        self.session.run("INSERT INTO watched SELECT state FROM states")
        self.check_requests(2)  # one for each of the states that exist
        self.assertCountEqual(self.session.rows("SELECT * FROM watched"), self.session.rows("SELECT s.state, (SELECT count(*) FROM local.campaigns c WHERE c.state = s.state) FROM states s"))
        self.clear_log()
        self.session.run("INSERT INTO watched SELECT state FROM ads.campaigns")
        self.check_requests(4)

    def test_copy_whole_tables(self):
        for table in ("campaigns", "targets"):
            self.clear_log()
            self.session.run("CREATE TEMP TABLE copied_%s AS TABLE ads.%s" % (table, table))
            self.check_requests(1)


class Locks(ShapeCase):
    def test_for_update(self):
        for clause in ("FOR UPDATE", "FOR UPDATE OF s", "FOR SHARE", "FOR NO KEY UPDATE OF s SKIP LOCKED"):
            self.check("SELECT s.n, c.name FROM states s JOIN C_ c ON c.state = s.state ORDER BY 1, 2 " + clause)
        self.clear_log()
        self.assertEqual(len(self.session.rows("SELECT name FROM ads.campaigns FOR UPDATE")), 20)
        self.check_requests(1)

    def check_row_that_changes(self, query, change, expected, requests, events=0):
        """While the query waits for a lock, the row changes: it is looked at again, with the rows of the foreign table it was joined to."""
        other = self.connect()
        for kind in JOINS:
            with self.subTest(kind=kind, query=query):
                self.session.run("UPDATE states SET n = 2 WHERE state = 'PAUSED'")
                self.force_join(kind)
                self.clear_log()
                other.run("BEGIN")
                other.run(change)
                running = self.session.start(self.on(query))
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
                self.eventually(lambda: running.ended or other.value("SELECT pg_stat_clear_snapshot() IS NULL OR true") and other.value(waiting, self.session.pid) == 1, "wait for the lock")
                other.run("COMMIT")
                running.wait()
                self.assertIsNone(running.error, running.error)
                self.assertCountEqual(running.result, self.session.rows(expected))
                self.check_requests(requests, events)
        self.session.run("UPDATE states SET n = 2 WHERE state = 'PAUSED'")

    def test_row_that_changes_meanwhile(self):
        query = "SELECT s.n, c.name FROM states s JOIN C_ c ON c.state = s.state WHERE s.n IN (2, 22) FOR UPDATE OF s"
        self.check_row_that_changes(query, "UPDATE states SET n = 22 WHERE state = 'PAUSED'",
                                    "SELECT 22, name FROM local.campaigns WHERE state = 'PAUSED'", 1)
        self.check_row_that_changes(query, "UPDATE states SET n = 99 WHERE state = 'PAUSED'", "SELECT 1, '' WHERE false", 1)
        self.check_row_that_changes("SELECT s.n, e.uuid::text FROM states s JOIN E_ e ON e.event_id % 5 = s.n % 10 WHERE s.n IN (2, 22) AND e." + EVENTS + " FOR UPDATE OF s",
                                    "UPDATE states SET n = 22 WHERE state = 'PAUSED'",
                                    "SELECT 22, uuid::text FROM local.amplitude_events e WHERE event_id % 5 = 2", 0, 1)

    def test_update_of_a_row_that_changes_meanwhile(self):
        self.check_row_that_changes("UPDATE states s SET n = s.n * 10 FROM C_ c WHERE c.state = s.state AND s.n IN (2, 22) RETURNING s.n",
                                    "UPDATE states SET n = 22 WHERE state = 'PAUSED'", "SELECT 220", 1)
        self.check_row_that_changes("UPDATE states s SET n = s.n * 10 WHERE s.state IN (SELECT state FROM C_) AND s.n IN (2, 22) RETURNING s.n",
                                    "UPDATE states SET n = 22 WHERE state = 'PAUSED'", "SELECT 220", 1)


class Partitions(ShapeCase):
    """A foreign table beside local ones."""

    def setUp(self):
        super().setUp()
        # Hot from the API, cold from a table; and the same by list.
        self.session.run("CREATE TABLE events (uuid uuid, server_upload_time timestamptz NOT NULL, event_type text) PARTITION BY RANGE (server_upload_time)")
        self.session.run("CREATE TABLE cold PARTITION OF events FOR VALUES FROM ('2025-01-01Z') TO ('2025-03-01 03:00Z')")
        self.session.run("INSERT INTO cold SELECT uuid, server_upload_time, event_type FROM local.amplitude_events WHERE server_upload_time < '2025-03-01 03:00Z'")
        self.session.run("CREATE FOREIGN TABLE hot PARTITION OF events FOR VALUES FROM ('2025-03-01 03:00Z') TO (MAXVALUE) SERVER amplitude OPTIONS (entity 'amplitude_events')")
        self.session.run("CREATE TABLE by_state (campaign_id text, name text, state text) PARTITION BY LIST (state)")
        self.session.run("CREATE TABLE archived PARTITION OF by_state FOR VALUES IN ('ARCHIVED')")
        self.session.run("INSERT INTO archived SELECT campaign_id, name, state FROM local.campaigns WHERE state = 'ARCHIVED'")
        self.session.run("CREATE FOREIGN TABLE live PARTITION OF by_state FOR VALUES IN ('ENABLED', 'PAUSED') SERVER amazon OPTIONS (entity 'campaigns')")
        self.session.run("ALTER FOREIGN TABLE live ADD CONSTRAINT live CHECK (state IN ('ENABLED', 'PAUSED'))")
        self.addCleanup(lambda: self.session.run("DROP TABLE events, by_state"))

    def check(self, query, requests=1, events=0, **options):
        """H_ and S_ stand for the two tables."""
        with self.subTest(query=query):
            self.clear_log()
            found = self.session.rows(query.replace("H_", "events").replace("S_", "by_state").replace("X_", "live"))
            expected = self.session.rows(query.replace("H_", "local.amplitude_events").replace("S_", "local.campaigns").replace("X_", "local.campaigns"))
            self.assertCountEqual(found, expected)
            self.check_requests(requests, events)

    def test_hot_and_cold(self):
        for cold, hot in ((True, True), (True, False), (False, True)):
            start, end = ("00" if cold else "03"), ("06" if hot else "03")
            self.check("SELECT uuid, event_type FROM H_ WHERE server_upload_time >= '2025-03-01 %s:00Z' AND server_upload_time < '2025-03-01 %s:00Z'" % (start, end), 0, int(hot))
        # The partition's bounds are as good as clauses.
        self.check("SELECT uuid FROM H_ WHERE server_upload_time < '2025-03-01 06:00Z'", 0, 1)
        self.assertEqual([(call["start"], call["end"]) for call in self.calls("export")], [("20250301T03", "20250301T05")])
        self.check("SELECT count(*), min(server_upload_time) FROM H_ WHERE server_upload_time < '2025-03-01 06:00Z' AND event_type IS NOT NULL", 0, 1)
        self.assertEqual(self.session.value("SELECT count(*) FROM hot WHERE server_upload_time BETWEEN '2025-03-01Z' AND '2025-03-01 04:59:59.999999Z'"), 8)
        self.session.run("CREATE FOREIGN TABLE oldest PARTITION OF events FOR VALUES FROM (MINVALUE) TO ('2025-01-01Z') SERVER amplitude OPTIONS (entity 'amplitude_events')")
        self.expect_error("HV00L", "SELECT * FROM events WHERE server_upload_time < '2025-03-01 06:00Z'", 'foreign table "oldest"', "lower bound")

    def test_rows_of_other_partitions(self):
        """What the remote has beyond a partition's bounds belongs to the others."""
        self.session.run("ALTER FOREIGN TABLE live DROP CONSTRAINT live")
        self.check("SELECT name, state FROM S_")
        (call,) = self.calls("request")
        self.assertEqual(json.loads(call["body"])["stateFilter"], ["ENABLED", "PAUSED"])
        self.assertCountEqual(self.session.rows("SELECT name, state FROM live"), self.session.rows("SELECT name, state FROM local.campaigns WHERE state <> 'ARCHIVED'"))
        self.session.run("ANALYZE live")
        live = self.session.value("SELECT count(*) FROM live")
        self.assertLess(live, 20)
        self.assertEqual(self.session.value("SELECT reltuples FROM pg_class WHERE relname = 'live'"), live)
        # A bound that the request can't hold, and a default partition.
        self.session.run("CREATE TABLE by_name (name text, state text) PARTITION BY RANGE (name)")
        self.addCleanup(lambda: self.session.run("DROP TABLE by_name"))
        self.session.run("CREATE FOREIGN TABLE late PARTITION OF by_name FOR VALUES FROM ('SP') TO (MAXVALUE) SERVER amazon OPTIONS (entity 'campaigns')")
        self.session.run("CREATE TABLE early PARTITION OF by_name DEFAULT")
        self.session.run("INSERT INTO early SELECT name, state FROM local.campaigns WHERE name < 'SP' OR name IS NULL")
        self.assertCountEqual(self.session.rows("SELECT * FROM by_name"), self.session.rows("SELECT name, state FROM local.campaigns"))
        self.session.run("ANALYZE late")
        self.assertEqual(self.session.value("SELECT reltuples FROM pg_class WHERE relname = 'late'"), self.session.value("SELECT count(*) FROM local.campaigns WHERE name >= 'SP'"))
        self.session.run("CREATE TABLE by_hash (name text, state text) PARTITION BY HASH (name)")
        self.addCleanup(lambda: self.session.run("DROP TABLE by_hash"))
        for remainder in (0, 1):
            self.session.run("CREATE FOREIGN TABLE hash_%d PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER %d) SERVER amazon OPTIONS (entity 'campaigns')" % (remainder, remainder))
        self.assertCountEqual(self.session.rows("SELECT * FROM by_hash"), self.session.rows("SELECT name, state FROM local.campaigns"))
        self.session.run("CREATE TABLE deep (name text, state text) PARTITION BY LIST (state)")
        self.addCleanup(lambda: self.session.run("DROP TABLE deep"))
        self.session.run("CREATE TABLE deeper PARTITION OF deep FOR VALUES IN ('PAUSED') PARTITION BY RANGE (name)")
        self.session.run("CREATE FOREIGN TABLE deepest PARTITION OF deeper FOR VALUES FROM ('SP') TO (MAXVALUE) SERVER amazon OPTIONS (entity 'campaigns')")
        self.assertCountEqual(self.session.rows("SELECT * FROM deep"), self.session.rows("SELECT name, state FROM local.campaigns WHERE name >= 'SP' AND state = 'PAUSED'"))

    def test_pruning_while_it_plans(self):
        for states, requests in (("'ARCHIVED'", 0), ("'PAUSED'", 1), ("'PAUSED', 'ARCHIVED'", 1)):
            self.check("SELECT name FROM S_ WHERE state IN (%s)" % states, requests)
        self.check("SELECT count(*) FROM S_")

    def test_pruning_when_it_starts(self):
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE p (text) AS SELECT name FROM by_state WHERE state = $1")
        for state, requests in (("ARCHIVED", 0), ("PAUSED", 1), ("ENABLED", 1), ("x", 0)):
            self.clear_log()
            self.assertCountEqual(self.session.rows("EXECUTE p (%s)", state), self.session.rows("SELECT name FROM local.campaigns WHERE state = %s", state))
            time.sleep(0.01)
            self.check_requests(requests)
        self.session.run("PREPARE h (timestamptz, timestamptz) AS SELECT uuid FROM events WHERE server_upload_time >= $1 AND server_upload_time < $2")
        for bounds, requests in ((("00", "02"), 0), (("02", "04"), 1), (("04", "06"), 1)):
            self.clear_log()
            bounds = ["2025-03-01 %s:00Z" % hour for hour in bounds]
            self.assertCountEqual(self.session.rows("EXECUTE h (%s, %s)", *bounds),
                                  self.session.rows("SELECT uuid FROM local.amplitude_events WHERE server_upload_time >= %s AND server_upload_time < %s", *bounds))
            self.check_requests(0, requests)

    def test_pruning_while_it_runs(self):
        """A partition that turns out not to be needed is not asked for, though it could have been when the query started."""
        self.check("SELECT name FROM S_ WHERE state = (SELECT 'ARCHIVED'::text OFFSET 0)", 0)
        self.check("SELECT name FROM S_ WHERE state = (SELECT 'PAUSED'::text OFFSET 0)", 1)
        self.check("SELECT name FROM S_ WHERE state || '' = 'PAUSED' AND state = (SELECT 'ARCHIVED'::text OFFSET 0)", 0)
        self.settings(enable_hashjoin="off", enable_mergejoin="off", enable_material="off")
        self.check("SELECT s.n, l.name FROM states s, LATERAL (SELECT name FROM S_ b WHERE b.state = s.state OFFSET 0) l", 2)

    def test_more_shapes_on_partitions(self):
        self.check("SELECT tableoid::regclass::text IN ('live', 'archived', 'local.campaigns'), name FROM S_")
        self.check("SELECT b.name, c.name FROM S_ b JOIN X_ c USING (campaign_id) WHERE c.state <> 'ARCHIVED'")
        self.check("SELECT state, count(*) FROM S_ GROUP BY state")
        self.check("SELECT name FROM S_ ORDER BY name LIMIT 3")
        self.check("SELECT b::text IS NOT NULL, name FROM S_ b")
        self.settings(enable_partitionwise_join="on", enable_partitionwise_aggregate="on")
        self.check("SELECT state, count(*) FROM S_ GROUP BY state")
        self.check("SELECT a.name FROM S_ a JOIN S_ b ON a.state = b.state AND a.campaign_id = b.campaign_id")

    def test_locks_on_partitions(self):
        self.check("SELECT name FROM S_ FOR UPDATE")
        self.check("SELECT b.name, s.n FROM S_ b JOIN states s USING (state) FOR UPDATE OF s, b")
        self.clear_log()
        self.session.run("UPDATE by_state SET name = name || '!' WHERE state = 'ARCHIVED'")
        self.session.run("DELETE FROM by_state WHERE state = 'ARCHIVED' AND name LIKE '%!'")
        self.assertEqual(self.session.value("SELECT count(*) FROM archived"), 0)
        for sql in ("UPDATE by_state SET name = 'x'", "DELETE FROM by_state", "INSERT INTO by_state VALUES ('1', 'x', 'PAUSED')"):
            error = self.expect_error("0A000", sql)
            self.assertRegex(error.diag.message_primary, '^cannot (update|delete from|insert into) foreign table "live"$')
        self.check_requests(0)

    def test_inheritance(self):
        self.session.run("CREATE TABLE parent (campaign_id text, name text, state text)")
        self.addCleanup(lambda: self.session.run("DROP TABLE parent CASCADE"))
        self.session.run("INSERT INTO parent VALUES ('1', 'own', 'PAUSED')")
        self.session.run("CREATE FOREIGN TABLE child (budget_amount numeric) INHERITS (parent) SERVER amazon OPTIONS (entity 'campaigns')")
        self.clear_log()
        self.assertCountEqual(self.session.rows("SELECT name FROM parent WHERE state = 'PAUSED'"),
                              self.session.rows("SELECT name FROM local.campaigns WHERE state = 'PAUSED'") + [("own",)])
        (call,) = self.calls("request")
        self.assertEqual(json.loads(call["body"])["stateFilter"], ["PAUSED"])
        self.clear_log()
        self.assertEqual(self.session.rows("SELECT name FROM ONLY parent"), [("own",)])
        self.check_requests(0)
        self.assertCountEqual(self.session.rows("SELECT tableoid::regclass::text, count(*) FROM parent GROUP BY 1"), [("parent", 1), ("child", 20)])
        self.check_requests(1)


class Cursors(ShapeCase):
    def test_scroll(self):
        for query, calls in (("SELECT name FROM C_", (1, 0)), ("SELECT uuid::text FROM E_ WHERE " + EVENTS, (0, 1)),
                             ("SELECT c.name FROM C_ c JOIN T_ t USING (campaign_id)", (2, 0))):
            with self.subTest(query=query):
                self.clear_log()
                self.session.run("BEGIN")
                self.session.run("DECLARE c SCROLL CURSOR FOR " + self.on(query))
                rows = self.session.rows("FETCH ALL c")
                self.assertCountEqual(rows, self.expected(query))
                self.assertEqual(self.session.rows("FETCH BACKWARD ALL c"), rows[::-1])
                self.assertEqual(self.session.rows("FETCH ABSOLUTE 3 c"), [rows[2]])
                self.assertEqual(self.session.rows("FETCH RELATIVE -1 c"), [rows[1]])
                self.session.run("MOVE LAST c")
                self.assertEqual(self.session.rows("FETCH PRIOR c"), [rows[-2]])
                self.session.run("MOVE ABSOLUTE 0 c")
                self.assertEqual(self.session.rows("FETCH 2 c"), rows[:2])
                self.session.run("COMMIT")
                self.check_requests(*calls)

    def test_forward_only(self):
        self.session.run("BEGIN")
        self.session.run("DECLARE c NO SCROLL CURSOR FOR SELECT name FROM ads.campaigns")
        first = self.session.rows("FETCH 5 c")
        self.session.run("MOVE FORWARD 5 c")
        rest = self.session.rows("FETCH ALL c")
        self.assertEqual((len(first), len(rest)), (5, 10))
        self.expect_error("55000", "FETCH BACKWARD 1 c")
        self.session.run("ROLLBACK")
        self.check_requests(1)

    def test_move_first(self):
        """Back to the start of a cursor that keeps nothing: it scans again, and asks for nothing."""
        for query, calls in (("SELECT name FROM ads.campaigns", (1, 0)), ("SELECT uuid FROM product.amplitude_events WHERE " + EVENTS, (0, 1))):
            with self.subTest(query=query):
                self.clear_log()
                self.session.run("BEGIN")
                self.session.run("DECLARE c CURSOR FOR " + query)
                first = self.session.rows("FETCH 3 c")
                try:
                    self.session.run("MOVE ABSOLUTE 0 c")
                except psycopg2.Error as problem:
                    self.assertEqual(problem.pgcode, "55000")
                else:
                    self.assertEqual(self.session.rows("FETCH 3 c"), first)
                self.session.run("ROLLBACK")
                self.check_requests(*calls)

    def test_with_hold(self):
        self.session.run("DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT name FROM ads.campaigns")
        self.check_requests(1)
        rows = self.session.rows("FETCH ALL c")
        self.assertCountEqual(rows, self.session.rows("SELECT name FROM local.campaigns"))
        self.assertEqual(self.session.rows("FETCH BACKWARD ALL c"), rows[::-1])
        self.session.run("CLOSE c")
        self.check_requests(1)

    def test_in_a_function(self):
        self.session.run("""CREATE FUNCTION pg_temp.walk() RETURNS SETOF text LANGUAGE plpgsql AS $$
            DECLARE c SCROLL CURSOR (wanted text) FOR SELECT name FROM ads.campaigns WHERE state = wanted ORDER BY name; found text;
            BEGIN
                OPEN c ('PAUSED');
                FETCH LAST FROM c INTO found; RETURN NEXT found;
                FETCH FIRST FROM c INTO found; RETURN NEXT found;
                CLOSE c;
                FOR row IN c ('ENABLED') LOOP found := row.name; END LOOP;
                RETURN NEXT found;
            END $$""")
        self.assertEqual(self.session.column("SELECT * FROM pg_temp.walk()"),
                         [self.session.value("SELECT %s(name) FROM local.campaigns WHERE state = '%s'" % pair) for pair in (("max", "PAUSED"), ("min", "PAUSED"), ("max", "ENABLED"))])
        self.check_requests(2)


class Parameters(ShapeCase):
    def test_generic_plans(self):
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run(self.on("PREPARE p (text, int) AS SELECT c.name, t.target_id FROM C_ c JOIN T_ t USING (campaign_id) WHERE c.state = $1 AND t.state = $1 AND length(t.target_id) > $2"))
        for state, bodies in (("PAUSED", 2), ("ENABLED", 2), ("PAUSED", 2), (None, 0), ("x", 0)):
            self.clear_log()
            self.assertCountEqual(self.session.rows("EXECUTE p (%s, 1)", state), self.session.rows(
                "SELECT c.name, t.target_id FROM local.campaigns c JOIN local.targets t USING (campaign_id) WHERE c.state = %s AND t.state = %s", state, state))
            self.check_requests(bodies)

    def test_many_parameters(self):
        """Two scans, 14 parameters, in a function whose plan becomes a generic one."""
        self.session.run("""CREATE FUNCTION pg_temp.wide(a text, b text, c text, d text, e text, f text, g text, h boolean, i boolean, j text, k text, l int, m int, n text) RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE result bigint;
            BEGIN
                SELECT count(*) INTO result FROM ads.targets t JOIN ads.campaigns x USING (campaign_id)
                 WHERE (t.state = a OR t.state = b OR t.state = c) AND (t.ad_product = d OR t.ad_product = e) AND x.state IN (f, g) AND t.negative IN (h, i)
                   AND (t.target_level = j OR k IS NULL OR t.target_level = k) AND length(t.target_id) BETWEEN l AND m AND (n IS NULL OR t.target_type = n);
                RETURN result;
            END $$""")
        self.session.run("CREATE FUNCTION pg_temp.narrow(a text, b text, c text, d text, e text, f text, g text, h boolean, i boolean, j text, k text, l int, m int, n text) RETURNS bigint LANGUAGE sql AS $$ "
                         "SELECT count(*) FROM local.targets t JOIN local.campaigns x USING (campaign_id) WHERE t.state IN (a, b, c) AND t.ad_product IN (d, e) AND x.state IN (f, g) AND t.negative IN (h, i) "
                         "AND (t.target_level IN (j, k) OR k IS NULL) AND length(t.target_id) BETWEEN l AND m AND (n IS NULL OR t.target_type = n) $$")
        for number in range(9):
            values = (("ENABLED", "PAUSED", None, "SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "ENABLED", "PAUSED", False, number % 2 == 0, "AD_GROUP", None if number % 3 else "CAMPAIGN", 0, 100,
                       "KEYWORD" if number % 2 else None))
            self.clear_log()
            call = "(%s)" % ", ".join(["%s"] * len(values))
            found = self.session.value("SELECT pg_temp.wide" + call, *values)
            self.assertEqual(found, self.session.value("SELECT pg_temp.narrow" + call, *values))
            self.check_requests(2)
            (targets,) = self.calls("request", entity="targets")
            body = json.loads(targets["body"])
            self.assertEqual((body["stateFilter"], body["adProductFilter"]), (["ENABLED", "PAUSED"], ["SPONSORED_PRODUCTS", "SPONSORED_BRANDS"]))
            self.assertEqual(body.get("negativeFilter"), [False] if number % 2 else None)
            self.assertEqual(body.get("targetTypeFilter"), ["KEYWORD"] if number % 2 else None)

    def test_loops_of_functions(self):
        """The queries of one statement share what they ask for."""
        self.session.run("CREATE FUNCTION pg_temp.counted(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM ads.campaigns WHERE state = wanted); END $$")
        self.assertEqual(self.session.rows("SELECT n, pg_temp.counted(state) FROM states ORDER BY n"),
                         self.session.rows("SELECT n, (SELECT count(*) FROM local.campaigns c WHERE c.state = s.state) FROM states s ORDER BY n"))
        self.check_requests(2)
        self.session.run("CREATE FUNCTION pg_temp.inlined(wanted text) RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT name FROM ads.campaigns WHERE state = wanted $$")
        self.clear_log()
        self.assertCountEqual(self.session.rows("SELECT s.n, i FROM states s, pg_temp.inlined(s.state) i"), self.session.rows("SELECT n, name FROM states JOIN local.campaigns USING (state)"))
        self.assertLessEqual(self.count_calls("request"), 2)


class Surroundings(ShapeCase):
    def test_parallel_query(self):
        """Foreign scans stay with the leader."""
        self.session.run("CREATE TABLE large AS SELECT n, n::text AS campaign_id, repeat('x', 100) AS filler FROM generate_series(1, 20000) n; ANALYZE large")
        self.addCleanup(lambda: self.session.run("DROP TABLE large"))
        self.settings(parallel_setup_cost="0", parallel_tuple_cost="0", min_parallel_table_scan_size="0", max_parallel_workers_per_gather="2", parallel_leader_participation="off")
        query = "SELECT count(*), (SELECT count(*) FROM C_) FROM large l WHERE length(l.filler) > 3"
        self.assertIn("Gather", self.session.explain(self.on(query)))
        self.check(query)
        self.check("SELECT l.n, c.name FROM large l JOIN C_ c ON length(c.name) = l.n")
        self.check("SELECT count(*) FROM large l LEFT JOIN C_ c ON c.campaign_id = l.campaign_id")

    def test_debug_parallel_query(self):
        for name in ("force_parallel_mode", "debug_parallel_query"):
            self.settings(**{name: "on"})
        self.check("SELECT name FROM C_ WHERE state = 'PAUSED'")
        self.check("SELECT count(*) FROM C_ c JOIN T_ t USING (campaign_id)", 2)
        self.check("SELECT n, (SELECT count(*) FROM C_ c WHERE c.state = s.state) FROM states s", 2)
        self.check("SELECT uuid FROM E_ WHERE " + EVENTS, 0, 1)

    def test_jit(self):
        self.settings(jit="on", jit_above_cost="0", jit_inline_above_cost="0", jit_optimize_above_cost="0")
        self.check("SELECT name, state || 'x' FROM C_ WHERE length(name) > 3 AND state = 'PAUSED'")

    def test_subtransactions(self):
        self.session.run("BEGIN")
        self.session.run("DECLARE outside CURSOR FOR SELECT name FROM ads.campaigns ORDER BY name")
        first = self.session.rows("FETCH 3 outside")
        for number in range(3):
            self.session.run("SAVEPOINT s")
            self.session.run("DECLARE inside CURSOR FOR SELECT name FROM ads.campaigns")
            self.session.rows("FETCH 2 inside")
            self.expect_error("22012", "SELECT 1 / (length(name) - length(name)) FROM ads.campaigns")
            self.session.run("ROLLBACK TO s")
        rest = self.session.rows("FETCH ALL outside")
        self.session.run("COMMIT")
        self.assertEqual(first + rest, self.session.rows("SELECT name FROM local.campaigns ORDER BY name"))
        self.clear_log()
        self.session.run("""CREATE FUNCTION pg_temp.tries() RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE result bigint := 0; found bigint;
            BEGIN
                FOR n IN 1 .. 5 LOOP
                    BEGIN
                        SELECT count(*), sum(1 / (CASE WHEN n % 2 = 0 THEN 0 ELSE 1 END)) INTO found FROM ads.campaigns;
                        result := result + found;
                    EXCEPTION WHEN division_by_zero THEN
                        result := result + 1000;
                    END;
                END LOOP;
                RETURN result;
            END $$""")
        self.assertEqual(self.session.value("SELECT pg_temp.tries()"), 2060)
        self.check_requests(1)

    def test_views_and_owners(self):
        """The user mapping is that of whom the scan runs as."""
        owner, reader = "adsexport_shape_owner", "adsexport_shape_reader"
        self.session.run("DROP ROLE IF EXISTS %s; DROP ROLE IF EXISTS %s; CREATE ROLE %s; CREATE ROLE %s LOGIN" % (owner, reader, owner, reader))
        second = "amzn1.application-oa2-client.second"
        try:
            self.session.run("GRANT USAGE ON SCHEMA ads TO %s, %s; GRANT SELECT ON ads.campaigns, states TO %s; GRANT CREATE ON SCHEMA ads TO %s" % (owner, reader, owner, owner))
            self.session.run("CREATE USER MAPPING FOR %s SERVER amazon %s" % (owner, support.option_list(self.amazon_mapping(second))))
            self.session.run("SET ROLE " + owner)
            self.session.run("CREATE VIEW ads.shown AS SELECT name, state FROM ads.campaigns")
            self.session.run("CREATE VIEW ads.guarded WITH (security_barrier) AS SELECT name, state FROM ads.campaigns WHERE state <> 'ARCHIVED'")
            self.session.run("CREATE FUNCTION ads.definer(wanted text) RETURNS bigint SECURITY DEFINER LANGUAGE sql AS $$ SELECT count(*) FROM ads.campaigns WHERE state = wanted $$")
            self.session.run("GRANT SELECT ON ads.shown, ads.guarded TO " + reader)
            self.session.run("RESET ROLE")
            session = self.connect(reader)
            for query, states in (("SELECT name FROM ads.shown WHERE state = 'PAUSED'", ["PAUSED"]), ("SELECT name FROM ads.guarded WHERE state = 'PAUSED' AND length(name) > 1", ["PAUSED"]),
                                  ("SELECT name FROM ads.guarded", ["ENABLED", "PAUSED"]), ("SELECT ads.definer('PAUSED')", ["PAUSED"]),
                                  ("SELECT a.name FROM ads.shown a JOIN ads.shown b USING (name) WHERE a.state = 'PAUSED' AND b.state = 'PAUSED'", ["PAUSED"])):
                with self.subTest(query=query):
                    self.clear_log()
                    self.assertTrue(session.rows(query))
                    (call,) = self.calls("request")
                    self.assertEqual(json.loads(call["body"])["stateFilter"], states)
                    headers = {name.lower(): value for name, value in call["headers"].items()}
                    self.assertEqual(headers["amazon-advertising-api-clientid"], second)
            self.clear_log()
            self.expect_error("42501", "SELECT * FROM ads.campaigns", session=session)
            self.check_requests(0)
        finally:
            self.session.run("RESET ROLE; DROP OWNED BY %s, %s CASCADE; DROP ROLE %s; DROP ROLE %s" % (owner, reader, owner, reader))

    def test_materialized_view(self):
        self.session.run("CREATE MATERIALIZED VIEW kept AS SELECT campaign_id, name FROM ads.campaigns; CREATE UNIQUE INDEX ON kept (campaign_id)")
        self.addCleanup(lambda: self.session.run("DROP MATERIALIZED VIEW kept"))
        self.clear_log()
        self.session.run("REFRESH MATERIALIZED VIEW CONCURRENTLY kept")
        self.check_requests(1)
        self.assertEqual(self.session.value("SELECT count(*) FROM kept"), 20)

    def test_row_security_and_barriers(self):
        """What a view hides, a pushed clause of its reader does not show."""
        self.session.run("CREATE VIEW barred WITH (security_barrier) AS SELECT name, state FROM ads.campaigns WHERE ad_product = 'SPONSORED_BRANDS'")
        self.addCleanup(lambda: self.session.run("DROP VIEW barred"))
        self.assertCountEqual(self.session.rows("SELECT name FROM barred WHERE state = 'ENABLED'"),
                              self.session.rows("SELECT name FROM local.campaigns WHERE state = 'ENABLED' AND ad_product = 'SPONSORED_BRANDS'"))
        self.check_requests(1)

    def test_set_returning_and_ordinality(self):
        self.check("SELECT name, unnest(ARRAY[1, 2]) FROM C_")
        self.check("SELECT name FROM C_ ORDER BY name FETCH FIRST 3 ROWS WITH TIES")
        self.check("SELECT c.name, x.ordinality FROM C_ c, unnest(ARRAY[c.state, 'x']) WITH ORDINALITY x")
        self.check("SELECT count(*) FILTER (WHERE state = 'PAUSED'), percentile_disc(0.5) WITHIN GROUP (ORDER BY name) FROM C_")

    def test_table_sample(self):
        self.expect_error("0A000" if self.session.connection.server_version >= 160000 else ("42809", "0A000"), "SELECT * FROM ads.campaigns TABLESAMPLE BERNOULLI (10)")
        self.check_requests(0)


if __name__ == "__main__":
    unittest.main()
