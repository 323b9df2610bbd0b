"""Parts that wait side by side, exports that are split, and downloads that are kept for a rescan."""

import random
import time

import psycopg2

import support

TARGETS = "SELECT target_id FROM ads.targets"


# A small file is fetched whole before any of it is read, unless nobody knows that it is small.
NOT_FETCHED_AHEAD = {"file_size": -1}


class Splitting(support.TestCase):
    """An export that the vendor gives up on as too large is asked for in pieces."""

    emulator_options = ("--targets", "400")

    def expected(self):
        return sorted(str(record["targetId"]) for record in self.data().records("targets", "1111"))

    def test_pieces_are_disjoint_and_complete(self):
        for most in (5, 3, 2):
            with self.subTest(most=most):
                self.amazon()
                self.clear_faults()
                self.clear_log()
                self.fault({"call": "request", "entity": "targets", "filter_values_over": most}, failed="TIMED_OUT")
                self.assertEqual(sorted(self.session.column(TARGETS)), self.expected())
                self.assertGreater(self.count_calls("request"), 3)

    def test_only_as_much_as_the_query_wants(self):
        self.amazon()
        self.fault({"call": "request", "entity": "targets", "filter_values_over": 2}, failed="TIMED_OUT")
        found = self.session.column(TARGETS + " WHERE state = 'PAUSED' AND ad_product <> 'SPONSORED_DISPLAY'")
        self.assertEqual(sorted(found), sorted(str(record["targetId"]) for record in self.data().records("targets", "1111")
                                               if record["state"] == "PAUSED" and record["adProduct"] != "SPONSORED_DISPLAY"))
        for call in self.calls("request"):
            self.assertNotIn("SPONSORED_DISPLAY", str(call["body"]))

    def test_nothing_left_to_split_by(self):
        self.amazon()
        self.fault({"call": "request", "entity": "targets"}, failed="TIMED_OUT")
        self.expect_error("HV000", TARGETS, "TIMED_OUT", "It was split by ad product, state, target level and negative", "target_type")

    def test_a_rescan_reads_the_pieces(self):
        self.amazon()
        self.fault({"call": "request", "entity": "targets", "filter_values_over": 5}, failed="TIMED_OUT")
        self.session.run("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off")
        found = self.session.column("SELECT t.target_id FROM (VALUES (1), (2)) v (n), LATERAL (SELECT target_id, n FROM ads.targets OFFSET 0) t")
        self.assertEqual(sorted(found), sorted(2 * self.expected()))


