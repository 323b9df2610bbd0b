"""What is asked of the remote: headers, filters, hours; and that asking for less never brings other rows."""

import datetime
import json
import random
import re
import time
import unittest

import mapping
import support

PRODUCTS = ["SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "SPONSORED_DISPLAY"]
STATES = ["ENABLED", "PAUSED", "ARCHIVED"]
MEDIA_TYPES = {"campaigns": "application/vnd.campaignsexport.v1+json", "ad_groups": "application/vnd.adgroupsexport.v1+json",
               "targets": "application/vnd.targetsexport.v1+json", "ads": "application/vnd.adsexport.v1+json"}
PATHS = {"campaigns": "/campaigns/export", "ad_groups": "/adGroups/export", "targets": "/targets/export", "ads": "/ads/export"}
UTC = datetime.timezone.utc


class RequestCase(support.TestCase):
    def body(self):
        """The filters of the only request since the last call, without those that leave nothing out."""
        (call,) = self.calls("request")
        self.clear_log()
        return json.loads(call["body"])

    def make_local(self, table, local, rows):
        """A copy of the data, made without the wrapper."""
        columns = ", ".join("%s %s" % (column, mapping.SQL_TYPES.get(kind, kind)) for column, kind, _ in mapping.COLUMNS[table])
        self.session.run("CREATE TABLE %s (%s)" % (local, columns))
        names = [column for column, _, _ in mapping.COLUMNS[table]]
        with self.session.connection.cursor() as cursor:
            for row in rows:
                # The clauses of these tests do not look into JSON.
                values = ["{}" if kind == "jsonb" else row[name] for name, kind, _ in mapping.COLUMNS[table]]
                cursor.execute("INSERT INTO %s VALUES (%s)" % (local, ", ".join(["%s"] * len(names))), values)


class Headers(RequestCase):
    def test_amazon(self):
        self.amazon()
        for table, media_type in MEDIA_TYPES.items():
            with self.subTest(table=table):
                self.clear_log()
                self.session.rows("SELECT * FROM ads.%s" % table)
                (request,) = self.calls("request")
                self.assertEqual((request["method"], request["path"], request["query"]), ("POST", PATHS[table], ""))
                headers = {name.lower(): value for name, value in request["headers"].items()}
                self.assertEqual(headers["accept"], media_type)
                self.assertEqual(headers["content-type"], media_type)
                self.assertEqual(headers["amazon-advertising-api-clientid"], support.DEFAULT_CLIENT)
                self.assertEqual(headers["amazon-advertising-api-scope"], "1111")
                self.assertEqual(request["authorization"], "Bearer")
                self.assertNotIn("expect", headers)
                body = json.loads(request["body"])
                self.assertEqual(body, {"adProductFilter": PRODUCTS, "stateFilter": STATES})
                for status in self.calls("status"):
                    headers = {name.lower(): value for name, value in status["headers"].items()}
                    self.assertEqual((status["method"], status["path"]), ("GET", "/exports/" + request["export"]))
                    self.assertEqual((headers["accept"], headers["amazon-advertising-api-scope"]), (media_type, "1111"))
                    self.assertEqual(headers["amazon-advertising-api-clientid"], support.DEFAULT_CLIENT)
                    self.assertEqual(status["authorization"], "Bearer")

    def test_token(self):
        self.amazon()
        self.session.rows("SELECT * FROM ads.campaigns")
        (token,) = self.calls("token")
        headers = {name.lower(): value for name, value in token["headers"].items()}
        self.assertEqual((token["method"], token["path"], token["query"]), ("POST", "/auth/o2/token", ""))
        self.assertEqual(headers["content-type"], "application/x-www-form-urlencoded")
        self.assertIsNone(token["authorization"])
        self.assertFalse([name for name in headers if name.startswith("amazon-")])

    def test_store(self):
        """It is told nothing but the link."""
        self.amazon(profile_ids="1111,2222")
        self.session.rows("SELECT * FROM ads.campaigns JOIN ads.ads USING (campaign_id)")
        downloads = self.calls("download")
        self.assertEqual(len(downloads), 4)
        for call in downloads:
            self.assertEqual((call["method"], call["authorization"]), ("GET", None))
            names = {name.lower() for name in call["headers"]}
            self.assertLessEqual(names, {"host", "user-agent", "accept", "range", "if-range", "connection"})

    def test_profiles(self):
        self.amazon()
        self.session.rows("SELECT * FROM ads.profiles")
        (call,) = self.calls("profiles")
        headers = {name.lower(): value for name, value in call["headers"].items()}
        self.assertEqual((call["method"], call["path"], call["query"], call["authorization"]),
                         ("GET", "/v2/profiles", "apiProgram=campaign&accessLevel=view", "Bearer"))
        self.assertNotIn("amazon-advertising-api-scope", headers)
        self.assertIn("amazon-advertising-api-clientid", headers)

    def test_amplitude(self):
        self.amplitude()
        self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time = '2025-03-01 05:10Z'")
        (call,) = self.calls()
        headers = {name.lower(): value for name, value in call["headers"].items()}
        self.assertEqual((call["method"], call["path"], call["query"], call["authorization"]),
                         ("GET", "/api/2/export", "start=20250301T05&end=20250301T05", "Basic"))
        self.assertFalse([name for name in headers if name.startswith("amazon-")])

    def test_endpoint_with_a_path(self):
        self.amplitude(endpoint=self.emulator.url + "/base/")
        with self.assertRaises(Exception):
            self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time = '2025-03-01 05:10Z'")
        self.assertEqual([call["path"] for call in self.calls()][:1], ["/base/api/2/export"])

    def test_import_and_explain_make_no_request(self):
        self.amazon(profile_ids=None)
        self.amplitude()
        for query in ("SELECT * FROM ads.campaigns WHERE state = 'PAUSED'", "SELECT * FROM ads.campaigns JOIN ads.ads USING (campaign_id)",
                      "SELECT * FROM ads.profiles", "INSERT INTO pg_temp.copy SELECT campaign_id FROM ads.campaigns",
                      "SELECT * FROM product.amplitude_events WHERE server_upload_time > now() - interval '1 day'",
                      "SELECT * FROM product.amplitude_events"):
            self.session.run("CREATE TEMP TABLE IF NOT EXISTS copy (id text)")
            for options in ("", "VERBOSE", "FORMAT JSON", "FORMAT XML", "FORMAT YAML, VERBOSE", "COSTS OFF, SETTINGS"):
                with self.subTest(query=query, options=options):
                    self.assertIn("Export", str(self.session.rows("EXPLAIN (%s) %s" % (options, query) if options else "EXPLAIN " + query)))
        self.session.run("SELECT adsexport_comment('ads')")
        self.session.rows("SELECT * FROM adsexport_columns()")
        self.session.run("PREPARE p (text) AS SELECT * FROM ads.campaigns WHERE state = $1")
        self.session.rows("EXPLAIN EXECUTE p('PAUSED')")
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.rows("EXPLAIN EXECUTE p('PAUSED')")
        self.session.rows("SELECT adsexport_fdw_version()")
        self.assertEqual(self.calls(), [])


class Explain(RequestCase):
    def test_what_is_shown(self):
        self.amazon(profile_ids="1111,2222")
        self.amplitude()
        plan = self.session.explain("SELECT * FROM ads.campaigns WHERE state <> 'ARCHIVED' AND ad_product = 'SPONSORED_BRANDS'")
        self.assertRegex(plan, r"Export: POST /campaigns/export, profiles 1111, 2222\n")
        self.assertRegex(plan, r"Export Filter: .*SPONSORED_BRANDS")
        self.assertRegex(plan, r"Filter: .*state <> 'ARCHIVED'")  # the local recheck
        shown = json.loads(re.search(r"Export Filter: (\{.*\})", plan).group(1))
        self.assertEqual(shown, {"adProductFilter": ["SPONSORED_BRANDS"], "stateFilter": ["ENABLED", "PAUSED"]})
        plan = self.session.explain("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 05:30Z' AND server_upload_time < '2025-03-02Z'")
        self.assertRegex(plan, "Export: GET /api/2/export, .*20250301T05.*20250301T23")
        plan = self.session.explain("SELECT * FROM ads.campaigns WHERE state = 'PAUSED' AND state <> 'PAUSED'")
        self.assertRegex(plan, "Export: none")
        self.assertNotIn("Export Filter", plan)

    def test_counters(self):
        self.amazon(profile_ids="1111,2222")
        self.emulator.settings(export_delay=0.3)

        def explain():
            ((plan,),) = self.session.rows("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM ads.campaigns")
            return plan[0]["Plan"]

        began = time.monotonic()
        first = explain()
        took = time.monotonic() - began
        self.assertEqual((first["Exports Requested"], first["Exports Reused"], first["Records Read"]), (2, 0, 80))
        self.assertEqual(first["Polls"], self.count_calls("status"))
        self.assertEqual(first["Retries"], 0)
        self.assertEqual(first["Bytes Downloaded"], sum(call["bytes_sent"] for call in self.calls("download")))
        self.assertGreater(first["Bytes Inflated"], first["Bytes Downloaded"])
        self.assertGreater(first["Wait Time"], 300)
        self.assertLess(first["Wait Time"], 1000 * took)
        second = explain()
        self.assertEqual((second["Exports Requested"], second["Exports Reused"], second["Records Read"]), (0, 2, 80))
        self.assertEqual(self.count_calls("request"), 2)

    def test_counters_of_retries(self):
        self.amazon()
        self.fault({"call": "status", "times": 1}, status=429, body_kind="gateway", retry_after=0)
        ((plan,),) = self.session.rows("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM ads.campaigns")
        self.assertEqual(plan[0]["Plan"]["Retries"], 1)

    def test_counters_of_events(self):
        self.amplitude()
        ((plan,),) = self.session.rows("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM product.amplitude_events "
                                       "WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-03Z'")
        plan = plan[0]["Plan"]
        self.assertEqual(plan["Records Read"], sum(1 for _ in self.data().events("2025-03-01T00", "2025-03-02T23")))
        self.assertEqual(plan["Exports Requested"], 2)
        self.assertGreater(plan["Bytes Downloaded"], 1000)

    def test_all_formats_of_analyze(self):
        self.amazon(max_age="1h")
        for options in ("ANALYZE", "ANALYZE, FORMAT XML", "ANALYZE, FORMAT YAML", "ANALYZE, TIMING OFF", "ANALYZE, BUFFERS, VERBOSE"):
            with self.subTest(options=options):
                text = self.session.explain("SELECT * FROM ads.campaigns WHERE state = 'PAUSED'", options)
                for word in ("Export", "Exports.Requested", "Exports.Reused", "Polls", "Retries", "Bytes.Downloaded", "Bytes.Inflated", "Records.Read"):
                    self.assertRegex(text, word)


class Pushdown(RequestCase):
    """Each clause: what was asked for, and that the rows are those of a local copy under the same clause."""

    profiles = ["1111", "2222", "18014398509481985", "9007199254740993"]

    def setUp(self):
        super().setUp()
        self.amazon(profile_ids=",".join(self.profiles), max_age=0)
        self.local("targets")

    def local(self, table):
        """local_TABLE holds what the four profiles have."""
        if self.session.value("SELECT to_regclass('local_%s') IS NOT NULL" % table):
            return
        rows = [mapping.expected_row(table, record, profile_id=profile, export_id="", exported_at=None)
                for profile in self.profiles for record in self.data().records(table, profile)]
        self.make_local(table, "local_" + table, rows)

    def check(self, clause, table="targets", values=(), **wanted):
        """wanted: filters of the request (those not named: absent or all), profiles (those asked), nothing=True, or anything=True."""
        with self.subTest(clause=clause, table=table):
            self.clear_log()
            key = {"targets": "target_id", "campaigns": "campaign_id"}[table]
            query = "SELECT profile_id, %s FROM %%s t WHERE %s" % (key, clause.replace("%", "%%") if not values else clause)
            found = self.session.rows(query % ("ads." + table), *values)
            self.assertCountEqual(found, self.session.rows(query % ("local_" + table), *values))
            if not wanted.get("anything"):
                self.check_requests(**wanted)

    def check_requests(self, products=None, states=None, negative=None, levels=None, types=None, profiles=None, nothing=False):
        calls = self.calls("request")
        if nothing:
            time.sleep(0.01)  # what was sent off without being waited for would come now
            self.assertEqual(self.calls(), [], "there was nothing to ask for")
            return
        self.assertEqual(sorted(call["profile"] for call in calls), sorted(profiles or self.profiles))
        for call in calls:
            body = json.loads(call["body"])
            self.assertEqual(body["adProductFilter"], products or PRODUCTS)
            self.assertEqual(body["stateFilter"], states or STATES)
            self.assertEqual(body.get("negativeFilter", "absent") if negative is not None else body.get("negativeFilter", [False, True]),
                             negative if negative is not None else [False, True])
            self.assertEqual(body.get("targetLevelFilter", ["AD_GROUP", "CAMPAIGN"]), levels or ["AD_GROUP", "CAMPAIGN"])
            self.assertEqual(sorted(body["targetTypeFilter"]) if "targetTypeFilter" in body else None, sorted(types) if types else None)

    def test_no_clause(self):
        self.check("true")
        self.check("keyword LIKE '%e%'")

    def test_state(self):
        self.check("state = 'PAUSED'", states=["PAUSED"])
        self.check("'PAUSED' = state", states=["PAUSED"])
        self.check("state IN ('PAUSED', 'ARCHIVED')", states=["PAUSED", "ARCHIVED"])
        self.check("state = ANY (ARRAY['PAUSED', 'NONSENSE', NULL])", states=["PAUSED"])
        self.check("state = ANY ('{ENABLED,PAUSED}')", states=["ENABLED", "PAUSED"])
        self.check("state <> 'ARCHIVED'", states=["ENABLED", "PAUSED"])
        self.check("state NOT IN ('ARCHIVED', 'PAUSED')", states=["ENABLED"])
        self.check("state <> ALL (ARRAY['ENABLED'])", states=["PAUSED", "ARCHIVED"])
        self.check("state = 'PAUSED' OR state = 'ENABLED'", states=["ENABLED", "PAUSED"])
        self.check("(state = 'PAUSED' OR state = 'ENABLED') AND state <> 'ENABLED'", states=["PAUSED"])
        self.check("NOT (state = 'PAUSED')", states=["ENABLED", "ARCHIVED"])
        self.check("NOT (state = 'PAUSED' OR state = 'ENABLED')", states=["ARCHIVED"])
        self.check("state = 'PAUSED' AND keyword IS NOT NULL", states=["PAUSED"])
        self.check("state::varchar = 'PAUSED'", states=["PAUSED"])
        self.check("state = 'PAUSED'::varchar(6)", states=["PAUSED"])
        self.check("state = lower('PAUSED') OR state = 'ENABLED'", states=["ENABLED"])

    def test_clauses_that_can_not_be_pushed(self):
        """They must not narrow the request."""
        self.check("state = 'PAUSED' OR keyword = 'shoe'")
        self.check("state = 'PAUSED' OR NOT negative AND keyword IS NULL")
        self.check("lower(state) = 'paused'")
        self.check("state LIKE 'P%'")
        self.check("state > 'B'")
        self.check("state IS NOT NULL")
        self.check("state = target_level OR state = 'x' OR state <> 'x'")
        self.check("coalesce(state, '') = 'PAUSED'")
        self.check("(state || '') = 'PAUSED'")
        self.check("state = (CASE WHEN random() < 2 THEN 'PAUSED' ELSE 'ENABLED' END)")
        self.check("(state = 'PAUSED') IS NOT FALSE")
        self.check("(state, ad_product) = ('PAUSED', 'SPONSORED_BRANDS')", states=["PAUSED"], products=["SPONSORED_BRANDS"])
        self.check("state::char(10) = 'PAUSED'")
        self.check("CASE WHEN state = 'PAUSED' THEN true ELSE negative END")

    def test_contradictions(self):
        for clause in ("state = 'PAUSED' AND state = 'ENABLED'", "state = 'NONSENSE'", "state = 'paused'", "state = NULL", "state IN (NULL, NULL)",
                       "state = ''", "state = 'PAUSED ' ", "state NOT IN ('ENABLED', 'PAUSED', 'ARCHIVED')", "state NOT IN ('ENABLED', NULL)",
                       "ad_product = 'SPONSORED_TELEVISION'", "negative AND NOT negative", "target_level = 'AD_GROUP' AND target_level = 'CAMPAIGN'",
                       "target_type = 'KEYWORD' AND target_type = 'PRODUCT'", "profile_id = '999'", "profile_id = '1111' AND profile_id = '2222'",
                       "state = ANY ('{}')", "state = 'PAUSED' AND ad_product <> ALL (ARRAY['SPONSORED_PRODUCTS', 'SPONSORED_BRANDS', 'SPONSORED_DISPLAY'])",
                       "negative = NULL", "profile_id = NULL", "target_type = NULL", "target_type = ANY ('{}')", "target_type IN (NULL, NULL)", "false"):
            self.check(clause, nothing=True)

    def test_contradictions_in_joins(self):
        for clause in ("c.state = 'PAUSED' AND c.state = 'ENABLED'", "c.campaign_id = t.campaign_id AND c.state = t.state AND c.state = 'PAUSED' AND t.state = 'ENABLED'",
                       "c.campaign_id = t.campaign_id AND 1 = 2", "c.campaign_id = t.campaign_id AND current_setting('work_mem') = ''"):
            with self.subTest(clause=clause):
                self.clear_log()
                self.assertEqual(self.session.rows("SELECT * FROM ads.campaigns c, ads.targets t WHERE " + clause), [])
                time.sleep(0.02)
                self.assertEqual(self.calls(), [])

    def test_ad_product(self):
        self.check("ad_product = 'SPONSORED_BRANDS'", products=["SPONSORED_BRANDS"])
        self.check("ad_product <> 'SPONSORED_BRANDS'", products=["SPONSORED_PRODUCTS", "SPONSORED_DISPLAY"])
        self.check("ad_product IN ('SPONSORED_DISPLAY', 'SPONSORED_BRANDS') AND state = 'PAUSED'", products=["SPONSORED_BRANDS", "SPONSORED_DISPLAY"],
                   states=["PAUSED"])
        # Wider than the clause, since each filter stands by itself.
        self.check("(ad_product = 'SPONSORED_BRANDS' AND state = 'PAUSED') OR (ad_product = 'SPONSORED_DISPLAY' AND state = 'ENABLED')",
                   products=["SPONSORED_BRANDS", "SPONSORED_DISPLAY"], states=["ENABLED", "PAUSED"])

    def test_ad_products_of_the_table(self):
        self.session.run("ALTER FOREIGN TABLE ads.targets OPTIONS (ADD ad_products 'SPONSORED_BRANDS,SPONSORED_DISPLAY')")
        found = self.session.value("SELECT count(*) FROM ads.targets")
        self.assertEqual(found, self.session.value("SELECT count(*) FROM local_targets WHERE ad_product <> 'SPONSORED_PRODUCTS'"))
        self.check_requests(products=["SPONSORED_BRANDS", "SPONSORED_DISPLAY"])
        self.clear_log()
        self.assertEqual(self.session.rows("SELECT 1 FROM ads.targets WHERE ad_product = 'SPONSORED_PRODUCTS'"), [])
        self.assertEqual(self.calls(), [])

    def test_negative(self):
        for clause, negative in (("negative", [True]), ("NOT negative", [False]), ("negative = true", [True]), ("negative = false", [False]),
                                 ("negative IS TRUE", [True]), ("negative IS FALSE", [False]), ("negative <> true", [False]),
                                 ("negative IN (true)", [True]), ("negative = ('t' = 't')", [True]), ("negative AND state = 'PAUSED'", [True])):
            self.check(clause, negative=negative, states=["PAUSED"] if "state" in clause else None)
        for clause in ("negative OR keyword = 'shoe'", "negative OR NOT negative", "negative IS NOT NULL", "negative IS NOT UNKNOWN"):
            self.check(clause)

    def test_negative_that_may_be_null(self):
        self.check("negative IS NOT TRUE", anything=True)
        self.check("negative IS NOT FALSE", anything=True)

    def test_target_level(self):
        self.check("target_level = 'CAMPAIGN'", levels=["CAMPAIGN"])
        self.check("target_level <> 'CAMPAIGN'", levels=["AD_GROUP"])
        self.check("target_level IN ('CAMPAIGN', 'AD_GROUP')")

    def test_target_type(self):
        self.check("target_type = 'KEYWORD'", types=["KEYWORD"])
        self.check("target_type IN ('KEYWORD', 'THEME')", types=["KEYWORD", "THEME"])
        self.check("target_type = ANY (ARRAY['KEYWORD', 'AUTO'])", types=["KEYWORD", "AUTO"])
        self.check("target_type = 'KEYWORD' OR target_type = 'PRODUCT'", types=["KEYWORD", "PRODUCT"])
        self.check("target_type IN ('KEYWORD', 'THEME') AND target_type <> 'THEME'", anything=True)

    def test_target_type_of_an_open_list(self):
        """One that only rows have, and negations, are not asked for by name; nothing gets lost."""
        for clause in ("target_type <> 'KEYWORD'", "target_type NOT IN ('KEYWORD', 'AUTO')", "NOT target_type = 'KEYWORD'",
                       "target_type = 'SEASONAL_EVENT'", "target_type = 'KEYWORD' OR state = 'PAUSED'", "target_type IS NOT NULL",
                       "target_type = 'SEASONAL_EVENT' OR target_type = 'KEYWORD'"):
            self.check(clause)
        found = self.session.value("SELECT count(*) FROM ads.targets WHERE target_type <> 'KEYWORD' AND target_type = 'SEASONAL_EVENT'")
        self.assertGreater(found, 0)

    def test_profile_id(self):
        self.check("profile_id = '1111'", profiles=["1111"])
        self.check("profile_id IN ('1111', '2222', '999')", profiles=["1111", "2222"])
        self.check("profile_id <> '1111'", profiles=self.profiles[1:])
        self.check("profile_id NOT IN ('1111', '2222')", profiles=self.profiles[2:])
        self.check("profile_id = '1111' OR profile_id = '2222'", profiles=["1111", "2222"])
        self.check("profile_id = '1111' AND state = 'PAUSED'", profiles=["1111"], states=["PAUSED"])
        self.check("profile_id LIKE '1%'")
        self.check("profile_id = '01111'", nothing=True)

    def test_profile_id_of_other_types(self):
        for kind in ("bigint", "numeric"):
            with self.subTest(id_type=kind):
                self.session.run("CREATE FOREIGN TABLE ads.%s_ids (profile_id %s, name text) SERVER amazon OPTIONS (entity 'campaigns')" % (kind, kind))
                for clause, profiles in (("= 1111", ["1111"]), ("IN (1111, 18014398509481985)", ["1111", "18014398509481985"]),
                                         ("<> 1111", self.profiles[1:]), ("= 1111.0", ["1111"] if kind == "numeric" else None)):
                    self.clear_log()
                    found = self.session.value("SELECT count(*) FROM ads.%s_ids WHERE profile_id %s" % (kind, clause))
                    if profiles:
                        self.assertEqual(sorted(call["profile"] for call in self.calls("request")), sorted(profiles), clause)
                    self.assertEqual(found, self.session.value("SELECT count(*) FROM (SELECT profile_id::numeric FROM ads.campaigns) c WHERE profile_id " + clause))

    def test_profile_id_when_profiles_are_left_out(self):
        """Only those are asked for; the list is needed to know that they exist."""
        self.amazon(profile_ids=None, max_age=0)
        self.check("profile_id = '1111'", profiles=["1111"])
        self.check("profile_id IN ('1111', '999')", profiles=["1111"])
        self.check("profile_id NOT IN ('1111', '6666')", profiles=self.profiles[1:])
        self.clear_log()
        self.assertEqual(self.session.rows("SELECT 1 FROM ads.targets WHERE profile_id = '999'"), [])
        self.assertEqual(self.calls("request"), [])
        for clause in ("profile_id = NULL", "profile_id = ANY ('{}')"):
            self.check(clause, nothing=True)

    def test_renamed_columns_and_other_string_types(self):
        self.session.run("CREATE DOMAIN ads.word AS text CHECK (length(VALUE) < 100)")
        self.session.run("CREATE FOREIGN TABLE ads.renamed (status varchar(20) OPTIONS (json_path '@state'), product ads.word OPTIONS (json_path '@ad_product'), "
                         "padded char(12) OPTIONS (json_path 'state'), state text OPTIONS (json_path 'name')) SERVER amazon OPTIONS (entity 'campaigns')")
        self.local("campaigns")

        def count(clause, local):
            self.clear_log()
            self.assertEqual(self.session.value("SELECT count(*) FROM ads.renamed WHERE " + clause),
                             self.session.value("SELECT count(*) FROM local_campaigns WHERE " + local))

        count("status = 'PAUSED'", "state = 'PAUSED'")
        self.check_requests(states=["PAUSED"])
        count("product = 'SPONSORED_BRANDS'", "ad_product = 'SPONSORED_BRANDS'")
        self.check_requests(products=["SPONSORED_BRANDS"])
        count("state = 'PAUSED'", "name = 'PAUSED'")  # it is not that column
        self.check_requests()
        count("padded = 'PAUSED'", "state = 'PAUSED'")
        count("padded <> 'PAUSED '", "state <> 'PAUSED'")

    def test_case_insensitive_text(self):
        if not self.session.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"):
            self.skipTest("citext is not installed")
        self.session.run("CREATE EXTENSION IF NOT EXISTS citext")
        self.session.run("CREATE FOREIGN TABLE ads.folded (state citext, name text) SERVER amazon OPTIONS (entity 'campaigns')")
        self.local("campaigns")
        for clause in ("state = 'paused'", "state <> 'paused'", "state IN ('paused', 'Enabled')", "state::text = 'paused'"):
            with self.subTest(clause=clause):
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.folded WHERE " + clause),
                                 self.session.value("SELECT count(*) FROM (SELECT state::citext FROM local_campaigns) c WHERE " + clause))

    def test_nondeterministic_collation(self):
        if not self.session.value("SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'"):
            self.skipTest("no ICU")
        self.session.run("CREATE COLLATION ads.folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
        self.session.run('CREATE FOREIGN TABLE ads.collated (state text COLLATE ads.folding, target_type text COLLATE ads.folding) SERVER amazon OPTIONS (entity \'targets\')')
        for clause in ("state = 'paused'", "state <> 'paused'", "target_type = 'keyword'", "target_type IN ('keyword', 'KEYWORD', 'Auto')"):
            with self.subTest(clause=clause):
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.collated WHERE " + clause),
                                 self.session.value("SELECT count(*) FROM (SELECT state COLLATE ads.folding AS state, target_type COLLATE ads.folding "
                                                    "AS target_type FROM local_targets) t WHERE " + clause))

    # Values that are known only when the query runs

    def test_prepared_statements(self):
        for mode in ("force_generic_plan", "force_custom_plan", "auto"):
            with self.subTest(mode=mode):
                self.session.run("SET plan_cache_mode = %s" % mode)
                self.session.run("PREPARE p (text, text[], boolean) AS SELECT target_id FROM ads.targets WHERE state = $1 AND ad_product = ANY ($2) "
                                 "AND negative = $3 AND profile_id = '1111'")
                for number in range(10):
                    state = STATES[number % 3]
                    products = [PRODUCTS[number % 2], PRODUCTS[2]]
                    negative = number % 4 == 0
                    self.clear_log()
                    found = self.session.column("EXECUTE p (%s, %s, %s)", state, products, negative)
                    self.check_requests(states=[state], products=products, negative=[negative], profiles=["1111"])
                    self.assertCountEqual(found, self.session.column(
                        "SELECT target_id FROM local_targets WHERE state = %s AND ad_product = ANY (%s) AND negative = %s AND profile_id = '1111'",
                        state, products, negative))
                for values in (("NONSENSE", PRODUCTS, True), (None, PRODUCTS, True), ("PAUSED", None, True), ("PAUSED", [], True), ("PAUSED", PRODUCTS, None)):
                    self.clear_log()
                    self.assertEqual(self.session.column("EXECUTE p (%s, %s::text[], %s)", *values), [])
                    self.assertEqual(self.calls(), [])
                self.session.run("DEALLOCATE p")

    def test_functions(self):
        self.session.run("""
            CREATE FUNCTION pg_temp.counted(wanted text, profiles text[]) RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE result bigint;
            BEGIN
                SELECT count(*) INTO result FROM ads.targets WHERE state = wanted AND profile_id = ANY (profiles);
                RETURN result;
            END $$""")
        for number in range(10):
            state = STATES[number % 3]
            self.clear_log()
            found = self.session.value("SELECT pg_temp.counted(%s, ARRAY['1111', '2222'])", state)
            self.check_requests(states=[state], profiles=["1111", "2222"])
            self.assertEqual(found, self.session.value("SELECT count(*) FROM local_targets WHERE state = %s AND profile_id IN ('1111', '2222')", state))

    def test_stable_expressions(self):
        self.session.run("SET adsexport_t.wanted = 'PAUSED'")
        self.check("state = current_setting('adsexport_t.wanted')", states=["PAUSED"])
        self.check("state = upper(current_setting('adsexport_t.wanted'))", states=["PAUSED"])
        self.check("state = (SELECT 'PAUSED'::text)", states=["PAUSED"])
        self.check("state = ANY (ARRAY(SELECT s FROM unnest(ARRAY['PAUSED', 'ARCHIVED']) s))", states=["PAUSED", "ARCHIVED"])
        self.check("state = ANY (string_to_array('PAUSED,ARCHIVED', ','))", states=["PAUSED", "ARCHIVED"])
        self.check("profile_id = (SELECT min(profile_id) FROM local_targets)", profiles=["1111"])

    def test_volatile_expressions(self):
        """They have another value for each row."""
        self.session.run("CREATE SEQUENCE IF NOT EXISTS ticks")
        found = self.session.value("SELECT count(*) FROM ads.targets WHERE state = (ARRAY['ENABLED', 'PAUSED', 'ARCHIVED'])[1 + nextval('ticks') % 3]")
        self.check_requests()
        self.assertGreater(found, 0)

    def test_joins_and_laterals(self):
        self.local("campaigns")
        query = ("SELECT count(*) FROM %s c JOIN %s t ON t.campaign_id = c.campaign_id AND t.profile_id = c.profile_id "
                 "WHERE c.state = 'PAUSED' AND t.negative AND c.profile_id = '1111'")
        self.assertEqual(self.session.value(query % ("ads.campaigns", "ads.targets")), self.session.value(query % ("local_campaigns", "local_targets")))
        (campaigns,) = self.calls("request", entity="campaigns")
        self.assertEqual(json.loads(campaigns["body"])["stateFilter"], ["PAUSED"])
        # The equality of profile ids is known to hold for the other side, too.
        (targets,) = self.calls("request", entity="targets")
        self.assertEqual((targets["profile"], json.loads(targets["body"])["negativeFilter"]), ("1111", [True]))
        outer = ("SELECT count(*), count(t.target_id) FROM %s c LEFT JOIN %s t ON t.campaign_id = c.campaign_id AND t.profile_id = c.profile_id AND t.state = 'PAUSED' "
                 "AND t.state <> c.state")
        self.assertEqual(self.session.rows(outer % ("ads.campaigns", "ads.targets")), self.session.rows(outer % ("local_campaigns", "local_targets")))
        lateral = ("SELECT s, n FROM (VALUES ('ENABLED'), ('PAUSED'), ('x'), (NULL)) v(s), LATERAL (SELECT count(*) AS n FROM %s t WHERE t.state = v.s "
                   "AND t.profile_id = '1111') l")
        self.assertCountEqual(self.session.rows(lateral % "ads.targets"), self.session.rows(lateral % "local_targets"))

    def test_a_clause_of_the_path(self):
        """What is computed at the table from a value beside it makes its path depend on that, and brings clauses of the join into the scan."""
        query = ("SELECT v.s, l.both FROM (VALUES ('ENABLED'), ('PAUSED')) v(s) LEFT JOIN LATERAL (SELECT concat(v.s, t.target_id) AS both FROM %s t "
                 "WHERE t.state = v.s AND t.profile_id = '1111') l ON true")
        self.assertRegex(self.session.explain(query % "ads.targets", "VERBOSE"), r"Filter: .*state = ")
        self.assertCountEqual(self.session.rows(query % "ads.targets"), self.session.rows(query % "local_targets"))

    def test_random_clauses(self):
        """Many combinations of what can and what can't be pushed; the rows must be those of the copy."""
        chance = random.Random(7)
        atoms = ["state = 'PAUSED'", "state <> 'ENABLED'", "state IN ('ENABLED', 'ARCHIVED')", "state NOT IN ('PAUSED', 'x')", "state = ANY ('{PAUSED,NULL}')",
                 "state <> ALL ('{PAUSED,NULL}')", "state IS NULL", "negative", "negative IS NOT TRUE", "negative = (keyword IS NULL)", "ad_product = 'SPONSORED_BRANDS'",
                 "ad_product <> 'SPONSORED_BRANDS'", "target_level = 'CAMPAIGN'", "target_level <> 'CAMPAIGN'", "target_type = 'KEYWORD'", "target_type <> 'KEYWORD'",
                 "target_type IN ('AUTO', 'THEME', 'SEASONAL_EVENT')", "profile_id = '1111'", "profile_id <> '1111'", "profile_id IN ('2222', '999')",
                 "keyword = 'shoe'", "bid > 1", "ad_group_id IS NULL", "state > 'F'", "NULL::boolean", "true", "false"]

        def clause(depth):
            if depth == 0 or chance.random() < 0.2:
                return chance.choice(atoms)
            kind = chance.choice(("AND", "OR", "OR", "NOT"))
            if kind == "NOT":
                return "NOT (%s)" % clause(depth - 1)
            return "(%s) %s (%s)" % (clause(depth - 1), kind, clause(depth - 1))

        self.session.run("ALTER SERVER amazon OPTIONS (SET max_age '1h')")
        for _ in range(120):
            text = clause(3)
            with self.subTest(clause=text):
                query = "SELECT profile_id, target_id FROM %s WHERE " + text
                self.assertCountEqual(self.session.rows(query.replace("%s", "ads.targets")), self.session.rows(query.replace("%s", "local_targets")))


