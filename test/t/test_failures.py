"""What goes wrong at the remote ends in all rows or in an error that says what happened; never in fewer rows."""

import base64
import functools
import gzip
import json
import os
import re
import time
import unittest

import psycopg2

import support

# Less than the status announced: the network's fault, or the store's.
TOO_SHORT = ("08006", "HV000")

HTML = "</"  # the first few bytes of what came may be shown, a page may not
CAMPAIGNS = "SELECT campaign_id FROM ads.campaigns"
TARGETS = "SELECT target_id FROM ads.targets"
EVENTS = ("SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00+00' "
          "AND server_upload_time < '2025-03-01 12:00+00'")


class FailureCase(support.TestCase):
    def expected(self, table, profile="1111"):
        key = {"campaigns": "campaignId", "targets": "targetId"}[table]
        return sorted(str(record[key]) for record in self.data().records(table, profile))

    def check_rows(self, table="campaigns", query=None):
        self.assertEqual(sorted(self.session.column(query or {"campaigns": CAMPAIGNS, "targets": TARGETS}[table])), self.expected(table))

    def forget(self):
        """Nothing of what was tried before is left, neither here nor there."""
        self.clear_faults()
        self.clear_log()
        self.session.run("SELECT adsexport_forget()")

    def elapsed(self):
        return time.monotonic() - self.began

    def expect_error(self, *arguments, **options):
        self.began = time.monotonic()
        error = super().expect_error(*arguments, **options)
        self.assertNotIn(HTML, support.text_of_error(error).lower(), "an HTML page is shown")
        return error


class Downloads(FailureCase):
    """Transfers that break or bring something else than was announced."""

    emulator_options = ("--targets", "3000")

    def export_id(self, call="status"):
        return self.calls(call)[-1]["export"]

    def fails(self, sqlstate, **action):
        """With that fault on every download: an error."""
        with self.subTest(action=action):
            self.forget()
            self.fault({"call": "download"}, **action)
            error = self.expect_error(sqlstate, TARGETS, 'foreign table "targets"', "1111", self.export_id)
            return error

    def check_error(self, error, sqlstate, *parts):
        # An export id is known only after the query ran.
        super().check_error(error, sqlstate, *[part() if callable(part) else part for part in parts])

    def test_what_was_inflated_on_its_way(self):
        """fileSize is that of the gzip, so it says nothing of a plain body, which is shorter when it is empty."""
        for encoding in ("plain", "gzip"):
            with self.subTest(encoding=encoding):
                self.forget()
                self.emulator.settings(export_encoding=encoding)
                self.amazon(profile_ids="9007199254740993", max_retries=0)
                self.fault({"call": "status"}, file_size=22)
                self.assertEqual(self.session.rows(TARGETS), [])
                self.assertEqual(self.count_calls("download"), 1)
                self.amazon(profile_ids="1111", max_retries=0)
                self.clear_faults()
                self.assertEqual(len(self.session.rows(TARGETS)), 3000)

    def test_json_that_the_vendor_sent(self):
        """With its checksum right it will not be any better the next time."""
        self.amazon(max_retries=3)
        for text in ('[{"targetId": nonsense}]', '[{"targetId": "1"}, {"targetId": nonsense}]'):
            with self.subTest(text=text):
                self.forget()
                self.emulator.control("POST", "/content", {"entity": "targets", "profile": 1111, "text": text})
                self.expect_error("HV000", TARGETS, "malformed JSON in record %d" % text.count("targetId"))
                self.assertEqual(self.count_calls("download"), 1)

    def recovers_or_fails(self, sqlstate, recovers=False, **action):
        """With that fault on the first download only: all rows, or (if rows were handed out already) an error."""
        with self.subTest(action=action, times=1):
            self.forget()
            self.fault({"call": "download", "times": 1}, **action)
            try:
                found = self.session.column(TARGETS)
            except psycopg2.Error as problem:
                self.assertFalse(recovers, "it should be tried again: %s" % problem)
                self.check_error(problem, sqlstate, 'foreign table "targets"')
            else:
                self.assertEqual(sorted(found), self.expected("targets"))

    CUTS = (0, 1, 9, 10, 200, 0.1, 0.5, 0.9, -9, -8, -4, -1)

    def test_connection_cut(self):
        self.amazon(max_retries=0)
        for how in ("close", "reset"):
            for place in self.CUTS:
                self.fails("08006", cut_after=place, cut_how=how)

    def test_connection_cut_in_a_chunked_answer(self):
        self.amazon(max_retries=0)
        for place in (0, 10, 0.5, -1):
            self.fails("08006", cut_after=place, chunked=True)

    def test_connection_cut_once(self):
        self.amazon()
        for place in (0, 10, 0.5, -1):
            self.recovers_or_fails("08006", recovers=place in (0, 10), cut_after=place)

    def test_end_of_connection_as_the_only_end(self):
        """Neither Content-Length nor chunks tell that something is missing: only the gzip does."""
        self.amazon(max_retries=0)
        for place in (0, 5, 0.5, -1):
            self.fails(("08006", "HV000"), cut_after=place, until_close=True)

    def test_truncated_with_a_content_length_that_agrees(self):
        self.amazon(max_retries=0)
        for place in self.CUTS:
            self.fails(TOO_SHORT, truncate=place)

    def test_truncated_once(self):
        self.amazon()
        for place in (0, 10, 0.5, -4):
            self.recovers_or_fails(TOO_SHORT, recovers=place in (0, 10), truncate=place)

    def test_corrupt_bytes(self):
        self.amazon(max_retries=0)
        for place in (0, 1, 2, 3, 12, 0.01, 0.3, 0.5, 0.99, -8, -7, -6, -5, -4, -3, -2, -1):
            error = self.fails(("HV000", "54000"), corrupt_byte=place)
            if isinstance(error, Exception):
                self.assertRegex(support.text_of_error(error), "Profile 1111, export")

    def test_corrupt_byte_once(self):
        self.amazon()
        for place in (1, 0.5, -8):
            self.recovers_or_fails("HV000", recovers=place == 1, corrupt_byte=place)

    def test_trailing_garbage(self):
        self.amazon(max_retries=0)
        for garbage in ("x", "garbage", 1, 100, "zeros:1", "zeros:512", base64.b64encode(b"\x1f\x8b" * 20).decode()):
            self.fails("HV000", trailing_garbage=garbage)

    def test_trailing_garbage_of_the_announced_length(self):
        """The same where the status announced just that length, so that only the content tells."""
        self.amazon(max_retries=0)
        self.check_rows("targets")
        size = self.calls("download")[-1]["bytes_sent"]
        for garbage in ("garbage", 100):
            with self.subTest(garbage=garbage):
                self.forget()
                self.fault({"call": "download"}, trailing_garbage=garbage)
                self.fault({"call": "status"}, file_size=size + (7 if garbage == "garbage" else 100))
                self.expect_error("HV000", TARGETS)
        with self.subTest("zeros are padding"):
            self.forget()
            self.fault({"call": "download"}, trailing_garbage="zeros:512")
            self.fault({"call": "status"}, file_size=size + 512)
            self.check_rows("targets")
        with self.subTest("another gzip member belongs to the content"):
            self.forget()
            self.fault({"call": "download"}, body_base64=base64.b64encode(gzip.compress(b"[]") + gzip.compress(b"[]")).decode())
            self.fault({"call": "status"}, file_size=len(gzip.compress(b"[]")) * 2)
            self.expect_error("HV000", TARGETS)

    def test_wrong_file_size(self):
        self.amazon(max_retries=0)
        for size in (0, 1, 22, 10 ** 9):
            with self.subTest(size=size):
                self.forget()
                self.fault({"call": "status"}, file_size=size)
                self.expect_error(TOO_SHORT if size > 22 else "HV000", TARGETS, re.compile("announced %d|shorter than" % size), "1111", self.export_id)

    def test_wrong_content_length(self):
        self.amazon(max_retries=0)
        self.fails("08006", wrong_content_length=10)
        self.fails(("08006", "HV000"), wrong_content_length=-10)

    def test_another_content(self):
        """Well-formed gzip and HTTP, but not the array that an export is."""
        self.amazon(max_retries=0)
        for text in ("", " ", "[", "[{}", "[{}]]", "[{}] x", "[{},]", "{}", "null", "[1]", "[null]", '[{"targetId":"1"}{"targetId":"2"}]',
                     '[{"targetId":"1"', '{"targetId":"1"}', '[{"targetId":}]', "[{\"targetId\":'1'}]", "rate limit exceeded", "[[]]"):
            with self.subTest(text=text):
                self.forget()
                self.emulator.control("POST", "/content", {"entity": "targets", "text": text})
                self.expect_error("HV000", TARGETS, 'foreign table "targets"', self.export_id)
        for text in ("[]", " [ ] \n"):
            with self.subTest(text=text):
                self.forget()
                self.emulator.control("POST", "/content", {"entity": "targets", "text": text})
                self.assertEqual(self.session.column(TARGETS), [])

    def test_html_instead_of_the_file(self):
        self.amazon(max_retries=0)
        self.fails(TOO_SHORT, status=200, body_kind="html")
        self.fails(TOO_SHORT, body_kind="html")

    def test_one_bad_profile_of_several(self):
        self.amazon(profile_ids="2222,1111,18014398509481985", max_retries=0)
        self.fault({"call": "download", "profile": "1111"}, truncate=0.5)
        self.expect_error(TOO_SHORT, TARGETS, "Profile 1111")

    def test_a_failed_scan_can_be_repeated(self):
        self.amazon(max_retries=0)
        self.fault({"call": "download", "times": 1}, corrupt_byte=0.5)
        self.expect_error("HV000", TARGETS)
        self.check_rows("targets")
        self.assertEqual(self.count_calls("request"), 1, "the export was good and should have been downloaded again")

    def test_into_a_local_table(self):
        """A load is all or nothing."""
        self.amazon(max_retries=0)
        self.session.run("CREATE TEMP TABLE loaded (id text)")
        self.fault({"call": "download"}, cut_after=-5)
        with self.assertRaises(psycopg2.Error):
            self.session.run("INSERT INTO loaded " + TARGETS)
        self.assertEqual(self.session.value("SELECT count(*) FROM loaded"), 0)


