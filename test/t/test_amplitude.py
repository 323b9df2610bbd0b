"""Amplitude from any range: spans that are too much, bounds on event_time, archives that break, values that are doubted, every status."""

import base64
import gzip
import os
import random
import re
import time
import urllib.request

import psycopg2

import support
from amplitude_data import hour_number, parse_hour

EVENTS = "SELECT uuid FROM product.amplitude_events WHERE server_upload_time >= '%s' AND server_upload_time < '%s'"
HALF_A_DAY = EVENTS % ("2025-03-01 00:00Z", "2025-03-01 12:00Z")
ONE_HOUR = EVENTS % ("2025-03-01 05:00Z", "2025-03-01 06:00Z")


def after_reading(**breaks):
    """A break after something was read: what breaks at once is asked for again, as if nothing had happened."""
    return dict({"pause_after": 0.15, "pause_seconds": 1}, **breaks)


TOO_LARGE = "The file size of the exported data is too large. Shorten the time ranges and try again. The limit size is 4GB."


class AmplitudeCase(support.TestCase):
    def uuids(self, start, end):
        """Of the events uploaded in these hours, both inclusive."""
        return [event["uuid"] for event in self.data().events(start, end)]

    def check(self, start="2025-03-01T00", end="2025-03-01T11", query=HALF_A_DAY):
        self.assertCountEqual(self.session.column(query), self.uuids(start, end))

    def spans(self, status=None):
        """First and last hour of each request that was answered, with that status."""
        # The emulator may learn that an answer has gone out after its reader did.
        self.eventually(lambda: self.count_calls("export", finished="true") == self.count_calls("export"), "end of all answers")
        return [(hour_number(parse_hour(call["start"])), hour_number(parse_hour(call["end"]))) for call in self.calls("export")
                if status is None or call["status"] == status]

    def check_spans(self, start, end, statuses=(200, 404)):
        """What was had is disjoint and complete."""
        hours = [hour for status in statuses for first, last in self.spans(status) for hour in range(first, last + 1)]
        self.assertEqual(sorted(hours), list(range(hour_number(parse_hour(start)), hour_number(parse_hour(end)) + 1)))


