"""The small calls around an export: tokens, requests, status, the list of profiles. What they say, and how often they are made."""

import datetime
import threading
import time
import unittest

import psycopg2

import support
from shifted_clock import ShiftedClock

CAMPAIGNS = "SELECT campaign_id FROM ads.campaigns"
PAST = "date:-100"


class ControlCase(support.TestCase):
    def forget(self):
        self.clear_faults()
        self.clear_log()
        self.session.run("SELECT adsexport_forget()")

    def campaigns(self):
        return self.session.value("SELECT count(*) FROM ads.campaigns")


class Tokens(ControlCase):
    def test_lifetimes(self):
        """One without any lifetime is used all the same, and asked for once."""
        self.amazon(profile_ids="1111,2222")
        for value in (0, "0", -5, 0.25, 1, "soon", None, {}, 1e300):
            with self.subTest(expires_in=value):
                self.forget()
                self.fault({"call": "token"}, members={"expires_in": value})
                self.emulator.settings(export_delay=0.5)
                self.assertEqual(self.campaigns(), 80)
                self.assertEqual(self.count_calls("token"), 1)

    def test_a_token_that_is_over_at_once(self):
        """Each is refused: one more is asked for after a refusal, and then it is an error."""
        self.amazon()
        self.fault({"call": "token"}, members={"expires_in": 0})
        self.fault({"call": "request"}, token_expired=True)
        self.expect_error("28000", CAMPAIGNS)
        self.assertEqual(self.count_calls("token"), 2)

    def test_an_error_with_status_200(self):
        self.amazon(max_retries=0)
        for body, sqlstate, words in (
                ({"error": "invalid_grant", "error_description": "The refresh token was revoked"}, "28000", "invalid_grant: The refresh token was revoked"),
                ({"message": "come back later"}, "HV000", "come back later"),
                ({"errors": [{"code": "X", "details": "too early"}]}, "HV000", "too early")):
            with self.subTest(body=body):
                self.forget()
                self.fault({"call": "token"}, status=200, body=body)
                self.expect_error(sqlstate, CAMPAIGNS, "the answer holds no access token", words)

    def test_what_cannot_heal_is_not_asked_again(self):
        self.amazon(max_retries=5)
        self.fault({"call": "token"}, status=200, body={"error": "invalid_client"})
        self.expect_error("28000", CAMPAIGNS, "invalid_client", "client_secret")
        self.assertEqual(self.count_calls("token"), 1)

    def test_an_answer_with_an_unusable_token_is_not_shown(self):
        self.amazon(max_retries=0)
        self.fault({"call": "token"}, status=200, body={"access_token": ["Atza|hidden"], "message": "Atza|hidden"})
        error = self.expect_error("HV000", CAMPAIGNS, "the answer holds no access token")
        self.assertNotIn("hidden", support.text_of_error(error))


class Encodings(ControlCase):
    def test_compressed_answers(self):
        self.amazon(profile_ids=None)
        for how in ("gzip", "deflate"):
            for call in ("token", "profiles", "request", "status"):
                with self.subTest(call=call, how=how):
                    self.forget()
                    self.fault({"call": call}, compress=how)
                    self.assertEqual(self.campaigns(), 85)
        self.assertEqual({call["headers"].get("Accept-Encoding") for call in self.calls("request")}, {"identity"})
        self.assertEqual({call["headers"].get("Accept-Encoding") for call in self.calls("download")}, {None})

    def test_compressed_errors(self):
        self.amazon(max_retries=0)
        for call, sqlstate in (("token", "28000"), ("request", "HV000"), ("status", "HV000")):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call}, status=400, body_kind="gateway", message="legible words", compress="gzip")
                self.expect_error(sqlstate, CAMPAIGNS, "legible words")

    def test_what_is_not_compressed_as_it_says(self):
        self.amazon(max_retries=0)
        for encoding in ("deflate", "nonsense", "br", "zstd", "gzip, gzip"):
            with self.subTest(encoding=encoding):
                self.forget()
                self.clear_faults()
                self.fault({"call": "status"}, content_encoding=encoding)
                self.expect_error("08006", CAMPAIGNS)
        # Somebody on the way has undone it, and left the header.
        self.forget()
        self.clear_faults()
        self.fault({"call": "status"}, content_encoding="gzip")
        self.assertEqual(self.campaigns(), 40)


    def test_errors_that_nobody_can_decode(self):
        """They are judged by their status."""
        self.amazon(max_retries=0)
        for call, status, sqlstate in (("token", 400, "28000"), ("request", 403, "42501"), ("status", 403, "42501")):
            with self.subTest(call=call):
                self.forget()
                self.clear_faults()
                self.fault({"call": call}, status=status, body="\x0b\x02\x80", content_encoding="br")
                self.expect_error(sqlstate, CAMPAIGNS, "HTTP status %d" % status)
        self.forget()
        self.clear_faults()
        self.amazon(max_retries=3)
        self.fault({"call": "request", "times": 1}, status=429, body="", content_encoding="nonsense", retry_after=1)
        self.assertEqual(self.campaigns(), 40)

    def test_what_means_nothing(self):
        self.amazon(max_retries=0)
        for encoding in ("none", "identity", "identity, none"):
            with self.subTest(encoding=encoding):
                self.forget()
                self.clear_faults()
                self.fault({"call": "status"}, content_encoding=encoding)
                self.assertEqual(self.campaigns(), 40)


