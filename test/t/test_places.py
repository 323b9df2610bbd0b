"""Amplitude's requests in flight: one cap for a project over all scans of a session, and no scan that waits for one at rest."""

import gzip
import json
import os
import random
import time
import zipfile

import support

DAYS = 6
HOUR = "server_upload_time >= '2025-03-0%dZ' AND server_upload_time < '2025-03-0%d 06:00Z'"


class PlacesCase(support.TestCase):
    def query(self, day, table="product.amplitude_events"):
        return "SELECT uuid FROM %s WHERE %s" % (table, HOUR % (day, day))

    def expected(self, day):
        return sorted(event["uuid"] for event in self.data().events("2025-03-0%dT00" % day, "2025-03-0%dT05" % day))

    def most_running(self):
        """Requests in flight at once."""
        self.eventually(lambda: self.count_calls("export", finished="true") == self.count_calls("export"), "end of all answers")
        calls = [(call["time"], call["time"] + call["seconds"]) for call in self.calls("export")]
        return max(sum(begin <= other < end for begin, end in calls) for other, _ in calls)

    def check_calls(self, most, fewer=False):
        self.assertEqual({call["status"] for call in self.calls("export")} - {200, 404}, set())
        running = self.most_running()
        self.assertLessEqual(running, most)
        # Before PostgreSQL 14 an Append reads one scan after the other.
        if not fewer and self.session.connection.server_version >= 140000:
            self.assertEqual(running, most, "this shows nothing")


class Places(PlacesCase):
    """Scans that are read side by side."""

    emulator_options = ("--amplitude-delay", "0.4", "--amplitude-concurrency", "5")

    def union(self):
        return " UNION ALL ".join(self.query(day) for day in range(1, 1 + DAYS))

    def check_union(self):
        self.assertEqual(sorted(self.session.column(self.union())), sorted(uuid for day in range(1, 1 + DAYS) for uuid in self.expected(day)))

    def test_union_all(self):
        for asynchronous in ("on", "off") if self.session.connection.server_version >= 140000 else ("never",):
            if asynchronous != "never":
                self.session.run("SET enable_async_append = " + asynchronous)
            for options, most in (({}, 4), ({"max_jobs": "1"}, 1), ({"max_jobs": "3", "concurrency": "5", "request_span": "1h"}, 3)):
                with self.subTest(asynchronous=asynchronous, **options):
                    self.amplitude(max_retries=0, **options)
                    self.clear_log()
                    self.check_union()
                    self.check_calls(most, asynchronous == "off")

    def test_partitions(self):
        self.amplitude(max_retries=0)
        self.session.run("DROP TABLE IF EXISTS tree; CREATE TABLE tree (server_upload_time timestamptz, uuid uuid) PARTITION BY RANGE (server_upload_time)")
        for day in range(1, 1 + DAYS):
            self.session.run("CREATE FOREIGN TABLE product.day%d PARTITION OF tree FOR VALUES FROM ('2025-03-0%dZ') TO ('2025-03-0%dZ') "
                             "SERVER amplitude OPTIONS (entity 'amplitude_events')" % (day, day, day + 1))
        found = self.session.value("SELECT count(*) FROM tree WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-07Z'")
        self.assertEqual(found, sum(1 for _ in self.data().events("2025-03-01T00", "2025-03-06T23")))
        self.check_calls(4)

    def test_servers_of_one_project_count_together(self):
        for name in ("amplitude", "other"):
            self.amplitude(name, "product" if name == "amplitude" else "others", max_retries=0, max_jobs="2")
        union = " UNION ALL ".join(self.query(day, table) for day in (1, 2) for table in ("product.amplitude_events", "others.amplitude_events"))
        self.assertEqual(sorted(self.session.column(union)), sorted(2 * (self.expected(1) + self.expected(2))))
        self.check_calls(2)

    def test_places_come_back(self):
        """After errors and cancellations, too."""
        self.amplitude(max_retries=0, max_jobs="1")
        self.fault({"call": "export"}, status=500)
        for _ in range(3):
            self.expect_error("08006", self.query(1))
        self.clear_faults()
        self.fault({"call": "export", "times": 1}, hang=True)
        running = self.session.start(self.query(1))
        self.wait_for_call("export", 4)
        self.cancel(running)
        self.session.run("BEGIN; SAVEPOINT s")
        self.fault({"call": "export", "times": 1}, status=403)
        self.expect_error("28000", self.query(1))
        self.session.run("ROLLBACK TO s")
        self.assertEqual(sorted(self.session.column(self.query(1))), self.expected(1))