class TooMuch(AmplitudeCase):
    """A 400 or 504 halves the hours, down to one."""

    def test_down_to_what_works(self):
        for concurrency in ("1", "2", "5"):
            for settings, status in (({"amplitude_timeout_hours": 3}, 504), ({"amplitude_timeout_hours": 1}, 504), ({"amplitude_size_limit": 20000}, 400)):
                with self.subTest(settings=settings, concurrency=concurrency):
                    self.emulator.reset()
                    self.emulator.settings(**settings)
                    self.amplitude(concurrency=concurrency)
                    self.check()
                    self.check_spans("2025-03-01T00", "2025-03-01T11")
                    self.assertGreater(len(self.spans(status)), 0)

    def test_what_worked_is_remembered_for_the_scan(self):
        self.amplitude(concurrency="1", request_span="24h")
        self.fault({"call": "export", "hours_over": 6}, status=400, body=TOO_LARGE)
        self.check("2025-03-01T00", "2025-03-03T23", EVENTS % ("2025-03-01Z", "2025-03-04Z"))
        self.check_spans("2025-03-01T00", "2025-03-03T23")
        self.assertEqual(len(self.spans(400)), 2, "24 hours, then 12; no more than 6 after that")
        self.assertEqual({last - first + 1 for first, last in self.spans(200)}, {6})
        with self.subTest("the next scan tries again"):
            self.clear_log()
            self.check()
            self.assertEqual(len(self.spans(400)), 1)

    def test_spans_of_a_year_down_to_hours(self):
        self.amplitude(request_span="365d", concurrency="3")
        self.fault({"call": "export", "hours_over": 100}, status=504, body="upstream request timeout")
        self.check("2025-03-01T00", "2025-03-07T23", EVENTS % ("2024-06-01Z", "2025-04-01Z"))
        self.check_spans("2024-06-01T00", "2025-03-31T23")

    def test_one_hour(self):
        """The least there is: the vendor's words, and where to turn."""
        self.amplitude(max_retries=1, concurrency="1")
        self.fault({"call": "export"}, status=400, body=TOO_LARGE)
        self.expect_error("HV000", HALF_A_DAY, "HTTP status 400", TOO_LARGE, "Hours 20250301T00 to 20250301T00", "One hour is the least", "Amazon S3 export")
        self.assertEqual(self.session.value("SELECT 1"), 1)
        self.clear_faults()
        self.fault({"call": "export"}, status=504, body="upstream request timeout")
        self.clear_log()
        self.expect_error("08006", ONE_HOUR, "HTTP status 504", "upstream request timeout", "Hours 20250301T05 to 20250301T05", "Amazon S3 export")
        self.assertEqual(len(self.spans(504)), 2, "a gateway that was slow may be faster the next time")
        self.clear_faults()
        self.fault({"call": "export", "times": 1}, status=504, body="upstream request timeout")
        self.check("2025-03-01T05", "2025-03-01T05", ONE_HOUR)

    def test_one_hour_among_many(self):
        self.amplitude(max_retries=0, concurrency="1")
        self.fault({"call": "export", "covers_hour": "20250301T07"}, status=400, body=TOO_LARGE)
        self.expect_error("HV000", HALF_A_DAY, TOO_LARGE, "Hours 20250301T07 to 20250301T07")

    def test_400_that_means_something_else(self):
        """Not every 400 says that it is too large: the words are shown."""
        self.amplitude(max_retries=0)
        self.fault({"call": "export"}, status=400, body="Invalid start: expected YYYYMMDDTHH")
        self.expect_error("HV000", HALF_A_DAY, "HTTP status 400", "Invalid start: expected YYYYMMDDTHH", "The request was split repeatedly")

    def test_daily_files(self):
        """Before 2014-11-12 a day is the least there is."""
        self.emulator.settings(amplitude_ranges="2014-11-03T00..2014-11-12T05")
        everything = EVENTS % ("2014-11-03Z", "2014-11-13Z")
        for daily in ("overlap", "whole"):
            for most, span in ((24, 24), (48, 48), (71, 48)):
                with self.subTest(daily=daily, most=most):
                    self.emulator.settings(amplitude_daily=daily)
                    self.amplitude(request_span="365d", concurrency="2")
                    self.clear_faults()
                    self.clear_log()
                    self.fault({"call": "export", "hours_over": most}, status=400, body=TOO_LARGE)
                    self.check("2014-11-03T00", "2014-11-12T23", everything)
                    self.check_spans("2014-11-03T00", "2014-11-12T23")
                    for first, last in self.spans(200):
                        if first < hour_number(parse_hour("2014-11-12T00")):
                            self.assertEqual((first % 24, last % 24), (0, 23))
                            self.assertLessEqual(last - first + 1, span)
        with self.subTest("a day that is too large"):
            self.amplitude(request_span="365d", max_retries=0)
            self.clear_faults()
            self.fault({"call": "export", "covers_hour": "20141107T03"}, status=400, body=TOO_LARGE)
            self.expect_error("HV000", everything, "Hours 20141107T00 to 20141107T23", "A day before 2014-11-12 is the least", "Amazon S3 export")

    def test_a_rescan_reads_the_halves(self):
        self.amplitude()
        self.emulator.settings(amplitude_timeout_hours=3)
        self.session.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off")
        if self.session.connection.server_version >= 140000:
            self.session.run("SET enable_memoize = off")
        self.session.run("CREATE TEMP TABLE few AS SELECT n FROM generate_series(1, 3) n; ANALYZE few")
        query = "SELECT few.n, e.uuid FROM few LEFT JOIN product.amplitude_events e ON length(e.uuid::text) > few.n AND " + HALF_A_DAY.split("WHERE ")[1]
        self.assertCountEqual(self.session.rows(query), [(n, uuid) for n in (1, 2, 3) for uuid in self.uuids("2025-03-01T00", "2025-03-01T11")])
        self.check_spans("2025-03-01T00", "2025-03-01T11")

    def test_what_was_read_in_part_is_not_split(self):
        """It was not too much before."""
        self.emulator.settings(events_per_hour=60)
        self.amplitude(max_retries=3, request_span="12h")
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.5))
        self.fault({"call": "export", "nth": 2}, status=504, body="upstream request timeout")
        self.check()
        self.assertEqual(len(set(self.spans())), 1)
        with self.subTest(status=400):
            self.clear_faults()
            self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.5))
            self.fault({"call": "export", "nth": 2}, status=400, body=TOO_LARGE)
            self.expect_error("HV000", HALF_A_DAY, TOO_LARGE)

    def test_explain_counts_the_pieces(self):
        self.amplitude(concurrency="1")
        self.fault({"call": "export", "hours_over": 6}, status=400, body=TOO_LARGE)
        plan = self.session.explain(HALF_A_DAY, "ANALYZE")
        self.assertIn("Exports Requested: 2", plan)
        self.assertIn("Retries: 1", plan)


