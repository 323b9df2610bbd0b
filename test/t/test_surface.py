"""What a user sees beside rows: plans, notices, log lines, names of waits, functions, psql, dumps, and updates."""

import os
import re
import subprocess
import tempfile
import time
import unittest

import psycopg2

import support
import client  # noqa: E402  (found by support, as pages is)
import pages  # noqa: E402

CAMPAIGNS = "SELECT count(*) FROM ads.campaigns"
EVENTS = "SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-03Z'"


CHECKOUT = os.path.dirname(os.path.dirname(support.FOLDER))


def version():
    return support.Session("postgres").value("SELECT current_setting('server_version_num')::int / 10000")


class SurfaceCase(support.TestCase):
    def role(self, name):
        self.session.run("DO $$ BEGIN CREATE ROLE %s; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % name)
        return name


class Explain(SurfaceCase):
    """Without ANALYZE, what is known without asking anybody."""

    def check_profiles(self, wanted, sql="SELECT * FROM ads.campaigns", session=None):
        self.assertRegex((session or self.session).explain(sql), r"Export: POST /campaigns/export, %s\n" % wanted)
        self.assertEqual(self.calls(), [])

    def test_profiles_of_the_user_mapping(self):
        self.amazon(profile_ids=None, mapping=self.amazon_mapping(profile_ids="2222, 1111"))
        self.check_profiles("profiles 2222, 1111")
        self.check_profiles("profile 1111", "SELECT * FROM ads.campaigns WHERE profile_id = '1111'")
        plan = self.session.value("EXPLAIN (FORMAT JSON) SELECT * FROM ads.campaigns")
        self.assertEqual(plan[0]["Plan"]["Export"], "POST /campaigns/export, profiles 2222, 1111")

    def test_mapping_wins_over_server_and_table_over_mapping(self):
        self.amazon(profile_ids="1111", mapping=self.amazon_mapping(profile_ids="2222"))
        self.check_profiles("profile 2222")
        self.session.run("ALTER FOREIGN TABLE ads.campaigns OPTIONS (ADD profile_ids '7,8')")
        self.check_profiles("profiles 7, 8")

    def test_no_mapping_and_half_a_mapping(self):
        self.amazon(profile_ids=None)
        self.session.run("DROP USER MAPPING FOR CURRENT_USER SERVER amazon")
        self.check_profiles("all profiles")
        self.session.run("CREATE USER MAPPING FOR PUBLIC SERVER amazon OPTIONS (profile_ids '6')")
        self.check_profiles("profile 6")

    def test_the_user_that_the_scan_runs_as(self):
        self.amazon(profile_ids=None, mapping=self.amazon_mapping(profile_ids="1111"))
        role = self.role("adsexport_t_reader")
        self.session.run("GRANT USAGE ON SCHEMA ads TO %s; GRANT SELECT ON ads.campaigns TO %s" % (role, role))
        self.session.run("CREATE USER MAPPING FOR %s SERVER amazon OPTIONS (profile_ids '4')" % role)
        self.session.run("CREATE VIEW ads.shown AS SELECT * FROM ads.campaigns; GRANT SELECT ON ads.shown TO %s" % role)
        self.session.run("SET ROLE %s" % role)
        self.check_profiles("profile 4")
        self.check_profiles("profile 1111", "SELECT * FROM ads.shown")
        self.session.run("RESET ROLE")
        self.session.run("DROP SCHEMA ads CASCADE; DROP SERVER amazon CASCADE; DROP ROLE %s" % role)


class Waits(SurfaceCase):
    """What a wait is for is said in a notice and, since version 17, is its name in pg_stat_activity."""

    def setUp(self):
        super().setUp()
        self.session = self.connect(**{"adsexport_fdw.progress_interval": "100ms"})

    def check_wait(self, sql, event, notice, call=None, count=1):
        """call: what must have come in so often, so that the wait begins."""
        before = self.count_calls(call) if call else 0
        running = self.session.start(sql)
        if call:
            self.wait_for_call(call, before + count)
        if version() >= 17:
            watcher = self.connect()
            self.eventually(lambda: watcher.rows("SELECT wait_event_type, wait_event FROM pg_stat_activity WHERE pid = %s", self.session.pid)
                            == [("Extension", event)], "wait " + event)
        time.sleep(0.5)
        self.cancel(running)
        self.check_error(running.error, "57014")
        self.assertRegex(self.session.take_notices(), "(?m)^NOTICE:  %s$" % notice)

    def test_token(self):
        self.amazon()
        self.fault({"call": "token"}, hang=True)
        self.check_wait(CAMPAIGNS, "AdsexportAccessToken", r"campaigns, profile 1111, export not yet requested: waiting for an access token for 0 s", "token")

    def test_token_of_the_listing(self):
        self.amazon(profile_ids=None)
        self.fault({"call": "token"}, hang=True)
        self.check_wait(CAMPAIGNS, "AdsexportAccessToken", r"campaigns: waiting for an access token for 0 s", "token")

    def test_profiles(self):
        self.amazon(profile_ids=None)
        self.fault({"call": "profiles"}, hang=True)
        self.check_wait(CAMPAIGNS, "AdsexportProfileList", r"campaigns: waiting for the list of profiles for 0 s", "profiles")
        self.check_wait("SELECT * FROM ads.profiles", "AdsexportProfileList",
                        r"profiles, the list of profiles: waiting for the list of profiles for 0 s", "profiles")

    def test_export(self):
        self.emulator.settings(export_delay=60)
        self.amazon()
        self.check_wait(CAMPAIGNS, "AdsexportExport", r"campaigns, profile 1111, export \S+: export in progress for 0 s", "request")

    def test_place(self):
        self.emulator.settings(export_delay=60)
        self.amazon(max_jobs=1)
        self.session.run("BEGIN; DECLARE c CURSOR FOR SELECT * FROM ads.campaigns")
        self.session.run("CREATE FOREIGN TABLE ads.others (name text) SERVER amazon OPTIONS (entity 'campaigns', profile_ids '2222')")
        self.check_wait("SELECT * FROM ads.others", "AdsexportPlace",
                        r"others, profile 2222, export not yet requested: waiting for other exports to finish for 0 s")

    def test_places_of_what_was_forgotten(self):
        """The vendor goes on with it; that is what all exports of a scan wait for."""
        self.emulator.settings(export_delay=60)
        self.amazon(max_jobs=1)
        self.check_wait(CAMPAIGNS, "AdsexportExport", r"campaigns, profile 1111, export \S+: export in progress for 0 s", "request")
        self.session.run("SELECT adsexport_forget()")
        self.session.run("CREATE FOREIGN TABLE ads.others (name text) SERVER amazon OPTIONS (entity 'campaigns', profile_ids '1111,2222')")
        self.check_wait("SELECT * FROM ads.others", "AdsexportPlace",
                        r"others: 0 of 2 exports read, 2 queued; waiting for other exports to finish for 0 s")
        self.assertEqual(self.count_calls("request"), 1)

    def test_retry(self):
        self.amazon()
        self.fault({"call": "request"}, status=500)
        self.check_wait(CAMPAIGNS, "AdsexportRetry", r"campaigns, profile 1111, export not yet requested: waiting to try again for 0 s "
                        r"\(try 2 of 2; last: could not request an export: HTTP status 500 \(internal server error\)\)", "request")

    def test_download(self):
        self.amazon()
        self.fault({"call": "download"}, hang=True)
        self.check_wait(CAMPAIGNS, "AdsexportDownload", r"campaigns, profile 1111, export \S+: waiting for the download for 0 s", "download")
        self.clear_faults()
        self.fault({"call": "download"}, stall_after=0.6)
        self.check_wait("SELECT count(*) FROM ads.targets", "AdsexportDownload", r"targets, profile 1111, export \S+: downloaded 0\.0 of 0\.0 MB, \d+ rows", "download")

    def test_archive(self):
        self.amplitude()
        self.fault({"call": "export"}, hang=True)
        one_span = EVENTS + " AND server_upload_time < '2025-03-01 23:00Z'"
        self.check_wait(one_span, "AdsexportExport", r"amplitude_events, hours 20250301T00 to 20250301T22: export in progress for 0 s", "export")
        self.check_wait(EVENTS, "AdsexportExport", r"amplitude_events: 0 of 2 exports read, 2 in progress; longest: hours 20250301T00 to 20250301T23, for 0 s",
                        "export", 2)
        self.clear_faults()
        self.fault({"call": "export"}, stall_after=0.5)
        # It comes in chunks, without a length.
        self.check_wait(one_span, "AdsexportDownload", r"amplitude_events, hours \S+ to \S+: downloaded 0\.\d MB, \d+ rows", "export")
        self.check_wait(EVENTS, "AdsexportDownload",
                        r"amplitude_events: 0 of 2 exports read, 2 in progress; longest: hours \S+ to \S+, for 0 s; hours \S+ to \S+: downloaded 0\.\d MB, \d+ rows", "export", 2)


class Amounts(support.TestCase):
    """How much of how much."""

    emulator_options = ("--targets", "40000")

    def test_notices_of_a_download(self):
        self.amazon()
        self.fault({"call": "download"}, drip=3000000)
        session = self.connect(**{"adsexport_fdw.progress_interval": "100ms"})
        self.assertEqual(session.value("SELECT count(*) FROM ads.targets"), 40000)
        self.wait_for_answer("download")
        size = self.calls("download")[0]["bytes_sent"]
        found = re.findall(r"targets, profile 1111, export \S+: downloaded ([0-9.]+) of ([0-9.]+) MB, (\d+) rows", session.take_notices())
        self.assertGreater(len(found), 1)
        for done, total, rows in found:
            self.assertAlmostEqual(float(total), size / 1e6, delta=0.051)
            self.assertLessEqual(float(done), float(total))
            self.assertLessEqual(int(rows), 40000)
        self.assertEqual([float(done) for done, total, rows in found], sorted(float(done) for done, total, rows in found))
        self.assertGreater(int(found[-1][2]), 0)

    def test_total_by_content_length(self):
        self.emulator.settings(amplitude_content_length=True)
        self.amplitude()
        self.fault({"call": "export"}, drip=200000)
        session = self.connect(**{"adsexport_fdw.progress_interval": "100ms"})
        session.value(EVENTS)
        self.assertRegex(session.take_notices(), r"amplitude_events: \d of 2 exports read, .*; hours \S+ to \S+: downloaded 0\.\d of 0\.\d MB, \d+ rows")


class Log(SurfaceCase):
    needs_log = True
    alone = False

    def setUp(self):
        super().setUp()
        self.session.run("SET adsexport_fdw.log_exports = on")
        self.begin = support.cluster().log_size()

    def lines(self, pid=None):
        """What was logged of exports by this session."""
        text = support.cluster().log_text(self.begin)
        self.begin = support.cluster().log_size()
        return re.findall(r"(?m)\[%d\] 00000 LOG:  (export .*)$" % (pid or self.session.pid), text)

    def test_one_for_each_export(self):
        self.amazon(profile_ids="1111,9007199254740993")
        self.session.rows("SELECT * FROM ads.campaigns")
        self.wait_for_answer("download", 2)
        download = {call["profile"]: call["bytes_sent"] for call in self.calls("download")}
        for line, profile, records in zip(sorted(self.lines()), ("1111", "9007199254740993"), (40, 0)):
            self.assertRegex(line, r'^export read: table "campaigns", server "amazon", profile %s, export \S{51}, \d+\.\d{3} s, '
                                   r'polls \d+, retries 0, bytes %d, records %d$' % (profile, download[profile], records))

    def test_one_for_each_span(self):
        self.amplitude()
        self.session.value(EVENTS)
        lines = sorted(self.lines())
        self.assertEqual(len(lines), 2)
        for line, hours in zip(lines, ("20250301T00 to 20250301T23", "20250302T00 to 20250302T23")):
            self.assertRegex(line, r'^export read: table "amplitude_events", server "amplitude", hours %s, \d+\.\d{3} s, polls 0, retries 0, '
                                   r'bytes [1-9]\d*, records [1-9]\d*$' % hours)

    def test_empty_left_and_failed(self):
        self.amplitude()
        self.session.rows("SELECT 1 FROM product.amplitude_events WHERE server_upload_time = '2024-01-01Z'")
        self.assertRegex("\n".join(self.lines()), "^export empty: .* records 0$")
        self.session.rows("SELECT 1 FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-02Z' LIMIT 1")
        self.assertRegex("\n".join(self.lines()), "^export left: .* records [1-9][0-9]*$")
        self.fault({"call": "export"}, status=403, body_kind="text", message="Invalid API Key")
        self.expect_error("28000", EVENTS)
        self.assertRegex("\n".join(self.lines()), "^export failed: .* records 0, SQLSTATE 28000$")
        self.amazon(max_retries=3)
        self.fault({"call": "status", "times": 1}, status=500)
        self.fault({"call": "request"}, failed="INTERNAL_ERROR")
        self.expect_error("HV000", CAMPAIGNS)
        self.assertRegex("\n".join(self.lines()), "^export failed: .* profile 1111, .* retries [1-9][0-9]*, .* records 0, SQLSTATE HV000$")

    def test_retries(self):
        self.amazon(max_retries=3)
        self.fault({"call": "download", "times": 1}, cut_after=0.5)
        self.session.value(CAMPAIGNS)
        (line,) = self.lines()
        self.assertIn(", retries 1, ", line)

    def test_only_when_asked_for(self):
        self.amazon()
        self.session.run("RESET adsexport_fdw.log_exports")
        self.session.value(CAMPAIGNS)
        self.assertEqual(self.lines(), [])
        role = self.role("adsexport_t_logger")
        self.session.run("SET ROLE %s" % role)
        self.expect_error("42501", "SET adsexport_fdw.log_exports = on", "permission denied to set parameter")


class Functions(SurfaceCase):
    def test_columns_that_are_promised(self):
        self.amazon()
        for function, columns in (("adsexport_check('amazon')", "step ok detail hint"), ("adsexport_columns()", "table_name column_name data_type json_path ad_products description"),
                                  ("adsexport_exports()", "server user_name entity profile_id part request export_id status requested_at completed_at "
                                                        "generated_at polls requests retries bytes_downloaded bytes_inflated records error file_size sessions waiting pid")):
            with self.session.connection.cursor() as cursor:
                cursor.execute("SELECT * FROM %s" % function)
                self.assertEqual([column.name for column in cursor.description], columns.split())
            documented = open(os.path.join(support.FOLDER, "../../docs/functions.md")).read()
            for column in columns.split():
                self.assertRegex(documented, r"(?m)^\| `%s` \|" % column, "%s is not documented" % column)

    def exports(self):
        return self.session.table("SELECT * FROM adsexport_exports()")

    def test_exports_of_amplitude(self):
        self.amplitude()
        rows = self.session.value(EVENTS)
        self.wait_for_answer("export", 2)
        first, second = sorted(self.exports(), key=lambda row: row["part"])
        self.assertEqual((first["server"], first["entity"], first["profile_id"], first["export_id"], first["generated_at"], first["error"]),
                         ("amplitude", "amplitude_events", None, None, None, None))
        self.assertEqual((first["part"], first["request"]), ("hours 20250301T00 to 20250301T23", {"start": "20250301T00", "end": "20250301T23"}))
        self.assertEqual((second["status"], second["requests"], second["retries"], second["polls"]), ("COMPLETED", 1, 0, 0))
        self.assertEqual(first["records"] + second["records"], rows)
        self.assertEqual({first["bytes_downloaded"], second["bytes_downloaded"]}, {call["bytes_sent"] for call in self.calls("export")})
        self.assertGreater(first["bytes_inflated"], first["bytes_downloaded"])
        self.assertLessEqual(first["requested_at"], first["completed_at"])
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.exports(), [])

    def test_exports_of_amplitude_that_do_not_end_well(self):
        self.amplitude()
        self.fault({"call": "export", "times": 2}, status=500)
        self.expect_error("08006", "SELECT * FROM product.amplitude_events WHERE server_upload_time = '2025-03-01Z'")
        (failed,) = self.exports()
        self.assertEqual((failed["status"], failed["requests"], failed["retries"], failed["completed_at"]), ("FAILED", 2, 1, None))
        self.assertIn("HTTP status 500", failed["error"])
        self.session.run("SELECT adsexport_forget()")
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + EVENTS.replace("count(*)", "uuid"))
        self.session.rows("FETCH 1 FROM c")
        self.assertEqual({row["status"] for row in self.exports()}, {"REQUESTED"})
        self.session.run("SELECT adsexport_forget()")  # not what is in use
        self.assertNotEqual(self.exports(), [])
        self.session.run("ROLLBACK")
        self.assertEqual({row["status"] for row in self.exports()}, {"DROPPED"})

    def test_many_are_not_kept_for_ever(self):
        self.amplitude(request_span="1h", concurrency=5)
        self.session.run("SET statement_timeout = 0")
        self.session.value("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2024-01-01Z' AND server_upload_time < '2024-02-15Z'")
        self.assertEqual(self.session.value("SELECT count(*) FROM adsexport_exports()"), 1000)


