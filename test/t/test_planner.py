"""What the planner knows: ANALYZE, estimates of rows, costs; and that what need not be asked for is not."""

import datetime
import json
import re
import time
import unittest

import mapping
import support

UTC = datetime.timezone.utc
TABLES = ("campaigns", "ad_groups", "targets", "ads", "profiles")


class PlannerCase(support.TestCase):
    def setUp(self):
        super().setUp()
        self.amazon(max_age="1h")
        self.amplitude()

    def plan(self, query, analyze=False, session=None):
        (((plan,),),) = (session or self.session).rows("EXPLAIN (%s FORMAT JSON) %s" % ("ANALYZE, " if analyze else "", query))
        return plan["Plan"]

    def estimate(self, query, session=None):
        return self.plan(query, session=session)["Plan Rows"]

    def check_estimate(self, query, factor=2.0):
        """The planner's number of rows is not further than that from the real one."""
        estimated = self.estimate(query)
        real = len(self.session.rows(query))
        self.assertLessEqual(estimated, factor * max(real, 1), query)
        self.assertGreaterEqual(estimated, real / factor, query)

    def statistics(self, table):
        return self.session.rows("SELECT reltuples, relpages FROM pg_class WHERE oid = %s::regclass", table)[0]


class Analyze(PlannerCase):
    emulator_options = ("--campaigns", "60", "--ad-groups", "120", "--targets", "900", "--ads", "200",
                        "--amplitude-ranges", "now-2d..now", "--events-per-hour", "40", "--amplitude-even", "true")

    def test_all_tables(self):
        for table in TABLES:
            with self.subTest(table=table):
                self.clear_log()
                self.session.run("ANALYZE ads.%s" % table)
                self.assertEqual(self.count_calls("profiles" if table == "profiles" else "request"), 1)
                real = self.session.value("SELECT count(*) FROM ads.%s" % table)
                tuples, pages = self.statistics("ads." + table)
                self.assertEqual(tuples, real)
                self.assertGreaterEqual(pages, 1)
                self.assertEqual(self.estimate("SELECT * FROM ads.%s" % table), real)
                if table != "profiles":
                    for clause in ["state = '%s'" % state for state in ("ENABLED", "PAUSED", "ARCHIVED")] + ["ad_product = 'SPONSORED_BRANDS'", "state <> 'ENABLED'"]:
                        self.check_estimate("SELECT * FROM ads.%s WHERE %s" % (table, clause))
        self.check_estimate("SELECT * FROM ads.targets WHERE negative")
        self.check_estimate("SELECT * FROM ads.targets WHERE target_type = 'KEYWORD'")
        self.check_estimate("SELECT * FROM ads.targets t JOIN ads.campaigns c USING (campaign_id)", 3)
        # Statistics of the columns are there, JSON and arrays included.
        self.assertGreater(self.session.value("SELECT count(*) FROM pg_stats WHERE schemaname = 'ads' AND tablename = 'targets' AND null_frac BETWEEN 0 AND 1"), 35)
        self.assertEqual(self.session.value("SELECT avg_width FROM pg_stats WHERE schemaname = 'ads' AND tablename = 'campaigns' AND attname = 'profile_id'"), 5)
        self.assertEqual(self.plan("SELECT profile_id FROM ads.campaigns")["Plan Width"], 5)

    def test_unknown_values_after_analyze(self):
        self.session.run("ANALYZE ads.targets")
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE p (text) AS SELECT * FROM ads.targets WHERE state = $1")
        self.assertEqual(self.estimate("EXECUTE p ('PAUSED')"), 300)

    def test_sample_of_all_rows(self):
        """What is sampled comes from the whole export: of a column with distinct values, from its beginning to its end."""
        ids = [str(record["targetId"]) for record in self.data().records("targets", 1111)]
        self.session.run("ALTER FOREIGN TABLE ads.targets ALTER target_id SET STATISTICS 1")
        for column in self.session.column("SELECT attname FROM pg_attribute WHERE attrelid = 'ads.targets'::regclass AND attnum > 0 AND attname <> 'target_id'"):
            self.session.run("ALTER FOREIGN TABLE ads.targets ALTER %s SET STATISTICS 0" % column)
        # 300 rows are wanted of 900: the two bounds of a histogram with one bucket are the least and the greatest of them.
        places = []
        for _ in range(12):
            self.session.run("ANALYZE ads.targets")
            bounds = self.session.value("SELECT histogram_bounds::text::text[] FROM pg_stats WHERE schemaname = 'ads' AND tablename = 'targets' AND attname = 'target_id'")
            self.assertEqual(self.statistics("ads.targets")[0], 900)
            places += [sorted(ids).index(bound) for bound in bounds]
        self.assertEqual(len(places), 24)
        self.assertLess(min(places), 12)
        self.assertGreater(max(places), 900 - 12)
        self.assertGreater(len(set(places)), 2, "the same rows each time")

    def test_sample_in_little_memory(self):
        """Rows that are too large for all of them to be kept."""
        self.session.run("CREATE FOREIGN TABLE IF NOT EXISTS ads.wide (target_id text, state text, a jsonb OPTIONS (json_path '$'), b jsonb OPTIONS (json_path '$'), "
                         "c text OPTIONS (json_path '$')) SERVER amazon OPTIONS (entity 'targets')")
        self.session.run("SET maintenance_work_mem = '1MB'")
        self.session.run("SET client_min_messages = info")
        self.session.run("ANALYZE VERBOSE ads.wide")
        sampled = int(re.search(r"(\d+) rows are in the sample", self.session.take_notices()).group(1))
        self.assertLess(sampled, 900)
        self.assertGreater(sampled, 150)
        self.assertEqual(self.statistics("ads.wide")[0], 900)
        self.check_estimate("SELECT * FROM ads.wide WHERE state = 'ENABLED'")

    def test_empty_export(self):
        self.amazon(profile_ids="9007199254740993", max_age="1h")
        self.session.run("ANALYZE ads.campaigns")
        tuples, pages = self.statistics("ads.campaigns")
        self.assertEqual((tuples, pages >= 1), (0, True))
        self.assertEqual(self.estimate("SELECT * FROM ads.campaigns"), 1)

    def test_events(self):
        self.expect_error("HV00L", "ANALYZE product.amplitude_events", 'foreign table "amplitude_events" cannot be analyzed', "default_start")
        self.assertEqual(self.calls("export"), [])
        self.session.run("ALTER FOREIGN TABLE product.amplitude_events OPTIONS (ADD default_start '24h')")
        self.session.run("ANALYZE product.amplitude_events")
        self.assertEqual(self.session.take_notices(), "")  # complete hours only
        self.assertEqual(self.statistics("product.amplitude_events")[0], 24 * 40)
        self.session.run("ALTER FOREIGN TABLE product.amplitude_events OPTIONS (ADD incomplete_hours 'ignore')")
        self.check_estimate("SELECT * FROM product.amplitude_events")
        for hours in (1, 6, 40):
            self.check_estimate("SELECT * FROM product.amplitude_events WHERE server_upload_time >= date_trunc('hour', now()) - interval '%d hours' "
                                "AND server_upload_time < date_trunc('hour', now()) - interval '3 hours'" % (hours + 3))
        self.check_estimate("SELECT * FROM product.amplitude_events WHERE event_type = (SELECT event_type FROM product.amplitude_events LIMIT 1)", 5)

    def test_partitioned_table(self):
        """Foreign beside local; one that can't be sampled does not keep the others from it."""
        self.session.run("CREATE TABLE hot_and_cold (server_upload_time timestamptz NOT NULL, uuid uuid) PARTITION BY RANGE (server_upload_time)")
        self.addCleanup(lambda: self.session.run("DROP TABLE hot_and_cold"))
        self.session.run("CREATE TABLE cold PARTITION OF hot_and_cold FOR VALUES FROM (MINVALUE) TO ('2025-01-01Z')")
        self.session.run("INSERT INTO cold SELECT timestamptz '2024-01-01Z' + n * interval '1 min', md5(n::text)::uuid FROM generate_series(1, 2000) n")
        self.session.run("CREATE FOREIGN TABLE hot PARTITION OF hot_and_cold FOR VALUES FROM ('2025-01-01Z') TO (MAXVALUE) SERVER amplitude OPTIONS (entity 'amplitude_events')")
        self.session.run("ANALYZE hot_and_cold")
        self.assertIn("default_start", self.session.take_notices())
        self.assertEqual(self.calls("export"), [])
        self.assertEqual(self.statistics("cold")[0], 2000)
        self.session.run("ALTER FOREIGN TABLE hot OPTIONS (ADD default_start '24h')")
        self.session.run("ANALYZE hot_and_cold")
        self.assertEqual(self.statistics("hot")[0], 24 * 40)
        if self.session.connection.server_version >= 140000:
            self.assertEqual(self.statistics("hot_and_cold")[0], 24 * 40 + 2000)

    def test_owner(self):
        """The user mapping is the table owner's."""
        self.session.run("DROP ROLE IF EXISTS adsexport_analyst; CREATE ROLE adsexport_analyst")
        self.session.run("GRANT USAGE ON SCHEMA ads TO adsexport_analyst; GRANT USAGE ON FOREIGN SERVER amazon TO adsexport_analyst; GRANT CREATE ON SCHEMA ads TO adsexport_analyst")
        try:
            self.session.run("ALTER FOREIGN TABLE ads.ads OWNER TO adsexport_analyst")
            error = self.expect_error("28000", "ANALYZE ads.ads", "adsexport_analyst")
            self.assertIn("CREATE USER MAPPING", error.diag.message_hint)
            self.session.run("CREATE USER MAPPING FOR adsexport_analyst SERVER amazon " + support.option_list(self.amazon_mapping()))
            self.session.run("ANALYZE ads.ads")
            self.assertEqual(self.statistics("ads.ads")[0], 200)
        finally:
            self.session.run("DROP OWNED BY adsexport_analyst CASCADE; DROP ROLE adsexport_analyst")

    def test_failures(self):
        self.fault({"call": "download"}, corrupt_byte=0.5)
        self.expect_error(("HV000", "08006"), "ANALYZE ads.campaigns")
        self.clear_faults()
        before = self.session.descriptors_in_use()
        self.session.run("ANALYZE ads.campaigns")
        self.assertEqual(self.session.descriptors_in_use(), before)
        self.emulator.settings(inject=[{"entity": "campaigns", "index": 50, "path": "startDate", "literal": '"no date"'}])
        self.session.run("SELECT adsexport_forget()")
        self.expect_error("22007", "ANALYZE ads.campaigns", "start_date")
        self.session.run("ALTER FOREIGN TABLE ads.campaigns OPTIONS (ADD on_invalid 'null')")
        self.session.run("ANALYZE ads.campaigns")
        self.assertEqual(self.session.take_notices().count("WARNING"), 1)

    def test_columns(self):
        """Chosen ones, dropped ones, and a table without any."""
        self.session.run("ANALYZE ads.campaigns (state)")
        self.assertEqual(self.session.column("SELECT attname FROM pg_stats WHERE schemaname = 'ads' AND tablename = 'campaigns'"), ["state"])
        self.session.run("ALTER FOREIGN TABLE ads.ad_groups DROP COLUMN name")
        self.session.run("ANALYZE ads.ad_groups")
        self.assertEqual(self.statistics("ads.ad_groups")[0], 120)
        self.session.run("CREATE FOREIGN TABLE ads.bare () SERVER amazon OPTIONS (entity 'ads')")
        self.session.run("ANALYZE ads.bare")
        # Without a column there is nothing to sample; the server does not even ask.
        self.assertEqual(len(self.session.rows("SELECT FROM ads.bare")), 200)
        self.session.run("CREATE STATISTICS ads.both ON state, ad_product FROM ads.targets")
        self.session.run("ANALYZE ads.targets")
        self.assertEqual(self.session.value("SELECT count(*) FROM pg_statistic_ext_data"), 1)


