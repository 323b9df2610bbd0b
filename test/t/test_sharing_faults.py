"""Shared exports when something goes wrong: what had the place of one is another's, memory is short, many want what one session has taken."""

import json
import os
import signal
import time
import unittest
import urllib.parse

import support
from relay import Relay
from test_forget import STORM

IDS = "SELECT min(export_id), max(export_id), count(*) FROM ads.%s"


class FaultCase(support.TestCase):
    emulator_options = ("--campaigns", "5")

    def account(self, **options):
        """With a second table of the same exports, which takes none that was requested before its statement began."""
        self.amazon(**options)
        self.session.run("CREATE FOREIGN TABLE ads.newest (campaign_id text, export_id text) SERVER amazon OPTIONS (entity 'campaigns', max_age '0')")

    def start(self, table="campaigns"):
        return self.connect().start(IDS % table)

    def exports(self):
        return [one for one in self.session.table("SELECT * FROM adsexport_exports()") if one["server"] == "amazon"]

    def wait_for_sessions(self, count):
        self.eventually(lambda: any(one["sessions"] == count for one in self.exports()), "that %d sessions use it" % count, 15)

    def result(self, statement):
        self.assertIsNone(statement.wait(30).error)
        return statement.result

    def posts(self):
        return self.count_calls("request")

    @staticmethod
    def send(number, *statements):
        for one in statements:
            os.kill(one.session.pid, number)


class Displaced(FaultCase):
    """Another export has the place of one that sessions wait for."""

    def test_one_request_for_all(self):
        """While the answer to the request for theirs is awaited, a statement that may not use it asks for another: they use that one."""
        self.account()
        self.emulator.settings(export_delay=1)
        self.fault({"call": "request", "times": 1}, hang=True)
        driver = self.start()
        self.wait_for_call("request", 1)
        followers = [self.start() for _ in range(3)]
        self.wait_for_sessions(4)
        newest = self.start("newest")
        expected = self.result(newest)
        for one in followers:
            self.assertEqual(self.result(one), expected)
        self.assertEqual(self.posts(), 2)
        self.session.run("SELECT pg_cancel_backend(%d)" % driver.session.pid)
        self.assertIsNotNone(driver.wait().error)

    def test_retries_do_not_count_backwards(self):
        """Theirs was tried again before they came, the one that they use in the end was not."""
        self.account()
        self.fault({"call": "request", "nth": [1]}, status=503)
        self.fault({"call": "request", "nth": [2]}, hang=True)
        told = "SELECT coalesce(sum(retries), 0)::int FROM adsexport_stats() WHERE database = current_database()"
        before = self.session.value(told)
        driver = self.start()
        self.wait_for_call("request", 2)
        follower = self.connect().start("EXPLAIN (ANALYZE, FORMAT JSON) " + IDS % "campaigns")
        self.wait_for_sessions(2)
        self.result(self.start("newest"))
        ((plan,),) = self.result(follower)
        scan = plan[0]["Plan"]["Plans"][0]
        self.assertEqual(scan["Retries"], 0)
        self.assertGreaterEqual(scan["Polls"], 0)
        self.assertEqual(self.session.value(told) - before, 0)
        self.assertEqual(self.posts(), 3)
        self.session.run("SELECT pg_cancel_backend(%d)" % driver.session.pid)
        self.assertIsNotNone(driver.wait().error)
        self.assertEqual(self.session.value(told) - before, 1)

    def test_in_progress(self):
        """At the vendor already: those who wait for it still leave it to one of them to ask for its status."""
        self.account(poll_interval="300ms", poll_interval_max="300ms")
        self.emulator.settings(export_delay=60)
        driver = self.start()
        began = time.monotonic()
        self.wait_for_answer("request", 1)
        followers = [self.start() for _ in range(6)]
        self.wait_for_sessions(7)
        newest = self.start("newest")
        self.wait_for_call("request", 2)
        self.session.run("SELECT pg_cancel_backend(%d)" % driver.session.pid)
        self.assertIsNotNone(driver.wait().error)
        calls = self.count_calls("status")
        self.wait_for_call("status", calls + 10)
        self.emulator.control("POST", "/advance", {"seconds": 100})
        for one in followers:
            self.assertEqual(self.result(one), self.result(followers[0]))
        (result,) = self.result(followers[0])
        took = time.monotonic() - began
        self.assertNotIn(result[0], self.result(newest)[0])
        self.assertEqual(self.posts(), 2)
        # One session's calls and two more, and a link for each of the others.
        self.assertLessEqual(self.count_calls("status", export=result[0]), took / 0.3 + 2 + 5)

    def test_two_that_displace_each_other(self):
        """The second one takes the place of the first, and so on: nobody is left, and each is as recent as its statement wants."""
        self.account()
        self.emulator.settings(export_delay=1)
        self.fault({"call": "request", "times": 2}, hang=True)
        hanging = [self.start()]
        self.wait_for_call("request", 1)
        followers = [self.start() for _ in range(2)]
        self.wait_for_sessions(3)
        hanging.append(self.start("newest"))
        self.wait_for_call("request", 2)
        self.wait_for_sessions(3)
        newest = self.start("newest")
        expected = self.result(newest)
        for one in followers:
            self.assertEqual(self.result(one), expected)
        self.assertEqual(self.posts(), 3)
        for one in hanging:
            self.session.run("SELECT pg_cancel_backend(%d)" % one.session.pid)
            self.assertIsNotNone(one.wait().error)

    def test_to_be_requested_anew(self):
        """What is to be requested for a second time is as recent as anybody may want it."""
        self.account(max_retries=3)
        self.fault({"call": "request", "times": 1}, status=503, headers={"Retry-After": "5"})
        first = self.start()
        self.wait_for_call("request", 1)
        self.eventually(lambda: [one["retries"] for one in self.exports()] == [1], "the first answer")
        newest = [self.start("newest") for _ in range(3)]
        self.wait_for_sessions(4)
        for one in newest:
            self.assertEqual(self.result(one), self.result(first))
        self.assertEqual(self.posts(), 2)

    def test_taken_over_to_be_requested_anew(self):
        """The same of one whose session is gone before the answer."""
        self.account(max_jobs=1)
        self.emulator.settings(export_delay=2)
        self.fault({"call": "request", "times": 1}, hang=True)
        driver = self.start()
        self.wait_for_call("request", 1)
        # It gets the place before those that follow.
        other = self.connect().start("SELECT count(*) FROM ads.campaigns WHERE state = 'PAUSED'")
        self.eventually(lambda: any(one["pid"] == other.session.pid for one in self.exports()), "that it stands in line")
        followers = [self.start() for _ in range(2)]
        self.wait_for_sessions(3)
        self.session.run("SELECT pg_terminate_backend(%d)" % driver.session.pid)
        self.assertIsNotNone(driver.wait().error)
        self.wait_for_call("request", 2)
        newest = self.start("newest")
        expected = self.result(newest)
        for one in followers:
            self.assertEqual(self.result(one), expected)
        self.assertIsNone(other.wait().error)
        self.assertEqual(self.posts(), 3)


