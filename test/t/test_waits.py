"""What a query waits for: requests as early as can be, whatever the shape of its plan, and with the default options.

How long it takes is measured by bench/waits; here the emulator's log says what was asked in which order.
"""

import gzip
import os
import random
import re
import socket
import tempfile
import time
import unittest
import urllib.parse

import support
from relay import Relay
from shifted_clock import ShiftedClock

TABLES = ("campaigns", "ad_groups", "targets", "ads")

# Where a time itself is promised: what is broken takes longer each time, a busy machine does so now and then.
ATTEMPTS = 5


def profile(number):
    return {"profileId": number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "access": "edit",
            "rows": {"campaigns": 2, "ad_groups": 2, "targets": 2, "ads": 2},
            "accountInfo": {"marketplaceStringId": "X", "id": str(number), "type": "seller", "name": str(number)}}


class WaitCase(support.TestCase):
    # More than the vendor's cap.
    PROFILES = 7

    def setUp(self):
        super().setUp()
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(self.PROFILES)])

    def default_options(self, **options):
        """All profiles of the account, as everybody begins; tests only poll faster."""
        self.amazon(**dict({"profile_ids": None, "max_age": None}, **options))

    def first(self, call, **wanted):
        """The number in the log of the first of these calls."""
        return self.calls(call, **wanted)[0]["id"]