class Resuming(FailureCase):
    """Transfers that break after rows were handed out: each row comes once, whatever the server does when asked to go on, or none does."""

    emulator_options = ("--targets", "6000", "--events-per-hour", "60")

    def setUp(self):
        super().setUp()
        self.amazon(max_retries=1)
        self.amplitude(max_retries=1)

    @classmethod
    @functools.lru_cache(maxsize=None)
    def rows_of(cls, table, change=0):
        data = support.Data(**cls.emulator.control("GET", "/settings"))
        if table == "targets":
            return sorted(str(record["targetId"]) for record in data.records("targets", 1111))
        data.amplitude.change = change
        return sorted(record["uuid"] for record in data.events("2025-03-01T00", "2025-03-01T11"))

    def all_or_error(self, table, change=0):
        """Returns whether it was all."""
        query = TARGETS if table == "targets" else EVENTS
        expected = self.rows_of(table)
        try:
            found = sorted(self.session.column(query))
        except psycopg2.Error as problem:
            self.check_error(problem, ("08006", "HV000"), 'foreign table "%s"' % ("targets" if table == "targets" else "amplitude_events"))
            return False
        if change and found == self.rows_of(table, change):
            return False  # nothing had been handed out, so that all could come from the other archive
        self.assertEqual(len(found), len(expected), "rows")
        self.assertEqual(found, expected)
        return True

    def broken(self, table, breaks, **then):
        call = "download" if table == "targets" else "export"
        with self.subTest(table=table, breaks=breaks, then=then):
            self.forget()
            self.fault({"call": call, "times": 1}, **breaks)
            if then:
                self.fault({"call": call}, **then)
            return self.all_or_error(table, 1 if "change_content" in then else 0)

    BREAKS = ({"cut_after": 0.5}, {"cut_after": 0.9}, {"cut_after": -3}, {"truncate": 0.6}, {"cut_after": 0.7, "cut_how": "reset"})

    def test_servers_that_go_on(self):
        for breaks in self.BREAKS:
            self.assertTrue(self.broken("targets", breaks))
        self.assertEqual(self.count_calls("request"), 1)

    def test_servers_that_do_not(self):
        for breaks in self.BREAKS[:1]:
            for then in ({"ignore_range": True}, {"wrong_range": 3}, {"wrong_range": -3}, {"wrong_range": 1000}, {"change_content": True}, {"no_etag": True},
                         {"weak_etag": True}, {"corrupt_byte": -100}, {"status": 416, "body_kind": "s3"}, {"truncate": 0.5}, {"chunked": True},
                         {"headers": {"Content-Range": "bytes 0-5/100"}}, {"headers": {"Content-Range": None}}, {"status": 206, "body": "x" * 1000},
                         {"expire_url": True}, {"trailing_garbage": "x"}):
                self.broken("targets", breaks, **then)

    def test_cursors_that_rest_after_it(self):
        """The next answer waits for its reader, wherever it begins, and needs no memory while another scan is read."""
        path = os.path.join(self.make_folder(), "targets.json.gz")
        with gzip.open(path, "wt", 0) as file:
            json.dump([{"targetId": str(number), "text": "x" * 8000} for number in range(4000)], file)
        self.emulator.control("POST", "/content", {"entity": "targets", "file": path})
        expected = [str(number) for number in range(4000)]
        for read_ahead in ("on", "off"):
            for then, recovers in (({}, True), ({"ignore_range": True}, True), ({"ignore_range": True, "headers": {"ETag": '"another"'}}, True),
                                   ({"ignore_range": True, "corrupt_byte": 1000000}, False), ({"wrong_range": 3}, False), ({"status": 416, "body_kind": "s3"}, False)):
                with self.subTest(read_ahead=read_ahead, then=then):
                    self.session = self.connect()
                    self.forget()
                    self.fault({"call": "download", "entity": "targets", "times": 1}, cut_after=0.3)
                    self.fault({"call": "download", "entity": "targets"}, **then)
                    self.session.run("SET adsexport_fdw.read_ahead = %s; BEGIN; DECLARE c CURSOR FOR %s" % (read_ahead, TARGETS))
                    found = []
                    try:
                        while self.count_calls("download") < 2:
                            found += self.session.column("FETCH 100 FROM c")
                        before = self.session.resident_kilobytes()
                        self.check_rows()
                        self.assertLess(self.session.resident_kilobytes() - before, 14000)
                        found += self.session.column("FETCH ALL FROM c")
                    except psycopg2.Error as problem:
                        self.check_error(problem, ("08006", "HV000"), 'foreign table "targets"')
                        self.assertFalse(recovers)
                    else:
                        self.assertTrue(recovers)
                        self.assertEqual(found, expected)
                    self.session.run("ROLLBACK")

    def test_broken_again_and_again(self):
        self.amazon(max_retries=2)
        self.fault({"call": "download"}, cut_after=0.4)
        self.all_or_error("targets")
        with self.subTest("for ever at the same place"):
            self.forget()
            self.fault({"call": "download"}, cut_after=30000)
            self.all_or_error("targets")
        with self.subTest("without a byte"):
            self.forget()
            self.fault({"call": "download", "times": 1}, cut_after=0.5)
            self.fault({"call": "download"}, cut_after=0)
            self.assertFalse(self.all_or_error("targets"))

    def test_the_export_got_lost_meanwhile(self):
        """Rows of another export are other rows."""
        self.fault({"call": "download", "times": 1}, cut_after=0.5)
        self.fault({"call": "status", "after": 1}, expire_export=True)
        if self.all_or_error("targets"):
            self.assertEqual(self.count_calls("request"), 1)

    def test_archives(self):
        for archive in ("stored-descriptor", "deflate-sizes", "varying", "shuffled", "multi-member", "zip64-all"):
            for breaks in self.BREAKS[:3] + ({"corrupt_byte": 0.5}, {"stall_after": 0.5}):
                if "stall_after" in breaks and archive != "varying":
                    continue
                # A machine that is busy is slow, too: only what stands still is given up soon.
                self.amplitude(max_retries=1, stall_timeout="1s" if "stall_after" in breaks else "30s")
                self.emulator.settings(archive=archive)
                recovered = self.broken("amplitude_events", breaks)
                # What was corrupted before it was read can't be had again, and then that is the error, and not what came of it.
                if "corrupt_byte" not in breaks:
                    self.assertTrue(recovered)

    def test_archives_with_other_events(self):
        for archive in ("stored-descriptor", "shuffled"):
            self.emulator.settings(archive=archive)
            for breaks in self.BREAKS[:2]:
                self.assertFalse(self.broken("amplitude_events", breaks, change_content=True))

    def test_archives_with_ranges(self):
        self.emulator.settings(amplitude_honour_range=True, amplitude_content_length=True)
        for breaks in self.BREAKS[:2]:
            for then in ({}, {"ignore_range": True}, {"wrong_range": 7}, {"change_content": True}):
                self.broken("amplitude_events", breaks, **then)


