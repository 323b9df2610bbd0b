"""What servers, names, certificates and the system may do to the network layer."""

import json
import time
import unittest

import support

LIMIT = 100  # milliseconds from a cancel to the error at the client
ATTEMPTS = 3

CAMPAIGNS = "SELECT count(*) FROM ads.campaigns"
PROFILES = "SELECT count(*) FROM ads.profiles"
EVENTS = ("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00+00' "
          "AND server_upload_time < '2025-03-01 01:00+00'")

# Each call, with a query that makes it and the SQLSTATE of what is judged by a 403 and a 500.
CALLS = {
    "token": (CAMPAIGNS, "28000", "08006"),
    "profiles": (CAMPAIGNS, "42501", "08006"),
    "request": (CAMPAIGNS, "42501", "08006"),
    "status": (CAMPAIGNS, "42501", "08006"),
    "download": (CAMPAIGNS, "HV000", "08006"),
    "export": (EVENTS, "28000", "08006"),
}

WORDS = json.dumps({"code": "MADE_UP", "details": "words of the server"})


class EndlessAnswers(support.TestCase):
    """What is in the first 64 kB, or has come within stall_timeout of the head, is all that an error has to say."""

    alone = True

    def prepare(self, call, stall_timeout):
        self.emulator.reset()
        self.amazon(profile_ids=None if call == "profiles" else "1111", max_retries=0, stall_timeout=stall_timeout)
        self.amplitude(max_retries=0, stall_timeout=stall_timeout)
        self.session = self.connect()

    def check_judged(self, call, status, endless, stall_timeout):
        query, sqlstate_403, sqlstate_500 = CALLS[call]
        self.prepare(call, stall_timeout)
        self.fault({"call": call}, status=status, body=WORDS, endless=endless)
        self.expect_error(sqlstate_403 if status == 403 else sqlstate_500, query, "HTTP status %d" % status)

    def test_an_error_without_an_end(self):
        for call in CALLS:
            for status in (403, 500):
                with self.subTest(call=call, status=status):
                    self.check_judged(call, status, True, "60s")

    def test_an_error_that_drips(self):
        for call in CALLS:
            for status in (403, 500):
                with self.subTest(call=call, status=status):
                    self.check_judged(call, status, 40, "300ms")

    def test_a_good_answer_that_drips(self):
        """A transfer lives while bytes come; a control call has a limit in all."""
        for call, query in (("token", CAMPAIGNS), ("profiles", CAMPAIGNS), ("profiles", PROFILES), ("request", CAMPAIGNS),
                            ("status", CAMPAIGNS)):
            with self.subTest(call=call, query=query):
                self.prepare(call, "300ms")
                self.fault({"call": call}, body=" ", endless=40)
                self.expect_error("08006", query, "no end of the answer within stall_timeout")

    def test_another_success_of_a_download_without_an_end(self):
        """202 is none of the answers that are read as they come."""
        for call in ("download", "export"):
            with self.subTest(call=call):
                self.prepare(call, "60s")
                self.fault({"call": call}, status=202, body=WORDS, endless=True)
                self.expect_error("HV000", CALLS[call][0], "HTTP status 202")

    def test_cancelled(self):
        for call, (query, _, _) in CALLS.items():
            for action in ({"status": 403, "body": WORDS, "endless": 40}, {"status": 500, "body": WORDS, "endless": 40},
                           {"body": " ", "endless": 40}, {"body": " ", "endless": True}):
                with self.subTest(call=call, **action):
                    self.check_cancelled(call, query, action)

    def check_cancelled(self, call, query, action):
        times = []
        while len(times) < ATTEMPTS:
            self.prepare(call, "60s")
            self.fault({"call": call}, **action)
            running = self.session.start(query)
            self.wait_for_call(call)
            time.sleep(0.05)
            times.append(self.cancel(running))
            # An endless stream of blanks may have been judged before.
            self.check_error(running.error, "57014" if "status" in action else ("57014", "HV000"))
            if times[-1] <= LIMIT:
                return
        self.fail("took %s ms" % ", ".join("%.0f" % one for one in times))


if __name__ == "__main__":
    unittest.main()