class Early(WaitCase):
    """All requests that can be sent are sent before anything is read."""

    SHAPES = (
        "SELECT count(*) FROM ads.campaigns NATURAL JOIN ads.ad_groups NATURAL JOIN ads.targets NATURAL JOIN ads.ads",
        "SELECT (SELECT count(*) FROM ads.campaigns), (SELECT count(*) FROM ads.ad_groups), (SELECT count(*) FROM ads.targets), "
        "(SELECT count(*) FROM ads.ads)",
        "WITH c AS MATERIALIZED (SELECT count(*) FROM ads.campaigns), g AS MATERIALIZED (SELECT count(*) FROM ads.ad_groups), "
        "t AS MATERIALIZED (SELECT count(*) FROM ads.targets) SELECT *, (SELECT count(*) FROM ads.ads) FROM c, g, t",
        "SELECT count(*) FROM ads.campaigns UNION ALL SELECT count(*) FROM ads.ad_groups UNION ALL SELECT count(*) FROM ads.targets "
        "UNION ALL SELECT count(*) FROM ads.ads",
        "SELECT profile_id FROM ads.campaigns UNION ALL SELECT profile_id FROM ads.ad_groups UNION ALL SELECT profile_id FROM ads.targets "
        "UNION ALL SELECT profile_id FROM ads.ads",
        "SELECT count(*) FROM ads.campaigns c WHERE EXISTS (SELECT FROM ads.ad_groups g WHERE g.profile_id = c.profile_id) "
        "AND profile_id NOT IN (SELECT 'x' || profile_id FROM ads.targets) AND length(profile_id) <= (SELECT 9 * count(*) FROM ads.ads)",
        "SELECT (SELECT count(*) FROM ads.ad_groups g WHERE g.name <> c.name), t.*, a.* FROM ads.campaigns c "
        "LEFT JOIN ads.ads a ON a.name <> c.name, LATERAL (SELECT count(*) FROM ads.targets t WHERE length(t.target_id) > length(c.name)) t",
    )

    def setUp(self):
        super().setUp()
        # So long that a busy machine has all the requests before the first is ready.
        self.emulator.settings(export_delay=0.7 * support.PATIENCE)

    def check_early(self, exports=WaitCase.PROFILES, tables=TABLES):
        first_read = self.first("download")
        for table in tables:
            self.assertLess(self.first("request", entity=table), first_read, "%s was requested after another was read" % table)
            self.assertEqual(self.count_calls("request", entity=table), exports)
        self.assertEqual([call for call in self.calls() if call["status"] == 429], [])

    def test_shapes(self):
        for join in ("enable_hashjoin", "enable_mergejoin", None):
            self.default_options(max_age=0)
            if join:
                self.session.run("SET %s = off" % join)
            for shape in self.SHAPES if join else self.SHAPES[:1]:
                with self.subTest(shape=shape, without=join):
                    self.clear_log()
                    self.session.rows(shape)
                    self.check_early()

    # What each scan waits for is known to all of them once the first is read; how many exports each then needs.
    JOIN = SHAPES[0]
    OF_ONE = ["(SELECT count(*) FROM ads.%s WHERE profile_id = current_setting('adsexport_test.profile'))" % table for table in TABLES]
    TOGETHER = (
        (JOIN + " WHERE profile_id = (SELECT id FROM mine)", 1),
        (JOIN + " WHERE profile_id = (SELECT number FROM mine)::text", 1),
        (JOIN + " WHERE (SELECT id FROM mine) = '7003'", WaitCase.PROFILES),
        (JOIN + " WHERE (SELECT id FROM mine) = '7003' AND profile_id = (SELECT id FROM mine)", 1),
        (JOIN + " WHERE (SELECT id FROM mine) = '7003' AND profile_id = current_setting('adsexport_test.profile')", 1),
        ("SELECT " + ", ".join(OF_ONE), 1),
        ("WITH c AS MATERIALIZED %s, g AS MATERIALIZED %s, t AS MATERIALIZED %s SELECT *, %s FROM c, g, t" % tuple(OF_ONE), 1),
        ("SELECT %s, %s, %s FROM ads.ads WHERE profile_id = current_setting('adsexport_test.profile')" % tuple(OF_ONE[:3]), 1),
    )

    def know(self):
        """What the filters of the following tests ask for."""
        self.session.run("CREATE TABLE IF NOT EXISTS mine (id text, number bigint); DELETE FROM mine; INSERT INTO mine VALUES ('7003', 7003); "
                         "SET adsexport_test.profile = '7003'")

    def test_what_becomes_known(self):
        """Of scans that could not be started with the query, one takes the others along."""
        self.default_options(max_age=0)
        self.know()
        for shape, exports in self.TOGETHER:
            with self.subTest(shape=shape):
                self.clear_log()
                self.session.rows(shape)
                self.check_early(exports)

    # What must be left alone, for it fails or asks for what may not be needed; $1 is 0.
    ALONE = (
        # Other expressions than those that were evaluated.
        "SELECT %s, CASE WHEN (SELECT number FROM mine) = 1 THEN (SELECT count(*) FROM ads.ads WHERE profile_id = (1 / $1)::text) END" % OF_ONE[0],
        # The same, but what guards it has kept it from being evaluated.
        "SELECT (SELECT count(*) FROM ads.campaigns WHERE $1 = 0 OR profile_id = (1 / $1)::text), "
        "CASE WHEN (SELECT number FROM mine) = 1 THEN (SELECT count(*) FROM ads.ads WHERE profile_id = (1 / $1)::text) END",
        # A subquery that nobody has run.
        "SELECT count(*) FROM ads.campaigns WHERE profile_id = (SELECT id FROM mine) AND CASE WHEN profile_id = '1' THEN "
        "(SELECT count(*) FROM ads.ads WHERE profile_id = (SELECT ($1 / (number - 7003))::text FROM mine)) = 1 ELSE true END",
        # Other conditions above them.
        "SELECT profile_id FROM ads.campaigns WHERE (SELECT number FROM mine) > $1 UNION ALL "
        "SELECT profile_id FROM ads.ads WHERE (SELECT number FROM mine) < $1",
    )

    def test_what_stays_unknown(self):
        self.default_options(max_age=0)
        self.know()
        self.session.run("SET plan_cache_mode = force_generic_plan")
        for shape in self.ALONE:
            with self.subTest(shape=shape):
                self.clear_log()
                self.session.run("PREPARE q (int) AS " + shape)
                self.session.rows("EXECUTE q (0)")
                self.session.run("DEALLOCATE q")
                self.assertGreater(self.count_calls("request", entity="campaigns"), 0)
                self.assertEqual(self.count_calls("request", entity="ads"), 0)

    def test_empty_list_of_one_taken_along(self):
        """It is told only if that one is read, even if it was known before."""
        self.default_options(max_age=0)
        self.know()
        second = "amzn1.application-oa2-client.second"
        self.amazon("other", "other", mapping=self.amazon_mapping(second), profile_ids=None, max_retries=0)
        self.fault({"call": "profiles", "client": second}, status=200, body="[]")
        query = ("SELECT (SELECT count(*) FROM ads.targets), (SELECT count(*) FROM ads.campaigns WHERE profile_id = current_setting('adsexport_test.profile')), "
                 "CASE WHEN (SELECT number FROM mine) = 1 THEN (SELECT count(*) FROM other.targets) END, "
                 "CASE WHEN (SELECT number FROM mine) = %d THEN (SELECT count(*) FROM other.ads WHERE profile_id = current_setting('adsexport_test.profile')) END")
        self.assertEqual(self.session.rows(query % 2), [(2 * self.PROFILES, 2, None, None)])
        self.expect_error("HV00L", query % 7003, 'foreign table "ads"', "The list of profiles is empty", "server other")

    JOIN_OF_TWO = "SELECT a.profile_id FROM ads.%s a JOIN ads.%s b USING (profile_id)"

    def test_queries_that_write(self):
        self.default_options(max_age=0)
        self.session.run("CREATE TABLE IF NOT EXISTS written (profile_id text); INSERT INTO written VALUES ('7000')")
        first, second = self.JOIN_OF_TWO % ("campaigns", "ad_groups"), self.JOIN_OF_TWO % ("targets", "ads")
        for query in ("INSERT INTO written SELECT count(*)::text FROM (%s) x, (%s) y" % (first, second),
                      "WITH w AS (INSERT INTO written %s RETURNING profile_id) SELECT count(*) FROM w, (%s) y" % (first, second),
                      "DELETE FROM written w USING (%s) x, (%s) y WHERE w.profile_id = x.profile_id AND w.profile_id = y.profile_id" % (first, second),
                      "UPDATE written w SET profile_id = (SELECT max(profile_id) FROM (%s) y) FROM (%s) x WHERE w.profile_id = x.profile_id" % (first, second)):
            with self.subTest(query=query):
                self.clear_log()
                self.session.run(query)
                self.check_early()

    def test_recursion_and_order(self):
        self.default_options(max_age=0)
        for query in ("WITH RECURSIVE r AS (SELECT profile_id, 1 AS n FROM ads.campaigns UNION SELECT profile_id, n + 1 FROM r JOIN ads.ad_groups USING (profile_id) "
                      "WHERE n < 3) SELECT count(*) FROM r, ads.targets, ads.ads",
                      " UNION ALL ".join("(SELECT profile_id FROM ads.%s ORDER BY 1)" % table for table in TABLES) + " ORDER BY 1"):
            with self.subTest(query=query):
                self.clear_log()
                self.session.rows(query)
                self.check_early()

    def test_partitions_pruned_at_run_time(self):
        """Those that are left are requested when they are read, the others not at all."""
        self.default_options(max_age=0)
        self.know()
        self.make_partitions()
        for asynchronous in ("on", "off"):
            if self.session.connection.server_version >= 140000:
                self.session.run("SET enable_async_append = %s" % asynchronous)
            with self.subTest(asynchronous=asynchronous):
                self.clear_log()
                self.session.rows("SELECT count(*) FROM parts WHERE kind = (SELECT 'ads' FROM mine)")
                self.assertEqual({call["entity"] for call in self.calls("request")}, {"ads"})
                self.check_early(tables=("ads",))

    def test_rescans_and_prepared_plans(self):
        self.default_options(max_age=0)
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.run("PREPARE q (text) AS SELECT count(*) FROM ads.campaigns c, ads.ad_groups g, ads.targets t, ads.ads a "
                         "WHERE c.state <> $1 AND g.state <> $1 AND t.state <> $1 AND a.state <> $1")
        for state in ("ARCHIVED", "PAUSED"):
            self.clear_log()
            self.session.rows("EXECUTE q ('%s')" % state)
            self.check_early()

    def test_cursors(self):
        self.default_options(max_age=0)
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT * FROM ads.campaigns, ads.ad_groups")
        self.session.run("DECLARE d CURSOR FOR SELECT * FROM ads.targets, ads.ads")
        # Fetching from one brings the other on.
        self.assertEqual(len(self.session.rows("FETCH ALL FROM c")), (2 * self.PROFILES) ** 2)
        self.check_early()
        self.assertEqual(len(self.session.rows("FETCH ALL FROM d")), (2 * self.PROFILES) ** 2)
        self.session.run("COMMIT")

    def make_partitions(self):
        self.session.run("DROP TABLE IF EXISTS parts; CREATE TABLE parts (kind text, campaign_id text, profile_id text) PARTITION BY LIST (kind)")
        for table in TABLES:
            self.session.run("CREATE FOREIGN TABLE part_%s PARTITION OF parts FOR VALUES IN ('%s') SERVER amazon OPTIONS (entity '%s')" % (table, table, table))
            self.session.run("ALTER FOREIGN TABLE part_%s ALTER kind OPTIONS (ADD json_path 'noSuchKey')" % table)

    def test_partitions(self):
        self.default_options(max_age=0)
        self.make_partitions()
        for asynchronous in ("on", "off"):
            if self.session.connection.server_version >= 140000:
                self.session.run("SET enable_async_append = %s" % asynchronous)
            self.clear_log()
            # Nothing passes, but everything is read.
            self.session.rows("SELECT count(*) FROM parts")
            self.check_early()

    def test_beside_amplitude(self):
        """Exports go on while events are waited for."""
        self.default_options()
        self.amplitude()
        self.emulator.settings(amplitude_delay=4 * support.PATIENCE, export_delay=0.1)
        self.session.rows("SELECT (SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01' AND "
                          "server_upload_time < '2025-03-01 02:00'), (SELECT count(*) FROM ads.campaigns)")
        self.eventually(lambda: self.calls("export")[0]["seconds"] is not None, "end of the archive")
        (events,) = self.calls("export")
        done = [call for call in self.calls("status") if call["time"] < events["time"] + events["seconds"]]
        self.assertEqual(len({call["export"] for call in done}), self.PROFILES)