class Status(ControlCase):
    def test_202_is_an_answer(self):
        self.amazon(max_retries=0)
        self.emulator.settings(export_delay=0.3)
        self.fault({"call": "status"}, real_status=202)
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual(self.count_calls("request"), 1)

    def test_an_unknown_word_with_a_link(self):
        self.amazon(max_retries=0)
        for word in ("SUCCEEDED", "DONE"):
            with self.subTest(word=word):
                self.forget()
                self.fault({"call": "status"}, members={"status": word})
                self.assertEqual(self.campaigns(), 40)

    def test_completed_without_a_link_for_ever(self):
        self.amazon(export_timeout="3s")
        self.fault({"call": "status"}, completed_without_url=True)
        self.expect_error("53400", CAMPAIGNS, "it is completed, but has no link after export_timeout", "1111")

    def test_links_that_cannot_be_used(self):
        self.amazon(max_retries=5)
        host = "http://store.example/x?X-Amz-Signature=shown"
        for url, words in (("https://store.example/" + "x" * 20000, "longer than any link"), (7, "not the text of a link"),
                           ("https://store.example/a\nb", "not the text of a link"), (host, "http://store.example/x"), ("/exports/1", "not a complete URL"),
                           ("ftp://store.example/x", "neither https nor http"), ("https://u:p@store.example/x", "user name or password")):
            with self.subTest(url=str(url)[:40]):
                self.forget()
                self.fault({"call": "status"}, members={"url": url})
                error = self.expect_error("HV000", CAMPAIGNS, "it is completed, but its link cannot be used", words, "1111")
                self.assertNotIn("shown", support.text_of_error(error))
                self.assertEqual((self.count_calls("request"), self.count_calls("status")), (1, 1))

    def test_a_link_without_a_path(self):
        """A slash in its query begins none."""
        self.amazon(max_retries=0)
        for rest in ("?x=/y", "/?x=/y"):
            self.forget()
            self.fault({"call": "status"}, members={"url": self.emulator.url + rest})
            self.expect_error("HV000", CAMPAIGNS)
            self.assertEqual({(call["path"], call["query"]) for call in self.calls("unknown")}, {("/", "x=/y")})

    def test_why_an_export_failed(self):
        self.amazon()
        for members in ({"error": "the words"}, {"failureReason": "the words"}, {"statusDetails": "the words"}, {"details": "the words"},
                        {"statusDetails": {"reason": "the words"}}, {"errors": [{"message": "the words"}]}, {"errors": ["the words"]},
                        {"error": {"details": "the words"}}, {"error": {"errorCode": "TIMED_OUT"}, "failureReason": "the words"}):
            with self.subTest(members=members):
                self.forget()
                # Small, so that nothing is left to split by.
                self.fault({"call": "status"}, members={"status": "FAILED", "url": None, "errorCode": "TIMED_OUT", **members})
                self.expect_error("HV000", CAMPAIGNS + " WHERE state = 'PAUSED' AND ad_product = 'SPONSORED_BRANDS'", "TIMED_OUT", '"the words"')

    def test_without_a_reason(self):
        self.amazon()
        self.fault({"call": "status"}, members={"status": "FAILED", "url": None, "errorCode": "TIMED_OUT"})
        error = self.expect_error("HV000", CAMPAIGNS + " WHERE state = 'PAUSED' AND ad_product = 'SPONSORED_BRANDS'", "no message says why")
        self.assertNotIn('""', support.text_of_error(error))

    def test_zones_of_generated_at(self):
        self.amazon()
        utc = datetime.timezone.utc
        for text, expected in (("2025-03-08T12:00:00+0530", datetime.datetime(2025, 3, 8, 6, 30, tzinfo=utc)),
                               ("2025-03-08T12:00:00-0030", datetime.datetime(2025, 3, 8, 12, 30, tzinfo=utc)),
                               ("2025-03-08T12:00:00.123456789Z", datetime.datetime(2025, 3, 8, 12, 0, 0, 123456, tzinfo=utc)),
                               ("2025-03-08T12:00:00+05:30 IST", None), ("2025-03-08T12:00:00+05300", None), ("2025-03-08T12:00:00+05:3", None),
                               ("2025-02-30T12:00:00Z", None), ("2025-03-08", None), ("soon", None)):
            with self.subTest(text=text):
                self.forget()
                self.fault({"call": "status"}, members={"generatedAt": text})
                self.assertEqual(self.session.column("SELECT DISTINCT exported_at FROM ads.campaigns"), [expected])


