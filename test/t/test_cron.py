"""A history that pg_cron keeps, as docs/scheduling.md has it: jobs each minute of a clock that runs faster, one that fails, runs that take longer
than a minute, and a restart of the server in between."""

import decimal
import glob
import os
import subprocess
import time
import unittest

import support
import pages  # noqa: E402  (found by support)

SPEED = 40  # a minute of pg_cron takes a second and a half
CHECKOUT = os.path.dirname(os.path.dirname(support.FOLDER))
PAGE = "docs/scheduling.md"


def faster_clock(ahead=0):
    """What makes time pass faster for a server, from so many seconds ahead on, or None."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        return None
    return {"LD_PRELOAD": libraries[0], "FAKETIME": "+%d x%d" % (ahead, SPEED), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class CronCase(support.TestCase):
    """A server of its own for each class, as pg_cron's launcher does not outlive its database."""

    emulator_options = ("--drift", "false", "--names", "account", "--amplitude-ranges", "now-10d..now", "--events-per-hour", "5")

    @classmethod
    def setUpClass(cls):
        folder = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--sharedir"]).decode().strip()
        if not os.path.exists(os.path.join(folder, "extension", "pg_cron.control")):
            raise unittest.SkipTest("pg_cron is not installed")
        if faster_clock() is None:
            raise unittest.SkipTest("libfaketime is not installed")
        super().setUpClass()
        cls.began = time.monotonic()
        cls.server_of_cron = support.Cluster(pages.block(PAGE, "shared_preload_libraries").code, faster_clock())

    def setUp(self):
        super().setUp()
        self.server_of_cron.run("CREATE DATABASE warehouse", "CREATE ROLE analyst LOGIN")
        self.server_of_cron.run("CREATE EXTENSION adsexport_fdw", *self.statements(pages.block(PAGE, "CREATE EXTENSION pg_cron")),
                                "GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO analyst", "GRANT CREATE ON DATABASE warehouse TO analyst",
                                database="warehouse")
        self.server_of_cron.run("ALTER DATABASE warehouse SET adsexport_fdw.allow_loopback = on", database="warehouse")
        self.as_analyst(self.server("amazon", "ads", self.amazon_mapping()))
        self.psql("examples/history.sql")

    def server(self, name, schema, mapping):
        url = self.emulator.url
        return ("CREATE SERVER %s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', endpoint '%s', token_endpoint '%s/auth/o2/token', "
                "poll_interval '100ms', max_age '0'); CREATE USER MAPPING FOR CURRENT_USER SERVER %s %s; CREATE SCHEMA %s; "
                "IMPORT FOREIGN SCHEMA exports FROM SERVER %s INTO %s" % (name, url, url, name, support.option_list(mapping), schema, name, schema))

    @staticmethod
    def statements(block):
        return [one for one in block.code.split(";\n") if one]

    def rows(self, sql, user="analyst"):
        connection = self.server_of_cron.connect("warehouse", user)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def as_analyst(self, sql):
        return self.rows(sql)

    def psql(self, file):
        environment = dict(os.environ, PGHOST=self.server_of_cron.host, PGPORT=self.server_of_cron.port, PGUSER="analyst", PGDATABASE="warehouse")
        done = subprocess.run([support.Cluster.program("psql"), "-X", "-q", "-f", os.path.join(CHECKOUT, file)], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def runs(self, job, status="succeeded"):
        return self.rows("SELECT return_message FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE jobname = '%s' AND status = '%s' ORDER BY runid"
                         % (job, status))


class History(CronCase):
    def active(self):
        """The runs under way."""
        return self.rows("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%take_snapshot%' AND state = 'active' AND pid <> pg_backend_pid()")[0][0]

    def test_a_history_that_is_kept(self):
        schedule = pages.block(PAGE, "cron.schedule").code
        self.assertIn("'30 4 * * *'", schedule)
        self.as_analyst(schedule.replace("'30 4 * * *'", "'* * * * *'"))
        self.as_analyst(self.server("wrong", "wrong_ads", self.amazon_mapping(client_secret="not-the-secret")))
        self.as_analyst("SELECT cron.schedule('wrong', '* * * * *', 'SELECT count(*) FROM wrong_ads.campaigns')")
        self.eventually(lambda: len(self.runs("ads history")) >= 2, "two runs", 60)

        # The one that fails says what is wrong and what to do.
        self.eventually(lambda: self.runs("wrong", "failed"), "the run that fails", 30)
        message = self.runs("wrong", "failed")[0][0]
        for part in ("ERROR: ", "could not get an access token", "DETAIL: ", "invalid_client", "HINT: "):
            self.assertIn(part, message)
        shown = self.rows(pages.block(PAGE, "job_run_details").code.replace("LIMIT 5", "LIMIT 50"))
        self.assertLessEqual({("succeeded", True), ("failed", False)}, {(status, "ERROR" not in (words or "")) for _, status, words in shown})
        self.as_analyst("SELECT cron.unschedule('wrong')")

        # A campaign changes: one version more of it, whatever number of snapshots follows.
        before = len(self.runs("ads history"))
        self.emulator.settings(inject=[{"entity": "campaigns", "profile": 1234567890, "index": 3, "path": "name", "literal": '"renamed"'},
                                       {"entity": "campaigns", "profile": 1234567890, "index": 3, "path": "lastUpdatedDateTime",
                                        "literal": '"2026-10-01T00:00:00.000Z"'}])
        self.eventually(lambda: len(self.runs("ads history")) >= before + 2, "runs after the change", 60)

        # A run that takes longer than a minute is alone.
        self.emulator.settings(export_delay=3)
        self.clear_log()
        self.wait_for_call("request", 4)
        most = 0
        deadline = time.monotonic() + 5 * support.PATIENCE
        while time.monotonic() < deadline:
            most = max(most, self.active())
            time.sleep(0.1)
        self.assertEqual(most, 1)
        self.emulator.settings(export_delay=0)
        before = len(self.runs("ads history"))
        self.eventually(lambda: len(self.runs("ads history")) > before, "a run after the slow one", 60)

        # The server ends while a run waits for its exports, and comes back: that run added nothing, the next one does what it had to do.
        before = len(self.runs("ads history"))
        self.emulator.settings(export_delay=30)
        self.clear_log()
        self.wait_for_call("status", 4)
        self.eventually(lambda: self.active() == 1, "a run that waits")
        self.server_of_cron.environment = faster_clock((time.monotonic() - self.began) * SPEED)
        self.server_of_cron.restart()
        # It may become one that failed between these two.
        self.eventually(lambda: self.runs("ads history", "failed") or
                        self.rows("SELECT FROM cron.job_run_details WHERE status NOT IN ('succeeded', 'failed')"), "the run that was ended")
        self.emulator.settings(export_delay=0)
        self.eventually(lambda: len(self.runs("ads history")) > before, "a run after the restart", 60)

        self.check_against_the_truth()

    def check_against_the_truth(self):
        """Each row with its name, state and money, and no other; of the campaign that changed both versions."""
        self.emulator.settings(inject=[])
        data = self.data()
        keys = {"campaigns": "campaignId", "ad_groups": "adGroupId", "targets": "targetId", "ads": "adId"}
        money = {"campaigns": "budget_amount", "ad_groups": "default_bid", "targets": "bid", "ads": "NULL::numeric"}
        for table, key in keys.items():
            name = "NULL" if table == "targets" else "name"
            found = self.rows("SELECT profile_id, %s, %s, state, %s FROM ads_history.%s" % (table[:-1] + "_id", name, money[table], table))
            right = [(str(profile["profileId"]), record[key], record.get("name"), record["state"], self.money_of(table, record))
                     for profile in data.profiles() for record in data.records(table, profile["profileId"])]
            if table == "campaigns":
                before = next(record for number, record in enumerate(data.records("campaigns", 1234567890)) if number == 3)
                right.append(("1234567890", before["campaignId"], "renamed", before["state"], self.money_of(table, before)))
            self.assertEqual(sorted(found, key=repr), sorted(right, key=repr), table)
        self.assertEqual(self.rows("SELECT name FROM ads_history.campaigns WHERE last_updated_date_time = '2026-10-01Z'"), [("renamed",)])
        self.assertEqual(self.rows("SELECT %s FROM ads_history.snapshots" % ", ".join("sum(%s)" % table for table in keys)),
                         self.rows("SELECT " + ", ".join("(SELECT count(*) FROM ads_history.%s)" % table for table in keys)))

    @staticmethod
    def money_of(table, record):
        places = {"campaigns": ("budgetCaps", "budgetValue", "monetaryBudget", "amount"), "ad_groups": ("bid", "defaultBid"), "targets": ("bid", "bid")}
        value = record if table in places else None
        for name in places.get(table, ()):
            value = (value or {}).get(name)
        return None if value is None else decimal.Decimal(str(value))


class Example(CronCase):
    def test_jobs_of_the_example(self):
        """That they can be scheduled again, and what they do, each minute."""
        self.as_analyst("CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', endpoint '%s'); "
                        "CREATE USER MAPPING FOR CURRENT_USER SERVER amplitude OPTIONS (api_key '%s', secret_key '%s'); "
                        "IMPORT FOREIGN SCHEMA exports FROM SERVER amplitude INTO ads" % (self.emulator.url, support.API_KEY, support.SECRET_KEY))
        self.psql("examples/backfill.sql")
        self.psql("examples/scheduling.sql")
        self.psql("examples/scheduling.sql")
        self.assertEqual([name for name, in self.rows("SELECT jobname FROM cron.job ORDER BY jobname")], ["ads history", "events", "forget old runs"])
        self.as_analyst("SELECT cron.schedule(jobname, '* * * * *', command) FROM cron.job")

        # The last three days that are complete are loaded, once; the next run finds nothing to do.
        self.eventually(lambda: len(self.runs("events")) >= 2, "two runs of events", 60)
        self.assertEqual(self.runs("events", "failed"), [])
        # Three, or one less or more where the clock is near midnight.
        days = [day for day, in self.rows("SELECT (adsexport_complete_until() AT TIME ZONE 'UTC')::date - day FROM product.loaded_days ORDER BY day DESC")]
        self.assertIn(days, [list(range(first, first + count)) for first in (1, 2) for count in (2, 3, 4)])
        loaded, = self.rows("SELECT count(*), count(DISTINCT uuid), (SELECT sum(events) FROM product.loaded_days) FROM product.events")
        asked, = self.rows("SELECT count(*) FROM ads.amplitude_events WHERE server_upload_time >= (SELECT min(day)::timestamp AT TIME ZONE 'UTC' FROM product.loaded_days) "
                           "AND server_upload_time < (SELECT (max(day) + 1)::timestamp AT TIME ZONE 'UTC' FROM product.loaded_days)")
        self.assertEqual(loaded, 3 * asked)
        self.assertGreater(asked[0], 0)
        self.assertTrue(self.runs("ads history"))

        # What is older than 30 days goes, and nothing else.
        self.server_of_cron.run("UPDATE cron.job_run_details SET end_time = end_time - interval '31 days' WHERE runid = (SELECT min(runid) FROM cron.job_run_details)",
                                database="warehouse")
        self.eventually(lambda: not self.rows("SELECT FROM cron.job_run_details WHERE end_time < now() - interval '30 days'"), "the old run's removal", 60)
        self.assertTrue(self.runs("events"))


if __name__ == "__main__":
    unittest.main()
