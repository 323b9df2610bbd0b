"""What the tests share: a server, an emulator, sessions, and means to look at what happened.

    class Something(support.TestCase):
        emulator_options = ("--campaigns", "10")

        def test_it(self):
            self.amazon(max_retries=0)
            self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 10)

Each class has a database and an emulator of its own; before each test the emulator is reset (and known by another URL), a new session is begun, and
servers, user mappings and tables are made by the test with self.amazon() and self.amplitude().
"""

import atexit
import contextlib
import decimal
import functools
import glob
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import psycopg2
import psycopg2.extensions
import psycopg2.extras

FOLDER = os.path.dirname(os.path.realpath(__file__))
for folder in ("docs", "emulator"):
    sys.path.insert(0, os.path.join(os.path.dirname(FOLDER), folder))

import client  # noqa: E402  (the emulator's)
from client import PATIENCE  # noqa: E402
from amazon import CLIENTS, DEFAULT_CLIENT, STATIC_ACCESS_TOKEN  # noqa: E402
from amplitude import API_KEY, SECRET_KEY  # noqa: E402
from data import Data  # noqa: E402

# A query that hangs must not hang the tests.
LONGEST_STATEMENT = "%ds" % (60 * PATIENCE)

# Seconds: what waits for nothing takes less on the busiest machine.
SOON = 5 * PATIENCE

# On a busy machine the scheduler alone can take longer than what is measured; what is too slow is so each time.
ATTEMPTS = 10

# One has memory of its own for whatever is allocated: what is measured is not ours.
HAS_SANITIZER = "ADSEXPORT_TEST_SANITIZER" in os.environ

# Descriptors of connections, and of what they are driven by, that a session keeps for its next statement.
MOST_KEPT = 32 + 2 + 3 * 4

exact_json_loads = functools.partial(json.loads, parse_float=decimal.Decimal)
psycopg2.extras.register_default_jsonb(globally=True, loads=exact_json_loads)
psycopg2.extras.register_default_json(globally=True, loads=exact_json_loads)