class Append(support.TestCase):
    """Foreign scans below an Append wait for whichever comes first (PostgreSQL 14 and later)."""

    ENTITIES = ("campaigns", "ad_groups", "targets", "ads")
    QUERY = " UNION ALL ".join("SELECT '%s' AS entity, campaign_id FROM ads.%s" % (name, name) for name in ENTITIES)

    def setUp(self):
        super().setUp()
        if self.session.connection.server_version < 140000:
            self.skipTest("no asynchronous Append before PostgreSQL 14")

    def expected(self):
        return {name: len(list(self.data().records(name, "1111"))) for name in self.ENTITIES}

    def counted(self):
        return dict(self.session.rows("SELECT entity, count(*) FROM (%s) a GROUP BY 1" % self.QUERY))

    def test_all_rows(self):
        self.amazon()
        self.assertIn("Async Foreign Scan", self.session.explain(self.QUERY))
        self.assertEqual(self.counted(), self.expected())

    def test_doubt_holds_up_nobody(self):
        """What may be damaged is read on to its checksum first; meanwhile the others' rows come."""
        good = self.expected()["targets"]
        for literal, sqlstate, words in (("nonsense", "HV000", "malformed JSON in record 2"), ('"no number"', "22P02", "no number")):
            for damaged in (False, True):
                with self.subTest(literal=literal, damaged=damaged):
                    self.amazon(max_retries=0)
                    self.clear_faults()
                    self.session.run("SELECT adsexport_forget(); CREATE FOREIGN TABLE ads.bad (campaign_id numeric) SERVER amazon OPTIONS (entity 'campaigns')")
                    noise = random.Random(1)
                    text = '[{"campaignId": 1}, {"campaignId": %s}%s]' % (literal, "".join(
                        ', {"campaignId": %d, "name": "%032x"}' % (number, noise.getrandbits(128)) for number in range(3000)))
                    self.emulator.control("POST", "/content", {"entity": "campaigns", "profile": 1111, "text": text})
                    self.fault({"call": "status"}, **NOT_FETCHED_AHEAD)
                    self.fault({"call": "download", "entity": "campaigns"}, pause_after=0.6, pause_seconds=2, **({"corrupt_byte": -6} if damaged else {}))
                    self.session.run("BEGIN; DECLARE c CURSOR FOR SELECT campaign_id FROM ads.bad UNION ALL SELECT target_id::numeric FROM ads.targets")
                    self.assertEqual(len(self.session.rows("FETCH %d FROM c" % (good + 1))), good + 1)
                    if damaged:
                        self.expect_error("HV000", "FETCH ALL FROM c", "checksum")
                    else:
                        self.expect_error(sqlstate, "FETCH ALL FROM c", words)
                    self.session.run("ROLLBACK")

    def test_many_wait_for_an_answer_that_does_not_come(self):
        """Time passes for it as if one scan waited, however many do."""
        self.amazon(max_retries=0, stall_timeout="%ds" % support.PATIENCE)
        self.fault({"call": "status"}, hang=True)
        began = time.monotonic()
        self.expect_error("08006", " UNION ALL ".join(150 * ["SELECT campaign_id FROM ads.campaigns"]), "no answer in time")
        self.assertLess(time.monotonic() - began, 15 * support.PATIENCE)

    def test_a_rescan_holds_up_nobody(self):
        """A download that had not come to its end is brought to the file first; meanwhile the others' rows come."""
        self.amazon()
        self.session.run(Kept.NESTED)
        good, slow = self.expected()["campaigns"], self.expected()["targets"]
        # All of one, and a few of the other, which stops for a while then.
        self.fault({"call": "status"}, **NOT_FETCHED_AHEAD)
        self.fault({"call": "download", "entity": "targets"}, pause_after=0.6, pause_seconds=2)
        self.session.run("BEGIN; DECLARE c CURSOR FOR SELECT n, u.entity FROM generate_series(1, 2) n, LATERAL ("
                         "SELECT * FROM (SELECT 'slow' AS entity, target_id FROM ads.targets UNION ALL SELECT 'good', campaign_id FROM ads.campaigns) a "
                         "LIMIT CASE WHEN n = 1 THEN %d END) u" % (good + 5))
        first = self.session.rows("FETCH %d FROM c" % (good + 5))
        self.assertEqual({n for n, _ in first}, {1})
        self.assertEqual(sum(entity == "slow" for _, entity in first), 5, "this test counts on it")
        self.assertEqual(self.session.rows("FETCH %d FROM c" % good), [(2, "good")] * good)
        self.assertEqual(self.session.rows("FETCH ALL FROM c"), [(2, "slow")] * slow)
        self.assertEqual(self.count_calls("download"), 2)
        self.session.run("COMMIT")

    def test_not_eager_and_yet_together(self):
        self.amazon(eager="false")
        self.emulator.settings(export_delay=1)
        self.assertEqual(self.counted(), self.expected())
        self.assertEqual(self.count_calls("request"), 4)
        self.assertLess(self.calls("request")[-1]["id"], self.calls("download")[0]["id"])

    def test_the_one_that_is_ready_comes_first(self):
        self.amazon()
        self.fault({"call": "request", "entity": "campaigns"}, export_delay=3)
        self.assertEqual(self.session.column(self.QUERY)[-1], "campaigns")

    def test_cancel(self):
        self.amazon()
        self.emulator.settings(export_delay=30)
        running = self.session.start(self.QUERY)
        self.wait_for_answer("status", count=4)
        other = self.connect()
        began = time.monotonic()
        other.run("SELECT pg_cancel_backend(%s)", self.session.pid)
        running.wait()
        self.assertEqual(running.error.pgcode, "57014")
        self.assertLess(running.ended - began, 5 * support.PATIENCE)
        self.emulator.settings(export_delay=0)

    def test_one_fails(self):
        self.amazon(max_retries=0)
        self.fault({"call": "download", "entity": "ads"}, corrupt_byte=0.5)
        self.expect_error("HV000", self.QUERY, 'foreign table "ads"')

    def test_with_local_tables_and_quiet_ones(self):
        self.amazon(profile_ids="9007199254740993,1111")
        found = self.session.value("SELECT count(*) FROM (SELECT campaign_id FROM ads.campaigns UNION ALL SELECT 'x' FROM generate_series(1, 5) "
                                   "UNION ALL SELECT campaign_id FROM ads.campaigns WHERE state = 'ARCHIVED') a")
        records = list(self.data().records("campaigns", "1111"))
        self.assertEqual(found, len(records) + 5 + sum(record["state"] == "ARCHIVED" for record in records))


