"""Through servers that offer HTTP/2: nginx before the emulator.

Where libcurl is right about it (from 8.5.0 on, src/net/http_version.c), control calls and small downloads share a connection; with an older
one all is HTTP/1.1. The answers must be the same.
"""

import collections
import ctypes
import os
import re
import unittest

import support
from nginx import Nginx
from relay import Relay
from test_waits import TABLES, profile


def loaded_libcurl(session):
    """(version, does it know HTTP/2) of what the backend has loaded."""
    session.run("SELECT adsexport_fdw_version()")
    with open("/proc/%d/maps" % session.pid) as maps:
        path = re.search(r"\S+/libcurl\S*\.so\S*", maps.read()).group(0)
    library = ctypes.CDLL(path)
    library.curl_version.restype = ctypes.c_char_p
    version = library.curl_version().decode()
    return tuple(map(int, re.search(r"libcurl/(\d+)\.(\d+)", version).groups())), "nghttp2/" in version


class Http2Case(support.TestCase):
    emulator_options = ("--tls",)
    PROFILES = 12
    ALL = " UNION ALL ".join("SELECT '%s', profile_id, %s_id, state FROM ads.%s" % (table, table[:-1], table) for table in TABLES) + " ORDER BY 1, 2, 3, 4"
    JOIN = "SELECT count(*), count(DISTINCT a.profile_id) FROM ads.campaigns a JOIN ads.ad_groups b USING (profile_id) " \
           "JOIN ads.targets c USING (profile_id) JOIN ads.ads d USING (profile_id)"

    def setUp(self):
        super().setUp()
        self.emulator.settings(profiles=[profile(7000 + number) for number in range(self.PROFILES)])
        self.session.run("SET statement_timeout = '2min'")  # a busy machine takes its time for all of these
        version, has_http2 = loaded_libcurl(self.session)
        self.shares = has_http2 and version >= (8, 5)

    def nginx(self, **options):
        return Nginx(self, os.path.dirname(self.emulator.ca_file), self.emulator.tls_url, **options)

    def through(self, url, **options):
        self.amazon(endpoint=url, **dict({"ca_file": self.emulator.ca_file, "profile_ids": None, "max_age": 0, "connect_timeout": "30s",
                                          "stall_timeout": "30s"}, **options))

    def relay_to(self, *servers):
        relay = Relay(self, *(server.port for server in servers))
        return relay, "https://127.0.0.1:%d" % relay.port

    def expected(self):
        """The same rows, from the emulator itself."""
        self.amazon(profile_ids=None, connect_timeout="30s", stall_timeout="30s")
        rows = self.session.rows(self.ALL)
        self.assertEqual(len(rows), 4 * 2 * self.PROFILES)
        return rows

    def check_protocol(self, calls):
        self.assertEqual({call.protocol for call in calls}, {"HTTP/2.0" if self.shares else "HTTP/1.1"})


class Many(Http2Case):
    PROFILES = 40

    def test_many(self):
        """Each call gets its own answer, and all use one connection; on a busy machine a download may have been begun by its scan, on its own."""
        expected = self.expected()
        nginx = self.nginx()
        self.through(nginx.url)
        self.assertEqual(self.session.rows(self.ALL), expected)
        self.assertEqual(self.session.rows(self.JOIN), [(2 ** 4 * self.PROFILES, self.PROFILES)])
        calls = nginx.calls()
        self.assertGreater(len(calls), 2 * 4 * 2 * self.PROFILES)
        self.check_protocol(calls)
        if self.shares:
            counts = collections.Counter(call.connection for call in calls)
            self.assertLessEqual(len(counts), 3)
            self.assertGreater(max(counts.values()), 0.95 * len(calls))


