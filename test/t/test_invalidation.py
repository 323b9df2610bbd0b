"""What a change of server, user mapping or extension means to all sessions: nothing of before is used again, who reads goes on, and no place is lost."""

import unittest

import support
from test_sharing import COUNT, IDS, SharingCase

SECOND = support.TestCase.amazon_mapping("amzn1.application-oa2-client.second")

# Each is committed while other sessions read.
CHANGES = {
    "server": "ALTER SERVER amazon OPTIONS (SET stall_timeout '31s')",
    "owner": "ALTER SERVER amazon OWNER TO pg_monitor; ALTER SERVER amazon OWNER TO postgres",
    "mapping": "ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (ADD profile_ids '1111')",
    "credentials": "ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (%s)" % ", ".join("SET %s '%s'" % pair for pair in SECOND.items()),
    "dropped mapping": "DROP USER MAPPING FOR CURRENT_USER SERVER amazon",
    # These take the tables with them, so that they wait for who reads.
    "dropped server": "DROP SERVER amazon CASCADE",
    "dropped extension": "DROP EXTENSION adsexport_fdw CASCADE"}
DROPS_TABLES = ("dropped server", "dropped extension")


class ChangesCase(SharingCase):
    def begin(self):
        self.amazon(profile_ids="1111", max_jobs=1, max_retries=0, max_age="1h", stall_timeout="30s")

    def restore(self, change):
        """What was dropped, as it was."""
        if change == "dropped mapping":
            self.connect().run("CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(self.amazon_mapping()))
        elif change == "dropped extension":
            self.connect().run("SET client_min_messages = error; CREATE EXTENSION adsexport_fdw")
        if change in DROPS_TABLES:
            self.begin()

    def change(self, change):
        session = self.connect(client_min_messages="error")
        session.run(CHANGES[change])
        self.restore(change)
        session.close()

    def check_never_refused(self, most=1):
        self.assertEqual({call["status"] for call in self.calls("request")}, {202})
        counts = [one["count"] for one in self.emulator.control("GET", "/state")["amazon"]["most_in_progress"] if one["entity"] == "campaigns"]
        self.assertEqual(max(counts), most)

    def check_places(self):
        """The only place is free."""
        self.emulator.settings(export_delay=0)
        session = self.connect(statement_timeout="%ds" % support.SOON)
        session.value(COUNT + " WHERE state = 'ARCHIVED' AND ad_product = 'SPONSORED_BRANDS'")

    def one_result(self, results):
        found = {row for result in results for row in result}
        self.assertEqual(len(found), 1)
        return found.pop()


class EachChange:
    """The changes that every class tries, each in its own way."""

    def test_server(self):
        self.check("server")

    def test_mapping(self):
        self.check("mapping")

    def test_dropped_mapping(self):
        self.check("dropped mapping")

    def test_dropped_server(self):
        self.check("dropped server")

    def test_dropped_extension(self):
        self.check("dropped extension")


class Finished(EachChange, ChangesCase):
    """Exports that were read before."""

    def check(self, change):
        self.begin()
        others = self.sessions(2)
        first = self.one_result(other.rows(IDS) for other in others)
        self.assertEqual(self.posts(), 1)
        changing = self.connect(client_min_messages="error")
        changing.run(CHANGES[change])
        if "dropped" in change:
            for other in others:
                self.expect_error("28000" if change == "dropped mapping" else "42P01", COUNT, session=other)
            self.restore(change)
            self.assertEqual(self.exports(self.connect()), [], "what belongs to a mapping that is gone")
        # Those that knew the old one, and one that comes later.
        second = self.one_result(session.rows(IDS) for session in others + [self.connect(), changing])
        self.assertNotEqual(second, first)
        self.assertEqual(self.posts(), 2)
        self.check_places()

    def test_owner(self):
        self.check("owner")

    def test_credentials(self):
        self.check("credentials")
        self.assertEqual([call["client"] for call in self.calls("request")][1:], [SECOND["client_id"]] * 2)

    def test_by_a_session_that_ends(self):
        self.begin()
        first = self.session.rows(IDS)
        self.session.close()
        self.change("server")
        self.assertNotEqual(self.connect().rows(IDS), first)

    def test_rolled_back(self):
        """Only the session that changed it sees the change."""
        self.begin()
        first = self.session.rows(IDS)
        for change in CHANGES:
            if change not in DROPS_TABLES:
                with self.subTest(change=change):
                    changing = self.connect()
                    changing.run("BEGIN")
                    changing.run(CHANGES[change])
                    if change != "dropped mapping":
                        self.assertNotEqual(changing.rows(IDS), first)
                    self.assertEqual([session.rows(IDS) for session in (self.session, self.connect())], [first] * 2)
                    changing.run("ROLLBACK")
                    self.assertEqual(self.connect().rows(IDS), first)

    def test_of_another_server(self):
        """That is nobody's business here."""
        self.begin()
        self.amazon("other", "others")
        first = self.session.rows(IDS)
        other = self.connect()
        for statement in ("ALTER SERVER other OPTIONS (SET max_retries '4')", "ALTER USER MAPPING FOR CURRENT_USER SERVER other OPTIONS (ADD profile_ids '1111')",
                          "DROP SERVER other CASCADE"):
            self.connect(client_min_messages="error").run(statement)
            self.assertEqual([session.rows(IDS) for session in (self.session, other, self.connect())], [first] * 3)
        self.assertEqual(self.posts(), 1)


class InProgress(EachChange, ChangesCase):
    """Exports that sessions wait for: they read to the end what they have asked for."""

    LONG = 1800

    def start(self):
        """Two that wait for one export, which is ready when let_go() says so."""
        self.begin()
        self.emulator.settings(export_delay=self.LONG, job_cap=1)
        driver, follower = self.sessions(2)
        running = [driver.start(IDS)]
        self.wait_for_answer("request", 1)
        running.append(follower.start(IDS))
        self.eventually(lambda: any(one["sessions"] == 2 for one in self.exports()), "that a second session follows")
        return running

    def let_go(self):
        self.emulator.settings(export_delay=0.5)
        self.emulator.control("POST", "/advance", {"seconds": self.LONG})

    def check(self, change):
        running = self.start()
        changing = self.connect(client_min_messages="error").start(CHANGES[change])
        if change not in DROPS_TABLES:
            self.assertIsNone(changing.wait().error)
            self.restore(change)
            self.assertEqual([one.ended for one in running], [None] * 2)
            later = self.connect().start(IDS)
        self.let_go()
        for one in running:
            self.assertIsNone(one.wait().error)
        self.assertIsNone(changing.wait().error)
        if change in DROPS_TABLES:
            self.restore(change)
            later = self.connect().start(IDS)
        self.assertIsNone(later.wait().error)
        first = self.one_result(one.result for one in running)
        self.assertNotEqual(later.result, [first])
        self.assertEqual([one.session.rows(IDS) for one in running], [later.result] * 2)
        self.assertEqual(self.posts(), 2)
        self.check_never_refused()
        self.check_places()

    def test_credentials(self):
        self.check("credentials")

    def test_rolled_back(self):
        running = self.start()
        changing = self.connect()
        changing.run("BEGIN; " + CHANGES["mapping"])
        running.append(self.connect().start(IDS))
        changing.run("ROLLBACK")
        running.append(changing.start(IDS))
        self.let_go()
        for one in running:
            self.assertIsNone(one.wait().error)
        self.one_result(one.result for one in running)
        self.assertEqual(self.posts(), 1)

    def check_taken_over(self, change):
        """Who drives it ends after the change: the other one goes on with what both have asked for."""
        running = self.start()
        self.change(change)
        self.end(running[0].session, "pg_terminate_backend")
        self.assertIsNotNone(running[0].wait().error)
        self.let_go()
        self.assertIsNone(running[1].wait().error)
        self.assertEqual(self.posts(), 1)
        self.assertNotEqual(running[1].session.rows(IDS), running[1].result)
        self.assertEqual(self.posts(), 2)
        self.check_never_refused()
        self.check_places()

    def test_server_and_then_driver_gone(self):
        self.check_taken_over("server")

    def test_credentials_and_then_driver_gone(self):
        self.check_taken_over("credentials")

    def test_dropped_mapping_and_then_driver_gone(self):
        self.check_taken_over("dropped mapping")


class LeftBehind(EachChange, ChangesCase):
    """Exports in progress that nobody waits for: the vendor goes on counting them, so that each keeps its place until it must be over."""

    DELAY = 3  # less than what a place is kept for at least

    def in_progress(self):
        """The export that its session has the answer to, so that it knows it."""
        found = []
        self.eventually(lambda: found.extend(one["export_id"] for one in self.exports() if one["status"] == "IN_PROGRESS") or found, "export in progress")
        (left,) = found
        return left

    def check(self, change, how="pg_cancel_backend"):
        self.begin()
        # So that is known how long one takes.
        self.session.value(COUNT + " WHERE state = 'PAUSED'")
        self.emulator.settings(export_delay=self.DELAY, job_cap=1)
        owner = self.connect()
        running = owner.start(IDS)
        self.wait_for_answer("request", 2)
        left = self.in_progress()
        self.end(owner, how)
        self.assertIsNotNone(running.wait().error)
        self.change(change)
        sessions = self.sessions(2) + ([owner] if how == "pg_cancel_backend" else [])
        later = [session.start(IDS) for session in sessions]
        for one in later:
            self.assertIsNone(one.wait().error)
        self.assertNotEqual(self.one_result(one.result for one in later)[0], left)
        self.assertEqual(self.posts(), 3)
        self.check_never_refused()
        self.check_places()

    def test_dropped_extension(self):
        self.check("dropped extension", "pg_terminate_backend")

    def test_forgotten(self):
        """Its session may not use it any more, so that it asks for another one: once there is a place."""
        self.begin()
        self.session.value(COUNT + " WHERE state = 'PAUSED'")
        self.emulator.settings(export_delay=self.DELAY, job_cap=1)
        owner = self.connect()
        running = owner.start(IDS)
        self.wait_for_answer("request", 2)
        self.in_progress()
        self.end(owner, "pg_cancel_backend")
        self.assertIsNotNone(running.wait().error)
        owner.run("SELECT adsexport_forget()")
        self.assertIsNone(owner.start(IDS).wait().error)
        self.assertEqual(self.posts(), 3)
        self.check_never_refused()
        self.check_places()


if __name__ == "__main__":
    unittest.main()