def exit_when_terminated():
    """A program that is told to end stops the servers that it has started, by atexit."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))


# The server

class Cluster:
    """A throw-away server, or the one that PGHOST or PGPORT name; one of its own where it is configured in another way."""

    def __init__(self, configuration="", environment=None):
        self.folder = None
        self.configuration = configuration
        self.environment = environment
        self.log_file = os.environ.get("PGLOG")
        if not configuration and (os.environ.get("PGHOST") or os.environ.get("PGPORT")):
            self.host = os.environ.get("PGHOST", "/var/run/postgresql")
            self.port = os.environ.get("PGPORT", "5432")
            self.user = os.environ.get("PGUSER", "postgres")
        else:
            self.host = self.folder = tempfile.mkdtemp(prefix="adsexport-t-", dir="/tmp")
            self.port = "5432"  # only the name of the socket
            self.user = "postgres"
            atexit.register(self.remove)
            self.create()
        self.template_made = False
        self.lock = threading.Lock()  # a template may be copied by one at a time

    @staticmethod
    def program(name):
        folder = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"]).decode().strip()
        return os.path.join(folder, name)

    @staticmethod
    def as_server_user(command):
        """PostgreSQL refuses to run as root."""
        if os.getuid() != 0:
            return command
        user = pwd.getpwnam("postgres")
        return ["setpriv", "--reuid=%d" % user.pw_uid, "--regid=%d" % user.pw_gid, "--init-groups", "env", "HOME=/tmp", "LC_ALL=C"] + command

    def server_command(self, *command, environment=None):
        variables = ["%s=%s" % pair for pair in (environment or {}).items()]
        done = subprocess.run(self.as_server_user(["env"] + variables + [self.program(command[0])] + list(command[1:])), cwd="/tmp",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError("%s failed:\n%s" % (command[0], done.stdout.decode("utf-8", "replace")))

    def create(self):
        os.chmod(self.folder, 0o755)
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        data = os.path.join(self.folder, "data")
        self.log_file = os.path.join(self.folder, "log")
        self.server_command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with open(os.path.join(data, "postgresql.conf"), "a") as file:
            file.write("listen_addresses = ''\nunix_socket_directories = '%s'\nport = %s\nfsync = off\nsynchronous_commit = off\n"
                       "full_page_writes = off\nautovacuum = off\njit = off\nshared_buffers = 32MB\ntimezone = 'UTC'\n"
                       "log_line_prefix = '%%m [%%p] %%e '\nlc_messages = 'C'\n" % (self.folder, self.port))
            file.write(self.configuration)
        self.start()

    def start(self):
        # Through a file: a server that inherited a pipe would keep it open.
        self.server_command("pg_ctl", "-D", os.path.join(self.folder, "data"), "-l", self.log_file, "-w", "-t", str(60 * PATIENCE), "start",
                            environment=self.environment)

    def restart(self):
        self.server_command("pg_ctl", "-D", os.path.join(self.folder, "data"), "-m", "fast", "-w", "stop")
        self.start()

    def remove(self):
        try:
            self.server_command("pg_ctl", "-D", os.path.join(self.folder, "data"), "-m", "immediate", "-w", "stop")
        except RuntimeError as problem:
            print(problem, file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database, user=None, **settings):
        # Without notices a wait that nothing ends has no end.
        values = {"statement_timeout": LONGEST_STATEMENT, "adsexport_fdw.progress_interval": "-1"}
        values.update(settings)
        options = " ".join("-c %s=%s" % (name, str(value).replace("\\", "\\\\").replace(" ", "\\ ")) for name, value in values.items())
        connection = psycopg2.connect(host=self.host, port=self.port, user=user or self.user, dbname=database, options=options,
                                      client_encoding="UTF8")
        connection.autocommit = True
        return connection

    def run(self, *statements, database="postgres"):
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def create_database(self, name):
        with self.lock:
            self.create_database_now(name)

    def create_database_now(self, name):
        if not self.template_made:
            self.run("DROP DATABASE IF EXISTS adsexport_t_template",
                     "CREATE DATABASE adsexport_t_template TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
            self.run("CREATE EXTENSION adsexport_fdw", database="adsexport_t_template")
            self.template_made = True
        self.run("DROP DATABASE IF EXISTS %s" % name, "CREATE DATABASE %s TEMPLATE adsexport_t_template" % name)

    def drop_database(self, name):
        self.run("DROP DATABASE IF EXISTS %s WITH (FORCE)" % name)

    def log_size(self):
        return os.path.getsize(self.log_file) if self.log_file else 0

    def log_text(self, start=0):
        if not self.log_file:
            return ""
        with open(self.log_file, "rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")


@functools.lru_cache(maxsize=None)
def cluster():
    return Cluster()


# Sessions

class Session:
    def __init__(self, database, user=None, **settings):
        self.connection = cluster().connect(database, user, **settings)
        self.pid = self.connection.get_backend_pid()

    def close(self):
        """And wait for the end of the backend, which may still be sending a request that the next test would find in the emulator's log."""
        self.connection.close()
        deadline = time.monotonic() + 20 * PATIENCE
        while os.path.exists("/proc/%d" % self.pid) and time.monotonic() < deadline:
            time.sleep(0.002)

    def run(self, sql, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)

    def rows(self, sql, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall()

    def value(self, sql, *values):
        (row,) = self.rows(sql, *values)
        return row[0]

    def column(self, sql, *values):
        return [row[0] for row in self.rows(sql, *values)]

    def table(self, sql, *values):
        """The rows as dictionaries."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def explain(self, sql, options=""):
        return "\n".join(self.column("EXPLAIN %s %s" % ("(%s)" % options if options else "", sql)))

    def start(self, sql, *values):
        """Run a statement in a thread."""
        return Running(self, sql, values)

    def take_notices(self):
        """What was raised below ERROR since the last call."""
        notices = "".join(self.connection.notices)
        del self.connection.notices[:]
        return notices

    # What the backend holds

    def descriptors(self):
        """Targets of the backend's open descriptors, without those of files (which the server opens and closes as it likes)."""
        found = []
        for path in glob.glob("/proc/%d/fd/*" % self.pid):
            try:
                target = os.readlink(path)
            except OSError:
                continue
            if not target.startswith("/"):
                found.append(re.sub(r"\d+", "N", target))
        if not found:
            raise unittest.SkipTest("the descriptors of the backend can't be seen")
        return sorted(found)

    def descriptors_in_use(self):
        """The same without the connections that are kept for the next statement: those few are given back when they are asked for."""
        kept = len(self.descriptors())
        self.run("SELECT adsexport_forget()")
        found = self.descriptors()
        if kept - len(found) > MOST_KEPT:
            raise AssertionError("%d descriptors were kept" % (kept - len(found)))
        return found

    def threads(self, wanted=None):
        """Of the backend, without a sanitizer's own, which come with the first. One that was joined may be seen for a moment more, so that
        who wants a number waits for it."""
        deadline = time.monotonic() + (0.2 if wanted is None else 10) * PATIENCE
        while True:
            count = max(1, len(os.listdir("/proc/%d/task" % self.pid)) - int(os.environ.get("ADSEXPORT_TEST_OTHER_THREADS", "0")))
            if count == (wanted or 1) or time.monotonic() > deadline:
                return count
            time.sleep(0.01)

    def resident_kilobytes(self):
        """Private memory: pages of shared buffers come in whenever they are touched."""
        if HAS_SANITIZER:
            return 0
        with open("/proc/%d/status" % self.pid) as file:
            return int(re.search(r"^RssAnon:\s*(\d+)", file.read(), re.M).group(1))

    def count_in_memory(self, words):
        """{word: how often}, in all that the backend can write to but what it shares with others."""
        found = dict.fromkeys(words, 0)
        try:
            with open("/proc/%d/maps" % self.pid) as maps, open("/proc/%d/mem" % self.pid, "rb", 0) as memory:
                for line in maps:
                    start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
                    size = int(end, 16) - int(start, 16)
                    # A sanitizer reserves terabytes, which hold nothing of this.
                    if rights.startswith("rw-p") and size < 2 ** 28:
                        memory.seek(int(start, 16))
                        try:
                            content = memory.read(size)
                        except OSError:
                            continue  # The kernel's own, or a device's.
                        for word in words:
                            found[word] += content.count(word.encode())
        except PermissionError:
            raise unittest.SkipTest("the memory of another process may not be read")
        return found


class Running:
    """A statement under way in another thread."""

    def __init__(self, session, sql, values):
        self.session = session
        self.result = self.error = self.ended = None
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.work, args=(sql, values), daemon=True)
        self.thread.start()

    def work(self, sql, values):
        try:
            with self.session.connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                self.result = cursor.fetchall() if cursor.description else []
        except psycopg2.Error as problem:
            self.error = problem
        finally:
            self.ended = time.monotonic()

    def wait(self, timeout=90):
        self.thread.join(timeout * PATIENCE)
        if self.thread.is_alive():
            raise AssertionError("the statement did not end within %g s" % timeout)
        return self


