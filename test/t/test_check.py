"""adsexport_check(): one row for each step on the way to a vendor."""

import os

import support
from amazon import DEFAULT_CLIENT, CLIENTS
from amplitude import API_KEY, SECRET_KEY

NETWORK = ["endpoint: name", "endpoint: connection", "endpoint: TLS"]
AMAZON = ["token_" + step for step in NETWORK] + ["access token"] + NETWORK + ["profiles"]


class CheckCase(support.TestCase):
    def check(self, server="amazon", session=None):
        """The rows, none of which holds a secret."""
        rows = (session or self.session).table("SELECT * FROM adsexport_check('%s')" % server)
        text = str(rows)
        for secret in (CLIENTS[DEFAULT_CLIENT]["secret"], CLIENTS[DEFAULT_CLIENT]["refresh_token"], SECRET_KEY, API_KEY, "Atza|"):
            self.assertNotIn(secret, text)
        return rows

    def check_fails(self, step, *words, hint="", server="amazon"):
        """The last step is this one and fails, all before it are fine."""
        rows = self.check(server)
        self.assertEqual([row["ok"] for row in rows], [True] * (len(rows) - 1) + [False], rows)
        self.assertEqual(rows[-1]["step"], step)
        for word in words:
            self.assertIn(word, rows[-1]["detail"])
        self.assertIn(hint, rows[-1]["hint"] or "")
        return rows