class Listing(ControlCase):
    """The profiles of an account whose ids nobody wrote down."""

    emulator_options = ("--campaigns", "3")

    def setUp(self):
        super().setUp()
        self.amazon(profile_ids=None, max_retries=3)

    @staticmethod
    def profile(number, **changes):
        profile = {"profileId": number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "access": "edit", "rows": {"campaigns": 2},
                   "accountInfo": {"type": "seller", "id": "A%s" % (number,), "name": "N", "marketplaceStringId": "M"}}
        profile.update(changes)
        return profile

    def list(self, entries):
        self.fault({"call": "profiles"}, status=200, body=entries)

    def test_each_once(self):
        """Whatever the list says: rows must not come twice."""
        self.emulator.settings(profiles=[self.profile(number) for number in (4001, 4002)])
        self.list([self.profile(4001), self.profile(4002), self.profile(4001), self.profile("4002"), self.profile(4001, countryCode="CA")])
        self.assertEqual(self.session.rows("SELECT profile_id, count(*) FROM ads.campaigns GROUP BY 1 ORDER BY 1"), [("4001", 2), ("4002", 2)])
        self.assertEqual(self.count_calls("request"), 2)

    def test_an_entry_without_an_id(self):
        self.emulator.settings(profiles=[self.profile(number) for number in (4001, 4002)])
        for value in (None, "", "x", 0, -5, 1.5, "01", [4001], 2 ** 64):
            with self.subTest(profileId=value):
                self.forget()
                self.session.take_notices()
                self.list([self.profile(4001), self.profile(value, countryCode="XX"), self.profile(4002)])
                self.assertEqual(self.campaigns(), 4)
                notices = self.session.take_notices()
                self.assertRegex(notices, 'WARNING:  left out 1 entry of the list of profiles of server "amazon" that has no usable profileId')
                self.assertIn("The first is entry 2, which reads", notices)
        self.assertEqual(self.campaigns(), 4)
        self.assertIn("left out 1 entry", self.session.take_notices(), "a later statement reads the same list")

    def test_no_entry_with_an_id(self):
        self.list([{"countryCode": "US"}, {"profileId": "x"}])
        self.expect_error("HV000", CAMPAIGNS, "no entry of the list has a profileId that can be used", "the first of 2 entries", "countryCode")
        self.assertEqual(self.count_calls("profiles"), 1)

    def test_what_is_no_list(self):
        self.amazon(profile_ids=None, max_retries=0)
        good = '{"profileId": 4001}'
        for body, words in (("", "not a list"), ("{}", "not a list"), ("<html><title>Log in</title></html>", "Log in"), ('{"message": "no"}', "no"),
                            ("[%s" % good, "After 1 profiles: "), ("[%s] x" % good, "After 1 profiles: "), ("[7]", "not a list")):
            with self.subTest(body=body):
                self.forget()
                self.fault({"call": "profiles"}, status=200, body=body)
                self.expect_error("HV000", CAMPAIGNS, "the answer is not a list of profiles", words)

    def test_a_list_that_breaks_off(self):
        self.emulator.settings(profiles=[self.profile(4000 + number) for number in range(30)])
        self.fault({"call": "profiles", "times": 1}, cut_after=0.5)
        self.assertEqual(self.campaigns(), 60)
        self.assertEqual((self.count_calls("profiles"), self.count_calls("request")), (2, 30))

    def test_tens_of_thousands(self):
        """In bounded memory; the profiles that a clause names are read, and an error says what is too much."""
        self.emulator.settings(profiles=[self.profile(1000000 + number) for number in range(40000)])
        self.session.rows("SELECT adsexport_fdw_version()")
        before = self.session.resident_kilobytes()
        self.assertEqual(self.session.rows("SELECT count(*) FROM ads.campaigns WHERE profile_id = '1039999'"), [(2,)])
        self.assertLess(self.session.resident_kilobytes() - before, 30000)
        self.expect_error("54000", CAMPAIGNS, "40000 profiles", "10000 at most")

    def test_too_many_to_remember(self):
        self.fault({"call": "profiles"}, status=200, body="[" + ",".join('{"profileId": %d}' % number for number in range(1, 400001)) + "]")
        before = self.session.resident_kilobytes()
        running = self.session.start(CAMPAIGNS)
        running.wait()
        self.check_error(running.error, "54000", "more than 100000 profiles", "profile_ids")
        # Whatever they are.
        for entry in ('{"profileId": 1}', '{}', '{"profileId": 1, "accountInfo": {"type": "agency"}}'):
            self.forget()
            self.fault({"call": "profiles"}, status=200, body="[" + ",".join([entry] * 100001) + "]")
            self.expect_error("54000", CAMPAIGNS, "more than 100000 profiles")
        self.assertLess(self.session.resident_kilobytes() - before, 60000)
        self.assertEqual(self.count_calls("profiles"), 1)

    def test_cancel(self):
        """While a long list arrives, and without an end, at several moments."""
        entry = '{"profileId": 1, "accountInfo": {"type": "agency", "name": "%s"}}' % ("N" * 100)
        many = "[" + ",".join([entry] * 90000)
        for action in ({"body": many, "stall_after": -1}, {"body": many, "stall_after": -1, "compress": "gzip"}, {"body": "[" + entry + ",", "endless": True}):
            for query in (CAMPAIGNS, "SELECT count(*) FROM ads.profiles"):
                for pause in (0, 0.05, 0.3) if "stall_after" in action else (0, 0.02):
                    with self.subTest(query=query, endless="endless" in action, compressed="compress" in action, pause=pause):
                        self.check_cancel(query, pause, action)

    def check_cancel(self, query, pause, action):
        def attempt():
            self.forget()
            self.fault({"call": "profiles"}, status=200, **action)
            running = self.session.start(query)
            self.wait_for_call("profiles")
            time.sleep(pause)
            milliseconds = self.cancel(running)
            # What has no end may have come to a limit before.
            self.check_error(running.error, "57014" if "stall_after" in action else ("57014", "HV000"))
            return milliseconds

        self.in_time(attempt)

    def ten_thousand(self):
        self.emulator.settings(profiles=[self.profile(1000000 + number) for number in range(10000)], export_delay=60)
        self.amazon(profile_ids=None, max_age="1h")

    def cancel_quickly(self, start):
        running = None

        def attempt():
            nonlocal running
            running = start()
            return self.cancel(running)

        self.in_time(attempt)
        return running

    def test_cancel_with_ten_thousand(self):
        """Whether the list is just read, exports are made of it, or these are waited for."""
        self.ten_thousand()
        # In a join, one scan is being read while the other one gets its exports.
        for query in (CAMPAIGNS, "SELECT 1 FROM ads.campaigns JOIN ads.ad_groups USING (campaign_id)"):
            for pause in (0, 0.1, 0.2, 0.35, 0.6):
                with self.subTest(query=query, pause=pause):
                    def start():
                        self.forget()
                        self.clear_log()
                        running = self.session.start(query)
                        self.wait_for_answer("profiles")
                        time.sleep(pause)
                        return running
                    self.check_error(self.cancel_quickly(start).error, "57014")

    def test_exports_of_ten_thousand(self):
        self.ten_thousand()
        shown = "SELECT count(*) FROM adsexport_exports()"

        pause = 0.5

        def ask():
            nonlocal pause
            running = self.session.start(CAMPAIGNS)
            time.sleep(pause)
            self.cancel(running)
            pause *= 1.5
            return self.session.value(shown) == 10000
        self.eventually(ask, "requests for all")
        began = time.monotonic()
        self.assertEqual(self.session.value(shown), 10000)
        took = time.monotonic() - began

        def start():
            running = self.session.start(shown)
            time.sleep(took / 4)
            return running
        running = self.cancel_quickly(start)
        if running.error is not None:
            self.check_error(running.error, "57014")

    def test_compressed_too_highly(self):
        self.amazon(profile_ids=None, max_retries=0)
        self.fault({"call": "profiles"}, status=200, body=" " * (60 << 20), compress="gzip")
        before = self.session.resident_kilobytes()
        for statement in (CAMPAIGNS, "SELECT * FROM ads.profiles"):
            self.expect_error("HV000", statement)
        self.assertLess(self.session.resident_kilobytes() - before, 60000)


