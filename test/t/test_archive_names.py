"""Files of an archive that are not named as the vendor names them."""

import gzip
import io
import json
import os
import unittest
import zipfile

import support

RANGE = "server_upload_time >= '2025-03-01 00:00+00' AND server_upload_time < '2025-03-01 12:00+00'"
IDS = "SELECT string_agg(user_id, ',' ORDER BY user_id) FROM product.amplitude_events WHERE " + RANGE


def line(user):
    return json.dumps({"user_id": user, "server_upload_time": "2025-03-01 05:00:00.000000"}).encode() + b"\n"


class Stream(io.RawIOBase):
    """Cannot be sought in, so that sizes go to descriptors."""

    def __init__(self):
        super().__init__()
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)


def archive(files, method=zipfile.ZIP_STORED, descriptors=False):
    output = Stream() if descriptors else io.BytesIO()
    with zipfile.ZipFile(output, "w", method) as file:
        for name, content in files:
            if descriptors and method == zipfile.ZIP_STORED:
                with file.open(zipfile.ZipInfo(name), "w") as entry:
                    entry.write(content)
            else:
                file.writestr(name, content)
    return bytes(output.data) if descriptors else output.getvalue()


class Names(support.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.make_folder()

    def setUp(self):
        super().setUp()
        self.amplitude()

    def serve(self, data):
        path = os.path.join(self.folder, "archive.zip")
        with open(path, "wb") as file:
            file.write(data)
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})

    def in_each_layout(self, files, check):
        """The same files in each way to store them."""
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for descriptors in (False, True):
                with self.subTest(method=method, descriptors=descriptors):
                    self.serve(archive(files, method, descriptors))
                    self.session.take_notices()
                    check()

    def test_other_spellings(self):
        files = [("1/a.json.gz", gzip.compress(line("a"))), ("1/b.json", line("b")), ("1/c.JSON.GZ", gzip.compress(line("c"))),
                 ("1/d.gz", gzip.compress(line("d"))), ("1/E.JSON", line("e") + line("f"))]
        def check():
            self.assertEqual(self.session.value(IDS), "a,b,c,d,e,f")
            self.assertEqual(self.session.take_notices(), "")

        self.in_each_layout(files, check)

    def test_one_spelling_only(self):
        for name, content in (("1/x.json", line("x")), ("1/x.gz", gzip.compress(line("x"))), ("1/x.JSON.GZ", gzip.compress(line("x")))):
            self.in_each_layout([(name, content)], lambda: self.assertEqual(self.session.value(IDS), "x"))

    def test_some_are_passed_over(self):
        text = b"PK\x03\x04 some words, PK\x07\x08 and more of them\n" * 3000
        files = [("readme.txt", text), ("1/a.json.gz", gzip.compress(line("a"))), ("__MACOSX/1/._a.json.gz", b"notes"),
                 ("1/", b""), ("1/.DS_Store", b"\0\0\0\1Bud1"), ("1/list.json", b"[1, 2]"), ("1/page.gz", gzip.compress(b"<html>")),
                 ("1/b.json.gz", gzip.compress(line("b")))]
        def check():
            self.assertEqual(self.session.value(IDS), "a,b")
            notices = self.session.take_notices()
            self.assertIn("WARNING:  3 files in the archives of foreign table \"amplitude_events\" are not exports and were passed over", notices)
            self.assertIn("The first: \"readme.txt\".", notices)
            self.assertEqual(notices.count("WARNING"), 1)
            plan = self.session.value("EXPLAIN (ANALYZE, FORMAT JSON) " + IDS)
            self.assertEqual(str(plan).count("'Entries Passed Over': Decimal('3')") + str(plan).count("'Entries Passed Over': 3"), 1, plan)

        self.in_each_layout(files, check)

    def test_none_is_an_export(self):
        def check():
            self.clear_log()
            error = self.expect_error("HV000", IDS, "zip archive holds no export file, but 4 other:", "b.txt", "c.json")
            self.assertNotIn("\x1b", str(error))
            # Another download would be no other.
            self.assertEqual(self.count_calls("export"), 1)
        self.in_each_layout([("a\x1b.csv", b"1,2\n"), ("b.txt", b"words"), ("c.json", b"[]"), ("d.json", b"null")], check)
        self.in_each_layout([("folder/", b"")],
                            lambda: self.expect_error("HV000", IDS, 'holds no export file, but 1 other: "folder/"'))

    def test_an_empty_archive(self):
        self.serve(archive([]))
        self.assertIsNone(self.session.value(IDS))


if __name__ == "__main__":
    unittest.main()