class Shared(Http2Case):
    def test_not_offered(self):
        expected = self.expected()
        nginx = self.nginx(http2=False)
        self.through(nginx.url)
        self.assertEqual(self.session.rows(self.ALL), expected)
        self.assertEqual({call.protocol for call in nginx.calls()}, {"HTTP/1.1"})

    def test_offered_by_some(self):
        """Behind one name are machines that speak it and others that do not."""
        expected = self.expected()
        for order in ((False, True), (True, False)):
            with self.subTest(order=order):
                _, url = self.relay_to(*(self.nginx(http2=http2) for http2 in order))
                self.through(url)
                self.assertEqual(self.session.rows(self.ALL), expected)

    def test_short_lives(self):
        """The server ends a connection after so many calls, others of which are under way."""
        expected = self.expected()
        nginx = self.nginx(requests=25)
        self.through(nginx.url)
        for _ in range(2):
            self.assertEqual(self.session.rows(self.ALL), expected)
        calls = nginx.calls()
        self.check_protocol(calls)
        self.assertGreater(len({call.connection for call in calls}), len(calls) // 30)

    def test_faults(self):
        expected = self.expected()
        nginx = self.nginx()
        self.through(nginx.url, max_retries=5)
        for match, fault in (({"call": "request", "nth": [2, 9]}, {"status": 503}), ({"call": "status", "nth": [2, 30]}, {"status": 500}),
                             ({"call": "download", "nth": [3, 7, 20]}, {"cut_after": 30}), ({"call": "download", "nth": [5]}, {"expire_url": True}),
                             ({"call": "request", "nth": [4]}, {"status": 429, "retry_after": 1})):
            with self.subTest(match=match, fault=fault):
                self.clear_faults()
                self.fault(match, **fault)
                self.assertEqual(self.session.rows(self.ALL), expected)

    def test_large_downloads(self):
        """They have connections of their own: one that is read slowly would hold up what else is on it."""
        self.emulator.settings(profiles=[dict(profile(7000 + number), rows={"campaigns": 30000, "ads": 2}) for number in range(2)])
        nginx = self.nginx()
        self.through(nginx.url)
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        self.assertEqual(len(self.session.rows("FETCH 10 FROM c")), 10)
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.ads"), 4)
        self.assertEqual(len(self.session.rows("FETCH ALL FROM c")), 60000 - 10)
        self.session.run("COMMIT")
        calls = nginx.calls()
        large = [call for call in calls if call.bytes > 1000000]
        self.assertEqual({call.protocol for call in large}, {"HTTP/1.1"})
        self.check_protocol([call for call in calls if call not in large])

    def test_cancel(self):
        expected = self.expected()
        self.through(self.nginx().url)
        self.fault({"call": "status", "nth": [20, 21, 22, 23, 24]}, hang=True)
        self.clear_log()
        running = self.session.start(self.ALL)
        self.wait_for_call("status", 20)
        self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        self.clear_faults()
        self.assertEqual(self.session.rows(self.ALL), expected)


class Broken(Http2Case):
    PROFILES = 7

    def during(self, happens):
        """In the midst of a statement, of which all rows must come."""
        expected = self.expected()
        relay, url = self.relay_to(self.nginx())
        self.through(url, stall_timeout="2s", connect_timeout="15s", max_retries=6)
        self.fault({"call": "status", "nth": [4]}, delay=0.3)
        self.clear_log()
        running = self.session.start(self.ALL)
        self.wait_for_call("status", 4)
        happens(relay)
        running.wait(120)
        self.assertIsNone(running.error, running.error)
        self.assertEqual(running.result, expected)
        return relay, expected

    def test_reset(self):
        self.during(lambda relay: relay.reset())

    def test_silence(self):
        """A connection that is dead without anybody being told is not used for the next tries, nor by the next statement."""
        relay, expected = self.during(lambda relay: relay.freeze())
        self.assertEqual(self.session.rows(self.ALL), expected)

    def test_one_call_hangs(self):
        """The others on its connection go on."""
        expected = self.expected()
        self.through(self.nginx().url, stall_timeout="2s", max_retries=3)
        self.fault({"call": "status", "nth": [3]}, hang=True)
        self.clear_log()
        self.assertEqual(self.session.rows(self.ALL), expected)
        self.assertLess(self.count_calls("status"), 4 * self.PROFILES * 3)


if __name__ == "__main__":
    unittest.main()