class Sizes(ControlCase):
    def test_answers_that_are_too_long(self):
        """A message of the API has some hundred bytes, one with a link some thousand."""
        self.amazon(max_retries=5)
        for call in ("token", "request", "status"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call}, members={"more": "x" * 70000})
                self.expect_error("HV000", CAMPAIGNS, "longer than 64 kB")
                self.assertEqual(self.count_calls(call), 1)
                self.forget()
                self.fault({"call": call}, members={"more": "x" * 60000})
                self.assertEqual(self.campaigns(), 40)

    def test_memory(self):
        """What makes most of each byte."""
        self.amazon(max_retries=0)
        self.fault({"call": "status"}, status=200, body="[" * 30000 + "]" * 30000)
        self.expect_error("HV000", CAMPAIGNS)
        before = self.session.resident_kilobytes()
        self.forget()
        self.fault({"call": "status"}, status=200, body="[" + ",".join(["{}"] * 20000) + "]")
        self.expect_error("HV000", CAMPAIGNS)
        self.assertLess(self.session.resident_kilobytes() - before, 40000)


class Links(ControlCase):
    def test_a_store_that_refuses_fresh_links_for_a_while(self):
        """The first time another link is had at once, then the store is given time, up to max_retries times."""
        self.amazon(max_retries=3)
        for status in (400, 403):
            with self.subTest(status=status):
                self.forget()
                self.fault({"call": "download", "times": 3}, status=status, body_kind="s3")
                self.assertEqual(self.campaigns(), 40)
                times = [call["time"] for call in self.calls("download")]
                self.assertEqual((len(times), self.count_calls("request")), (4, 1))
                self.assertEqual(len({call["query"] for call in self.calls("download")}), 4, "the link was a new one each time")
                self.assertGreater(times[2] - times[1], 0.7)
                self.assertGreater(times[3] - times[2], 1.4)

    def test_for_good(self):
        self.amazon(max_retries=1)
        self.fault({"call": "download"}, status=403, body_kind="s3", message="Request has expired")
        self.expect_error("HV000", CAMPAIGNS, "HTTP status 403", "Request has expired", "tried 2 times")
        self.assertEqual(self.count_calls("download"), 3)