class RefusingProxy:
    """Answers every request with that status."""

    def __init__(self, test, status):
        self.status = status
        self.asked = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        test.addCleanup(self.socket.close)
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                received = b""
                while b"\r\n\r\n" not in received:
                    more = connection.recv(4096)
                    if not more:
                        break
                    received += more
                self.asked += 1
                connection.sendall(b"HTTP/1.1 %d No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)


class Listener:
    """Each connection is answered in a thread of its own, by what inherits from this."""

    def __init__(self, test):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = []
        test.addCleanup(self.stop)
        threading.Thread(target=self.work, daemon=True).start()

    def stop(self):
        for one in [self.socket] + self.connections:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def work(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.connections.append(connection)
                threading.Thread(target=self.answer_quietly, args=(connection,), daemon=True).start()

    def answer_quietly(self, connection):
        with contextlib.suppress(OSError):
            self.answer(connection)


class EndlessProxy(Listener):
    """Answers every request with that head, and then with these bytes again and again."""

    def __init__(self, test, head, more):
        self.head = head
        self.more = more * (1 + 65536 // len(more))
        self.asked = 0
        super().__init__(test)
        self.url = "http://127.0.0.1:%d" % self.port

    def answer(self, connection):
        connection.recv(65536)
        self.asked += 1
        connection.sendall(self.head)
        while True:
            connection.sendall(self.more)


def free_port():
    """One that nobody listens on, and that the system gives to nobody who lets it choose."""
    for port in random.sample(range(20000, 32000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def text_of_error(error):
    """All that the client is shown of an error."""
    diagnostics = error.diag
    parts = [diagnostics.message_primary, diagnostics.message_detail, diagnostics.message_hint, diagnostics.context]
    return "\n".join(part for part in parts if part)


# Tests

class TestCase(unittest.TestCase):
    maxDiff = 4000
    alone = False  # not beside other classes
    emulator_options = ()
    server_options = {}  # of every Amazon server of the class
    needs_log = False

    def __init_subclass__(cls, **options):
        # Before Python 3.11 all classes share one list of cleanups, and the first to end would do those of all.
        super().__init_subclass__(**options)
        cls._class_cleanups = []

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.needs_log and not cluster().log_file:
            raise unittest.SkipTest("the log of the server is not known (set PGLOG)")
        cls.database = "adsexport_t_" + re.sub(r"\W", "_", ("%s_%s" % (cls.__module__.replace("test_", "", 1), cls.__name__)).lower())
        cluster().create_database(cls.database)
        cls.addClassCleanup(cluster().drop_database, cls.database)
        options = ("--export-delay", "0") + tuple(cls.emulator_options)
        cls.emulator = client.Emulator(*options)
        cls.addClassCleanup(cls.emulator.stop)

    @classmethod
    def make_folder(cls):
        """A temporary folder for all tests of the class."""
        folder = tempfile.mkdtemp(prefix="adsexport-t-")
        cls.addClassCleanup(shutil.rmtree, folder)
        return folder

    def setUp(self):
        self.log_start = cluster().log_size()
        self.addCleanup(self.check_server)
        self.emulator.reset()
        # Sessions share what they learn by endpoint; each test is to begin anew.
        self.emulator.move()
        self.session = self.connect()

    def check_server(self):
        """No backend crashed."""
        self.assertNotRegex(cluster().log_text(self.log_start), "was terminated by signal|TRAP:|PANIC:")

    def connect(self, user=None, **settings):
        session = Session(self.database, user, **settings)
        self.addCleanup(session.close)
        return session

    # Objects

    def amazon(self, name="amazon", schema="ads", mapping=None, user="CURRENT_USER", imports=None, endpoint=None, **options):
        """(Re)create a server with its user mapping and all tables; an option of None is left out."""
        values = {"api": "amazon_ads", "endpoint": endpoint or self.emulator.url,
                  "token_endpoint": (endpoint or self.emulator.url) + "/auth/o2/token", "profile_ids": "1111",
                  "poll_interval": "100ms", "poll_interval_max": "200ms", "max_retries": "1", "connect_timeout": "%ds" % (10 * PATIENCE), "stall_timeout": "%ds" % (5 * PATIENCE)}
        values.update(self.server_options)
        values.update(options)
        self.server(name, schema, values, mapping or self.amazon_mapping(), user, imports)

    def amplitude(self, name="amplitude", schema="product", mapping=None, user="CURRENT_USER", imports=None, endpoint=None, **options):
        values = {"api": "amplitude", "endpoint": endpoint or self.emulator.url, "max_retries": "1", "connect_timeout": "%ds" % (10 * PATIENCE),
                  "stall_timeout": "%ds" % (5 * PATIENCE)}
        values.update(options)
        self.server(name, schema, values, mapping or {"api_key": API_KEY, "secret_key": SECRET_KEY}, user, imports)

    def server(self, name, schema, options, mapping, user, imports):
        session = Session(self.database)
        session.run("SET client_min_messages = error")
        session.run("DROP SERVER IF EXISTS %s CASCADE" % name)
        session.run("CREATE SERVER %s FOREIGN DATA WRAPPER adsexport_fdw %s" % (name, option_list(options)))
        session.run("CREATE USER MAPPING FOR %s SERVER %s %s" % (user, name, option_list(mapping)))
        session.run("CREATE SCHEMA IF NOT EXISTS %s" % schema)
        session.run("IMPORT FOREIGN SCHEMA exports FROM SERVER %s INTO %s %s" % (name, schema, option_list(imports or {})))
        session.close()

    @staticmethod
    def amazon_mapping(who=DEFAULT_CLIENT, **changes):
        mapping = {"client_id": who, "client_secret": CLIENTS[who]["secret"], "refresh_token": CLIENTS[who]["refresh_token"]}
        mapping.update(changes)
        return {name: value for name, value in mapping.items() if value is not None}

    # The emulator

    def fault(self, match, **action):
        return self.emulator.fault(match, action)

    def clear_faults(self):
        self.emulator.control("DELETE", "/faults")

    def clear_log(self):
        self.emulator.control("DELETE", "/log")

    def calls(self, call=None, **wanted):
        if call is not None:
            wanted["call"] = call
        return self.emulator.log(**wanted)

    def count_calls(self, call=None, **wanted):
        return len(self.calls(call, **wanted))

    def wait_for_call(self, call, count=1, **wanted):
        """Until so many of these have come in."""
        wanted.update(call=call, count=count, timeout=30 * PATIENCE)
        found = self.emulator.control("GET", "/wait?" + "&".join("%s=%s" % pair for pair in wanted.items()))
        self.assertGreaterEqual(len(found), count, "call %s did not come" % call)
        return found

    def wait_for_answer(self, call, count=1, **wanted):
        """Until so many of these were answered."""
        self.eventually(lambda: self.count_calls(call, finished="true", **wanted) >= count, "answer to call %s" % call)

    def eventually(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "%s did not happen" % what)
            time.sleep(0.005)

    def data(self):
        return Data(**self.emulator.control("GET", "/settings"))

    # Errors

    def expect_error(self, sqlstate, sql, *parts, values=(), session=None):
        """Run a statement that must fail with that SQLSTATE (or one of several) and say these words; returns the error."""
        session = session or self.session
        try:
            rows = session.rows(sql, *values)
        except psycopg2.Error as problem:
            error = problem
        else:
            self.fail("no error but %d rows: %s" % (len(rows), sql))
        self.check_error(error, sqlstate, *parts)
        return error

    def check_error(self, error, sqlstate, *parts):
        text = text_of_error(error)
        states = [sqlstate] if isinstance(sqlstate, str) else sqlstate
        self.assertIn(error.pgcode, states, text or str(error))
        for part in parts:
            self.assertRegex(text, part if hasattr(part, "search") else re.escape(part))

    def check_terminated(self, running):
        """The client may be told why, or just find the connection closed; the log knows."""
        self.assertIn(running.error.pgcode, ("57P01", None), running.error)
        if cluster().log_file:
            self.assertRegex(cluster().log_text(self.log_start), r"\[%d\] (57P01 )?FATAL:  terminating connection" % running.session.pid)
        self.eventually(lambda: not os.path.exists("/proc/%d" % running.session.pid), "end of the backend")

    def cancel(self, running, function="pg_cancel_backend"):
        """Cancel a statement and return how many milliseconds it took to end."""
        other = Session(self.database)
        try:
            began = time.monotonic()
            other.value("SELECT %s(%%s)" % function, running.session.pid)
            running.wait()
            return (running.ended - began) * 1000
        finally:
            other.close()

    def in_time(self, attempt, limit=100 * PATIENCE):
        """One of a few attempts, each of which returns its milliseconds, takes no longer than that."""
        times = []
        while not times or times[-1] > limit:
            self.assertLess(len(times), ATTEMPTS, "took %s ms" % ", ".join("%.0f" % one for one in times))
            times.append(attempt())

    @staticmethod
    def within_an_hour(seconds=60):
        """Begin no test shortly before the end of an hour, or of a day, if what is complete must not change in it."""
        left = 3600 - time.time() % 3600
        if left < seconds:
            time.sleep(left + 0.1)


def option_list(options):
    pairs = ["%s %s" % (name, quote(str(value))) for name, value in options.items() if value is not None]
    return "OPTIONS (%s)" % ", ".join(pairs) if pairs else ""


def quote(text):
    if "\\" in text:
        return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"