class Steps(CheckCase):
    emulator_options = ("--tls",)

    def test_amazon(self):
        self.amazon(profile_ids=None)
        rows = self.check()
        self.assertEqual([row["step"] for row in rows][:8], AMAZON)
        self.assertEqual({row["ok"] for row in rows}, {True}, rows)
        self.assertEqual({row["hint"] for row in rows}, {None})
        listed = self.session.column("SELECT profile_id FROM ads.profiles WHERE account_type <> 'agency'")
        self.assertEqual(sorted(row["step"] for row in rows[8:]), sorted("profile " + profile for profile in listed))
        # Nothing was exported for it.
        self.assertEqual(self.calls("request"), [])

    def test_amplitude(self):
        self.within_an_hour()
        self.amplitude()
        rows = self.check("amplitude")
        self.assertEqual([row["step"] for row in rows][:3], NETWORK)
        self.assertEqual(self.session.value("SELECT 'hour ' || to_char(adsexport_complete_until() - interval '1 hour', 'YYYYMMDD\"T\"HH24')"), rows[3]["step"])
        self.assertEqual([row["ok"] for row in rows], [True] * 4)
        self.assertIn("no events", rows[3]["detail"])
        self.emulator.settings(amplitude_ranges="now-2d..now", amplitude_even=True, events_per_hour=5)
        self.assertEqual(self.check("amplitude")[3]["detail"], "Its events are sent.")
        self.assertEqual({call["status"] for call in self.calls("export")}, {404, 200})

    def test_profiles_that_are_named(self):
        self.amazon(profile_ids="1111, 4444, 5555")
        rows = self.check()
        self.assertEqual([(row["step"], row["ok"]) for row in rows[8:]],
                         [("profile 1111", True), ("profile 4444", False), ("profile 5555", False)])
        self.assertIn("Not authorized to access scope 4444", rows[9]["detail"])
        self.assertIn("not in the list of the account's profiles in the region of server amazon (na)", rows[9]["hint"])
        self.assertIn("HTTP status 403", rows[10]["detail"])
        self.assertIn("may view the campaigns of this profile", rows[10]["hint"])

    def test_an_agency_and_a_list_that_is_refused(self):
        """What is in the list, or may be, is not said to be missing from it."""
        self.amazon(profile_ids=None)
        agency = self.session.column("SELECT profile_id FROM ads.profiles WHERE account_type = 'agency'")[0]
        self.amazon(profile_ids=agency)
        row = self.check()[-1]
        self.assertEqual((row["step"], row["ok"]), ("profile " + agency, False))
        self.assertIn("not an agency's", row["hint"])
        self.amazon(profile_ids="4444")
        self.fault({"call": "profiles"}, status=403, body='{"message": "Forbidden"}')
        self.assertIn("belongs to this account", self.check()[-1]["hint"])

    def test_the_words_are_of_the_step(self):
        """The subject of each message is the step itself."""
        self.amazon(profile_ids="4444")
        for row in self.check():
            self.assertNotRegex(row["detail"], "Server amazon: |Profile 4444: ")
        self.amazon(mapping=self.amazon_mapping(client_secret="wrong"))
        self.assertTrue(self.check()[-1]["detail"].startswith("HTTP status 401 (not authorized): the server answered"))

    def test_many_profiles(self):
        self.amazon(profile_ids=",".join(["1111"] + [str(id) for id in range(9000, 9024)]))
        rows = self.check()
        self.assertEqual(len(rows), 8 + 20 + 1)
        self.assertEqual((rows[-1]["step"], rows[-1]["ok"], rows[-1]["detail"]), ("other profiles", None, "5 more were not tried."))

    def test_a_long_list(self):
        """As long as an agency's, in whatever form it comes."""
        profiles = [{"profileId": number, "countryCode": "US", "accountInfo": {"type": "seller", "name": "N" * 150}} for number in range(100000, 102000)]
        self.amazon(profile_ids=None)
        for how in ({}, {"compress": "gzip"}, {"compress": "deflate"}, {"pause_after": 0.5, "pause_seconds": 0.2}):
            with self.subTest(how=how):
                self.clear_faults()
                self.fault({"call": "profiles"}, status=200, body=profiles, **how)
                rows = {row["step"]: row for row in self.check()}
                self.assertEqual((rows["profiles"]["ok"], rows["profiles"]["detail"]), (True, "2000 of the account's profiles can have exports."))
        self.clear_faults()
        self.fault({"call": "profiles"}, status=200, body=profiles, cut_after=0.5)
        self.check_fails("profiles")

    def test_what_cannot_be_told(self):
        self.amazon()
        self.fault({"call": "status"}, status=500, body="not now")
        row = self.check()[-1]
        self.assertEqual((row["step"], row["ok"]), ("profile 1111", None))
        self.assertIn("not now", row["detail"])

    def test_given_token(self):
        token = "Atza|given"
        self.amazon(mapping={"client_id": DEFAULT_CLIENT, "access_token": token})
        rows = self.check()
        self.assertEqual(rows[0]["step"], "access token")
        self.assertEqual(rows[0]["ok"], True)
        self.assertEqual([row["ok"] for row in rows if row["step"] in ("profiles", "profile 1111")], [False, False])
        self.assertNotIn(token, str(rows))

    def test_names(self):
        # Nothing is left out of what a query would do: it is what fails there, too.
        self.amazon(token_endpoint="https://no.such.host.invalid/auth/o2/token")
        self.check_fails("token_endpoint: name", "no.such.host.invalid", hint="token_endpoint")
        self.amazon(endpoint=self.emulator.url, token_endpoint=self.emulator.url + "/auth/o2/token")
        self.session.run("ALTER SERVER amazon OPTIONS (SET endpoint 'https://no.such.host.invalid')")
        self.check_fails("endpoint: name", "no.such.host.invalid", hint="Check the option endpoint of server amazon")
        self.amplitude(endpoint="https://no.such.host.invalid")
        self.check_fails("endpoint: name", "no.such.host.invalid", server="amplitude")

    def test_connections(self):
        self.amazon(endpoint="http://127.0.0.1:9")
        rows = self.check_fails("token_endpoint: connection", hint="Check the option token_endpoint")
        self.assertEqual(len(rows), 2)
        self.amplitude(endpoint="http://127.0.0.1:9")
        self.check_fails("endpoint: connection", server="amplitude")

    def test_tls(self):
        self.amazon(endpoint=self.emulator.tls_url)
        self.check_fails("token_endpoint: TLS", "certificate", hint="ca_file")
        self.amplitude(endpoint=self.emulator.tls_url)
        self.check_fails("endpoint: TLS", "certificate", server="amplitude")
        self.amazon(endpoint=self.emulator.tls_url, ca_file=self.emulator.ca_file)
        self.assertEqual({row["ok"] for row in self.check()}, {True})

    def test_credentials(self):
        self.amazon(mapping=self.amazon_mapping(client_secret="wrong-secret"))
        rows = self.check_fails("access token", "HTTP status 401", "Client authentication failed", hint="Check client_id and client_secret")
        self.assertNotIn("wrong-secret", str(rows))
        self.amazon(mapping=self.amazon_mapping(refresh_token="Atzr|wrong"))
        self.check_fails("access token", "refresh_token", hint="Check refresh_token")
        self.amplitude(mapping={"api_key": "wrong-key", "secret_key": "wrong-secret"})
        rows = self.check("amplitude")
        self.assertEqual((rows[3]["ok"], len(rows)), (False, 4))
        self.assertIn("HTTP status 403", rows[3]["detail"])
        self.assertIn("Check api_key and secret_key", rows[3]["hint"])
        self.assertNotIn("wrong-secret", str(rows))

    def test_slow(self):
        """A server that is reached and does not answer fails where the answer was wanted, whether its connection is a new one or not."""
        self.amazon(stall_timeout="2s")
        for call, step in (("token", "access token"), ("profiles", "profiles")):
            self.clear_faults()
            self.fault({"call": call}, hang=True)
            rows = self.check()
            failed = next(row for row in rows if not row["ok"])
            self.assertEqual((failed["step"], failed["ok"]), (step, False), rows)
            self.assertIn("timeout: no answer in time", failed["detail"])
            self.assertIn("stall_timeout", failed["hint"])

    def test_no_profile(self):
        self.amazon(profile_ids=None)
        self.fault({"call": "profiles"}, body="[]")
        rows = self.check_fails("profiles", "the account has no profile that can have exports", hint="advertises in the region")
        self.assertEqual(len(rows), len(AMAZON))
        # The vendor's other list is asked for, too.
        self.assertEqual(self.count_calls("profiles"), 2)

    def test_answers_that_are_no_list(self):
        self.amazon(profile_ids=None)
        self.fault({"call": "profiles"}, body="<html><title>Welcome</title></html>")
        self.check_fails("profiles", "not a list of profiles", "Welcome")
        self.clear_faults()
        # Named profiles do without it.
        self.amazon()
        self.fault({"call": "profiles"}, status=403, body='{"message": "Forbidden"}')
        rows = self.check()
        self.assertEqual([(row["step"], row["ok"]) for row in rows[7:]], [("profiles", False), ("profile 1111", True)])

    def test_nothing_is_repeated_or_remembered(self):
        self.amazon(max_retries=5)
        self.session.value("SELECT count(*) FROM ads.campaigns")
        exports = self.session.rows("SELECT * FROM adsexport_exports()")
        self.clear_log()
        self.fault({"call": "token"}, status=500)
        self.check_fails("access token", "HTTP status 500")
        self.assertEqual(self.count_calls("token"), 1)
        self.assertEqual(self.session.rows("SELECT * FROM adsexport_exports()"), exports)
        self.assertGreater(self.session.value("SELECT count(*) FROM ads.ad_groups"), 0)

    def test_secrets_that_are_repeated(self):
        self.amazon()
        secret = CLIENTS[DEFAULT_CLIENT]["secret"]
        self.fault({"call": "token"}, status=401, body='{"error_description": "%s is wrong"}' % secret)
        self.check_fails("access token", "is wrong")

    def test_descriptors(self):
        self.amazon()
        self.check()
        before = self.session.descriptors()
        for _ in range(20):
            self.check()
        self.assertEqual(self.session.descriptors(), before)