class CancelledAnalyze(PlannerCase):
    alone = True

    def test_while_the_export_is_in_progress(self):
        self.emulator.settings(export_delay=30)
        self.check_cancelled("ANALYZE ads.campaigns", "request")

    def check_cancelled(self, statement, call):
        """Within 100 ms; what takes longer does so each time, and the scheduler of a busy machine now and then."""
        times = []
        while not times or times[-1] > 100 * support.PATIENCE and len(times) < 8:
            self.clear_log()
            self.session.run("SELECT adsexport_forget()")
            running = self.session.start(statement)
            self.wait_for_call(call)
            time.sleep(0.2)
            times.append(self.cancel(running))
            self.assertEqual(running.error.pgcode, "57014")
        self.assertLess(times[-1], 100 * support.PATIENCE, times)

    def test_while_it_reads(self):
        self.fault({"call": "download"}, drip=500)
        self.check_cancelled("ANALYZE ads.targets", "download")
        self.clear_faults()
        self.session.run("ANALYZE ads.targets")


class Estimates(PlannerCase):
    """Without ANALYZE."""

    def test_defaults(self):
        for query, rows in (("ads.campaigns", 1000), ("ads.targets", 100000), ("ads.profiles", 10), ("ads.targets WHERE state = 'PAUSED'", 33333),
                            ("ads.targets WHERE state = 'PAUSED' AND negative", 16667), ("ads.targets WHERE ad_product <> 'SPONSORED_BRANDS'", 66667),
                            ("ads.targets WHERE target_type = 'KEYWORD'", 12500), ("ads.targets WHERE target_level = 'CAMPAIGN'", 50000),
                            ("ads.targets WHERE state = 'PAUSED' AND state = 'ENABLED'", 1), ("ads.targets WHERE profile_id = '999'", 1),
                            ("product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-03Z'", 200000),
                            ("product.amplitude_events WHERE server_upload_time = '2025-03-01Z'", 4167),
                            ("product.amplitude_events WHERE server_upload_time >= now() AND server_upload_time < now() - interval '1 day'", 1),
                            ("product.amplitude_events WHERE server_upload_time >= (SELECT now())", 100000)):
            with self.subTest(query=query):
                # Version 18 knows that a contradiction has none.
                self.assertIn(self.estimate("SELECT * FROM " + query), (rows, 0 if rows == 1 else rows))
        self.assertEqual(self.calls(), [])

    def test_profiles(self):
        self.amazon(profile_ids="1111,2222,3333")
        for clause, rows in (("true", 3000), ("profile_id = '1111'", 1000), ("profile_id <> '1111'", 2000)):
            self.assertEqual(self.estimate("SELECT * FROM ads.campaigns WHERE " + clause), rows)
        self.amazon(profile_ids=None)
        for clause, rows in (("true", 1000), ("profile_id IN ('1111', '2222')", 2000)):
            self.assertEqual(self.estimate("SELECT * FROM ads.campaigns WHERE " + clause), rows)
        self.assertEqual(self.calls(), [])

    def test_clauses_count_once(self):
        """One that the request holds narrows the records; others, what is left of them."""
        whole = self.estimate("SELECT * FROM ads.targets WHERE keyword = 'shoe'")
        third = self.estimate("SELECT * FROM ads.targets WHERE keyword = 'shoe' AND state = 'PAUSED'")
        self.assertAlmostEqual(third, whole / 3, delta=2)

    def test_clauses_on_several_columns(self):
        """What the request has of them is what counts."""
        both = "(state = 'PAUSED' AND ad_product = 'SPONSORED_BRANDS') OR (state = 'ENABLED' AND ad_product = 'SPONSORED_DISPLAY')"
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE " + both), 44444)
        self.session.rows("SELECT * FROM ads.targets WHERE " + both)
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE " + both), self.session.value(
            "SELECT count(*) FROM ads.targets WHERE state <> 'ARCHIVED' AND ad_product <> 'SPONSORED_PRODUCTS'"))

    def test_long_lists(self):
        """Thousands of values: no row is lost, and the time limit of statements is kept."""
        self.amazon(profile_ids=None)
        many = "(SELECT array_agg(n::text) FROM generate_series(1, %d) n)::text[]"
        for count, rows in ((20000, 40 + 40 + 2), (900, 0)):  # of the profiles 1111, 2222 and 6666
            self.clear_log()
            self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns WHERE profile_id = ANY (%s)" % (many % count)), rows)
            self.assertEqual(self.count_calls("request") > 0, rows > 0)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.targets WHERE target_type = ANY (array_append(%s, 'KEYWORD')) AND profile_id = '1111'" % (many % 20000)),
                         sum(1 for record in self.data().records("targets", 1111) if record.get("targetType") == "KEYWORD"))

    def test_unknown_values(self):
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE p (text, boolean) AS SELECT * FROM ads.targets WHERE state = $1 AND negative = $2")
        self.assertEqual(self.estimate("EXECUTE p ('PAUSED', true)"), 16667)

    def test_option(self):
        self.session.run("ALTER FOREIGN TABLE ads.targets OPTIONS (ADD estimated_rows '600')")
        self.assertEqual(self.estimate("SELECT * FROM ads.targets"), 600)
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE state IN ('PAUSED', 'ENABLED')"), 400)
        self.session.run("ALTER FOREIGN TABLE product.amplitude_events OPTIONS (ADD estimated_rows '600')")
        self.assertEqual(self.estimate("SELECT * FROM product.amplitude_events WHERE server_upload_time = '2025-03-01Z'"), 600)

    def test_what_was_seen(self):
        """The session remembers how many records an export had."""
        real = self.session.value("SELECT count(*) FROM ads.targets WHERE state = 'PAUSED'")
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE state = 'PAUSED'"), real)
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE state = 'ENABLED'"), 33333)
        # What was read by one session is known to all, and to one that shares nothing only what it has read itself.
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE state = 'PAUSED'", self.connect()), 77)
        alone = self.connect(**{"adsexport_fdw.share_exports": "off"})
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE state = 'PAUSED'", alone), 33333)
        # Of one that was not read to its end nothing is known.
        self.session.rows("SELECT * FROM ads.ads LIMIT 3")
        self.assertEqual(self.estimate("SELECT * FROM ads.ads"), 20000)
        self.session.rows("SELECT * FROM ads.profiles")
        self.assertEqual(self.estimate("SELECT * FROM ads.profiles"), self.session.value("SELECT count(*) FROM ads.profiles"))
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.estimate("SELECT * FROM ads.targets WHERE state = 'PAUSED'"), 33333)

    def test_what_was_seen_of_an_empty_export(self):
        self.amazon(profile_ids="9007199254740993")
        self.session.rows("SELECT * FROM ads.targets")
        self.assertEqual(self.estimate("SELECT * FROM ads.targets"), 1)

    def test_what_was_seen_of_all_profiles(self):
        self.amazon(profile_ids=None)
        real = self.session.value("SELECT count(*) FROM ads.campaigns")
        self.assertEqual(self.estimate("SELECT * FROM ads.campaigns"), real)
        self.assertEqual(self.estimate("SELECT * FROM ads.campaigns WHERE profile_id = '1111'"), 40)

    def test_what_was_seen_of_events(self):
        query = "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-0%dZ' AND server_upload_time < '2025-03-0%dZ'"
        first = len(self.session.rows(query % (1, 2)))
        self.assertEqual(self.estimate(query % (1, 2)), first)
        self.assertEqual(self.estimate(query % (2, 5)), 3 * first)
        second = len(self.session.rows(query % (2, 3)))
        self.assertEqual(self.estimate(query % (1, 3)), first + second)
        # Archives that are not there count, too.
        self.assertEqual(self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time = '2025-01-01Z'"), [])
        self.assertEqual(self.estimate("SELECT * FROM product.amplitude_events WHERE server_upload_time = '2025-01-01Z'"), 1)

    def test_memory_is_bounded(self):
        """Thousands of ranges: the oldest goes."""
        self.session.run("SET client_min_messages = error")
        before = None
        for day in range(2, 4):
            self.session.run("DO $$ BEGIN FOR n IN 0 .. 700 LOOP PERFORM count(*) FROM product.amplitude_events WHERE server_upload_time = "
                             "timestamptz '201%d-01-01Z' + n * interval '1 day'; END LOOP; END $$" % day)
            if self.session.connection.server_version >= 140000 and day == 3:
                before = self.session.value("SELECT used_bytes FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext'")
        self.assertEqual(self.estimate("SELECT * FROM product.amplitude_events WHERE server_upload_time = '2013-03-01Z'"), 1)
        if before is not None:
            self.assertLess(before, 1000000)

    def test_costs(self):
        plan = self.plan("SELECT * FROM ads.campaigns")
        self.assertEqual((plan["Startup Cost"], round(plan["Total Cost"])), (10000, 10030))
        self.session.run("ALTER SERVER amazon OPTIONS (ADD fdw_startup_cost '5', ADD fdw_tuple_cost '1')")
        plan = self.plan("SELECT * FROM ads.campaigns")
        self.assertEqual((plan["Startup Cost"], round(plan["Total Cost"])), (5, 1015))
        self.session.run("ALTER FOREIGN TABLE ads.campaigns OPTIONS (ADD fdw_startup_cost '7', ADD fdw_tuple_cost '0')")
        self.assertEqual(self.plan("SELECT * FROM ads.campaigns")["Startup Cost"], 7)

    def test_joins_scan_once(self):
        """By itself the planner never scans an export again and again."""
        self.session.run("CREATE TABLE few AS SELECT n AS id, n::text AS campaign_id FROM generate_series(1, 3) n; ANALYZE few")
        self.addCleanup(lambda: self.session.run("DROP TABLE few"))
        for analyzed in (False, True):
            if analyzed:
                self.session.run("ANALYZE ads.campaigns; ANALYZE ads.targets")
            for query in ("SELECT * FROM few JOIN ads.campaigns c USING (campaign_id)", "SELECT * FROM few JOIN ads.campaigns c ON length(c.name) > few.id",
                          "SELECT * FROM ads.targets t JOIN ads.campaigns c USING (campaign_id)", "SELECT * FROM few WHERE campaign_id NOT IN (SELECT campaign_id FROM ads.campaigns)",
                          "SELECT * FROM few f WHERE EXISTS (SELECT FROM ads.campaigns c WHERE c.campaign_id = f.campaign_id)",
                          "SELECT * FROM ads.targets t LEFT JOIN ads.campaigns c ON c.campaign_id = t.campaign_id AND t.bid > c.budget_amount"):
                with self.subTest(query=query, analyzed=analyzed):
                    loops = []

                    def visit(node):
                        if node["Node Type"] == "Foreign Scan":
                            loops.append(node["Actual Loops"])
                        for child in node.get("Plans", ()):
                            visit(child)

                    visit(self.plan(query, analyze=True))
                    self.assertTrue(loops)
                    self.assertLessEqual(max(loops), 1)


class NothingInVain(PlannerCase):
    """Scans that are not read are not asked for, although exports are requested when a query starts."""

    def no_request(self, query, *values, rows=None, session=None):
        with self.subTest(query=query):
            self.clear_log()
            found = (session or self.session).rows(query, *values)
            if rows is not None:
                self.assertEqual(found, rows)
            time.sleep(0.02)  # what was sent off without being waited for would come now
            self.assertEqual(self.calls(), [])

    def test_limit(self):
        for query in ("SELECT * FROM ads.targets LIMIT 0", "SELECT * FROM ads.targets t JOIN ads.campaigns c USING (campaign_id) LIMIT 0",
                      "SELECT * FROM (SELECT * FROM ads.targets ORDER BY bid LIMIT 0) t, ads.campaigns c WHERE c.campaign_id = t.campaign_id LIMIT 0",
                      "SELECT count(*) FROM ads.targets LIMIT 0", "SELECT * FROM ads.targets FETCH FIRST 0 ROWS ONLY", "SELECT * FROM ads.targets OFFSET 3 LIMIT 0",
                      "SELECT * FROM ads.targets LIMIT length('')", "SELECT * FROM ads.campaigns UNION ALL SELECT * FROM ads.campaigns LIMIT 0"):
            self.no_request(query, rows=[])
        self.session.run("PREPARE p (int) AS SELECT * FROM ads.targets LIMIT $1")
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.no_request("EXECUTE p (0)", rows=[])
        self.assertEqual(len(self.session.rows("EXECUTE p (3)")), 3)
        self.assertEqual(len(self.session.rows("EXECUTE p (NULL)")), 300)

    def test_values_of_subqueries_that_never_run(self):
        """What an expression guards is not evaluated before."""
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE guarded (int) AS SELECT CASE WHEN $1 <> 0 THEN (SELECT count(*) FROM ads.targets WHERE state = (1 / $1)::text) ELSE -1 END")
        self.no_request("EXECUTE guarded (0)", rows=[(-1,)])
        self.assertEqual(self.session.rows("EXECUTE guarded (1)"), [(0,)])

    def test_casts_of_the_column(self):
        """Equality of another type may take words for equal that the vendor's list does not have: only the same words can be asked for."""
        self.emulator.settings(inject=[{"entity": "targets", "profile": 1111, "index": number, "path": "targetType", "literal": '"KEYWORD "'}
                                       for number in range(0, 300, 7)])
        self.addCleanup(self.emulator.settings, inject=[])
        whole = self.session.value("SELECT count(*) FROM ads.targets WHERE trim(target_type) = 'KEYWORD'")
        self.assertGreater(whole, self.session.value("SELECT count(*) FROM ads.targets WHERE target_type = 'KEYWORD'"))
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.targets WHERE target_type::bpchar = 'KEYWORD'"), whole)

    def test_conditions_without_columns(self):
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE p (boolean) AS SELECT * FROM ads.targets WHERE $1")
        self.session.run("PREPARE j (boolean) AS SELECT * FROM ads.targets JOIN ads.campaigns USING (campaign_id) WHERE $1 AND keyword IS NULL")
        self.session.run("SET adsexport_t.wanted = 'no'")
        for query in ("SELECT * FROM ads.targets WHERE false", "SELECT * FROM ads.targets WHERE current_setting('adsexport_t.wanted') = 'yes'",
                      "SELECT * FROM ads.targets WHERE NULL::boolean", "EXECUTE p (false)", "EXECUTE p (NULL)", "EXECUTE j (false)",
                      "SELECT * FROM ads.targets WHERE (SELECT current_setting('adsexport_t.wanted')) = 'yes'"):
            self.no_request(query, rows=[])
        self.assertEqual(len(self.session.rows("EXECUTE p (true)")), 300)

    def test_in_functions(self):
        self.session.run("""CREATE FUNCTION pg_temp.some(n int, wanted boolean) RETURNS SETOF text LANGUAGE plpgsql AS $$
            BEGIN RETURN QUERY SELECT target_id FROM ads.targets WHERE wanted ORDER BY 1 LIMIT n; END $$""")
        for _ in range(7):  # the later ones with a generic plan
            self.no_request("SELECT * FROM pg_temp.some(0, true)", rows=[])
            self.no_request("SELECT * FROM pg_temp.some(5, false)", rows=[])
            self.no_request("SELECT * FROM pg_temp.some(5, NULL)", rows=[])
        self.assertEqual(len(self.session.rows("SELECT * FROM pg_temp.some(5, true)")), 5)

    def test_not_run(self):
        for query in ("SELECT CASE WHEN current_setting('server_version_num')::int < 0 THEN (SELECT count(*) FROM ads.targets t WHERE t.campaign_id = n::text) END FROM generate_series(1, 2) n",):
            self.clear_log()
            self.assertEqual(self.session.rows(query), [(None,), (None,)])
            # It was asked for when the query started, but no more.
            self.assertLessEqual(self.count_calls("request"), 1)
            self.assertEqual(self.count_calls("download"), 0)
        self.clear_log()
        self.session.run("CREATE TABLE nothing_yet AS SELECT * FROM ads.ads WITH NO DATA")
        self.session.run("CREATE MATERIALIZED VIEW none_yet AS SELECT * FROM ads.ads WITH NO DATA")
        self.addCleanup(lambda: self.session.run("DROP TABLE nothing_yet; DROP MATERIALIZED VIEW none_yet"))
        self.session.run("PREPARE later AS SELECT * FROM ads.ads")
        self.session.run("EXPLAIN SELECT * FROM ads.ads")
        time.sleep(0.02)
        self.assertEqual(self.calls(), [])
        self.session.run("REFRESH MATERIALIZED VIEW none_yet")
        self.assertEqual(self.count_calls("request"), 1)

    def test_eager_where_it_is_needed(self):
        """All scans that will be read are requested before the first of them is waited for."""
        self.emulator.settings(export_delay=0.7)
        for query in ("SELECT * FROM ads.campaigns JOIN ads.targets USING (campaign_id) JOIN ads.ads USING (campaign_id) LIMIT 10",
                      "SELECT (SELECT count(*) FROM ads.campaigns), (SELECT count(*) FROM ads.targets), count(*) FROM ads.ads",
                      "WITH a AS MATERIALIZED (SELECT * FROM ads.campaigns), b AS MATERIALIZED (SELECT * FROM ads.targets) SELECT count(*) FROM a, b, ads.ads"):
            with self.subTest(query=query):
                self.session.run("SELECT adsexport_forget()")
                self.clear_log()
                self.session.rows(query)
                requests = self.calls("request")
                self.assertEqual(len(requests), 3)
                self.assertLess(requests[-1]["id"], self.calls("download")[0]["id"])


class Writes(PlannerCase):
    def test_refused(self):
        self.session.run("CREATE TEMP TABLE source AS SELECT 'x' AS campaign_id")
        for sql in ("INSERT INTO ads.campaigns (name) VALUES ('x')", "INSERT INTO ads.campaigns SELECT * FROM ads.campaigns", "INSERT INTO ads.campaigns DEFAULT VALUES",
                    "UPDATE ads.campaigns SET name = 'x'", "UPDATE ads.campaigns SET state = 'PAUSED' WHERE campaign_id = '1' RETURNING *",
                    "DELETE FROM ads.campaigns", "DELETE FROM ads.campaigns USING source s WHERE s.campaign_id = campaigns.campaign_id",
                    "INSERT INTO ads.campaigns (name) VALUES ('x') RETURNING name", "WITH gone AS (DELETE FROM ads.targets RETURNING *) SELECT count(*) FROM gone",
                    "DELETE FROM product.amplitude_events", "UPDATE ads.profiles SET daily_budget = 1"):
            with self.subTest(sql=sql):
                for text in (sql, "EXPLAIN " + sql, "EXPLAIN ANALYZE " + sql):
                    error = self.expect_error("0A000", text)
                    self.assertRegex(error.diag.message_primary, r'^cannot (insert into|update|delete from) foreign table "(campaigns|targets|amplitude_events|profiles)"$')
        error = self.expect_error(("0A000", "42809"), "TRUNCATE ads.campaigns")
        self.assertRegex(error.diag.message_primary, 'cannot truncate foreign table "campaigns"|"campaigns" is not a table')
        with self.session.connection.cursor() as cursor:
            import io
            with self.assertRaises(Exception) as caught:
                cursor.copy_expert("COPY ads.campaigns (name) FROM STDIN", io.StringIO("x\n"))
        self.assertRegex(str(caught.exception), 'cannot insert into foreign table "campaigns"')
        if self.session.connection.server_version >= 150000:
            error = self.expect_error(("0A000", "42809"), "MERGE INTO ads.campaigns c USING source s ON s.campaign_id = c.campaign_id WHEN MATCHED THEN DELETE")
            self.assertIn("campaigns", error.diag.message_primary)
            self.assertRegex(error.diag.message_detail or error.diag.message_primary, "foreign table")
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.session.rows("SELECT DISTINCT is_insertable_into FROM information_schema.tables WHERE table_schema = 'ads'"), [("NO",)])


