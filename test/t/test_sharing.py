"""Exports that the sessions of a cluster share: one request for all, whoever asks for its status, and what becomes of it when that session is gone."""

import os
import shutil
import signal
import time
import unittest

import psycopg2

import support

COUNT = "SELECT count(*) FROM ads.campaigns"
IDS = "SELECT min(export_id), max(export_id), count(*) FROM ads.campaigns"


def profile(number):
    return {"profileId": number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "access": "edit", "rows": {"campaigns": 1},
            "accountInfo": {"marketplaceStringId": "X", "id": str(number), "type": "seller", "name": str(number)}}


class SharingCase(support.TestCase):
    emulator_options = ("--campaigns", "5")

    def sessions(self, count, **settings):
        return [self.connect(**settings) for _ in range(count)]

    def end(self, session, how):
        """End a session's statement, or the session."""
        self.session.run("SELECT %s(%d)" % (how, session.pid))

    def exports(self, session=None):
        return (session or self.session).table("SELECT * FROM adsexport_exports()")

    def posts(self):
        return self.count_calls("request")

    def wait_for_sessions(self, count):
        self.eventually(lambda: any(one["sessions"] == count for one in self.exports()), "that %d sessions use it" % count, 20)

    def wait_until_in_progress(self):
        """Until a session knows that, which has the vendor's answer."""
        self.eventually(lambda: any(one["status"] == "IN_PROGRESS" for one in self.exports()), "the answer", 20)

    def complete(self):
        """The exports that are in progress."""
        self.emulator.control("POST", "/advance", {"seconds": 100})


