"""A year of Amplitude, with memory that does not grow.

By default 8,760 hours with three files each, in one archive of 26,280 entries and in one for each day. ADSEXPORT_T_YEAR=20 makes it 20
events and 20 files an hour (175,200 entries), which takes some minutes.
"""

import os
import threading
import time
import unittest

import support

PER_HOUR = int(os.environ.get("ADSEXPORT_T_YEAR", "3"))
FIRST, LAST = "2023-01-01T00", "2023-12-31T23"
HOURS = 8760
YEAR = "server_upload_time >= '2023-01-01Z' AND server_upload_time < '2024-01-01Z'"

# Blocks (eight of 1.4 MB), windows of the inflater, what the executor needs: all there after the first days. A remembered entry takes at most
# 72 bytes.
MAY_GROW = 20 * 1024 + HOURS * PER_HOUR * 72 // 1024


class Watch:
    """The most private memory that a backend has while something runs (kB)."""

    def __init__(self, session):
        self.session = session
        self.most = 0
        self.descriptors = 0
        self.over = threading.Event()

    def work(self):
        while not self.over.is_set():
            self.look()
            time.sleep(0.02)

    def look(self):
        self.most = max(self.most, self.session.resident_kilobytes())
        folder = "/proc/%d/fd" % self.session.pid
        found = 0
        for name in os.listdir(folder):
            try:
                found += "pgsql_tmp" in os.readlink(os.path.join(folder, name))
            except OSError:
                pass
        self.descriptors = max(self.descriptors, found)

    def __enter__(self):
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()
        self.look()


class Year(support.TestCase):
    emulator_options = ("--amplitude-ranges", "%s..%s" % (FIRST, LAST), "--events-per-hour", str(PER_HOUR), "--amplitude-even", "true",
                        "--amplitude-files-per-hour", str(PER_HOUR), "--drift", "false")

    def setUp(self):
        super().setUp()
        self.session = self.connect(statement_timeout=0)
        # The emulator has to make the archive first.
        self.options = {"stall_timeout": "60s", "max_retries": "2"}

    def warm_up(self):
        self.session.rows("SELECT * FROM product.amplitude_events WHERE server_upload_time >= '2023-01-01Z' AND server_upload_time < '2023-01-08Z'")
        return self.session.resident_kilobytes()

    def load(self):
        """All columns of all rows, into a table; says by how much memory grew."""
        before = self.warm_up()
        self.session.run("DROP TABLE IF EXISTS year")
        with Watch(self.session) as watch:
            self.session.run("CREATE UNLOGGED TABLE year AS SELECT * FROM product.amplitude_events WHERE " + YEAR)
        self.assertEqual(self.session.rows("SELECT count(*), count(DISTINCT uuid), count(DISTINCT archive_entry), min(server_upload_time) >= '2023-01-01Z', "
                                           "max(server_upload_time) < '2024-01-01Z' FROM year"), [(HOURS * PER_HOUR, HOURS * PER_HOUR, HOURS * PER_HOUR, True, True)])
        self.assertEqual(self.session.value("SELECT count(*) FROM (SELECT date_trunc('hour', server_upload_time) FROM year GROUP BY 1) h"), HOURS)
        return watch.most - before

    def test_in_one_archive(self):
        self.amplitude(request_span="365d", **self.options)
        self.assertLess(self.load(), MAY_GROW)
        self.eventually(lambda: self.count_calls("export", status=200) == 2, "2 answers")
        with self.subTest("broken in the middle"):
            self.clear_log()
            self.fault({"call": "export", "nth": [2, 3]}, pause_after=0.2, pause_seconds=0.3, cut_after=0.6)
            self.assertLess(self.load(), MAY_GROW)
            self.eventually(lambda: self.count_calls("export", status=200) == 4, "4 answers")

    def test_in_days(self):
        self.amplitude(**self.options)
        self.assertLess(self.load(), MAY_GROW)
        self.eventually(lambda: self.count_calls("export", status=200) == 7 + 365, "7 + 365 answers")

    def test_kept_for_a_rescan(self):
        """365 downloads in one temporary file."""
        self.amplitude(**self.options)
        self.session.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off")
        if self.session.connection.server_version >= 140000:
            self.session.run("SET enable_memoize = off")
        self.session.run("CREATE TEMP TABLE few AS SELECT n FROM generate_series(1, 2) n; ANALYZE few")
        query = "SELECT count(*), count(DISTINCT e.uuid) FROM few LEFT JOIN product.amplitude_events e ON length(e.uuid::text) > few.n AND " + YEAR
        self.assertIn("Nested Loop", self.session.explain(query))
        before = self.warm_up()
        self.clear_log()
        with Watch(self.session) as watch:
            self.assertEqual(self.session.rows(query), [(2 * HOURS * PER_HOUR, HOURS * PER_HOUR)])
        self.assertEqual(self.count_calls("export"), 365)
        self.assertLess(watch.most - before, MAY_GROW)
        self.assertLessEqual(watch.descriptors, 2, "one for the downloads, one for the sort of DISTINCT")


if __name__ == "__main__":
    unittest.main()
