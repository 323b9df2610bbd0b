"""Shared exports when something goes wrong: what had the place of one is another's, memory is short, many want what one session has taken."""

import time
import unittest

import support

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
        self.fault({"call": "request", "times": 1}, status=503, headers={"Retry-After": "2"})
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
        time.sleep(0.5)
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
        # Both, and of the forty: those that had a place, a wish before each of them, and what came while they were read.
        self.assertLessEqual(self.posts() - before, 12)
        self.assertIsNone(many.ended, "they waited for all of the forty")
        self.assertEqual(self.result(many)[0][2], 40)
        self.assertEqual({one["status"] for one in self.calls("request")}, {202})


if __name__ == "__main__":
    unittest.main()