class Kept(support.TestCase):
    """When the plan rewinds, a download is read again from a file."""

    NESTED = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off"

    def nested_loop(self, table, condition):
        self.session.run(self.NESTED)
        if self.session.connection.server_version >= 140000:
            self.session.run("SET enable_memoize = off")
        self.session.run("CREATE TEMP TABLE few AS SELECT n FROM generate_series(1, 4) n; ANALYZE few")
        # With the foreign table forced to the inner side.
        return ("SELECT count(*) FROM few LEFT JOIN %s ON %s" % (table, condition), "few")

    def test_exports(self):
        self.amazon(profile_ids="1111,2222")
        query, _ = self.nested_loop("ads.targets t", "length(t.target_id) % 4 <= few.n")
        rows = [str(record["targetId"]) for profile in ("1111", "2222") for record in self.data().records("targets", profile)]
        expected = sum(len(row) % 4 <= n for n in (1, 2, 3, 4) for row in rows)
        plan = self.session.explain(query)
        self.assertRegex(plan, r"Nested Loop[^\n]*\n(.*\n)*?.*Foreign Scan on targets", plan)
        self.assertEqual(self.session.value(query), expected)
        self.assertEqual(self.count_calls("download"), 2)

    def test_while_it_arrives(self):
        """The scan starts over before the download is complete."""
        self.amazon()
        self.nested_loop("ads.targets", "true")
        expected = sorted(str(record["targetId"]) for record in self.data().records("targets", "1111"))
        for pause in (0.1, 0.6):
            with self.subTest(pause=pause):
                self.session.run("SELECT adsexport_forget()")
                self.clear_faults()
                self.clear_log()
                self.fault({"call": "status"}, **NOT_FETCHED_AHEAD)
                self.fault({"call": "download"}, pause_after=pause, pause_seconds=0.7)
                found = self.session.rows("SELECT few.n, t.target_id FROM few, LATERAL (SELECT target_id FROM ads.targets "
                                          "WHERE length(target_id) > few.n LIMIT CASE WHEN few.n < 4 THEN 5 END) t")
                self.assertEqual(sorted(target for n, target in found if n == 4), [target for target in expected if len(target) > 4])
                self.assertEqual([sum(row[0] == n for row in found) for n in (1, 2, 3)], [5, 5, 5])
                self.assertEqual(self.count_calls("download"), 1)

    def test_events_and_quiet_hours(self):
        self.amplitude(request_span="6h")
        query, _ = self.nested_loop("product.amplitude_events e", "e.event_id % 4 <= few.n AND server_upload_time >= '2025-02-28 12:00+00' "
                                                                  "AND server_upload_time < '2025-03-01 12:00+00'")
        ids = [event["event_id"] for event in self.data().events("2025-03-01T00", "2025-03-01T11")]
        expected = sum(id is not None and id % 4 <= n for n in (1, 2, 3, 4) for id in ids)
        self.assertEqual(self.session.value(query), expected)
        self.assertEqual(self.count_calls("export"), 4, "each span is asked for once")


class Quiet(support.TestCase):
    """Ranges in which nothing happened."""

    def test_many_quiet_spans(self):
        for concurrency in ("1", "2", "3"):
            with self.subTest(concurrency=concurrency):
                self.amplitude(concurrency=concurrency)
                self.session.run("SET statement_timeout = '%ds'" % (60 * support.PATIENCE))
                for _ in range(3):
                    self.assertEqual(self.session.value("SELECT count(*) FROM product.amplitude_events WHERE server_upload_time "
                                                        ">= '2025-05-01' AND server_upload_time < '2025-06-15'"), 0)

    def test_bounds_far_away(self):
        self.amplitude(request_span="365d")
        start = "SELECT count(*) FROM product.amplitude_events WHERE server_upload_time >= '2025-03-07 00:00+00' AND server_upload_time < "
        expected = len(list(self.data().events("2025-03-07T00", "2025-03-07T23")))
        for bound in ("'9999-01-01'", "'294276-01-01'", "'5874897-01-01'::date", "'infinity'"):
            with self.subTest(bound=bound):
                self.assertEqual(self.session.value(start + bound), expected)