class Rates(ControlCase):
    """What is answered in the same way for ever, for five seconds each: no call is repeated faster than its backoff says."""

    WATCHED = "5s"
    # Tries at 0, 0.1 (a server may ask for that once), then at distances of 0.75 of 1, 2, 4 s and more.
    MOST = 4
    ANSWERS = [{"status": status, "body_kind": "gateway"} for status in (201, 202, 204, 301, 400, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504)] + \
              [{"status": 429, "body_kind": "gateway", "retry_after": 0}, {"status": 429, "body_kind": "html", "retry_after": PAST},
               {"status": 503, "body_kind": "html", "retry_after": 0}, {"status": 200, "body": {}}, {"status": 200, "body_kind": "html"},
               {"status": 200, "body_kind": "empty"}, {"drop_connection_before_response": True}]
    LASTING = {"max_retries": 1000, "export_timeout": "30min", "poll_interval": "1s", "poll_interval_max": "1s", "max_jobs": 1000}
    emulator_options = ("--campaigns", "3", "--job-cap", "1000")

    def watch(self, jobs):
        """Run statements side by side, each in a session of its own, until they end or the time is over."""
        threads = []
        errors = []
        # What it takes to begin so many sessions does not count.
        ready = threading.Barrier(len(jobs), timeout=60 * support.PATIENCE)

        def work(statement):
            session = support.Session(self.database, statement_timeout=self.WATCHED)
            try:
                session.run("SELECT adsexport_fdw_version()")
                ready.wait()
                session.rows(statement)
            except psycopg2.Error as problem:
                errors.append(problem.pgcode)
            finally:
                session.close()

        for statement in jobs:
            threads.append(threading.Thread(target=work, args=(statement,)))
            threads[-1].start()
        for thread in threads:
            thread.join(120 * support.PATIENCE)
            self.assertFalse(thread.is_alive())
        self.assertNotIn("XX000", errors)

    def check(self, calls, what, most=MOST):
        self.assertGreaterEqual(len(calls), 1, what)
        self.assertLessEqual(len(calls), most, "%s: %s" % (what, [round(call["time"] - calls[0]["time"], 2) for call in calls]))

    def test_exports(self):
        """Each answer at the request, the status and the download of an export, each with a profile of its own."""
        cells = {}
        for call in ("request", "status", "download"):
            for action in self.ANSWERS:
                cells[str(4000 + len(cells))] = (call, action)
        extra = {"completed without a link": ("status", {"completed_without_url": True}), "202 for ever": ("status", {"real_status": 202, "members": {"status": "IN_PROGRESS", "url": None}}),
                 "unknown word": ("status", {"status_word": "QUEUED"}), "expired token": ("status", {"token_expired": True}),
                 "lost": ("status", {"expire_export": True}), "failed": ("status", {"failed": "INTERNAL_ERROR"}), "expired link": ("download", {"expire_url": True})}
        for cell in extra.values():
            cells[str(4000 + len(cells))] = cell
        self.emulator.settings(profiles=[{"profileId": int(profile), "access": "edit", "rows": {"campaigns": 2}, "accountInfo": {"type": "seller"}}
                                         for profile in cells])
        self.amazon(profile_ids=",".join(cells), **self.LASTING)
        for profile, (call, action) in cells.items():
            self.fault({"call": call, "profile": profile}, **action)
        self.watch([CAMPAIGNS + " WHERE profile_id = '%s'" % profile for profile in cells])
        for profile, (call, action) in cells.items():
            with self.subTest(call=call, action=action):
                # Polls come each second; and there are two tries at once with a new token or link.
                polls = call == "status" and (action.get("status") is None or action["status"] == 200)
                self.check(self.calls(call, profile=profile), call, 7 if polls else self.MOST + 1)
                for other in ("request", "status", "download"):
                    self.assertLessEqual(self.count_calls(other, profile=profile), 8, other)

    def servers(self, prefix, create_mapping):
        """A server with one table for each answer, so that each has a client of its own."""
        session = self.connect()
        session.run("SET client_min_messages = error")
        session.run("CREATE SCHEMA IF NOT EXISTS rates")
        for number in range(len(self.ANSWERS)):
            name = "%s_%d" % (prefix, number)
            options, mapping, entity = create_mapping(number)
            values = {"endpoint": self.emulator.url, "stall_timeout": "2s", **self.LASTING, **options}
            session.run("DROP SERVER IF EXISTS %s CASCADE" % name)
            session.run("CREATE SERVER %s FOREIGN DATA WRAPPER adsexport_fdw %s" % (name, support.option_list(values)))
            session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER %s %s" % (name, support.option_list(mapping)))
            session.run("CREATE FOREIGN TABLE rates.%s (%s) SERVER %s OPTIONS (entity '%s')"
                        % (name, "server_upload_time timestamptz" if entity == "amplitude_events" else "profile_id text", name, entity))
            yield name, self.ANSWERS[number]
        session.close()

    def test_tokens_and_profiles(self):
        def token(number):
            client = "amzn1.application-oa2-client.t%d." % number
            return {"api": "amazon_ads", "token_endpoint": self.emulator.url + "/auth/o2/token", "profile_ids": "1111"}, \
                self.amazon_mapping(client_id=client), "campaigns"

        def profiles(number):
            return {"api": "amazon_ads", "token_endpoint": self.emulator.url + "/auth/o2/token"}, \
                {"client_id": "amzn1.application-oa2-client.p%d." % number, "access_token": support.STATIC_ACCESS_TOKEN}, "campaigns"

        tables = []
        wanted = []
        for prefix, create, call in (("t", token, "token"), ("p", profiles, "profiles")):
            for name, action in self.servers(prefix, create):
                client = "application-oa2-client\\.%s\\." % name.replace("_", "")
                match = {"body": client} if call == "token" else {"header": {"Amazon-Advertising-API-ClientId": client}}
                self.fault({"call": call, **match}, **action)
                tables.append(name)
                wanted.append((call, client.replace("\\", ""), action))
        self.watch(["SELECT * FROM rates." + name for name in tables])
        for call, client, action in wanted:
            with self.subTest(call=call, action=action):
                calls = [entry for entry in self.calls(call) if client in (entry["body"] or "") + str(entry["headers"])]
                self.check(calls, call, self.MOST)

    def test_archives(self):
        def archive(number):
            return {"api": "amplitude", "max_jobs": None, "poll_interval": None, "poll_interval_max": None}, \
                {"api_key": "key-%d" % number, "secret_key": "secret-%d" % number}, "amplitude_events"

        tables = list(self.servers("a", archive))
        for number, (_, action) in enumerate(tables):
            self.fault({"call": "export", "query": "start=202503%02dT05" % (number + 1)}, **action)
        self.watch(["SELECT * FROM rates.%s WHERE server_upload_time = '2025-03-%02d 05:10Z'" % (name, number + 1) for number, (name, _) in enumerate(tables)])
        for number, (_, action) in enumerate(tables):
            with self.subTest(action=action):
                self.check([entry for entry in self.calls("export") if "start=202503%02dT05" % (number + 1) in entry["query"]], "export")

    def test_many_calls_that_are_throttled(self):
        """One 429 stands for all: what 20 exports ask is not 20 times as much."""
        profiles = [str(4000 + number) for number in range(20)]
        for call in ("request", "status"):
            for wait in (0, None):
                with self.subTest(call=call, retry_after=wait):
                    self.emulator.reset()
                    self.emulator.settings(profiles=[{"profileId": int(profile), "access": "edit", "rows": {"campaigns": 2}, "accountInfo": {"type": "seller"}}
                                                     for profile in profiles])
                    self.amazon(profile_ids=",".join(profiles), **self.LASTING)
                    self.fault({"call": call}, status=429, body_kind="gateway", **({} if wait is None else {"retry_after": wait}))
                    self.watch([CAMPAIGNS])
                    # All were sent before the first was answered, then one at a time.
                    self.check(self.calls(call), call, 20 + self.MOST)

    def test_after_a_429_all_are_served(self):
        profiles = [str(4000 + number) for number in range(12)]
        self.emulator.settings(export_delay=0.3, profiles=[{"profileId": int(profile), "access": "edit", "rows": {"campaigns": 2}, "accountInfo": {"type": "seller"}}
                                                           for profile in profiles])
        self.amazon(profile_ids=",".join(profiles))
        for call in ("request", "status", "download", "token"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call, "times": 2}, status=429, body_kind="gateway", retry_after=0)
                self.assertEqual(self.campaigns(), 24)