class OwnTrouble(FaultCase):
    """What goes wrong in the session that drives it, and says nothing about the export: only that one fails."""

    def begin(self, export_delay=60, **options):
        self.account(profile_ids="1111", max_retries=0, **options)
        self.emulator.settings(export_delay=export_delay)
        driver = self.start()
        self.wait_for_answer("request", 1)
        return driver

    def follow(self, count=2):
        followers = [self.start() for _ in range(count)]
        self.wait_for_sessions(1 + count)
        return followers

    def check(self, driver, followers, sqlstate, *words):
        self.check_error(driver.wait(30).error, sqlstate, *words)
        self.emulator.control("POST", "/advance", {"seconds": 100})
        for one in followers:
            self.assertEqual(self.result(one)[0][2], 5)
        self.assertEqual(len({self.result(one)[0] for one in followers}), 1)

    def test_token_that_is_refused_twice(self):
        driver = self.begin()
        followers = self.follow()
        self.fault({"call": "status", "times": 2}, token_expired=True)
        self.check(driver, followers, "28000", "not authorized")
        self.assertEqual((self.posts(), self.count_calls("status", status=401)), (1, 2))

    def test_token_that_cannot_be_had(self):
        """The others have one each, and the export is still to be requested."""
        self.account(profile_ids="1111", max_retries=0)
        self.fault({"call": "token", "times": 1}, hang=True)
        driver = self.start()
        self.wait_for_call("token", 1)
        followers = self.follow()
        self.wait_for_answer("token", 2)
        self.assertEqual(self.posts(), 0)
        self.emulator.control("POST", "/release")
        self.check(driver, followers, "08006", "access token")
        self.assertEqual(self.posts(), 1)

    def test_token_that_is_refused_for_all(self):
        """Each tries, one after the other, and none follows at the other's heels."""
        driver = self.begin()
        followers = self.follow(3)
        self.fault({"call": "status"}, token_expired=True)
        for one in [driver] + followers:
            self.check_error(one.wait(30).error, "28000", "not authorized")
        refused = sorted(call["time"] for call in self.calls("status", status=401))
        self.assertEqual((self.posts(), len(refused)), (1, 2 * 4))
        for last, first in zip(refused[1::2], refused[2::2]):
            self.assertGreater(first - last, 0.7)

    def test_no_connection(self):
        """To ask for the status with."""
        relay = Relay(self, urllib.parse.urlsplit(self.emulator.url).port)
        for call in ("token", "request", "status"):
            self.fault({"call": call}, close=True)
        driver = self.begin(endpoint="http://127.0.0.1:%d" % relay.port, poll_interval="1s", poll_interval_max="1s")
        followers = self.follow()
        self.wait_for_answer("token", 3)
        self.wait_for_answer("status", 1)
        # So that it fails for one of them only.
        self.send(signal.SIGSTOP, *followers)
        try:
            relay.refuse()
            self.check_error(driver.wait(30).error, "08006", "no connection")
            relay.listen()
        finally:
            self.send(signal.SIGCONT, *followers)
        self.check(driver, followers, "08006")
        self.assertEqual(self.posts(), 1)

    def test_its_place(self):
        """Goes to the one that takes it over, or stays taken until then: the vendor counts it."""
        self.emulator.settings(job_cap=1)
        driver = self.begin(4, max_jobs=1)
        waiting = self.connect().start("SELECT count(*) FROM ads.campaigns WHERE state = 'PAUSED'")
        self.fault({"call": "status", "times": 2}, token_expired=True)
        self.check_error(driver.wait(30).error, "28000", "not authorized")
        (result,) = self.result(self.start())
        self.assertEqual(result[2], 5)
        self.result(waiting)
        self.assertEqual([one["status"] for one in self.calls("request")], [202, 202])

    def test_what_is_said_of_it(self):
        """By the vendor: that is told to all, and no other asks again."""
        driver = self.begin()
        followers = self.follow()
        self.fault({"call": "status", "times": 1}, status=400, body='{"code":"400","details":"Not this one"}')
        for one in [driver] + followers:
            self.check_error(one.wait(30).error, "HV000", "Not this one")
        self.assertEqual(self.posts(), 1)


