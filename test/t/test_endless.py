"""Archives that inflate to nothing, a thousandfold: they come to an end, and until then nobody is kept waiting."""

import os
import struct
import time
import unittest
import zlib

import support

EVENTS = ("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00+00' "
          "AND server_upload_time < '2025-03-01 12:00+00'")

# The archive in bytes; what it inflates to is a thousand times as much.
SIZE = 8 * 1024 * 1024

GZIP_HEADER = b"\x1f\x8b\x08%c\0\0\0\0\0\x03"


def gzip(content):
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return compressor.compress(content) + compressor.flush()


def deflate_segment(content):
    """Deflate data that may be repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH)


def local_header(name, method, flags=0, crc=0, compressed=0, size=0):
    return struct.pack("<IHHHIIIIHH", 0x04034b50, 20, flags, method, 0x21, crc, compressed, size, len(name), 0) + name


def stored_entry(name, content):
    return local_header(name, 0, 0, zlib.crc32(content), len(content), len(content)) + content


# Enough of records for a thread to be worth its while.
RECORDS = b"".join(b'{"uuid":"%08d","event_type":"%s"}\n' % (row, zlib.crc32(b"%d" % row).to_bytes(4, "big").hex().encode() * 8)
                   for row in range(30000))
GOOD = stored_entry(b"1/1_2025-03-01_0#0.json.gz", gzip(RECORDS))


def deflated(name, head, cycle):
    """An entry whose deflate data does not end."""
    segment = deflate_segment(cycle * (1024 * 1024 // len(cycle)))
    return local_header(name, 8, 8) + deflate_segment(head) + segment * (SIZE // len(segment))


FILE = b"1/1_2025-03-01_0#1.json.gz"

# name: (what goes on, the error that ends it)
CASES = {
    "passed_over": (deflated(b"readme.txt", b"", bytes(8)), "more than 268435456 bytes that are no export"),
    "header": (deflated(FILE, GZIP_HEADER % 8, b"name"), "header is longer than 131072 bytes"),
    "members": (deflated(FILE, gzip(b'{"uuid":"1"}\n'), gzip(b"")), "more than 65536 members without content"),
    "zeros": (deflated(FILE, gzip(b'{"uuid":"1"}\n'), bytes(8)), "more than 1048576 zeros"),
    "blocks": (deflated(FILE, GZIP_HEADER % 0, b"\0\0\0\xff\xff"), "more than 1048576 compressed bytes without content"),
    "blank_lines": (deflated(FILE, b"", gzip(b"\n" * 1000000)), "more than 67108864 bytes of white space"),
}


class Endless(support.TestCase):
    alone = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.make_folder()

    def setUp(self):
        super().setUp()
        self.amplitude()

    def serve(self, name, read_ahead):
        """The thread needs records before it, else it is not begun."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write((GOOD if read_ahead == "on" else b"") + CASES[name][0])
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})

    def begin(self, name, read_ahead, session=None):
        self.serve(name, read_ahead)
        session = session or self.session
        session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
        self.clear_log()
        running = session.start(EVENTS)
        self.wait_for_call("export")
        time.sleep(0.15)
        return running

    def stop_each(self, name, function, sqlstates):
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                def attempt():
                    session = self.connect()
                    running = self.begin(name, read_ahead, session)
                    milliseconds = self.cancel(running, function)
                    # It may have come to its own end before.
                    self.assertIn(running.error.pgcode, sqlstates + ("54000",), running.error)
                    return milliseconds

                self.in_time(attempt)

    def has_its_end(self, name):
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                self.serve(name, read_ahead)
                self.clear_log()
                self.session.run("SET adsexport_fdw.read_ahead = %s" % read_ahead)
                self.expect_error("54000", EVENTS, CASES[name][1])
                # Nothing that another download could mend.
                self.assertEqual(self.count_calls("export"), 1)

    def test_fast_shutdown(self):
        server = support.cluster()
        if server.folder is None:
            raise unittest.SkipTest("not a server of our own")
        data = os.path.join(server.folder, "data")
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                def attempt():
                    self.session = self.connect()
                    running = self.begin("passed_over", read_ahead)
                    began = time.monotonic()
                    server.server_command("pg_ctl", "-D", data, "-m", "fast", "-W", "stop")
                    running.wait()
                    took = (running.ended - began) * 1000
                    self.eventually(lambda: not os.path.exists(os.path.join(data, "postmaster.pid")), "end of the server")
                    server.start()
                    return took

                # It is another program that sends the signal, and the postmaster that passes it on.
                self.in_time(attempt, 500 * support.PATIENCE)


def add_tests():
    for name in CASES:
        setattr(Endless, "test_%s_has_its_end" % name, lambda self, name=name: self.has_its_end(name))
        setattr(Endless, "test_%s_cancelled" % name,
                lambda self, name=name: self.stop_each(name, "pg_cancel_backend", ("57014",)))
        setattr(Endless, "test_%s_terminated" % name,
                lambda self, name=name: self.stop_each(name, "pg_terminate_backend", ("57P01", None)))


add_tests()

if __name__ == "__main__":
    unittest.main()