class Users(ControlCase):
    """Several users of one session, as a pooler makes them."""

    def setUp(self):
        super().setUp()
        for role in ("control_a", "control_b", "control_m"):
            self.session.run("DO $$ BEGIN CREATE ROLE %s; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % role)
        self.session.run("GRANT pg_monitor TO control_m")
        self.amazon(user="control_a")
        self.amplitude(user="control_a")
        for server in ("amazon", "amplitude"):
            self.session.run("DROP USER MAPPING IF EXISTS FOR control_b SERVER " + server)
        self.session.run("CREATE USER MAPPING FOR control_b SERVER amazon " + support.option_list(self.amazon_mapping()))
        self.session.run("GRANT USAGE ON SCHEMA ads, product TO control_a, control_b")
        self.session.run("GRANT SELECT ON ALL TABLES IN SCHEMA ads, product TO control_a, control_b")

    def become(self, role):
        self.session.run("RESET SESSION AUTHORIZATION" if role is None else "SET SESSION AUTHORIZATION " + role)

    def seen(self):
        return self.session.value("SELECT count(*) FROM adsexport_exports()")

    def test_what_each_sees_and_forgets(self):
        self.become("control_a")
        self.assertEqual(self.campaigns(), 40)
        self.session.rows("SELECT 1 FROM product.amplitude_events WHERE server_upload_time = '2025-03-01 05:10Z'")
        self.assertEqual(self.seen(), 2)
        self.become("control_b")
        self.assertEqual(self.seen(), 0)
        self.session.run("SELECT adsexport_forget()")
        self.become("control_m")
        self.assertEqual(self.seen(), 2)
        self.session.run("SELECT adsexport_forget()")
        self.become(None)
        self.assertEqual(self.seen(), 2)
        self.become("control_a")
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual(self.count_calls("request"), 1, "b forgot what is not its own")
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.seen(), 0)
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual((self.count_calls("request"), self.count_calls("token")), (2, 2))

    def test_forget_leaves_what_others_have_under_way(self):
        self.emulator.settings(export_delay=60)
        self.become("control_a")
        running = self.session.start(CAMPAIGNS)
        # So that it has read the answer to its request.
        self.wait_for_call("status")
        self.cancel(running)
        self.become("control_b")
        self.session.run("SELECT adsexport_forget()")
        self.become("control_a")
        self.assertEqual(self.session.column("SELECT status FROM adsexport_exports()"), ["IN_PROGRESS"])

    def estimate(self):
        ((plan,),) = self.session.rows("EXPLAIN (FORMAT JSON) SELECT * FROM ads.campaigns")
        return plan[0]["Plan"]["Plan Rows"]

    def test_estimates_are_by_mapping(self):
        self.become("control_b")
        before = self.estimate()
        self.become("control_a")
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual(self.estimate(), 40)
        self.become("control_b")
        self.assertEqual(self.estimate(), before)
        self.session.run("SELECT adsexport_forget()")
        self.become("control_a")
        self.assertEqual(self.estimate(), 40)
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.estimate(), before)

    def test_a_mapping_that_changes(self):
        self.become("control_a")
        self.assertEqual(self.campaigns(), 40)
        other = self.connect()
        for changes, calls in (("SET profile_ids '2222'", 2), ("DROP profile_ids", 3)):
            if changes.startswith("SET"):
                other.run("ALTER USER MAPPING FOR control_a SERVER amazon OPTIONS (ADD profile_ids '2222')")
            else:
                other.run("ALTER USER MAPPING FOR control_a SERVER amazon OPTIONS (DROP profile_ids)")
            self.assertEqual(self.seen(), calls - 1)
            self.assertEqual(self.campaigns(), 40)
            self.assertEqual((self.count_calls("request"), self.count_calls("token")), (calls, calls), "it is another account, for all we know")

    def test_a_mapping_that_changes_under_a_scan(self):
        self.emulator.settings(export_delay=1)
        self.become("control_a")
        running = self.session.start("SELECT count(*) FROM ads.campaigns")
        self.wait_for_answer("request")
        self.connect().run("ALTER USER MAPPING FOR control_a SERVER amazon OPTIONS (ADD profile_ids '2222')")
        self.assertEqual(running.wait().result, [(40,)])
        self.assertEqual(self.campaigns(), 40)


class Clock(ShiftedClock, ControlCase):
    """The clock of the server's machine is set."""

    def test_set_back(self):
        """max_age holds all the same."""
        self.amazon(max_age="4s")
        self.assertEqual(self.campaigns(), 40)
        before = self.session.value("SELECT clock_timestamp()")
        self.set_clock(-3600)
        self.assertLess(self.session.value("SELECT clock_timestamp()"), before)
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual(self.count_calls("request"), 1)
        time.sleep(4.1)
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual(self.count_calls("request"), 2)

    def test_set_forward(self):
        """An hour of the clock is not an hour."""
        self.set_clock(0)
        self.amazon(max_age="1min")
        self.assertEqual(self.campaigns(), 40)
        self.set_clock(3600)
        self.assertEqual(self.campaigns(), 40)
        self.assertEqual(self.count_calls("request"), 1)

    def test_set_back_within_a_transaction(self):
        self.set_clock(0)
        self.amazon(max_age=0)
        self.session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.assertEqual(self.campaigns(), 40)
        self.set_clock(-3600)
        self.assertEqual(self.campaigns(), 40)
        self.session.run("COMMIT")
        self.assertEqual(self.count_calls("request"), 1)


if __name__ == "__main__":
    unittest.main()