class Store(FailureCase):
    """Links to the store, and its errors."""

    def test_an_expired_link_is_minted_anew_once(self):
        self.amazon(max_retries=0)
        for status in ("400", "403"):
            with self.subTest(status=status):
                self.forget()
                self.emulator.settings(expired_url_status=status)
                self.fault({"call": "download", "times": 1}, expire_url=True)
                self.check_rows()
                self.assertEqual([self.count_calls(call) for call in ("request", "download")], [1, 2])
                self.assertEqual([call["status"] for call in self.calls("download")], [int(status), 200])

    def test_a_link_that_never_works(self):
        self.amazon(max_retries=0)
        self.fault({"call": "download"}, expire_url=True)
        self.expect_error(("HV000", "08006"), CAMPAIGNS, 'foreign table "campaigns"', "1111", "HTTP status 40", "expired")
        self.assertEqual(self.count_calls("download"), 2)

    def test_link_born_expired(self):
        self.amazon(max_retries=0)
        self.fault({"call": "status", "times": 1}, expire_url=True)
        self.check_rows()

    def test_store_unavailable(self):
        self.amazon(max_retries=1)
        for status in (500, 503):
            with self.subTest(status=status):
                self.forget()
                self.fault({"call": "download", "times": 1}, status=status, body_kind="s3", message="Please reduce your request rate.")
                self.check_rows()
        with self.subTest("for good"):
            self.forget()
            self.fault({"call": "download"}, status=503, body_kind="s3", message="Please reduce your request rate.")
            self.expect_error("08006", CAMPAIGNS, "HTTP status 503", "Please reduce your request rate.")
            self.assertEqual(self.count_calls("download"), 2)

    def test_redirects_are_not_followed(self):
        self.amazon(max_retries=0)
        for status in (301, 302, 307):
            with self.subTest(status=status):
                self.forget()
                self.fault({"call": "download"}, status=status, headers={"Location": self.emulator.url + "/files/x"})
                self.expect_error("HV000", CAMPAIGNS, "HTTP status %d" % status)
                self.assertEqual(self.count_calls("file"), 0)

    def test_links_to_elsewhere_are_refused(self):
        # Who asked 10.0.0.1 would wait for so long.
        self.amazon(max_retries=0, connect_timeout="%ds" % (4 * support.SOON))
        for url in ("http://10.0.0.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://user:pass@127.0.0.1/x", "nonsense"):
            with self.subTest(url=url):
                self.forget()
                self.fault({"call": "status"}, url=url)
                self.expect_error(("08006", "HV000"), CAMPAIGNS, 'foreign table "campaigns"')
                self.assertLess(self.elapsed(), support.SOON)

    def test_download_that_hangs(self):
        self.amazon(max_retries=0, stall_timeout="1s")
        for action in ({"hang": True}, {"stall_after": 0}, {"stall_after": 100}, {"stall_after": 0.9}):
            with self.subTest(action=action):
                self.forget()
                self.fault({"call": "download"}, **action)
                self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"', "1111")
                self.assertLess(self.elapsed(), 1 + support.SOON)
                self.assertGreater(self.elapsed(), 0.8)

    def test_slow_download_lives(self):
        """There is no total limit of time: who brings bytes is waited for."""
        self.amazon(stall_timeout="2s", max_retries=0)
        self.fault({"call": "download"}, drip=1500)
        began = time.monotonic()
        self.check_rows()
        self.assertGreater(time.monotonic() - began, 2)


