"""What adsexport_forget(), and caches that are flushed, leave of credentials in a session."""

import base64
import hashlib
import os
import signal
import unittest

import support

IDS = "SELECT min(export_id) FROM ads.campaigns"
# More at once than a session that is stopped can be told of.
STORM = ("DO $$ BEGIN FOR i IN 1..80 LOOP EXECUTE 'CREATE TABLE storm_' || i || ' (' || (SELECT string_agg('c' || n || ' int', ',') "
         "FROM generate_series(1, 100) n) || ')'; EXECUTE 'DROP TABLE storm_' || i; END LOOP; END $$")


class Forget(support.TestCase):
    def setUp(self):
        super().setUp()
        self.emulator.settings(campaigns=20000)
        self.amazon(max_age="1h")

    def token(self, number):
        """The access token that the emulator gave as its number-th."""
        seed = self.emulator.control("GET", "/settings")["seed"]
        noise = hashlib.sha512(("token %d %d" % (seed, number)).encode()).digest() * 4
        return "Atza|" + base64.b64encode(noise).decode()

    def count(self, *words):
        return sum(self.session.count_in_memory(words).values())

    def add_role(self):
        """Another user of the session, with credentials of its own."""
        role = "adsexport_t_forgetful"
        support.cluster().run("DO $$ BEGIN CREATE ROLE %s; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % role)
        self.session.run("CREATE USER MAPPING FOR %s SERVER amazon %s" % (role, support.option_list(self.amazon_mapping("amzn1.application-oa2-client.second"))))
        self.session.run("GRANT USAGE ON SCHEMA ads TO %s; GRANT SELECT ON ALL TABLES IN SCHEMA ads TO %s" % (role, role))
        self.addCleanup(support.cluster().run, "DROP ROLE " + role)
        self.addCleanup(self.connect().run, "DROP USER MAPPING FOR %s SERVER amazon; DROP OWNED BY %s" % (role, role))
        return role

    def open_cursor(self):
        self.session.run("BEGIN; DECLARE c CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        self.assertEqual(len(self.session.rows("FETCH 10 FROM c")), 10)

    def test_nothing_is_left_in_memory(self):
        self.session.rows(IDS)
        self.session.rows("SELECT 1 FROM ads.profiles")
        self.session.rows("SELECT 1 FROM ads.ads LIMIT 1")
        # One that ends in the middle, too.
        self.session.run("SET statement_timeout = '2s'")
        self.fault({"call": "download"}, hang=True)
        self.expect_error("57014", "SELECT 1 FROM ads.targets")
        words = (self.token(1), "X-Amz-Signature=", "grant_type=refresh_token")
        self.assertGreater(self.count(words[0]), 0)
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.session.count_in_memory(words), dict.fromkeys(words, 0))

    def test_beside_a_cursor_of_another_user(self):
        """What that holds stays; what nobody holds goes at once."""
        role = self.add_role()
        self.session.rows(IDS)
        self.session.run("SET ROLE " + role)
        self.open_cursor()
        self.session.run("RESET ROLE")
        self.assertEqual(self.count_calls("token"), 2)
        self.assertGreater(self.count(self.token(1)), 0)
        # Only what is one's own.
        self.session.run("SET ROLE " + role)
        self.session.run("SELECT adsexport_forget()")
        self.assertGreater(self.count(self.token(1)), 0)
        self.assertEqual(len(self.session.rows("FETCH 10 FROM c")), 10)
        self.session.run("RESET ROLE")
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.count(self.token(1)), 0)
        self.assertEqual(len(self.session.rows("FETCH 10 FROM c")), 10)
        self.assertGreater(self.count(self.token(2)), 0)
        self.session.run("CLOSE c")
        self.assertEqual(self.count(self.token(2)), 0)
        self.session.run("COMMIT")
        self.assertEqual(self.session.rows("SELECT * FROM adsexport_exports()"), [])
        self.session.rows(IDS)
        self.assertEqual(self.count_calls("token"), 3)

    def test_beside_a_cursor_of_its_own(self):
        self.open_cursor()
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(len(self.session.rows("FETCH ALL FROM c")), 19990)
        self.assertEqual(len(self.session.rows("SELECT * FROM adsexport_exports()")), 1)
        self.session.run("CLOSE c")
        self.assertEqual(self.count(self.token(1), "X-Amz-Signature=", "grant_type=refresh_token"), 0)
        self.session.run("COMMIT")
        self.assertEqual(self.session.rows("SELECT * FROM adsexport_exports()"), [])
        self.session.rows(IDS)
        self.assertEqual((self.count_calls("token"), self.count_calls("request")), (2, 2))

    def test_profiles_of_another_user(self):
        """Their list is that user's to forget."""
        self.amazon(max_age="1h", profile_ids=None)
        role = self.add_role()
        first = self.session.rows(IDS)
        self.session.run("SET ROLE %s; SELECT adsexport_forget(); RESET ROLE" % role)
        self.assertEqual(self.session.rows(IDS), first)
        self.assertEqual((self.count_calls("profiles"), self.count_calls("token")), (1, 1))

    def stop_and_overtake(self, statement):
        """So much is defined at once that the session's caches are flushed as a whole when it goes on."""
        other = self.connect()
        try:
            os.kill(self.session.pid, signal.SIGSTOP)
        except PermissionError:
            self.skipTest("the backend cannot be stopped")
        try:
            other.run(statement)
            other.run(STORM)
        finally:
            os.kill(self.session.pid, signal.SIGCONT)

    def test_mapping_that_changed_when_all_caches_were_flushed(self):
        """The session hears of no mapping in particular, and keeps the token of none, idle as it is."""
        first = self.session.value(IDS)
        self.assertGreater(self.count(self.token(1)), 0)
        self.stop_and_overtake("ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (SET client_secret 'wrong')")
        self.eventually(lambda: self.count(self.token(1)) == 0, "end of the token in memory")
        self.expect_error("28000", IDS)
        self.session.run("ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (SET client_secret '%s')" % self.amazon_mapping()["client_secret"])
        self.assertNotEqual(self.session.value(IDS), first)

    def test_exports_outlive_a_flush_of_all_caches(self):
        first = self.session.value(IDS)
        for number in range(3):
            self.stop_and_overtake("SELECT 1")
            self.eventually(lambda: self.count(self.token(1 + number)) == 0, "end of the token in memory")
            self.assertEqual(self.session.value(IDS), first)
        self.assertEqual((self.count_calls("request"), self.count_calls("token")), (1, 4))

    def test_mapping_that_changed_unheard_while_a_cursor_reads(self):
        self.open_cursor()
        self.stop_and_overtake("ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (SET client_secret 'wrong')")
        self.assertEqual(len(self.session.rows("FETCH ALL FROM c")), 19990)
        self.session.run("CLOSE c")
        self.assertEqual(self.count(self.token(1), "X-Amz-Signature="), 0)
        self.session.run("COMMIT")
        self.expect_error("28000", IDS)


if __name__ == "__main__":
    unittest.main()