class Log(CheckCase):
    needs_log = True

    def test_no_secrets_at_debug5(self):
        secret = CLIENTS[DEFAULT_CLIENT]["secret"]
        self.amazon()
        self.amplitude()
        session = self.connect(log_min_messages="debug5", client_min_messages="debug5")
        begin = support.cluster().log_size()
        self.check(session=session)
        self.check("amplitude", session=session)
        self.fault({"call": "profiles"}, status=403, body='{"message": "%s"}' % secret)
        self.assertNotIn(secret, str(self.check(session=session)))
        text = support.cluster().log_text(begin) + session.take_notices()
        self.assertIn("DEBUG", text)
        for hidden in (secret, CLIENTS[DEFAULT_CLIENT]["refresh_token"], SECRET_KEY, "Atza|"):
            self.assertNotIn(hidden, text)


class Access(CheckCase):
    def role(self, name):
        self.session.run("DO $$ BEGIN CREATE ROLE %s; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % name)
        return name

    def test_servers_that_cannot_be_checked(self):
        self.expect_error("42704", "SELECT * FROM adsexport_check('nowhere')", 'server "nowhere" does not exist')
        self.session.run("CREATE FOREIGN DATA WRAPPER another; CREATE SERVER other FOREIGN DATA WRAPPER another")
        self.expect_error("42809", "SELECT * FROM adsexport_check('other')", 'server "other" is not one of adsexport_fdw')
        self.session.run("DROP FOREIGN DATA WRAPPER another CASCADE")

    def test_mapping_and_privilege(self):
        self.amazon()
        role = self.role("adsexport_t_check")
        self.session.run("SET ROLE %s" % role)
        self.expect_error("42501", "SELECT * FROM adsexport_check('amazon')", "permission denied for foreign server amazon")
        self.session.run("RESET ROLE; GRANT USAGE ON FOREIGN SERVER amazon TO %s; SET ROLE %s" % (role, role))
        self.expect_error("28000", "SELECT * FROM adsexport_check('amazon')", 'no user mapping for user "%s" on server "amazon"' % role,
                          "CREATE USER MAPPING FOR %s SERVER amazon" % role)
        self.assertEqual(self.calls(), [])
        self.session.run("RESET ROLE")
        self.session.run("CREATE USER MAPPING FOR %s SERVER amazon %s" % (role, support.option_list(self.amazon_mapping(refresh_token="Atzr|other"))))
        self.session.run("SET ROLE %s" % role)
        self.check_fails("access token")
        self.session.run("RESET ROLE")
        self.assertEqual({row["ok"] for row in self.check()}, {True})
        self.session.run("DROP SERVER amazon CASCADE; DROP ROLE %s" % role)


class Cancel(CheckCase):
    """In each wait, within 100 ms, and nothing stays behind."""

    def check_cancel(self, call, server="amazon"):
        self.session.rows("SELECT 1 FROM adsexport_check('%s')" % server)
        before = self.session.descriptors()
        self.clear_log()
        self.fault({"call": call}, hang=True)

        def attempt():
            self.clear_log()
            running = self.session.start("SELECT * FROM adsexport_check('%s')" % server)
            self.wait_for_call(call)
            milliseconds = self.cancel(running)
            self.check_error(running.error, "57014")
            self.assertEqual(self.session.descriptors(), before)
            return milliseconds

        self.in_time(attempt)
        self.clear_faults()

    def test_amazon(self):
        self.amazon()
        for call in ("token", "profiles", "status"):
            with self.subTest(call=call):
                self.check_cancel(call)

    def test_amplitude(self):
        self.amplitude()
        self.check_cancel("export", "amplitude")
