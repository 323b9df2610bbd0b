"""What bench/run and bench/profile work with: data, a cluster with foreign tables, the emulator, and a clock."""

import contextlib
import glob
import gzip
import hashlib
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
import zlib

try:
    import psycopg2
except ImportError:
    sys.exit("bench: psycopg2 is missing (apt-get install python3-psycopg2, or use --install)")

FOLDER = os.path.dirname(os.path.realpath(__file__))
CHECKOUT = os.path.dirname(FOLDER)
START_HOUR = "2025-03-01T00"

# How much data; large: bytes that the files for the measurement of memory inflate to, at least.
FULL = dict(targets=1000000, hours=100, events_per_hour=5000, large=2 * 10 ** 9)
QUICK = dict(targets=20000, hours=10, events_per_hour=1000, large=10 ** 8)

QUERIES = ("Q1", "Q2", "Q3")
QUERY_NAMES = {"Q1": "count(*)", "Q2": "four columns, grouped", "Q3": "all columns into an unlogged table"}
DATA_NAMES = {"targets": "Amazon Ads targets", "events": "Amplitude events"}

# Relations are named so that the same text works on foreign and local tables.
SQL = {
    ("targets", "Q1"): "SELECT count(*) FROM {table}",
    ("targets", "Q2"): "SELECT ad_product, target_type, state, count(*), sum(bid) FROM {table} GROUP BY 1, 2, 3",
    ("targets", "Q3"): "CREATE UNLOGGED TABLE bench_result AS SELECT * FROM {table}",
    ("events", "Q1"): "SELECT count(*) FROM {table}",
    ("events", "Q2"): "SELECT event_type, platform, country, count(*), count(user_id) FROM {table} GROUP BY 1, 2, 3",
    ("events", "Q3"): "CREATE UNLOGGED TABLE bench_result AS SELECT * FROM {table}",
}
FOREIGN = {"targets": "ads.targets", "events": "product.amplitude_events"}
LOCAL = {"targets": "loaded.targets", "events": "loaded.events"}


def say(text):
    print("bench: %s" % text, file=sys.stderr, flush=True)


def cache_folder():
    base = os.environ.get("BENCH_CACHE")
    if not base:
        base = os.path.join(os.environ["XDG_CACHE_HOME"], "adsexport-bench") if os.environ.get("XDG_CACHE_HOME") else "/var/tmp/adsexport-bench"
    os.makedirs(base, exist_ok=True)
    return os.path.realpath(base)


# Data

