#!/usr/bin/python3
"""Cases that need names, addresses and certificates of their own: run in namespaces by test_network.py.

    unshare --net --mount test/t/namespaced.py [--shim LIBRARY] FOLDER CASE ...

FOLDER is one for files that the server's user can read. The machine in here has 127.0.0.1 and ADDRESS, a name server that answers
or does not, as its class says, and the certificates of FOLDER/authorities alone.
"""

import base64
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True

import client
import support
from certificates import Certificates

ADDRESS = "10.9.8.7"
NAME_SERVER = "127.0.0.53"
RESOLVER_SECONDS = 4

SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
IFF_UP = 1

CAMPAIGNS = "SELECT count(*) FROM ads.campaigns"
EVENTS = ("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00+00' "
          "AND server_upload_time < '2025-03-01 01:00+00'")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def set_address(interface, address, mask):
    """Also brings it up; not every machine has a program ip."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, mask)):
            fcntl.ioctl(control, request, struct.pack("16sHH4s8s", interface.encode(), socket.AF_INET, 0, socket.inet_aton(value), b""))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14s", interface.encode(), IFF_UP, b""))


def furnish(folder):
    """The machine as the cases want it; it ends with the namespaces."""
    set_address("lo", "127.0.0.1", "255.0.0.0")
    set_address("lo:1", ADDRESS, "255.255.255.255")
    files = {
        "/etc/resolv.conf": "nameserver %s\noptions timeout:%d attempts:1\n" % (NAME_SERVER, RESOLVER_SECONDS),
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "/etc/hosts": "127.0.0.1 localhost inside.test\n::1 localhost\n169.254.1.1 link.test\n%s outside.test\n" % ADDRESS,
    }
    for path, text in files.items():
        mine = os.path.join(folder, os.path.basename(path))
        write(mine, text)
        if not os.path.exists(path):
            write(path, "")
        # What a link leads to is what a program opens.
        run("mount", "--bind", mine, os.path.realpath(path))
    authorities = os.path.join(folder, "authorities")
    os.makedirs(authorities)
    run("mount", "--bind", authorities, "/etc/ssl/certs")


class NameServer:
    """Knows the names that it is told of, is silent about silent.test, and denies all others."""

    SILENT = "silent.test"
    NO_ERROR, NO_SUCH_NAME = 0, 3

    def __init__(self):
        self.names = {}
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NAME_SERVER, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, sender = self.socket.recvfrom(4096)
            answer = self.answer(question)
            if answer is not None:
                self.socket.sendto(answer, sender)

    def answer(self, question):
        labels, place = [], 12
        while question[place]:
            labels.append(question[place + 1:place + 1 + question[place]].decode())
            place += 1 + question[place]
        name = ".".join(labels).lower()
        (kind,) = struct.unpack("!H", question[place + 1:place + 3])
        self.asked.append(name)
        if name == self.SILENT:
            return None
        code = self.NO_ERROR if name in self.names else self.NO_SUCH_NAME
        # Of the addresses of a name there is one, for IPv4.
        record = b""
        if code == self.NO_ERROR and kind == 1:
            record = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(self.names[name])
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if record else 0, 0, 0)
        return head + question[12:place + 5] + record


name_server = None  # that of this machine


class SilentNameServer(support.TestCase):
    """Nobody waits for the thread that resolves a name."""

    SILENT = "https://silent.test"

    def begin(self, query, **options):
        self.emulator.reset()
        self.session = self.connect()
        if query == EVENTS:
            self.amplitude(endpoint=self.SILENT, **options)
        elif query == "download":
            self.amazon(max_age="0", **options)
            self.fault({"call": "status"}, url=self.SILENT + "/export")
        else:
            self.amazon(endpoint=self.SILENT, **options)

    def start(self, query):
        running = self.session.start(CAMPAIGNS if query == "download" else query)
        if query == "download":
            self.wait_for_answer("status")
        time.sleep(0.3)
        self.assertIsNone(running.ended, running.error)
        return running

    def test_cancel_and_terminate(self):
        for function in ("pg_cancel_backend", "pg_terminate_backend"):
            for query in (CAMPAIGNS, "download", EVENTS):
                def attempt():
                    self.begin(query, connect_timeout="60s")
                    running = self.start(query)
                    milliseconds = self.cancel(running, function)
                    if function == "pg_cancel_backend":
                        self.check_error(running.error, "57014")
                        began = time.monotonic()
                        self.session.run("SELECT adsexport_forget()")
                        milliseconds = max(milliseconds, (time.monotonic() - began) * 1000)
                    else:
                        self.check_terminated(running)
                    return milliseconds

                with self.subTest(function=function, query=query):
                    self.in_time(attempt)

    def test_timeouts(self):
        """Neither of the statement nor of the connection waits for more than it says."""
        for query in (CAMPAIGNS, "download", EVENTS):
            for timeout in ("connect_timeout", "statement_timeout"):
                def attempt():
                    self.begin(query, max_retries=0, connect_timeout="500ms" if timeout == "connect_timeout" else "60s")
                    if timeout == "statement_timeout":
                        self.session.run("SET statement_timeout = '500ms'")
                    began = time.monotonic()
                    self.expect_error("08006" if timeout == "connect_timeout" else "57014",
                                      CAMPAIGNS if query == "download" else query)
                    return (time.monotonic() - began) * 1000 - 500 - (100 if query == "download" else 0)

                with self.subTest(query=query, timeout=timeout):
                    self.in_time(attempt)

    def test_what_was_set_aside_goes(self):
        self.begin(EVENTS)
        self.session.run("SET statement_timeout = '200ms'")
        self.expect_error("57014", EVENTS)
        self.session.run("SELECT adsexport_forget()")
        threads = lambda: len(os.listdir("/proc/%d/task" % self.session.pid))
        self.eventually(lambda: threads() == 1, "end of the resolver's thread", 3 * RESOLVER_SECONDS)
        self.session.run("SELECT adsexport_forget()")
        descriptors = self.session.descriptors()
        for _ in range(10):
            self.expect_error("57014", EVENTS)
        self.eventually(lambda: threads() == 1, "end of the resolver's threads", 3 * RESOLVER_SECONDS)
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual(self.session.descriptors(), descriptors)
        # And the session goes on as if nothing had been.
        self.session.run("SET statement_timeout = '20s'")
        self.amazon()
        self.assertEqual(self.session.value(CAMPAIGNS), 40)


class SilentNameServerWithOldLibcurl(SilentNameServer):
    """The same with a libcurl that knows no quick exit, as before 7.87."""


class UnknownNames(support.TestCase):
    """A name that is not known: of a server that was never reached it is told soon, and what worked before is waited for."""

    emulator_options = ("--tls", "--address", ADDRESS)
    NAME = "emulator.test"
    UNKNOWN_NAME = "no-such-name.test"
    UNKNOWN = "https://" + UNKNOWN_NAME

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        trust(cls.emulator.ca_file)

    def setUp(self):
        super().setUp()
        name_server.names = {self.NAME: ADDRESS}

    def url(self):
        return self.emulator.tls_url.replace(ADDRESS, self.NAME)

    def check_told_soon(self, query, words, **options):
        (self.amplitude if query == EVENTS else self.amazon)(max_retries=None, **options)
        del name_server.asked[:]
        began = time.monotonic()
        self.expect_error("08006", query, "the name of the server cannot be resolved", "It was tried 3 times", words)
        self.assertLess(time.monotonic() - began, 10)
        # Each try asks, whatever libcurl remembers of the one before, for one kind of addresses or both.
        self.assertIn(name_server.asked.count(self.UNKNOWN_NAME), range(3, 6 + 1))

    def test_never_reached(self):
        self.check_told_soon(CAMPAIGNS, "could not get an access token", endpoint=self.UNKNOWN)
        self.check_told_soon(EVENTS, "could not download an export", endpoint=self.UNKNOWN)

    def test_each_server_for_itself(self):
        """That one was reached says nothing of another."""
        self.check_told_soon(CAMPAIGNS, "could not request an export", endpoint=self.UNKNOWN, token_endpoint=self.url() + "/auth/o2/token")
        self.check_told_soon(CAMPAIGNS, "could not get an access token", endpoint=self.url(), token_endpoint=self.UNKNOWN + "/auth/o2/token")

    def test_store(self):
        self.fault({"call": "status"}, url=self.UNKNOWN + "/export")
        self.check_told_soon(CAMPAIGNS, "could not download an export", endpoint=self.url())

    def test_reached_before(self):
        """What a name server forgets for a while is no reason to give up."""
        self.amazon(endpoint=self.url(), max_retries=None, max_age=0)
        self.assertEqual(self.session.value(CAMPAIGNS), 40)
        self.session.run("SELECT adsexport_forget()")  # connections, and what libcurl knows of names
        name_server.names = {}
        del name_server.asked[:]
        running = self.session.start(CAMPAIGNS)
        # The fourth try comes later than those of a server that was never reached have ended.
        self.eventually(lambda: len(set(self.tries())) > 3, "a fourth try")
        self.assertIsNone(running.ended, running.error)
        name_server.names = {self.NAME: ADDRESS}
        running.wait()
        self.assertEqual(running.result, [(40,)], running.error)

    @staticmethod
    def tries():
        """Each asks twice, for both kinds of addresses."""
        return range(name_server.asked.count(UnknownNames.NAME) // 2)


class PublicEndpoint(support.TestCase):
    """An endpoint that is not on loopback; everybody trusts its authority in here."""

    emulator_options = ("--tls", "--address", ADDRESS)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        trust(cls.emulator.ca_file)
        cls.local = client.Emulator("--export-delay", "0")
        cls.addClassCleanup(cls.local.stop)

    def use(self, **options):
        self.amazon(endpoint=self.emulator.tls_url, **options)

    def test_good(self):
        self.use(max_age=0)
        self.assertEqual(self.session.value(CAMPAIGNS), 40)

    def test_links_that_lead_inside(self):
        """By the address, whatever the name."""
        self.use(max_retries=0, max_age=0)
        port = self.local.url.rsplit(":", 1)[1]
        for link, word in (("http://127.0.0.1:%s/x", "loopback"), ("http://localhost:%s/x", "loopback"), ("https://127.0.0.1:%s/x", "loopback"),
                           ("https://inside.test:%s/x", "loopback"), ("https://[::1]:%s/x", "loopback"), ("https://[::ffff:127.0.0.1]:%s/x", "loopback"),
                           ("https://2130706433:%s/x", "loopback"), ("https://0.0.0.0:%s/x", "unspecified"), ("https://[::]:%s/x", "unspecified"),
                           ("https://169.254.169.254:%s/x", "link-local"), ("https://link.test:%s/x", "link-local"), ("https://[fe80::1]:%s/x", "link-local")):
            with self.subTest(link=link):
                self.clear_faults()
                self.fault({"call": "status"}, url=link % port)
                self.expect_error("08006", CAMPAIGNS, "%s address" % word)
        self.assertEqual(self.local.log(), [])

    def test_a_connection_that_was_there(self):
        """One that leads inside was opened where that is allowed; another endpoint's link can't be led there by it."""
        inside = client.Emulator("--tls", "--export-delay", "0")
        self.addCleanup(inside.stop)
        # libcurl would not share a connection between those who trust others.
        both = os.path.join(os.path.dirname(inside.ca_file), "both.pem")
        write(both, "".join(open(emulator.ca_file).read() for emulator in (inside, self.emulator)))
        self.amazon("inside", "inside", endpoint=inside.tls_url, ca_file=both, max_retries=0, max_age=0)
        self.use(max_retries=0, max_age=0, ca_file=both)
        self.assertEqual(self.session.value("SELECT count(*) FROM inside.campaigns"), 40)
        self.fault({"call": "status"}, url=inside.tls_url + "/x")
        self.expect_error("08006", CAMPAIGNS, "loopback address")
        self.expect_error("08006", "SELECT (SELECT count(*) FROM inside.campaigns), (SELECT count(*) FROM ads.campaigns)", "loopback address")
        self.assertEqual([call for call in inside.log() if call["path"] == "/x"], [])

    def test_links_to_private_addresses(self):
        """A VPC may have its own way to the store."""
        self.use(max_retries=0, max_age=0)
        self.fault({"call": "status"}, url=self.emulator.tls_url.replace(ADDRESS, "outside.test") + "/x")
        error = self.expect_error("08006", CAMPAIGNS)
        self.assertRegex(support.text_of_error(error), "certificate|subject name")

    def test_a_name_of_an_endpoint_that_leads_inside(self):
        self.amazon(endpoint="https://inside.test:%s" % self.local.url.rsplit(":", 1)[1], max_retries=0)
        self.expect_error("08006", CAMPAIGNS, "127.0.0.1 is a loopback address")

    def test_a_proxy_on_loopback(self):
        """Its address is the superuser's choice, and what it connects to is its own matter."""
        proxy = Proxy()
        self.addCleanup(proxy.stop)
        self.use(max_age=0, proxy="http://127.0.0.1:%d" % proxy.port)
        self.assertEqual(self.session.value(CAMPAIGNS), 40)
        self.assertIn("CONNECT %s" % self.emulator.tls_url[len("https://"):], proxy.asked[0])

    def test_links_that_a_proxy_does_not_get(self):
        """An address needs no name server to be judged."""
        proxy = Proxy()
        self.addCleanup(proxy.stop)
        self.use(max_retries=0, max_age=0, proxy="http://127.0.0.1:%d" % proxy.port)
        for host, word in (("127.0.0.1", "loopback"), ("[::ffff:127.0.0.1]", "loopback"), ("2130706433", "loopback"), ("0.0.0.0", "unspecified"),
                           ("169.254.169.254", "link-local"), ("[fe80::1]", "link-local")):
            for port in ("", ":444"):
                with self.subTest(host=host, port=port):
                    self.clear_faults()
                    self.fault({"call": "status"}, url="https://%s%s/x" % (host, port))
                    self.expect_error("08006", CAMPAIGNS, "%s address" % word)
        self.assertEqual({text.split()[1] for text in proxy.asked}, {self.emulator.tls_url[len("https://"):]})

    def test_user_and_password_of_a_proxy(self):
        proxy = Proxy("aladdin:opensesame-1234")
        self.addCleanup(proxy.stop)
        self.use(max_age=0, max_retries=0, proxy="http://127.0.0.1:%d" % proxy.port)
        self.expect_error("08006", CAMPAIGNS, "407")
        self.use(max_age=0, max_retries=0, proxy="http://127.0.0.1:%d" % proxy.port,
                 mapping=self.amazon_mapping(proxy_user="aladdin", proxy_password="opensesame-1234"))
        self.assertEqual(self.session.value(CAMPAIGNS), 40)

    def test_tunnels_are_not_shared(self):
        """What one user's password has opened another's calls do not use: neither in the same statement, nor when it was left behind."""
        second = "amzn1.application-oa2-client.second"
        proxy = Proxy("aladdin:opensesame-1234", "sindbad:letmein-5678")
        self.addCleanup(proxy.stop)
        for name, who, user in (("first", support.DEFAULT_CLIENT, "aladdin:opensesame-1234"), ("second", second, "sindbad:letmein-5678")):
            self.amazon(name, name, endpoint=self.emulator.tls_url, max_age=0, proxy="http://127.0.0.1:%d" % proxy.port,
                        mapping=self.amazon_mapping(who, **dict(zip(("proxy_user", "proxy_password"), user.split(":")))))
        both = "SELECT (SELECT count(*) FROM first.campaigns), (SELECT count(*) FROM second.campaigns), (SELECT count(*) FROM first.ads)"
        for _ in range(2):
            (counts,) = self.session.rows(both)
            self.assertEqual(counts[:2], (40, 40))
        # What is under way when a statement ends stays, with its connection and all others.
        self.fault({"call": "request", "client": support.DEFAULT_CLIENT}, hang=True)
        asked = self.count_calls("request")
        running = self.session.start("SELECT count(*) FROM first.campaigns")
        self.wait_for_call("request", asked + 1)
        self.cancel(running)
        self.assertEqual(self.session.value("SELECT count(*) FROM second.campaigns"), 40)
        clients = {}
        for call in self.calls():
            if call["client"]:
                clients.setdefault(call["connection"], set()).add(call["client"])
        self.assertEqual({len(one) for one in clients.values()}, {1})
        self.assertEqual(len(set.union(*clients.values())), 2)
        # The first one's are used again.
        self.clear_faults()
        before = len(proxy.asked)
        for _ in range(3):
            self.assertEqual(self.session.value("SELECT count(*) FROM first.campaigns"), 40)
        self.assertLess(len(proxy.asked) - before, 5)

    def test_authorities(self):
        """A ca_file stands instead of the machine's."""
        other = Certificates(address=ADDRESS)
        self.addCleanup(other.remove)
        self.use(max_age=0, max_retries=0, ca_file=other.ca_file)
        self.expect_error("08006", CAMPAIGNS, "certificate")
        self.use(max_age=0, max_retries=0, ca_file=self.emulator.ca_file)
        self.assertEqual(self.session.value(CAMPAIGNS), 40)


