"""What is in examples/ beside the views (test_surface has these): the history, the loads of events, the dbt project, and amazon-token; and the pictures of docs/."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import support
import pages  # noqa: E402  (found by support)

CHECKOUT = os.path.dirname(os.path.dirname(support.FOLDER))
TABLES = ("campaigns", "ad_groups", "targets", "ads")


class ExamplesCase(support.TestCase):
    emulator_options = ("--names", "account", "--drift", "false", "--amplitude-ranges", "now-10d..now", "--events-per-hour", "5")

    def setUp(self):
        super().setUp()
        self.session.run("DROP SCHEMA IF EXISTS ads_history, product_events, amplitude_tables, analytics CASCADE")
        self.amazon(profile_ids=None, max_age="0")
        self.amplitude(schema="ads")

    def psql(self, file, **variables):
        environment = dict(os.environ, PGHOST=support.cluster().host, PGPORT=support.cluster().port, PGUSER="postgres", PGDATABASE=self.database)
        command = [support.Cluster.program("psql"), "-X", "-q", "-f", os.path.join(CHECKOUT, "examples", file)]
        for pair in variables.items():
            command += ["-v", "%s=%s" % pair]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout.decode()), (0, ""))

    def truth(self, table):
        data = self.data()
        return sum(1 for profile in data.profiles() for _ in data.records(table, profile["profileId"]))


class Pictures(unittest.TestCase):
    def test_they_are_what_is_drawn(self):
        done = subprocess.run([os.path.join(CHECKOUT, "docs/pictures/draw"), "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual((done.returncode, done.stdout.decode()), (0, ""))


class Again(ExamplesCase):
    def test_each_file_can_be_run_again(self):
        for file in ("history.sql", "backfill.sql", "amplitude_fivetran.sql", "fivetran_views.sql", "report_views.sql"):
            with self.subTest(file=file):
                self.session.run("DROP SCHEMA IF EXISTS again CASCADE")
                self.psql(file, target="again")
                made = self.session.rows("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'again'::regnamespace ORDER BY 1")
                self.psql(file, target="again")
                self.assertEqual(self.session.rows("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'again'::regnamespace ORDER BY 1"), made)
        self.session.run("DROP SCHEMA again CASCADE")


class History(ExamplesCase):
    def counts(self):
        return [self.session.value("SELECT count(*) FROM ads_history.%s" % table) for table in TABLES]

    def test_changes_only(self):
        self.psql("history.sql", target="ads_history")
        self.session.run("CALL ads_history.take_snapshot()")
        right = [self.truth(table) for table in TABLES]
        self.assertEqual(self.counts(), right)
        self.session.run("CALL ads_history.take_snapshot()")
        self.assertEqual(self.counts(), right)
        self.emulator.settings(inject=[{"entity": "ads", "profile": 1234567890, "index": 2, "path": "lastUpdatedDateTime", "literal": '"2026-11-01T00:00:00.000Z"'}])
        self.session.run("CALL ads_history.take_snapshot()")
        self.assertEqual(self.counts(), right[:3] + [right[3] + 1])
        self.assertEqual(self.session.rows("SELECT campaigns, ad_groups, targets, ads FROM ads_history.snapshots ORDER BY taken_at"),
                         [tuple(right), (0, 0, 0, 0), (0, 0, 0, 1)])

    def test_the_exports_are_made_side_by_side(self):
        self.psql("history.sql", target="ads_history")
        self.emulator.settings(export_delay=3)
        self.clear_log()
        self.session.run("CALL ads_history.take_snapshot()")
        requests = sorted(call["time"] for call in self.calls("request"))
        downloads = sorted(call["time"] for call in self.calls("download"))
        self.assertEqual(len(requests), 12)
        self.assertLess(requests[-1], downloads[0], "all are requested before the first is read")

    def test_two_at_once(self):
        self.psql("history.sql", target="ads_history")
        running = [self.connect().start("CALL ads_history.take_snapshot()") for _ in range(2)]
        for one in running:
            self.assertIsNone(one.wait().error)
        self.assertEqual(self.session.rows("SELECT campaigns FROM ads_history.snapshots ORDER BY taken_at"), [(self.truth("campaigns"),), (0,)])

    def test_rows_without_a_time(self):
        """README.md's history, and that of docs/recipes.md, take rows whose last_updated_date_time is NULL, and take them once."""
        for page, table, entity in (("README.md", "warehouse.campaign_history", "campaigns"), ("docs/recipes.md", "warehouse.ad_group_history", "ad_groups")):
            self.emulator.settings(inject=[{"entity": entity, "profile": 1234567890, "index": 2, "path": "lastUpdatedDateTime", "literal": "null"}])
            self.session.run("DROP SCHEMA IF EXISTS warehouse CASCADE; CREATE SCHEMA warehouse")
            block = pages.block(page, "CREATE TABLE " + table)
            with self.session.connection.cursor() as cursor:
                cursor.execute(block.code)
            self.assertEqual(self.session.value("SELECT count(*) FROM %s WHERE last_updated_date_time IS NULL" % table), 1)
            (insert,) = set(re.findall("(?m)^INSERT INTO %s.*?;" % table, block.code))
            self.session.run(insert)
            self.assertEqual(self.session.value("SELECT count(*) FROM %s" % table), self.truth(entity))
            self.emulator.settings(inject=[{"entity": entity, "profile": 1234567890, "index": 2, "path": "lastUpdatedDateTime", "literal": '"2026-11-01T00:00:00.000Z"'}])
            self.session.run(insert)
            self.assertEqual(self.session.value("SELECT count(*) FROM %s" % table), self.truth(entity) + 1)

    def test_two_loads_of_a_dimension(self):
        """The second waits for the first, and then finds nothing to do."""
        if self.session.connection.server_version < 150000:
            self.skipTest("MERGE is there from PostgreSQL 15 on")
        self.session.run("DROP SCHEMA IF EXISTS warehouse CASCADE; CREATE SCHEMA warehouse")
        made = pages.block("docs/recipes.md", "CREATE TABLE warehouse.campaign_dimension").code.split("\nCALL ")[0]
        with self.session.connection.cursor() as cursor:
            cursor.execute(made)
        first = self.connect()
        first.run("BEGIN")
        first.run("CALL warehouse.load_campaign_dimension()")
        second = self.connect()
        running = second.start("CALL warehouse.load_campaign_dimension()")
        self.eventually(lambda: self.session.rows("SELECT FROM pg_locks WHERE pid = %s AND NOT granted", second.pid), "the second to wait")
        first.run("COMMIT")
        self.assertIsNone(running.wait().error)
        self.assertEqual(self.session.rows("SELECT count(*), count(DISTINCT (profile_id, campaign_id)), count(valid_to) FROM warehouse.campaign_dimension"),
                         [(self.truth("campaigns"), self.truth("campaigns"), 0)])

    def test_all_or_nothing(self):
        self.psql("history.sql", target="ads_history")
        self.fault({"call": "request", "entity": "ads"}, status=400, body_kind="exports", message="no ads today")
        self.expect_error("HV000", "CALL ads_history.take_snapshot()", "no ads today")
        self.assertEqual(self.counts(), [0, 0, 0, 0])