class Polls(WaitCase):
    """Status calls come when the export is likely to be ready, and are few."""

    def test_a_small_account(self):
        """Ready after half a second, for the very first query of a session and with the options that everybody begins with."""
        self.emulator.settings(export_delay=0.5)
        intervals = []
        while not intervals or intervals[-1] > 0.95 and len(intervals) < ATTEMPTS:
            # Nobody knows yet how long it takes.
            self.emulator.move()
            self.clear_log()
            self.amazon(profile_ids="7000", poll_interval=None, poll_interval_max=None)
            self.connect().rows("SELECT 1 FROM ads.campaigns")
            (request,), (status,) = self.calls("request"), self.calls("status")
            intervals.append(status["time"] - request["time"])
        self.assertLess(intervals[-1], 0.95, "poll_interval was waited for: %s" % intervals)

    def test_known_durations(self):
        """One call for each export, once it is known how long they take."""
        self.emulator.settings(export_delay=1.3)
        self.default_options(poll_interval="200ms", poll_interval_max="10s", max_age=0)
        self.session.rows("SELECT 1 FROM ads.campaigns")
        # The five at first have to find out.
        self.assertGreater(self.count_calls("status"), 2 * self.PROFILES)
        self.clear_log()
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.check_expected(self.PROFILES)
        # A profile that was never asked is expected to be like the others, another entity is not.
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(self.PROFILES + 1)])
        self.clear_log()
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.check_expected(self.PROFILES + 1)
        # What one session has learned all know, unless they share nothing.
        self.clear_log()
        self.connect().rows("SELECT 1 FROM ads.campaigns")
        self.check_expected(self.PROFILES + 1)
        self.clear_log()
        self.connect(**{"adsexport_fdw.share_exports": "off"}).rows("SELECT 1 FROM ads.campaigns")
        self.assertGreater(self.count_calls("status"), 2 * self.PROFILES)

    def check_expected(self, exports):
        """Each is asked about once, but for some that the emulator of a busy machine began late; who has to find out asks more than twice."""
        count = self.count_calls("status")
        self.assertGreaterEqual(count, exports)
        self.assertLess(count, 1.5 * exports)

    def test_take_turns(self):
        """Of exports that nothing is known about; the first that is ready tells about the others."""
        self.emulator.settings(export_delay=8)
        self.default_options(profile_ids=",".join(str(7000 + number) for number in range(5)), poll_interval="200ms", poll_interval_max="10s")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        calls = {}
        for call in self.calls("status"):
            calls.setdefault(call["export"], []).append(call["time"])
        self.assertEqual(len(calls), 5)
        # By then each is asked about once in two seconds, and the turns of the five are spread over 1.4 s.
        before = sorted(times[-2] for times in calls.values())
        self.assertGreater(before[-1] - before[0], 0.7, calls)
        ready = sorted(times[-1] for times in calls.values())
        self.assertLess(ready[-1] - ready[0], 0.7, calls)

    def test_another_filter(self):
        """What the whole export takes says nothing of a part of it."""
        self.emulator.settings(export_delay=4)
        self.default_options(profile_ids="7000", poll_interval="200ms", poll_interval_max="10s")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.clear_log()
        self.fault({"call": "request"}, export_delay=0.3)
        self.session.rows("SELECT 1 FROM ads.campaigns WHERE state = 'ENABLED'")
        (request,), status = self.calls("request"), self.calls("status")
        self.assertLess(status[-1]["time"] - request["time"], 3.5, "it was expected to take 4 s")

    def test_never_closer_than_the_interval(self):
        # The emulator of a busy machine may see one of two calls late.
        self.emulator.settings(export_delay=2.4, shortest_poll=0.3)
        self.default_options(poll_interval="600ms", poll_interval_max="5s", max_age=0)
        for _ in range(2):
            self.session.rows("SELECT 1 FROM ads.campaigns, ads.ads")
        self.assertEqual([call for call in self.calls() if call["status"] == 429], [])

    def test_backs_off(self):
        """A status call that is refused makes the next ones rarer."""
        self.emulator.settings(export_delay=4)
        self.amazon(profile_ids="7000", poll_interval="100ms", poll_interval_max="5s")
        self.fault({"call": "status", "times": 2}, status=429, body_kind="gateway")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        times = [call["time"] for call in self.calls("status")]
        self.assertGreater(times[1] - times[0], 0.7)
        self.assertGreater(times[2] - times[1], 1.4)
        self.assertLess(len(times), 14)


