"""What errors say: in the vendor's own words where there are some, with what to change, and without trying again what cannot heal."""

import re
import time
import unittest

import psycopg2

import support

CAMPAIGNS = "SELECT * FROM ads.campaigns"
EVENTS = "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 02:00Z'"
TOO_LARGE = "The file size of the exported data is too large. Shorten the time ranges and try again. The limit size is 4GB."


class Words(support.TestCase):
    def fails(self, query, sqlstate="HV000", *parts):
        self.session.run("SELECT adsexport_forget()")
        return self.expect_error(sqlstate, query, *parts)

    def check_hint(self, error, *parts):
        for part in parts:
            self.assertIn(part, error.diag.message_hint or "")

    # One profile, or one product, of many is refused

    def test_what_is_refused_can_be_left_out(self):
        refusals = ((403, "42501", "Not authorized to Sponsored Display", True), (400, "HV000", "KDP authors do not have access to Sponsored Brands functionality", True),
                    (400, "HV000", "Agency profiles are not supported", True), (401, "28000", "Not authorized to access scope 2222", False),
                    (422, "HV000", "unprocessable", True))
        self.amazon(profile_ids="1111, 2222")
        for status, sqlstate, message, product in refusals:
            for call in ("request",) if status in (400, 422) else ("request", "status"):
                with self.subTest(status=status, call=call, message=message):
                    self.clear_faults()
                    self.fault({"call": call, "profile": "2222"}, status=status, body_kind="gateway", message=message)
                    error = self.fails(CAMPAIGNS, sqlstate, message, "Profile 2222")
                    self.check_hint(error, "profile_ids", "WHERE profile_id <>")
                    if product:
                        self.check_hint(error, "ad_products", "WHERE ad_product <>")
                    if status in (401, 403):
                        self.check_hint(error, "approved for the Amazon Ads API")
        self.clear_faults()
        self.fault({"call": "request", "profile": "2222"}, status=403, body_kind="gateway")
        self.assertGreater(self.session.value("SELECT count(*) FROM ads.campaigns WHERE profile_id <> '2222'"), 0)

    def test_client_that_is_not_approved(self):
        self.amazon(profile_ids=None)
        for status, sqlstate in ((401, "28000"), (403, "42501")):
            self.clear_faults()
            self.fault({"call": "profiles"}, status=status, body_kind="gateway")
            self.check_hint(self.fails(CAMPAIGNS, sqlstate), "approved")

    # Proxies

    def test_proxy_that_refuses(self):
        for status in (407, 403):
            with self.subTest(status=status):
                proxy = support.RefusingProxy(self, status)
                self.amazon(endpoint="https://api.example", token_endpoint=self.emulator.url + "/auth/o2/token", proxy=proxy.url, max_retries=5)
                began = time.monotonic()
                error = self.fails(CAMPAIGNS, "08006", str(status), "the proxy does not let the connection through")
                self.check_hint(error, "option proxy of server amazon")
                self.check_hint(error, "proxy_user and proxy_password of the user mapping")
                self.assertNotIn("max_retries", error.diag.message_hint)
                self.assertEqual(proxy.asked, 1)
                self.assertLess(time.monotonic() - began, 15 * support.PATIENCE, "it was tried again")

    def test_proxy_that_has_no_way(self):
        proxy = support.RefusingProxy(self, 503)
        self.amazon(endpoint="https://api.example", token_endpoint=self.emulator.url + "/auth/o2/token", proxy=proxy.url, max_retries=1)
        self.check_hint(self.fails(CAMPAIGNS, "08006", "503"), "option proxy of server amazon")
        self.assertEqual(proxy.asked, 2)

    # Too much at once

    def timed_out(self, query):
        self.amazon(max_retries=0)
        self.fault({"call": "status"}, failed="TIMED_OUT")
        return self.fails(query, "HV000", "TIMED_OUT").diag.message_hint

    def test_nothing_left_to_split(self):
        hint = self.timed_out("SELECT * FROM ads.targets")
        self.assertIn("target_type", hint)
        for said_already in ("clauses on ad_product", "state or"):
            self.assertNotIn(said_already, hint)
        for query in (CAMPAIGNS, "SELECT * FROM ads.targets WHERE target_type = 'KEYWORD'"):
            hint = self.timed_out(query)
            self.assertIn("Nothing is left", hint)
            self.assertNotIn("ad_product", hint)

    def test_413_is_too_much(self):
        self.amplitude()
        self.fault({"call": "export", "hours_over": 1}, status=413, body_kind="html")
        self.assertGreater(len(self.session.rows(EVENTS)), 0)
        self.assertEqual([call["status"] for call in self.calls("export")], [413, 200, 200])

    def test_400_that_is_not_about_size(self):
        self.amplitude()
        self.fault({"call": "export"}, status=400, body_kind="text", message="This project has been archived")
        error = self.fails(EVENTS, "HV000", "This project has been archived")
        self.assertTrue(re.search('^Hours .*: the server answered "This project has been archived"', error.diag.message_detail))
        self.assertNotRegex(error.diag.message_hint, "large|S3")
        self.clear_faults()
        self.fault({"call": "export"}, status=400, body_kind="text", message=TOO_LARGE)
        self.check_hint(self.fails(EVENTS, "HV000", TOO_LARGE), "S3 export")

    # Something else answers

    def test_redirects(self):
        target = "https://login.example/ap/signin?openid.return_to=a-secret-place"
        for status in (301, 302, 303, 307, 308):
            for call, query in (("request", CAMPAIGNS), ("profiles", "SELECT * FROM ads.profiles"), ("export", EVENTS)):
                with self.subTest(status=status, call=call):
                    self.clear_faults()
                    self.amazon(max_retries=5)
                    self.amplitude(max_retries=5)
                    calls = self.count_calls(call)
                    self.fault({"call": call}, status=status, body_kind="html", headers={"Location": target})
                    error = self.fails(query, "HV000", "HTTP status %d (" % status, "It redirects to https://login.example/ap/signin.")
                    self.check_hint(error, "endpoint and region of server")
                    self.assertNotIn("a-secret-place", support.text_of_error(error))
                    self.assertEqual(self.count_calls(call), calls + 1)
        self.clear_faults()
        self.fault({"call": "request"}, status=302, headers={"Location": "/login?x=y"}, body="")
        self.fails(CAMPAIGNS, "HV000", "It redirects to /login.")
        self.fault({"call": "token"}, status=302, headers={"Location": target}, body="")
        self.check_hint(self.fails(CAMPAIGNS, "HV000", "It redirects to https://login.example/ap/signin."), "token_endpoint")

    def test_pages_that_are_not_found(self):
        for call, query in (("request", CAMPAIGNS), ("profiles", "SELECT * FROM ads.profiles"), ("export", EVENTS)):
            with self.subTest(call=call):
                self.clear_faults()
                self.amazon(max_retries=5)
                self.amplitude(max_retries=5)
                calls = self.count_calls(call)
                self.fault({"call": call}, status=404, body="<!DOCTYPE html><html><head><title>Page not here</title></head></html>")
                self.check_hint(self.fails(query, "HV000", "HTTP status 404", "Page not here"), "endpoint and region of server")
                # Amplitude may mean it for a moment.
                self.assertEqual(self.count_calls(call), calls + (2 if call == "export" else 1))

    def test_hiccup_of_amplitude(self):
        """It may come as a page, too."""
        self.amplitude(max_retries=2)
        self.fault({"call": "export", "times": 1}, status=404, body="<html><title>404: Not Found</title><body>404: Not Found</body></html>")
        self.assertGreater(len(self.session.rows(EVENTS)), 0)

    # Curl's own words

    def test_nobody_listens(self):
        self.amazon(endpoint="http://127.0.0.1:1", token_endpoint=self.emulator.url + "/auth/o2/token", max_retries=0)
        error = self.fails(CAMPAIGNS, "08006", "network error: no connection")
        self.assertRegex(error.diag.message_detail, r"(?i)connect.*\(connection refused\)")
        self.assertNotRegex(error.diag.message_primary, r"\d")

    def test_name_that_is_unknown(self):
        self.amazon(endpoint="https://nowhere.invalid", token_endpoint=self.emulator.url + "/auth/o2/token", max_retries=0, connect_timeout="5s")
        error = self.fails(CAMPAIGNS, "08006", "network error")
        self.assertNotRegex(error.diag.message_primary, r"\d")

    # Endpoints

    def make_server(self, api, endpoint):
        self.session.run("DROP SERVER IF EXISTS s CASCADE")
        self.session.run("CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api '%s', endpoint '%s')" % (api, endpoint))

    def test_endpoints_that_hold_more(self):
        for api, endpoint, right in (("amplitude", "https://amplitude.com/api/2/export", "https://amplitude.com"),
                                     ("amplitude", "https://analytics.eu.amplitude.com/api/2/export/", "https://analytics.eu.amplitude.com"),
                                     ("amplitude", "https://amplitude.com/api/2/export?start=1&end=2", "https://amplitude.com"),
                                     ("amazon_ads", "https://advertising-api.amazon.com/campaigns/export", "https://advertising-api.amazon.com"),
                                     ("amazon_ads", "https://advertising-api.amazon.com/v2/profiles", "https://advertising-api.amazon.com"),
                                     ("amazon_ads", "https://advertising-api.amazon.com/?x=y#z", "https://advertising-api.amazon.com"),
                                     ("amplitude", "https://key:s3cret-key@amplitude.com", "https://amplitude.com"),
                                     ("amplitude", "https://key@amplitude.com:8443/x?y", "https://amplitude.com:8443/x")):
            with self.subTest(endpoint=endpoint):
                with self.assertRaises(psycopg2.Error) as caught:
                    self.make_server(api, endpoint)
                self.assertEqual(caught.exception.pgcode, "HV024")
                self.check_hint(caught.exception, 'Perhaps you meant "%s".' % right)
                self.assertNotIn("s3cret", support.text_of_error(caught.exception))
        for endpoint in ("https://amplitude.com/", "https://gateway.example/amplitude", "https://gateway.example/exports"):
            self.make_server("amplitude", endpoint)
        self.session.run("DROP SERVER s CASCADE")

    # SQL

    def test_bounds_outside_a_view_with_security_barrier(self):
        self.amplitude()
        self.session.run("CREATE VIEW guarded WITH (security_barrier) AS SELECT * FROM product.amplitude_events")
        self.addCleanup(self.session.run, "DROP VIEW guarded")
        error = self.fails("SELECT * FROM guarded WHERE server_upload_time >= date '2025-03-01'", "HV00L")
        self.check_hint(error, "security_barrier", "timestamptz")
        self.session.rows("SELECT * FROM guarded WHERE server_upload_time >= timestamptz '2025-03-01Z' AND server_upload_time < timestamptz '2025-03-01 01:00Z'")

    def test_stored_generated_columns(self):
        self.amazon()
        self.session.run("CREATE FOREIGN TABLE made (name text, shouted text GENERATED ALWAYS AS (upper(name)) STORED) SERVER amazon OPTIONS (entity 'campaigns')")
        error = self.fails("SELECT * FROM made", "0A000", '"shouted"', "generated and stored")
        self.check_hint(error, "view")
        self.assertGreater(len(self.session.rows("SELECT name FROM made")), 0)


if __name__ == "__main__":
    unittest.main()