class Stable(support.TestCase):
    """What one statement, or one transaction with a snapshot, sees."""

    def export_id(self, session=None):
        return (session or self.session).value("SELECT min(export_id) FROM ads.campaigns")

    def test_a_snapshot_outlives_max_age(self):
        self.amazon(max_age="%ds" % (3 * support.PATIENCE))
        first = self.export_id()
        self.session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.assertEqual(self.export_id(), first)
        time.sleep(3.2 * support.PATIENCE)
        self.assertEqual(self.export_id(), first)
        self.session.run("COMMIT")
        self.assertNotEqual(self.export_id(), first)

    def test_a_procedure_that_commits_begins_anew(self):
        self.amazon(max_age="0")
        self.session.run("DO $$ BEGIN PERFORM count(*) FROM ads.campaigns; PERFORM count(*) FROM ads.campaigns; COMMIT; "
                         "PERFORM count(*) FROM ads.campaigns; END $$")
        self.assertEqual(self.count_calls("request"), 2)

    def test_patience_counts_only_while_somebody_waits(self):
        self.amazon(export_timeout="3s", profile_ids="1111,2222", max_jobs="1")
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT campaign_id FROM ads.campaigns")
        self.assertEqual(len(self.session.rows("FETCH 1 FROM c")), 1)
        time.sleep(3.5)
        self.assertGreater(len(self.session.rows("FETCH ALL FROM c")), 40)
        self.session.run("COMMIT")

    def test_profiles_are_chosen_when_they_are_left_out(self):
        self.amazon(profile_ids=None)
        for clause, profiles in (("profile_id = '1111'", {"1111"}), ("profile_id IN ('2222', '77')", {"2222"}), ("profile_id = '77'", set()),
                                 ("profile_id <> '1111'", {"2222", "18014398509481985", "9007199254740993", "6666"}),
                                 ("profile_id = '1111' OR name = 'x'", {"1111", "2222", "18014398509481985", "9007199254740993", "6666"})):
            with self.subTest(clause=clause):
                self.session.run("SELECT adsexport_forget()")
                self.clear_log()
                self.session.rows("SELECT campaign_id FROM ads.campaigns WHERE " + clause)
                self.assertEqual({call["profile"] for call in self.calls("request")}, profiles)


class Lost(support.TestCase):
    """What a scan, a statement or a transaction has seen is never exchanged for something else."""

    emulator_options = ("--targets", "3000")

    def test_too_large_only_after_rows_were_read(self):
        self.amazon()
        self.fault({"call": "download", "times": 1}, drip=40000, cut_after=0.6)  # so that rows are read before it breaks
        running = self.session.start(TARGETS)
        self.wait_for_call("download")
        self.fault({"call": "status"}, failed="TIMED_OUT")  # when a link to go on with is asked for
        running.wait()
        self.check_error(running.error, "HV000", "TIMED_OUT")
        self.assertEqual(self.count_calls("request"), 1)

    def test_an_export_that_a_transaction_has_read_is_gone(self):
        self.amazon()
        self.session.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.session.rows(TARGETS)
        self.emulator.control("POST", "/expire", {"what": "exports"})
        self.expect_error("HV000", TARGETS, "404", "Restart the transaction")
        self.session.run("ROLLBACK")
        self.assertEqual(len(self.session.rows(TARGETS)), 3000)

    def test_a_rescan_of_what_was_left_early(self):
        self.amazon()
        self.amplitude()
        self.session.run(Kept.NESTED)
        for table, call, clause in (("ads.targets", "download", "true"),
                                    ("product.amplitude_events", "export", "server_upload_time >= '2025-03-01' AND server_upload_time < '2025-03-02'")):
            with self.subTest(table=table):
                self.clear_log()
                query = "SELECT n, t.* FROM generate_series(1, 5) n LEFT JOIN LATERAL (SELECT md5(x::text) FROM %s x WHERE %s LIMIT 3) t ON true" % (table, clause)
                rows = self.session.rows(query)
                self.assertEqual(len(rows), 15)
                self.assertEqual(len({row[1] for row in rows}), 3)
                self.assertLessEqual(self.count_calls(call), 1)


class Resting(support.TestCase):
    """Time in which nobody waits does not count, and who rests does not hold up others."""

    def test_cursor_over_an_append(self):
        self.amazon(export_timeout="3s")
        self.amazon(name="slow", schema="slow", export_timeout="3s")
        self.fault({"call": "request", "entity": "ads"}, export_delay=4)
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT campaign_id FROM ads.campaigns UNION ALL SELECT ad_id FROM slow.ads")
        self.assertEqual(len(self.session.rows("FETCH 1 FROM c")), 1)
        time.sleep(4.2)
        self.assertEqual(len(self.session.rows("FETCH ALL FROM c")), 40 + 120 - 1)
        self.session.run("COMMIT")

    def test_a_place_is_not_held_for_ever(self):
        self.amazon(export_timeout="1s", max_jobs="1", profile_ids="1111,2222")
        self.fault({"call": "request", "entity": "campaigns", "profile": "1111"}, export_delay=60)
        self.session.run("BEGIN")
        self.session.run("DECLARE c CURSOR FOR SELECT campaign_id FROM ads.campaigns WHERE profile_id = '1111'")
        self.wait_for_nothing()
        self.assertEqual(self.session.value("SELECT count(*) FROM ads.campaigns WHERE profile_id = '2222'"), 40)
        self.session.run("ROLLBACK")

    def wait_for_nothing(self):
        """The request of the cursor goes out with the next wait of any scan."""
        self.session.rows("SELECT 1 FROM ads.ads LIMIT 1")
