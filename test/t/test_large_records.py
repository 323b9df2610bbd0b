"""Records near the limit of 64 MiB: a cancel is heard in each step, and memory is a small multiple."""

import os
import time
import unittest
import zipfile

import support

# Milliseconds from the signal to the error: half a gigabyte is given back to the system in between.
LIMIT = 250 * support.PATIENCE
MIB = 1024 * 1024
QUERY = "SELECT pg_column_size(event_properties) FROM product.amplitude_events WHERE server_upload_time = '2025-03-01 05:00Z'"
REST = b'{"server_upload_time":"2025-03-01 05:00:00","event_properties":%s}\n'

COUNT = "SELECT count(event_type) FROM product.amplitude_events WHERE server_upload_time = '2025-03-01 05:00Z'"

# Records that take long to walk: what is repeated up to their size, before and after it.
SLOW_TO_WALK = {
    "objects": (b'"event_properties":[{}', b",{}", b"]"),
    "pairs": (b'"event_properties":[{"k":1}', b',{"k":1}', b"]"),
    "arrays": (b'"user_properties":[[]', b"[]", b"]"),
    "members": (b'"event_type":"x"', b',"event_type":"y","z":1,"event_type":"z"', b""),
    "escapes": (b'"z":"', b"\\n", b'"'),
    "controls": (b'"z":"', b"\001", b'"'),
}

# Values that take long to convert: the column's type, and what is repeated up to their size, before and after it.
SLOW_TO_CONVERT = {
    "words": ("text[]", b"[" + b'""', b',""', b"]"),
    "lists": ("text[]", b"[" + b"[[]", b",[]", b"]]"),
    "escaped_word": ("text[]", b'["', b"\\n", b'"]'),
    "numbers": ("integer[]", b"[1", b",1000000", b"]"),
    "objects": ("json", b'[{"k":1}', b',{"k":1}', b"]"),
    "escapes_in_json": ("json", b'["', b"\\n", b'"]'),
}

# name: the value, and how much memory reading it may take, in multiples of it.
VALUES = {
    "keys": (b"{" + b",".join(b'"%07x":%d' % (number * 2654435761 % 0xfffffff, number % 10) for number in range(5000000)) + b"}", 9),
    "numbers": (b"[" + b",".join([b"7"] * 20000000) + b"]", 16),
    "words": (b"[" + b",".join([b'""'] * 20000000) + b"]", 11),
    "objects": (b"[" + b",".join([b"{}"] * 20000000) + b"]", 16),
    "pairs": (b"[" + b",".join([b'{"k":1}'] * 7500000) + b"]", 16),
    "text": (b'{"a":"' + b"x" * (60 * MIB) + b'"}', 6),
}


class Large(support.TestCase):
    alone = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.make_folder()

    def setUp(self):
        super().setUp()
        self.amplitude()

    def serve(self, name):
        self.serve_record(name, REST % VALUES[name][0])

    def serve_record(self, name, record):
        path = os.path.join(self.folder, name + ".zip")
        if not os.path.exists(path):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
                file.writestr("1/x.json.gz", record)
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})

    def peak_kilobytes(self):
        if support.HAS_SANITIZER:
            return 0
        with open("/proc/%d/status" % self.session.pid) as file:
            return int(file.read().split("VmHWM:")[1].split()[0])

    def reads_in_bounds(self, name):
        value, multiple = VALUES[name]
        self.serve(name)
        self.session = self.connect()
        self.session.run("SET statement_timeout = '%ds'" % (180 * support.PATIENCE))
        before = self.peak_kilobytes()
        began = time.monotonic()
        self.assertGreater(self.session.value(QUERY), 0)
        took = time.monotonic() - began
        grown = (self.peak_kilobytes() - before) * 1024
        if os.environ.get("SHOW"):
            print("%s: %.1f MiB, %.1f s, %.1f times" % (name, len(value) / MIB, took, grown / len(value)))
        self.assertLess(grown, multiple * len(value))

    def test_cancelled(self):
        """At moments all over the way: sorting millions of keys takes seconds."""
        self.serve("keys")
        for read_ahead in ("on", "off"):
            for pause in (0.3, 0.8, 1.5, 2.2):
                with self.subTest(read_ahead=read_ahead, pause=pause):
                    self.session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
                    self.in_time(lambda: self.cancelled_after(QUERY, pause), LIMIT)

    def cancelled_after(self, query, seconds):
        running = self.session.start(query)
        time.sleep(seconds)
        return self.cancel(running)

    def cancelled_at_moments(self, name, read_ahead, query, *limit):
        began = time.monotonic()
        self.session.value(query)
        took = time.monotonic() - began
        for moment in (2, 4, 6, 8):
            with self.subTest(read_ahead=read_ahead, moment=moment):
                self.in_time(lambda: self.cancelled_after(query, took * moment / 10), *limit)
        if os.environ.get("SHOW"):
            print("%s, read_ahead %s: %.2f s" % (name, read_ahead, took))

    def walk_is_cancelled(self, name):
        """Only the walk of the record takes long: nothing of it is converted."""
        before, repeated, after = SLOW_TO_WALK[name]
        content = before + repeated * (60 * MIB // len(repeated)) + after
        self.serve_record("walk of " + name, b'{"server_upload_time":"2025-03-01 05:00:00",%s}\n' % content)
        for read_ahead in ("on", "off"):
            self.session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
            self.cancelled_at_moments(name, read_ahead, COUNT)

    def conversion_is_cancelled(self, name):
        """Nothing but the conversion takes long."""
        type_name, before, repeated, after = SLOW_TO_CONVERT[name]
        self.serve_record("conversion of " + name, REST % (before + repeated * (60 * MIB // len(repeated)) + after))
        self.session.run("CREATE FOREIGN TABLE slow (event_properties %s, server_upload_time timestamptz) SERVER amplitude OPTIONS (entity 'amplitude_events')"
                         % type_name)
        query = "SELECT count(event_properties) FROM slow WHERE server_upload_time = '2025-03-01 05:00Z'"
        for read_ahead in ("on", "off"):
            self.session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
            self.cancelled_at_moments(name, read_ahead, query, LIMIT)


def add_tests():
    for name in VALUES:
        setattr(Large, "test_%s_in_bounds" % name, lambda self, name=name: self.reads_in_bounds(name))
    for name in SLOW_TO_CONVERT:
        setattr(Large, "test_conversion_of_%s_is_cancelled" % name, lambda self, name=name: self.conversion_is_cancelled(name))
    for name in SLOW_TO_WALK:
        setattr(Large, "test_walk_of_%s_is_cancelled" % name, lambda self, name=name: self.walk_is_cancelled(name))


add_tests()

if __name__ == "__main__":
    unittest.main()