class Together(SharingCase):
    def test_eight_sessions_ask_for_the_same(self):
        """One request for each profile, and hardly more status calls than one session would make, but for the links."""
        self.amazon(profile_ids="1111,2222", poll_interval="300ms", poll_interval_max="300ms")
        self.emulator.settings(export_delay=2)
        sessions = self.sessions(8)
        began = time.monotonic()
        running = [session.start(IDS) for session in sessions]
        results = [one.wait().result for one in running]
        took = time.monotonic() - began
        for one in running:
            self.assertIsNone(one.error)
        self.assertEqual(len({row for result in results for row in result}), 1)
        self.assertEqual(self.posts(), 2)
        links = 7 * 2  # a session that drives has the link of its last status call
        # For each of the two exports as many as one session can make in that time, and another for a change of drivers.
        self.assertLessEqual(self.count_calls("status"), 2 * (took / 0.3 + 2) + links)
        self.assertEqual(self.count_calls("download"), 16)
        self.assertEqual({call["status"] for call in self.calls("download")}, {200})
        self.assertEqual(len({call["query"] for call in self.calls("download")}), 16, "a link was used twice")

    def test_slow_answers(self):
        """One that waits for an answer goes on driving, however long that takes."""
        for call in ("request", "status"):
            with self.subTest(call=call):
                self.clear_faults()
                self.clear_log()
                self.amazon(profile_ids="1111", stall_timeout="30s")
                self.fault({"call": call}, delay=5)
                running = [session.start(IDS) for session in self.sessions(3)]
                for one in running:
                    self.assertIsNone(one.wait(60).error)
                self.assertEqual(len({row for one in running for row in one.result}), 1)
                self.assertEqual(self.posts(), 1)
                self.assertLessEqual(self.count_calls("status"), 3 + 3)

    def test_again_after_a_cancel(self):
        """What was left queued is not asked for anew where another session has gone on with it."""
        self.amazon(profile_ids="1111,2222", max_jobs=1)
        self.emulator.settings(export_delay=3)
        first, other = self.connect(), self.connect()
        running = first.start(IDS)
        self.wait_for_call("request", 1)
        waiting = other.start(IDS)
        self.wait_for_sessions(2)
        self.wait_until_in_progress()
        self.end(first, "pg_cancel_backend")
        self.assertIsNotNone(running.wait().error)
        time.sleep(0.5)
        again = first.start(IDS)
        self.assertEqual(waiting.wait().result, again.wait().result)
        self.assertEqual(self.posts(), 2)

    def test_finished_one(self):
        self.amazon()
        first = self.session.rows(IDS)
        other = self.connect()
        self.assertEqual(other.rows(IDS), first)
        self.assertEqual(self.posts(), 1)
        # ... even if the one who asked for it is gone.
        other.close()
        self.session.close()
        self.assertEqual(self.connect().rows(IDS), first)
        self.assertEqual(self.posts(), 1)

    def test_a_link_that_cannot_be_used(self):
        """The error shows it, which no other session is to see: each asks for one of its own."""
        self.amazon(profile_ids="1111")
        self.fault({"call": "status"}, members={"url": "http://store.example/shown-to-one"})
        self.expect_error("HV000", COUNT, "its link cannot be used", "http://store.example/shown-to-one")
        other = self.connect()
        self.assertNotIn("store.example", repr(self.exports(other)))
        self.expect_error("HV000", COUNT, "its link cannot be used", "http://store.example/shown-to-one", session=other)
        self.assertEqual(self.posts(), 1)
        self.clear_faults()
        self.assertEqual(self.connect().rows(COUNT), [(5,)])
        self.assertEqual(self.posts(), 1)

    def test_counted_as_reused(self):
        self.amazon()
        self.session.rows(IDS)
        plan = self.connect().explain(COUNT, "ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF")
        self.assertIn("Exports Reused: 1", plan)
        self.assertIn("Exports Requested: 0", plan)

    def test_max_age(self):
        """It is the same limit for the exports of other sessions."""
        self.amazon(max_age="0")
        first = self.session.rows(IDS)
        self.assertNotEqual(self.connect().rows(IDS), first)
        self.amazon(max_age="%ds" % (3 * support.PATIENCE))
        first = self.session.rows(IDS)
        self.assertEqual(self.connect().rows(IDS), first)
        time.sleep(3.1 * support.PATIENCE)
        self.assertNotEqual(self.connect().rows(IDS), first)

    def test_no_age_in_the_same_time(self):
        """One that was requested after a statement began is young enough for it."""
        self.amazon(max_age="0", profile_ids="1111")
        self.emulator.settings(export_delay=1)
        other, watcher = self.sessions(2)
        early = self.session.start("SELECT pg_sleep(2); " + IDS)
        self.eventually(lambda: watcher.column("SELECT wait_event FROM pg_stat_activity WHERE pid = %s", self.session.pid) == ["PgSleep"], "its sleep")
        other = other.start(IDS)
        self.assertEqual(early.wait().result, other.wait().result)
        self.assertEqual(self.posts(), 1)

    def test_repeatable_read(self):
        """What a transaction has read once it reads again, whatever others have asked for since then."""
        self.amazon(max_age="0")
        self.session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        first = self.session.rows(IDS)
        self.assertNotEqual(self.connect().rows(IDS), first)
        self.assertEqual(self.session.rows(IDS), first)
        self.session.run("COMMIT")

    def test_forget_is_for_this_session(self):
        self.amazon()
        first = self.session.rows(IDS)
        other = self.connect()
        other.run("SELECT adsexport_forget()")
        self.assertNotEqual(other.rows(IDS), first)
        self.assertEqual(self.session.rows(IDS), first)
        self.assertEqual(self.posts(), 2)

    def test_different_mappings(self):
        self.amazon()
        self.session.run("DROP ROLE IF EXISTS adsexport_t_sharing")
        self.session.run("CREATE ROLE adsexport_t_sharing LOGIN")
        self.addCleanup(support.cluster().run, "DROP OWNED BY adsexport_t_sharing; DROP ROLE adsexport_t_sharing", database=self.database)
        self.session.run("GRANT USAGE ON SCHEMA ads TO adsexport_t_sharing; GRANT SELECT ON ALL TABLES IN SCHEMA ads TO adsexport_t_sharing; "
                         "GRANT USAGE ON FOREIGN SERVER amazon TO adsexport_t_sharing")
        mapping = self.amazon_mapping()
        self.session.run("CREATE USER MAPPING FOR adsexport_t_sharing SERVER amazon " + support.option_list(mapping))
        first = self.session.rows(IDS)
        other = self.connect("adsexport_t_sharing")
        self.assertNotEqual(other.rows(IDS), first)
        self.assertEqual(self.posts(), 2)
        # ... and it sees nothing of another's; a superuser sees all.
        self.assertEqual(len(self.exports(other)), 1)
        self.assertEqual(len([one for one in self.exports() if one["server"] == "amazon"]), 2)

    def test_turned_off(self):
        self.amazon()
        first = self.session.rows(IDS)
        other = self.connect(**{"adsexport_fdw.share_exports": "off"})
        self.assertNotEqual(other.rows(IDS), first)
        self.assertEqual(len(self.exports(other)), 1)
        other.run("SET adsexport_fdw.share_exports = on; SELECT adsexport_forget()")
        self.assertEqual(self.posts(), 2)

    def test_failure_reaches_all(self):
        self.amazon(max_retries=0)
        self.emulator.settings(export_delay=60)
        running = [session.start(COUNT) for session in self.sessions(3)]
        self.wait_for_sessions(3)
        self.fault({"call": "status"}, status=400, body='{"code":"400","details":"Not this one"}')
        for one in running:
            self.assertIn("Not this one", support.text_of_error(one.wait().error))
        self.assertEqual(self.posts(), 1)

    def test_failed_one_is_not_found(self):
        self.amazon(max_retries=0)
        self.fault({"call": "request", "times": 1}, status=400, body='{"code":"400","details":"Not this one"}')
        with self.assertRaises(psycopg2.Error):
            self.session.rows(IDS)
        self.connect().rows(IDS)
        self.assertEqual(self.posts(), 2)

    def test_lost_one(self):
        """Completed, and gone when another session asks for a link."""
        self.amazon(max_age="1h")
        first = self.session.rows(IDS)
        self.fault({"call": "status", "times": 1}, status=404, body='{"code":"404","details":"gone"}')
        second = self.connect().rows(IDS)
        self.assertNotEqual(second, first)
        self.assertEqual(self.connect().rows(IDS), second)
        self.assertEqual(self.posts(), 2)