class DownloadCase(WaitCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="adsexport-t-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def serve(self, **bytes_of):
        """For each profile the same file, of about so many bytes; returns how many records each has."""
        paths, records = {}, {}
        for table, size in bytes_of.items():
            records[table] = size // 1000
            paths[table] = os.path.join(self.folder, table + ".json.gz")
            with gzip.open(paths[table], "wb", 1) as file:
                # Of random digits half remains.
                file.write(("[%s]" % ",".join('{"name": "%s"}' % os.urandom(970).hex() for _ in range(records[table]))).encode())
        self.emulator.settings(serve=paths)
        return records


class Downloads(DownloadCase):
    """Small files are fetched side by side and before their turn, on connections that are used again."""

    PROFILES = 40
    # Seconds; long enough for a busy machine to begin a download meanwhile.
    PAUSE = 2 * support.PATIENCE

    @staticmethod
    def at_once(calls):
        """How many of these, all of which are finished, were under way at the same time."""
        return max(sum(other["time"] <= call["time"] < other["time"] + other["seconds"] for other in calls) for call in calls)

    def test_side_by_side(self):
        self.default_options(max_age=0)
        self.fault({"call": "download"}, delay=0.2)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 2 * self.PROFILES)
        downloads = self.calls("download")
        self.assertEqual(len(downloads), self.PROFILES)
        self.assertEqual(self.at_once(downloads), 4)
        # Each takes the link that the status call brought which found the export ready, a fresh one if that is used up or old.
        self.assertLess(self.count_calls("status"), 2 * self.PROFILES)

    def test_connections_are_used_again(self):
        self.default_options(max_age=0)
        self.emulator.settings(handshake_delay=0.05)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 2 * self.PROFILES)
        calls = [call for call in self.calls() if call["call"]]
        self.assertGreater(len(calls), 3 * self.PROFILES)
        self.assertLess(len({call["connection"] for call in calls}), 16)

    def test_for_a_scan_that_is_read_later(self):
        """While the first scan waits, what the second needs is fetched."""
        self.default_options(max_age=0)
        self.fault({"call": "request", "entity": "campaigns", "profile": "7000"}, export_delay=100)
        running = self.session.start("SELECT (SELECT count(*) FROM ads.campaigns), (SELECT count(*) FROM ads.ads)")
        self.wait_for_answer("download", self.PROFILES, entity="ads")
        self.assertEqual(self.calls("download", entity="campaigns", profile="7000"), [])
        self.emulator.control("POST", "/advance", {"seconds": 100})
        self.assertIsNone(running.wait().error)
        self.assertEqual(running.result, [(2 * self.PROFILES, 2 * self.PROFILES)])

    def test_no_more_than_there_is_room_for(self):
        """8 MiB over all scans of the session, of files that come to twice as much."""
        waiting = TABLES[1:]
        rows = self.serve(campaigns=1000, ad_groups=900000, targets=700000, ads=800000)
        profiles = 7
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(profiles)])
        self.default_options(max_age=0)
        # What the first scan waits for gives the others time, and they are read after that.
        self.fault({"call": "download", "entity": "campaigns", "nth": profiles}, delay=2 * self.PAUSE)
        self.assertEqual(self.session.rows("SELECT (SELECT count(*) FROM ads.campaigns), " +
                                           ", ".join("(SELECT count(*) FROM ads.%s)" % table for table in waiting)),
                         [tuple(profiles * rows[table] for table in TABLES)])
        last = max(self.calls("download", entity="campaigns"), key=lambda call: call["seconds"])
        self.assertGreater(last["seconds"], self.PAUSE)
        downloads = [call for table in waiting for call in self.calls("download", entity=table)]
        early = [call for call in downloads if call["time"] < last["time"] + last["seconds"]]
        room = 8 * 1024 * 1024
        self.assertGreater(sum(call["bytes_sent"] for call in downloads), 1.5 * room)
        self.assertLessEqual(sum(call["bytes_sent"] for call in early), room)
        self.assertGreater(sum(call["bytes_sent"] for call in early), room / 2)
        self.assertEqual({call["entity"] for call in early}, set(waiting))
        for table in TABLES:
            self.assertLessEqual(self.at_once(self.calls("download", entity=table)), 4)

    def test_large_files_are_not(self):
        """Nor those that are longer than they were said to be; both are read all the same."""
        self.default_options(max_age=0, profile_ids="7000,7001,7002,7003")
        rows = self.serve(campaigns=1500000)["campaigns"]
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 4 * rows)
        downloads = self.calls("download")
        self.assertGreater(downloads[0]["bytes_sent"], 1024 * 1024)
        self.fault({"call": "status"}, file_size=1000)
        self.expect_error("HV000", "SELECT count(*) FROM ads.campaigns", "bytes, but the status of the export announced 1000")

    def two_large(self, pause_after):
        """Downloads of two large files, the first of which stops for a while after that part of it."""
        rows = self.serve(campaigns=12000000)["campaigns"]
        self.default_options(max_age=0, profile_ids="7000,7001")
        self.clear_log()
        self.clear_faults()
        self.fault({"call": "download", "nth": 1}, pause_after=pause_after, pause_seconds=self.PAUSE)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 2 * rows)
        first, second = self.calls("download")
        self.assertNotEqual(first["profile"], second["profile"])
        return first, second

    def test_large_files_when_their_turn_is_near(self):
        """Not while more than 8 MiB of the one before is left, however fast that comes, and always when it is less than 1 MiB."""
        first, second = self.two_large(0.1)
        self.assertGreater(0.9 * first["bytes_sent"], 8 * 1024 * 1024)
        self.assertGreater(second["time"], first["time"] + self.PAUSE)
        first, second = self.two_large(0.95)
        self.assertLess(0.05 * first["bytes_sent"], 1024 * 1024)
        self.assertLess(second["time"], first["time"] + first["seconds"])
        # The second export was long ready, and only its turn had to come.
        self.assertGreater(second["time"], first["time"])

    def test_large_file_that_breaks_while_the_next_is_open(self):
        """It goes on where it was, and the next ones wait for that."""
        rows = self.serve(campaigns=6000000)["campaigns"]
        for read_ahead in ("on", "off"):
            for profiles in (2, 6):
                with self.subTest(read_ahead=read_ahead, profiles=profiles):
                    ids = [str(7000 + number) for number in range(profiles)]
                    self.default_options(max_age=0, profile_ids=",".join(ids))
                    self.session.run("SET adsexport_fdw.read_ahead = " + read_ahead)
                    self.clear_log()
                    self.clear_faults()
                    self.fault({"call": "download", "nth": 1}, pause_after=0.9, pause_seconds=self.PAUSE, cut_after=0.92)
                    self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), profiles * rows)
                    first, second = self.calls("download")[:2]
                    self.assertNotEqual(first["profile"], second["profile"])
                    self.assertFalse(first["complete"])
                    self.assertLess(second["time"], first["time"] + first["seconds"])
                    self.assertEqual([call["profile"] for call in self.calls("download")].count(first["profile"]), 2)

    def test_large_files_that_take_long_to_begin(self):
        """So many are opened as will be read meanwhile, so that the delays do not add up."""
        profiles = 9
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(profiles)])
        rows = self.serve(campaigns=1500000)["campaigns"]
        self.default_options(max_age=0)
        self.fault({"call": "download"}, delay=self.PAUSE)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), profiles * rows)
        downloads = self.calls("download")
        self.assertEqual(len(downloads), profiles)
        self.assertGreater(downloads[0]["bytes_sent"], 1024 * 1024)
        # More than the one that is read and the next one; four, but the log of a busy machine can be late to say that one has ended.
        self.assertGreater(self.at_once(downloads), 2)
        self.assertLess(self.at_once(downloads), 2 * 4)

    def test_link_that_waits_for_a_token(self):
        """The session waits; it does not look again and again."""
        records = self.serve(campaigns=3000000)
        self.default_options(profile_ids="7001", max_age=0)
        self.fault({"call": "download", "times": 1}, status=403)
        self.fault({"call": "status", "nth": [2]}, token_expired=True)
        self.fault({"call": "token", "nth": [2]}, delay=2 * self.PAUSE)

        def processor_seconds():
            with open("/proc/%d/stat" % self.session.pid) as file:
                return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

        before = processor_seconds()
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), records["campaigns"])
        # A few hundredths; a session that did not wait took half of the time.
        self.assertLess(processor_seconds() - before, self.PAUSE / 2)
        self.assertEqual((self.count_calls("token"), self.count_calls("download")), (2, 2))

    def test_faults(self):
        """Whatever goes wrong is made good in the ordinary way."""
        self.default_options(max_age=0)
        for fault in ({"status": 503}, {"expire_url": True}, {"cut_after": 30}, {"drop_connection_before_response": "reset"},
                      {"truncate": 20}, {"status": 404, "body_kind": "s3"}):
            with self.subTest(fault=fault):
                self.clear_faults()
                self.fault({"call": "download", "nth": [3, 7, 20]}, **fault)
                self.assertEqual(self.session.value("SELECT count(DISTINCT campaign_id || profile_id) FROM ads.campaigns"), 2 * self.PROFILES)

    def test_cancel(self):
        self.default_options(max_age=0)
        self.fault({"call": "download"}, hang=True)
        running = self.session.start("SELECT count(*) FROM ads.campaigns")
        self.wait_for_call("download", 3)
        self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        self.clear_faults()
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 2 * self.PROFILES)