class Writing(SurfaceCase):
    def test_copy_and_others(self):
        """What is not planned as a change gets the server's own words."""
        self.amazon()
        self.expect_error("0A000", "INSERT INTO ads.ads SELECT * FROM ads.ads", 'cannot insert into foreign table "ads"', "read only", "CREATE TABLE")
        self.expect_error("0A000", "EXPLAIN DELETE FROM ads.ads", 'cannot delete from foreign table "ads"')
        with self.session.connection.cursor() as cursor, self.assertRaises(psycopg2.Error) as caught:
            cursor.copy_expert("COPY ads.ads FROM STDIN", open(os.devnull))
        self.check_error(caught.exception, ("0A000", "42809"), 'cannot insert into foreign table "ads"')
        self.expect_error("42809", "TRUNCATE ads.ads") if version() < 14 else self.expect_error("0A000", "TRUNCATE ads.ads")
        self.assertEqual(self.calls(), [])

    def test_inherited(self):
        self.amazon()
        self.session.run("CREATE TABLE ads.parent (name text)")
        self.session.run("CREATE FOREIGN TABLE ads.child () INHERITS (ads.parent) SERVER amazon OPTIONS (entity 'campaigns')")
        self.expect_error("0A000", "UPDATE ads.parent SET name = 'x'", 'cannot update foreign table "child"')
        self.session.run("INSERT INTO ads.parent VALUES ('local')")
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.parent"), 41)