class LeftWhileItIsRetried(FaultCase):
    """The tries of a statement that was cancelled say nothing to the next one, which has as many of its own."""

    def check(self, session_of_next):
        self.account(profile_ids="1111", max_retries=1)
        self.fault({"call": "status", "times": 1}, status=503, headers={"Retry-After": str(3 * support.PATIENCE)})
        first = self.start()
        self.wait_for_answer("status", 1)
        self.eventually(lambda: [one["retries"] for one in self.exports()] == [1], "the first answer")
        self.session.run("SELECT pg_cancel_backend(%d)" % first.session.pid)
        self.assertEqual(first.wait().error.pgcode, "57014")
        self.fault({"call": "status", "times": 1}, status=503)
        self.assertEqual(self.result(session_of_next(first).start(IDS % "campaigns"))[0][2], 5)
        self.assertEqual((self.posts(), self.count_calls("status", status=503)), (1, 2))

    def test_by_the_same_session(self):
        self.check(lambda first: first.session)

    def test_by_another_session(self):
        self.check(lambda first: self.connect())


class LeftWhileItIsRetriedAlone(FaultCase):
    """Likewise for what each session asks for itself; that it was tried shows in its notices."""

    needs_log = True

    def check(self, call, **options):
        self.account(max_retries=1, **options)
        self.fault({"call": call, "times": 1}, status=503, headers={"Retry-After": str(3 * support.PATIENCE)})
        first = self.connect(log_min_messages="notice", **{"adsexport_fdw.progress_interval": "100ms"}).start(IDS % "campaigns")
        self.eventually(lambda: "(try 2 of 2; " in support.cluster().log_text(self.log_start), "the first answer")
        self.session.run("SELECT pg_cancel_backend(%d)" % first.session.pid)
        self.assertEqual(first.wait().error.pgcode, "57014")
        self.fault({"call": call, "times": 1}, status=503)
        self.result(first.session.start(IDS % "campaigns"))
        self.assertEqual((self.count_calls(call, status=503), self.count_calls(call)), (2, 3))

    def test_token(self):
        self.check("token")

    def test_list_of_profiles(self):
        self.check("profiles", profile_ids=None)