class Data:
    """The files, made once; a change of whatever makes them makes them anew."""

    def __init__(self, targets, hours, events_per_hour, large):
        self.targets = targets
        self.hours = hours
        self.events_per_hour = events_per_hour
        self.large = large
        self.emulator = os.path.join(CHECKOUT, "test", "emulator")
        digest = hashlib.sha256()
        for name in ("amazon_data.py", "amplitude_data.py", "draw.py", "exact_json.py", "archive.py", "content.py"):
            with open(os.path.join(self.emulator, name), "rb") as file:
                digest.update(file.read())
        key = "%d-%dx%d-%s" % (targets, hours, events_per_hour, digest.hexdigest()[:8])
        self.folder = os.path.join(cache_folder(), key)
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, work):
        """Make a file unless it is there; never leave half of one."""
        path = self.path(name)
        if not os.path.exists(path):
            say("making %s" % path)
            began = time.monotonic()
            work(path + ".new")
            os.replace(path + ".new", path)
            say("made it in %.0f s" % (time.monotonic() - began))
        return path

    def run_emulator(self, *options):
        subprocess.run((os.path.join(self.emulator, "emulator"), "--drift", "false") + options, check=True)

    def make_all(self, memory):
        self.make("targets.json.gz", lambda path: self.run_emulator(
            "--targets", str(self.targets), "--full-details", "true", "--make", "targets=" + path))
        days, hour = divmod(self.hours - 1, 24)
        last = "2025-03-%02dT%02d" % (1 + days, hour)
        self.make("events.zip", lambda path: self.run_emulator(
            "--events-per-hour", str(self.events_per_hour), "--amplitude-even", "true", "--amplitude-files-per-hour", "1",
            "--amplitude-ranges", START_HOUR + ".." + last, "--start", START_HOUR, "--end", last, "--make", "amplitude=" + path))
        if memory:
            self.make("targets-large.json.gz", self.make_large_targets)
            self.make("events-large.zip", self.make_large_events)
        self.make("sizes.json", self.make_sizes)
        with open(self.path("sizes.json")) as file:
            self.sizes = json.load(file)

    @staticmethod
    def inflated_size(path):
        size = 0
        with gzip.open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                size += len(block)
        return size

    def events_inflated_size(self):
        # The last four bytes of a gzip file are its length.
        with zipfile.ZipFile(self.path("events.zip")) as archive:
            return sum(int.from_bytes(archive.read(name)[-4:], "little") for name in archive.namelist())

    def make_sizes(self, path):
        sizes = {"targets": (os.path.getsize(self.path("targets.json.gz")), self.inflated_size(self.path("targets.json.gz"))),
                 "events": (os.path.getsize(self.path("events.zip")), self.events_inflated_size())}
        with open(path, "w") as file:
            json.dump(sizes, file)

    def times(self, size):
        """How often records must be repeated to inflate to what is large."""
        return -(-self.large // size)

    def make_large_targets(self, path):
        """One array with the same records several times."""
        source = self.path("targets.json.gz")
        compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
        with open(path, "wb") as output:
            output.write(compressor.compress(b"["))
            for number in range(self.times(self.inflated_size(source))):
                with gzip.open(source, "rb") as file:
                    assert file.read(1) == b"["
                    if number > 0:
                        output.write(compressor.compress(b","))
                    # Hold back the last byte: the end of the array.
                    last = b""
                    for block in iter(lambda: file.read(1 << 20), b""):
                        output.write(compressor.compress(last + block[:-1]))
                        last = block[-1:]
                    assert last == b"]"
            output.write(compressor.compress(b"]"))
            output.write(compressor.flush())

    def make_large_events(self, path):
        """An archive with the same files several times."""
        with zipfile.ZipFile(self.path("events.zip")) as source, open(path, "wb") as output:
            with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as target:
                for number in range(self.times(self.events_inflated_size())):
                    for name in source.namelist():
                        target.writestr(zipfile.ZipInfo(name.replace("#", "#%d" % number), (2025, 3, 8, 12, 30, 0)), source.read(name))


# Emulator

class Emulator:
    def __init__(self, program, data):
        self.files = {"targets": data.path("targets.json.gz"), "events": data.path("events.zip")}
        self.process = subprocess.Popen(
            (program, "--exit-with-parent", str(os.getpid()), "--export-delay", "0", "--token-lifetime", "86400", "--url-lifetime", "86400",
             "--serve", "targets=" + self.files["targets"], "--serve", "amplitude=" + self.files["events"], "--folder", data.folder),
            stdout=subprocess.PIPE, universal_newlines=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit("bench: the emulator did not start")

    def control(self, method, path, body=None):
        request = urllib.request.Request(self.url + "/control" + path, method=method, data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def serve(self, targets, events):
        """Send other files from now on."""
        self.files = {"targets": targets, "events": events}
        self.control("POST", "/settings", {"serve": {"targets": targets, "amplitude_events": events}})

    def forget_log(self):
        self.control("DELETE", "/log")

    def check_download(self, name):
        """The last query has taken the whole file, once."""
        call = {"targets": "download", "events": "export"}[name]
        deadline = time.monotonic() + 5
        while True:
            entries = [entry for entry in self.control("GET", "/log") if entry.get("call") == call]
            if all(entry.get("finished") for entry in entries) or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        sent = [entry["bytes_sent"] for entry in entries if entry.get("complete")]
        if sent != [os.path.getsize(self.files[name])] or len(entries) != 1:
            raise RuntimeError("the query was to download %s once, but these were sent: %s" % (self.files[name], [e["bytes_sent"] for e in entries]))

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        self.process.wait(10)


# Cluster

def in_own_mounts():
    """
    As root, go on in a mount namespace of our own: what is mounted there nobody else sees, and it is gone with the last process.
    """
    if os.getuid() != 0 or OWN_MOUNTS in os.environ or not shutil.which("unshare"):
        return
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.environ[OWN_MOUNTS] = "yes"
        os.execvp(unshare[0], unshare + [sys.executable] + sys.argv)


OWN_MOUNTS = "ADSEXPORT_BENCH_OWN_MOUNTS"


class WorkFolder:
    """
    In memory if it fits: what the disk does in the meantime is nobody's merit. And in large pages if that can be: in a virtual machine a
    fault for each small one can cost more than what is written there.
    """

    def __init__(self):
        self.mounted = None
        self.kind = None
        self.base = os.environ.get("BENCH_WORK")
        if self.base:
            self.kind = self.base
        elif min(shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else 0, free_memory()) < 8 * 10 ** 9:
            self.base = self.kind = "/tmp"
        elif OWN_MOUNTS in os.environ and self.mount():
            self.kind = "memory (tmpfs of large pages)"
        else:
            self.base = "/dev/shm"
            self.kind = "memory (/dev/shm)"
        self.path = tempfile.mkdtemp(prefix="adsexport-bench-", dir=self.base)

    def mount(self):
        place = tempfile.mkdtemp(prefix="adsexport-bench-")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "huge=always,mode=1777,size=75%", "adsexport-bench", place], stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            os.rmdir(place)
            return False
        self.base = self.mounted = place
        return True

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.mounted])
            os.rmdir(self.mounted)