class EventTime(AmplitudeCase):
    """event_time_max_lag and event_time_max_lead: a range of uploads from bounds on event_time."""

    def table(self, columns="server_upload_time timestamptz, event_time timestamptz, uuid uuid", **options):
        self.amplitude(incomplete_hours="ignore")
        self.session.run("SET client_min_messages = error; DROP FOREIGN TABLE IF EXISTS product.by_event_time; RESET client_min_messages")
        self.session.run("CREATE FOREIGN TABLE product.by_event_time (%s) SERVER amplitude %s"
                         % (columns, support.option_list(dict(entity="amplitude_events", **options))))

    def asked(self, clause):
        """The hours that a query asks for."""
        plan = self.session.explain("SELECT * FROM product.by_event_time WHERE " + clause)
        found = re.search(r"Export: (?:GET /api/2/export, hours (.*)|(none).*)", plan)
        return found.group(1) or found.group(2)

    def test_ranges(self):
        self.table(event_time_max_lag="7d", event_time_max_lead="0")
        for clause, hours in (
                # A minute for clocks that the vendor does not correct.
                ("event_time >= '2025-03-02 00:00Z' AND event_time < '2025-03-03 00:00Z'", "20250301T23 to 20250309T23"),
                ("event_time >= '2025-03-02 00:01Z' AND event_time <= '2025-03-03 00:00Z'", "20250302T00 to 20250310T00"),
                ("event_time = '2025-03-02 10:30Z'", "20250302T10 to 20250309T10"),
                ("event_time BETWEEN '2025-03-02 10:30Z' AND '2025-03-02 10:40Z'", "20250302T10 to 20250309T10"),
                ("event_time IN ('2025-03-02 10:30Z', '2025-03-04 00:30Z')", "20250302T10 to 20250311T00"),
                ("'2025-03-02 10:30Z' < event_time", "20250302T10 to now"),
                ("NOT event_time < '2025-03-02 10:30Z'", "20250302T10 to now"),
                ("event_time < '2025-03-02 10:30Z'", "from an unknown start to 20250309T10"),
                # Both bounds count.
                ("event_time >= '2025-03-02 00:01Z' AND server_upload_time >= '2025-03-05Z' AND server_upload_time < '2025-03-06Z'", "20250305T00 to 20250305T23"),
                ("event_time >= '2025-03-02 00:01Z' AND event_time < '2025-03-03Z' AND server_upload_time < '2025-03-05Z'", "20250302T00 to 20250304T23"),
                ("(event_time >= '2025-03-02 00:01Z' OR server_upload_time >= '2025-02-01Z') AND server_upload_time < '2025-03-05Z'", "20250201T00 to 20250304T23"),
                ("event_time > '2025-03-09Z' AND server_upload_time < '2025-03-05Z'", "none"),
                ("event_time < '2025-03-01Z' AND server_upload_time > '2025-03-09Z'", "none"),
                ("event_time >= 'infinity'", "none"),
                ("event_time >= '-infinity' AND server_upload_time >= '2025-03-05Z'", "20250305T00 to now"),
                ("event_time <= '294276-12-31' AND server_upload_time >= '2025-03-05Z'", "20250305T00 to"),
        ):
            with self.subTest(clause=clause):
                self.assertRegex(self.asked(clause), "^" + hours)

    def test_one_of_the_two(self):
        both = "event_time >= '2025-03-02 00:01Z' AND event_time < '2025-03-03 00:00Z'"
        self.table(event_time_max_lead="2h")
        self.assertEqual(self.asked(both), "20250301T22 to now")
        self.table(event_time_max_lag="90min")
        self.assertEqual(self.asked(both), "from an unknown start to 20250303T01")
        self.assertEqual(self.asked(both.replace(">=", ">")), "from an unknown start to 20250303T01")
        self.table()
        self.assertEqual(self.asked(both), "from an unknown start to now")
        self.table(event_time_max_lag="0", default_start="5000d")
        self.assertRegex(self.asked(both), r"^\d{8}T\d\d to 20250302T23$")
        self.table(event_time_max_lag="0", default_start="1d")
        self.assertEqual(self.asked(both), "none")

    def test_other_types_and_names(self):
        self.table("moment timestamp OPTIONS (json_path '@event_time'), day date OPTIONS (json_path 'event_time'), uuid uuid",
                   event_time_max_lag="1d", event_time_max_lead="0")
        self.assertEqual(self.asked("moment >= '2025-03-02 00:01' AND moment < '2025-03-03 00:00'"), "20250302T00 to 20250303T23")

    def test_rows(self):
        """Those that are uploaded within the limits, and no others."""
        self.emulator.settings(events_per_hour=200)
        clause = "event_time >= '2025-03-02 06:00Z' AND event_time < '2025-03-02 18:00Z'"
        events = [event for event in self.data().events("2025-03-01T00", "2025-03-07T23") if "2025-03-02 06" <= event["event_time"] < "2025-03-02 18"]
        late = [event["uuid"] for event in events if event["server_upload_time"] >= "2025-03-03 18"]
        early = [event["uuid"] for event in events if event["server_upload_time"] < "2025-03-02 05"]
        self.assertTrue(late and early, "the data have both")
        self.table(event_time_max_lag="6d", event_time_max_lead="2d")
        self.assertCountEqual(self.session.column("SELECT uuid FROM product.by_event_time WHERE " + clause), [event["uuid"] for event in events])
        self.table(event_time_max_lag="1d", event_time_max_lead="1h")
        found = self.session.column("SELECT uuid FROM product.by_event_time WHERE " + clause)
        self.assertCountEqual(found, [event["uuid"] for event in events if "2025-03-02 04" <= event["server_upload_time"] < "2025-03-03 18"])

    def test_parameters(self):
        self.table(event_time_max_lag="0", event_time_max_lead="0")
        self.session.run("PREPARE p (timestamptz) AS SELECT uuid FROM product.by_event_time WHERE event_time >= $1 AND event_time < $1 + interval '1 hour'")
        self.session.run("SET plan_cache_mode = force_generic_plan")
        self.session.rows("EXECUTE p('2025-03-02 10:30Z')")
        self.assertEqual([(call["start"], call["end"]) for call in self.calls("export")], [("20250302T10", "20250302T11")])

    def test_without_them_no_bound(self):
        self.table()
        for clause in ("event_time >= '2025-03-02'", "true", "event_type = 'x'", "server_upload_time < '2025-03-02'"):
            with self.subTest(clause=clause):
                self.clear_log()
                error = self.expect_error("HV00L", "SELECT * FROM product.amplitude_events WHERE " + clause, "no lower bound on server_upload_time",
                                          "server_upload_time >= now() - interval '1 day'", "default_start", "event_time_max_lead")
                self.assertEqual(self.calls("export"), [], error)


class BreakingCase(AmplitudeCase):
    emulator_options = ("--events-per-hour", "60")
    DAY = EVENTS % ("2025-03-01Z", "2025-03-02Z")

    def broken(self, *breaks, query=None, start="2025-03-01T00", end="2025-03-01T23"):
        """All rows, although the first downloads break so."""
        self.clear_faults()
        self.clear_log()
        # One break alone may come before anything was read, too; of more than are retried each must bring something.
        pause = 1 if len(breaks) > 1 else 0.25
        for number, action in enumerate(breaks):
            self.fault({"call": "export", "nth": number + 1}, **after_reading(pause_seconds=pause, **action))
        self.check(start, end, query or self.DAY)
        self.assertEqual(self.count_calls("export"), len(breaks) + 1)

    def read_ahead(self, on):
        """With the thread a large download is needed, for it begins after a megabyte."""
        self.session.run("SET adsexport_fdw.read_ahead = %s" % ("on" if on else "off"))


