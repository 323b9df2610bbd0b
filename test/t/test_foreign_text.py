"""What a server sends may hold any bytes. Wherever it is shown, in errors, notices, the log, functions and columns, it is printable and valid in
the encoding of the database."""

import base64
import gzip
import io
import re
import unicodedata
import unittest
import zipfile

import psycopg2

import support

CAMPAIGNS = "SELECT * FROM ads.campaigns"
EVENTS = "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 02:00Z'"

# C1 controls, marks that reverse the order of what follows or are not seen, separators of lines, and letters that only some encodings have.
ODD = "a\u009b31m\u202eb\u2066\u200b\ufeff\u2028\u0085\U000e0041 é я 靴 \U0001f600"
# The same with C0 controls, which no id may have.
ODDER = "line\nfeed \x1b[2J\x07\x7f \r\t" + ODD
INVALID = b"\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82"

# May they be seen?
UNSEEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")


def unprintable(text, but=""):
    return sorted({"U+%04X" % ord(character) for character in text if unicodedata.category(character) in UNSEEN and character not in but})


def zip_of(name, content=b'{"event_type": "x", "server_upload_time": "2025-03-01 00:30:00.000000"}\n'):
    """An archive of one file with that name, as bytes."""
    placeholder = "n" * len(name)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr(placeholder, gzip.compress(content))
    return output.getvalue().replace(placeholder.encode(), name)


class Base(support.TestCase):
    needs_log = True

    def setUp(self):
        super().setUp()
        self.amazon(max_retries=0)
        self.amplitude(max_retries=0)
        self.session = self.connect()
        self.session.run("SET adsexport_fdw.log_exports = on; SET client_min_messages = notice; SET adsexport_fdw.progress_interval = '100ms'")

    def amazon(self, *arguments, **options):
        """After TIMED_OUT an export is split. When one part fails, the others are left behind, and count for minutes if they are forgotten in progress."""
        super().amazon(*arguments, max_jobs="1000", **options)

    def answer(self, call, body, status=200, **action):
        body = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        self.fault({"call": call}, status=status, body_base64=base64.b64encode(body).decode(), **action)

    def check_text(self, text):
        self.assertEqual(unprintable(text, "\n\t"), [], ascii(text))

    def check_log(self):
        """Its lines are our words and the server's, so that no byte in it may be wrong."""
        with open(support.cluster().log_file, "rb") as file:
            file.seek(self.log_start)
            lines = re.split(rb"\n(?!\t)", file.read())
        own = [line for line in lines if b" [%d] " % self.session.pid in line]
        self.assertTrue(own)
        for line in own:
            self.check_text(line.decode("utf-8"))

    def check_query(self, query, sqlstate=None, session=None):
        """Returns what is shown: of the error, or the rows."""
        session = session or self.session
        try:
            shown = str([[str(value) for value in row] for row in session.rows(query)])
            self.assertIsNone(sqlstate, shown)
        except psycopg2.Error as problem:
            shown = support.text_of_error(problem)
            self.assertEqual(problem.pgcode, sqlstate, shown)
        self.check_text(shown.replace("\\n", " "))
        self.check_text(session.take_notices())
        return shown

    def check_exports(self, session=None):
        """A table made of it can be dumped and restored."""
        session = session or self.session
        session.run("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM adsexport_exports()")
        for row in session.rows("SELECT export_id, status, error, request::text FROM kept"):
            for value in row:
                self.check_text(value or "")
        session.run("CREATE TABLE again (LIKE kept)")
        dump = io.StringIO()
        with session.connection.cursor() as cursor:
            cursor.copy_expert("COPY kept TO STDOUT", dump)
            dump.seek(0)
            cursor.copy_expert("COPY again FROM STDIN", dump)
        session.run("DROP TABLE again")

    def check_everywhere(self, query, sqlstate, *words):
        shown = self.check_query(query, sqlstate)
        for word in words:
            self.assertIn(word, shown)
        self.check_exports()
        self.check_log()

    @staticmethod
    def json_text(text):
        """As it is, but for what JSON wants escaped."""
        return "".join("\\u%04x" % ord(character) if character < " " else character for character in text)


