"""What is promised to many sessions that ask at once, by the emulator's journal: here, on a standby, and where nothing is shared."""

import time
import unittest

import support
from test_sharing import OwnSession, SharingCase, Standby, profile

SESSIONS = 8
CAP = 5
PROFILES = ("1111", "2222")
SAME = "SELECT profile_id, min(export_id), max(export_id), count(*) FROM ads.campaigns GROUP BY 1 ORDER BY 1"
PRODUCTS = ("SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "SPONSORED_DISPLAY")
STATES = ("ENABLED", "PAUSED", "ARCHIVED")


class Promises(SharingCase):
    emulator_options = ("--campaigns", "6", "--export-delay", "1", "--job-cap", str(CAP))

    def begin(self, **options):
        self.amazon(profile_ids=",".join(PROFILES), max_jobs=CAP, max_retries=0, max_age="1h", poll_interval="200ms", poll_interval_max="200ms", **options)

    def session_to(self):
        return self.connect()

    def run_all(self, queries):
        sessions = [self.session_to() for _ in queries]
        running = [session.start(query) for session, query in zip(sessions, queries)]
        for one in running:
            self.assertIsNone(one.wait(60).error)
        return [one.result for one in running]

    def queries(self):
        """No two of which can share an export."""
        return ["SELECT count(*) FROM ads.campaigns WHERE ad_product = '%s' AND state = '%s'" % (PRODUCTS[number % 3], STATES[number // 3])
                for number in range(SESSIONS)]

    def true_counts(self, profiles):
        records = [record for number in profiles for record in self.data().records("campaigns", int(number))]
        return [[(sum(record["adProduct"] == PRODUCTS[number % 3] and record["state"] == STATES[number // 3] for record in records),)]
                for number in range(SESSIONS)]

    def most_in_progress(self):
        (most,) = [one["count"] for one in self.emulator.control("GET", "/state")["amazon"]["most_in_progress"]]
        return most

    def statuses(self):
        return {call["status"] for call in self.calls("request")}


class Shared(Promises):
    def test_same(self):
        """One export for each profile, and at most two status calls more than one session makes, links aside."""
        self.begin()
        self.run_all([SAME])  # so that it is known how long one takes
        self.begin()
        self.clear_log()
        # They take longer now, so that each session would ask ten times.
        self.emulator.settings(export_delay=3)
        began = time.monotonic()
        results = self.run_all([SAME] * SESSIONS)
        took = time.monotonic() - began
        self.assertEqual([result == results[0] for result in results], [True] * SESSIONS)
        self.assertEqual([(row[0], row[1] == row[2], row[3]) for row in results[0]], [(number, True, 6) for number in PROFILES])
        self.assertEqual(sorted(call["profile"] for call in self.calls("request")), list(PROFILES))
        self.assertEqual(self.statuses(), {202})
        # Whoever drives one has the link of its last status call; each of the others asks for one of its own.
        links = (SESSIONS - 1) * len(PROFILES)
        self.assertEqual(self.count_calls("download"), SESSIONS * len(PROFILES))
        alone = len(PROFILES) * (took / 0.2 + 1)
        self.assertLessEqual(self.count_calls("status"), alone + links + 2)

    def test_filters_of_their_own(self):
        """All of the cap is used, never more, and nobody is refused; again, since no place was lost."""
        for _ in range(2):
            self.begin()
            self.clear_log()
            self.assertEqual(self.run_all(self.queries()), self.true_counts(PROFILES))
            self.assertEqual(self.count_calls("request"), SESSIONS * len(PROFILES))
            self.check_cap()

    def check_cap(self):
        self.assertEqual(self.statuses(), {202})
        self.assertEqual(self.most_in_progress(), CAP)


class OnStandby(Shared):
    """Which has a memory of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = support.Cluster("wal_level = replica\nsynchronous_commit = on\nautovacuum = off\n")
        cls.own.run("CREATE DATABASE warehouse")
        cls.own.run("CREATE EXTENSION adsexport_fdw; CREATE SCHEMA ads", database="warehouse")
        cls.standby = Standby(cls.own)

    def amazon(self, **options):
        values = dict(options, api="amazon_ads", endpoint=self.emulator.url, token_endpoint=self.emulator.url + "/auth/o2/token")
        self.own.run("DROP SERVER IF EXISTS amazon CASCADE", "CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(values),
                     "CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(self.amazon_mapping()),
                     "IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads", database="warehouse")
        self.wait_for_replay()

    def wait_for_replay(self):
        written = self.session_of(self.own).value("SELECT pg_current_wal_flush_lsn()")
        standby = self.session_of(self.standby)
        self.eventually(lambda: standby.value("SELECT pg_last_wal_replay_lsn() >= %s", written), "replay on the standby", 30)

    def session_of(self, cluster):
        session = OwnSession(cluster, "warehouse")
        self.addCleanup(session.connection.close)
        return session

    def session_to(self):
        session = self.session_of(self.standby)
        self.assertTrue(session.value("SELECT pg_is_in_recovery()"))
        return session


class NotShared(Promises):
    """Each session by itself: what is too much for the vendor is asked for again."""

    def session_to(self):
        return self.connect(**{"adsexport_fdw.share_exports": "off"})

    def begin(self, profiles=PROFILES):
        self.amazon(profile_ids=",".join(profiles), max_jobs=1, max_retries=20, max_age="1h")

    def test_same(self):
        self.emulator.settings(job_cap=2 * SESSIONS)
        self.begin()
        results = self.run_all([SAME] * SESSIONS)
        self.assertEqual([[row[::3] for row in result] for result in results], [[(number, 6) for number in PROFILES]] * SESSIONS)
        exports = [row[1] for result in results for row in result]
        self.assertEqual(len(set(exports)), SESSIONS * len(PROFILES))
        self.assertEqual(self.count_calls("request"), SESSIONS * len(PROFILES))

    def test_filters_of_their_own(self):
        """More than the cap are asked for, which costs time, and nothing else."""
        self.emulator.settings(export_delay=2)
        self.begin(PROFILES[:1])
        self.assertEqual(self.run_all(self.queries()), self.true_counts(PROFILES[:1]))
        self.assertEqual(self.statuses(), {202, 429})
        self.assertEqual(self.most_in_progress(), CAP)

    def test_beside_others(self):
        """Who does not share finds nothing of others, and nothing of it is found."""
        self.begin()
        alone, other = self.session_to(), self.connect()
        first = alone.rows(SAME)
        second = other.rows(SAME)
        self.assertNotEqual(first, second)
        self.assertEqual((self.connect().rows(SAME), alone.rows(SAME)), (second, first))
        self.assertEqual(self.count_calls("request"), 2 * len(PROFILES))


class Thousands(SharingCase):
    """Of exports, through a server whose shared memory has room for some of them."""

    emulator_options = ("--campaigns", "1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = support.Cluster("adsexport_fdw.shared_memory = '1MB'\n")

    def own_session(self):
        session = OwnSession(self.own, "postgres")
        self.addCleanup(session.connection.close)
        return session

    def test_more_than_fit(self):
        """The oldest go; whoever reads reads all, what it has is what it was, and no place is lost."""
        count = 150
        self.emulator.settings(job_cap=1000, profiles=[profile(5000 + number) for number in range(count)])
        self.own.run("CREATE EXTENSION adsexport_fdw", "CREATE SCHEMA ads", "CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(
            {"api": "amazon_ads", "endpoint": self.emulator.url, "token_endpoint": self.emulator.url + "/auth/o2/token", "max_jobs": 30, "max_retries": 0,
             "poll_interval": "100ms", "max_age": "1h", "profile_ids": ",".join(str(5000 + number) for number in range(count))}),
                     "CREATE USER MAPPING FOR postgres SERVER amazon " + support.option_list(self.amazon_mapping()),
                     "IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads")
        sessions = [self.own_session() for _ in range(3)]
        queries = ["SELECT count(*) FROM ads.campaigns WHERE state IN ('%s')" % "', '".join(states)
                   for states in (STATES[:1], STATES[1:2], STATES[2:], STATES[:2], STATES[1:], STATES)]
        for together in (queries[:2], queries[2:5], queries[5:]):
            running = [session.start(query) for session, query in zip(sessions, together)]
            for one in running:
                self.assertIsNone(one.wait(60).error)
        self.assertEqual(running[0].result, [(count,)])
        self.assertGreaterEqual(self.posts(), len(queries) * count)
        looking = self.own_session()
        shown = looking.table("SELECT profile_id, request::text AS request, sessions, status FROM adsexport_exports()")
        self.assertGreater(len(shown), 50)
        self.assertLess(len(shown), count)
        self.assertEqual([one["sessions"] for one in shown], [0] * len(shown), "nobody reads any more")
        self.assertEqual({one["status"] for one in shown}, {"COMPLETED"})
        # What was read last is still found; what was read first is not.
        kept = [one["profile_id"] for one in shown if all(state in one["request"] for state in STATES)][0]
        before = self.posts()
        self.assertEqual(looking.rows(queries[-1] + " AND profile_id = '%s'" % kept), [(1,)])
        self.assertEqual(self.posts(), before)
        looking.rows(queries[0] + " AND profile_id = '%s'" % kept)
        self.assertEqual(self.posts(), before + 1)


del Promises

if __name__ == "__main__":
    unittest.main()