class Explain(PlannerCase):
    """In every format the same, as section 3 of the design has it."""

    NAMES = ["Export", "Export Filter", "Exports Requested", "Exports Reused", "Wait Time", "Longest Export", "Polls", "Retries", "Bytes Downloaded", "Bytes Inflated", "Records Read"]

    def properties(self, text, form):
        """What it says of exports: name, and value as text."""
        found = []
        for line in text.splitlines():
            if form == "XML":
                match = re.match(r"\s*<([\w-]+)>(.*)</\1>$", line)
                pair = (match.group(1).replace("-", " "), match.group(2)) if match else None
            else:
                match = re.match(r'\s*"?([\w ]+)"?: ?(.*?),?\s*$', line)
                pair = match.groups() if match else None
            if pair and pair[0] in self.NAMES:
                found.append(pair)
        return found

    def test_formats(self):
        query = "SELECT name FROM ads.campaigns WHERE state = 'PAUSED' AND name <> '%%'"
        request = "POST /campaigns/export, profile 1111"
        body = '{"adProductFilter":["SPONSORED_PRODUCTS","SPONSORED_BRANDS","SPONSORED_DISPLAY"],"stateFilter":["PAUSED"]}'
        for verbose in ("", "VERBOSE, "):
            for form in ("TEXT", "JSON", "XML", "YAML"):
                with self.subTest(form=form, verbose=verbose):
                    written = {"TEXT": (request, body), "XML": (request, body)}.get(form, (json.dumps(request), json.dumps(body)))
                    text = self.explain_text(query, verbose + "FORMAT " + form)
                    self.assertEqual(self.properties(text, form), [("Export", written[0]), ("Export Filter", written[1])])
                    text = self.explain_text(query, "ANALYZE, " + verbose + "FORMAT " + form)
                    found = self.properties(text, form)
                    self.assertEqual([name for name, _ in found], self.NAMES)
                    self.assertEqual(found[:2], [("Export", written[0]), ("Export Filter", written[1])])
                    for name, value in found[2:]:
                        self.assertRegex(value, r"^\d+(\.\d+)?( ms)?$" if name in ("Wait Time", "Longest Export") else r"^\d+$")
                    self.assertEqual("ms" in dict(found)["Wait Time"], form == "TEXT")
                    real = sum(1 for record in self.data().records("campaigns", 1111) if record["state"] == "PAUSED")
                    self.assertEqual(int(dict(found)["Records Read"]), real)
        self.assertEqual(self.count_calls("request"), 1)

    def explain_text(self, query, options):
        # Without the adapter that would parse JSON.
        with self.session.connection.cursor() as cursor:
            cursor.execute("EXPLAIN (COSTS OFF, %s) %s" % (options, query.replace("%%", "%")))
            rows = cursor.fetchall()
        return "\n".join(row[0] if isinstance(row[0], str) else json.dumps(row[0], indent=2, default=float) for row in rows)

    def test_events(self):
        query = "SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 05:00Z' AND server_upload_time < '2025-03-01 07:00Z'"
        for form in ("TEXT", "XML", "YAML", "JSON"):
            request = "GET /api/2/export, hours 20250301T05 to 20250301T06"
            written = json.dumps(request) if form in ("JSON", "YAML") else request
            self.assertEqual(self.properties(self.explain_text(query, "FORMAT " + form), form), [("Export", written)])
            found = self.properties(self.explain_text(query, "ANALYZE, FORMAT " + form), form)
            self.assertEqual([name for name, _ in found], [name for name in self.NAMES if name != "Longest Export" and name != "Export Filter"])
            self.assertEqual(dict(found)["Exports Requested"], "1")

    def test_nothing_to_ask_for(self):
        text = self.explain_text("SELECT * FROM ads.campaigns WHERE state = 'NONSENSE'", "FORMAT TEXT")
        self.assertEqual(self.properties(text, "TEXT"), [("Export", "none, because the clauses cannot all hold")])

    def test_no_timing(self):
        names = [name for name, _ in self.properties(self.explain_text("SELECT * FROM ads.campaigns", "ANALYZE, TIMING OFF"), "TEXT")]
        self.assertEqual(names, [name for name in self.NAMES if name not in ("Wait Time", "Longest Export")])

    def test_never_executed(self):
        """Counters are there, and zero."""
        plan = self.plan("SELECT * FROM ads.campaigns LIMIT 0", analyze=True)["Plans"][0]
        self.assertEqual([plan[name] for name in self.NAMES[2:] if name != "Longest Export"], [0] * 8)
        self.assertEqual(self.calls(), [])

    def test_generic_plan(self):
        if self.session.connection.server_version < 160000:
            self.skipTest("GENERIC_PLAN is an option since 16")
        text = self.session.explain("SELECT * FROM ads.campaigns WHERE state = $1 AND ad_product = 'SPONSORED_BRANDS'", "GENERIC_PLAN")
        self.assertIn('"adProductFilter":["SPONSORED_BRANDS"],"stateFilter":["ENABLED","PAUSED","ARCHIVED"]', text)