class Access(SurfaceCase):
    """Who may do what."""

    def test_an_owner_who_is_no_superuser(self):
        self.amazon(proxy="")
        role = self.role("adsexport_t_owner")
        self.session.run("GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO %s; ALTER SERVER amazon OWNER TO %s; "
                         "GRANT USAGE, CREATE ON SCHEMA ads TO %s" % (role, role, role))
        self.session.run("SET adsexport_fdw.allow_loopback = on; SET ROLE %s" % role)
        self.expect_error("42501", "ALTER SERVER amazon OPTIONS (SET proxy 'http://127.0.0.1:3128')", 'permission denied to set option "proxy"', "superusers")
        self.expect_error("42501", "ALTER SERVER amazon OPTIONS (ADD ca_file '/etc/passwd')", 'permission denied to set option')
        # Nobody's secret is used by who has no mapping, and an incomplete one is not filled up from anywhere.
        self.session.run("CREATE FOREIGN TABLE ads.mine (name text) SERVER amazon OPTIONS (entity 'campaigns')")
        self.expect_error("28000", "SELECT * FROM ads.mine", "no user mapping for user \"%s\"" % role, "CREATE USER MAPPING FOR %s SERVER amazon" % role)
        self.session.run("CREATE USER MAPPING FOR %s SERVER amazon OPTIONS (client_id 'x')" % role)
        self.expect_error("28000", "SELECT * FROM ads.mine", "lacks credentials: client_secret, refresh_token", "ALTER USER MAPPING FOR %s SERVER amazon" % role)
        self.session.run("ALTER SERVER amazon OPTIONS (DROP proxy)")
        self.session.run("ALTER SERVER amazon OPTIONS (ADD max_age '1h')")
        self.assertEqual(self.calls(), [])
        self.session.run("RESET ROLE")
        self.session.run("DROP SCHEMA ads CASCADE; DROP SERVER amazon CASCADE; REVOKE USAGE ON FOREIGN DATA WRAPPER adsexport_fdw FROM %s; DROP ROLE %s" % (role, role))


