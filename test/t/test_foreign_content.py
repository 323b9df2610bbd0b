"""A 200 that brings something else than an export: read where it is one in other clothes, else said in words what it is."""

import base64
import gzip
import io
import json
import zipfile
import zlib

import support

TARGETS = "SELECT target_id FROM ads.targets"
EVENTS = "SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 06:00Z'"
PAGE = ("<!DOCTYPE html>\n<html><head><meta charset='utf-8'><title>Service &amp; Maintenance</title><script>var secret = 1;</script></head>"
        "<body><p>" + "We are <b>sorry</b>. " * 500 + "</p></body></html>")
XML = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
MARK = b"\xef\xbb\xbf"


def zipped(files, **options):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


class ForeignContent(support.TestCase):
    def body(self, call, body, times=None, **more):
        if isinstance(body, str):
            body = body.encode()
        match = {"call": call} if times is None else {"call": call, "times": times}
        self.fault(match, body_base64=base64.b64encode(body).decode(), **more)

    def fails(self, call, query, body, *parts, tries=2):
        with self.subTest(call=call, words=parts[0]):
            self.clear_faults()
            self.session.run("SELECT adsexport_forget()")
            self.clear_log()
            self.body(call, body)
            error = self.expect_error("HV000", query, "what the server sent is not ", *parts)
            text = support.text_of_error(error)
            self.assertLess(len(text), 1500)
            self.assertNotRegex(text, "<|script|We are|malformed")
            self.assertEqual(self.count_calls(call), tries)

    def test_amazon(self):
        self.amazon(max_retries=1)
        for packed in (False, True):
            pack = gzip.compress if packed else lambda body: body
            for body, words in ((PAGE.encode(), 'it is an HTML page titled "Service'),
                                (b"upstream connect error", 'it is the text "upstream connect error"'),
                                (MARK + b"no healthy upstream", 'it is the text "no healthy upstream"'),
                                (b'{"message": "Too Many Requests"}', 'it is JSON that says "Too Many Requests"'),
                                (XML.encode(), "it is an XML document that says"),
                                (b"\xfe\x01\x02\x03" * 500, "it is binary data that begins")):
                self.fails("download", TARGETS, pack(body), words, "an export", "Profile 1111, export ")

    def test_packed_in_another_way(self):
        """That will be the same the next time."""
        self.amazon(max_retries=3)
        rows = json.dumps([{"targetId": "1"}]).encode()
        self.fails("download", TARGETS, gzip.compress(gzip.compress(rows)), "it is gzip data again: it is compressed twice", tries=1)
        self.fails("download", TARGETS, zipped({"targets.json": rows}), "it is a zip archive", tries=1)
        self.amplitude(max_retries=3)
        self.fails("export", EVENTS, gzip.compress(zipped({"1/1_2025-03-01_0#0.json.gz": gzip.compress(b"{}")})), "it is gzip data", tries=1)

    def test_profiles(self):
        self.amazon(max_retries=1)
        self.fails("profiles", "SELECT * FROM ads.profiles", PAGE, "a list of profiles", 'it is an HTML page titled "Service')

    def test_amplitude(self):
        self.amplitude(max_retries=1)
        for body, words in ((PAGE, 'it is an HTML page titled "Service'), ("rate limit exceeded", 'it is the text "rate limit exceeded"'),
                            ('{"error": "try again"}', 'it is JSON that says "try again"'), (XML, "it is an XML document that says")):
            self.fails("export", EVENTS, body, words, "an archive", "Hours 20250301T00 to 20250301T05")

    def test_it_heals(self):
        self.amazon(max_retries=1)
        self.body("download", PAGE, times=1)
        self.assertEqual(sorted(self.session.column(TARGETS)), sorted(str(record["targetId"]) for record in self.data().records("targets", "1111")))
        self.amplitude(max_retries=1)
        self.body("export", PAGE, times=1)
        self.assertEqual(sorted(self.session.column(EVENTS)), sorted(event["uuid"] for event in self.data().events("2025-03-01T00", "2025-03-01T05")))

    def test_content_encoding(self):
        """What was packed on its way is unpacked, on top of what the file is."""
        rows = json.dumps([{"targetId": str(number), "name": "x" * 200} for number in range(20000)]).encode()
        packed = gzip.compress(rows)
        self.amazon(max_retries=0)
        raw = zlib.compressobj(wbits=-15)
        for header, body in (("gzip", packed), ("gzip", rows), ("x-gzip, identity", packed), ("gzip", gzip.compress(packed)), ("deflate", zlib.compress(packed)),
                             ("deflate", zlib.compress(rows)), ("Deflate", raw.compress(rows) + raw.flush()), ("aws-chunked", packed),
                             ("identity", packed)):
            for read_ahead in ("on", "off"):
                with self.subTest(header=header, size=len(body), read_ahead=read_ahead):
                    self.clear_faults()
                    self.session.run("SELECT adsexport_forget(); SET adsexport_fdw.read_ahead = " + read_ahead)
                    self.body("download", body, content_encoding=header)
                    self.fault({"call": "status"}, file_size=len(packed))
                    self.assertEqual(self.session.rows("SELECT count(*), count(DISTINCT target_id) FROM ads.targets"), [(20000, 20000)])
        with self.subTest("a break"):
            self.amazon(max_retries=2)
            self.session.run("SELECT adsexport_forget()")
            self.clear_faults()
            self.fault({"call": "status"}, file_size=len(packed))
            self.fault({"call": "download", "times": 1}, cut_after=0.5, pause_after=0.4, pause_seconds=1)
            self.emulator.settings(export_encoding="content-encoding")
            self.emulator.control("POST", "/content", {"entity": "targets", "profile": 1111, "base64": base64.b64encode(gzip.compress(packed)).decode()})
            self.clear_log()
            self.assertEqual(self.session.value("SELECT count(DISTINCT target_id) FROM ads.targets"), 20000)
            self.assertEqual([call["status"] for call in self.calls("download")], [200, 206])
        self.amplitude(max_retries=0)
        archive = zipped({"1/1_2025-03-01_0#0.json.gz": gzip.compress(b'{"uuid": "11111111-1111-4111-8111-000000000001", "server_upload_time": "2025-03-01 00:00:01"}')})
        for header, body in (("gzip", gzip.compress(archive)), ("deflate", zlib.compress(archive)), ("gzip", archive)):
            with self.subTest(header=header, api="amplitude"):
                self.clear_faults()
                self.body("export", body, content_encoding=header)
                self.assertEqual(self.session.column(EVENTS), ["11111111-1111-4111-8111-000000000001"])

    def test_content_encoding_gone_wrong(self):
        rows = json.dumps([{"targetId": "1"}]).encode()
        self.amazon(max_retries=1)
        # Once rows were read of it, it is not read again from the beginning.
        for header, body, parts, tries in (("br", b"\x0b\x02\x80" + rows, ("is not an export", "Its Content-Encoding cannot be decoded"), 1),
                                           ("gzip, gzip", gzip.compress(gzip.compress(rows)), ("is not an export", "Its Content-Encoding cannot be decoded"), 1),
                                           ("gzip", gzip.compress(PAGE.encode()), ("is not an export", 'an HTML page titled "Service'), 2),
                                           ("gzip", gzip.compress(rows)[:-8] + b"12345678", ("checksum",), 1),
                                           ("deflate", zlib.compress(rows)[:-1] + b"1", ("deflated body: compressed data is corrupt",), 2),
                                           ("deflate", zlib.compress(rows)[:-1], ("deflated body: data ends too early",), 1),
                                           ("deflate", zlib.compress(rows) + b"1", ("deflated body: data follows its end",), 1)):
            with self.subTest(header=header, parts=parts):
                self.clear_faults()
                self.session.run("SELECT adsexport_forget()")
                self.clear_log()
                self.body("download", body, content_encoding=header)
                self.fault({"call": "status"}, file_size=1000)  # more than comes, which would be said instead
                self.expect_error("HV000", TARGETS, *parts)
                self.assertEqual(self.count_calls("download"), tries)

    def test_secrets(self):
        self.amplitude(max_retries=0)
        self.body("export", "<html><title>key %s failed</title></html>" % support.SECRET_KEY)
        error = self.expect_error("HV000", EVENTS, "an HTML page titled")
        self.assertNotIn(support.SECRET_KEY, support.text_of_error(error))

    def test_byte_order_marks(self):
        self.amazon(max_retries=0)
        rows = MARK + json.dumps([{"targetId": "1"}, {"targetId": "2"}]).encode()
        for body in (rows, gzip.compress(rows)):
            self.clear_faults()
            self.session.run("SELECT adsexport_forget()")
            self.body("download", body)
            self.fault({"call": "status"}, file_size=len(body))
            self.assertEqual(self.session.column(TARGETS), ["1", "2"])
        self.amplitude(max_retries=0)
        identifiers = ["11111111-1111-4111-8111-%012d" % number for number in range(4)]
        lines = [b'{"uuid": "%s", "server_upload_time": "2025-03-01 00:00:01"}\n' % identifier.encode() for identifier in identifiers]
        self.body("export", zipped({"1/1_2025-03-01_0#0.json.gz": gzip.compress(MARK + lines[0] + lines[1]), "1/1_2025-03-01_0#1.json.gz": gzip.compress(MARK),
                                    "1/1_2025-03-01_0#2.json.gz": gzip.compress(MARK + b"\r\n" + lines[2] + lines[3])}))
        self.assertEqual(sorted(self.session.column(EVENTS)), identifiers)