class Types(PlannerCase):
    """Columns of hand-made types: pushed where that is safe."""

    def check(self, table, clause, local, **wanted):
        """The rows are those of the data for which local(record) holds; wanted: filters of the request, or nothing=True."""
        with self.subTest(table=table, clause=clause):
            self.session.run("SELECT adsexport_forget()")
            self.clear_log()
            found = self.session.value("SELECT count(*) FROM ads.%s WHERE %s" % (table, clause))
            self.assertEqual(found, sum(1 for record in self.data().records("targets", 1111) if local(record)))
            calls = self.calls("request")
            if wanted.get("nothing"):
                self.assertEqual(calls, [])
                return
            (call,) = calls
            body = json.loads(call["body"])
            self.assertEqual(body["stateFilter"], wanted.get("states", ["ENABLED", "PAUSED", "ARCHIVED"]))
            self.assertEqual(sorted(body.get("targetTypeFilter", ())), sorted(wanted.get("types", ())))
            if "products" in wanted:
                self.assertEqual(body["adProductFilter"], wanted["products"])

    def create(self, name, columns, options=""):
        self.session.run("CREATE FOREIGN TABLE ads.%s (%s) SERVER amazon OPTIONS (entity 'targets'%s)" % (name, columns, options))

    def test_enum(self):
        self.session.run("CREATE TYPE ads.state AS ENUM ('ARCHIVED', 'ENABLED', 'PAUSED', 'OTHER')")
        self.session.run("CREATE TYPE ads.kind AS ENUM (%s)" % ", ".join(
            sorted({"'%s'" % record["targetType"] for record in self.data().records("targets", 1111) if record.get("targetType")})))
        self.session.run("CREATE DOMAIN ads.state_domain AS ads.state")
        self.create("enums", "state ads.state, target_type ads.kind, twice ads.state_domain OPTIONS (json_path '@state')")
        self.check("enums", "state = 'PAUSED'", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.check("enums", "'PAUSED' = state", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.check("enums", "state <> 'PAUSED'", lambda r: r["state"] != "PAUSED", states=["ENABLED", "ARCHIVED"])
        self.check("enums", "state IN ('PAUSED', 'ENABLED')", lambda r: r["state"] != "ARCHIVED", states=["ENABLED", "PAUSED"])
        self.check("enums", "state = ANY (ARRAY['PAUSED', NULL]::ads.state[])", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.check("enums", "state = 'OTHER'", lambda r: False, nothing=True)
        self.check("enums", "state < 'PAUSED'", lambda r: r["state"] != "PAUSED")
        self.check("enums", "state::text = 'PAUSED'", lambda r: r["state"] == "PAUSED")
        self.check("enums", "twice::ads.state = 'PAUSED'", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.check("enums", "target_type = 'KEYWORD'", lambda r: r.get("targetType") == "KEYWORD", types=["KEYWORD"])
        self.check("enums", "target_type IN ('KEYWORD', 'AUTO') AND state = 'ENABLED'", lambda r: r.get("targetType") in ("KEYWORD", "AUTO") and r["state"] == "ENABLED",
                   types=["KEYWORD", "AUTO"], states=["ENABLED"])
        self.check("enums", "target_type <> 'KEYWORD'", lambda r: r.get("targetType") not in ("KEYWORD", None))

    def test_enum_that_lacks_a_value(self):
        """A row with it would be an error, so it is equal to none of the others."""
        self.session.run("CREATE TYPE ads.live AS ENUM ('ENABLED', 'PAUSED')")
        self.create("live_only", "state ads.live, target_id text")
        self.check("live_only", "state = 'PAUSED'", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.expect_error(re.compile("22P02").pattern, "SELECT * FROM ads.live_only WHERE state <> 'PAUSED'", "ARCHIVED")
        self.session.run("ALTER FOREIGN TABLE ads.live_only OPTIONS (ADD on_invalid 'null')")
        self.check("live_only", "state <> 'PAUSED'", lambda r: r["state"] == "ENABLED", states=["ENABLED", "ARCHIVED"])

    def test_enum_label_of_this_transaction(self):
        self.session.run("CREATE TYPE ads.growing AS ENUM ('ENABLED', 'PAUSED')")
        self.create("growing_states", "state ads.growing")
        self.session.run("BEGIN; ALTER TYPE ads.growing ADD VALUE 'ARCHIVED'")
        real = sum(1 for record in self.data().records("targets", 1111) if record["state"] == "PAUSED")
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.growing_states WHERE state = 'PAUSED'"), real)
        self.session.run("ROLLBACK")

    def test_text_that_folds(self):
        """Of an open list only what is written alike is asked for by name."""
        self.create("padded", "state char(12), target_type char(40), varied varchar(40) OPTIONS (json_path '@target_type')")
        self.check("padded", "state = 'PAUSED'", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.check("padded", "state = 'PAUSED   '::char(20)", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
        self.check("padded", "target_type = 'KEYWORD'", lambda r: r.get("targetType") == "KEYWORD")
        self.check("padded", "varied = 'KEYWORD'", lambda r: r.get("targetType") == "KEYWORD", types=["KEYWORD"])
        self.check("padded", "varied = 'KEYWORD '", lambda r: False)
        if self.session.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"):
            self.session.run("CREATE EXTENSION citext")
            self.create("folded", "state citext, target_type citext")
            self.check("folded", "state = 'paused'", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
            self.check("folded", "state <> 'paused'", lambda r: r["state"] != "PAUSED", states=["ENABLED", "ARCHIVED"])
            self.check("folded", "state = 'paused'::text", lambda r: False, nothing=True)
            self.check("folded", "target_type = 'KEYWORD'", lambda r: r.get("targetType") == "KEYWORD")
        if self.session.value("SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'"):
            self.session.run("CREATE COLLATION ads.ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
            self.create("collated", "state text COLLATE ads.ignoring, target_type text COLLATE ads.ignoring")
            self.check("collated", "state = 'paused'", lambda r: r["state"] == "PAUSED", states=["PAUSED"])
            self.check("collated", "state = 'paused' COLLATE \"C\"", lambda r: False, nothing=True)
            self.check("collated", "target_type = 'KEYWORD'", lambda r: r.get("targetType") == "KEYWORD")
            self.check("collated", "target_type COLLATE \"C\" = 'KEYWORD'", lambda r: r.get("targetType") == "KEYWORD", types=["KEYWORD"])

    def test_profiles_that_do_not_fit(self):
        """An id beyond bigint is equal to none, and does not get in the way."""
        self.amazon(profile_ids="1111,18446744073709551615", max_age="1h")
        self.create("numbered", "profile_id bigint, state text")
        self.check("numbered", "profile_id = 1111", lambda r: True)
        self.create("rounded", "profile_id numeric(20, -3), state text") if self.session.connection.server_version >= 150000 else None
        if self.session.connection.server_version >= 150000:
            self.amazon(profile_ids="1111", max_age="1h")
            self.create("rounded", "profile_id numeric(20, -3), state text")
            self.check("rounded", "profile_id = 1000", lambda r: True)

    def test_missing_booleans(self):
        """There is no way to ask for records without the key, so they are not left out either."""
        self.emulator.settings(inject=[{"entity": "targets", "index": index, "path": "negative", "remove": True} for index in range(0, 300, 20)])
        present = {True: 0, False: 0}
        for index, record in enumerate(self.data().records("targets", 1111)):
            if index % 20:
                present[record["negative"]] += 1
        for clause, count, asked in (("negative", present[True], [True]), ("NOT negative", present[False], [False]), ("negative IS TRUE", present[True], [True]),
                                     ("negative IS FALSE", present[False], [False]), ("negative IS NOT TRUE", present[False] + 15, None),
                                     ("negative IS NOT FALSE", present[True] + 15, None), ("negative IS NULL", 15, None), ("negative IS UNKNOWN", 15, None),
                                     ("negative IS NOT NULL", sum(present.values()), None), ("negative IS NOT TRUE AND negative IS NOT NULL", present[False], [False]),
                                     ("NOT (negative IS TRUE OR negative IS NULL)", present[False], [False]), ("negative <> ALL ('{}')", 300, None),
                                     ("negative IS NOT TRUE AND NOT negative", present[False], [False])):
            with self.subTest(clause=clause):
                self.session.run("SELECT adsexport_forget()")
                self.clear_log()
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.targets WHERE " + clause), count)
                (call,) = self.calls("request")
                self.assertEqual(json.loads(call["body"]).get("negativeFilter"), asked)

    def test_optional_parameters(self):
        """Conditions without a column decide which of the others count."""
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE p (text, text, text) AS SELECT count(*) FROM ads.targets WHERE ($1 IS NULL OR state = $1) AND ($2 = '' OR ad_product = ANY ($2::text[])) "
                         "AND (length($3) = 0 OR target_type = $3)")
        for values, states, products, types in (
                ((None, "", ""), None, None, None), (("PAUSED", "", ""), ["PAUSED"], None, None), ((None, "{SPONSORED_BRANDS}", ""), None, ["SPONSORED_BRANDS"], None),
                (("PAUSED", "{SPONSORED_PRODUCTS,SPONSORED_BRANDS}", "KEYWORD"), ["PAUSED"], ["SPONSORED_PRODUCTS", "SPONSORED_BRANDS"], ["KEYWORD"])):
            with self.subTest(values=values):
                self.session.run("SELECT adsexport_forget()")
                self.clear_log()
                found = self.session.value("EXECUTE p (%s, %s, %s)", *values)
                (call,) = self.calls("request")
                body = json.loads(call["body"])
                self.assertEqual(body["stateFilter"], states or ["ENABLED", "PAUSED", "ARCHIVED"])
                self.assertEqual(body["adProductFilter"], products or ["SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "SPONSORED_DISPLAY"])
                self.assertEqual(body.get("targetTypeFilter"), types)
                real = sum(1 for record in self.data().records("targets", 1111) if (not states or record["state"] in states)
                           and (not products or record["adProduct"] in products) and (not types or record.get("targetType") in types))
                self.assertEqual(found, real)
        # A condition that an OR guards is not evaluated in vain.
        self.assertEqual(self.session.value("EXECUTE p ('', '', '')"), 0)
        self.expect_error("22P02", "EXECUTE p (NULL, 'no array', '')")

    def test_rounded_times(self):
        """What a column rounds up into the next hour is found there."""
        self.emulator.settings(amplitude_ranges="2025-03-01T00..2025-03-01T23", events_per_hour=20,
                               inject=[{"entity": "amplitude_events", "hour": "2025-03-01T05", "index": 3, "path": "server_upload_time", "literal": '"2025-03-01 05:59:59.700000"'}])
        for kind in ("timestamptz(0)", "timestamp(0)"):
            with self.subTest(kind=kind):
                self.session.run("DROP FOREIGN TABLE IF EXISTS product.rounded; CREATE FOREIGN TABLE product.rounded (server_upload_time %s, uuid text) SERVER amplitude OPTIONS (entity 'amplitude_events')" % kind)
                self.session.run("SET TimeZone = 'UTC'")
                self.assertEqual(self.session.value("SELECT count(*) FROM product.rounded WHERE server_upload_time = '2025-03-01 06:00:00'"),
                                 self.session.value("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 05:59:59.5Z' "
                                                    "AND server_upload_time < '2025-03-01 06:00:00.5Z'"))
                exact = self.session.value("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 05:59:59.5Z' AND server_upload_time < '2025-03-01 06:59:59.5Z'")
                self.assertEqual(self.session.value("SELECT count(*) FROM product.rounded WHERE server_upload_time >= '2025-03-01 06:00:00' AND server_upload_time < '2025-03-01 07:00:00'"), exact)

    def test_system_columns(self):
        for column in ("ctid", "xmin", "cmin", "xmax", "cmax"):
            for query in ("SELECT %s FROM ads.campaigns", "SELECT 1 FROM ads.campaigns WHERE %s::text = name", "SELECT count(*) FROM ads.campaigns c JOIN ads.ads a ON a.%s::text = c.name"):
                error = self.expect_error("0A000", query % column, 'has no system column "%s"' % column)
                self.assertIn("tableoid", error.diag.message_detail)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.session.column("SELECT DISTINCT tableoid::regclass::text FROM ads.campaigns"), ["ads.campaigns"])

    def test_system_columns_of_a_partition(self):
        """Where rows are locked, the planner asks a partition for its ctid, but nobody may see the others."""
        self.session.run("CREATE TABLE by_state (campaign_id text, state text, name text) PARTITION BY LIST (state)")
        self.session.run("CREATE FOREIGN TABLE live PARTITION OF by_state FOR VALUES IN ('ENABLED', 'PAUSED') SERVER amazon OPTIONS (entity 'campaigns')")
        self.session.run("CREATE TABLE gone PARTITION OF by_state FOR VALUES IN ('ARCHIVED')")
        self.session.run("CREATE TABLE notes (campaign_id text, note text); INSERT INTO notes SELECT campaign_id FROM by_state")
        for column in ("xmin", "cmin", "xmax", "cmax"):
            for query in ("SELECT %s, campaign_id FROM by_state FOR UPDATE", "SELECT 1 FROM by_state WHERE %s::text = name FOR SHARE",
                          "UPDATE notes n SET note = b.%s::text FROM by_state b WHERE b.campaign_id = n.campaign_id"):
                self.expect_error("0A000", query % column, 'foreign table "live" has no system column "%s"' % column)
        self.assertEqual(len(self.session.rows("SELECT campaign_id FROM by_state FOR UPDATE")), len(self.session.rows("SELECT FROM notes")))
        self.session.run("UPDATE notes n SET note = b.name FROM by_state b WHERE b.campaign_id = n.campaign_id")
        self.assertEqual(self.session.value("SELECT count(*) FROM notes WHERE note IS NULL"), 0)

    def test_virtual_generated_columns(self):
        if self.session.connection.server_version < 180000:
            self.skipTest("columns are virtual since PostgreSQL 18")
        self.session.run("CREATE FOREIGN TABLE ads.named (campaign_id text, name text, length int GENERATED ALWAYS AS (length(name)) VIRTUAL) "
                         "SERVER amazon OPTIONS (entity 'campaigns')")
        expected = sorted(self.session.rows("SELECT campaign_id, name, length(name) FROM ads.campaigns"), key=repr)
        self.assertTrue(expected)
        self.session.run("CREATE TABLE ids AS SELECT campaign_id FROM ads.named; CREATE TABLE stored AS SELECT * FROM ads.named; ANALYZE ads.named")
        for query in ("SELECT * FROM ads.named", "SELECT * FROM stored", "SELECT (t).* FROM (SELECT t FROM ads.named t OFFSET 0) x",
                      "SELECT n.* FROM ads.named n JOIN ids USING (campaign_id) FOR UPDATE OF ids",
                      "SELECT n.* FROM ads.named n JOIN ids USING (campaign_id) FOR UPDATE"):
            with self.subTest(query=query):
                self.assertEqual(sorted(set(self.session.rows(query)), key=repr), sorted(set(expected), key=repr))


if __name__ == "__main__":
    unittest.main()