class Tables(SurfaceCase):
    """Tables written by hand, and imported again."""

    def table(self, columns, entity="campaigns", name="t", server="amazon", **options):
        self.session.run("DROP FOREIGN TABLE IF EXISTS ads.%s" % name)
        values = {"entity": entity}
        values.update(options)
        self.session.run("CREATE FOREIGN TABLE ads.%s (%s) SERVER %s %s" % (name, columns, server, support.option_list(values)))

    def test_any_subset_order_and_type(self):
        self.amazon()
        self.table('state char(10), budget_amount float8, campaign_id numeric, "Name" text OPTIONS (json_path \'name\'), start_date timestamptz, '
                   'tags jsonb, delivery_reasons jsonb, p bigint OPTIONS (json_path \'@profile_id\')')
        for short, whole in zip(self.session.rows("SELECT * FROM ads.t ORDER BY campaign_id"),
                                self.session.rows("SELECT state::char(10), budget_amount::float8, campaign_id::numeric, name, start_date::timestamptz, tags, "
                                                  "to_jsonb(delivery_reasons), profile_id::bigint FROM ads.campaigns ORDER BY campaign_id::numeric")):
            self.assertEqual(short, whole)

    def test_paths(self):
        self.amazon()
        self.table("a text OPTIONS (json_path 'nothing|budgetCaps.nothing|name'), b jsonb OPTIONS (json_path '$'), "
                   "c text OPTIONS (json_path 'optimization.bidStrategy'), d text OPTIONS (json_path '@state')")
        for a, b, c, d in self.session.rows("SELECT * FROM ads.t"):
            first = b.get("optimization")
            first = first[0] if isinstance(first, list) and first else first
            self.assertEqual((a, d), (b["name"], b["state"]))
            self.assertEqual(c or None, ((first or {}).get("bidStrategy") or None))

    def test_aliases(self):
        self.amplitude(schema="ads")
        self.table('"$insert_id" text, _insert_id text, insert_id text, id bigint, event_id bigint, group_types jsonb, groups jsonb, ad_id text, _schema int',
                   "amplitude_events", server="amplitude")
        rows = self.session.rows("SELECT * FROM ads.t, ads.amplitude_events e WHERE false") or self.session.rows(
            "SELECT \"$insert_id\" = insert_id AND _insert_id = insert_id AND id = event_id AND group_types = groups FROM "
            "(SELECT * FROM ads.t LIMIT 0) t")
        self.assertEqual(rows, [])
        self.session.run("ALTER FOREIGN TABLE ads.t ADD server_upload_time timestamptz")
        self.assertEqual(self.session.rows("SELECT DISTINCT \"$insert_id\" IS NOT DISTINCT FROM insert_id, _insert_id IS NOT DISTINCT FROM insert_id, "
                                           "id IS NOT DISTINCT FROM event_id, group_types IS NOT DISTINCT FROM groups "
                                           "FROM ads.t WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-02Z'"),
                         [(True, True, True, True)])

    def test_columns_that_bind_to_nothing(self):
        self.amazon()
        for column, hint in (("campaignid text", 'Perhaps you meant "campaign_id".'), ("budget numeric", 'Perhaps you meant "budget_amount".'),
                             ("creation_date timestamptz", 'Perhaps you meant "creation_date_time".'), ("x text", "adsexport_columns() lists"),
                             ("y text OPTIONS (json_path '@stat')", 'Perhaps you meant "state".'),
                             ('"state.x" text', 'Perhaps you meant "state". The column option json_path says where a column\'s value is, '
                              "such as '\"state.x\"' for a key of that name."),
                             ('"a|b" text', "such as '\"a|b\"' for a key of that name; adsexport_columns() lists")):
            with self.subTest(column=column):
                self.table(column)
                self.expect_error("HV005", "SELECT * FROM ads.t", 'of foreign table "t"', hint)
        # One that the query does not use is no hindrance.
        self.table("name text, nonsense text")
        self.assertEqual(len(self.session.rows("SELECT name FROM ads.t")), 40)

    def test_import_again(self):
        self.amazon()
        self.session.run("CREATE SCHEMA \"Other one\"")
        self.session.run("IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO \"Other one\" OPTIONS (id_type 'bigint', ad_products 'SPONSORED_BRANDS', on_invalid 'null')")
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns c JOIN \"Other one\".campaigns o ON o.campaign_id::text = c.campaign_id"),
                         self.session.value("SELECT count(*) FROM ads.campaigns WHERE ad_product = 'SPONSORED_BRANDS' AND length(campaign_id) < 19"))
        self.session.run('DROP SCHEMA "Other one" CASCADE')