class WithoutColumns(RequestCase):
    """A condition of which what is known has no column: it may say that there is no row, for which nothing need be asked."""

    CONDITION = "(%s = 'a' AND length(name) > 3) OR (%s = 'b' AND length(name) < 0)"

    def setUp(self):
        super().setUp()
        self.amazon(max_age=0)

    def test_known_at_the_start(self):
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE q (text) AS SELECT name FROM ads.campaigns WHERE " + self.CONDITION % ("$1", "$1"))
        self.assertEqual(self.session.rows("EXECUTE q ('c')"), [])
        self.assertEqual(self.calls(), [])
        self.assertGreater(len(self.session.rows("EXECUTE q ('a')")), 0)
        self.assertEqual(self.count_calls("request"), 1)

    def test_by_another_nodes_rows(self):
        """It is not waited for these: the requests go out before."""
        self.emulator.settings(export_delay=1)
        word = "CASE state WHEN 'ENABLED' THEN 'a' WHEN 'PAUSED' THEN 'b' END"
        rows = self.session.rows("SELECT word, (SELECT count(*) FROM ads.campaigns WHERE %s) FROM (SELECT DISTINCT %s AS word FROM ads.ads) a"
                                 % (self.CONDITION % ("word", "word"), word))
        self.assertEqual({word: count > 0 for word, count in rows}, {"a": True, "b": False, None: False})
        (request,) = self.calls("request", entity="campaigns")
        self.assertLess(request["id"], self.calls("download", entity="ads")[0]["id"])