class Breaks(BreakingCase):
    """An archive may break anywhere and look like anything."""

    LAYOUTS = ("stored-descriptor", "varying", "shuffled", "shuffled,varying", "deflate-sizes,varying", "multi-member,shuffled", "zip64-all",
               "directories,empty-entries,mixed,shuffled", "zero-byte-entries,varying", "crlf,no-final-newline,shuffled")

    def test_layouts(self):
        self.amplitude(max_retries=1)
        for layout in self.LAYOUTS:
            with self.subTest(layout=layout):
                self.emulator.settings(archive=layout)
                self.broken({"cut_after": 0.6})

    def test_every_kind_of_break(self):
        for length in (False, True):
            for action in ({"cut_after": 0.3}, {"cut_after": 0.99}, {"cut_after": -3}, {"cut_after": -30}, {"truncate": 0.6}, {"truncate": -1}, {"stall_after": 0.5},
                           {"trailing_garbage": "garbage"}, {"corrupt_byte": -30}, {"corrupt_byte": -6}, {"until_close": True, "cut_after": 0.5}):
                with self.subTest(action=action, length=length):
                    # A machine that is busy is slow, too: only what stands still is given up soon.
                    self.amplitude(max_retries=1, stall_timeout="1s" if "stall_after" in action else "30s")
                    self.emulator.settings(archive="shuffled,varying", amplitude_content_length=length)
                    self.broken(action)

    def test_without_progress_patience_ends(self):
        self.amplitude(max_retries=2)
        self.fault({"call": "export"}, cut_after=20000)
        self.expect_error("08006", self.DAY, "It was tried 3 times")


class Rereading(BreakingCase):
    """What was handed out of an archive that broke is left out of the next one."""

    def test_with_the_thread_and_without(self):
        self.emulator.settings(events_per_hour=400)
        self.amplitude(max_retries=1)
        for on in (True, False):
            for layout in ("varying", "shuffled"):
                with self.subTest(read_ahead=on, layout=layout):
                    self.emulator.settings(archive=layout)
                    self.read_ahead(on)
                    self.broken({"cut_after": 0.7})
        self.assertGreater(self.calls("export")[0]["bytes_sent"], 500000)

    def test_large_entries(self):
        """One file of many megabytes, broken in its middle again and again."""
        self.emulator.settings(events_per_hour=6000, amplitude_even=True, amplitude_files_per_hour=1)
        self.amplitude(max_retries=1)
        for layout in ("stored-descriptor", "varying,multi-member"):
            with self.subTest(layout=layout):
                self.emulator.settings(archive=layout)
                # Each brings enough new to be worth another try.
                self.broken({"cut_after": 0.2}, {"cut_after": 0.5}, {"cut_after": 0.8}, query=ONE_HOUR, start="2025-03-01T05", end="2025-03-01T05")

    def test_record_numbers_go_on(self):
        """Messages count records as if nothing had happened."""
        self.emulator.settings(inject=[{"entity": "amplitude_events", "hour": "2025-03-01T23", "index": 1, "path": "uuid", "literal": '"x"'}])
        self.amplitude(max_retries=1)
        error = self.expect_error("22P02", self.DAY)
        places = re.search(r"record \d+, byte offset \d+ \(archive entry .*?\)", support.text_of_error(error)).group(0)
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.6))
        self.expect_error("22P02", self.DAY, places)

    def test_origins(self):
        self.amplitude(max_retries=1)
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.5))
        expected = [(record["uuid"], name) for name, records in self.data().event_files("2025-03-01T00", "2025-03-01T23") for record in records]
        self.assertCountEqual(self.session.rows(self.DAY.replace("SELECT uuid", "SELECT uuid, archive_entry")), expected)

    def test_other_events(self):
        self.amplitude(max_retries=1)
        for layout in ("stored-descriptor", "shuffled"):
            with self.subTest(layout=layout):
                self.emulator.settings(archive=layout)
                self.clear_faults()
                self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.6))
                self.fault({"call": "export", "after": 1}, change_content=True)
                self.expect_error("HV000", self.DAY, re.compile("not the same as when it was read before|read before are missing"), "Run the query again")

    def test_nothing_any_more(self):
        """A quiet span is no rows, but not after some were read."""
        self.amplitude(max_retries=1)
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.6))
        self.fault({"call": "export", "after": 1}, status=404, body="Raw data files were not found.")
        self.expect_error("HV000", self.DAY, "its content changed between two downloads", "now says that there are none")

    def test_an_empty_archive(self):
        self.amplitude(max_retries=1)
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.6))
        self.fault({"call": "export", "after": 1}, body_base64=base64.b64encode(b"PK\x05\x06" + bytes(18)).decode())
        self.expect_error("HV000", self.DAY, "others that were read before are missing")

    def test_kept_for_a_rescan(self):
        self.amplitude(max_retries=1)
        self.emulator.settings(archive="shuffled,varying")
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.6))
        self.session.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off")
        if self.session.connection.server_version >= 140000:
            self.session.run("SET enable_memoize = off")
        self.session.run("CREATE TEMP TABLE few AS SELECT n FROM generate_series(1, 3) n; ANALYZE few")
        query = "SELECT few.n, e.uuid FROM few LEFT JOIN product.amplitude_events e ON length(e.uuid::text) > few.n AND " + self.DAY.split("WHERE ")[1]
        self.assertCountEqual(self.session.rows(query), [(n, uuid) for n in (1, 2, 3) for uuid in self.uuids("2025-03-01T00", "2025-03-01T23")])
        self.assertEqual(self.count_calls("export"), 2)

    def test_several_spans(self):
        self.amplitude(max_retries=4, request_span="2h", concurrency="3")
        self.emulator.settings(archive="varying")
        self.fault({"call": "export", "nth": [1, 3, 4, 7]}, **after_reading(cut_after=0.5, pause_seconds=0.25))
        self.check("2025-03-01T00", "2025-03-01T23", self.DAY)

    def test_many_entries(self):
        self.emulator.settings(archive="many-entries,shuffled")
        self.amplitude(max_retries=1)
        self.broken({"cut_after": 0.6})

    def test_more_entries_than_are_remembered(self):
        """They are read, but cannot be resumed."""
        self.session.run("SET statement_timeout = '%ds'" % (180 * support.PATIENCE))
        self.emulator.settings(archive="too-many-entries")
        self.amplitude(max_retries=1)
        self.check("2025-03-01T05", "2025-03-01T05", ONE_HOUR)
        self.fault({"call": "export", "times": 1}, **after_reading(corrupt_byte=-30))
        self.expect_error("HV000", ONE_HOUR, "more than 262144 of its files were already read", "request_span")

    def test_cancel_while_leaving_out(self):
        self.emulator.settings(events_per_hour=400)
        self.amplitude(max_retries=1)
        for on in (True, False):
            with self.subTest(read_ahead=on):
                self.read_ahead(on)
                self.in_time(self.cancelled_while_leaving_out)

    def cancelled_while_leaving_out(self):
        self.clear_faults()
        self.clear_log()
        self.fault({"call": "export", "times": 1}, **after_reading(cut_after=0.8))
        self.fault({"call": "export", "after": 1}, stall_after=0.5)
        running = self.session.start(self.DAY)
        self.wait_for_call("export", count=2)
        time.sleep(0.3)
        milliseconds = self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        return milliseconds