class Tools(SurfaceCase):
    """psql and pg_dump."""

    STRANGE = "strange \"name\""

    @staticmethod
    def environment():
        cluster = support.cluster()
        return dict(os.environ, PGHOST=cluster.host, PGPORT=cluster.port, PGUSER=cluster.user, PGOPTIONS="-c client_min_messages=warning",
                    PATH=os.path.dirname(cluster.program("psql")) + os.pathsep + os.environ["PATH"])

    def run_tool(self, program, *arguments, text=None):
        return subprocess.run([support.Cluster.program(program)] + list(arguments), env=self.environment(), input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    def folder(self):
        """One that is removed in the end."""
        folder = tempfile.TemporaryDirectory(prefix="adsexport-t-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def copy(self):
        """An empty database to restore into."""
        copy = self.database + "_copy"
        support.cluster().run("DROP DATABASE IF EXISTS %s WITH (FORCE)" % copy, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'" % copy)
        self.addCleanup(support.cluster().drop_database, copy)
        return copy

    def tool(self, program, *arguments, database=None, text=None):
        done = self.run_tool(program, *arguments, database or self.database, text=text)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
        return done.stdout

    def psql(self, commands, database=None):
        return self.tool("psql", "-X", "-v", "ON_ERROR_STOP=1", "-P", "pager=off", "-P", "format=unaligned", database=database, text=commands)

    def objects(self):
        self.amazon(max_age="1h", poll_interval="2s", poll_interval_max="3s", imports={"id_type": "bigint", "raw": "true", "on_invalid": "null"})
        self.amplitude(imports={"default_start": "7d"})
        self.session.run("SELECT adsexport_comment('ads'); SELECT adsexport_comment('product')")
        self.session.run("CREATE SERVER \"a 'server'\" FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', region 'eu', ad_products ' SPONSORED_BRANDS , SPONSORED_DISPLAY', "
                         "proxy '', ca_file '/a \"b\"/c''d\\e')")
        self.session.run("CREATE USER MAPPING FOR PUBLIC SERVER \"a 'server'\" OPTIONS (client_id 'it''s', access_token 'Atza|\\''\"x')")
        self.session.run("CREATE FOREIGN TABLE ads.\"T 1\" (\"a b\" text OPTIONS (json_path 'it''s.\"x\"|$') NOT NULL, profile_id text DEFAULT 'x') SERVER \"a 'server'\" "
                         "OPTIONS (entity 'targets', estimated_rows '1e3', profile_ids '1, 2')")
        self.session.run("CREATE VIEW ads.seen AS SELECT count(*) FROM ads.\"T 1\"; ANALYZE ads.campaigns" if False else "CREATE VIEW ads.seen AS SELECT count(*) FROM ads.\"T 1\"")
        self.addCleanup(self.session.run, "DROP SCHEMA ads, product CASCADE; DROP SERVER amazon, amplitude, \"a 'server'\" CASCADE")

    @staticmethod
    def comparable(dump):
        # Newer servers add a random word to guard against injection.
        return re.sub(r"(?m)^\\(un)?restrict .*$", "", dump)

    def test_dump_and_restore(self):
        self.objects()
        first = self.tool("pg_dump", "--no-sync")
        for needed in ("CREATE EXTENSION IF NOT EXISTS adsexport_fdw", "json_path", "IMPORT"):
            (self.assertIn if needed != "IMPORT" else self.assertNotIn)(needed, first)
        copy = self.copy()
        self.psql(first, database=copy)
        self.assertEqual(self.comparable(self.tool("pg_dump", "--no-sync", database=copy)), self.comparable(first))
        # It is not only equal but works.
        restored = support.Session(copy)
        self.addCleanup(restored.close)
        self.assertEqual(restored.value("SELECT count(*) FROM ads.campaigns"), 40)
        self.assertEqual(restored.value("SELECT count(*) FROM adsexport_exports()"), 1)
        self.assertEqual(self.calls("request")[0]["profile"], "1111")

    def test_dump_of_the_data(self):
        """pg_dump leaves the rows of foreign tables alone unless a server is named."""
        self.amazon()
        self.assertNotIn("COPY", self.tool("pg_dump", "--no-sync"))
        self.assertEqual(self.calls(), [])
        dump = self.tool("pg_dump", "--no-sync", "--include-foreign-data=amazon", "--table=ads.campaigns")
        self.assertEqual(len(re.search(r"(?ms)^COPY ads\.campaigns .*?;\n(.*?)^\\\.$", dump).group(1).splitlines()), 40)

    def test_restore_of_a_materialized_view(self):
        """Its data are requested at restore: with the vendor out of reach the error says how to do without, and docs/operations.md shows it."""
        vendor = client.Emulator("--export-delay", "0")
        self.addCleanup(vendor.stop)
        self.amazon(endpoint=vendor.url)
        self.session.run("CREATE SCHEMA IF NOT EXISTS warehouse; CREATE MATERIALIZED VIEW warehouse.campaign_names AS SELECT profile_id, campaign_id, name FROM ads.campaigns; "
                         "CREATE TABLE warehouse.after AS SELECT 1 AS one")
        self.addCleanup(self.session.run, "DROP SCHEMA warehouse CASCADE")
        everything = os.path.join(self.folder(), "warehouse.dump")
        self.tool("pg_dump", "-Fc", "-f", everything)
        vendor.stop()

        # What happens to somebody who has not read the page.
        restored = self.copy()
        done = self.run_tool("pg_restore", "-d", restored, everything)
        self.assertEqual(done.returncode, 1)
        for words in ("network error: no connection", "HINT:  Check the option", "leave the entries MATERIALIZED VIEW DATA out (pg_restore -L)", "errors ignored on restore: 1"):
            self.assertIn(words, done.stderr)
        self.check_restored(restored)
        # The same of a user without a mapping.
        restored = self.copy()
        self.session.run("DROP USER MAPPING FOR CURRENT_USER SERVER amazon")
        plain = self.tool("pg_dump", "--no-sync")
        done = self.run_tool("psql", "-X", "-q", restored, text=plain)
        self.assertRegex(done.stderr, r"no user mapping(.|\n)*HINT:  Run: CREATE USER MAPPING (.|\n)*REFRESH MATERIALIZED VIEW later")
        self.check_restored(restored)
        # A refresh that is none of a restore is told nothing of it.
        error = self.expect_error("28000", "REFRESH MATERIALIZED VIEW warehouse.campaign_names", "no user mapping")
        self.assertNotIn("restore", support.text_of_error(error))
        self.session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(self.amazon_mapping()))

        for words in ("--exclude-table-data", "pg_restore -l"):
            restored = self.copy()
            code = pages.block("docs/operations.md", words).code
            for name, database in (("warehouse", self.database), ("restored", restored)):
                code = re.sub("(?m)(?<= )%s(?=$| )" % name, database, code)
            done = subprocess.run(["bash", "-e", "-u", "-o", "pipefail", "-c", code], env=self.environment(), cwd=self.folder(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((done.returncode, done.stdout), (0, b""))
            session = self.check_restored(restored)
            # When the vendor can be reached again.
            session.run("ALTER SERVER amazon OPTIONS (SET endpoint '%s', SET token_endpoint '%s/auth/o2/token')" % (self.emulator.url, self.emulator.url))
            session.run("REFRESH MATERIALIZED VIEW warehouse.campaign_names")
            self.assertEqual(session.value("SELECT count(*) FROM warehouse.campaign_names"), 40)

    def check_restored(self, database):
        """All but the rows of the materialized view; the session that looked."""
        session = support.Session(database)
        self.addCleanup(session.close)
        self.assertEqual(session.value("SELECT one FROM warehouse.after"), 1)
        self.expect_error("55000", "SELECT * FROM warehouse.campaign_names", "has not been populated", session=session)
        return session

    def test_psql(self):
        self.objects()
        shown = self.psql("\\dew+\n\\des+\n\\det+ ads.*\n\\dx+ adsexport_fdw\n\\d+ ads.campaigns\n\\d+ product.amplitude_events\n")
        self.assertRegex(shown, r"adsexport_fdw\|\w+\|adsexport_fdw_handler\|adsexport_fdw_validator\|.*\|bulk exports of Amazon Ads and Amplitude as foreign tables")
        self.assertIn("api 'amazon_ads', endpoint '%s'" % self.emulator.url, shown)
        self.assertRegex(shown, r"ads\|campaigns\|amazon\|\(entity 'campaigns', on_invalid 'null'\)\|Campaigns of Amazon Ads with their budgets, as they are now\.")
        self.assertIn("function adsexport_comment(regnamespace)", shown)
        # Every column of an imported table is explained.
        for table in ("campaigns", "amplitude_events"):
            part = re.search(r'(?s)Foreign table "\w+\.%s"\n.*?\nServer:' % table, shown).group(0)
            columns = [line.split("|") for line in part.splitlines()[2:-1]]
            self.assertGreater(len(columns), 20)
            for column in columns:
                self.assertRegex(column[-1], r"\.$", "column %s of %s is not explained" % (column[0], table))
        # \deu+ shows secrets to those who may see them, and to nobody else.
        self.assertIn("client_secret", self.psql("\\deu+\n"))
        role = self.role("adsexport_t_looker")
        other = self.psql("SET ROLE %s;\n\\deu+\n\\des+\n\\det+ ads.*\n" % role)
        for secret in (support.SECRET_KEY, self.amazon_mapping()["client_secret"], self.amazon_mapping()["refresh_token"], "Atza|"):
            self.assertNotIn(secret, other)

    def test_generated_pages(self):
        """docs/tables.md and docs/options.md are what their generators write."""
        for page in ("tables", "options"):
            with self.subTest(page):
                done = subprocess.run([os.path.join(CHECKOUT, "docs", "generate-" + page), "--check", "-d", self.database], env=self.environment(),
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
                self.assertEqual((done.returncode, done.stdout), (0, ""))

    # The views of examples/

    def run_example(self, name, target):
        self.amazon(profile_ids="1111,18014398509481985")
        self.tool("psql", "-X", "-q", "-v", "source=ads", "-v", "target=" + target, "-f", os.path.join(support.FOLDER, "../../examples", name))
        self.addCleanup(self.session.run, 'DROP SCHEMA "%s" CASCADE' % target)

    def views(self, schema):
        return self.session.column("SELECT viewname FROM pg_views WHERE schemaname = %s ORDER BY 1", schema)

    def test_fivetran_views(self):
        schema = "like 'fivetran'"
        self.run_example("fivetran_views.sql", schema)
        views = self.views(schema)
        self.assertLessEqual({"campaign_history", "ad_group_history", "keyword_history", "negative_keyword_history", "product_ad_history", "profile"}, set(views))
        counts = {}
        for view in views:
            rows = self.session.table('SELECT * FROM "%s"."%s"' % (schema, view))
            counts[view] = len(rows)
            self.assertTrue(rows, "nothing in %s" % view)
            for column in rows[0]:
                if column not in ("_fivetran_deleted", "end_date", "portfolio_id", "native_language_keyword", "native_language_locale", "name"):
                    self.assertTrue(any(row[column] is not None for row in rows), "nothing in column %s of %s" % (column, view))
        # Together they have each row once.
        for table, parts in (("campaigns", "campaign_history"), ("ad_groups", "ad_group_history"), ("ads", "product_ad_history sb_ad_history"),
                             ("targets", "keyword negative_keyword targeting")):
            found = sum(count for view, count in counts.items()
                        if (view.endswith(parts) if table in ("campaigns", "ad_groups") else
                            view.endswith(("product_ad_history", "sb_ad_history")) if table == "ads" else
                            "keyword" in view or "targeting" in view))
            others = self.session.value("SELECT count(*) FROM ads.targets WHERE ad_product = 'SPONSORED_BRANDS' AND target_type <> 'KEYWORD'") if table == "targets" else 0
            self.assertEqual(found + others, self.session.value("SELECT count(*) FROM ads." + table), table)
        plan = self.session.explain('SELECT * FROM "%s".campaign_negative_keyword_history WHERE state = \'ENABLED\'' % schema)
        self.assertIn('{"adProductFilter":["SPONSORED_PRODUCTS"],"stateFilter":["ENABLED"],"negativeFilter":[true],"targetLevelFilter":["CAMPAIGN"],'
                      '"targetTypeFilter":["KEYWORD"]}', plan.replace(", ", ",").replace(": ", ":"))

    def test_report_views(self):
        self.run_example("report_views.sql", "report_ads")
        self.session.run("CREATE TEMP TABLE report AS SELECT campaign_id::numeric AS id, 1 AS clicks FROM ads.campaigns")
        for view, column in (("campaigns", "campaign_id"), ("ad_groups", "ad_group_id"), ("targets", "keyword_id"), ("ads", "ad_id")):
            rows = self.session.rows("SELECT %s, %s_text FROM report_ads.%s" % (column, column, view))
            self.assertEqual(len(rows), self.session.value("SELECT count(*) FROM ads." + view))
            self.assertTrue(any(number is None and text is not None for number, text in rows), "no id is too large")
            for number, text in rows:
                self.assertEqual(number, int(text) if text is not None and int(text) < 2 ** 63 else None)
        self.assertGreater(self.session.value("SELECT sum(clicks) FROM report r JOIN report_ads.campaigns c ON c.campaign_id = r.id"), 0)

    def test_update(self):
        """ALTER EXTENSION ... UPDATE: tables and servers of before work on, and there is nothing to update to beyond the version that is installed."""
        self.amazon()
        self.session.run("ALTER EXTENSION adsexport_fdw UPDATE")
        self.assertIn("already installed", self.session.take_notices())
        self.assertEqual(self.session.column("SELECT DISTINCT default_version FROM pg_available_extensions WHERE name = 'adsexport_fdw'"),
                         self.session.column("SELECT adsexport_fdw_version()"))
        folder = os.path.join(subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--sharedir"]).decode().strip(), "extension")
        version = self.session.value("SELECT adsexport_fdw_version()")
        next_version = version + ".update_test"
        script = os.path.join(folder, "adsexport_fdw--%s--%s.sql" % (version, next_version))
        try:
            with open(script, "w") as file:
                file.write("CREATE FUNCTION adsexport_update_test() RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'adsexport_fdw_version';\n")
            os.chmod(script, 0o644)
        except OSError as problem:
            self.skipTest("a script for the update can't be written: %s" % problem)
        self.addCleanup(os.remove, script)
        self.session.run("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM ads.campaigns")
        self.session.run("ALTER EXTENSION adsexport_fdw UPDATE TO '%s'" % next_version)
        self.assertEqual(self.session.value("SELECT adsexport_update_test()"), version)
        self.assertEqual(self.session.value("SELECT count(*) FROM kept k JOIN ads.campaigns c USING (campaign_id)"), 40)
        self.assertIn(next_version, self.psql("\\dx adsexport_fdw\n"))
        self.session.run("ALTER EXTENSION adsexport_fdw DROP FUNCTION adsexport_update_test(); DROP FUNCTION adsexport_update_test(); DROP TABLE kept")

    def test_loaded_module(self):
        """Since 18 a library says what it is."""
        if self.session.connection.server_version < 180000:
            self.skipTest("pg_get_loaded_modules() is new in 18")
        version = self.session.value("SELECT adsexport_fdw_version()")
        self.assertEqual(self.session.rows("SELECT module_name, version FROM pg_get_loaded_modules() WHERE file_name LIKE 'adsexport_fdw%'"),
                         [("adsexport_fdw", version)])

    def test_library_and_objects_of_other_versions(self):
        """Said once in a session, with what to do; a third number is that of the same objects."""
        self.amazon()
        library = self.session.value("SELECT adsexport_fdw_version()")
        self.addCleanup(self.session.run, "UPDATE pg_extension SET extversion = %s WHERE extname = 'adsexport_fdw'", library)
        advice = {"0.9": "Run ALTER EXTENSION adsexport_fdw UPDATE.", "9.10": "reconnect. If a new session says the same, install version 9.10 of the library.",
                  library + ".7": None, "1": "Run ALTER EXTENSION adsexport_fdw UPDATE.", "odd": "Run ALTER EXTENSION adsexport_fdw UPDATE."}
        for objects, hint in advice.items():
            with self.subTest(objects=objects):
                self.session.run("UPDATE pg_extension SET extversion = %s WHERE extname = 'adsexport_fdw'", objects)
                session = self.connect()
                for first in (True, False):
                    self.assertEqual(session.value("SELECT count(*) FROM ads.campaigns"), 40)
                    notices = session.take_notices()
                    if hint is None or not first:
                        self.assertEqual(notices, "")
                    else:
                        self.assertIn('WARNING:  extension "adsexport_fdw" has version %s in this database, but its library has version %s' % (objects, library), notices)
                        self.assertIn(hint, notices)


class Citations(unittest.TestCase):
    """What the source says of the vendors can be looked up."""

    CITED = re.compile(r"(docs/vendors/[\w-]+\.md)((?:[\s*,]|and)*\d+(?:\.\d+)?(?:(?:[\s*,]|and)+\d+(?:\.\d+)?)*)?")

    def test_every_cited_section_exists(self):
        cited = set()
        for folder in ("src", "test"):
            for parent, _, names in os.walk(os.path.join(CHECKOUT, folder)):
                for name in names:
                    if name.endswith((".c", ".h", ".py")):
                        with open(os.path.join(parent, name), encoding="utf-8") as file:
                            for page, sections in self.CITED.findall(file.read()):
                                cited.update((page, section) for section in re.findall(r"\d+(?:\.\d+)?", sections))
        self.assertGreater(len(cited), 10)
        for page, section in sorted(cited):
            with open(os.path.join(CHECKOUT, page), encoding="utf-8") as file:
                self.assertRegex(file.read(), r"(?m)^##+ %s\.? " % re.escape(section), "%s has no section %s" % (page, section))


if __name__ == "__main__":
    unittest.main()