class Credentials(FailureCase):
    def test_wrong_secrets(self):
        for change, status, said in (({"client_secret": "wrong"}, 401, "Client authentication failed"),
                                     ({"refresh_token": "Atzr|wrong"}, 400, "invalid grant"),
                                     ({"client_id": "amzn1.nobody"}, 401, "Client authentication failed")):
            with self.subTest(change=change):
                self.forget()
                self.amazon(mapping=self.amazon_mapping(**change), max_retries=3)
                self.expect_error("28000", CAMPAIGNS, 'foreign table "campaigns"', "HTTP status %d" % status, said, "amazon")
                self.assertEqual([self.count_calls(call) for call in ("token", "request")], [1, 0])
                self.assertLess(self.elapsed(), support.SOON)

    def test_unauthorized_client(self):
        self.amazon(mapping=self.amazon_mapping("amzn1.application-oa2-client.unauthorized"))
        self.expect_error("28000", CAMPAIGNS, "not authorized to request")
        self.assertEqual(self.count_calls("token"), 1)

    def test_wrong_secret_and_profiles_left_out(self):
        self.amazon(mapping=self.amazon_mapping(client_secret="wrong"), profile_ids=None)
        for query in (CAMPAIGNS, "SELECT * FROM ads.profiles"):
            with self.subTest(query=query):
                self.forget()
                self.expect_error("28000", query, "Client authentication failed")
                self.assertEqual(self.count_calls("token"), 1)

    def test_a_given_token_that_is_refused(self):
        self.amazon(mapping={"client_id": support.DEFAULT_CLIENT, "access_token": "Atza|nonsense"}, max_retries=3)
        self.expect_error("28000", CAMPAIGNS, "access_token")
        self.assertEqual([self.count_calls(call) for call in ("token", "request")], [0, 1])
        self.expect_error("28000", "SELECT * FROM ads.profiles", "access_token")

    def test_a_given_token(self):
        self.amazon(mapping={"client_id": support.DEFAULT_CLIENT, "access_token": support.STATIC_ACCESS_TOKEN})
        self.check_rows()
        self.assertEqual(self.count_calls("token"), 0)

    def test_no_mapping(self):
        self.amazon()
        support.cluster().run("DROP ROLE IF EXISTS adsexport_t_nobody", "CREATE ROLE adsexport_t_nobody LOGIN",
                              "GRANT USAGE ON SCHEMA ads TO adsexport_t_nobody", "GRANT SELECT ON ads.campaigns TO adsexport_t_nobody",
                              database=self.database)
        other = self.connect("adsexport_t_nobody")
        self.expect_error("28000", CAMPAIGNS, "no user mapping", "amazon", session=other)

    def test_refused_for_good(self):
        """A 401 leads to one new token and one more try; then it is an error."""
        self.amazon(max_retries=3)
        for call in ("request", "status"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call}, status=401, body_kind="universal", message="Not today.")
                self.expect_error("28000", CAMPAIGNS, 'foreign table "campaigns"', "1111", "HTTP status 401", "Not today.")
                self.assertEqual([self.count_calls("token"), self.count_calls(call)], [2, 2])
                self.assertLess(self.elapsed(), support.SOON)
        with self.subTest(call="profiles"):
            self.forget()
            self.fault({"call": "profiles"}, status=401, body_kind="universal", message="Not today.")
            self.expect_error("28000", "SELECT * FROM ads.profiles", "HTTP status 401", "Not today.")
            self.assertEqual([self.count_calls("token"), self.count_calls("profiles")], [2, 2])

    def test_profiles_refused_when_they_are_left_out(self):
        self.amazon(profile_ids=None)
        self.fault({"call": "profiles"}, status=401, body_kind="universal", message="Not today.")
        self.expect_error("28000", CAMPAIGNS, 'foreign table "campaigns"', "HTTP status 401", "Not today.")
        self.assertEqual([self.count_calls(call) for call in ("token", "profiles", "request")], [2, 2, 0])

    def test_a_token_that_expires_on_the_way(self):
        self.amazon(max_retries=0)
        for call in ("request", "status"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call, "times": 1}, token_expired=True)
                self.check_rows()
                self.assertEqual([self.count_calls("token"), self.count_calls("request")], [2, 2 if call == "request" else 1])
        with self.subTest(call="profiles"):
            self.forget()
            self.fault({"call": "profiles", "times": 1}, token_expired=True)
            self.assertEqual(self.session.value("SELECT count(*) FROM ads.profiles"), 6)

    def test_a_token_that_expired_between_two_queries(self):
        self.amazon(max_retries=0, max_age=0)
        self.check_rows()
        self.emulator.control("POST", "/expire", {"what": "tokens"})
        self.check_rows()
        self.emulator.control("POST", "/expire", {"what": "tokens"})
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.profiles"), 6)
        self.assertEqual(self.count_calls("token"), 3)

    def test_a_short_lived_token_is_refreshed_in_time(self):
        """Without a 401 ever being seen.  Ten seconds are the least that a token is used for."""
        self.emulator.settings(token_lifetime=20)
        self.amazon(max_retries=0, max_age=0)
        for _ in range(3):
            self.check_rows()
            time.sleep(5.2)
        self.assertEqual([call for call in self.calls() if call["status"] == 401], [])
        self.assertGreaterEqual(self.count_calls("token"), 2)

    def test_profiles_one_may_not_see(self):
        for profile, sqlstate, status, said in (("5555", "42501", 403, "Not authorized to access scope 5555"),
                                                ("4444", "28000", 401, "Not authorized to access scope 4444"),
                                                ("3333", "28000", 401, "No matching advertiser found for scope"),
                                                ("987654321", "28000", 401, "No matching advertiser found for scope")):
            with self.subTest(profile=profile):
                self.forget()
                self.amazon(profile_ids="1111," + profile)
                self.expect_error(sqlstate, CAMPAIGNS, 'foreign table "campaigns"', "Profile " + profile, "HTTP status %d" % status, said)