class BusyOtherwise(FaultCase):
    """A session that was cancelled, and then waits for something else as long as it may."""

    def cancel(self, statement):
        self.session.run("SELECT pg_cancel_backend(%d)" % statement.session.pid)
        self.assertIsNotNone(statement.wait().error)

    def wait_for_something_else(self, session):
        self.fault({"call": "request", "entity": "ads"}, hang=True)
        busy = session.start("SELECT count(*) FROM ads.ads")
        self.wait_for_call("request", 1, entity="ads")
        return busy

    def test_without_credentials(self):
        """All its caches were flushed: it does nothing more for what it left behind, so that others get it."""
        self.account(stall_timeout="10min")
        self.emulator.settings(export_delay=4)
        first = self.start()
        self.wait_for_answer("request", 1)
        self.cancel(first)
        self.send(signal.SIGSTOP, first)
        try:
            self.session.run(STORM)
        finally:
            self.send(signal.SIGCONT, first)
        busy = self.wait_for_something_else(first.session)
        self.assertEqual(self.result(self.start())[0][2], 5)
        self.assertEqual(self.count_calls("request", entity="campaigns"), 1)
        self.assertIsNone(busy.ended)
        self.cancel(busy)

    def test_lost_while_nobody_waits(self):
        """It learns that an export is lost when another session has a new one, of which it does not become a user."""
        self.account(stall_timeout="10min", max_age="1h")
        session = self.connect()
        lost = session.rows(IDS % "campaigns")
        self.fault({"call": "status", "times": 1}, delay=2, status=404, body='{"code":"404","details":"gone"}')
        before = self.count_calls("status")
        again = session.start(IDS % "campaigns")
        self.wait_for_call("status", before + 1)
        self.cancel(again)
        busy = self.wait_for_something_else(session)
        self.fault({"call": "status", "times": 1}, status=404, body='{"code":"404","details":"gone"}')
        new = self.result(self.start())
        self.assertNotEqual(new, lost)
        self.wait_for_answer("status", 2, status=404)
        self.assertEqual(self.result(self.start()), new)
        self.assertEqual([one["sessions"] for one in self.exports() if one["export_id"] == new[0][0]], [0])
        self.cancel(busy)