class BrokenDownloads(DownloadCase):
    """Files of all sizes, read in all ways, that break anywhere: all rows, once."""

    # With how many times the records of all profiles they have to find, of campaigns and of ads.
    QUERIES = (
        ("SELECT count(*) FROM ads.campaigns", 1, 0),
        ("SELECT (SELECT count(*) FROM ads.campaigns) + (SELECT count(*) FROM ads.ads)", 1, 1),
        ("SELECT count(*) FROM (SELECT name FROM ads.campaigns UNION ALL SELECT name FROM ads.ads) x", 1, 1),
        ("SELECT sum((SELECT count(*) FROM ads.campaigns WHERE length(name) > i)) FROM generate_series(1, 3) i", 3, 0),
        ("SELECT count(*) FROM ads.campaigns FULL JOIN ads.ads USING (name)", 1, 1),
    )
    FAULTS = (
        {"cut_how": "close"}, {"cut_how": "reset"}, {"status": 503}, {"expire_url": True}, {"drop_connection_before_response": "reset"},
        {"status": 404, "body_kind": "s3"}, {"delay": 0.3},
    )

    def fault_at_random(self, draw):
        action = dict(draw.choice(self.FAULTS))
        if "cut_how" in action:
            action["cut_after"] = round(draw.choice((draw.random(), 1 - 0.2 * draw.random())), 3)
            if draw.random() < 0.5:
                action.update(pause_after=round(action["cut_after"] * draw.choice((0.5, 0.98)), 3), pause_seconds=0.3)
        nth = sorted(draw.sample(range(1, 9), draw.randint(1, 3)))
        self.fault(dict({"call": "download", "nth": nth}, **({"entity": draw.choice(("campaigns", "ads"))} if draw.random() < 0.5 else {})), **action)
        return action, nth

    def test_at_random(self):
        rounds = int(os.environ.get("ADSEXPORT_DOWNLOADS_ROUNDS", "10"))
        seed = int(os.environ.get("ADSEXPORT_DOWNLOADS_SEED", "1"))
        for number in range(rounds):
            draw = random.Random(seed * 1000 + number)
            sizes = {table: draw.choice((20000, 400000, 1500000, 4000000, 9000000)) for table in ("campaigns", "ads")}
            profiles = draw.choice((1, 2, 3, 7))
            query, campaigns, ads = draw.choice(self.QUERIES)
            settings = {"adsexport_fdw.read_ahead": draw.choice(("on", "off")), "enable_async_append": draw.choice(("on", "off"))}
            self.default_options(max_age=0, max_retries=10, profile_ids=",".join(str(7000 + one) for one in range(profiles)))
            rows = self.serve(**sizes)
            for name, value in settings.items():
                if name != "enable_async_append" or self.session.connection.server_version >= 140000:
                    self.session.run("SET %s = %s" % (name, value))
            self.clear_faults()
            self.clear_log()
            faults = [self.fault_at_random(draw) for _ in range(draw.randint(1, 3))]
            with self.subTest(seed=seed, number=number, query=query, sizes=sizes, profiles=profiles, settings=settings, faults=faults):
                self.assertEqual(self.session.value(query), profiles * (campaigns * rows["campaigns"] + ads * rows["ads"]))


class HandshakeCase(WaitCase):
    # What other classes create would overrun the queue of invalidations of a session that waits; whoever missed some closes what it has kept.
    alone = True
    emulator_options = ("--tls",)

    def default_options(self, **options):
        super().default_options(endpoint=self.emulator.tls_url, ca_file=self.emulator.ca_file, max_age=0, **options)

    def handshakes(self):
        return self.emulator.control("GET", "/state")["handshakes"]

    def made_by(self, *statements):
        before = self.handshakes()
        for statement in statements:
            self.session.rows(statement)
        return self.handshakes() - before