class ProxyOfTheEnvironment(support.TestCase):
    """It is on this machine, by a name, and not asked for some names."""

    PORT = 3128
    VARIABLES = {"https_proxy": "http://inside.test:%d" % PORT, "no_proxy": ".test"}
    emulator_options = ("--tls", "--address", ADDRESS)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        trust(cls.emulator.ca_file)
        cls.proxy = Proxy(port=cls.PORT)
        cls.addClassCleanup(cls.proxy.stop)

    def test_good(self):
        self.amazon(endpoint=self.emulator.tls_url, max_age=0)
        self.assertEqual(self.session.value(CAMPAIGNS), 40)
        self.assertIn("CONNECT %s" % self.emulator.tls_url[len("https://"):], self.proxy.asked[-1])

    def test_a_link_past_it(self):
        """It leads to where the proxy listens, and is not the proxy for that."""
        self.amazon(endpoint=self.emulator.tls_url, max_age=0, max_retries=0)
        for port in (self.PORT, self.PORT + 1):
            with self.subTest(port=port):
                self.clear_faults()
                self.fault({"call": "status"}, url="https://inside.test:%d/x" % port)
                self.expect_error("08006", CAMPAIGNS, "127.0.0.1 is a loopback address")


class OldTls(support.TestCase):
    """TLS 1.1 is not spoken, even where the library would."""

    emulator_options = ("--tls", "--tls-at-most", "1.1")

    def test_refused(self):
        self.amazon(endpoint=self.emulator.tls_url, ca_file=self.emulator.ca_file, max_retries=0)
        self.expect_error("08006", CAMPAIGNS, "network error: no secure connection")


