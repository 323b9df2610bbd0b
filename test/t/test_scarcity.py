"""A system that refuses what a scan would like to have: threads, descriptors, memory. Every row comes, or a clean error does."""

import glob
import os
import re
import subprocess
import unittest

import psycopg2

import support

TARGETS = 6000


class Refusals(support.TestCase):
    """The thread that reads ahead, which is begun after the whole of a small, well packed download has arrived."""
    emulator_options = ("--targets", str(TARGETS), "--full-details", "true")

    QUERY = "SELECT count(*), count(DISTINCT target_id) FROM ads.targets"

    def setUp(self):
        super().setUp()
        self.amazon(max_age="1d")
        # Without a thread, whose stack would be kept for the next.
        self.session.run("LOAD 'adsexport_fdw'; SET adsexport_fdw.read_ahead = off")
        self.assertEqual(self.session.rows(self.QUERY), [(TARGETS, TARGETS)])
        self.session.run("RESET adsexport_fdw.read_ahead")

    def limit(self, what, value):
        """Of the backend; only its own user may set it."""
        subprocess.check_call(support.cluster().as_server_user(["prlimit", "--pid", str(self.session.pid), "--%s=%d:" % (what, value)]))

    def threads(self):
        return self.session.threads()

    def read(self):
        """Either all of it or an error about the system; whether it was all."""
        try:
            self.assertEqual(self.session.rows(self.QUERY), [(TARGETS, TARGETS)])
        except psycopg2.Error as problem:
            # The server itself has no error of a class of its own for a wait that it can't set up.
            if problem.pgcode != "XX000" or "epoll_create1 failed" not in str(problem):
                self.check_error(problem, ("HV001", "53000", "53200", "08006"))
            return False
        return True

    def test_no_thread(self):
        self.limit("nproc", 1)
        self.assertTrue(self.read())
        self.session.run("BEGIN; DECLARE c CURSOR FOR SELECT target_id FROM ads.targets; FETCH 4000 FROM c")
        self.assertEqual(self.threads(), 1, "there was one in spite of the limit, so that this shows nothing")
        self.session.run("COMMIT")

    def test_no_descriptors(self):
        used = max(int(os.path.basename(path)) for path in glob.glob("/proc/%d/fd/*" % self.session.pid))
        outcomes = []
        for more in range(1, 24):
            self.limit("nofile", used + more)
            with self.subTest(descriptors=more):
                outcomes.append(self.read())
        self.assertIn(False, outcomes)
        self.assertIn(True, outcomes)

    @unittest.skipIf(support.HAS_SANITIZER, "address space is not limited")
    def test_no_memory(self):
        with open("/proc/%d/status" % self.session.pid) as file:
            used = int(re.search(r"^VmSize:\s*(\d+)", file.read(), re.M).group(1)) * 1024
        outcomes = []
        for more in range(1, 40):
            self.limit("as", used + more * 128 * 1024)
            with self.subTest(more=more):
                outcomes.append(self.read())
        self.assertTrue(outcomes[-1])