class Exports(FailureCase):
    """Exports that fail at the vendor, get lost, or take too long."""

    def test_internal_error_once(self):
        self.amazon(max_retries=0)
        self.fault({"call": "request", "times": 1}, failed="INTERNAL_ERROR")
        self.check_rows()
        self.assertEqual(self.count_calls("request"), 2)

    def test_internal_error_for_good(self):
        self.amazon(max_retries=0)
        self.fault({"call": "request"}, failed="INTERNAL_ERROR", failed_message="Out of coffee.")
        self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"', "1111", "INTERNAL_ERROR", "Out of coffee.",
                          lambda: self.calls("request")[-1]["export"])
        self.assertEqual(self.count_calls("request"), 3)

    def check_error(self, error, sqlstate, *parts):
        super().check_error(error, sqlstate, *[part() if callable(part) else part for part in parts])

    def test_timed_out(self):
        self.amazon()
        # Whatever is asked for: splitting does not help either.
        self.fault({"call": "request"}, failed="TIMED_OUT", failed_message="Too many of them.")
        error = self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"', "1111", "TIMED_OUT", "Too many of them.")
        self.assertIn("Nothing is left to narrow it by", error.diag.message_hint)

    def test_other_words_for_failed(self):
        self.amazon(max_retries=0)
        for word in ("FAILURE", "CANCELLED"):
            with self.subTest(word=word):
                self.forget()
                self.fault({"call": "status", "times": 1}, status_word=word)
                self.check_rows()
                self.assertEqual(self.count_calls("request"), 2)

    def test_unknown_words_mean_in_progress(self):
        self.amazon()
        for word in ("QUEUED", "PENDING", "SOMETHING_NEW"):
            with self.subTest(word=word):
                self.forget()
                self.fault({"call": "request"}, status_word=word)
                self.fault({"call": "status", "times": 2}, status_word=word)
                self.check_rows()
                self.assertEqual([self.count_calls("request"), self.count_calls("status")], [1, 3])

    def test_completed_without_a_link(self):
        self.amazon(export_timeout="4s")
        with self.subTest("for a moment"):
            self.fault({"call": "status", "times": 2}, completed_without_url=True)
            self.check_rows()
            self.assertEqual([self.count_calls("request"), self.count_calls("status")], [1, 3])
        with self.subTest("for ever"):
            self.forget()
            self.fault({"call": "status"}, completed_without_url=True)
            self.expect_error("53400", CAMPAIGNS, "export_timeout")

    def test_a_lost_export_is_requested_anew(self):
        self.amazon(max_retries=0)
        self.fault({"call": "status", "times": 1}, expire_export=True)
        self.check_rows()
        self.assertEqual(self.count_calls("request"), 2)
        self.assertEqual(self.session.value("SELECT DISTINCT export_id FROM ads.campaigns"), self.calls("request")[-1]["export"])

    def test_exports_that_always_get_lost(self):
        self.amazon(max_retries=0)
        self.fault({"call": "status"}, expire_export=True)
        self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"', "1111", "HTTP status 404", "expired")
        self.assertLessEqual(self.count_calls("request"), 3)

    def test_after_a_day(self):
        """An export can be had for 24 hours; the session may remember it for longer than that."""
        self.amazon(max_age="1d", max_retries=0)
        self.check_rows()
        self.emulator.control("POST", "/advance", {"seconds": 25 * 3600})
        self.check_rows()
        self.assertEqual(self.count_calls("request"), 2)

    def test_lost_between_link_and_download(self):
        self.amazon(max_retries=0)
        self.check_rows()
        self.fault({"call": "download", "times": 1}, status=404, body_kind="s3", message="The specified key does not exist.")
        self.check_rows()

    def test_in_progress_for_too_long(self):
        self.amazon(export_timeout="1500ms")
        self.emulator.settings(export_delay=4)
        self.expect_error("53400", CAMPAIGNS, 'foreign table "campaigns"', "1111", "export_timeout",
                          lambda: self.calls("request")[-1]["export"])
        # The export is not lost: whoever asks again goes on waiting for it.
        deadline = time.monotonic() + 30 * support.PATIENCE
        while True:
            try:
                self.check_rows()
                break
            except psycopg2.Error as problem:
                self.assertEqual(problem.pgcode, "53400")
                self.assertLess(time.monotonic(), deadline)
        self.assertEqual(self.count_calls("request"), 1)

    def test_what_to_do_about_an_export_in_progress(self):
        """It can be waited for by another statement as long as max_age allows that, which by default it does not after export_timeout."""
        self.emulator.settings(export_delay=10)
        for max_age, again in (("5min", True), ("1s", False)):
            self.amazon(export_timeout="1s", max_age=max_age)
            error = self.expect_error("53400", CAMPAIGNS, "export_timeout")
            self.assertEqual("run the query again" in error.diag.message_hint, again, error.diag.message_hint)
            self.assertIn("aise export_timeout", error.diag.message_hint)

    def test_a_failure_is_not_remembered(self):
        self.amazon(max_retries=0)
        self.fault({"call": "request"}, failed="TIMED_OUT")
        self.expect_error("HV000", CAMPAIGNS)
        self.clear_faults()
        self.check_rows()

    def test_the_status_of_another_export(self):
        self.amazon(max_retries=0)
        self.fault({"call": "status"}, body={"exportId": "c29tZXRoaW5nIGVsc2U", "status": "COMPLETED", "url": self.emulator.url + "/files/x"})
        self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"')
        self.assertEqual(self.count_calls("file"), 0)


class Throttling(FailureCase):
    CALLS = ("token", "request", "status", "download")

    def check_wait(self, call, least, most, **action):
        """Between a 429 and the next attempt: never less, and in one of a few tries no more."""
        def attempt():
            self.forget()
            self.fault({"call": call, "times": 1}, status=429, **action)
            self.check_rows()
            first, second = [entry["time"] for entry in self.calls(call)][:2]
            self.assertGreaterEqual(second - first, least)
            return (second - first) * 1000

        self.in_time(attempt, most * 1000 * support.PATIENCE)

    def test_retry_after_is_obeyed(self):
        self.amazon(max_retries=1)
        for call, wait in [(call, 1) for call in self.CALLS] + [("status", "date:3")]:
            with self.subTest(call=call, retry_after=wait):
                # A date has whole seconds, so it may be up to one second closer. The backoff is not added.
                self.check_wait(call, 0.99 if wait == 1 else 1.9, 1.5 if wait == 1 else 3.5, body_kind="gateway", retry_after=wait)

    def test_without_retry_after(self):
        self.amazon(max_retries=1)
        for call, kind in (("token", "gateway"), ("request", "html"), ("status", "empty"), ("status", "html"), ("download", "s3")):
            with self.subTest(call=call, kind=kind):
                self.check_wait(call, 0.7, 1.8, body_kind=kind)

    def test_longer_than_one_wants_to_wait(self):
        self.amazon(export_timeout="%ds" % (4 * support.SOON))
        for call in self.CALLS:
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call}, status=429, body_kind="gateway", message="Too Many Requests", retry_after=3600)
                self.expect_error("53400", CAMPAIGNS, 'foreign table "campaigns"', "HTTP status 429", "Too Many Requests")
                self.assertLess(self.elapsed(), support.SOON, "waited although it could not help")
                self.assertEqual(self.count_calls(call), 1)

    def test_throttled_for_good(self):
        self.amazon(export_timeout="2s", max_retries=5)
        for kind in ("gateway", "html"):
            with self.subTest(kind=kind):
                self.forget()
                self.fault({"call": "request"}, status=429, body_kind=kind)
                self.expect_error("53400", CAMPAIGNS, 'foreign table "campaigns"', "1111", "HTTP status 429", "Too Many Requests")
                # All attempts would take some 20 s.
                self.assertLess(self.elapsed(), 2 + support.SOON)

    def test_nonsense_in_retry_after(self):
        self.amazon(max_retries=1)
        for text in ("soon", "-5", "99999999999999999999"):
            with self.subTest(text=text):
                self.forget()
                self.fault({"call": "status", "times": 1}, status=429, body_kind="gateway", headers={"Retry-After": text})
                if text.startswith("9"):
                    self.expect_error("53400", CAMPAIGNS)
                else:
                    self.check_rows()

    def test_cap_of_jobs(self):
        """Somebody else uses the places: the vendor says 429 until one is free."""
        for body, retry_after in (("gateway", ""), ("html", ""), ("universal", "1"), ("empty", "date:1")):
            with self.subTest(body=body):
                self.forget()
                self.emulator.settings(job_cap=1, export_delay=0.3, job_cap_body=body, job_cap_retry_after=retry_after)
                self.amazon(profile_ids="1111,18014398509481985")
                self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns"), 43)