class Rest(PlacesCase):
    """A scan at rest holds its downloads back; one that waits for their places brings them to a file."""

    emulator_options = ("--events-per-hour", "400", "--amplitude-concurrency", "3")

    def setUp(self):
        super().setUp()
        # Too much for the buffers between the two: the emulator waits for its reader.
        self.slow = {"pause_after": 0.7, "pause_seconds": 0.5}
        self.fault({"call": "export", "query": "start=20250301"}, **self.slow)

    def fetched(self, name, count="ALL"):
        return self.session.column("FETCH %s FROM %s" % (count, name))

    def count_of_span(self, start):
        return sum("start=" + start in call["query"] for call in self.calls("export"))

    def threads(self):
        return self.session.threads()

    def check_rest(self, declare="DECLARE %s CURSOR FOR ", rows=10, **options):
        """A cursor that was read in part, another scan, and the rest of the cursor."""
        self.clear_log()
        self.amplitude(max_retries=0, max_jobs="1", **options)
        self.session.run("BEGIN; " + declare % "c" + self.query(1))
        first = self.fetched("c", rows)
        threads = self.threads()
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        if threads > 1:
            self.assertEqual(self.threads(), 1, "the thread went on")
        self.assertEqual(sorted(first + self.fetched("c")), self.expected(1))
        self.session.run("COMMIT")
        self.check_calls(1)
        self.assertEqual(self.count_calls("export"), 2)
        return threads > 1

    def test_cursor(self):
        # Before PostgreSQL 15 MOVE can rewind any cursor, so that what is downloaded for it is kept in a file, and what is kept is read without a thread.
        has_thread = self.session.connection.server_version >= 150000
        for read_ahead in ("on", "off"):
            for rows in (0, 1, 10, 1000):
                with self.subTest(read_ahead=read_ahead, rows=rows):
                    self.session.run("LOAD 'adsexport_fdw'; SET adsexport_fdw.read_ahead = " + read_ahead)
                    self.assertEqual(self.check_rest(rows=rows), has_thread and read_ahead == "on" and rows == 1000)

    def test_scroll_cursor(self):
        """What came is kept, wherever it came from."""
        self.check_rest("DECLARE %s SCROLL CURSOR FOR ")
        self.session.run("BEGIN; DECLARE c SCROLL CURSOR FOR " + self.query(1))
        first = self.fetched("c", 10)
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        second = self.fetched("c", 500)
        self.session.run("MOVE ABSOLUTE 0 IN c")
        everything = self.fetched("c")
        self.assertEqual(everything[:510], first + second)
        self.assertEqual(sorted(everything), self.expected(1))
        self.session.run("COMMIT")

    def test_scan_that_starts_over_at_once(self):
        """What was lent to its reader is in one file already when it comes again from the other."""
        self.amplitude(max_retries=0, max_jobs="1")
        last = self.expected(1)[-1]
        self.session.run("SET enable_material = off; BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT number FROM generate_series(1, 2) number "
                         "WHERE EXISTS (SELECT FROM (%s) events WHERE number = 1 OR uuid = '%s')" % (self.query(1), last))
        # Of the first row the first event is enough.
        self.assertEqual(self.fetched("c", 1), [1])
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.assertEqual(self.fetched("c"), [2])
        self.session.run("COMMIT")
        self.assertEqual(self.count_of_span("20250301"), 1)

    def test_right_deep_join(self):
        """The outer side of each join is begun before the inner one is read."""
        self.amplitude(max_retries=0, max_jobs="1")
        self.session.run("SET enable_nestloop = off; SET enable_mergejoin = off; SET join_collapse_limit = 1; SET from_collapse_limit = 1")
        query = ("SELECT count(*) FROM ({0}) a JOIN (({1}) b JOIN (({2}) c JOIN ({3}) d ON c.uuid <= d.uuid AND c.uuid = d.uuid) ON b.uuid = c.uuid) "
                 "ON a.uuid = b.uuid").format(*[self.query(1)] * 4)
        self.assertEqual(self.session.value(query), len(self.expected(1)))
        self.check_calls(1)

    def test_archive_that_breaks_at_rest(self):
        self.clear_faults()
        self.fault({"call": "export", "query": "start=20250301", "times": 1}, cut_after=0.8, **self.slow)
        self.amplitude(max_retries=2, max_jobs="1")
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        first = self.fetched("c", 10)
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.assertEqual(sorted(first + self.fetched("c")), self.expected(1))
        self.session.run("COMMIT")

    def test_partial_content_at_rest(self):
        """A whole archive with the status 206 goes to the file as with 200: it would be too much for memory."""
        path = os.path.join(self.make_folder(), "large.zip")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("1/x.json.gz", "\n".join(json.dumps({"uuid": "00000000-0000-4000-8000-%012d" % number, "server_upload_time": "2025-03-0%d 00:00:00" % (1 + number % 2),
                                                               "event_properties": {"text": "x" * 8000}}) for number in range(4000)))
        size = os.path.getsize(path)
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})
        self.clear_faults()
        self.fault({"call": "export", "query": "start=20250301"}, real_status=206, headers={"Content-Range": "bytes 0-%d/%d" % (size - 1, size)}, **self.slow)
        self.amplitude(max_retries=0, max_jobs="1")
        for read_ahead in ("on", "off"):
            for rows in (0, 10, 200):
                with self.subTest(read_ahead=read_ahead, rows=rows):
                    self.session = self.connect()
                    self.session.run("LOAD 'adsexport_fdw'; SET adsexport_fdw.read_ahead = " + read_ahead)
                    self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
                    found = self.fetched("c", rows)
                    before = self.session.resident_kilobytes()
                    self.assertEqual(len(self.session.column(self.query(2))), 2000)
                    # A drive brings a few megabytes, and the other scan has its own.
                    self.assertLess(self.session.resident_kilobytes() - before, 14000)
                    found += self.fetched("c")
                    self.assertEqual(sorted(found), ["00000000-0000-4000-8000-%012d" % number for number in range(0, 4000, 2)])
                    self.session.run("COMMIT")

    def test_request_at_rest_that_was_not_answered_yet(self):
        """A scan asks for more than one span, and rests before the second is there."""
        self.amplitude(max_retries=0, max_jobs="2", request_span="3h")
        self.fault({"call": "export", "query": "start=20250301T03"}, delay=1)
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        first = self.fetched("c", 10)
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.assertEqual(sorted(first + self.fetched("c")), self.expected(1))
        self.session.run("COMMIT")
        self.check_calls(2)

    def check_broken_span(self, declare="", union="", read_ahead="off", **damage):
        """A span that is found broken when the next one has its place already, and cannot be read before it."""
        self.clear_faults()
        # So that reading has begun before the rest arrives at once.
        self.fault({"call": "export", "query": "start=20250301T00", "times": 1}, pause_after=0.5, pause_seconds=0.5, **damage)
        self.fault({"call": "export", "query": "start=20250301T03"}, pause_after=0.5, pause_seconds=3)
        self.clear_log()
        self.amplitude(max_retries=3, max_jobs="1", request_span="3h")
        self.session = self.connect()
        self.session.run("LOAD 'adsexport_fdw'; SET adsexport_fdw.read_ahead = %s; BEGIN; DECLARE c %s CURSOR FOR %s" % (read_ahead, declare, self.query(1) + union))
        found = []
        while self.count_of_span("20250301T03") == 0:
            found += self.fetched("c", 50)
            time.sleep(0.03)
        found += self.fetched("c")
        self.session.run("COMMIT")
        self.assertEqual(self.count_of_span("20250301T00"), 2)
        return sorted(found)

    def test_broken_span_before_the_next(self):
        for damage in ({"cut_after": 0.95}, {"truncate": 0.95}, {"corrupt_byte": 0.8}):
            with self.subTest(**damage):
                self.assertEqual(self.check_broken_span(**damage), self.expected(1))

    def test_broken_span_before_the_next_with_a_thread(self):
        dice = random.Random(1)
        path = os.path.join(self.make_folder(), "long.zip")
        with zipfile.ZipFile(path, "w") as file:
            for hour in range(4):
                file.writestr("1/%d.json.gz" % hour, gzip.compress("\n".join(json.dumps({
                    "uuid": "00000000-0000-4000-8000-%012d" % (250 * hour + number), "server_upload_time": "2025-03-01 00:00:00",
                    "event_properties": {"text": "x" * 7000 + "%x" % dice.getrandbits(4000)}}) for number in range(250)).encode()))
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})
        found = self.check_broken_span(read_ahead="on", cut_after=0.9)
        self.assertEqual(found, ["00000000-0000-4000-8000-%012d" % (number // 2) for number in range(2000)])

    def test_broken_span_before_the_next_of_a_kept_scan(self):
        self.assertEqual(self.check_broken_span("SCROLL", cut_after=0.95), self.expected(1))

    def test_broken_span_before_the_next_in_an_append(self):
        found = self.check_broken_span(union=" UNION ALL " + self.query(2), cut_after=0.95)
        self.assertEqual(found, sorted(self.expected(1) + self.expected(2)))

    def test_append_beside_a_cursor(self):
        self.amplitude(max_retries=0, max_jobs="1")
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        first = self.fetched("c", 10)
        found = self.session.column(self.query(2) + " UNION ALL " + self.query(3))
        self.assertEqual(sorted(found), sorted(self.expected(2) + self.expected(3)))
        self.assertEqual(sorted(first + self.fetched("c")), self.expected(1))
        self.session.run("COMMIT")
        self.check_calls(1)

    def test_append_beside_a_download_that_stalls(self):
        """What it holds is given up as if its scan waited for it."""
        self.clear_faults()
        self.fault({"call": "export", "query": "start=20250301"}, stall_after=0.7)
        self.amplitude(max_retries=0, max_jobs="1", stall_timeout="%ds" % (3 * support.PATIENCE))
        self.session.run("LOAD 'adsexport_fdw'; SET adsexport_fdw.read_ahead = off; BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        self.fetched("c", 10)
        found = self.session.column(self.query(2) + " UNION ALL " + self.query(3))
        self.assertEqual(sorted(found), sorted(self.expected(2) + self.expected(3)))
        self.expect_error("08006", "FETCH ALL FROM c", "nothing received within stall_timeout")
        self.session.run("ROLLBACK")

    def test_cursor_of_another_session(self):
        self.clear_faults()
        self.fault({"call": "export", "query": "start=20250301"}, stall_after=0.7)
        self.amplitude(max_retries=3, max_jobs="1", export_timeout="%ds" % (3 * support.PATIENCE), stall_timeout="%ds" % (3 * support.PATIENCE))
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        self.fetched("c", 10)
        other = self.connect()
        began = time.monotonic()
        self.assertEqual(sorted(other.column(self.query(2))), self.expected(2))
        self.assertGreater(time.monotonic() - began, 2 * support.PATIENCE)
        self.session.run("ROLLBACK")

    def check_long_scan(self, size, read_ahead):
        """One that takes several times as long as another session waits for a place that is not needed."""
        self.clear_faults()
        self.clear_log()
        self.fault({"call": "export", "query": "start=20250301"}, drip=size // (9 * support.PATIENCE))
        # In which the other scan has to have its answer, too.
        timeout = "%ds" % (3 * support.PATIENCE)
        self.amplitude(max_retries=0, max_jobs="1", export_timeout=timeout, stall_timeout=timeout)
        self.session = self.connect()
        self.session.run("LOAD 'adsexport_fdw'; SET adsexport_fdw.read_ahead = " + read_ahead)
        running = self.session.start(self.query(1))
        self.wait_for_call("export")
        self.connect().column(self.query(2))
        running.wait()
        self.assertIsNone(running.error)
        self.check_calls(1)

    def test_long_scan_keeps_its_place(self):
        self.amplitude()
        self.session.column(self.query(1))
        size = self.calls("export")[-1]["bytes_sent"]
        for read_ahead in ("on", "off"):
            with self.subTest(read_ahead=read_ahead):
                self.check_long_scan(size, read_ahead)

    def test_long_scan_whose_thread_finds_nothing_keeps_its_place(self):
        dice = random.Random(1)
        path = os.path.join(self.make_folder(), "long.zip")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("1/1.json.gz", gzip.compress("\n".join(json.dumps({
                "uuid": "00000000-0000-4000-8000-%012d" % number, "server_upload_time": "2025-03-01 00:00:00",
                "event_properties": {"text": "x" * 7000 + "%x" % dice.getrandbits(1000)}}) for number in range(300)).encode()))
            file.writestr("1/2.txt", bytes(5000000))
        self.emulator.control("POST", "/content", {"entity": "amplitude_events", "file": path})
        self.check_long_scan(os.path.getsize(path), "on")

    def test_cursor_that_failed(self):
        """In a subtransaction, so that it stays; with it went what owned its temporary files."""
        self.clear_faults()
        self.fault({"call": "export", "query": "start=20250301"}, pause_after=0.7, pause_seconds=5)
        self.amplitude(max_retries=0, max_jobs="1")
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        self.fetched("c", 10)
        self.session.run("SAVEPOINT s")
        running = self.session.start("FETCH ALL FROM c")
        watcher = self.connect()
        self.eventually(lambda: watcher.column("SELECT state FROM pg_stat_activity WHERE pid = %s", self.session.pid) == ["active"], "its start")
        self.cancel(running)
        self.assertEqual(running.error.pgcode, "57014")
        self.session.run("ROLLBACK TO s")
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.expect_error("55000", "FETCH ALL FROM c")
        self.session.run("ROLLBACK")
        self.assertEqual(self.session.value("SELECT count(*) FROM pg_ls_tmpdir()"), 0)

    def test_file_that_cannot_be_closed(self):
        """The server writes the end of a file when it is closed, and may have no room for it; then its download is over all the same."""
        self.amplitude(max_retries=0, max_jobs="1")
        self.session.run("BEGIN; SAVEPOINT s; DECLARE c NO SCROLL CURSOR FOR SELECT day FROM (VALUES (1, '2025-03-01 00:00Z'::timestamptz), (2, '2025-03-02 00:00Z')) "
                         "v (day, begins), LATERAL (SELECT FROM product.amplitude_events WHERE server_upload_time >= begins AND "
                         "server_upload_time < begins + interval '6 hours' LIMIT 1) events")
        # Of the first row the first event is enough; the second asks for other hours.
        self.assertEqual(self.fetched("c", 1), [1])
        self.assertEqual(sorted(self.session.column(self.query(3))), self.expected(3))
        self.session.run("SET LOCAL temp_file_limit = 0")
        self.expect_error("53400", "FETCH ALL FROM c", "temp_file_limit")
        self.session.run("ROLLBACK TO s")
        self.assertEqual(self.session.column("SELECT sessions FROM adsexport_exports()"), [0, 0])
        self.assertEqual(self.session.value("SELECT count(*) FROM pg_ls_tmpdir()"), 0)
        self.assertEqual(sorted(self.session.column(self.query(1))), self.expected(1))
        self.session.run("COMMIT")

    def test_cursor_that_is_closed(self):
        """Nothing is left of its file and place."""
        self.amplitude(max_retries=0, max_jobs="1")
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        self.fetched("c", 10)
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.session.run("CLOSE c; COMMIT")
        self.session.run("BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        self.fetched("c", 10)
        self.session.run("SAVEPOINT s")
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.expect_error("22012", "SELECT 1 / 0")
        self.session.run("ROLLBACK")
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.assertEqual(self.session.value("SELECT count(*) FROM pg_ls_tmpdir()"), 0)

    def test_notice(self):
        self.amplitude(max_retries=0, max_jobs="1")
        self.clear_faults()
        self.fault({"call": "export", "query": "start=20250301"}, pause_after=0.7, pause_seconds=3)
        self.session.run("SET adsexport_fdw.progress_interval = '200ms'; BEGIN; DECLARE c CURSOR FOR " + self.query(1))
        self.fetched("c", 10)
        self.session.take_notices()
        self.assertEqual(sorted(self.session.column(self.query(2))), self.expected(2))
        self.assertRegex(self.session.take_notices(), "hours 20250302T00 to 20250302T05: waiting for other exports to finish for 0 s")
        self.session.run("COMMIT")
