"""What the sessions of a cluster share: places at the vendor, what was learned, statistics; and the memory that it takes."""

import base64
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import psycopg2

import client
import support
import test_secrets
from test_places import PlacesCase

STATES = ["ENABLED", "PAUSED", "ARCHIVED"]


class SharedCase(support.TestCase):
    def most_in_progress(self, entity="campaigns"):
        """At once, by the emulator's account of it."""
        return max([one["count"] for one in self.emulator.control("GET", "/state")["amazon"]["most_in_progress"] if one["entity"] == entity] or [0])

    def statuses(self, call="request"):
        return {one["status"] for one in self.calls(call)}

    def sessions(self, count, **settings):
        return [self.connect(**settings) for _ in range(count)]


class Jobs(SharedCase):
    """The vendor's cap holds for all sessions together."""

    emulator_options = ("--export-delay", "0.4", "--campaigns", "3")

    def filters(self, number):
        """Queries that share no export."""
        products = ("SPONSORED_PRODUCTS", "SPONSORED_BRANDS", "SPONSORED_DISPLAY")
        return "SELECT count(*) FROM ads.campaigns WHERE ad_product = '%s' AND state = '%s'" % (products[number % 3], STATES[number // 3 % 3])

    def test_eight_sessions_keep_to_the_cap(self):
        self.amazon(profile_ids="1111,2222", max_retries=0)
        running = [session.start(self.filters(number)) for number, session in enumerate(self.sessions(8))]
        for one in running:
            one.wait()
            self.assertIsNone(one.error)
        self.assertEqual(self.statuses(), {202})
        self.assertEqual(self.most_in_progress(), 5)
        self.assertEqual(self.count_calls("request"), 16)

    def test_whichever_server_or_mapping(self):
        for name in ("amazon", "other"):
            self.amazon(name, "ads" if name == "amazon" else "others", profile_ids="1111,2222", max_retries=0, max_jobs=2)
        first = self.session.start("SELECT count(*) FROM ads.campaigns")
        second = self.connect().start("SELECT count(*) FROM others.campaigns")
        for one in (first, second):
            self.assertIsNone(one.wait().error)
        self.assertEqual(self.most_in_progress(), 2)

    def test_others_are_not_counted(self):
        """Another entity, or another account."""
        self.amazon(profile_ids="1111", max_jobs=1)
        self.amazon("other", "others", mapping=self.amazon_mapping("amzn1.application-oa2-client.second"), profile_ids="1111", max_jobs=1)
        self.emulator.settings(export_delay=60)
        running = [session.start("SELECT count(*) FROM " + table)
                   for session, table in zip(self.sessions(3), ("ads.campaigns", "ads.ad_groups", "others.campaigns"))]
        # None of them is ready before the third is asked for.
        self.wait_for_call("request", 3)
        self.emulator.control("POST", "/advance", {"seconds": 100})
        for one in running:
            self.assertIsNone(one.wait().error)

    def test_who_wants_many_lets_one_through(self):
        """In the order of asking: a session that asks later for one waits for one place, not for all."""
        self.amazon(profile_ids="1111", max_retries=0, max_jobs=1)
        many = self.session.start(" UNION ALL ".join(self.filters(number) for number in range(6)))
        self.wait_for_call("request", 1)
        one = self.connect().start("SELECT count(*) FROM ads.campaigns WHERE name > ''")
        one.wait()
        self.assertIsNone(one.error)
        self.assertIsNone(many.wait().error)
        self.assertEqual(self.count_calls("request"), 7)
        self.assertEqual(json.loads(self.calls("request")[-1]["body"])["stateFilter"], STATES[1:2], "it waited for all of the others")
        self.assertEqual(self.most_in_progress(), 1)

    def test_woken(self):
        """Not by asking again and again: a place that is given back is taken at once."""
        self.amazon(profile_ids="1111", max_retries=0, max_jobs=1)
        sessions = self.sessions(6)
        running = [session.start(self.filters(number)) for number, session in enumerate(sessions)]
        for one in running:
            self.assertIsNone(one.wait().error)
        self.assertEqual(self.most_in_progress(), 1)
        self.assertEqual(self.statuses(), {202})

    def occupy(self, hang="request"):
        """A session that has the only place, and its statement."""
        self.amazon(profile_ids="1111", max_retries=0, max_jobs=1)
        if hang == "request":
            self.fault({"call": "request", "times": 1}, hang=True)
        else:
            self.emulator.settings(export_delay=3)
        owner = self.connect()
        running = owner.start("SELECT count(*) FROM ads.campaigns")
        self.wait_for_call("request", 1)
        return owner, running

    def check_free(self):
        began = time.monotonic()
        self.session.value("SELECT count(*) FROM ads.campaigns WHERE state = 'PAUSED'")
        return time.monotonic() - began

    def test_owner_that_is_terminated_before_the_answer(self):
        owner, running = self.occupy()
        waiting = self.session.start("SELECT count(*) FROM ads.campaigns WHERE state = 'PAUSED'")
        time.sleep(0.3)
        self.assertEqual(self.count_calls("request"), 1)
        self.cancel(running, "pg_terminate_backend")
        self.assertIsNone(waiting.wait(5).error)

    def test_owner_that_is_cancelled_before_the_answer(self):
        """Its session keeps the request, whose answer is worth having; the place is given back with the session."""
        owner, running = self.occupy()
        self.cancel(running)
        owner.close()
        self.assertLess(self.check_free(), 5 * support.PATIENCE)

    def test_owner_that_does_something_else(self):
        """Nobody looks after what it has asked for: by what is known of such exports it must be over."""
        self.amazon(profile_ids="1111", max_retries=0, max_jobs=1)
        self.session.value("SELECT count(*) FROM ads.campaigns")
        self.fault({"call": "request", "times": 1}, hang=True)
        owner = self.connect()
        running = owner.start("SELECT count(*) FROM ads.campaigns WHERE state = 'ENABLED'")
        self.wait_for_call("request", 2)
        self.cancel(running)
        waited = self.check_free()
        self.assertGreater(waited, 3)
        self.assertLess(waited, 12)

    def test_export_of_a_session_that_is_gone(self):
        """The vendor goes on counting it: it keeps its place, and nobody is refused."""
        self.emulator.settings(export_delay=0.2)
        self.amazon(profile_ids="1111", max_retries=0, max_jobs=1, export_timeout="5s")
        self.session.value("SELECT count(*) FROM ads.ads")
        self.emulator.settings(export_delay=1.5, job_cap=1)
        owner = self.connect()
        running = owner.start("SELECT count(*) FROM ads.campaigns")
        self.wait_for_answer("request", 1, entity="campaigns")
        time.sleep(0.3)
        self.cancel(running, "pg_terminate_backend")
        self.check_free()
        self.assertEqual(self.statuses(), {202})

    def test_waiting_session_that_is_gone(self):
        """Its wish goes with it."""
        owner, running = self.occupy("export")
        waiting = self.connect()
        wish = waiting.start("SELECT count(*) FROM ads.campaigns WHERE state = 'ARCHIVED'")
        time.sleep(0.3)
        self.cancel(wish, "pg_terminate_backend")
        self.check_free()
        self.assertIsNone(running.wait().error)
        self.assertEqual(self.count_calls("request"), 2)

    def test_sharing_turned_off(self):
        """Each session counts for itself, as far as it does not share."""
        self.amazon(profile_ids="1111,2222", max_retries=5, max_jobs=2)
        running = [session.start(self.filters(number)) for number, session in enumerate(self.sessions(2, **{"adsexport_fdw.share_exports": "off"}))]
        for one in running:
            self.assertIsNone(one.wait().error)
        self.assertEqual(self.most_in_progress(), 4)

    def test_turned_off_in_between(self):
        self.amazon(profile_ids="1111,2222", max_retries=0, max_jobs=1)
        self.session.run("DECLARE c CURSOR WITH HOLD FOR SELECT * FROM ads.campaigns WHERE profile_id = '1111'")
        for setting in ("off", "on", "off"):
            self.session.run("SET adsexport_fdw.share_exports = " + setting)
            self.session.value("SELECT count(*) FROM ads.campaigns")
        self.session.run("CLOSE c")
        self.assertEqual(self.statuses(), {202})


class Amplitude(PlacesCase):
    emulator_options = ("--amplitude-delay", "0.3", "--amplitude-concurrency", "8")

    def query(self, day):
        return "SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-0%dZ' AND server_upload_time < '2025-03-0%d 03:00Z'" % (day, day)

    def test_cap(self):
        self.amplitude(max_retries=0, max_jobs=4, request_span="1h")
        running = [self.connect().start(self.query(day)) for day in range(1, 7)]
        for one in running:
            one.wait()
            self.assertIsNone(one.error)
        self.check_calls(4)

    def test_owner_that_is_terminated(self):
        """The vendor counts no request whose connection has ended."""
        self.amplitude(max_retries=0, max_jobs=1)
        self.fault({"call": "export", "times": 1}, hang=True)
        running = self.connect().start(self.query(1))
        self.wait_for_call("export", 1)
        waiting = self.session.start(self.query(2))
        time.sleep(0.3)
        self.assertEqual(self.count_calls("export"), 1)
        self.cancel(running, "pg_terminate_backend")
        self.assertIsNone(waiting.wait(5).error)


class Learned(SharedCase):
    """What one session has read helps the planner of another."""

    emulator_options = ("--campaigns", "7")

    def estimate(self, sql, session):
        (plan,) = session.value("EXPLAIN (FORMAT json) " + sql)
        return plan["Plan"]["Plan Rows"]

    def test_record_counts(self):
        self.amazon(profile_ids="1111,2222")
        other = self.connect()
        query = "SELECT 1 FROM ads.campaigns"
        before = self.estimate(query, other)
        self.assertNotEqual(before, 14)
        self.session.rows(query)
        alone = self.connect(**{"adsexport_fdw.share_exports": "off"})
        self.assertEqual([self.estimate(query, session) for session in (self.session, other, self.connect(), alone)], [14, 14, 14, before])
        self.assertEqual(self.estimate(query + " WHERE profile_id = '2222'", other), 7)
        other.run("SELECT adsexport_forget()")
        self.assertEqual(self.estimate(query, other), before, "what was forgotten came back")
        self.session.rows(query + " WHERE state = 'PAUSED'")
        self.assertEqual(self.estimate(query, self.connect()), 14)

    def test_more_than_are_taken_over_at_once(self):
        self.amazon(profile_ids="1111")
        bodies = ["'SPONSORED_PRODUCTS'", "'SPONSORED_BRANDS'", "'SPONSORED_DISPLAY'", "'SPONSORED_PRODUCTS', 'SPONSORED_BRANDS'"]
        states = ["'ENABLED'", "'PAUSED'", "'ARCHIVED'", "'ENABLED', 'PAUSED'", "'ENABLED', 'ARCHIVED'"]
        queries = ["SELECT 1 FROM ads.%s WHERE ad_product IN (%s) AND state IN (%s)" % (table, products, state)
                   for table in ("campaigns", "ad_groups") for products in bodies for state in states]
        found = [len(self.session.rows(query)) for query in queries]
        other = self.connect()
        self.assertEqual([self.estimate(query, other) for query in queries], [max(count, 1) for count in found])

    def test_another_mapping_learns_nothing(self):
        self.amazon(profile_ids="1111")
        self.amazon("other", "others", profile_ids="1111")
        before = self.estimate("SELECT 1 FROM others.campaigns", self.session)
        self.session.rows("SELECT 1 FROM ads.campaigns")
        self.assertEqual(self.estimate("SELECT 1 FROM others.campaigns", self.connect()), before)

    def test_events(self):
        self.amplitude()
        query = "SELECT 1 FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 06:00Z'"
        count = len(self.session.rows(query))
        self.assertEqual(self.estimate(query, self.connect()), count)


class Listings(SharedCase):
    """The list of an account's profiles is asked for by one session, and known to those of the same mapping."""

    emulator_options = ("--campaigns", "1")

    def count(self, session=None, schema="ads"):
        before = self.count_calls("profiles")
        (session or self.connect()).value("SELECT count(*) FROM %s.campaigns" % schema)
        return self.count_calls("profiles") - before

    def test_for_other_sessions(self):
        self.amazon(profile_ids=None, max_age="1h")
        self.assertEqual([self.count(self.session), self.count(), self.count(), self.count(self.session)], [1, 0, 0, 0])
        self.assertEqual(self.count(self.connect(**{"adsexport_fdw.share_exports": "off"})), 1)
        self.assertEqual(self.connect().value("SELECT count(*) FROM ads.campaigns"), self.session.value("SELECT count(*) FROM ads.campaigns"))

    def test_of_another_mapping(self):
        self.amazon(profile_ids=None, max_age="1h")
        self.amazon("other", "others", profile_ids=None, max_age="1h")
        self.assertEqual([self.count(), self.count(schema="others")], [1, 1])

    def test_changes(self):
        """Of server or mapping, and whoever had it changed: it is not used any more, not even by a session that begins later."""
        self.amazon(profile_ids=None, max_age="1h")
        self.assertEqual([self.count(), self.count()], [1, 0])
        for statement in ("ALTER SERVER amazon OPTIONS (SET max_retries '3')",
                          "ALTER USER MAPPING FOR CURRENT_USER SERVER amazon OPTIONS (SET client_secret 'second-secret', SET client_id "
                          "'amzn1.application-oa2-client.second', SET refresh_token 'Atzr|second')"):
            with self.subTest(statement=statement):
                self.session.run("BEGIN; " + statement + "; ROLLBACK")
                self.assertEqual(self.count(), 0)
                self.session.run(statement)
                self.assertEqual([self.count(), self.count()], [1, 0])

    def test_forgotten(self):
        """A session that has forgotten asks anew; others do not."""
        self.amazon(profile_ids=None, max_age="1h")
        self.assertEqual([self.count(self.session), self.count()], [1, 0])
        self.session.run("SELECT adsexport_forget()")
        self.assertEqual([self.count(self.session), self.count()], [1, 0])

    def test_age(self):
        self.amazon(profile_ids=None, max_age="%ds" % (4 * support.PATIENCE))
        self.assertEqual([self.count(), self.count()], [1, 0])
        time.sleep(4 * support.PATIENCE)
        self.assertEqual(self.count(), 1)
        self.amazon(profile_ids=None, max_age=0)
        self.assertEqual([self.count(), self.count()], [1, 1])

    def test_long_lists(self):
        """In pieces."""
        for count in (500, 1000, 20017):
            with self.subTest(count=count):
                self.emulator.settings(profiles=[{"profileId": 100000 + number, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC",
                                                  "accountInfo": {"type": "seller", "id": "A%d" % number, "name": "n"}} for number in range(count)])
                self.amazon(profile_ids=None, max_age="1h")
                query = "SELECT count(*) FROM ads.campaigns WHERE profile_id IN ('100000', '%d')" % (100000 + count - 1)
                self.assertEqual([session.value(query) for session in (self.session, self.connect())], [2, 2])
                self.assertEqual(self.count_calls("profiles"), 1)
                self.clear_log()

    def test_entries_left_out(self):
        """Each session is told of them."""
        self.emulator.settings(profiles=[{"profileId": 1111, "countryCode": "US", "currencyCode": "USD", "timezone": "UTC", "accountInfo": {"type": "seller"}},
                                         {"profileId": "x", "countryCode": "US", "accountInfo": {"type": "seller"}}])
        self.amazon(profile_ids=None, max_age="1h")
        for session in self.sessions(2):
            session.value("SELECT count(*) FROM ads.campaigns")
            self.assertIn("no usable profileId", session.take_notices())
        self.assertEqual(self.count_calls("profiles"), 1)


class Statistics(SharedCase):
    emulator_options = ("--campaigns", "3")

    def statistics(self, session=None, **wanted):
        rows = (session or self.session).table("SELECT * FROM adsexport_stats() WHERE database = current_database() ORDER BY server, user_name, entity")
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def setUp(self):
        super().setUp()
        self.session.run("SELECT adsexport_stats_reset()")

    def test_what_all_sessions_do(self):
        self.amazon(profile_ids="1111,2222")
        self.amplitude()
        self.assertEqual(self.statistics(), [])
        for session in self.sessions(2):
            session.rows("SELECT * FROM ads.campaigns")
        self.session.rows("SELECT a.name FROM ads.campaigns a, ads.campaigns b LIMIT 1")
        events = len(self.session.rows("SELECT 1 FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 06:00Z'"))
        campaigns, events_row = self.statistics()
        self.assertEqual((campaigns["server"], campaigns["user_name"], campaigns["entity"]), ("amazon", "postgres", "campaigns"))
        self.assertGreaterEqual(campaigns["exports_requested"], 2)
        self.assertEqual(campaigns["exports_requested"] + campaigns["exports_reused"], 8)
        self.assertGreaterEqual(campaigns["records"], 12)
        self.assertGreater(campaigns["bytes_downloaded"], 100)
        self.assertGreater(campaigns["wait_time"], 0)
        self.assertEqual([campaigns[name] for name in ("exports_failed", "retries", "throttled")], [0, 0, 0])
        self.assertEqual((events_row["entity"], events_row["records"], events_row["exports_requested"]), ("amplitude_events", events, 1))
        self.session.run("SELECT adsexport_stats_reset()")
        self.assertEqual(self.statistics(self.connect()), [])

    def test_trouble(self):
        self.amazon(profile_ids="1111", max_retries=2, max_age=0)
        self.fault({"call": "request", "times": 1}, status=429, body_kind="gateway")
        self.fault({"call": "download", "times": 1}, status=503)
        self.session.rows("SELECT 1 FROM ads.campaigns")
        (row,) = self.statistics()
        self.assertEqual((row["exports_failed"], row["throttled"], row["retries"]), (0, 1, 2))
        self.fault({"call": "request", "times": 1}, status=400)
        self.expect_error(("HV000", "HV00L"), "SELECT 1 FROM ads.campaigns")
        (row,) = self.statistics()
        self.assertEqual(row["exports_failed"], 1)
        self.emulator.settings(export_delay=30)
        self.clear_log()
        running = self.session.start("SELECT 1 FROM ads.campaigns")
        # The answer to the request is known then.
        self.wait_for_call("status")
        self.cancel(running)
        (row,) = self.statistics(self.connect())
        self.assertEqual((row["exports_requested"], row["exports_failed"]), (3, 1))

    def test_rescans(self):
        """What is dropped because a parameter changed is counted once."""
        self.amazon(profile_ids="1111,2222", max_age=0)
        self.fault({"call": "download", "times": 1}, status=503)
        rows = self.session.rows("SELECT p, (SELECT count(*) FROM ads.campaigns WHERE profile_id = p) FROM (VALUES ('1111'), ('2222'), ('1111')) v (p)")
        self.assertEqual([row[1] for row in rows], [3, 3, 3])
        (row,) = self.statistics()
        self.assertEqual((row["records"], row["retries"], row["exports_requested"]), (9, 1, 2))

    def test_who_sees_what(self):
        support.cluster().run("DROP ROLE IF EXISTS adsexport_t_seer", "CREATE ROLE adsexport_t_seer LOGIN",
                              "DROP ROLE IF EXISTS adsexport_t_member", "CREATE ROLE adsexport_t_member LOGIN",
                              "GRANT pg_monitor TO adsexport_t_seer")
        self.amazon(profile_ids="1111")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        seer, member = self.connect("adsexport_t_seer"), self.connect("adsexport_t_member")
        self.assertEqual([len(self.statistics(session)) for session in (self.session, seer, member)], [1, 1, 0])
        for session in (seer, member):
            self.expect_error("42501", "SELECT adsexport_stats_reset()", session=session)
        self.session.run("GRANT postgres TO adsexport_t_member")
        self.assertEqual(len(self.statistics(member)), 1)
        self.session.run("DROP ROLE adsexport_t_seer, adsexport_t_member")

    def test_renamed(self):
        """A server and a user are shown by the names that they had when they were last counted."""
        self.addCleanup(support.cluster().run, "DROP OWNED BY adsexport_t_later; DROP ROLE adsexport_t_later", database=self.database)
        for sharing in ("on", "off"):
            with self.subTest(sharing=sharing):
                self.session.run("DROP ROLE IF EXISTS adsexport_t_earlier; DROP ROLE IF EXISTS adsexport_t_later; CREATE ROLE adsexport_t_earlier SUPERUSER LOGIN"
                                 if sharing == "on" else "ALTER ROLE adsexport_t_later RENAME TO adsexport_t_earlier")
                self.amazon(profile_ids="1111", max_age=0, user="adsexport_t_earlier")
                session = self.connect("adsexport_t_earlier", **{"adsexport_fdw.share_exports": sharing})
                session.run("SELECT adsexport_stats_reset()")
                session.rows("SELECT 1 FROM ads.campaigns")
                self.session.run("ALTER SERVER amazon RENAME TO renamed; ALTER ROLE adsexport_t_earlier RENAME TO adsexport_t_later")
                session.rows("SELECT 1 FROM ads.campaigns")
                (row,) = self.statistics(session)
                self.assertEqual((row["server"], row["user_name"], row["exports_requested"]), ("renamed", "adsexport_t_later", 2))
                self.session.run("DROP SERVER renamed CASCADE")

    def test_of_a_session_that_shares_nothing(self):
        self.amazon(profile_ids="1111")
        alone = self.connect(**{"adsexport_fdw.share_exports": "off"})
        alone.rows("SELECT 1 FROM ads.campaigns")
        self.assertEqual([len(self.statistics(session)) for session in (alone, self.session)], [1, 0])
        self.assertEqual(self.statistics(alone)[0]["records"], 3)
        alone.run("SELECT adsexport_stats_reset()")
        self.assertEqual(self.statistics(alone), [])


def segments(pid, name=b"adsexport_fdw 2\0"):
    """Files of the dynamic shared memory that a backend has mapped, if they are of that name."""
    with open("/proc/%d/maps" % pid) as file:
        paths = sorted(set(re.findall(r"/dev/shm/PostgreSQL\.\S+", file.read())))
    found = []
    for path in paths:
        with open(path, "rb") as file:
            if file.read(len(name)) == name:
                found.append(path)
    return found


class Memory(SharedCase):
    """What is in it, and how much."""

    emulator_options = ("--campaigns", "20")
    secrets = test_secrets.Secrets.secrets
    access_token = test_secrets.Secrets.access_token

    def content(self, session):
        found = segments(session.pid)
        self.assertTrue(found, "the shared memory of the backend was not found")
        text = b""
        for path in found:
            with open(path, "rb") as file:
                text += file.read()
        return text

    def test_no_secrets(self):
        self.mapping = self.amazon_mapping()
        self.amazon(profile_ids=None, max_age=0)
        self.amazon("given", "given", mapping={"client_id": "amzn1.application-oa2-client.emulator", "access_token": support.STATIC_ACCESS_TOKEN})
        self.amplitude()
        # A server that sends back what it was sent.
        self.fault({"call": "profiles"}, status=200, body='[{"profileId": "x", "note": "%s"}, {"profileId": 1111, "accountInfo": {"type": "seller"}}]'
                   % self.mapping["refresh_token"])
        for _ in range(3):
            session = self.connect()
            for query in ("SELECT count(*) FROM ads.campaigns", "SELECT count(*) FROM ads.targets", "SELECT count(*) FROM given.ads",
                          "SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01Z' AND server_upload_time < '2025-03-01 06:00Z'"):
                try:
                    session.rows(query)
                except psycopg2.Error:
                    pass
        running = self.connect().start("SELECT count(*) FROM ads.ad_groups")
        content = self.content(session)
        running.wait()
        content += self.content(session)
        # This is where things are.
        self.assertIn(b"amplitude_events\0", content)
        self.assertGreater(len(self.secrets()), 20)
        self.check_content(content)

    def check_content(self, content):
        secrets = self.secrets()
        secrets["client id"] = "amzn1.application-oa2-client.emulator"
        for name, secret in secrets.items():
            self.assertNotIn(secret[:test_secrets.TELLING].encode(), content, name)
            for algorithm in ("md5", "sha1", "sha256", "sha512"):
                digest = hashlib.new(algorithm, secret.encode())
                for form in (digest.digest()[:8], digest.hexdigest()[:16].encode(), base64.b64encode(digest.digest())[:12]):
                    self.assertNotIn(form, content, "%s of %s" % (algorithm, name))
        self.assertNotIn(b"X-Amz-", content)

    def test_no_secrets_that_are_echoed(self):
        """In an export's id, its status, the code of its error, or the message; while it is in progress, and when it has failed."""
        self.mapping = self.amazon_mapping()
        for key in ("exportId", "status", "errorCode", "message"):
            for name in ("client_secret", "access token") if key == "message" else ("client_secret",):
                with self.subTest(key=key, name=name):
                    self.clear_faults()
                    self.clear_log()
                    self.emulator.reset()
                    self.emulator.move()
                    self.amazon(max_retries=0, max_age=0)
                    secret = self.access_token(1) if name == "access token" else self.mapping[name]
                    text = "not %s again" % secret
                    export = text if key == "exportId" else "e"
                    error = {"errorCode": text if key == "errorCode" else "TIMED_OUT", "message": text if key == "message" else "too much"}
                    self.fault({"call": "request"}, status=202, body={"exportId": export, "status": text if key == "status" else "IN_PROGRESS"})
                    self.fault({"call": "status"}, status=200, delay=0.5,
                               body={"exportId": export, "status": text if key == "status" else "FAILED", "error": error})
                    session = self.connect()
                    # One that cannot be split.
                    running = session.start("SELECT count(*) FROM ads.campaigns WHERE ad_product = 'SPONSORED_BRANDS' AND state = 'PAUSED'")
                    self.wait_for_call("status", 1)
                    content = self.content(session)
                    if key in ("exportId", "message"):
                        self.assertIsNotNone(running.wait().error)
                    else:
                        self.wait_for_call("status", 2)
                        self.cancel(running)
                    self.check_content(content + self.content(session))

    def test_its_size(self):
        self.amazon(profile_ids="1111")
        self.session.rows("SELECT 1 FROM ads.campaigns")
        (path,) = segments(self.session.pid)
        size = os.path.getsize(path)
        self.assertLess(abs(size - 8 * 1024 * 1024), 256 * 1024)
        for number in range(40):
            self.connect().rows("SELECT 1 FROM ads.campaigns WHERE name <> '%d'" % number)
        self.assertEqual((segments(self.session.pid), os.path.getsize(path)), ([path], size))
        # Whoever comes later cannot change it.
        other = self.connect(**{"adsexport_fdw.share_exports": "on"})
        self.expect_error("55P02", "SET adsexport_fdw.shared_memory = '1GB'", session=self.session)
        other.rows("SELECT 1 FROM ads.campaigns")
        self.assertEqual(segments(other.pid), [path])

    def test_nothing_is_shared_that_need_not_be(self):
        alone = self.connect(**{"adsexport_fdw.share_exports": "off"})
        self.amazon(profile_ids="1111")
        alone.rows("SELECT 1 FROM ads.campaigns")
        self.assertEqual(segments(alone.pid), [])


class Tables(SharedCase):
    """The structures, with many more entries than fit; in a segment of its own beside that of the extension, as another version would have it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pg_config = os.environ.get("PG_CONFIG", "pg_config")
        cls.folder = tempfile.mkdtemp(prefix="adsexport-t-", dir="/tmp")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        os.chmod(cls.folder, 0o755)
        cls.library = os.path.join(cls.folder, "shared_table.so")
        source = os.path.join(os.path.dirname(os.path.dirname(support.FOLDER)), "src")
        include = subprocess.check_output([pg_config, "--includedir-server"], text=True).strip()
        done = subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-g", "-D_GNU_SOURCE", '-DCONTROL_NAME="adsexport_fdw test"', "-I" + source, "-I" + include,
                               "-o", cls.library, source + "/net/clock.c"] +
                              [os.path.join(support.FOLDER, name + ".c") for name in ("shared_table", "shared_exports", "shared_wakes")] +
                              [source + "/session/%s.c" % name
                               for name in ("digest", "freshness", "shared_memory", "shared_table", "shared_exports", "jobs", "jobs_shared", "seeded_hash")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout)

    def setUp(self):
        super().setUp()
        for declaration in ("test_shared_table(int) RETURNS int", "test_all_pinned() RETURNS int", "test_shared_exports(int) RETURNS int", "test_places(int, int) RETURNS int",
                            "test_session(bigint, int) RETURNS bigint", "test_other_layout() RETURNS void", "test_kept_places(int, int) RETURNS void",
                            "test_lapsed_place() RETURNS void", "test_have(text) RETURNS void", "test_wait_for(text, text) RETURNS text", "test_let_go(text) RETURNS void",
                            "test_seeded_hash(bigint) RETURNS int"):
            self.session.run("CREATE OR REPLACE FUNCTION %s LANGUAGE c STRICT AS '%s'" % (declaration, self.library))

    def test_seeded_hash(self):
        """It is another in each session, so that nobody outside can choose keys for one bucket; and within a session it is a good one."""
        query = "SELECT array_agg(test_seeded_hash(number)) FROM generate_series(1, 1000) AS number"
        found = [session.value(query) for session in self.sessions(2)]
        self.assertLess(sum(one == other for one, other in zip(*found)), 5)
        for values in found:
            self.assertGreater(len({value & 1023 for value in values}), 500)
        self.assertEqual(self.session.value(query), self.session.value(query))

    def test_every_hash_table_is_seeded(self):
        """The server's own hash functions give everybody the same values."""
        tables = 0
        for path in glob.glob(os.path.join(support.FOLDER, "../../src/*/*.c")):
            with open(path) as file:
                text = file.read()
            self.assertNotRegex(text, r"\bHASH_(BLOBS|STRINGS)\b", path)
            created = len(re.findall(r"\bhash_create\(", text))
            self.assertEqual(created, text.count(".hash = seeded_hash;"), path)
            tables += created
        self.assertGreater(tables, 0)

    def test_entries(self):
        """A hundred thousand are written into a table for some hundreds, by two sessions one after the other."""
        for session in self.sessions(2):
            capacity = session.value("SELECT test_shared_table(100000)")
            self.assertLess(capacity, 2000)
        (path,) = segments(session.pid, b"adsexport_fdw test\0")
        self.assertLess(os.path.getsize(path), 1024 * 1024 + 128 * 1024)

    def test_exports(self):
        """A hundred thousand, where there is room for some: those that were used last are found, and the memory stays what it is."""
        for session in self.sessions(2):
            session.value("SELECT test_shared_exports(1000)")
            private = session.resident_kilobytes()
            (path,) = segments(session.pid, b"adsexport_fdw test\0")
            size = os.path.getsize(path)
            capacity = session.value("SELECT test_shared_exports(100000)")
            self.assertGreater(capacity, 50)
            self.assertLess(capacity, 500)
            self.assertLess(session.resident_kilobytes(), private + 512)
            self.assertEqual((segments(session.pid, b"adsexport_fdw test\0"), os.path.getsize(path)), ([path], size))

    def test_all_are_pinned(self):
        self.assertGreater(self.session.value("SELECT test_all_pinned()"), 100)

    def test_places(self):
        few = self.session.value("SELECT test_places(100000, 100)")
        self.assertEqual(few, 100)
        # More than there is room for: the rest has to be counted by its session.
        many = self.session.value("SELECT test_places(100000, 5000)")
        self.assertLess(many, 2000)
        self.assertEqual(self.session.value("SELECT test_places(100000, 5000)"), many, "places were lost")
        # A session that ends without giving them back.
        other = self.connect()
        other.start("SELECT test_places(2000000000, %d)" % (many // 2))
        time.sleep(0.3)
        self.session.value("SELECT pg_terminate_backend(%s)", other.pid)
        self.eventually(lambda: not os.path.exists("/proc/%d" % other.pid), "end of the backend")
        self.assertEqual(self.session.value("SELECT test_places(100000, 5000)"), many, "places were lost")

    def test_places_that_have_lapsed(self):
        """Of a session that is gone, in pools that nobody asks any more: there is room for others."""
        most = self.session.value("SELECT test_places(100000, 5000)")
        other = self.connect()
        other.run("SELECT test_kept_places(%d, %d)" % (most - 10, 5000 * support.PATIENCE))
        other.close()
        self.assertLess(self.session.value("SELECT test_places(1000, 100)"), 100)
        self.eventually(lambda: self.session.value("SELECT test_places(100000, 5000)") == most, "that they lapse")

    def test_place_that_has_lapsed(self):
        """While its session did something else."""
        self.session.run("SELECT test_lapsed_place()")

    def test_other_layout(self):
        self.session.run("SELECT test_other_layout()")

    def test_woken(self):
        """Who waits is woken by its latch, whatever it waits for and whatever becomes of that."""
        for what, how in (("place", "release"), ("place", None), ("export", "publish"), ("export", "yield"), ("export", "leave")):
            with self.subTest(what=what, how=how):
                owner, waiting = self.connect(), self.connect()
                name = "%s %s %s" % (what, how, self.emulator.url)
                owner.run("SELECT test_have(%s)", name)
                running = waiting.start("SELECT test_wait_for(%s, %s)", name, what)
                self.eventually(lambda: self.session.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'Extension'", waiting.pid),
                                "that it waits")
                if how:
                    owner.run("SELECT test_let_go(%s)", how)
                else:
                    owner.close()
                self.assertIsNone(running.wait().error)
                self.assertEqual(running.result, [("latch",)])
                owner.close()
                waiting.close()

    def test_sessions(self):
        """Each has a serial of its own, also where a process takes the place of another."""
        other = self.connect()
        first, second = (session.value("SELECT test_session(0, 0)") for session in (self.session, other))
        self.assertNotEqual(first, second)
        alive = "SELECT count(*) FROM generate_series(0, 200) AS g WHERE test_session(%d, g) = 1" % second
        self.assertEqual(self.session.value(alive), 1)
        other.close()
        self.assertEqual(self.session.value(alive), 0)
        self.assertNotIn(self.connect().value("SELECT test_session(0, 0)"), (first, second))


class OwnServer(unittest.TestCase):
    """Servers that are made for one test, because it breaks them."""

    def begin(self, configuration="", **options):
        self.emulator = client.Emulator("--export-delay", "1", "--campaigns", "3")
        self.addCleanup(self.emulator.stop)
        self.server = support.Cluster(configuration)
        self.server.run("CREATE EXTENSION adsexport_fdw")
        values = {"api": "amazon_ads", "endpoint": self.emulator.url, "token_endpoint": self.emulator.url + "/auth/o2/token",
                  "max_retries": "0", "poll_interval": "100ms", "poll_interval_max": "200ms"}
        values.update(options)
        self.server.run("CREATE SERVER amazon FOREIGN DATA WRAPPER adsexport_fdw " + support.option_list(values),
                        "CREATE USER MAPPING FOR postgres SERVER amazon " + support.option_list(support.TestCase.amazon_mapping()),
                        "CREATE SCHEMA ads", "IMPORT FOREIGN SCHEMA exports FROM SERVER amazon INTO ads", "CHECKPOINT")

    def connect(self, server=None, **settings):
        connection = (server or self.server).connect("postgres", **settings)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def value(connection, sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def cap_holds(self, connections):
        """Of those, whichever asks."""
        self.emulator.control("POST", "/reset")
        runs = [support.Running(type("Session", (), {"connection": connection}), "SELECT count(*) FROM ads.campaigns WHERE state = '%s'" % state, ())
                for connection, state in zip(connections, ("ENABLED", "PAUSED"))]
        for run in runs:
            self.assertIsNone(run.wait().error)
        return max(one["count"] for one in self.emulator.control("GET", "/state")["amazon"]["most_in_progress"]) == 1

    def test_crash(self):
        """Afterwards all is new: no place is lost, nothing is remembered, and memory that others had before is cleared."""
        self.begin("min_dynamic_shared_memory = '32MB'\n" if self.version() >= 14 else "", profile_ids="1111", max_jobs="1")
        self.emulator.settings(export_delay=60)
        owner = self.connect()
        running = support.Running(type("Session", (), {"connection": owner}), "SELECT count(*) FROM ads.campaigns", ())
        self.emulator.control("GET", "/wait?call=request&count=1&timeout=%d" % (10 * support.PATIENCE))
        os.kill(owner.get_backend_pid(), signal.SIGKILL)
        running.wait()
        deadline = time.monotonic() + 30 * support.PATIENCE
        while True:
            try:
                connections = [self.connect(), self.connect()]
                break
            except psycopg2.OperationalError:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
        self.assertEqual(self.value(connections[0], "SELECT count(*) FROM adsexport_stats()"), 0)
        self.assertTrue(self.cap_holds(connections))

    @staticmethod
    def version():
        return int(re.search(r"\d+", subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--version"], text=True)).group())

    def test_no_room(self):
        """A session that cannot have the memory works alone, and says so once."""
        self.begin("adsexport_fdw.shared_memory = '64MB'\n", profile_ids="1111", max_jobs="1")
        data = os.path.join(self.server.folder, "data")
        self.server.server_command("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
        done = subprocess.run(self.server.as_server_user(["bash", "-c", "ulimit -f 32768; exec '%s' -D '%s' -l '%s' -w start" %
                                                          (self.server.program("pg_ctl"), data, self.server.log_file)]),
                              cwd="/tmp", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0)
        alone = self.connect(client_min_messages="debug1")
        for _ in range(2):
            self.assertEqual(self.value(alone, "SELECT count(*) FROM ads.campaigns"), 3)
        notices = "".join(alone.notices)
        self.assertEqual(notices.count("adsexport_fdw works without shared memory: could not resize shared memory segment"), 1, notices)
        self.assertNotIn("WARNING", notices)
        self.assertEqual(segments(alone.get_backend_pid()), [])
        self.assertEqual(self.value(alone, "SELECT count(*) FROM adsexport_stats()"), 1)
        self.assertFalse(self.cap_holds([alone, self.connect()]))
        self.server.restart()
        others = [self.connect(), self.connect()]
        self.assertTrue(self.cap_holds(others))
        self.assertEqual(len(segments(others[0].get_backend_pid())), 1)

    def test_single_user_mode(self):
        self.begin(profile_ids="1111")
        # There are too few descriptors in that mode to wait for anything.
        self.server.server_command("pg_ctl", "-D", os.path.join(self.server.folder, "data"), "-m", "fast", "-w", "stop")
        try:
            done = subprocess.run(self.server.as_server_user([self.server.program("postgres"), "--single", "-D", os.path.join(self.server.folder, "data"),
                                                              "-c", "log_min_messages=debug1", "postgres"]), cwd="/tmp",
                                  input=b"SELECT count(*) AS found FROM adsexport_stats()\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        finally:
            self.server.start()
        self.assertRegex(done.stdout.decode(), r'found = "0"')
        self.assertIn("adsexport_fdw works without shared memory", done.stdout.decode())

    def test_standby(self):
        self.begin(profile_ids="1111", max_jobs="1")
        folder = os.path.join(self.server.folder, "standby")
        self.server.server_command("pg_basebackup", "-h", self.server.folder, "-U", "postgres", "-D", folder, "-R", "-X", "stream", "-c", "fast")
        self.server.server_command("pg_ctl", "-D", folder, "-l", os.path.join(self.server.folder, "standby.log"), "-w", "-t", "60", "-o", "-c port=5433", "start")
        self.addCleanup(self.server.server_command, "pg_ctl", "-D", folder, "-m", "immediate", "-w", "stop")
        connections = [psycopg2.connect(host=self.server.folder, port=5433, user="postgres", dbname="postgres") for _ in range(2)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.autocommit = True
        self.assertTrue(self.value(connections[0], "SELECT pg_is_in_recovery()"))
        self.assertTrue(self.cap_holds(connections))
        self.assertEqual(self.value(connections[1], "SELECT sum(exports_requested) FROM adsexport_stats()"), 2)


if __name__ == "__main__":
    unittest.main()