class Seen(FaultCase):
    """What adsexport_exports() tells of an export while it is waited for, and while it is read."""

    def test_who_waits(self):
        """Who asks for it, and for whom besides: as seen by a session that has nothing to do with it, and by one that waits no more."""
        self.account()
        self.emulator.settings(export_delay=60)
        driver = self.start()
        self.wait_for_call("request", 1)
        self.eventually(lambda: [one["status"] for one in self.exports()] == ["IN_PROGRESS"], "the answer")
        (export,) = self.exports()
        self.assertEqual((export["pid"], export["waiting"], export["sessions"]), (driver.session.pid, None, 1))
        followers = [self.start() for _ in range(3)]
        self.wait_for_sessions(4)
        pids = {one.session.pid for one in followers}
        (export,) = self.exports()
        self.assertEqual((export["pid"], set(export["waiting"])), (driver.session.pid, pids))
        self.session.run("SELECT pg_cancel_backend(%d)" % driver.session.pid)
        self.assertIsNotNone(driver.wait().error)
        self.eventually(lambda: self.exports()[0]["pid"] in pids, "that another one drives it")
        (export,) = self.exports()
        self.assertEqual((set(export["waiting"]) | {export["pid"]}, export["sessions"]), (pids, 3))
        (own,) = [one for one in driver.session.table("SELECT * FROM adsexport_exports()")]
        self.assertEqual((own["pid"], own["sessions"]), (export["pid"], 3))
        self.emulator.control("POST", "/advance", {"seconds": 100})
        for one in followers:
            self.result(one)
        (export,) = self.exports()
        self.assertEqual((export["status"], export["waiting"], export["sessions"]), ("COMPLETED", None, 0))

    def amounts(self, session=None):
        (export,) = [one for one in (session or self.session).table("SELECT * FROM adsexport_exports()") if one["server"] == "amazon"]
        return export["bytes_downloaded"], export["bytes_inflated"], export["records"]

    def test_while_it_is_read(self):
        """Another session sees it grow, and the same in the end."""
        self.emulator.settings(campaigns=6000, gzip_level=0)  # large enough not to be fetched before its turn
        self.account(profile_ids="1111")
        self.fault({"call": "download"}, drip=1000000)
        running = self.start()
        self.wait_for_call("download", 1)
        seen = []
        self.eventually(lambda: seen.append(self.amounts()) or running.ended, "its end", 60)
        self.assertEqual(self.result(running)[0][2], 6000)
        self.assertEqual(seen, sorted(seen))
        growing = sorted(set(seen))
        self.assertGreater(len(growing), 3)
        downloaded, inflated, records = growing[len(growing) // 2]
        self.assertTrue(0 < downloaded and 0 < inflated and 0 < records < 6000, growing)
        (export,) = self.exports()
        self.assertEqual((export["bytes_downloaded"], export["records"]), (export["file_size"], 6000))
        # A second session that reads it is counted, too, and all see the same.
        self.clear_faults()
        other = self.start()
        self.result(other)
        expected = (2 * export["bytes_downloaded"], 2 * export["bytes_inflated"], 12000)
        for session in (None, other.session, running.session):
            self.assertEqual(self.amounts(session), expected)
        # ... and so is the one that has read it before.
        running.session.run(IDS % "campaigns")
        for session in (None, other.session, running.session):
            self.assertEqual(self.amounts(session)[2], 18000)

    def test_left_half_way(self):
        """A cursor's own session sees how far it is; once it is closed others do, too."""
        self.emulator.settings(campaigns=6000)
        self.account(profile_ids="1111")
        reader = self.connect()
        reader.run("BEGIN; DECLARE c CURSOR FOR SELECT * FROM ads.campaigns")
        reader.rows("FETCH 2000 FROM c")
        downloaded, inflated, records = self.amounts(reader)
        self.assertTrue(0 < downloaded < inflated and 1000 < records <= 2000, (downloaded, inflated, records))
        reader.run("COMMIT")
        self.assertEqual(self.amounts()[2], 2000)
        self.assertEqual(self.amounts(), self.amounts(reader))

    def test_archives(self):
        """The same of Amplitude's, which are of one session."""
        self.amplitude()
        self.emulator.settings(events_per_hour=4000, amplitude_even=True)
        self.session.run("BEGIN; DECLARE c CURSOR FOR SELECT event_type FROM product.amplitude_events "
                         "WHERE server_upload_time >= '2025-03-01 10:00Z' AND server_upload_time < '2025-03-01 11:00Z'")
        self.session.rows("FETCH 2000 FROM c")
        (export,) = [one for one in self.session.table("SELECT * FROM adsexport_exports()") if one["server"] == "amplitude"]
        self.assertTrue(0 < export["bytes_downloaded"] < export["bytes_inflated"] and 0 < export["records"] <= 2000, export)
        self.session.run("COMMIT")


class Fair(FaultCase):
    """Places at the vendor are given in the order of asking."""

    def test_one_beside_forty(self):
        """A session that wants forty has one wish in line at a time, so another one waits for one of them."""
        profiles = [{"profileId": 5000 + number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "access": "edit", "rows": {"campaigns": 1},
                     "accountInfo": {"marketplaceStringId": "X", "id": str(number), "type": "seller", "name": str(number)}} for number in range(40)]
        self.emulator.settings(export_delay=0.3, profiles=profiles)
        self.account(profile_ids=",".join(str(one["profileId"]) for one in profiles), max_jobs=2, max_retries=0)
        many = self.start()
        self.wait_for_call("request", 4)
        others = [self.connect() for _ in range(2)]
        before = self.posts()
        running = [session.start("SELECT count(*) FROM ads.campaigns WHERE profile_id = '50%02d' AND state = 'PAUSED'" % number)
                   for number, session in enumerate(others)]
        for one in running:
            self.assertIsNone(one.wait().error)
        self.assertEqual(self.result(many)[0][2], 40)
        # Both, and of the forty: those that had a place, a wish before each of them, and what came before they asked.
        later = [json.loads(call["body"])["stateFilter"] == ["PAUSED"] for call in self.calls("request")[before:]]
        self.assertEqual(sum(later), 2)
        self.assertLess(max(place for place, theirs in enumerate(later) if theirs), 12, later)
        self.assertEqual({one["status"] for one in self.calls("request")}, {202})


if __name__ == "__main__":
    unittest.main()