def touch_memory():
    """
    Use and free more memory than a query will need. A virtual machine may have to ask for each page that it has not used in the last seconds;
    that takes longer than to write to it, and has nothing to do with the query. To be called right before the clock starts.

    More, because the host goes on taking pages back while the query runs; not much more, because that has a cost, too. Once more until it
    is as fast as memory that is there.
    """
    size = min(3 * 10 ** 9, free_memory() // 3)
    for _ in range(TOUCHES_AT_MOST):
        began = time.monotonic()
        with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            if hasattr(mmap, "MADV_HUGEPAGE"):
                memory.madvise(mmap.MADV_HUGEPAGE)
            for offset in range(0, size, mmap.PAGESIZE):
                memory[offset] = 1
        if time.monotonic() - began < TOUCHED_SECONDS_PER_BYTE * size:
            break


TOUCHES_AT_MOST = 4
TOUCHED_SECONDS_PER_BYTE = 0.3e-9


def free_memory():
    with open("/proc/meminfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    return 0


class Cluster:
    def __init__(self, commit=None, install=False):
        self.folder = WorkFolder()
        self.work = self.folder.path
        done = subprocess.run([os.path.join(FOLDER, "set-up"), self.work] + ([commit] if commit else []),
                              env=dict(os.environ, BENCH_INSTALL="1" if install else ""))
        if done.returncode != 0:
            self.folder.remove()
            sys.exit(done.returncode)
        self.environment = {}
        with open(os.path.join(self.work, "environment")) as file:
            for line in file:
                name, _, value = line.strip().partition("=")
                self.environment[name] = value
        self.bindir = subprocess.check_output([self.environment["PG_CONFIG"], "--bindir"], universal_newlines=True).strip()
        self.source = self.environment["SOURCE"]
        self.inflate = self.environment["INFLATE"]
        self.isal = self.environment["ISAL"] == "yes"
        for name in ("PGHOST", "PGPORT", "PGUSER"):
            os.environ[name] = self.environment[name]
        self.psql = os.path.join(self.bindir, "psql")

    def stop(self):
        command = [os.path.join(self.bindir, "pg_ctl"), "-D", self.environment["CLUSTER"], "-w", "-m", "immediate", "stop"]
        if os.getuid() == 0:
            user = self.environment["SERVER_USER"]
            command = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"] + command
        subprocess.run(command, cwd="/tmp", stdout=subprocess.DEVNULL)
        self.folder.remove()

    def connect(self, database):
        # Not by os.environ, which is about the last of several clusters.
        connection = psycopg2.connect(dbname=database, host=self.environment["PGHOST"], port=self.environment["PGPORT"], user=self.environment["PGUSER"],
                                      options="-c adsexport_fdw.progress_interval=-1 -c client_min_messages=warning")
        connection.autocommit = True
        return connection

    def run(self, database, *statements):
        with contextlib.closing(self.connect(database)) as connection:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else None

    def create_database(self, name, url, library=None):
        """A database with all foreign tables; library: use this build of the extension."""
        self.run("postgres", "CREATE DATABASE %s TEMPLATE template0" % name)
        statements = ["CREATE EXTENSION adsexport_fdw"]
        if library:
            # MODULE_PATHNAME is fixed by the control file, which both builds share.
            statements.append("UPDATE pg_proc SET probin = '%s' WHERE probin = '$libdir/adsexport_fdw'" % library)
        self.run(name, *statements)
        # In a session that has not loaded the other build.
        self.run(name, """
CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw
  OPTIONS (api 'amazon_ads', endpoint '%(url)s', token_endpoint '%(url)s/auth/o2/token', profile_ids '1111', poll_interval '100ms', max_age '1h');
CREATE USER MAPPING FOR CURRENT_USER SERVER amazon
  OPTIONS (client_id 'amzn1.application-oa2-client.emulator', client_secret 'emulator-secret+/=&%%41', refresh_token 'Atzr|emulator+refresh/token==');
CREATE SCHEMA ads;
IMPORT FOREIGN SCHEMA exports LIMIT TO (targets) FROM SERVER amazon INTO ads;
CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw
  OPTIONS (api 'amplitude', endpoint '%(url)s', request_span '365d', incomplete_hours 'ignore');
CREATE USER MAPPING FOR CURRENT_USER SERVER amplitude OPTIONS (api_key 'emulator-api-key', secret_key 'emulator:secret/key+=');
CREATE SCHEMA product;
IMPORT FOREIGN SCHEMA exports FROM SERVER amplitude INTO product OPTIONS (default_start '1h');
CREATE SCHEMA loaded;
""" % {"url": url})


@contextlib.contextmanager
def session(cluster, database, name, read_ahead):
    """A new session in which the next query on a data set has only to download, inflate and read it."""
    with contextlib.closing(cluster.connect(database)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET adsexport_fdw.read_ahead = %s", (read_ahead,))
            prepare(cursor, name)
            yield connection, cursor


def prepare(cursor, name):
    """Load the library; ask Amazon for the export and wait until it is there (max_age lets the next query read it)."""
    cursor.execute("SELECT 1 FROM %s LIMIT 1" % FOREIGN[name])
    cursor.fetchall()


def interruptible():
    """Let SIGTERM and SIGHUP clean up as ^C does."""
    def stop(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
