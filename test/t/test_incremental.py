"""A table that is kept up to date from Amplitude by a statement that runs every hour, as the documentation says."""

import datetime
import os
import random
import time
import unittest

import psycopg2

import support
from amplitude_data import parse_hour

HOUR = datetime.timedelta(hours=1)

# As in docs/amplitude.md; what stands for the clock is filled in.
LOAD = """
INSERT INTO events
SELECT uuid, server_upload_time, event_time, event_type, user_id, event_properties
FROM product.amplitude_events
WHERE server_upload_time >= (SELECT coalesce(max(server_upload_time), %(start)s) FROM events) - interval '6 hours'
  AND server_upload_time < %(until)s
ON CONFLICT (uuid) DO NOTHING
"""
TABLE = """
DROP TABLE IF EXISTS events;
CREATE TABLE events (uuid uuid PRIMARY KEY, server_upload_time timestamptz NOT NULL, event_time timestamptz, event_type text,
                     user_id text, event_properties jsonb)
"""


class Week(support.TestCase):
    """168 loads; files that come late, faults, a backend that is terminated and a server that crashes in the middle of one."""

    alone = True  # it takes the server down
    emulator_options = ("--events-per-hour", "20")
    START = datetime.datetime(2025, 3, 1, tzinfo=datetime.timezone.utc)

    def setUp(self):
        super().setUp()
        # What is committed stays, whatever happens.
        self.session = self.connect(synchronous_commit="on")
        # All transfers of an hour's load are small, so that it is gone on with at once or in an hour.
        self.amplitude(max_retries=0, request_span="1d", incomplete_hours="error")
        self.session.run(TABLE)
        self.random = random.Random(6)
        self.errors = []

    def at(self, now):
        """The emulator's clock; the extension is told where the complete hours end."""
        self.emulator.settings(now=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        until = (now - 2 * HOUR).replace(minute=0, second=0)
        return LOAD % {"start": "timestamptz '%s'" % self.START, "until": "timestamptz '%s'" % until}

    FAULTS = ({"status": 503, "body_kind": "html"}, {"status": 200, "body": "rate limit exceeded"}, {"status": 404, "body": "404: Not Found"}, {"cut_after": 0.5},
              {"truncate": 0.7}, {"corrupt_byte": 0.5}, {"drop_connection_before_response": True}, {"pause_after": 0.3, "pause_seconds": 0.2, "cut_after": 0.8},
              {"trailing_garbage": "x"}, {"status": 429, "body": "Exceeded concurrent limit"}, {"corrupt_byte": -30})

    def load(self, statement):
        try:
            self.session.run(statement)
        except psycopg2.Error as problem:
            self.assertIn(problem.pgcode, ("08006", "HV000", "53400"), problem)
            self.errors.append(problem)

    def terminated(self, statement):
        """In the middle of the load, after rows were written."""
        self.clear_log()
        self.fault({"call": "export"}, stall_after=0.8)
        running = self.session.start(statement)
        self.wait_for_call("export")
        time.sleep(0.2)
        other = self.connect()
        other.run("SELECT pg_terminate_backend(%s)", self.session.pid)
        running.wait()
        self.check_terminated(running)
        self.clear_faults()
        self.session = self.connect(synchronous_commit="on")

    def crashed(self, statement):
        """The same for all of the server, which is not given the time to clean up."""
        server = support.cluster()
        if server.folder is None:
            return self.terminated(statement)
        self.clear_log()
        self.fault({"call": "export"}, stall_after=0.8)
        running = self.session.start(statement)
        self.wait_for_call("export")
        time.sleep(0.2)
        server.server_command("pg_ctl", "-D", os.path.join(server.folder, "data"), "-m", "immediate", "-w", "stop")
        running.wait()
        self.assertIsNotNone(running.error)
        server.start()
        self.clear_faults()
        self.session = self.connect(synchronous_commit="on")

    def test_week(self):
        data = self.data()
        uuids = [event["uuid"] for event in data.events("2025-03-01T00", "2025-03-07T23")]
        # The vendor may send an event twice.
        self.emulator.settings(amplitude_late_files=4 * 3600,
                               inject=[{"entity": "amplitude_events", "hour": "2025-03-03T05", "index": 2, "path": "uuid", "literal": '"%s"' % uuids[5]}])
        expected = {}
        for event in self.data().amplitude.events("2025-03-01T00", "2025-03-07T23"):
            expected.setdefault(event["uuid"], event)
        self.assertEqual(len(expected), len(uuids) - 1)
        counts = []
        for hour in range(3, 24 * 7 + 3):
            statement = self.at(self.START + hour * HOUR + datetime.timedelta(minutes=5))
            if hour == 50:
                self.terminated(statement)
            elif hour == 100:
                self.crashed(statement)
            else:
                if self.random.random() < 0.25:
                    self.fault({"call": "export", "times": 1}, **self.random.choice(self.FAULTS))
                self.load(statement)
                self.clear_faults()
            counts.append(self.session.value("SELECT count(*) FROM events"))
        self.assertEqual(counts, sorted(counts), "nothing gets lost")
        self.assertLess(counts[-1], len(expected), "some files of the last hours are late")
        # What is late comes in the hours after.
        for hour in range(24 * 7 + 3, 24 * 7 + 9):
            self.load(self.at(self.START + hour * HOUR + datetime.timedelta(minutes=5)))
        self.assertGreater(len(self.errors), 10)
        found = {str(row[0]): row[1:] for row in self.session.rows(
            "SELECT uuid, to_char(server_upload_time, 'YYYY-MM-DD HH24:MI:SS.US'), to_char(event_time, 'YYYY-MM-DD HH24:MI:SS.US'), user_id FROM events")}
        self.assertEqual(sorted(found), sorted(expected))
        for uuid, event in expected.items():
            if uuid != uuids[5]:
                user = event["user_id"]
                self.assertEqual(found[uuid], (event["server_upload_time"], event["event_time"], None if user is None else str(user)))

    def test_each_load_asks_for_little(self):
        """The few hours that are new or may have become more, and not everything since the beginning."""
        for hour in range(3, 40):
            self.load(self.at(self.START + hour * HOUR))
        self.clear_log()
        self.load(self.at(self.START + 40 * HOUR))
        spans = [(parse_hour(call["start"]), parse_hour(call["end"])) for call in self.calls("export")]
        self.assertLessEqual(sum((end - start) // HOUR + 1 for start, end in spans), 9, spans)


class Clock(support.TestCase):
    """adsexport_complete_until() by the real clock."""

    emulator_options = ("--amplitude-ranges", "now-12h..now", "--events-per-hour", "30", "--amplitude-even", "true")

    def test_complete_until(self):
        for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
            with self.subTest(zone=zone):
                self.session.run("SET TimeZone = '%s'" % zone)
                difference, minute = self.session.rows(
                    "SELECT extract(epoch FROM now() - adsexport_complete_until()), extract(epoch FROM adsexport_complete_until())::bigint % 3600")[0]
                self.assertGreaterEqual(difference, 7200)
                self.assertLess(difference, 10800)
                self.assertEqual(minute, 0)

    def test_as_documented(self):
        """No warning, and all events of the complete hours, however often it runs."""
        self.within_an_hour()
        self.amplitude(incomplete_hours="error")
        self.session.run(TABLE)
        self.session.take_notices()
        statement = LOAD % {"start": "now() - interval '7 days'", "until": "adsexport_complete_until()"}
        self.session.run(statement)
        first = self.session.value("SELECT count(*) FROM events")
        self.session.run(statement)
        self.assertEqual(self.session.take_notices(), "")
        # Ten hours, or one more if the next one has just become complete.
        until = self.session.value("SELECT adsexport_complete_until()").astimezone(datetime.timezone.utc).replace(tzinfo=None)
        expected = [event["uuid"] for event in self.data().events((until - 13 * HOUR).strftime("%Y-%m-%dT%H"), (until - HOUR).strftime("%Y-%m-%dT%H"))]
        self.assertCountEqual(self.session.column("SELECT uuid FROM events WHERE server_upload_time < '%sZ'" % until), expected)
        self.assertGreaterEqual(first, 270)

    def test_beyond(self):
        self.amplitude()
        query = "SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= adsexport_complete_until()"
        self.session.rows(query + " - interval '1 hour' AND server_upload_time < adsexport_complete_until()")
        self.assertEqual(self.session.take_notices(), "")
        self.session.rows(query)
        self.assertIn("may be incomplete", self.session.take_notices())
        self.amplitude(incomplete_hours="error")
        self.expect_error("HV00L", query, "may be incomplete", "adsexport_complete_until()")


if __name__ == "__main__":
    unittest.main()