class Handshakes(HandshakeCase):
    """Connections outlive the statement, so that the next one shakes no hands."""

    def test_one_profile(self):
        """One call after the other needs one connection, the file included."""
        self.default_options(profile_ids="7000")
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns", "SELECT 1 FROM ads.ads"), 0)

    def test_many_profiles(self):
        """As many as calls are made at once, whose number the vendor's cap limits."""
        self.emulator.settings(export_delay=0.1)
        self.default_options()
        # Five requests and four downloads; with connections for a statement alone it would be at least five each time.
        self.assertLessEqual(self.made_by(*["SELECT 1 FROM ads.campaigns"] * 6), 5 + 4)

    def test_large_downloads(self):
        """They have connections of their own, which are kept as well."""
        self.emulator.settings(profiles=[dict(profile(7000 + number), rows={"campaigns": 30000}) for number in range(3)])
        self.default_options(profile_ids="7000,7001,7002")
        # Three requests and three downloads at once. If either were not kept, five statements would make more.
        self.assertLessEqual(self.made_by(*["SELECT count(*) FROM ads.campaigns"] * 5), 3 + 3)

    def test_after_a_failure_and_a_cancel(self):
        """What was under way is closed, and the others stay."""
        self.default_options(profile_ids="7000", max_retries=0)
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.fault({"call": "request"}, status=400)
        before = self.handshakes()
        self.expect_error("HV000", "SELECT 1 FROM ads.campaigns")
        self.assertEqual(self.handshakes(), before)
        self.clear_faults()
        self.fault({"call": "download"}, hang=True)
        self.clear_log()
        running = self.session.start("SELECT count(*) FROM ads.campaigns")
        self.wait_for_call("download")
        self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        self.clear_faults()
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)

    def test_forgotten(self):
        self.default_options(profile_ids="7000")
        before = self.session.descriptors()
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.assertGreater(len(self.session.descriptors()), len(before))
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.session.descriptors(), before)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)

    def test_the_server_closes_them(self):
        """Which a statement finds out in time, and needs no retry for."""
        self.default_options(profile_ids="7000", max_retries=0)
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.emulator.control("POST", "/hang-up", {})
        self.eventually(lambda: self.emulator.control("GET", "/state")["connections_open"] <= 1, "end of the connections")
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)

    def test_another_user_or_server(self):
        """Connections are kept for those alone who opened them, and only as long as nothing about them changes."""
        self.default_options(profile_ids="7000")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.session.run("DO $$ BEGIN CREATE ROLE adsexport_t_hands; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        self.addCleanup(self.session.run, "RESET ROLE; DROP OWNED BY adsexport_t_hands CASCADE; DROP ROLE adsexport_t_hands")
        self.session.run("CREATE USER MAPPING FOR adsexport_t_hands SERVER amazon %s" % support.option_list(self.amazon_mapping()))
        self.session.run("GRANT USAGE ON SCHEMA ads TO adsexport_t_hands; GRANT SELECT ON ads.campaigns TO adsexport_t_hands")
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1, "after a mapping has changed")
        self.session.run("SET ROLE adsexport_t_hands")
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1, "by another role")
        self.session.run("RESET ROLE")
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1, "by the first one again")
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 0)
        before = len(self.session.descriptors())
        self.session.run("ALTER SERVER amazon OPTIONS (SET max_retries '2')")
        self.assertLess(len(self.session.descriptors()), before)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1, "after the server has changed")


class Idle(ShiftedClock, HandshakeCase):
    """Connections that were of no use for a minute are closed."""

    CLOCK = "CLOCK_MONOTONIC"

    def test_after_a_minute(self):
        self.default_options(profile_ids="7000")
        before = self.session.descriptors()
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)
        self.set_clock(50)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 0)
        # Each use begins the minute anew.
        self.set_clock(100)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 0)
        self.assertGreater(len(self.session.descriptors()), len(before))
        # Nothing runs in an idle session, so that they go with its next transaction, whatever that does.
        self.set_clock(161)
        self.assertGreater(len(self.session.descriptors()), len(before))
        self.session.rows("SELECT 1")
        self.assertEqual(self.session.descriptors(), before)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)
        # Nor are they used by one that reads at once.
        self.set_clock(222)
        self.assertEqual(self.made_by("SELECT 1 FROM ads.campaigns"), 1)