class ForeignText(Base):
    def test_failed_export(self):
        """Code, message and status word."""
        for key in ("errorCode", "message", "status"):
            # A failure of another kind than this is tried again.
            for text in (ODDER, "w" * 60 + ODD) if key != "errorCode" else (ODDER,):
                with self.subTest(key=key, text=ascii(text)):
                    self.clear_faults()
                    self.session.run("SELECT adsexport_forget()")
                    error = {"errorCode": "TIMED_OUT", "message": "m"}
                    status = "FAILED"
                    if key == "status":
                        status = text
                        self.amazon(max_retries=0, export_timeout="1s")
                    else:
                        error[key] = text
                        self.amazon(max_retries=0)
                    body = '{"exportId": "e", "status": "%s", "error": {"errorCode": "%s", "message": "%s"}}' % tuple(
                        self.json_text(value) for value in (status, error["errorCode"], error["message"]))
                    self.answer("request", '{"exportId": "e", "status": "IN_PROGRESS"}', 202)
                    self.answer("status", body)
                    self.check_everywhere(CAMPAIGNS, "53400" if key == "status" else "HV000")

    def test_invalid_utf_8(self):
        self.answer("request", '{"exportId": "e", "status": "IN_PROGRESS"}', 202)
        self.answer("status", b'{"exportId": "e", "status": "FAILED", "error": {"errorCode": "%b", "message": "%b"}}' % (INVALID, INVALID))
        self.check_everywhere(CAMPAIGNS, "HV000", "\\xff")

    def test_export_id(self):
        for text in (ODD.encode(), b"id-" + INVALID):
            with self.subTest(text=text):
                self.clear_faults()
                self.session.run("SELECT adsexport_forget()")
                self.answer("request", b'{"exportId": "%b", "status": "IN_PROGRESS"}' % text, 202, delay=0.15)
                self.answer("status", b'{"exportId": "%b", "status": "FAILED", "error": {"errorCode": "TIMED_OUT"}}' % text, delay=0.3)
                self.check_everywhere(CAMPAIGNS, "HV000")
                self.assertRegex(self.session.value("SELECT max(export_id) FROM adsexport_exports()"), r"\\x")

    def test_export_id_in_a_column(self):
        self.answer("request", b'{"exportId": "%b", "status": "IN_PROGRESS"}' % ODD.encode(), 202)
        link = self.emulator.url + "/nothing"
        self.answer("status", b'{"exportId": "%b", "status": "COMPLETED", "url": "%b"}' % (ODD.encode(), link.encode()))
        self.fault({"path": "/nothing"}, status=200, body='[{"campaignId": "1"}]')
        shown = self.session.value("SELECT DISTINCT export_id FROM ads.campaigns")
        self.check_text(shown)
        self.assertEqual(shown, self.session.value("SELECT export_id FROM adsexport_exports()"))
        self.assertIn(" é я 靴 ", shown)
        self.check_log()

    def test_errors_of_each_call(self):
        for call, query in (("token", CAMPAIGNS), ("request", CAMPAIGNS), ("status", CAMPAIGNS), ("download", CAMPAIGNS), ("profiles", "SELECT * FROM ads.profiles"),
                            ("export", EVENTS)):
            for body in (ODDER.encode(), INVALID, b'{"message": "%b"}' % self.json_text(ODDER).encode(), b"<html><title>%b</title>" % ODDER.encode()):
                with self.subTest(call=call, body=body):
                    self.clear_faults()
                    self.session.run("SELECT adsexport_forget()")
                    self.answer(call, body, 418, headers={"x-amzn-RequestId": "r\u009bé\xff"})
                    self.check_query(query, "28000" if call == "token" else "HV000")
        self.check_log()

    def test_names_in_archives(self):
        for name in (ODDER.encode() + b".json.gz", INVALID + b".json.gz", b"plain.json.gz"):
            with self.subTest(name=name):
                self.clear_faults()
                self.answer("export", zip_of(name))
                shown = self.session.value(EVENTS.replace("*", "DISTINCT archive_entry"))
                self.check_text(shown)
                self.assertTrue(shown.endswith(".json.gz"))
                self.session.run("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS " + EVENTS)
                self.clear_faults()
                self.answer("export", zip_of(name, b'{"event_type": "x", "server_upload_time": "2025-03-01 00:30:00"}\n{"event_type": "x" "'))
                self.check_everywhere(EVENTS, "HV000", "archive entry")
                self.session.run("CREATE FOREIGN TABLE IF NOT EXISTS numbers (event_type integer, server_upload_time timestamptz) SERVER amplitude "
                                 "OPTIONS (entity 'amplitude_events')")
                self.clear_faults()
                self.answer("export", zip_of(name))
                self.check_query(EVENTS.replace("product.amplitude_events", "numbers"), "22P02")
        self.check_log()

    def test_values(self):
        """Those that fit no column are shown, too; so are those of the server's own input functions."""
        columns = {"integer": "22P02", "date": "22007", "timestamptz": "22007", "boolean": "22P02", "uuid": "22P02", "inet": "22P02", "numeric": "22P02",
                   "varchar(3)": "22001", "interval": "22007"}
        for type_name, sqlstate in columns.items():
            with self.subTest(type=type_name):
                self.clear_faults()
                self.session.run("SELECT adsexport_forget()")
                self.answer("export", zip_of(b"plain.json.gz", b'{"event_type": "%b", "server_upload_time": "2025-03-01 00:30:00"}' % self.json_text(ODDER).encode()))
                self.session.run("DROP FOREIGN TABLE IF EXISTS one")
                self.session.run("CREATE FOREIGN TABLE one (event_type %s, server_upload_time timestamptz) SERVER amplitude "
                                 "OPTIONS (entity 'amplitude_events')" % type_name)
                self.check_query(EVENTS.replace("product.amplitude_events", "one"), sqlstate)
        self.check_log()