class Drivers(SharingCase):
    """Who drives an export ends in each phase, and another one takes over at once."""

    def setUp(self):
        super().setUp()
        self.amazon(max_retries=0)
        self.emulator.settings(export_delay=1.5)

    def follow(self, driver):
        """A session that waits for the driver's export."""
        follower = self.connect().start(IDS)
        self.wait_for_sessions(2)
        return follower

    def check(self, phase, how, posts=1):
        self.emulator.settings(export_delay=60)
        driver = self.connect()
        if phase == "requesting":
            self.fault({"call": "request", "times": 1}, hang=True)
        elif phase == "polling":
            self.fault({"call": "status", "times": 1}, hang=True)
        running = driver.start(IDS)
        self.wait_for_call("status" if phase == "polling" else "request", 1)
        follower = self.follow(driver)
        if phase == "progress":
            self.wait_until_in_progress()
        self.end(driver, how)
        # A lease that was not given up would be the driver's for two seconds, or for fifteen while it requests.
        self.eventually(lambda: follower.session.pid in {one["pid"] for one in self.exports()}, "that the other one drives it", 1.5)
        self.assertIsNotNone(running.wait().error)
        self.wait_until_in_progress()
        self.complete()
        self.assertIsNone(follower.wait().error)
        self.assertEqual(self.posts(), posts)

    def test_cancelled_while_requesting(self):
        self.check("requesting", "pg_cancel_backend", 2)

    def test_terminated_while_requesting(self):
        self.check("requesting", "pg_terminate_backend", 2)

    def test_cancelled_in_progress(self):
        self.check("progress", "pg_cancel_backend")

    def test_terminated_in_progress(self):
        self.check("progress", "pg_terminate_backend")

    def test_cancelled_while_polling(self):
        self.check("polling", "pg_cancel_backend")

    def test_terminated_while_polling(self):
        self.check("polling", "pg_terminate_backend")

    def test_idle_cursor(self):
        """Whoever does not wait any more holds nobody up."""
        self.emulator.settings(export_delay=1)
        self.amazon(profile_ids="1111,2222", max_jobs=1)
        driver = self.connect()
        driver.run("BEGIN; DECLARE c CURSOR FOR SELECT export_id FROM ads.campaigns")
        driver.rows("FETCH 1 FROM c")
        other = self.connect(statement_timeout="30s").start(COUNT)
        # Should the second one's request be under way, the other leaves it to the cursor for 15 s.
        self.assertIsNone(other.wait(30).error)
        self.assertEqual(other.result, [(10,)])
        self.assertEqual(len(driver.rows("FETCH ALL FROM c")), 9)
        driver.run("COMMIT")
        # The answer to the second one's request was not heard while the cursor rested.
        self.assertLessEqual(self.posts(), 3)

    def test_cancelled_beside_a_cursor(self):
        """A session that goes on, with another statement open: it gives up what only the cancelled one wanted."""
        self.emulator.settings(export_delay=0)
        self.amazon(profile_ids="1111,2222")
        driver = self.connect()
        driver.run("BEGIN; DECLARE c CURSOR FOR SELECT export_id FROM ads.ads; FETCH 1 FROM c; SAVEPOINT s")
        self.emulator.settings(export_delay=4)
        self.clear_log()
        running = driver.start(IDS)
        self.wait_for_answer("request", 2)
        follower = self.follow(driver)
        self.end(driver, "pg_cancel_backend")
        self.assertIsNotNone(running.wait().error)
        driver.run("ROLLBACK TO s")
        self.eventually(lambda: {one["pid"] for one in self.exports() if one["entity"] == "campaigns"} == {follower.session.pid}, "that the other one drives them", 1.5)
        self.assertIsNone(follower.wait().error)
        self.assertEqual(self.posts(), 2)
        driver.run("COMMIT")

    def test_busy_driver(self):
        """The statement that drives it does something else."""
        driver = self.connect()
        running = driver.start("SELECT pg_sleep(4) FROM (SELECT 1 FROM ads.ads LIMIT 1) a UNION ALL SELECT NULL FROM (SELECT 1 FROM ads.campaigns LIMIT 1) b")
        self.wait_for_call("request", 2)
        other = self.connect().start(COUNT)
        self.assertIsNone(other.wait(15).error)
        self.assertIsNone(running.wait().error)
        self.assertEqual(self.count_calls("request", entity="campaigns"), 1)

    def test_not_wanted_any_more(self):
        """Waiting for its place in a session that goes on with something else."""
        self.amazon(max_jobs=1, max_retries=0)
        self.emulator.settings(export_delay=4)
        driver = self.connect()
        first = driver.start("SELECT count(*) FROM ads.campaigns WHERE state = 'PAUSED'")
        self.wait_for_call("request", 1)
        busy = self.connect()
        queued = busy.start(IDS)
        time.sleep(0.3)
        self.end(busy, "pg_cancel_backend")
        queued.wait()
        going_on = busy.start("SELECT count(*) FROM ads.ads")
        other = self.connect().start(IDS)
        for one in (first, going_on, other):
            self.assertIsNone(one.wait().error)
        self.assertEqual(self.count_calls("request", entity="campaigns"), 2)

    def test_adopted(self):
        """One that was left behind is gone on with."""
        driver = self.connect()
        running = driver.start(IDS)
        self.wait_until_in_progress()
        self.end(driver, "pg_terminate_backend")
        running.wait()
        self.session.rows(IDS)
        self.assertEqual(self.posts(), 1)

    def test_left_behind_and_gone_on_with(self):
        """By the session itself, in its next statement."""
        driver = self.connect()
        running = driver.start(IDS)
        self.wait_until_in_progress()
        self.end(driver, "pg_cancel_backend")
        running.wait()
        driver.rows(IDS)
        self.assertEqual(self.posts(), 1)

    def test_more_than_are_woken(self):
        """Those for whom there is no room among the sixteen that are look for themselves."""
        self.emulator.settings(export_delay=60)
        driver = self.connect()
        running = driver.start(IDS)
        self.wait_for_answer("request", 1)
        followers = [session.start(IDS) for session in self.sessions(20)]
        self.wait_for_sessions(21)
        (export,) = self.exports()
        self.assertEqual(len(export["waiting"]), 16)
        self.end(driver, "pg_cancel_backend")
        self.assertIsNotNone(running.wait().error)
        self.complete()
        for one in followers:
            self.assertIsNone(one.wait().error)
        self.assertEqual(len({one.result[0] for one in followers}), 1)
        self.assertEqual(self.posts(), 1)

    def test_token_that_is_refused(self):
        """To the one that drives it, and then to the one that takes over while the first waits for another token: each gets one of its own."""
        self.emulator.settings(export_delay=4)
        driver = self.connect()
        running = driver.start(IDS)
        self.wait_for_answer("request", 1)
        follower = self.follow(driver)
        self.wait_for_answer("token", 2)
        self.fault({"call": "token", "times": 1}, hang=True)
        self.fault({"call": "status", "times": 2}, token_expired=True)
        self.wait_for_call("token", 3)
        self.end(driver, "pg_cancel_backend")
        self.assertIsNotNone(running.wait().error)
        self.assertIsNone(follower.wait().error)
        self.assertEqual((self.count_calls("status", status=401), self.posts()), (2, 1))

    def test_all_drivers_in_turn(self):
        self.emulator.settings(export_delay=60)
        sessions = self.sessions(5)
        running = [session.start(IDS) for session in sessions]
        self.wait_for_sessions(5)
        alive = {session.pid for session in sessions}
        for _ in range(4):
            found = []
            self.eventually(lambda: found.append({one["pid"] for one in self.exports() if one["status"] == "IN_PROGRESS"} & alive) or found[-1], "another driver")
            (pid,) = found[-1]
            self.session.run("SELECT pg_terminate_backend(%d)" % pid)
            alive.remove(pid)
        self.complete()
        errors = [one.wait().error for one in running]
        self.assertEqual(sum(error is None for error in errors), 1)
        self.assertEqual(self.posts(), 1)