class Hours(RequestCase):
    """Bounds on server_upload_time: which hours are asked for, and that no event on their edges gets lost."""

    emulator_options = ("--amplitude-ranges", "2014-11-09T00..2014-11-12T05,2025-03-01T00..2025-03-02T23", "--events-per-hour", "6", "--amplitude-even", "true")

    def setUp(self):
        super().setUp()
        self.amplitude(request_span="30d")
        if not self.session.value("SELECT to_regclass('local_amplitude_events') IS NOT NULL"):
            rows = [mapping.expected_row("amplitude_events", record, archive_entry="")
                    for start, end in (("2014-11-09T00", "2014-11-12T05"), ("2025-03-01T00", "2025-03-02T23")) for record in self.data().events(start, end)]
            self.make_local("amplitude_events", "local_amplitude_events", rows)

    def hours(self):
        return [(call["start"], call["end"]) for call in self.calls("export")]

    def check(self, clause, *expected, values=(), some=True):
        """expected: first and last hour of March 2025 as day and hour, e.g. '01T05', '01T07'; none: no request."""
        with self.subTest(clause=clause):
            self.clear_log()
            query = "SELECT uuid FROM %s t WHERE " + clause
            found = self.session.column(query.replace("%s", "product.amplitude_events", 1), *values)
            self.assertCountEqual(found, self.session.column(query.replace("%s", "local_amplitude_events", 1), *values))
            if some and expected:
                self.assertTrue(found, "nothing was compared")
            self.assertEqual(self.hours(), [tuple("202503" + hour for hour in expected)] if expected else [])

    def test_the_future(self):
        """There are no files of it: what EXPLAIN shows is what is asked for."""
        self.session.run("SET client_min_messages = error")
        began = datetime.datetime.now(UTC)
        for bound, hours in (("'2089-12-31'", "20250301T00 to now"), ("'infinity'", "20250301T00 to now"), ("now() + interval '1 hour'", "20250301T00 to now"),
                             ("'2025-03-01 02:00Z'", "20250301T00 to 20250301T01")):
            with self.subTest(bound=bound):
                query = "SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < " + bound
                self.assertIn("Export: GET /api/2/export, hours %s\n" % hours, self.session.explain(query) + "\n")
                self.assertIn("Export: GET /api/2/export, hours %s\n" % hours, self.session.explain(query, "ANALYZE"))
        # The hour may have changed in between.
        self.assertIn(max(self.hours())[1], [moment.strftime("%Y%m%dT%H") for moment in (began, datetime.datetime.now(UTC))])
        self.clear_log()
        query = "SELECT uuid FROM product.amplitude_events WHERE server_upload_time BETWEEN now() + interval '2 hours' AND '2089-12-31'"
        self.assertIn("Export: none, because these hours have not come yet", self.session.explain(query))
        self.assertEqual((self.session.rows(query), self.hours()), ([], []))

    def test_edges(self):
        time = "server_upload_time "
        self.check(time + "= '2025-03-01 05:00Z'", "01T05", "01T05")
        self.check(time + "= '2025-03-01 05:59:59.999999Z'", "01T05", "01T05")
        self.check(time + ">= '2025-03-01 05:00Z' AND server_upload_time < '2025-03-01 07:00Z'", "01T05", "01T06")
        self.check(time + "> '2025-03-01 05:00Z' AND server_upload_time <= '2025-03-01 07:00Z'", "01T05", "01T07")
        self.check(time + ">= '2025-03-01 05:00:00.000001Z' AND server_upload_time < '2025-03-01 07:00:00.000001Z'", "01T05", "01T07")
        self.check(time + "> '2025-03-01 05:59:59.999998Z' AND server_upload_time < '2025-03-01 06:00Z'", "01T05", "01T05")
        self.check(time + "> '2025-03-01 05:59:59.999999Z' AND server_upload_time < '2025-03-01 07:00Z'", "01T06", "01T06")
        self.check("NOT (server_upload_time <= '2025-03-01 05:59:59.999999Z') AND server_upload_time < '2025-03-01 07:00Z'", "01T06", "01T06")
        self.check(time + "BETWEEN '2025-03-01 05:30Z' AND '2025-03-01 06:00Z'", "01T05", "01T06")
        self.check(time + "BETWEEN SYMMETRIC '2025-03-01 06:00Z' AND '2025-03-01 05:30Z'", "01T05", "01T06")
        self.check("'2025-03-01 05:00Z' <= server_upload_time AND '2025-03-01 07:00Z' > server_upload_time", "01T05", "01T06")

    def test_zones(self):
        time = "server_upload_time "
        self.check(time + ">= '2025-03-01 10:30+05:30' AND server_upload_time < '2025-03-01 12:30+05:30'", "01T05", "01T06")
        self.check(time + ">= '2025-03-01 10:00+05:30' AND server_upload_time < '2025-03-01 12:00+05:30'", "01T04", "01T06")
        for zone, first, last in (("UTC", "01T05", "01T06"), ("Asia/Kolkata", "28", "01T01"), ("America/St_Johns", "01T08", "01T10"), ("Asia/Kathmandu", "28", "01T01")):
            with self.subTest(zone=zone):
                self.session.run("SET TimeZone = '%s'" % zone)
                clause = time + ">= '2025-03-01 05:00' AND server_upload_time < '2025-03-01 07:00'"
                if first == "28":
                    self.clear_log()
                    query = "SELECT uuid FROM %s WHERE " + clause
                    self.assertCountEqual(self.session.column(query.replace("%s", "product.amplitude_events")),
                                          self.session.column(query.replace("%s", "local_amplitude_events")))
                    self.assertEqual(self.hours(), [("20250228T23", "202503" + last)])
                else:
                    self.check(clause, first, last)

    def test_other_operand_types(self):
        time = "server_upload_time "
        for zone, first, last in (("UTC", "01T00", "01T23"), ("America/New_York", "01T05", "02T04"), ("Asia/Kolkata", "28T18", "01T18")):
            with self.subTest(zone=zone):
                self.session.run("SET TimeZone = '%s'" % zone)
                for clause in (time + ">= date '2025-03-01' AND server_upload_time < date '2025-03-02'",
                               time + ">= timestamp '2025-03-01 00:00' AND server_upload_time < timestamp '2025-03-02 00:00'",
                               time + ">= '2025-03-01'::date::timestamptz AND server_upload_time < '2025-03-02'::date + interval '0 hours'"):
                    self.clear_log()
                    query = "SELECT uuid FROM %s WHERE " + clause
                    self.assertCountEqual(self.session.column(query.replace("%s", "product.amplitude_events")),
                                          self.session.column(query.replace("%s", "local_amplitude_events")))
                    first_hour = "202502" + first if first.startswith("28") else "202503" + first
                    self.assertEqual(self.hours(), [(first_hour, "202503" + last)])

    def test_columns_of_other_types(self):
        """The vendor's times are UTC, whatever the session's zone."""
        self.session.run("CREATE FOREIGN TABLE product.plain (server_upload_time timestamp, uuid text) SERVER amplitude OPTIONS (entity 'amplitude_events')")
        self.session.run("CREATE FOREIGN TABLE product.days (day date OPTIONS (json_path '@server_upload_time'), uuid text) SERVER amplitude OPTIONS (entity 'amplitude_events')")
        for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
            self.session.run("SET TimeZone = '%s'" % zone)
            for table, clause in (("plain", "server_upload_time >= '2025-03-01 05:00' AND server_upload_time < '2025-03-01 07:00'"),
                                  ("plain", "server_upload_time >= '2025-03-01 05:00Z'::timestamptz AND server_upload_time < '2025-03-01 07:00Z'::timestamptz"),
                                  ("plain", "server_upload_time >= date '2025-03-01' AND server_upload_time < date '2025-03-02'"),
                                  ("days", "day = '2025-03-01'"), ("days", "day > '2025-02-27' AND day <= '2025-03-01'"),
                                  ("days", "day >= '2025-03-01' AND day < '2025-03-02'"), ("days", "day BETWEEN '2025-03-01' AND '2025-03-02'"),
                                  ("days", "day >= timestamp '2025-03-01 12:00' AND day < '2025-03-03'")):
                with self.subTest(zone=zone, clause=clause):
                    column = "server_upload_time AT TIME ZONE 'UTC' AS server_upload_time" if table == "plain" else "(server_upload_time AT TIME ZONE 'UTC')::date AS day"
                    self.assertCountEqual(
                        self.session.column("SELECT uuid FROM product.%s WHERE %s" % (table, clause)),
                        self.session.column("SELECT uuid::text FROM (SELECT uuid, %s FROM local_amplitude_events) t WHERE %s" % (column, clause)))
                    self.assertTrue(self.calls("export"))
                    self.clear_log()

    def test_lists_and_hulls(self):
        time = "server_upload_time "
        self.check(time + "IN ('2025-03-01 05:00Z', '2025-03-01 09:00Z')", "01T05", "01T09")
        self.check(time + "= ANY (ARRAY['2025-03-01 05:00Z', NULL, '2025-03-01 07:59:59.999999Z']::timestamptz[])", "01T05", "01T07")
        self.check("(server_upload_time >= '2025-03-01 05:00Z' AND server_upload_time < '2025-03-01 06:00Z') OR server_upload_time = '2025-03-01 20:00Z'", "01T05", "01T20")
        self.check("(server_upload_time < '2025-03-01 06:00Z' OR server_upload_time > '2025-03-01 20:00Z') AND server_upload_time >= '2025-03-01 04:00Z' "
                   "AND server_upload_time < '2025-03-01 22:00Z'", "01T04", "01T21")
        self.check("NOT (server_upload_time < '2025-03-01 05:00Z' OR server_upload_time >= '2025-03-01 07:00Z')", "01T05", "01T06")
        self.check(time + ">= ALL (ARRAY['2025-03-01 05:00Z', '2025-03-01 06:30Z']::timestamptz[]) AND server_upload_time < ANY "
                   "(ARRAY['2025-03-01 08:00Z', '2025-03-01 07:00Z']::timestamptz[])", "01T06", "01T07")
        self.check(time + "<> '2025-03-01 05:00Z' AND server_upload_time BETWEEN '2025-03-01 05:00Z' AND '2025-03-01 05:10Z'", "01T05", "01T05", some=False)
        self.check(time + ">= '2025-03-01 05:00Z' AND server_upload_time < '2025-03-01 06:00Z' AND event_type = 'session_start'", "01T05", "01T05", some=False)

    def test_contradictions(self):
        for clause in ("server_upload_time > '2025-03-01 06:00Z' AND server_upload_time < '2025-03-01 05:00Z'",
                       "server_upload_time >= '2025-03-01 05:00Z' AND server_upload_time < '2025-03-01 05:00Z'",
                       "server_upload_time >= NULL", "server_upload_time >= NULL::timestamptz AND server_upload_time < '2025-03-01Z'",
                       "server_upload_time = ANY ('{}'::timestamptz[])", "server_upload_time = ANY ('{NULL}'::timestamptz[])",
                       "server_upload_time = 'infinity'", "server_upload_time > 'infinity'", "server_upload_time < '-infinity'",
                       "server_upload_time >= '2025-03-01Z' AND server_upload_time > NULL::date",
                       "server_upload_time = '2025-03-01Z' AND server_upload_time = '2025-03-02Z'", "false"):
            self.check(clause)

    def test_before_the_hourly_files(self):
        for clause, expected in (
                ("server_upload_time >= '2014-11-10 05:00Z' AND server_upload_time < '2014-11-10 07:00Z'", [("20141110T00", "20141110T23")]),
                ("server_upload_time = '2014-11-11 23:59:59.999999Z'", [("20141111T00", "20141111T23")]),
                ("server_upload_time >= '2014-11-12 00:00Z' AND server_upload_time < '2014-11-12 02:00Z'", [("20141112T00", "20141112T01")]),
                ("server_upload_time >= '2014-11-11 12:00Z' AND server_upload_time < '2014-11-12 02:30Z'", [("20141111T00", "20141111T23"), ("20141112T00", "20141112T02")])):
            with self.subTest(clause=clause):
                self.clear_log()
                query = "SELECT uuid FROM %s WHERE " + clause
                found = self.session.column(query.replace("%s", "product.amplitude_events"))
                self.assertCountEqual(found, self.session.column(query.replace("%s", "local_amplitude_events")))
                self.assertTrue(found)
                self.assertCountEqual(self.hours(), expected)

    def test_no_lower_bound(self):
        for clause in ("true", "server_upload_time < '2025-03-02Z'", "event_time > '2025-03-01Z'", "server_upload_time IS NOT NULL",
                       "server_upload_time > '-infinity'", "server_upload_time <> '2025-03-01Z'", "server_upload_time >= '2025-03-01Z' OR event_type = 'x'",
                       "server_upload_time + interval '1 hour' > '2025-03-01Z'", "server_upload_time > event_time"):
            with self.subTest(clause=clause):
                error = self.expect_error("HV00L", "SELECT * FROM product.amplitude_events WHERE " + clause, 'foreign table "amplitude_events"', "lower bound")
                self.assertRegex(error.diag.message_hint, "server_upload_time >= .*default_start")
        self.assertEqual(self.calls(), [])

    def test_default_start(self):
        self.session.run("ALTER FOREIGN TABLE product.amplitude_events OPTIONS (ADD default_start '3h', ADD incomplete_hours 'ignore')")
        now = datetime.datetime.now(UTC)
        self.session.rows("SELECT * FROM product.amplitude_events")
        # The hour may have changed in between.
        form = lambda moment: moment.strftime("%Y%m%dT%H")  # noqa: E731
        ranges = [[(form(moment - datetime.timedelta(hours=3)), form(moment))] for moment in (now, datetime.datetime.now(UTC))]
        self.assertIn(self.hours(), ranges)
        self.clear_log()
        self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 05:00Z' AND server_upload_time < '2025-03-01 06:00Z'")
        self.assertEqual(self.hours(), [("20250301T05", "20250301T05")])

    def test_open_end(self):
        """Up to the current hour; what may be incomplete is warned of."""
        clause = "server_upload_time >= now() - interval '90 minutes'"
        for setting, outcome in (("warning", "warning"), ("ignore", None), ("error", "error")):
            with self.subTest(incomplete_hours=setting):
                self.session.run("ALTER SERVER amplitude OPTIONS (%s incomplete_hours '%s')" % ("ADD" if setting == "warning" else "SET", setting))
                self.clear_log()
                self.session.take_notices()
                if outcome == "error":
                    self.expect_error("HV00L", "SELECT * FROM product.amplitude_events WHERE " + clause, "incomplete")
                    self.assertEqual(self.calls(), [])
                    continue
                before = datetime.datetime.now(UTC)
                self.session.rows("SELECT * FROM product.amplitude_events WHERE " + clause)
                notices = self.session.take_notices()
                self.assertEqual("WARNING" in notices, outcome == "warning", notices)
                moments = (before, datetime.datetime.now(UTC))
                self.assertIn(self.hours(), [[((moment - datetime.timedelta(minutes=90)).strftime("%Y%m%dT%H"), moment.strftime("%Y%m%dT%H"))] for moment in moments])
        self.session.take_notices()
        self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= now() - interval '9 hours' AND server_upload_time < adsexport_complete_until()")
        self.assertEqual(self.session.take_notices(), "")

    def test_future(self):
        self.session.run("ALTER SERVER amplitude OPTIONS (ADD incomplete_hours 'ignore')")
        self.clear_log()
        self.assertEqual(self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= now() + interval '2 hours'"), [])
        self.assertEqual(self.calls(), [])

    def test_spans(self):
        self.amplitude(request_span="5h")
        self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 03:00Z' AND server_upload_time < '2025-03-01 15:00Z'")
        self.assertCountEqual(self.hours(), [("20250301T03", "20250301T07"), ("20250301T08", "20250301T12"), ("20250301T13", "20250301T14")])
        self.amplitude()  # the default: a day
        self.clear_log()
        self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 12:00Z' AND server_upload_time < '2025-03-03 00:00Z'")
        hours = sorted(self.hours())
        self.assertEqual((hours[0][0], hours[-1][1], len(hours)), ("20250301T12", "20250302T23", 2))

    def test_never_more_than_concurrency(self):
        for concurrency in (1, 3):
            with self.subTest(concurrency=concurrency):
                self.emulator.reset()
                self.emulator.settings(amplitude_delay=0.3)
                self.amplitude(request_span="4h", concurrency=concurrency)
                count = self.session.value("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-03Z'")
                self.assertEqual(count, 48 * 6)
                self.assertEqual(self.count_calls("export"), 12)
                spans = [(call["time"], call["time"] + call["seconds"]) for call in self.calls("export")]
                most = max(sum(1 for begin, end in spans if begin <= moment < end) for moment, _ in spans)
                self.assertEqual(most, concurrency)

    def test_prepared_statements(self):
        for mode in ("force_generic_plan", "auto"):
            with self.subTest(mode=mode):
                self.session.run("SET plan_cache_mode = %s" % mode)
                self.session.run("PREPARE p (timestamptz, interval) AS SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= $1 AND server_upload_time < $1 + $2")
                for number in range(10):
                    self.clear_log()
                    start = datetime.datetime(2025, 3, 1, number, 0, tzinfo=UTC)
                    found = self.session.column("EXECUTE p (%s, '2 hours')", start)
                    self.assertEqual(self.hours(), [("20250301T%02d" % number, "20250301T%02d" % (number + 1))])
                    self.assertEqual(len(found), 12)
                self.clear_log()
                self.assertEqual(self.session.column("EXECUTE p (NULL, '2 hours')"), [])
                self.assertEqual(self.session.column("EXECUTE p ('2025-03-01Z', NULL)"), [])
                self.assertEqual(self.calls(), [])
                self.session.run("DEALLOCATE p")

    def test_functions_and_stable_expressions(self):
        self.session.run("""
            CREATE FUNCTION pg_temp.counted(since timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
            BEGIN
                RETURN (SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= since AND server_upload_time < since + interval '1 hour');
            END $$""")
        for number in range(8):
            self.clear_log()
            self.assertEqual(self.session.value("SELECT pg_temp.counted(%s)", datetime.datetime(2025, 3, 1, number, 0, tzinfo=UTC)), 6)
            self.assertEqual(self.hours(), [("20250301T%02d" % number,) * 2])
        self.session.run("CREATE TABLE IF NOT EXISTS loaded (uuid uuid, server_upload_time timestamptz)")
        self.session.run("TRUNCATE loaded")
        load = ("INSERT INTO loaded SELECT uuid, server_upload_time FROM product.amplitude_events WHERE server_upload_time >= "
                "coalesce((SELECT max(server_upload_time) + interval '1 microsecond' FROM loaded), '2025-03-01 00:00Z') AND server_upload_time < %s")
        for hour in (5, 9, 9, 14):
            self.session.run(load, datetime.datetime(2025, 3, 1, hour, 0, tzinfo=UTC))
        self.assertEqual(self.session.rows("SELECT count(*), count(DISTINCT uuid) FROM loaded"), [(14 * 6, 14 * 6)])

    def test_far_bounds(self):
        self.session.run("ALTER SERVER amplitude OPTIONS (ADD incomplete_hours 'ignore')")
        for clause in ("server_upload_time = '0001-01-01 00:00Z'", "server_upload_time = '9999-12-31 23:00Z'", "server_upload_time = '294276-12-31Z'",
                       "server_upload_time = '4713-01-01 BC'"):
            with self.subTest(clause=clause):
                # No rows, or an error that says why; no crash, no endless list of requests.
                try:
                    self.assertEqual(self.session.rows("SELECT 1 FROM product.amplitude_events WHERE " + clause), [])
                except Exception as problem:
                    self.assertEqual(getattr(problem, "pgcode", None), "22008", problem)

    def test_bounds_at_the_ends_of_a_zone(self):
        """Where they are no timestamp, the server compares them nevertheless."""
        self.session.run("ALTER SERVER amplitude OPTIONS (ADD incomplete_hours 'ignore')")
        self.session.run("CREATE FOREIGN TABLE product.zoneless (server_upload_time timestamp) SERVER amplitude OPTIONS (entity 'amplitude_events')")
        hour = "server_upload_time >= '2025-03-01 05:00' AND server_upload_time < '2025-03-01 06:00'"
        for zone, clause in (("Asia/Tokyo", "server_upload_time < '294276-12-31 23:59:59+00'::timestamptz"),
                             ("America/New_York", "server_upload_time > '4714-11-24 00:00:00+00 BC'::timestamptz")):
            with self.subTest(zone=zone):
                self.session.run("SET TimeZone = '%s'" % zone)
                self.assertEqual(self.session.value("SELECT count(*) FROM product.zoneless WHERE %s AND %s" % (hour, clause)),
                                 self.session.value("SELECT count(*) FROM product.zoneless WHERE " + hour))

    def test_random_ranges(self):
        chance = random.Random(11)
        base = datetime.datetime(2025, 3, 1, 0, 0, tzinfo=UTC)
        zones = ("UTC", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe")

        def moment():
            minutes = chance.choice((0, 0, 0, 1, 30, 59))
            text = (base + datetime.timedelta(hours=chance.randrange(2, 40), minutes=minutes, microseconds=chance.choice((0, 0, 1, -1)))).isoformat()
            return "'%s'::timestamptz" % text if chance.random() < 0.7 else "'%s'::timestamp" % text[:-6]

        def atom():
            kind = chance.randrange(6)
            if kind == 0:
                return "server_upload_time BETWEEN %s AND %s" % (moment(), moment())
            if kind == 1:
                return "server_upload_time IN (%s, %s)" % (moment(), moment())
            if kind == 2:
                return "event_id > 2"
            return "server_upload_time %s %s" % (chance.choice(("<", "<=", ">", ">=", "=", "<>")), moment())

        def clause(depth):
            if depth == 0:
                return atom()
            kind = chance.choice(("AND", "OR", "NOT", "atom"))
            if kind == "NOT":
                return "NOT (%s)" % clause(depth - 1)
            if kind == "atom":
                return atom()
            return "(%s) %s (%s)" % (clause(depth - 1), kind, clause(depth - 1))

        bounds = "server_upload_time >= '2025-03-01 00:00Z' AND server_upload_time < '2025-03-03 00:00Z' AND (%s)"
        for _ in range(80):
            text = bounds % clause(3)
            self.session.run("SET TimeZone = '%s'" % chance.choice(zones))
            with self.subTest(clause=text):
                query = "SELECT uuid FROM %s WHERE " + text
                self.assertCountEqual(self.session.column(query.replace("%s", "product.amplitude_events")),
                                      self.session.column(query.replace("%s", "local_amplitude_events")))


if __name__ == "__main__":
    unittest.main()