class Servers(FailureCase):
    """Errors of the servers, at each call."""

    CALLS = ("token", "request", "status", "download")

    def test_retried_once(self):
        self.amazon(max_retries=1)
        for call, status in (("token", 500), ("request", 502), ("status", 503), ("download", 504), ("status", 425), ("request", 408)):
            with self.subTest(call=call, status=status):
                self.forget()
                self.fault({"call": call, "times": 1}, status=status, body_kind="html" if status % 2 else "gateway")
                self.check_rows()
                self.assertEqual([entry["status"] for entry in self.calls(call)][0], status)
                self.assertEqual(self.count_calls("request"), 2 if call == "request" else 1)

    def test_lasting(self):
        self.amazon(max_retries=0)
        for call in self.CALLS:
            for status in (500, 502, 503, 504):
                for kind in ("gateway", "html"):
                    with self.subTest(call=call, status=status, kind=kind):
                        self.forget()
                        self.fault({"call": call}, status=status, body_kind=kind, message="Come back later.")
                        self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"', "HTTP status %d" % status,
                                          "Come back later." if kind == "gateway" else str(status))
                        self.assertEqual(self.count_calls(call), 1)

    def test_lasting_with_retries(self):
        self.amazon(max_retries=2)
        self.fault({"call": "request"}, status=503, body_kind="gateway")
        self.expect_error("08006", CAMPAIGNS)
        self.assertEqual(self.count_calls("request"), 3)
        times = [call["time"] for call in self.calls("request")]
        self.assertGreater(times[1] - times[0], 0.7)
        self.assertGreater(times[2] - times[1], 1.4)

    def test_bad_requests_are_not_repeated(self):
        self.amazon(max_retries=5)
        for call in ("request", "status"):
            for status in (400, 406, 415, 422):
                with self.subTest(call=call, status=status):
                    self.forget()
                    self.fault({"call": call}, status=status, body_kind="gateway", message="Cannot do that.")
                    self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"', "1111", "HTTP status %d" % status, "Cannot do that.")
                    self.assertEqual(self.count_calls(call), 1)
                    self.assertLess(self.elapsed(), support.SOON)

    def test_forbidden(self):
        self.amazon(max_retries=5)
        for call in ("request", "status", "profiles"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call}, status=403, body_kind="gateway", message="Forbidden")
                self.expect_error("42501", "SELECT * FROM ads.profiles" if call == "profiles" else CAMPAIGNS, "HTTP status 403", "Forbidden")
                self.assertEqual(self.count_calls(call), 1)

    def test_every_dialect_of_errors(self):
        self.amazon(max_retries=0)
        for kind in ("universal", "exports", "service", "detail", "gateway", "s3", "text", "oauth"):
            with self.subTest(kind=kind):
                self.forget()
                self.fault({"call": "request"}, status=400, body_kind=kind, message="The moon is \"full\".",
                           headers={"x-amzn-RequestId": "11112222-aaaa"})
                error = self.expect_error("HV000", CAMPAIGNS, 'The moon is "full".', "11112222-aaaa")
                self.assertNotRegex(error.diag.message_primary + error.diag.message_detail, "[{<]")
        for kind in ("html", "empty"):
            with self.subTest(kind=kind):
                self.forget()
                self.fault({"call": "request"}, status=400, body_kind=kind, headers={"x-amzn-RequestId": "11112222-aaaa"})
                self.expect_error("HV000", CAMPAIGNS, "HTTP status 400", "11112222-aaaa", *(["Bad Request"] if kind == "html" else []))

    def test_long_and_wild_messages(self):
        self.amazon(max_retries=0)
        for message in ("x" * 100000, "\x00\x01\x1b[31m\r\n\t\x7f", "ä" * 5000, "\udc80\udcff", "%s%n%d", "'\"$$\\"):
            with self.subTest(message=message[:20]):
                self.forget()
                body = json.dumps({"message": message}) if "\udc80" not in message else '{"message": "%s"}' % message
                self.fault({"call": "request"}, status=400, body=body)
                error = self.expect_error("HV000", CAMPAIGNS, "HTTP status 400")
                text = support.text_of_error(error)
                self.assertLess(len(text.encode("utf-8", "replace")), 1500)
                self.assertNotRegex(text, "[\x00-\x08\x0b-\x1f\x7f]")

    def test_html_instead_of_json(self):
        self.amazon(max_retries=0)
        for call in ("token", "request", "status"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call}, status=200, body_kind="html")
                self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"')
        with self.subTest(call="profiles"):
            self.forget()
            self.fault({"call": "profiles"}, status=200, body_kind="html")
            self.expect_error("HV000", "SELECT * FROM ads.profiles", 'foreign table "profiles"')
        with self.subTest(call="profiles, left out"):
            self.forget()
            self.fault({"call": "profiles"}, status=200, body_kind="html")
            self.amazon(profile_ids=None, max_retries=0)
            self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"')

    def test_html_once(self):
        self.amazon(max_retries=1)
        for call in ("token", "request", "status", "download"):
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call, "times": 1}, status=200, body_kind="html")
                self.check_rows()

    def test_other_json_than_expected(self):
        self.amazon(max_retries=0)
        for call, bodies in (("token", ({}, [], "x", {"access_token": ""}, {"access_token": 5}, {"access_token": "a\nb: c"},
                                        {"access_token": "x" * 9000})),
                             ("request", ({}, [], {"exportId": "x"}, {"exportId": "", "status": "COMPLETED"}, {"exportId": 5, "status": "x"},
                                          {"exportId": "x" * 300, "status": "IN_PROGRESS"})),
                             ("status", ({}, [], {"status": "COMPLETED"}, {"exportId": "x"}))):
            for body in bodies:
                with self.subTest(call=call, body=str(body)[:50]):
                    self.forget()
                    self.fault({"call": call}, status=202 if call == "request" else 200, body=json.dumps(body))
                    self.expect_error("HV000", CAMPAIGNS, 'foreign table "campaigns"')

    def test_no_answer(self):
        self.amazon(max_retries=0)
        for call in self.CALLS:
            for how in (True, "reset"):
                with self.subTest(call=call, how=how):
                    self.forget()
                    self.fault({"call": call}, drop_connection_before_response=how)
                    self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"')

    def test_no_answer_once(self):
        self.amazon(max_retries=1)
        for call in self.CALLS:
            with self.subTest(call=call):
                self.forget()
                self.fault({"call": call, "times": 1}, drop_connection_before_response=True)
                self.check_rows()

    def test_calls_that_hang(self):
        self.amazon(max_retries=0, stall_timeout="300ms")
        for call in self.CALLS:
            for action in ({"hang": True}, {"stall_after": 3}):
                with self.subTest(call=call, action=action):
                    self.forget()
                    self.fault({"call": call}, **action)
                    self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"')
                    self.assertLess(self.elapsed(), support.SOON)

    def test_broken_answers(self):
        self.amazon(max_retries=0)
        for call in ("token", "request", "status"):
            for action in ({"cut_after": 5}, {"truncate": 5}, {"wrong_content_length": 5}):
                with self.subTest(call=call, action=action):
                    self.forget()
                    self.fault({"call": call}, **action)
                    self.expect_error(("08006", "HV000"), CAMPAIGNS, 'foreign table "campaigns"')

    def test_nobody_there(self):
        self.amazon(endpoint="http://127.0.0.1:1", max_retries=0)
        self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"')
        self.expect_error("08006", "SELECT * FROM ads.profiles", 'foreign table "profiles"')
        self.amazon(endpoint="http://127.0.0.1:1", max_retries=0, profile_ids=None)
        self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"')
        self.amplitude(endpoint="http://127.0.0.1:1", max_retries=0)
        self.expect_error("08006", EVENTS, 'foreign table "amplitude_events"')

    def test_host_unknown(self):
        self.amplitude(endpoint="https://host.invalid", max_retries=0)
        self.expect_error("08006", EVENTS, 'foreign table "amplitude_events"')

    def test_the_failure_is_shown_by_adsexport_exports(self):
        self.amazon(max_retries=0)
        self.fault({"call": "request"}, status=400, body_kind="gateway", message="Cannot do that.")
        self.expect_error("HV000", CAMPAIGNS)
        (row,) = self.session.table("SELECT * FROM adsexport_exports()")
        self.assertEqual((row["status"], row["entity"], row["profile_id"]), ("FAILED", "campaigns", "1111"))
        self.assertIn("Cannot do that.", row["error"])