class Doubt(AmplitudeCase):
    """A value that does not fit because the download is corrupt is not blamed on the value."""

    emulator_options = ("--events-per-hour", "60", "--targets", "3000")

    def setUp(self):
        super().setUp()
        # Not compressed, so that a byte of a value is a byte of the file.
        self.emulator.settings(archive="gzip-stored")

    def archive(self, start="20250301T00", end="20250301T11"):
        request = urllib.request.Request("%s/api/2/export?start=%s&end=%s" % (self.emulator.url, start, end))
        request.add_header("Authorization", "Basic " + base64.b64encode(("%s:%s" % (support.API_KEY, support.SECRET_KEY)).encode()).decode())
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def place_of(self, uuid):
        """Of a byte in that event's uuid, which is turned into no hexadecimal digit."""
        return self.archive().index(b'"uuid":"' + uuid.encode()) + len('"uuid":"') + 3

    def middle(self):
        """An event in the middle of a file in the middle of the archive."""
        files = self.data().event_files("2025-03-01T00", "2025-03-01T11")
        records = list(files)[8][1]
        return records[len(records) // 2]["uuid"]

    def test_once(self):
        """What came before is right, so it is gone on with."""
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                self.amplitude(max_retries=1)
                self.session.run("SET adsexport_fdw.read_ahead = " + read_ahead)
                place = self.place_of(self.middle())
                self.clear_faults()
                self.fault({"call": "export", "times": 1}, corrupt_byte=place)
                self.check()

    def test_the_first_record(self):
        self.amplitude(max_retries=1)
        place = self.place_of(self.uuids("2025-03-01T00", "2025-03-01T11")[0])
        self.fault({"call": "export", "times": 1}, corrupt_byte=place)
        self.check()

    def test_always(self):
        self.amplitude(max_retries=1)
        place = self.place_of(self.middle())
        self.fault({"call": "export"}, corrupt_byte=place)
        self.expect_error("HV000", HALF_A_DAY, "checksum", "Hours 20250301T00 to 20250301T11")

    def test_always_in_a_large_entry(self):
        """Much is read after the value each time, which is no progress."""
        self.amplitude(max_retries=1)
        self.emulator.settings(events_per_hour=6000, amplitude_even=True, amplitude_files_per_hour=1)
        self.addCleanup(self.emulator.settings, events_per_hour=60, amplitude_even=False, amplitude_files_per_hour=0)
        records = list(self.data().events("2025-03-01T05", "2025-03-01T05"))
        archive = self.archive("20250301T05", "20250301T05")
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                self.session.run("SET adsexport_fdw.read_ahead = " + read_ahead)
                self.clear_faults()
                self.clear_log()
                self.fault({"call": "export"}, corrupt_byte=archive.index(records[3000]["uuid"].encode()) + 3)
                self.expect_error("HV000", ONE_HOUR, "checksum")
                self.assertLessEqual(self.count_calls("export"), 3)

    def test_cut_in_a_large_record(self):
        """Again and again at the same place, in a record that fills several blocks."""
        self.amplitude(max_retries=1)
        noise = random.Random(1)
        large = ['{"uuid":"00000000-0000-0000-0000-0000000000%02d","server_upload_time":"2025-03-01 05:00:00","event_properties":{"a":"%s"}}'
                 % (number, noise.getrandbits(4800000).to_bytes(600000, "big").hex()) for number in range(6)]
        self.emulator.settings(archive="stored-descriptor")
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "files": {"1/1_2025-03-01_5#0.json.gz": "\n".join(large)}})
        self.fault({"call": "export"}, cut_after=0.4, pause_after=0.38, pause_seconds=0.3)
        self.expect_error("08006", ONE_HOUR, "tried 2 times")
        self.assertLessEqual(self.count_calls("export"), 4)

    def test_bad_json(self):
        """The same where a brace was hit."""
        self.amplitude(max_retries=1)
        place = self.place_of(self.middle()) - 4
        self.fault({"call": "export", "times": 1}, corrupt_byte=place)
        self.check()
        self.fault({"call": "export"}, corrupt_byte=place)
        self.expect_error("HV000", HALF_A_DAY, "checksum")

    def hit(self, start, word, byte, **match):
        """Serve an archive whose bytes after that word are others, once."""
        text = bytearray(self.archive())
        place = text.index(word, start) + len(word)
        text[place] = byte
        self.clear_faults()
        self.fault(dict({"call": "export"}, **match), status=200, body_base64=base64.b64encode(bytes(text)).decode())

    def test_a_letter_for_another(self):
        """Text as good as any, but no uuid."""
        self.amplitude(max_retries=1)
        word = b'"uuid":"' + self.middle()[:4].encode()
        self.hit(0, word, ord("z"), times=1)
        self.check()
        self.hit(0, word, ord("z"))
        self.expect_error("HV000", HALF_A_DAY, "checksum")

    def test_types_of_their_own(self):
        """The code of any type may run, and may leave anything behind: the scan ends, but for the right reason."""
        self.amplitude(max_retries=1)
        self.session.run("CREATE DOMAIN hexadecimal AS text CHECK (VALUE ~ '^[0-9a-f-]+$')")
        for number, kind in enumerate(("hexadecimal", "money", "inet")):
            with self.subTest(type=kind):
                table = "product.own_%d" % number
                column = ("uuid", "app", "ip_address")[number]
                self.session.run("CREATE FOREIGN TABLE %s (server_upload_time timestamptz, %s %s) SERVER amplitude OPTIONS (entity 'amplitude_events')"
                                 % (table, column, kind))
                query = HALF_A_DAY.replace("product.amplitude_events", table).replace("SELECT uuid", "SELECT " + column)
                self.clear_faults()
                self.assertEqual(len(self.session.rows(query)), len(self.uuids("2025-03-01T00", "2025-03-01T11")))
                if kind == "money":
                    continue
                self.hit(len(self.archive()) // 2, b'"uuid":"0' if kind == "hexadecimal" else b'"ip_address":"20', ord("z"), times=1)
                self.expect_error("HV000", query, "checksum")
        self.clear_faults()
        self.session.run("CREATE FOREIGN TABLE product.bits (server_upload_time timestamptz, uuid varbit) SERVER amplitude OPTIONS (entity 'amplitude_events')")
        error = self.expect_error("22P02", HALF_A_DAY.replace("amplitude_events", "bits"), "archive entry", "on_invalid",
                                  'column "uuid" of foreign table "bits", record 1')
        self.assertEqual(support.text_of_error(error).count("archive entry"), 1)

    def test_a_value_that_the_vendor_sent(self):
        """Then it is the value, with its place, wherever it stands."""
        self.amplitude(max_retries=0)
        for hour, index in (("2025-03-01T00", 0), ("2025-03-01T05", 20), ("2025-03-01T11", 3)):
            with self.subTest(hour=hour):
                self.emulator.settings(inject=[{"entity": "amplitude_events", "hour": hour, "index": index, "path": "uuid", "literal": '"no uuid"'}])
                error = self.expect_error("22P02", HALF_A_DAY, 'invalid input syntax for type uuid: "no uuid"', "on_invalid",
                                          'column "uuid" of foreign table "amplitude_events", record ', "byte offset", "archive entry")
                self.assertEqual(support.text_of_error(error).count("archive entry"), 1)

    def test_json_that_the_vendor_sent(self):
        """It will not be any better the next time."""
        self.emulator.settings(archive="stored-descriptor")
        self.amplitude(max_retries=3)
        good = '{"uuid": "11111111-1111-4111-8111-%012d", "server_upload_time": "2025-03-01 00:00:01"}'
        for record in (1, 2, 101):
            with self.subTest(record=record):
                self.clear_log()
                text = "\n".join([good % number for number in range(1, record)] + ['{"uuid": '] + [good % number for number in range(record, 200)])
                self.emulator.control("POST", "/content", {"entity": "amplitude_events", "files": {"1/1_2025-03-01_0#0.json.gz": text}})
                self.expect_error("HV000", HALF_A_DAY, "malformed JSON in record %d" % record, "1/1_2025-03-01_0#0.json.gz")
                self.assertEqual(self.count_calls("export"), 1)

    def test_as_null(self):
        """on_invalid = null reads on, and the checksum stops it."""
        self.amplitude(max_retries=0, imports={"on_invalid": "null"})
        place = self.place_of(self.middle())
        self.fault({"call": "export"}, corrupt_byte=place)
        self.expect_error("HV000", HALF_A_DAY, "checksum")

    def test_the_rest_does_not_come(self):
        """Whether it is the value can't be told then."""
        self.amplitude(max_retries=0)
        place = self.place_of(self.middle())
        self.fault({"call": "export"}, corrupt_byte=place, cut_after=place + 200)
        self.expect_error(("22P02", "08006"), HALF_A_DAY)

    def test_cancel(self):
        self.amplitude(max_retries=0)
        place = self.place_of(self.middle())
        self.fault({"call": "export"}, corrupt_byte=place, stall_after=place + 200)

        def attempt():
            self.clear_log()
            running = self.session.start(HALF_A_DAY)
            self.wait_for_call("export")
            time.sleep(0.3)
            milliseconds = self.cancel(running)
            self.assertEqual(running.error.pgcode, "57014")
            return milliseconds

        self.in_time(attempt)

    def test_anywhere(self):
        """Whatever is made of a corrupt file, it is the file that is named."""
        self.amplitude(max_retries=0)
        self.amazon(max_retries=0)
        places = random.Random(4)
        query = HALF_A_DAY.replace("SELECT uuid", "SELECT *")
        for archive in ("stored-descriptor", "deflate-sizes", "gzip-stored"):
            self.emulator.settings(archive=archive)
            for number in range(60):
                place = places.random()
                with self.subTest(archive=archive, place=place):
                    self.clear_faults()
                    self.fault({"call": "export"}, corrupt_byte=place)
                    # 54000: what says how long something is, is too much.
                    self.expect_error(("HV000", "54000"), query, "Hours 20250301T00 to 20250301T11")
        for level in (0, 6):
            self.emulator.settings(gzip_level=level)
            for number in range(40):
                place = places.random()
                with self.subTest(gzip_level=level, place=place):
                    self.clear_faults()
                    self.session.run("SELECT adsexport_forget()")
                    self.fault({"call": "download"}, corrupt_byte=place)
                    self.expect_error(("HV000", "54000"), "SELECT * FROM ads.targets", "Profile 1111, export")

    def test_amazon(self):
        """There the whole file has one checksum."""
        self.emulator.settings(gzip_level=0)
        self.amazon(max_retries=1, imports={"id_type": "numeric"})
        query = "SELECT target_id FROM ads.targets"
        expected = [int(record["targetId"]) for record in self.data().records("targets", 1111)]
        self.assertCountEqual(self.session.column(query), expected)
        self.assertEqual(self.calls("download")[0]["status"], 200)
        for index, recovers in ((0, True), (len(expected) // 2, False)):
            with self.subTest(index=index):
                self.clear_faults()
                place = self.place_in_export(str(expected[index]))
                self.session.run("SELECT adsexport_forget()")
                self.fault({"call": "download", "times": 1}, corrupt_byte=place)
                if recovers:
                    self.assertCountEqual(self.session.column(query), expected)
                else:
                    self.expect_error("HV000", query, "checksum", "Profile 1111, export")

    def place_in_export(self, target):
        call = self.calls("download")[-1]
        url = self.emulator.url + call["path"] + ("?" + call["query"] if call.get("query") else "")
        with urllib.request.urlopen(url) as answer:
            text = answer.read()
        self.assertEqual(gzip.decompress(text)[:1], b"[")
        return text.index(b'"targetId":"' + target.encode()) + len('"targetId":"') + 2


class Samples(AmplitudeCase):
    """Archives as other programs write them."""

    FOLDER = os.path.join(os.path.dirname(support.FOLDER), "archives")

    def setUp(self):
        super().setUp()
        self.amplitude(max_retries=0)
        self.session.run("CREATE FOREIGN TABLE product.sample (uuid uuid, archive_entry text, event_type text) SERVER amplitude "
                         "OPTIONS (entity 'amplitude_events', default_start '1h', incomplete_hours 'ignore')")

    def read(self, name):
        self.emulator.settings(serve={"amplitude_events": os.path.join(self.FOLDER, name)})
        return self.session.rows("SELECT archive_entry, count(*) FROM product.sample GROUP BY 1")

    def test_readable(self):
        expected = [("11/11_2025-01-01_%d#0.json.gz" % hour, count) for hour, count in enumerate((1, 300, 7, 0, 2)) if count]
        names = sorted(name for name in os.listdir(self.FOLDER) if name.endswith(".zip"))
        self.assertGreater(len(names), 14)
        for name in names:
            with self.subTest(archive=name):
                self.assertCountEqual(self.read(name), expected)

    def test_refused(self):
        for name, words in (("encrypted", "encrypted entries are not supported"), ("aes-encrypted", "encrypted entries are not supported"),
                            ("bzip2", "compression method 12 (bzip2)"), ("lzma", "compression method 14 (LZMA)"), ("deflate64", "compression method 9 (Deflate64)")):
            with self.subTest(archive=name):
                self.emulator.settings(serve={"amplitude_events": os.path.join(self.FOLDER, "refused", name + ".zip")})
                self.expect_error("HV000", "SELECT * FROM product.sample", words, 'zip entry "11/11_2025-01-01_', 'foreign table "sample"')


class Sizes(AmplitudeCase):
    """Events of any size, with few columns and with all."""

    def test_many_small_ones(self):
        """More of them in a piece of the download than are walked at a time."""
        self.amplitude(max_retries=0)
        count = 60000
        line = '{"uuid": "11111111-1111-4111-8111-%012d", "server_upload_time": "2025-03-01 00:00:01"}'
        text = "\n".join(line % number for number in range(count))
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "files": {"1/1_2025-03-01_0#0.json.gz": text}})
        for read_ahead in ("on", "off"):
            self.session.run("SET adsexport_fdw.read_ahead = " + read_ahead)
            for columns in ("*", "uuid", "uuid, app, platform"):
                with self.subTest(read_ahead=read_ahead, columns=columns):
                    query = "SELECT count(*), count(DISTINCT uuid), count(e) FROM (%s OFFSET 0) e" % HALF_A_DAY.replace("SELECT uuid", "SELECT " + columns)
                    self.assertEqual(self.session.rows(query), [(count, count, count)])


class Statuses(AmplitudeCase):
    """Every status that the vendor is known to send; those of 400 and 504 are above, broken archives in test_failures."""

    def fails(self, sqlstate, *words, query=HALF_A_DAY, **action):
        self.clear_faults()
        self.clear_log()
        self.fault({"call": "export"}, **action)
        began = time.monotonic()
        self.expect_error(sqlstate, query, 'foreign table "amplitude_events"', *words)
        return time.monotonic() - began

    def passes_once(self, **action):
        self.clear_faults()
        self.clear_log()
        self.fault({"call": "export", "times": 1}, **action)
        self.check()

    def test_200(self):
        self.amplitude()
        self.check()
        self.assertEqual(self.spans(200), self.spans())

    def test_200_that_is_no_archive(self):
        """Text about a rate limit or a page of a gateway: as good as a broken transfer."""
        self.amplitude(max_retries=1)
        for action in ({"body": "Rate limit exceeded"}, {"body_kind": "html"}, {"body_kind": "empty"}):
            with self.subTest(action=action):
                self.fails("HV000", status=200, **action)
                self.assertEqual(self.count_calls("export"), 2)
                self.passes_once(status=200, **action)

    def test_400_too_large(self):
        self.amplitude(max_retries=0)
        self.fails("HV000", "HTTP status 400", TOO_LARGE, "Amazon S3 export", status=400, body=TOO_LARGE)
        self.passes_once(status=400, body=TOO_LARGE)
        self.assertEqual(len(self.spans(200)), 2)

    def test_400_as_json(self):
        self.amplitude(max_retries=0)
        self.fails("HV000", "HTTP status 400", "too large", status=400, body={"error": {"http_code": 400, "message": "too large"}})

    def test_401(self):
        self.amplitude(max_retries=3)
        self.fails("28000", "HTTP status 401", "api_key and secret_key", "region", status=401, body_kind="empty")
        self.assertEqual(self.count_calls("export"), 1)

    def test_403(self):
        """Names key, secret and region, for the vendor does not tell which is wrong."""
        self.amplitude(max_retries=3, region="eu", mapping={"api_key": "wrong", "secret_key": "secret-never-shown"})
        error = self.expect_error("28000", HALF_A_DAY, "HTTP status 403", "Invalid API Key", "api_key and secret_key", "region of server amplitude (eu)")
        self.assertNotIn("never-shown", support.text_of_error(error))
        self.assertEqual(self.count_calls("export"), 1)

    def test_404_no_events(self):
        self.amplitude(max_retries=0)
        self.assertEqual(self.session.column(EVENTS % ("2023-01-01Z", "2023-01-03Z")), [])
        self.assertEqual([call["status"] for call in self.calls("export")], [404, 404])

    def test_404_of_another_kind(self):
        self.amplitude(max_retries=1)
        self.fails("HV000", "HTTP status 404", "404: Not Found", status=404, body="404: Not Found")
        self.assertEqual(self.count_calls("export"), 2)
        self.passes_once(status=404, body="404: Not Found")

    def test_429(self):
        """Half a minute and more, unless the server names a time, once; it counts as patience and not as an attempt."""
        # That is too long at once; whoever waited all the same would do so until the end of the export_timeout.
        self.amplitude(max_retries=1, export_timeout="20s")
        words = "Exceeded concurrent limit with query of cost 415"
        self.assertLess(self.fails("53400", "HTTP status 429", words, status=429, body=words), 15)
        self.assertEqual(self.count_calls("export"), 1)
        self.clear_faults()
        self.fault({"call": "export", "times": 1}, status=429, body=words, retry_after=0)
        self.check()
        self.fault({"call": "export", "times": 1}, status=429, body=words, retry_after=1)
        self.check()
        self.clear_faults()
        self.assertLess(self.fails("53400", "HTTP status 429", "It was tried 2 times", status=429, body=words, retry_after=0), support.SOON)
        self.assertEqual(self.count_calls("export"), 2)

    def test_429_by_too_many_requests(self):
        """The vendor lets five run at once: so do we not ask for more."""
        self.emulator.settings(amplitude_concurrency=5, amplitude_delay=0.05)
        self.amplitude(max_retries=0, request_span="1h", concurrency="5", max_jobs="5")
        self.check()
        self.assertEqual(self.spans(429), [])

    def test_500_501_502_503(self):
        self.amplitude(max_retries=1)
        for status in (500, 501, 502, 503):
            with self.subTest(status=status):
                self.fails("08006", "HTTP status %d" % status, "It was tried 2 times", status=status, body_kind="html")
                self.assertEqual(self.count_calls("export"), 2)
                self.passes_once(status=status, body_kind="html")

    def test_504_too_much(self):
        self.amplitude(max_retries=0)
        self.fails("08006", "HTTP status 504", "upstream request timeout", "Amazon S3 export", status=504, body="upstream request timeout")
        self.passes_once(status=504, body="upstream request timeout")
        self.assertEqual(len(self.spans(200)), 2)

    def test_connection_closed_before_the_answer(self):
        self.amplitude(max_retries=1)
        self.fails("08006", drop_connection_before_response=True)
        self.passes_once(drop_connection_before_response=True)


del AmplitudeCase, BreakingCase


if __name__ == "__main__":
    import unittest
    unittest.main()