class OtherEncodings(Base):
    """Words that the database has no letters for are no second error."""

    def test_other_encodings(self):
        for encoding, has, lacks in (("EUC_JP", "靴", "\U0001f600"), ("WIN1251", "я", "靴"), ("LATIN1", "é", "я"), ("SQL_ASCII", "é", "")):
            with self.subTest(encoding=encoding):
                self.in_database(encoding, has, lacks)

    def in_database(self, encoding, has, lacks):
        name = self.database + "_" + encoding.lower()
        support.cluster().run("DROP DATABASE IF EXISTS %s" % name,
                              "CREATE DATABASE %s TEMPLATE template0 ENCODING '%s' LC_COLLATE 'C' LC_CTYPE 'C'" % (name, encoding))
        session = support.Session(name)
        try:
            self.set_up(session)
            self.look(session, has, lacks)
        finally:
            session.close()
            support.cluster().drop_database(name)

    def set_up(self, session):
        session.run("CREATE EXTENSION adsexport_fdw; CREATE SCHEMA ads; CREATE SCHEMA product")
        session.run("CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(
            {"api": "amazon_ads", "endpoint": self.emulator.url, "token_endpoint": self.emulator.url + "/auth/o2/token", "profile_ids": "1111",
             "poll_interval": "100ms", "max_retries": "0", "max_jobs": "1000"}))
        session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER amazon " + support.option_list(self.amazon_mapping()))
        session.run("IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads")
        session.run("CREATE SERVER amplitude FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(
            {"api": "amplitude", "endpoint": self.emulator.url, "max_retries": "0"}))
        session.run("CREATE USER MAPPING FOR CURRENT_USER SERVER amplitude " + support.option_list({"api_key": support.API_KEY, "secret_key": support.SECRET_KEY}))
        session.run("IMPORT FOREIGN SCHEMA exports FROM SERVER amplitude INTO product")

    def look(self, session, has, lacks):
        self.clear_faults()
        text = self.json_text(ODDER)
        self.answer("request", b'{"exportId": "%b", "status": "IN_PROGRESS"}' % ODD.encode(), 202)
        # Of this kind, which is not tried again.
        self.answer("status", ('{"exportId": "%s", "status": "FAILED", "error": {"errorCode": "TIMED_OUT", "message": "%s"}}' % (ODD, text)).encode())
        shown = self.check_query(CAMPAIGNS, "HV000", session)
        if lacks and session.connection.server_version < 140000:
            # No conversion there stops before a character that it cannot convert, so all of them are escaped.
            self.assertNotIn(has, shown)
            has = "".join("\\x%02x" % byte for byte in has.encode())
        self.assertIn(has, shown)
        if lacks:
            self.assertNotIn(lacks, shown)
        self.check_exports(session)
        for name in (ODDER.encode() + b".json.gz", INVALID + b".json.gz"):
            self.clear_faults()
            self.answer("export", zip_of(name))
            self.check_query(EVENTS.replace("*", "DISTINCT archive_entry"), None, session)
            self.clear_faults()
            self.answer("export", zip_of(name, b'{"event_type": "x" "'))
            self.check_query(EVENTS, "HV000", session)
            self.check_exports(session)
        for call, query in (("token", CAMPAIGNS), ("export", EVENTS)):
            self.clear_faults()
            session.run("SELECT adsexport_forget()")
            self.answer(call, ODDER, 418)
            self.check_query(query, "28000" if call == "token" else "HV000", session)


if __name__ == "__main__":
    unittest.main()
