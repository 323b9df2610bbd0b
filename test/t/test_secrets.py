"""No secret is ever shown: not in errors, notices, plans or functions, and not in the log, however much it logs."""

import base64
import glob
import gzip
import hashlib
import io
import json
import os
import re
import time
import unittest
import urllib.parse
import zipfile

import psycopg2

import support
from test_fault_table import FAULTS

# So much of the beginning of a secret may not be seen anywhere; "Atzr|" and the like tell nothing.
TELLING = 18

CAMPAIGNS = "SELECT * FROM ads.campaigns"
EVENTS = "SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 02:00Z'"


class Secrets(support.TestCase):
    def setUp(self):
        super().setUp()
        self.mapping = self.amazon_mapping()
        # Exports whose status is refused are left behind, and count for minutes.
        self.amazon(max_retries=0, max_jobs=1000)
        self.amplitude(max_retries=0)
        # From here on everything is logged.
        self.log_begin = support.cluster().log_size()
        self.session = self.connect()
        for name, value in (("log_min_messages", "debug5"), ("client_min_messages", "debug5"), ("log_error_verbosity", "verbose"),
                            ("debug_print_parse", "on"), ("debug_print_rewritten", "on"), ("debug_print_plan", "on"),
                            ("log_min_error_statement", "debug5"), ("adsexport_fdw.log_exports", "on")):
            self.session.run("SET %s = %s" % (name, value))
        self.seen = []

    def access_token(self, number=1):
        seed = self.emulator.control("GET", "/settings")["seed"]
        noise = hashlib.sha512(("token %d %d" % (seed, number)).encode()).digest() * 4
        return "Atza|" + base64.b64encode(noise).decode()

    def secrets(self):
        """{name: text} of what must not be seen."""
        found = {"client secret": self.mapping["client_secret"], "refresh token": self.mapping["refresh_token"], "secret key": support.SECRET_KEY,
                 "API key": support.API_KEY, "static token": support.STATIC_ACCESS_TOKEN,
                 "basic credentials": base64.b64encode((support.API_KEY + ":" + support.SECRET_KEY).encode()).decode()}
        for call in self.calls("token"):
            if call["token"]:
                found["access token %d" % call["token"]] = self.access_token(call["token"]).partition("|")[2]
        for number, call in enumerate(self.calls("download")):
            fields = dict(urllib.parse.parse_qsl(call["query"]))
            for name in ("X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential"):
                if name in fields:
                    found["%s %d" % (name, number)] = fields[name]
                    found["%s %d as sent" % (name, number)] = urllib.parse.quote(fields[name], safe="")
        found.update({name + ", encoded": urllib.parse.quote_plus(text) for name, text in list(found.items())})
        return found

    def check(self, *more):
        """None of the secrets is in what was seen, or in the log; a beginning long enough to tell is as bad."""
        texts = {"what the client saw": "\n".join(self.seen) + self.session.take_notices()}
        self.seen = []
        if support.cluster().log_file:
            texts["the log"] = support.cluster().log_text(self.log_begin)
            self.log_begin = support.cluster().log_size()
            self.assertIn("DEBUG", texts["the log"])
        secrets = self.secrets()
        secrets.update(("given %d" % number, text) for number, text in enumerate(more))
        for where, text in texts.items():
            for name, secret in secrets.items():
                place = text.find(secret[:TELLING])
                self.assertEqual(place, -1, "%s is in %s: ...%s..." % (name, where, text[max(0, place - 200):place + 100]))

    def try_query(self, query, *values):
        try:
            self.seen.append(str(self.session.rows(query, *values)))
        except psycopg2.Error as problem:
            self.seen.append(str(problem))
            for name in dir(problem.diag):
                if not name.startswith("_"):
                    self.seen.append(str(getattr(problem.diag, name)))
            return problem
        return None

    def look_around(self):
        self.try_query("SELECT * FROM adsexport_exports()")
        self.try_query("SELECT adsexport_exports()::text")
        self.try_query("SELECT query, application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        self.try_query("SELECT * FROM pg_stat_activity")
        for format in ("TEXT", "XML", "JSON", "YAML"):
            for query in (CAMPAIGNS, EVENTS, "SELECT * FROM ads.profiles"):
                self.assertIsNone(self.try_query("EXPLAIN (VERBOSE, SETTINGS, FORMAT %s) %s" % (format, query)))

    def views(self):
        """What the catalogue shows to others than the owner of the secrets."""
        watcher = self.connect()
        watcher.run("DO $$ BEGIN CREATE ROLE adsexport_t_nosy; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        watcher.run("GRANT USAGE ON FOREIGN SERVER amazon, amplitude TO adsexport_t_nosy; GRANT pg_read_all_stats, pg_read_all_settings TO adsexport_t_nosy; "
                    "SET ROLE adsexport_t_nosy")
        found = [str(watcher.rows("SELECT * FROM " + view)) for view in (
            "pg_user_mappings", "information_schema.user_mapping_options", "information_schema.foreign_server_options", "information_schema.foreign_table_options",
            "pg_foreign_server", "pg_foreign_table", "pg_stat_activity", "pg_settings", "pg_prepared_statements", "pg_cursors")]
        watcher.run("RESET ROLE; REVOKE USAGE ON FOREIGN SERVER amazon, amplitude FROM adsexport_t_nosy; DROP OWNED BY adsexport_t_nosy; DROP ROLE adsexport_t_nosy")
        watcher.close()
        return found

    def test_when_all_is_well(self):
        for query in (CAMPAIGNS, "SELECT * FROM ads.targets LIMIT 3", "SELECT * FROM ads.profiles", EVENTS, "EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) SELECT * FROM ads.ads",
                      "EXPLAIN (ANALYZE) " + EVENTS):
            self.assertIsNone(self.try_query(query))
        self.look_around()
        self.check()

    def test_every_format_of_a_plan_that_ran(self):
        for format in ("TEXT", "XML", "JSON", "YAML"):
            for query in (CAMPAIGNS, "SELECT * FROM ads.profiles", EVENTS):
                self.assertIsNone(self.try_query("EXPLAIN (ANALYZE, VERBOSE, SETTINGS, FORMAT %s) %s" % (format, query)))
        self.check()

    def test_views_of_the_catalogue(self):
        self.assertIsNone(self.try_query(CAMPAIGNS))
        self.session.run("PREPARE p AS " + CAMPAIGNS)
        self.try_query("EXECUTE p")
        found = self.views()
        self.assertIn("emulator", "".join(found).replace("127.0.0.1", "emulator"), "nothing was looked at")
        self.seen += found
        self.check()

    def test_log_lines_of_exports(self):
        self.begin = support.cluster().log_size()
        self.assertIsNone(self.try_query(CAMPAIGNS))
        self.assertIsNone(self.try_query(EVENTS))
        self.fault({"call": "download"}, status=403, body_kind="s3")
        self.assertIsNotNone(self.try_query("SELECT * FROM ads.ads"))
        if support.cluster().log_file:
            text = support.cluster().log_text(self.begin)
            for outcome in ("read", "failed"):
                self.assertIn("export %s: table" % outcome, text)
        self.check()

    def test_every_wait(self):
        """Looked at from another session while it lasts, and cancelled."""
        self.session.run("SET adsexport_fdw.progress_interval = '100ms'")
        profiles = "SELECT * FROM ads.profiles"
        for query, fault, action in ((CAMPAIGNS, "token", {"hang": True}), (profiles, "profiles", {"hang": True}), (CAMPAIGNS, "request", {"hang": True}),
                                     (CAMPAIGNS, "request", {"export_delay": 60}), (CAMPAIGNS, "status", {"hang": True}),
                                     (CAMPAIGNS, "request", {"status": 429, "retry_after": 60, "body_kind": "html"}),
                                     (CAMPAIGNS, "download", {"hang": True}), (CAMPAIGNS, "download", {"stall_after": 0.5}),
                                     (EVENTS, "export", {"hang": True}), (EVENTS, "export", {"stall_after": 0.5}), (EVENTS, "export", {"status": 503})):
            with self.subTest(call=fault, action=action):
                self.clear_faults()
                self.amazon(max_retries=3)
                self.amplitude(max_retries=3)
                self.session.run("SELECT adsexport_forget()")
                self.fault({"call": fault}, **action)
                calls = self.count_calls(fault)
                running = self.session.start(query)
                self.wait_for_call(fault, calls + 1)
                time.sleep(0.25)
                self.seen += self.views()
                self.cancel(running)
                self.assertEqual(running.error.pgcode, "57014")
                self.seen.append(support.text_of_error(running.error))
                self.clear_faults()
                self.look_around()
                self.check()

    def check_every_failure(self, call, query, **options):
        for kind, action in FAULTS.items():
            with self.subTest(call=call, fault=kind):
                self.clear_faults()
                self.session.run("SELECT adsexport_forget()")
                self.fault({"call": call}, **action)
                self.try_query(query)
                self.try_query("SELECT * FROM adsexport_exports()")
                self.check()

    def test_every_failure_of_amazon(self):
        self.amazon(max_retries=0, stall_timeout="200ms", export_timeout="1s")
        for call in ("token", "request", "status", "download"):
            self.check_every_failure(call, CAMPAIGNS)

    def test_every_failure_of_the_list_of_profiles(self):
        self.amazon(max_retries=0, stall_timeout="200ms", export_timeout="1s", profile_ids=None)
        self.check_every_failure("profiles", CAMPAIGNS)
        self.check_every_failure("profiles", "SELECT * FROM ads.profiles")

    def test_every_failure_of_amplitude(self):
        self.amplitude(max_retries=0, stall_timeout="200ms", export_timeout="1s")
        self.check_every_failure("export", EVENTS)

    def test_curl_tells_nothing_by_itself(self):
        """Its verbose output would have headers with tokens: it is not compiled in."""
        for path in glob.glob(os.path.join(support.FOLDER, "../../src/*/*.c")):
            with open(path) as file:
                self.assertNotRegex(file.read(), "CURLOPT_(VERBOSE|DEBUGFUNCTION|STDERR)", path)

    def test_one_door_for_foreign_text(self):
        """Where it is cut, escaped and redacted: nobody else does a part of that."""
        for path in glob.glob(os.path.join(support.FOLDER, "../../src/*/*.c")):
            with open(path) as file:
                text = file.read()
            if os.path.basename(path) not in ("foreign_text.c", "redact.c", "message.c", "body_words.c"):
                self.assertNotRegex(text, r"\bredact_|\b(message_error_text|body_words)\(", path)
            for call in re.findall(r"(?s)\bfailure_(?:set|add_detail|set_hint)\(.*?;", text):
                self.assertNotRegex(re.sub(r"(?s)foreign_(?:text|body)\(.*?\)|\w+\[0\]", "", call), r"request_failure_message|error_text|error_code\b|status_word\b|->id\b|->etag|error->message", path)

    def test_the_check_itself(self):
        """It would find a secret."""
        self.assertIsNone(self.try_query(CAMPAIGNS))
        self.check()
        self.session.connection.cursor().execute("DO $$ BEGIN RAISE NOTICE '%s'; END $$" % self.access_token()[5:60])
        with self.assertRaises(AssertionError):
            self.check()

    def test_progress_notices(self):
        self.emulator.settings(export_delay=0.6)
        self.session.run("SET adsexport_fdw.progress_interval = '100ms'")
        self.fault({"call": "download"}, drip=5000)
        self.assertIsNone(self.try_query(CAMPAIGNS))
        self.check()

    def test_bad_credentials(self):
        for change in ({"client_secret": "another-secret-that-is-wrong"}, {"refresh_token": "Atzr|another-token-that-is-wrong"}):
            with self.subTest(change=change):
                self.mapping = self.amazon_mapping(**change)
                self.amazon(max_retries=0, mapping=self.mapping)
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.look_around()
                self.check()
        self.amplitude(mapping={"api_key": "wrong-key-of-a-project", "secret_key": "wrong-secret-of-a-project"})
        self.assertIsNotNone(self.try_query(EVENTS))
        self.check("wrong-key-of-a-project", "wrong-secret-of-a-project")

    def test_given_token(self):
        self.amazon(mapping={"client_id": support.DEFAULT_CLIENT, "access_token": "Atza|a-given-token-that-is-refused"}, max_retries=0)
        self.assertIsNotNone(self.try_query(CAMPAIGNS))
        self.assertIsNotNone(self.try_query("SELECT * FROM ads.profiles"))
        self.look_around()
        self.check("a-given-token-that-is-refused")

    # A server that echoes what it was told

    def echoes(self, secret, encodings=("plain", "percent")):
        for call in ("token", "request", "status", "profiles", "download", "export"):
            for kind in ("gateway", "universal", "text", "html", "s3"):
                for encoding in encodings:
                    yield call, kind, secret if encoding == "plain" else urllib.parse.quote_plus(secret)

    def check_echo(self, secret, calls, **options):
        for call, kind, text in self.echoes(secret, **options):
            if call not in calls:
                continue
            with self.subTest(call=call, kind=kind, text=text[:20]):
                self.clear_faults()
                self.session.run("SELECT adsexport_forget()")
                self.emulator.control("POST", "/reset")  # tokens have the same numbers again
                status = 401 if call in ("request", "status") else 400 if call != "download" else 418
                self.fault({"call": call}, status=status, body_kind=kind, message="do not know %s, sorry" % text)
                query = EVENTS if call == "export" else "SELECT * FROM ads.profiles" if call == "profiles" else CAMPAIGNS
                problem = self.try_query(query)
                self.assertIsNotNone(problem)
                if kind != "html":
                    self.assertIn("do not know", support.text_of_error(problem), "the echo was not shown, so nothing was tested")
                self.try_query("SELECT error FROM adsexport_exports()")
                self.check(secret, text)

    def test_client_secret_echoed(self):
        self.check_echo(self.mapping["client_secret"], ("token", "request", "status", "profiles"))

    def test_refresh_token_echoed(self):
        self.check_echo(self.mapping["refresh_token"], ("token", "request", "status", "profiles"))

    def test_access_token_echoed(self):
        self.check_echo(self.access_token(1), ("profiles",))
        # A 401 leads to a second token, and it is that one the last answer could echo.
        self.check_echo(self.access_token(2), ("request", "status"))

    def test_keys_of_amplitude_echoed(self):
        for secret in (support.API_KEY, support.SECRET_KEY, base64.b64encode((support.API_KEY + ":" + support.SECRET_KEY).encode()).decode()):
            self.check_echo(secret, ("export",))

    def test_echo_that_is_cut_off(self):
        """Messages are shown up to a length: a secret may not be cut so that it is no longer known for one."""
        for length in range(430, 520, 7):
            with self.subTest(length=length):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": "token"}, status=400, body_kind="gateway", message="x" * length + self.mapping["refresh_token"] + " is wrong")
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.check()

    def test_echo_with_escapes(self):
        """JSON may write the same text in several ways."""
        secret = self.mapping["client_secret"]
        for text in (secret.replace("/", "\\/"), "".join("\\u%04x" % ord(letter) for letter in secret), secret.replace("&", "\\u0026")):
            with self.subTest(text=text):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": "token"}, status=400, body='{"message": "do not know %s"}' % text)
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.check(text)

    def test_echo_in_other_spellings(self):
        """Of a body that is no JSON with a message the text is shown as it came."""
        secret = self.mapping["client_secret"]
        html = secret.replace("&", "&amp;")
        for body, shown in (('{"weird": "no %s"}' % secret.replace("/", "\\/"), secret.replace("/", "\\/")),
                            ("<html><title>no %s</title></html>" % html, html),
                            ("<Error><Code>X</Code><Message>no %s</Message></Error>" % html, html),
                            ("no " + secret.replace("+", "%2b").replace("/", "%2f"), secret.replace("+", "%2b").replace("/", "%2f")),
                            ("no " + secret[1:], secret[1:])):
            with self.subTest(body=body):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": "token"}, status=400, body=body)
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.check(shown, "emulator-secret")

    def test_what_is_no_link(self):
        """A question mark, or the beginning of XML, has no signature behind it."""
        for message in ('expected {}, but found <?xml version="1.0" encoding="UTF-8"?>', "Who are you? We do not know you."):
            self.session.run("SELECT adsexport_forget()")
            self.clear_faults()
            self.fault({"call": "token"}, status=400, body_kind="gateway", message=message)
            self.assertIn(message, support.text_of_error(self.try_query(CAMPAIGNS)))

    def test_request_id_that_echoes(self):
        self.fault({"call": "token"}, status=400, body_kind="gateway", headers={"x-amzn-RequestId": self.mapping["refresh_token"]})
        self.assertIsNotNone(self.try_query(CAMPAIGNS))
        self.check()

    def test_failed_export_that_echoes(self):
        """In its id, its status, the code of its error, or the message."""
        secret = self.mapping["client_secret"]
        for key in ("exportId", "status", "errorCode", "message"):
            for text in (secret, "not " + secret + " again", "x" * 50 + secret):
                with self.subTest(key=key, text=text):
                    self.clear_faults()
                    self.amazon(max_retries=0, export_timeout="300ms")
                    self.session.run("SELECT adsexport_forget()")
                    export = text if key == "exportId" else "e"
                    error = {"errorCode": "TIMED_OUT", "message": "too much"}
                    if key in error:
                        error[key] = text
                    self.fault({"call": "request"}, status=202, body={"exportId": export, "status": "IN_PROGRESS"})
                    self.fault({"call": "status"}, status=200, body={"exportId": export, "status": text if key == "status" else "FAILED", "error": error})
                    self.assertIsNotNone(self.try_query(CAMPAIGNS))
                    self.look_around()
                    self.check("emulator-secret")

    def answer_events(self, content, name="1/a.json.gz"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as writer:
            writer.writestr(name, gzip.compress(content))
        self.clear_faults()
        self.fault({"call": "export"}, status=200, body_base64=base64.b64encode(archive.getvalue()).decode())

    def events_with(self, type_name, **options):
        """A query of events whose event_type has that type."""
        self.session.run("DROP FOREIGN TABLE IF EXISTS echoed; CREATE FOREIGN TABLE echoed (event_type %s, server_upload_time timestamptz) SERVER amplitude %s" %
                         (type_name, support.option_list({"entity": "amplitude_events", **options})))
        return EVENTS.replace("product.amplitude_events", "echoed")

    EVENT = '{"event_type": "%s", "server_upload_time": "2025-03-01 00:30:00"}\n'

    def test_name_in_an_archive_that_echoes(self):
        name = "1/%s.json.gz" % support.SECRET_KEY
        self.answer_events(b'{"x": 1 "', name)
        self.assertIsNotNone(self.try_query(EVENTS))
        self.look_around()
        self.check("emulator:secret")
        # Where a value is wrong, too, by our conversion and by a type's own, and in the warning about NULLs.
        for length in (0, 20, 50):
            self.answer_events((self.EVENT % "x").encode(), "1/" + "n" * length + support.SECRET_KEY + ".json.gz")
            for type_name in ("integer", "inet"):
                with self.subTest(length=length, type=type_name):
                    problem = self.try_query(self.events_with(type_name))
                    self.assertIn("archive entry", problem.diag.context)
                    self.assertIsNone(self.try_query(self.events_with(type_name, on_invalid="null")))
                    self.assertRegex(self.session.take_notices(), "The first: .*archive entry")
                    self.check("emulator:secret")

    def test_value_that_echoes(self):
        """One that does not fit its column is shown in the error, by our conversion or by the type's own."""
        secret = support.SECRET_KEY
        self.session.run("DROP DOMAIN IF EXISTS short_text CASCADE; CREATE DOMAIN short_text AS text CHECK (length(VALUE) < 2)")
        for text in (secret, "no %s, sorry" % secret, "x" * 50 + secret, "x" * 485 + secret, "x" * 10000 + secret):
            self.answer_events((self.EVENT % text).encode() * 3)
            for type_name in ("integer", "date", "timestamptz", "boolean", "uuid", "numeric", "varchar(3)", "inet", "interval", "tsquery", "integer[]", "short_text"):
                with self.subTest(text=text[:60], type=type_name):
                    problem = self.try_query(self.events_with(type_name))
                    if problem is None:
                        self.assertEqual(type_name, "tsquery")
                        self.seen = []
                        continue
                    self.assertIn("echoed", problem.diag.context)
                    self.assertIsNone(self.try_query(self.events_with(type_name, on_invalid="null")))
                    notices = self.session.take_notices()
                    self.assertRegex(notices, "3 values of foreign table")
                    self.seen.append(notices)
                    self.check("emulator:secret")
        # A value that fits is data.
        self.answer_events((self.EVENT % secret).encode())
        self.assertEqual(self.session.value(self.events_with("text").replace("*", "event_type")), secret)
        self.session.run("DROP FOREIGN TABLE echoed; DROP DOMAIN short_text")

    # Signed links

    SIGNATURE = "0123456789abcdef" * 4
    QUERY = "X-Amz-Security-Token=IQoJb3JpZ2luX2VjEabcdefghijklmnopq&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + SIGNATURE

    def check_link(self):
        self.look_around()
        self.check(self.SIGNATURE, "IQoJb3JpZ2luX2VjEabcdefghijklmnopq", "password-in-a-link")

    def test_links_that_can_not_be_used(self):
        for base in (self.emulator.url + "/s3/CAMPAIGN/x", "https://host.invalid/x", "http://127.0.0.1:1/x", "http://10.0.0.1/x", "ftp://127.0.0.1/x",
                     "https://user:password-in-a-link@127.0.0.1:1/x", "https://127.0.0.1:1/ x", "http://127.0.0.1:999999/x"):
            with self.subTest(base=base):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": "status"}, url=base + "?" + self.QUERY)
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.check_link()

    def test_the_store_echoes_the_link(self):
        self.fault({"call": "status"}, url=self.emulator.url + "/s3/CAMPAIGN/x?" + self.QUERY)
        for status in (403, 418, 500):
            for kind in ("s3", "text", "html"):
                with self.subTest(status=status, kind=kind):
                    self.session.run("SELECT adsexport_forget()")
                    self.fault({"call": "download", "times": 2}, status=status, body_kind=kind, message="/CAMPAIGN/x?%s is no good" % self.QUERY)
                    self.assertIsNotNone(self.try_query(CAMPAIGNS))
                    self.check_link()

    def test_a_status_that_can_not_be_read(self):
        """Its body holds the link."""
        link = self.emulator.url + "/s3/CAMPAIGN/x?" + self.QUERY
        for body in (json.dumps({"status": "COMPLETED", "url": link}), json.dumps({"exportId": "x", "status": "COMPLETED", "url": link})[:-20],
                     '{"url":"%s"' % link, json.dumps([{"url": link}]), link, "<html><title>%s</title></html>" % link):
            with self.subTest(body=body[:30]):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": "status"}, status=200, body=body)
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.check_link()

    def test_a_status_that_is_cut_short(self):
        self.fault({"call": "status"}, truncate=-10)
        self.assertIsNotNone(self.try_query(CAMPAIGNS))
        # The link of this answer is in nobody's log; its beginning is always the same.
        self.check("IQoJb3JpZ2luX2VjE")

    def test_a_failed_export_that_tells_a_link(self):
        self.fault({"call": "status"}, status=200, body={"exportId": "x", "status": "FAILED", "error": {"errorCode": "TIMED_OUT", "message": self.QUERY}})
        self.try_query(CAMPAIGNS)
        self.check_link()

    def test_a_token_answer_that_can_not_be_read(self):
        for body in ('{"access_token": "Atza|half-of-an-answer-with-a-token', '{"token": "Atza|half-of-an-answer-with-a-token"}', "Atza|half-of-an-answer-with-a-token"):
            with self.subTest(body=body):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": "token"}, status=200, body=body)
                self.assertIsNotNone(self.try_query(CAMPAIGNS))
                self.check("half-of-an-answer-with-a-token")

    def test_broken_transfers(self):
        for call, action in (("download", {"cut_after": 0.5}), ("download", {"corrupt_byte": 0.5}), ("download", {"hang": 0.1}), ("status", {"cut_after": 0.5}),
                             ("token", {"cut_after": 0.5}), ("request", {"drop_connection_before_response": "reset"}), ("export", {"cut_after": 0.5}),
                             ("download", {"expire_url": True}), ("download", {"status": 307, "headers": {"Location": "http://127.0.0.1:1/?X-Amz-Signature=" + SIGNATURE_2}})):
            with self.subTest(call=call, action=action):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.fault({"call": call}, **action)
                self.assertIsNotNone(self.try_query(EVENTS if call == "export" else CAMPAIGNS))
                self.look_around()
                self.check(SIGNATURE_2)


SIGNATURE_2 = "fedcba9876543210" * 4


class Memory(support.TestCase):
    """What was sent and received is not left behind in the backend's memory, freed or not."""

    emulator_options = ("--tls",)
    WORDS = ("Atza|", "grant_type=refresh_token", "Authorization: B", "X-Amz-Signature=")

    def test_after_forgetting(self):
        for url in (self.emulator.url, self.emulator.tls_url):
            with self.subTest(url=url):
                self.session = self.connect()
                self.amazon(endpoint=url, profile_ids=None, ca_file=self.emulator.ca_file)
                self.amplitude(endpoint=url, ca_file=self.emulator.ca_file)
                self.session.rows("SELECT 1 FROM ads.campaigns")
                self.session.rows("SELECT 1 FROM ads.targets")
                self.session.rows("SELECT 1 FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00Z' AND "
                                  "server_upload_time < '2025-03-01 02:00Z'")
                # The token in use is there.
                self.assertGreater(self.session.count_in_memory(self.WORDS)["Atza|"], 0)
                self.session.run("SELECT adsexport_forget()")
                self.assertEqual(self.session.count_in_memory(self.WORDS), dict.fromkeys(self.WORDS, 0))


class Options(support.TestCase):
    """Statements that set secrets, when they are refused, and where the server itself writes them down."""

    needs_log = True

    def test_statements_in_the_log(self):
        """What docs/operations.md says of the server's own settings: the statement is logged, unless they are set so."""
        session = self.session
        session.run("CREATE SERVER logged FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads')")
        self.addCleanup(session.run, "DROP SERVER logged CASCADE")
        session.run("SET log_statement = 'all'; SET log_min_duration_statement = 0")
        secret = "a-secret-in-a-statement"
        make = "CREATE USER MAPPING FOR CURRENT_USER SERVER logged OPTIONS (client_id 'x', client_secret '%s')" % secret
        session.run(make)
        self.assertIn(secret, support.cluster().log_text(self.log_start))
        session.run("DROP USER MAPPING FOR CURRENT_USER SERVER logged")
        with open(os.path.join(support.FOLDER, "../../docs/operations.md"), encoding="utf-8") as file:
            (settings,) = re.findall(r"(?m)^ *(SET log_statement = .*)\n *-- CREATE USER MAPPING", file.read())
        session.run(settings)
        start = support.cluster().log_size()
        session.run(make)
        with self.assertRaises(psycopg2.Error):
            session.run(make.replace("client_id", "client_idd"))
        self.assertNotIn(secret, support.cluster().log_text(start))

    def test_errors_of_the_validator(self):
        session = self.session
        session.run("SET client_min_messages = debug5")
        session.run("CREATE SERVER s FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads')")
        secret = "a-secret-in-the-wrong-place"
        for statement in ("CREATE SERVER t FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (api 'amazon_ads', client_secret '%s')",
                          "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (client_id 'x', client_secret '%s', api_key '%s')",
                          "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (client_id 'x', client_secret '%s\n', refresh_token '%s\r\n')",
                          "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (client_id 'x', refresh_token '%s', access_token '%s')",
                          "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (client_id 'x', client_secrt '%s')",
                          "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (client_id 'x', client_secret '%s', profile_ids 'none')",
                          "CREATE FOREIGN TABLE f (a text) SERVER s OPTIONS (entity 'ads', refresh_token '%s')",
                          "ALTER FOREIGN DATA WRAPPER adsexport_fdw OPTIONS (ADD secret_key '%s')"):
            with self.subTest(statement=statement):
                try:
                    session.run(statement.replace("%s", secret))
                    session.run("DROP USER MAPPING IF EXISTS FOR CURRENT_USER SERVER s")
                except psycopg2.Error as problem:
                    text = support.text_of_error(problem)
                    self.assertNotIn(secret, text)
        self.assertNotIn(secret, session.take_notices())


if __name__ == "__main__":
    unittest.main()