class Timer(ExamplesCase):
    """The units of systemd in docs/scheduling.md."""

    PAGE = "docs/scheduling.md"

    def test_the_command(self):
        self.psql("history.sql", target="ads_history")
        (line,) = re.findall("(?m)^ExecStart=(.*)$", pages.block(self.PAGE, "ExecStart=").code)
        command = [self.database if word == "warehouse" else word for word in shlex.split(line)]
        command[0] = support.Cluster.program("psql")
        environment = dict(os.environ, PGHOST=support.cluster().host, PGPORT=support.cluster().port, PGUSER="postgres")
        for right in (0, 1):
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, right, done.stderr)
            self.assertEqual(self.session.value("SELECT count(*) FROM ads_history.snapshots"), 1)
            # The second time it has to fail, and to say so.
            self.fault({"call": "request", "entity": "ads"}, status=400, body_kind="exports", message="no ads today")
        self.assertIn(b"no ads today", done.stderr)

    def test_systemd_takes_the_units(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            for words, kind in (("ExecStart=", "service"), ("OnCalendar=", "timer")):
                path = os.path.join(folder, "ads-history." + kind)
                with open(path, "w", encoding="utf-8") as file:
                    # Its user and program are those of this machine.
                    file.write(pages.block(self.PAGE, words).code.replace("User=analyst", "User=root").replace("/usr/bin/psql", "/bin/sh"))
                done = subprocess.run(["systemd-analyze", "verify", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual((done.returncode, [line for line in done.stdout.decode().splitlines() if "ads-history" in line]), (0, []))


class Events(ExamplesCase):
    def test_backfill_goes_on_where_it_stopped(self):
        self.within_an_hour()
        # Today is not complete, nor is yesterday in the first hours after midnight.
        complete = self.session.value("SELECT (adsexport_complete_until() AT TIME ZONE 'UTC')::date - (now() AT TIME ZONE 'UTC')::date + 5")
        self.assertIn(complete, (4, 5))
        self.psql("backfill.sql", target="product_events")
        call = "CALL product_events.backfill((now() AT TIME ZONE 'UTC')::date - 5, (now() AT TIME ZONE 'UTC')::date)"
        self.fault({"call": "export", "after": 2}, status=403, body="Invalid API Key")
        self.expect_error("28000", call, "403")
        self.assertEqual(self.session.value("SELECT count(*) FROM product_events.loaded_days"), 2)
        self.clear_faults()
        self.clear_log()
        self.session.run(call)
        self.assertEqual(self.session.value("SELECT count(*) FROM product_events.loaded_days"), complete)
        self.assertEqual(self.count_calls("export"), complete - 2)
        self.assertEqual(self.session.value("SELECT sum(events) FROM product_events.loaded_days"),
                         self.session.value("SELECT count(*) FROM product_events.events"))

    def test_backfill_of_the_recipe(self):
        """A day that is not complete is not taken for loaded, nor is one to come."""
        self.session.run("DROP SCHEMA IF EXISTS warehouse CASCADE; CREATE SCHEMA warehouse")
        made = pages.block("docs/recipes.md", "CREATE PROCEDURE warehouse.backfill").code.split("\nCALL ")[0]
        with self.session.connection.cursor() as cursor:
            cursor.execute(made)
        self.session.run("CALL warehouse.backfill((now() AT TIME ZONE 'UTC')::date - 3, (now() AT TIME ZONE 'UTC')::date + 1)")
        # Three, or two just after midnight.
        self.assertIn(self.session.value("SELECT count(*) FROM warehouse.loaded_days"), (2, 3))
        self.assertEqual(self.session.rows("SELECT day FROM warehouse.loaded_days WHERE (day + 1)::timestamp AT TIME ZONE 'UTC' > adsexport_complete_until()"), [])
        self.assertEqual(self.session.value("SELECT sum(events) FROM warehouse.loaded_days"), self.session.value("SELECT count(*) FROM warehouse.events"))

    def test_fivetran(self):
        self.psql("amplitude_fivetran.sql", target="amplitude_tables")
        self.within_an_hour()
        self.session.run("CALL amplitude_tables.load('2 days')")
        first = self.session.value("SELECT count(*) FROM amplitude_tables.event")
        self.assertGreater(first, 100)
        self.session.run("CALL amplitude_tables.load()")
        self.assertEqual(self.session.value("SELECT count(*) FROM amplitude_tables.event"), first)
        self.assertEqual(self.session.value("SELECT sum(totals) FROM amplitude_tables.event_type"), first)
        self.assertEqual(self.session.value("SELECT count(*) FROM amplitude_tables.event e JOIN ads.amplitude_events a USING (uuid) "
                                            "WHERE a.server_upload_time >= now() - interval '3 days' AND e.server_upload_time = a.server_upload_time AT TIME ZONE 'UTC' "
                                            "AND e.id IS NOT DISTINCT FROM a.event_id AND e.event_type_id IS NOT DISTINCT FROM a.event_type"), first)


class Dbt(ExamplesCase):
    """dbt is not there; what its PostgreSQL adapter sends for these models is written down here."""

    def model(self, path, incremental=False):
        with open(os.path.join(CHECKOUT, "examples/dbt", path), encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"{{ config\(.*?\) }}|{% (?:end)?snapshot.*?%}", "", text)
        text = re.sub(r"{% if is_incremental\(\) %}(.*?){% else %}(.*?){% endif %}", lambda match: match.group(1 if incremental else 2), text, flags=re.S)
        text = re.sub(r"{{ source\('(\w+)', '(\w+)'\) }}", r'"\1"."\2"', text)
        text = re.sub(r"{{ ref\('(\w+)'\) }}", r'"analytics"."\1"', text)
        text = text.replace("{{ this }}", '"analytics"."%s"' % os.path.basename(path)[:-4])
        self.assertNotRegex(text, "[{}]")
        return text

    def run_table(self, name, incremental=False):
        temporary = name + "__dbt_tmp"
        self.session.run('create table "analytics"."%s" as (%s)' % (temporary, self.model("models/%s.sql" % name)))
        self.session.run('drop table if exists "analytics"."%s"; alter table "analytics"."%s" rename to "%s"' % (name, temporary, name))

    def test_tables(self):
        self.session.run("create schema analytics")
        for name in ("stg_campaigns", "keywords"):
            self.run_table(name)
        self.assertEqual(self.session.value("SELECT count(*) FROM analytics.stg_campaigns"), self.truth("campaigns"))
        data = self.data()
        keywords = sum(1 for profile in data.profiles() for record in data.records("targets", profile["profileId"])
                       if record["targetType"] == "KEYWORD" and not record["negative"] and record["state"] == "ENABLED")
        self.assertEqual(self.session.value("SELECT count(*) FROM analytics.keywords"), keywords)

    def test_incremental(self):
        self.within_an_hour()
        self.session.run("create schema analytics")
        self.run_table("events")
        first = self.session.value("SELECT count(*) FROM analytics.events")
        self.assertGreater(first, 100)
        self.session.run("DELETE FROM analytics.events WHERE server_upload_time >= (SELECT max(server_upload_time) FROM analytics.events) - interval '1 hour'")
        self.assertLess(self.session.value("SELECT count(*) FROM analytics.events"), first)
        self.clear_log()
        self.session.run('create temporary table "events__dbt_tmp1" as (%s); delete from "analytics"."events" where (uuid) in (select (uuid) from "events__dbt_tmp1"); '
                         'insert into "analytics"."events" (select * from "events__dbt_tmp1")' % self.model("models/events.sql", incremental=True))
        self.assertEqual(self.session.value("SELECT count(*) FROM analytics.events"), first)
        self.assertLessEqual(sum(1 for _ in self.calls("export")), 2)

    def test_snapshot(self):
        self.session.run("create schema analytics; ALTER SERVER amazon OPTIONS (SET max_age '1h')")
        source = self.model("snapshots/campaigns_snapshot.sql").strip()
        key = "profile_id || ' ' || campaign_id"
        columns = ("*, md5(coalesce(cast(%s as varchar ), '') || '|' || coalesce(cast(last_updated_date_time as varchar ), '')) as dbt_scd_id, "
                   "last_updated_date_time as dbt_updated_at, last_updated_date_time as dbt_valid_from, "
                   "nullif(last_updated_date_time, last_updated_date_time) as dbt_valid_to" % key)
        self.session.run("create table analytics.campaigns_snapshot as (select %s from (%s) sbq)" % (columns, source))
        requests = self.count_calls("request")
        self.session.run("UPDATE analytics.campaigns_snapshot SET last_updated_date_time = '2000-01-01Z', dbt_updated_at = '2000-01-01Z' WHERE campaign_id = '135264288929302'")
        staging = ("create temporary table snapshot__dbt_tmp as (with snapshot_query as (%s), snapshotted_data as (select *, %s as dbt_unique_key "
                   "from analytics.campaigns_snapshot where dbt_valid_to is null), insertions_source_data as (select *, %s as dbt_unique_key, "
                   "last_updated_date_time as dbt_updated_at, last_updated_date_time as dbt_valid_from, nullif(last_updated_date_time, last_updated_date_time) as dbt_valid_to, "
                   "md5(coalesce(cast(%s as varchar ), '') || '|' || coalesce(cast(last_updated_date_time as varchar ), '')) as dbt_scd_id from snapshot_query) "
                   "select 'insert' as dbt_change_type, source_data.* from insertions_source_data as source_data left outer join snapshotted_data "
                   "on snapshotted_data.dbt_unique_key = source_data.dbt_unique_key where snapshotted_data.dbt_unique_key is null "
                   "or (snapshotted_data.dbt_unique_key is not null and snapshotted_data.dbt_valid_from < source_data.last_updated_date_time "
                   "and snapshotted_data.dbt_updated_at < source_data.last_updated_date_time))" % (source, key, key, key))
        self.session.run("UPDATE analytics.campaigns_snapshot SET dbt_valid_from = '2000-01-01Z' WHERE campaign_id = '135264288929302'")
        self.session.run(staging)
        self.assertEqual(self.session.rows("SELECT dbt_change_type, campaign_id FROM snapshot__dbt_tmp"), [("insert", "135264288929302")])
        self.assertEqual(self.count_calls("request"), requests, "no new export within max_age")


class AmazonToken(ExamplesCase):
    def start(self, client, secret, port):
        (command,) = re.findall("(?m)^examples/amazon-token .*$", pages.block("docs/amazon.md", "examples/amazon-token").code)
        program, *arguments = [client if word.startswith("amzn1.") else word for word in shlex.split(command)]
        return subprocess.Popen([os.path.join(CHECKOUT, program)] + arguments + ["--port", str(port), "--consent-url", self.emulator.url + "/ap/oa",
                                                                                "--token-url", self.emulator.url + "/auth/o2/token"],
                                env=dict(os.environ, AMAZON_CLIENT_SECRET=secret), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_it(self, client, secret, idle=0):
        """What it prints and says, with a browser that follows the redirect, and has so many connections open on which it sends nothing."""
        port = support.free_port()
        process = self.start(client, secret, port)
        killer = threading.Timer(60 * support.PATIENCE, process.kill)
        killer.start()
        try:
            page = None
            while page is None:
                line = process.stdout.readline().decode()
                self.assertNotEqual(line, "", process.stderr.read().decode() if process.poll() is not None else "")
                page = re.search(r"http\S+", line)
            for _ in range(idle):
                self.eventually(lambda: self.connect_to(port), "a connection")
            # It may not listen yet.
            for _ in range(300 * support.PATIENCE):
                try:
                    with urllib.request.urlopen(page.group()) as answer:
                        self.page = answer.read().decode()
                    break
                except urllib.error.URLError:
                    threading.Event().wait(0.1)
            output, error = process.communicate(timeout=60 * support.PATIENCE)
        finally:
            killer.cancel()
        return process.returncode, output.decode(), error.decode()

    def connect_to(self, port):
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        except ConnectionRefusedError:
            return False
        self.addCleanup(connection.close)
        return True

    def test_the_statement_works(self):
        mapping = self.amazon_mapping()
        status, output, error = self.run_it(mapping["client_id"], mapping["client_secret"])
        self.assertEqual((status, error), (0, ""))
        statement = output[output.index("CREATE USER MAPPING"):]
        self.session.run("DROP USER MAPPING FOR CURRENT_USER SERVER amazon")
        with self.session.connection.cursor() as cursor:
            cursor.execute(statement)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), self.truth("campaigns"))

    def test_idle_connections(self):
        """Browsers connect before they know what to ask for."""
        mapping = self.amazon_mapping()
        status, output, error = self.run_it(mapping["client_id"], mapping["client_secret"], idle=3)
        self.assertEqual((status, error), (0, ""))
        self.assertIn("CREATE USER MAPPING", output)
        self.assertIn("Done.", self.page)

    def test_port_in_use(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            process = self.start("client", "secret", other.getsockname()[1])
            error = process.communicate(timeout=60 * support.PATIENCE)[1].decode()
        self.assertEqual(process.returncode, 1)
        self.assertRegex(error, r"^amazon-token: cannot wait on port \d+: Address already in use; name another by --port\n$")

    def test_wrong_secret(self):
        status, output, error = self.run_it(self.amazon_mapping()["client_id"], "not it")
        self.assertNotEqual(status, 0)
        self.assertIn("invalid_client", error)
        self.assertNotIn("not it", output + error)

    def test_no_consent(self):
        status, output, error = self.run_it("amzn1.application-oa2-client.unauthorized", "x")
        self.assertNotEqual(status, 0)
        self.assertIn("Permission denied", error)


if __name__ == "__main__":
    unittest.main()