class OwnSession(support.Session):
    def __init__(self, cluster, database):
        self.connection = cluster.connect(database)
        self.pid = self.connection.get_backend_pid()


class Standby(support.Cluster):
    """Of that cluster."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__("hot_standby = on\n")

    def create(self):
        os.chmod(self.folder, 0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        data = os.path.join(self.folder, "data")
        self.log_file = os.path.join(self.folder, "log")
        self.server_command("pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "-h", self.primary.host, "-U", "postgres")
        with open(os.path.join(data, "postgresql.conf"), "a") as file:
            file.write("unix_socket_directories = '%s'\n%s" % (self.folder, self.configuration))
        self.start()


class OwnServers(SharingCase):
    """Crashes, and a standby."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = support.Cluster("wal_level = replica\nsynchronous_commit = on\nadsexport_fdw.shared_memory = '1MB'\n")

    def setUp(self):
        super().setUp()
        self.own.run("DROP DATABASE IF EXISTS warehouse WITH (FORCE)", "CREATE DATABASE warehouse")
        self.own.run("CREATE EXTENSION adsexport_fdw; CREATE SCHEMA ads",
                     "CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', endpoint '%s', token_endpoint '%s/auth/o2/token', "
                     "poll_interval '100ms', poll_interval_max '200ms', profile_ids '1111', max_jobs '1')" % (self.emulator.url, self.emulator.url),
                     "CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(self.amazon_mapping()),
                     "IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads", database="warehouse")

    def own_session(self, cluster=None):
        session = OwnSession(cluster or self.own, "warehouse")
        self.addCleanup(session.connection.close)
        return session

    def check_killed(self, phase):
        """The server begins anew, and so does what was shared: no place is lost, and nothing is waited for that nobody does."""
        self.emulator.settings(export_delay=1)
        if phase != "progress":
            self.fault({"call": phase, "times": 1}, hang=True)
        running = [self.own_session().start(IDS) for _ in range(3)]
        self.wait_for_call("request" if phase == "progress" else phase, 1)
        time.sleep(0.3)
        os.kill(running[0].session.pid, signal.SIGKILL)
        for one in running:
            self.assertIsNotNone(one.wait().error)
        self.eventually(self.answers, "the server's recovery", 30)
        session = self.own_session()
        self.assertEqual(session.table("SELECT * FROM adsexport_exports()"), [])
        self.assertEqual(session.rows(COUNT), [(5,)])
        self.assertEqual(self.own_session().rows(COUNT), [(5,)])
        self.assertEqual(self.posts(), 2)

    def test_killed_while_requesting(self):
        self.check_killed("request")

    def test_killed_while_polling(self):
        self.check_killed("status")

    def test_killed_in_progress(self):
        self.check_killed("progress")

    def answers(self):
        try:
            self.own_session().rows("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True

    def test_more_than_fit(self):
        """Whatever number is asked for: what is shared takes the same memory, and what finds no room is not shared."""
        profiles = 300
        self.emulator.settings(job_cap=1000, profiles=[profile(5000 + number) for number in range(profiles)])
        sessions = [self.own_session() for _ in range(3)]
        sessions[0].run("ALTER SERVER amazon OPTIONS (SET profile_ids '%s', SET max_jobs '20')" % ",".join(str(5000 + number) for number in range(profiles)))
        for session in sessions[:2]:
            self.assertEqual(session.rows(COUNT), [(profiles,)])
        shown = len(sessions[2].table("SELECT * FROM adsexport_exports()"))
        self.assertGreater(shown, 50)
        self.assertLess(shown, profiles)
        self.assertEqual(sessions[2].rows(COUNT + " WHERE profile_id = '5000'"), [(1,)])

    def test_standby(self):
        """It shares, too, and has a memory of its own."""
        standby = Standby(self.own)
        self.emulator.settings(export_delay=1)
        running = [self.own_session(standby).start(IDS) for _ in range(3)]
        for one in running:
            self.assertIsNone(one.wait().error)
        self.assertEqual(len({one.result[0] for one in running}), 1)
        self.assertEqual(self.posts(), 1)
        self.assertEqual(len(self.own_session(standby).table("SELECT * FROM adsexport_exports()")), 1)
        self.own_session().rows(COUNT)
        self.assertEqual(self.posts(), 2)


class Views(SharingCase):
    def test_exports_of_other_sessions(self):
        self.amazon()
        self.emulator.settings(export_delay=1)
        driver = self.connect()
        running = driver.start(IDS)
        self.wait_until_in_progress()
        (export,) = [one for one in self.exports() if one["status"] == "IN_PROGRESS"]
        self.assertEqual((export["server"], export["entity"], export["profile_id"], export["pid"], export["sessions"]),
                         ("amazon", "campaigns", "1111", driver.pid, 1))
        self.assertIn("adProductFilter", export["request"])
        self.assertIsNone(running.wait().error)
        (export,) = [one for one in self.exports() if one["export_id"] == running.result[0][0]]
        self.assertEqual((export["status"], export["records"]), ("COMPLETED", 5))
        self.assertGreater(export["file_size"], 0)

    def test_each_once(self):
        self.amazon()
        self.session.rows(IDS)
        self.connect().rows(IDS)
        self.assertEqual(len([one for one in self.exports() if one["server"] == "amazon" and one["entity"] == "campaigns"]), 1)


if __name__ == "__main__":
    unittest.main()