class Tls(FailureCase):
    emulator_options = ("--tls",)

    def test_certificates_are_verified(self):
        self.amazon(endpoint=self.emulator.tls_url, max_retries=5)
        self.expect_error("08006", CAMPAIGNS, 'foreign table "campaigns"')
        self.assertLess(self.elapsed(), support.SOON, "repeated although it could not help")
        self.assertEqual(self.calls(), [])

    def test_with_the_right_authority(self):
        self.amazon(endpoint=self.emulator.tls_url, ca_file=self.emulator.ca_file)
        self.amplitude(endpoint=self.emulator.tls_url, ca_file=self.emulator.ca_file)
        self.check_rows()
        self.assertTrue(self.session.column(EVENTS))
        self.assertEqual({call["scheme"] for call in self.calls()}, {"https"})

    def test_cut_inside_tls(self):
        self.amazon(endpoint=self.emulator.tls_url, ca_file=self.emulator.ca_file, max_retries=0)
        for action in ({"cut_after": 0.5}, {"cut_after": 0.5, "until_close": True}, {"cut_after": 100, "cut_how": "reset"}):
            with self.subTest(action=action):
                self.forget()
                self.fault({"call": "download"}, **action)
                # Where the end of the connection is the end of the content, some of libcurl's TLS libraries leave it to the gzip to tell.
                self.expect_error(("08006", "HV000") if "until_close" in action else "08006", CAMPAIGNS)


class Amplitude(FailureCase):
    def check_events(self):
        self.assertEqual(sorted(self.session.column(EVENTS)), sorted(record["uuid"] for record in self.data().events("2025-03-01T00", "2025-03-01T11")))

    def fails(self, sqlstate, *parts, **action):
        with self.subTest(action=action):
            self.clear_faults()
            self.clear_log()
            self.fault({"call": "export"}, **action)
            return self.expect_error(sqlstate, EVENTS, 'foreign table "amplitude_events"', "20250301T00", "20250301T11", *parts)

    def test_wrong_key(self):
        self.amplitude(mapping={"api_key": support.API_KEY, "secret_key": "wrong"}, max_retries=3)
        error = self.expect_error("28000", EVENTS, 'foreign table "amplitude_events"', "HTTP status 403", "Invalid API Key", "20250301T00")
        self.assertRegex(error.diag.message_hint, "api_key.*secret_key.*region.*us")
        self.assertEqual(self.count_calls("export"), 1)

    def test_no_events(self):
        self.amplitude()
        self.assertEqual(self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2023-01-01Z' "
                                           "AND server_upload_time < '2023-01-02Z'"), [])
        self.assertEqual([call["status"] for call in self.calls("export")], [404])

    def test_no_events_in_other_words(self):
        self.amplitude()
        for body in ("Raw data files were not found.", '{"error": "Raw data files were not found. (code 7)"}'):
            with self.subTest(body=body):
                self.clear_faults()
                self.fault({"call": "export"}, status=404, body=body)
                self.assertEqual(self.session.rows(EVENTS), [])

    def test_another_404(self):
        self.amplitude(max_retries=1)
        self.fails(("HV000", "08006"), "HTTP status 404", "404: Not Found", status=404, body="404: Not Found")
        self.assertEqual(self.count_calls("export"), 2)
        self.fails(("HV000", "08006"), "HTTP status 404", status=404, body_kind="empty")
        with self.subTest("once"):
            self.clear_faults()
            self.fault({"call": "export", "times": 1}, status=404, body="404: Not Found")
            self.check_events()

    def test_the_words_for_no_events_in_a_200(self):
        """Only a 404 with them means that."""
        self.amplitude(max_retries=0)
        self.fails("HV000", status=200, body="Raw data files were not found.")

    def test_no_zip(self):
        self.amplitude(max_retries=0)
        self.fails("HV000", status=200, body="rate limit exceeded")
        self.fails("HV000", status=200, body_kind="html")
        self.fails("HV000", status=200, body_kind="empty")
        self.fails("HV000", status=200, body={"error": "something"})
        self.fails("HV000", status=200, body="P")
        self.fails("HV000", status=200, body_base64=base64.b64encode(gzip.compress(b"{}")).decode())

    def test_no_zip_once(self):
        self.amplitude(max_retries=1)
        self.fault({"call": "export", "times": 1}, status=200, body="rate limit exceeded")
        self.check_events()

    def test_an_archive_of_nothing(self):
        """22 bytes that a zip without entries has: an answer that Amplitude does not give, but a complete one."""
        self.amplitude(max_retries=0)
        self.fault({"call": "export"}, status=200, body_base64=base64.b64encode(b"PK\x05\x06" + bytes(18)).decode())
        self.assertEqual(self.session.rows(EVENTS), [])

    def test_broken_archive(self):
        self.amplitude(max_retries=0)
        for length in (False, True):
            self.emulator.settings(amplitude_content_length=length)
            for place in (3, 40, 0.2, 0.9, 0.97, -23, -22, -10, -1):
                self.fails("HV000", truncate=place)
            for place in (0, 3, 0.1, 0.3, 0.5, 0.7, -22, -20, -12, -6):
                self.fails(("HV000", "54000"), corrupt_byte=place)
            for place in (0, 40, 0.5, -1):
                self.fails("08006", cut_after=place)
            for garbage in ("x", 100):
                self.fails("HV000", trailing_garbage=garbage)
        with self.subTest("zeros are padding"):
            self.clear_faults()
            self.fault({"call": "export"}, trailing_garbage="zeros:512")
            self.check_events()

    def test_broken_once(self):
        self.amplitude(max_retries=1)
        for action, recovers in (({"truncate": 10}, True), ({"cut_after": 0}, True), ({"cut_after": 0.5}, False), ({"corrupt_byte": -30}, False)):
            with self.subTest(action=action):
                self.clear_faults()
                self.fault({"call": "export", "times": 1}, **action)
                try:
                    self.check_events()
                except psycopg2.Error as problem:
                    self.assertFalse(recovers, problem)
                    self.assertIn(problem.pgcode, ("HV000", "08006"))

    def test_too_much_data(self):
        """A 400 or 504 for many hours: fewer at a time; for a single hour an error. (More of this in test_amplitude.)"""
        for settings in ({"amplitude_timeout_hours": 3}, {"amplitude_size_limit": 20000}):
            with self.subTest(settings=settings):
                self.amplitude(max_retries=0)
                self.emulator.reset()
                self.emulator.settings(**settings)
                self.check_events()
                self.assertGreaterEqual(self.count_calls("export"), 5)
        self.amplitude(max_retries=0, request_span="3h")
        self.emulator.reset()
        self.emulator.settings(amplitude_timeout_hours=3)
        self.check_events()
        self.assertEqual(self.count_calls("export"), 4)
        for status, body, sqlstate in ((504, "upstream request timeout", "08006"), (400, "The file size of the exported data is too large.", "HV000")):
            with self.subTest("one hour", status=status):
                self.amplitude(max_retries=0)
                self.clear_faults()
                self.clear_log()
                self.fault({"call": "export"}, status=status, body=body)
                self.expect_error(sqlstate, EVENTS.replace("12:00", "01:00"), "HTTP status %d" % status, body, "20250301T00", "Amazon S3 export")

    def test_400_of_another_kind(self):
        self.amplitude(max_retries=0)
        self.fault({"call": "export"}, status=400, body="Invalid start: expected YYYYMMDDTHH")
        self.expect_error("HV000", EVENTS.replace("12:00", "01:00"), "HTTP status 400", "Invalid start: expected YYYYMMDDTHH")

    def test_throttled(self):
        self.amplitude(max_retries=1, export_timeout="20s")
        with self.subTest("Retry-After"):
            self.fault({"call": "export", "times": 1}, status=429, body="Exceeded concurrent limit with query of cost 415", retry_after=1)
            began = time.monotonic()
            self.check_events()
            self.assertGreater(time.monotonic() - began, 0.99)
            self.assertLess(time.monotonic() - began, 1 + support.SOON)
        with self.subTest("without: half a minute is more than one wants to wait"):
            self.clear_faults()
            self.fault({"call": "export"}, status=429, body="Exceeded concurrent limit with query of cost 415")
            self.expect_error("53400", EVENTS, "HTTP status 429", "Exceeded concurrent limit")
            self.assertLess(self.elapsed(), 15)

    def test_server_errors(self):
        self.amplitude(max_retries=0)
        for status in (500, 501, 502, 503):
            self.fails("08006", "HTTP status %d" % status, status=status, body_kind="html")
        self.amplitude(max_retries=1)
        with self.subTest("once"):
            self.clear_faults()
            self.fault({"call": "export", "times": 1}, status=502, body_kind="html")
            self.check_events()

    def test_hangs(self):
        self.amplitude(max_retries=0, stall_timeout="1s", export_timeout="5s")
        self.fails("08006", stall_after=0.5)
        self.assertLess(self.elapsed(), 1 + support.SOON)
        # The archive is built while one waits for the first byte: stall_timeout is not for that.
        self.fails(("08006", "53400"), hang=True)
        self.assertGreater(self.elapsed(), 4.5)
        self.assertLess(self.elapsed(), 5 + support.SOON)
        with self.subTest("slowly built"):
            self.clear_faults()
            self.fault({"call": "export"}, delay=2)
            self.check_events()

    def test_one_bad_span_of_several(self):
        self.amplitude(max_retries=0, request_span="1h")
        self.fault({"call": "export", "covers_hour": "20250301T07"}, truncate=0.5)
        self.expect_error("HV000", EVENTS, "20250301T07")

    def test_bad_line(self):
        """Named by its file."""
        self.amplitude(max_retries=0)
        name = "100011471/100011471_2025-03-01_0#0.json.gz"
        for text in ('{"uuid": "11111111-1111-4111-8111-111111111111"}\n{"uuid": \n', '{"uuid": "11111111-1111-4111-8111-111111111111"} x\n',
                     "rate limit exceeded\n", "[]\n", '{"a": 1}{"a": 2}\n'):
            with self.subTest(text=text):
                self.emulator.control("POST", "/content", {"entity": "amplitude_events", "files": {name: text}})
                self.expect_error("HV000", EVENTS, 'foreign table "amplitude_events"', "20250301T00", name)