class Told(WaitCase):
    """What the user is told while it takes time, and in EXPLAIN."""

    def test_many(self):
        self.emulator.settings(export_delay=1)
        self.default_options(max_age=0)
        session = self.connect(**{"adsexport_fdw.progress_interval": "200ms"})
        session.rows("SELECT 1 FROM ads.campaigns")
        notices = session.take_notices()
        self.assertRegex(notices, r"NOTICE:  campaigns: 0 of 7 exports read, 5 in progress, 2 queued; longest: profile 700\d, for 0 s\n")
        self.assertRegex(notices, r"NOTICE:  campaigns: \d of 7 exports read, 2 in progress; longest: profile 700\d, for \d s\n")
        # At each interval of the statement, although no single wait is so long; a busy machine may miss some of the eleven.
        self.assertGreater(len(notices.strip().splitlines()), 4)

    def test_short_waits(self):
        self.default_options(max_age=0)
        self.fault({"call": ["request", "status", "download"]}, delay=0.15)
        session = self.connect(**{"adsexport_fdw.progress_interval": "500ms"})
        session.rows("SELECT 1 FROM ads.campaigns, ads.ads LIMIT 1")
        self.assertIn("exports read", session.take_notices())

    def test_tries(self):
        self.default_options(profile_ids="7000", max_retries=2)
        self.fault({"call": "request", "times": 2}, status=503)
        session = self.connect(**{"adsexport_fdw.progress_interval": "300ms"})
        session.rows("SELECT 1 FROM ads.campaigns")
        self.assertRegex(session.take_notices(), r"campaigns, profile 7000, export not yet requested: waiting to try again for \d s "
                         r"\(try 2 of 3; last: could not request an export: HTTP status 503 \(service unavailable\)\)")

    def test_tries_of_one_that_cannot_be_reached(self):
        self.default_options(profile_ids="7000", endpoint=NeverReached.closed_port(self), max_retries=2)
        session = self.connect(**{"adsexport_fdw.progress_interval": "300ms"})
        self.expect_error("08006", "SELECT 1 FROM ads.campaigns", session=session)
        self.assertRegex(session.take_notices(), r"waiting for an access token for \d s \(try 2 of 3; last: could not get an access token: "
                         r".*Connection refused\)\)")

    def test_at_each_interval(self):
        """However short the single waits are, and never closer to each other."""
        session = self.connect(**{"adsexport_fdw.progress_interval": "400ms"})
        self.emulator.settings(export_delay=0.1)
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(15)])
        for what in ("exports", "bytes"):
            with self.subTest(short=what):
                self.clear_faults()
                if what == "exports":
                    # One after the other, none of which takes an interval.
                    self.default_options(max_age=0, max_jobs=1)
                else:
                    # They come twenty times in a second.
                    self.default_options(max_age=0, profile_ids="7000")
                    self.fault({"call": "download"}, drip=200)
                self.clear_log()
                began = time.monotonic()
                session.rows("SELECT count(*) FROM ads.campaigns")
                took = time.monotonic() - began
                notices = session.take_notices()
                told = len(notices.strip().splitlines())
                self.assertGreater(took, 4 * 0.4)
                self.assertLessEqual(told, took / 0.4 + 1, notices)
                # A busy machine may miss some.
                self.assertGreaterEqual(told, took / 0.4 / 2, notices)

    EVENTS = ("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00Z' AND "
              "server_upload_time < '2025-03-06 00:00Z'")

    def told_of_events(self, session):
        """What the notices counted: read, of, in progress, queued."""
        session.rows(self.EVENTS)
        notices = session.take_notices()
        lines = notices.strip().splitlines()
        counts = [re.match(r"NOTICE:  amplitude_events: (\d) of (\d+) exports read(?:, (\d) in progress)?(?:, (\d+) queued)?"
                           r"(; longest: hours 2025030[1-5]T\d\d to 2025030[1-5]T\d\d, for \d s(?:; hours \S+ to \S+: downloaded 0\.\d MB, \d+ rows)?)?"
                           r"(?:; waiting for other exports to finish for \d s)?(?: \(try .*\))?$", line) for line in lines]
        self.assertNotIn(None, counts, notices)
        for count in counts:
            self.assertEqual(count[3] is not None, count[5] is not None, notices)
        return [tuple(int(number or 0) for number in count.group(1, 2, 3, 4)) for count in counts], notices

    def test_spans_of_amplitude(self):
        """They are told of as exports are, those too that are not even made."""
        self.emulator.settings(amplitude_delay=2)
        self.amplitude(concurrency=2)
        counts, notices = self.told_of_events(self.connect(**{"adsexport_fdw.progress_interval": "300ms"}))
        self.assertIn((0, 5, 2, 3), counts, notices)
        self.assertIn((2, 5, 2, 1), counts, notices)
        self.assertIn((4, 5, 1, 0), counts, notices)
        self.assertIn("amplitude_events: 0 of 5 exports read, 2 in progress, 3 queued; longest: hours 20250301T00 to 20250301T23, for 0 s\n", notices)
        for read, total, in_progress, queued in counts:
            self.assertEqual((total, read + in_progress + queued), (5, 5), notices)

    def test_spans_that_are_split(self):
        """There are more of them then."""
        # So long that there are notices while the last two are in progress.
        self.emulator.settings(amplitude_delay=1)
        self.amplitude(concurrency=2)
        self.fault({"call": "export", "hours_over": 12}, status=400, body="Export file size too large")
        counts, notices = self.told_of_events(self.connect(**{"adsexport_fdw.progress_interval": "200ms"}))
        self.assertEqual(counts[-1][1], 10, notices)
        for read, total, in_progress, queued in counts:
            self.assertEqual(read + in_progress + queued, total, notices)
        self.assertEqual([read for read, _, _, _ in counts], sorted(read for read, _, _, _ in counts))

    def test_spans_that_wait(self):
        """For a place, or for another try."""
        self.emulator.settings(amplitude_delay=1)
        self.amplitude(concurrency=3, max_jobs=1)
        session = self.connect(**{"adsexport_fdw.progress_interval": "200ms"})
        counts, notices = self.told_of_events(session)
        self.assertEqual({in_progress for _, _, in_progress, _ in counts} - {0}, {1}, notices)
        self.assertIn((0, 5, 1, 4), counts, notices)
        self.amplitude(concurrency=1, max_retries=2)
        self.fault({"call": "export", "nth": 2}, status=503)
        counts, notices = self.told_of_events(session)
        self.assertIn("amplitude_events: 1 of 5 exports read, 4 queued (try 2 of 3; last: could not download an export: HTTP status 503 (service unavailable))\n", notices)

    def explained(self, query):
        """What the scan of each table counted."""
        def scans(node):
            if node["Node Type"] == "Foreign Scan":
                yield node["Relation Name"], node
            for inner in node.get("Plans", ()):
                yield from scans(inner)

        ((plan,),) = self.session.value("EXPLAIN (ANALYZE, FORMAT JSON) " + query),
        return dict(scans(plan["Plan"]))

    def test_counted(self):
        self.emulator.settings(export_delay=0.3)
        self.default_options(max_age="1h")
        both = "SELECT 1 FROM ads.campaigns, ads.ads"
        counted = self.explained(both)
        for table, scan in counted.items():
            with self.subTest(table=table):
                self.assertEqual((scan["Exports Requested"], scan["Exports Reused"]), (self.PROFILES, 0))
                self.assertEqual(scan["Polls"], self.count_calls("status", entity=table))
                self.assertGreaterEqual(scan["Polls"], self.PROFILES)
                # By the vendor's times, but no longer than since we had the vendor's answer.
                self.assertGreater(scan["Longest Export"], 100)
                self.assertLessEqual(scan["Longest Export"], 301)
        self.assertEqual(sorted(counted), ["ads", "campaigns"])
        # What is there already was asked for by others.
        self.clear_log()
        for table, scan in self.explained(both).items():
            with self.subTest(table=table, again=True):
                self.assertEqual((scan["Exports Requested"], scan["Exports Reused"]), (0, self.PROFILES))
                self.assertEqual(scan["Polls"], self.count_calls("status", entity=table))
        self.assertEqual(self.count_calls("request"), 0)

    def test_counted_of_two_scans(self):
        """Of the same table in one statement: one has requested, the other reuses."""
        self.default_options(max_age=0)
        plan = self.session.explain("SELECT 1 FROM ads.campaigns a, ads.campaigns b", "ANALYZE")
        self.assertEqual(sorted(re.findall(r"Exports (Requested|Reused): (\d+)", plan)),
                         sorted([("Requested", "7"), ("Reused", "0"), ("Requested", "0"), ("Reused", "7")]))
        self.assertEqual(self.count_calls("request"), self.PROFILES)
        # Both have waited for each of them.
        self.assertEqual(re.findall(r"Polls: (\d+)", plan), 2 * [str(self.count_calls("status"))])

    def bytes_told(self):
        return self.session.value("SELECT coalesce(sum(bytes_downloaded), 0)::bigint FROM adsexport_stats() WHERE database = current_database()")

    def test_counted_of_rescans_that_leave_half(self):
        """One row of each: the scan starts over while most of what came is not read yet."""
        self.default_options(max_age=0, profile_ids="7001")
        before = self.bytes_told()
        scan = self.explained("SELECT v.state, l.name FROM (VALUES ('ENABLED'), ('PAUSED'), ('ARCHIVED')) v(state), "
                              "LATERAL (SELECT name FROM ads.campaigns c WHERE c.state = v.state LIMIT 1) l")["campaigns"]
        sent = sum(call["bytes_sent"] for call in self.calls("download"))
        self.assertEqual((self.count_calls("download"), scan["Bytes Downloaded"], self.bytes_told() - before), (3, sent, sent))
        self.assertEqual(self.session.value("SELECT sum(bytes_downloaded)::bigint FROM adsexport_exports() WHERE server = 'amazon'"), sent)

    def told_for_all_sessions(self):
        (told,) = self.session.rows("SELECT coalesce(sum(exports_requested), 0), coalesce(sum(retries), 0) FROM adsexport_stats() WHERE database = current_database()")
        return told

    def test_counted_of_all_rescans(self):
        """Each with a query of its own."""
        self.default_options(max_age=0)
        self.fault({"call": "status", "nth": [1, WaitCase.PROFILES + 3, 3 * WaitCase.PROFILES]}, status=503)
        before = self.told_for_all_sessions()
        self.session.run("PREPARE q AS SELECT v.state, l.n FROM (VALUES ('ENABLED'), ('PAUSED'), ('ARCHIVED')) v(state), "
                         "LATERAL (SELECT count(*) AS n FROM ads.campaigns c WHERE c.state = v.state) l")
        scan = self.explained("EXECUTE q")["campaigns"]
        self.assertEqual(scan["Exports Requested"], 3 * self.PROFILES)
        refused = sum(call["status"] == 503 for call in self.calls("status"))
        self.assertGreater(refused, 0)
        self.assertEqual((scan["Polls"], scan["Retries"]), (self.count_calls("status") - refused, refused))
        self.assertGreaterEqual(scan["Longest Export"], 0)
        after = self.told_for_all_sessions()
        self.assertEqual([told - earlier for told, earlier in zip(after, before)], [3 * self.PROFILES, refused])

    def test_longest_export(self):
        self.emulator.settings(export_delay=0.3)
        self.default_options()
        self.fault({"call": "request", "profile": "7003"}, export_delay=2)
        plan = self.session.explain("SELECT 1 FROM ads.campaigns", "ANALYZE")
        (longest,) = re.findall(r"Longest Export: (\d+) ms\n", plan)
        # 2 s by the vendor's times, but no longer than since we had the vendor's answer; the others take 0.3 s.
        self.assertGreater(int(longest), 1000)
        self.assertLessEqual(int(longest), 2001)
        self.assertNotIn("Longest Export", self.session.explain("SELECT 1 FROM ads.campaigns", "ANALYZE, TIMING off"))
        self.assertNotIn("Longest Export", self.session.explain("SELECT 1 FROM ads.campaigns"))