def trust(ca_file):
    """Make it one of the machine's authorities."""
    name = subprocess.check_output(("openssl", "x509", "-noout", "-hash", "-in", ca_file)).decode().strip()
    for target in (name + ".0", "ca-certificates.crt"):
        path = os.path.join("/etc/ssl/certs", target)
        shutil.copy(ca_file, path)
        os.chmod(path, 0o644)


class Proxy:
    """Knows CONNECT, and perhaps users ("name:password")."""

    def __init__(self, *users, port=0):
        self.accepted = ["Basic " + base64.b64encode(user.encode()).decode() for user in users]
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.tunnel, args=(connection,), daemon=True).start()

    def tunnel(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(4096)
            if not more:
                return
            head += more
        text = head.decode()
        self.asked.append(text)
        if self.accepted and not any(one in text for one in self.accepted):
            connection.sendall(b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
            connection.close()
            return
        host, port = text.split()[1].rsplit(":", 1)
        other = socket.create_connection((host, int(port)))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self.copy, args=(connection, other), daemon=True).start()
        self.copy(other, connection)

    @staticmethod
    def copy(source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.close()


def main(arguments):
    global name_server
    shim = None
    if arguments[0] == "--shim":
        shim = arguments[1]
        arguments = arguments[2:]
    folder, cases = arguments[0], arguments[1:]
    furnish(folder)
    name_server = NameServer()
    configuration = os.path.join(folder, "openssl.cnf")
    # A library that would speak anything.
    write(configuration, "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = None\n"
                         "CipherString = ALL:@SECLEVEL=0\n")
    proxies = ProxyOfTheEnvironment.VARIABLES if "ProxyOfTheEnvironment" in cases else {}
    os.environ.update(proxies)
    if "OldTls" in cases:
        os.environ["OPENSSL_CONF"] = configuration
    if shim:
        os.environ["LD_PRELOAD"] = shim
    support.cluster()
    for name in proxies:
        del os.environ[name]
    os.environ.pop("LD_PRELOAD", None)
    os.environ.pop("OPENSSL_CONF", None)
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(globals()[case]) for case in cases)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