class Archives(FailureCase):
    """Every layout of archives is read completely, or refused in so many words."""

    READABLE = ("stored-descriptor", "stored-sizes", "deflate-descriptor", "deflate-sizes", "mixed", "bare-descriptor", "zip64-sizes",
                "zip64-descriptor", "zip64-offsets", "zip64-end", "zip64-all", "multi-member", "gzip-fields", "gzip-stored", "directories",
                "foreign-files", "foreign-files,stored-sizes", "foreign-files,deflate-descriptor", "empty-entries", "zero-byte-entries", "comment", "tricky-comment", "extra-fields", "no-final-newline", "crlf",
                "blank-lines", "shuffled", "varying", "zip64-all,deflate-descriptor", "bare-descriptor,zip64-descriptor",
                "multi-member,deflate-sizes,comment", "gzip-fields,bare-descriptor", "directories,empty-entries,mixed")

    def setUp(self):
        super().setUp()
        self.amplitude(max_retries=0)

    def check(self, archive):
        self.emulator.settings(archive=archive)
        expected = [(record["uuid"], name) for name, records in self.data().event_files("2025-03-01T00", "2025-03-01T11") for record in records]
        query = EVENTS.replace("SELECT uuid", "SELECT uuid, archive_entry")
        self.assertCountEqual(self.session.rows(query), expected)

    def test_readable(self):
        for archive in self.READABLE:
            with self.subTest(archive=archive):
                self.check(archive)

    def test_more_entries_than_16_bits_count(self):
        self.check("many-entries")

    def test_refused(self):
        for archive, word in (("encrypted", "encrypt"), ("unknown-method", "method")):
            with self.subTest(archive=archive):
                self.emulator.settings(archive=archive)
                self.expect_error("HV000", EVENTS, 'foreign table "amplitude_events"', word)

    def test_all_at_a_crawl(self):
        """Byte by byte, so to speak: no layout depends on how much arrives at a time."""
        self.amplitude(max_retries=0, request_span="1h")
        self.fault({"call": "export", "covers_hour": "20250301T03"}, drip=40000)
        self.check("zip64-all,bare-descriptor")

    def test_daily_files_whole_days_only(self):
        """Before 2014-11-12 whole days are asked for, whether the vendor needs that or not."""
        for daily in ("overlap", "whole"):
            with self.subTest(daily=daily):
                self.emulator.settings(amplitude_daily=daily)
                self.clear_log()
                found = self.session.column("SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '2014-11-11 05:30Z' "
                                            "AND server_upload_time < '2014-11-11 09:00Z'")
                expected = [record["uuid"] for record in self.data().events("2014-11-11T00", "2014-11-11T23")
                            if "2014-11-11 05:30" <= record["server_upload_time"] < "2014-11-11 09"]
                self.assertCountEqual(found, expected)
                self.assertEqual([(call["start"], call["end"]) for call in self.calls("export")], [("20141111T00", "20141111T23")])


if __name__ == "__main__":
    unittest.main()