class NeverReached(WaitCase):
    """A server that was never reached in the session is told of soon; one that was is waited for."""

    def closed_port(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        return "http://127.0.0.1:%d" % listener.getsockname()[1]

    def test_refused(self):
        url = self.closed_port()
        self.amazon(endpoint=url, max_retries=None)
        self.expect_soon("SELECT 1 FROM ads.campaigns", "token_endpoint")
        self.amplitude(endpoint=url, max_retries=None)
        self.expect_soon("SELECT 1 FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01' AND "
                         "server_upload_time < '2025-03-01 01:00'", "endpoint")

    def expect_soon(self, query, option):
        """A few seconds, and not the more than 30 that all tries take."""
        began = time.monotonic()
        self.expect_error("08006", query, "It was tried 3 times", option)
        self.assertLess(time.monotonic() - began, 15 * support.PATIENCE)

    def test_reached_before(self):
        """Where it refuses connections later, all tries are made that max_retries allows."""
        relay = Relay(self, urllib.parse.urlsplit(self.emulator.url).port)
        self.amazon(endpoint="http://127.0.0.1:%d" % relay.port, profile_ids="7000", max_retries=3, max_age=0)
        self.session.rows("SELECT 1 FROM ads.campaigns")
        relay.close()
        self.expect_error("08006", "SELECT 1 FROM ads.campaigns", "connect", "It was tried 4 times")


class Lists(WaitCase):
    """The list of profiles that the default options need: its troubles are those of the scan that needs it."""

    def two_accounts(self, **fault):
        """Tables ads.* of an account that is well, and other.* of one whose list is in trouble."""
        second = "amzn1.application-oa2-client.second"
        self.default_options()
        self.amazon("other", "other", mapping=self.amazon_mapping(second), profile_ids=None, max_retries=0)
        self.fault({"call": "profiles", "client": second}, **fault)

    def test_failure_belongs_to_its_scan(self):
        self.two_accounts(status=403, body_kind="universal", message="no access")
        self.emulator.settings(export_delay=0.5)
        # The one that is well is read first, and the other never.
        self.session.run("SET enable_async_append = off" if self.session.connection.server_version >= 140000 else "SELECT 1")
        both = "SELECT profile_id FROM ads.campaigns UNION ALL SELECT profile_id FROM other.ads"
        self.assertEqual(len(self.session.rows(both + " LIMIT 3")), 3)
        self.assertEqual(self.count_calls("profiles"), 2)
        self.expect_error("42501", both, 'foreign table "ads"', "Server other", "no access")
        # A failure is not remembered.
        self.clear_faults()
        self.assertEqual(len(self.session.rows(both)), 4 * self.PROFILES)

    def test_failure_below_an_async_append(self):
        """Which reads both scans, so that the failure comes, with the right scan's name."""
        if self.session.connection.server_version < 140000:
            self.skipTest("no async Append before PostgreSQL 14")
        self.two_accounts(status=403, body_kind="universal", message="no access")
        both = "SELECT profile_id FROM ads.campaigns UNION ALL SELECT profile_id FROM other.ads"
        self.assertIn("Async Foreign Scan", self.session.explain(both))
        self.expect_error("42501", both, 'foreign table "ads"', "Server other", "no access")
        self.clear_faults()
        self.assertEqual(len(self.session.rows(both)), 4 * self.PROFILES)

    def test_late_failure(self):
        """It is known only while the other scan is read."""
        self.two_accounts(status=500, delay=0.3)
        self.emulator.settings(export_delay=0.6)
        self.session.run("SET enable_async_append = off" if self.session.connection.server_version >= 140000 else "SELECT 1")
        both = "SELECT profile_id FROM ads.campaigns UNION ALL SELECT profile_id FROM other.ads"
        self.assertEqual(len(self.session.rows(both + " LIMIT 3")), 3)
        self.expect_error("08006", both, 'foreign table "ads"', "Server other")

    def test_empty_list(self):
        self.two_accounts(status=200, body="[]")
        self.session.run("SET enable_async_append = off" if self.session.connection.server_version >= 140000 else "SELECT 1")
        both = "SELECT profile_id FROM ads.campaigns UNION ALL SELECT profile_id FROM other.ads"
        self.assertEqual(len(self.session.rows(both + " LIMIT 3")), 3)
        self.expect_error("HV00L", both, 'foreign table "ads"', "The list of profiles is empty", "server other")

    def test_list_that_changes(self):
        """Each statement has one list, for all of its scans."""
        self.default_options(max_age=0)
        query = "SELECT (SELECT count(DISTINCT profile_id) FROM ads.campaigns), (SELECT count(DISTINCT profile_id) FROM ads.ads WHERE state <> 'x')"
        self.assertEqual(self.session.rows(query), [(7, 7)])
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(3)])
        self.assertEqual(self.session.rows(query), [(3, 3)])

    def test_cancelled_while_waiting(self):
        """A scan that is gone is not brought on."""
        self.default_options()
        self.fault({"call": "profiles"}, delay=1)
        running = self.session.start("SELECT * FROM ads.campaigns, ads.ads")
        self.wait_for_call("profiles")
        self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        self.clear_faults()
        self.session.run("BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT * FROM ads.ads; ROLLBACK TO s")
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 2 * self.PROFILES)
        self.session.run("COMMIT")


if __name__ == "__main__":
    unittest.main()
