"""What servers, names, certificates and the system may do to the network layer."""

import base64
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import zlib

import psycopg2

import support
from certificates import Certificates
from relay import Relay

LIMIT = 100 * support.PATIENCE  # milliseconds from a cancel to the error at the client
ATTEMPTS = 8

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
        # What a cancelled session has left in progress takes its place among all sessions' for a while.
        self.amazon(profile_ids=None if call == "profiles" else "1111", max_retries=0, stall_timeout=stall_timeout, max_jobs=50)
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
                    self.check_judged(call, status, 40, "800ms")

    def test_a_good_answer_that_drips(self):
        """A transfer lives while bytes come; a control call has a limit in all."""
        for call, query in (("token", CAMPAIGNS), ("profiles", CAMPAIGNS), ("profiles", PROFILES), ("request", CAMPAIGNS),
                            ("status", CAMPAIGNS)):
            with self.subTest(call=call, query=query):
                self.prepare(call, "800ms")
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
            # An endless stream of blanks may have been judged before, or have come to its limit of 64 MiB.
            self.check_error(running.error, "57014" if "status" in action else ("57014", "HV000", "54000"))
            if times[-1] <= LIMIT:
                return
        self.fail("took %s ms" % ", ".join("%.0f" % one for one in times))


def dynamic_blocks(count):
    """That many empty deflate blocks, each of which brings tables of its own: 4 in 45 bytes, and the most work for each byte."""
    fields = [(0, 1), (2, 2), (0, 5), (0, 5), (14, 4)]  # not the last, dynamic, 257 and 1 codes, 18 lengths of lengths
    fields += [({2: 1, 17: 1}.get(place, 0), 3) for place in range(18)]  # 18: zeros again and again; 1: a code of one bit
    fields += [(1, 1), (138 - 11, 7), (1, 1), (118 - 11, 7), (0, 1), (0, 1)]  # the end of the block alone has a code
    fields += [(0, 1)]  # the end of the block
    bits = [value >> place & 1 for value, size in fields for place in range(size)] * 4
    block = bytes(sum(bit << place for place, bit in enumerate(bits[start:start + 8])) for start in range(0, len(bits), 8))
    return block * (count // 4)


class EndlessDecoding(support.TestCase):
    """What libcurl decodes without any output holds nobody up."""

    alone = True

    def test_the_blocks(self):
        machine = zlib.decompressobj(-15)
        self.assertEqual(machine.decompress(dynamic_blocks(400)), b"")
        self.assertFalse(machine.eof or machine.unused_data)

    def test_it_ends(self):
        blocks = base64.b64encode(dynamic_blocks(40000)).decode()
        for call in ("token", "request", "status"):
            with self.subTest(call=call):
                self.emulator.reset()
                self.amazon(max_retries=0, stall_timeout="60s")
                self.fault({"call": call}, status=200, body_base64=blocks, content_encoding="deflate", endless=True)
                self.expect_error("HV000", CAMPAIGNS, "the answer is longer than 64 kB", session=self.connect())

    def test_an_error(self):
        """It is judged by its status."""
        blocks = base64.b64encode(dynamic_blocks(40000)).decode()
        self.amazon(max_retries=0, stall_timeout="60s")
        self.fault({"call": "status"}, status=403, body_base64=blocks, content_encoding="deflate", endless=True)
        self.expect_error("42501", CAMPAIGNS, "HTTP status 403", session=self.connect())

    def test_many_at_once(self):
        """As many as are in progress at a time: what takes long with one of them must not take twenty times as long."""
        blocks = dynamic_blocks(40000)[:65000]
        profiles = [{"profileId": 7000 + number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "access": "edit", "rows": {"campaigns": 2},
                     "accountInfo": {"type": "seller", "id": "A%d" % number, "name": "N", "marketplaceStringId": "M"}} for number in range(5)]
        query = " UNION ALL ".join("SELECT count(*) FROM ads.%s" % table for table in ("campaigns", "ad_groups", "targets", "ads"))

        def attempt():
            self.emulator.reset()
            self.emulator.settings(export_delay=0, profiles=profiles)
            # Exports of a statement that was cancelled keep their places.
            self.amazon(max_retries=20, profile_ids=None, max_jobs=1000, poll_interval_max="100ms")
            self.fault({"call": "status"}, status=200, body_base64=base64.b64encode(blocks).decode(), content_encoding="deflate", delay=0.5)
            session = self.connect()
            running = session.start(query)
            self.wait_for_call("status", 20)
            # All answers are there when it looks.
            os.kill(session.pid, signal.SIGSTOP)
            time.sleep(1)
            os.kill(session.pid, signal.SIGCONT)
            milliseconds = self.cancel(running)
            self.assertEqual(running.error.pgcode, "57014", running.error)
            return milliseconds

        times = sorted(attempt() for _ in range(ATTEMPTS))
        self.assertLess(times[ATTEMPTS // 2], LIMIT, times)


class LongHeads(support.TestCase):
    """The head of an answer has limits, and an error that names them."""

    def check(self, headers, words):
        for call, (query, _, _) in CALLS.items():
            for status in ({}, {"status": 500}):
                with self.subTest(call=call, **status):
                    self.emulator.reset()
                    self.amazon(profile_ids=None if call == "profiles" else "1111", max_retries=3)
                    self.amplitude(max_retries=3)
                    self.session = self.connect()
                    self.fault({"call": call}, headers=headers, **status)
                    self.expect_error("HV000", query, words)
                    self.assertEqual(self.count_calls(call), 1)

    def test_a_long_line(self):
        self.check({"X-Long": "x" * 110000}, "a header line of the answer is longer than 100 kB")

    def test_many_lines(self):
        self.check({"X-Long-%d" % number: "x" * 90000 for number in range(5)}, "the head of the answer is longer than 300 kB")


class EndlessProxies(support.TestCase):
    """A proxy's answer to CONNECT is read byte by byte as long as there are any."""

    alone = True
    HEAD = b"HTTP/1.1 %d No\r\n"
    ANSWERS = {
        "a body": (HEAD + b"Content-Length: 900000000000000\r\n\r\n", b"x"),
        "a body in chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"x" * 65535 + b"\r\n"),
        "a head": (HEAD, b"X-More: " + b"x" * 100 + b"\r\n"),
        "a head of short lines": (HEAD, b"a:\r\n"),
    }

    def serve(self, answer, status):
        head, more = self.ANSWERS[answer]
        proxy = support.EndlessProxy(self, head % status, more)
        self.addCleanup(proxy.stop)
        self.amazon(endpoint="https://api.example", token_endpoint=self.emulator.url + "/auth/o2/token", proxy=proxy.url, max_retries=1)
        self.session = self.connect()
        return proxy

    def test_it_ends(self):
        for answer in self.ANSWERS:
            for status in (407, 403, 503):
                with self.subTest(answer=answer, status=status):
                    proxy = self.serve(answer, status)
                    words = "the proxy's answer, HTTP status %d, is longer than 16 kB" % status
                    if "body" in answer and status != 407:
                        words = "%d" % status  # libcurl does not wait for the end of such a body
                    elif "chunks" in answer:
                        words = "proxy"  # nor does 7.74 after 407, which goes on to TLS
                    error = self.expect_error("08006", CAMPAIGNS, words, "option proxy of server amazon")
                    self.assertEqual("the proxy does not let the connection through" in str(error), status != 503)
                    self.assertEqual(proxy.asked, 2 if status == 503 else 1)

    def test_a_tunnel_that_never_begins(self):
        for answer in ("a head", "a head of short lines"):
            with self.subTest(answer=answer):
                self.serve(answer, 200)
                self.expect_error("08006", CAMPAIGNS, "the proxy's answer is longer than 16 kB", "option proxy of server amazon")

    def test_cancelled(self):
        """At any time, whether it has come to its end or not."""
        for answer in self.ANSWERS:
            for function, sqlstates in (("pg_cancel_backend", ("57014", "08006")), ("pg_terminate_backend", ("57P01", "08006", None))):
                with self.subTest(answer=answer, function=function):
                    def attempt():
                        proxy = self.serve(answer, 503)
                        running = self.session.start(CAMPAIGNS)
                        self.eventually(lambda: proxy.asked > 0, "CONNECT")
                        milliseconds = self.cancel(running, function)
                        self.assertIn(running.error.pgcode, sqlstates, running.error)
                        return milliseconds

                    self.in_time(attempt)


class BrokenHandshakes(support.TestCase):
    """A connection that ends before TLS is agreed upon is as broken as one that ends later, and tried again."""

    emulator_options = ("--tls",)

    def test_tried_again(self):
        relay = Relay(self, int(self.emulator.tls_url.rsplit(":", 1)[1]))
        for hard in (False, True):
            with self.subTest(hard=hard):
                self.amazon(endpoint="https://127.0.0.1:%d" % relay.port, ca_file=self.emulator.ca_file, max_retries=3, max_age=0)
                relay.break_next(2, hard)
                self.assertEqual(self.connect().value(CAMPAIGNS), 40)
                self.assertEqual(relay.to_break, 0)
                self.amazon(endpoint="https://127.0.0.1:%d" % relay.port, ca_file=self.emulator.ca_file, max_retries=1)
                relay.break_next(2, hard)
                self.expect_error("08006", CAMPAIGNS, "network error: the connection broke", "It was tried 2 times", session=self.connect())


class TicketServer(support.Listener):
    def __init__(self, test, context):
        self.context = context
        super().__init__(test)

    def answer(self, connection):
        with self.context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)


class EndlessTickets(support.TestCase):
    """Session tickets, one after the other, are no data at which reading would return."""

    alone = True

    def setUp(self):
        super().setUp()
        certificates = Certificates()
        self.addCleanup(certificates.remove)
        self.ca_file = certificates.ca_file
        context = certificates.server_context()
        context.num_tickets = 10 ** 6
        self.server_of_tickets = TicketServer(self, context)

    def attempt(self):
        """As fast as they can be read, however slow this server is: the session finds a second's worth of them."""
        del self.server_of_tickets.connections[:]
        session = self.connect()
        running = session.start(CAMPAIGNS)
        self.eventually(lambda: self.server_of_tickets.connections, "connection")
        time.sleep(0.2)
        os.kill(session.pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(session.pid, signal.SIGCONT)
        milliseconds = self.cancel(running)
        self.check_error(running.error, "57014")
        return milliseconds

    def test_cancelled(self):
        self.amazon(endpoint="https://127.0.0.1:%d" % self.server_of_tickets.port, token_endpoint=self.emulator.url + "/auth/o2/token", ca_file=self.ca_file)
        self.in_time(self.attempt)


class Loopback(support.TestCase):
    """USAGE on the wrapper is no way to the services of the server's machine."""

    ROLE = "adsexport_t_loopback"

    def setUp(self):
        super().setUp()
        support.cluster().run("DO $$ BEGIN CREATE ROLE %s LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$" % self.ROLE)
        self.session.run("GRANT USAGE ON FOREIGN DATA WRAPPER adsexport_fdw TO %s" % self.ROLE)
        self.user = self.connect(self.ROLE)

    def create(self, **options):
        options = {"api": "amazon_ads", "profile_ids": "1111", "poll_interval": "100ms", **options}
        return "CREATE SERVER mine FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(options)

    def test_refused(self):
        for endpoint in (self.emulator.url, "https://127.0.0.1", "http://localhost:1", "https://[::1]"):
            for name in ("endpoint", "token_endpoint"):
                self.expect_error("42501", self.create(**{name: endpoint}), 'permission denied to set option "%s" to a loopback address' % name,
                                  "adsexport_fdw.allow_loopback", session=self.user)
        self.expect_error("42501", "SET adsexport_fdw.allow_loopback = on", session=self.user)

    def test_a_server_that_was_given(self):
        """Whoever owns it can alter it only to one without."""
        self.session.run(self.create(endpoint=self.emulator.url))
        self.addCleanup(self.session.run, "DROP SERVER mine CASCADE")
        self.session.run("ALTER SERVER mine OWNER TO %s" % self.ROLE)
        self.expect_error("42501", "ALTER SERVER mine OPTIONS (ADD max_jobs '2')", "alter a server that has it", session=self.user)
        self.user.run("ALTER SERVER mine OPTIONS (DROP endpoint, ADD max_jobs '2')")

    def test_allowed(self):
        self.session.run("ALTER ROLE %s SET adsexport_fdw.allow_loopback = on" % self.ROLE)
        self.addCleanup(self.session.run, "ALTER ROLE %s RESET adsexport_fdw.allow_loopback" % self.ROLE)
        user = self.connect(self.ROLE)
        user.run("SET client_min_messages = error")
        user.run(self.create(endpoint=self.emulator.url, token_endpoint=self.emulator.url + "/auth/o2/token"))
        self.addCleanup(self.session.run, "DROP SERVER mine CASCADE")
        user.run("CREATE USER MAPPING FOR CURRENT_USER SERVER mine " + support.option_list(self.amazon_mapping()))
        self.session.run("CREATE SCHEMA IF NOT EXISTS loopback; GRANT ALL ON SCHEMA loopback TO %s" % self.ROLE)
        user.run("IMPORT FOREIGN SCHEMA exports FROM SERVER mine INTO loopback")
        self.assertEqual(user.value("SELECT count(*) FROM loopback.campaigns"), 40)


class ProxyCredentials(support.TestCase):
    def test_where_they_belong(self):
        self.expect_error("HV024", "CREATE SERVER mine FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amplitude', proxy 'http://me:hush@proxy:1')",
                          "must not hold a user or password", "proxy_user and proxy_password of the user mapping")
        self.amazon()
        self.expect_error("HV00D", "ALTER SERVER amazon OPTIONS (ADD proxy_password 'hush')", "It belongs on a user mapping.")
        self.expect_error("HV002", "ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (ADD proxy_password 'hush')", '"proxy_user" is required')
        self.session.run("ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (ADD proxy_user 'me', ADD proxy_password 'hush')")

    def test_they_are_secrets(self):
        """A proxy, or a server behind it, may repeat what it was told."""
        secrets = {"proxy_user": "aladdin-of-the-proxy", "proxy_password": "opensesame-1234567890"}
        basic = base64.b64encode("{proxy_user}:{proxy_password}".format(**secrets).encode()).decode()
        self.amazon(max_retries=0, mapping=self.amazon_mapping(**secrets))
        for echo in list(secrets.values()) + [basic]:
            self.fault({"call": "request"}, status=403, body={"code": "NO", "details": "you sent %s to me" % echo})
            error = self.expect_error("42501", CAMPAIGNS, "you sent ***")
            self.assertNotIn(echo, support.text_of_error(error))
            self.clear_faults()
        self.assertNotIn("opensesame", str(self.session.rows("SELECT * FROM adsexport_exports()")))


class Descriptors(support.TestCase):
    """What the server grants is kept to, and queries run with it."""

    alone = True
    SCANS = 300

    def setUp(self):
        super().setUp()
        self.amazon(max_age="1h")
        self.emulator.settings(export_delay=0)
        self.session.rows(CAMPAIGNS)

    def union(self, scans):
        return "SELECT count(*) FROM (%s) u" % " UNION ALL ".join(["SELECT name FROM ads.campaigns"] * scans)

    def append_asynchronously(self, on):
        if self.session.connection.server_version >= 140000:
            self.session.run("SET enable_async_append = %s" % on)

    def peak(self, sql):
        """The most descriptors that were seen while it ran, without those of files."""
        running = self.session.start(sql)
        most = 0
        while running.ended is None:
            most = max(most, len(self.session.descriptors()))
            time.sleep(0.002)
        if running.error:
            raise running.error
        return most, running.result

    def test_many_scans_one_after_the_other(self):
        self.append_asynchronously("off")
        before = self.session.descriptors_in_use()
        most, rows = self.peak(self.union(self.SCANS))
        self.assertEqual(rows, [(40 * self.SCANS,)])
        self.assertLess(most, len(before) + 30)
        self.assertEqual(self.session.descriptors_in_use(), before)

    def test_many_scans_side_by_side(self):
        """Those that read wait until others have: fewer connections, not an error."""
        self.append_asynchronously("on")
        _, rows = self.peak(self.union(100))
        self.assertEqual(rows, [(4000,)])

    def test_too_many_scans_side_by_side(self):
        self.append_asynchronously("on")
        try:
            self.assertEqual(self.session.rows(self.union(self.SCANS)), [(40 * self.SCANS,)])
        except psycopg2.Error as error:
            self.check_error(error, "53000", "could not set up network access", "Raise max_files_per_process", "ulimit -n")
        # Nothing of it is held against the next statement.
        self.assertEqual(self.session.rows(self.union(50)), [(2000,)])

    def test_the_account_is_even(self):
        """More scans, failing in each way, than may hold anything at once."""
        self.amazon(max_retries=0, max_age="1h")
        self.fault({"call": "download", "nth": list(range(2, 500, 3))}, cut_after=10)
        self.fault({"call": "download", "nth": list(range(3, 500, 3))}, status=403, body=WORDS)
        failed = 0
        for _ in range(400):
            try:
                self.session.rows("SELECT name FROM ads.campaigns LIMIT 1")
            except psycopg2.Error as error:
                self.assertIn(error.pgcode, ("08006", "HV000"), error)
                failed += 1
        self.assertGreater(failed, 50)
        self.clear_faults()
        self.append_asynchronously("off")
        self.assertEqual(self.session.rows(self.union(20)), [(800,)])


def unshare():
    """A command that runs another one with a network and mounts of its own."""
    # In a root of its own nothing may be a mount whose propagation could be set; then nothing must be shared either.
    with open("/proc/self/mountinfo") as file:
        shared = " shared:" in file.read()
    return ["unshare", "--net", "--mount", "--propagation", "private" if shared else "unchanged"]


@functools.lru_cache(maxsize=None)
def why_no_namespaces():
    """Why this process cannot have a network and mounts of its own; None if it can."""
    for program in ("unshare", "mount", "openssl"):
        if shutil.which(program) is None:
            return "there is no program %s" % program
    if os.getuid() != 0:
        return "namespaces need root"
    done = subprocess.run(unshare() + ["mount", "--bind", "/etc", "/etc"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return None if done.returncode == 0 else "no namespaces here: %s" % done.stdout.decode("utf-8", "replace").strip()


def leave_out(test, why):
    """But where the workflows run, nothing is left out."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        test.fail(why)
    test.skipTest(why)


class Namespaces(unittest.TestCase):
    """The cases of namespaced.py, each with a server and a machine of its own."""

    def setUp(self):
        if why_no_namespaces():
            leave_out(self, why_no_namespaces())
        self.folder = tempfile.mkdtemp(prefix="adsexport-t-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)

    def run_cases(self, name, *options):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG") or key == "PG_CONFIG"}
        environment["PYTHONPATH"] = os.pathsep.join([support.FOLDER, os.path.join(os.path.dirname(support.FOLDER), "emulator")])
        program = [sys.executable, os.path.join(support.FOLDER, "namespaced.py")]
        done = subprocess.run(unshare() + program + list(options) + [self.folder, name], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode("utf-8", "replace"))

    def build_old_libcurl(self):
        library = os.path.join(self.folder, "old_libcurl.so")
        done = subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, os.path.join(support.FOLDER, "old_libcurl.c"), "-ldl"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout.decode("utf-8", "replace"))
        return library

    def test_a_silent_name_server(self):
        self.run_cases("SilentNameServer")

    def test_a_silent_name_server_and_an_old_libcurl(self):
        self.run_cases("SilentNameServerWithOldLibcurl", "--shim", self.build_old_libcurl())

    def test_unknown_names(self):
        self.run_cases("UnknownNames")

    def test_a_public_endpoint(self):
        self.run_cases("PublicEndpoint")

    def test_a_proxy_of_the_environment(self):
        self.run_cases("ProxyOfTheEnvironment")

    def test_old_tls(self):
        self.run_cases("OldTls")


class LeavingOut(unittest.TestCase):
    def test_where_the_workflows_run(self):
        for value, outcome in (("true", AssertionError), ("", unittest.SkipTest)):
            with unittest.mock.patch.dict(os.environ, GITHUB_ACTIONS=value), self.assertRaises(outcome):
                leave_out(self, "no namespaces here")


if __name__ == "__main__":
    unittest.main()
