"""Every fault in every phase: all rows, or an error with the SQLSTATE that the design says; nothing hangs, nothing is short.

The table below has a cell for each fault and phase, for a fault that strikes once and one that lasts. A fault or phase that is added
without its cells fails test_every_cell_is_there. "rows" means exactly the rows of the emulator's data set.
"""

import unittest

import support

PHASES = ("token", "profiles", "request", "status", "download", "archive")

ROWS = "rows"
NETWORK, THROTTLED, CREDENTIALS, PERMISSION, REMOTE = "08006", "53400", "28000", "42501", "HV000"

FAULTS = {
    "status 400": {"status": 400, "body_kind": "exports"},
    "status 401": {"status": 401, "body_kind": "universal"},
    "status 403": {"status": 403, "body_kind": "gateway"},
    "status 404": {"status": 404, "body_kind": "html"},
    "status 406": {"status": 406, "body_kind": "exports"},
    "status 425": {"status": 425, "body_kind": "universal"},
    "status 429": {"status": 429, "body_kind": "gateway", "retry_after": 0},
    "status 429 without a time": {"status": 429, "body_kind": "html"},
    "status 500": {"status": 500, "body_kind": "universal"},
    "status 503": {"status": 503, "body_kind": "html"},
    "status 504": {"status": 504, "body_kind": "gateway"},
    "redirect": {"status": 307, "headers": {"Location": "http://127.0.0.1:1/"}, "body_kind": "empty"},
    "page": {"status": 200, "body_kind": "html"},
    "nothing": {"status": 200, "body_kind": "empty"},
    "other JSON": {"status": 200, "body": "[{\"a\": 1}"},
    "no answer": {"drop_connection_before_response": True},
    "reset": {"drop_connection_before_response": "reset"},
    "hang": {"hang": True},
    "cut": {"cut_after": 0.5},
    "stall": {"stall_after": 0.5},
    "wrong length": {"wrong_content_length": 10},
    "truncated": {"truncate": 0.5},
    "corrupt": {"corrupt_byte": 0.9},
    "garbage behind": {"trailing_garbage": "garbage"},
}

# What only stall_timeout ends.
STANDS_STILL = ("hang", "stall", "wrong length")

# What strikes before the first row was handed out is tried again; what strikes
# in the middle of a file that the remote keeps is gone on with.
PASSES = (ROWS, NETWORK)
REFUSED = (REMOTE, REMOTE)
UNREADABLE = (ROWS, REMOTE)
# Rows may have been handed out before it shows.
LATE = ((ROWS, REMOTE), REMOTE)
# An archive is built anew for each request: what was read of it is left out of the next one.
ARCHIVE_BROKEN = (ROWS, (NETWORK, REMOTE))
# Fewer hours are asked for, down to one, and a gateway that was too slow is asked again.
TOO_MUCH = (ROWS, REMOTE)
TOO_SLOW = (ROWS, NETWORK)
# One row of it was handed out when the end showed.
STARTS_LIKE_THE_FILE = ((ROWS, NETWORK, REMOTE), (NETWORK, REMOTE))
# The length that the status of the export told shows first that it is not the file.
NOT_THE_FILE = (ROWS, (NETWORK, REMOTE))

# fault -> one pair (once, always) for each of PHASES
TABLE = {
    #                            token                       profiles                request                 status                  download            archive
    "status 400":                ((CREDENTIALS,) * 2,        REFUSED,                REFUSED,                REFUSED,                (ROWS, REMOTE),     TOO_MUCH),
    "status 401":                ((CREDENTIALS,) * 2,        (ROWS, CREDENTIALS),    (ROWS, CREDENTIALS),    (ROWS, CREDENTIALS),    REFUSED,            (CREDENTIALS,) * 2),
    "status 403":                ((CREDENTIALS,) * 2,        (PERMISSION,) * 2,      (PERMISSION,) * 2,      (PERMISSION,) * 2,      (ROWS, REMOTE),     (CREDENTIALS,) * 2),
    "status 404":                ((CREDENTIALS,) * 2,        REFUSED,                REFUSED,                (ROWS, REMOTE),         (ROWS, REMOTE),     UNREADABLE),
    "status 406":                ((CREDENTIALS,) * 2,        REFUSED,                REFUSED,                REFUSED,                REFUSED,            REFUSED),
    "status 425":                ((CREDENTIALS,) * 2,        UNREADABLE,             UNREADABLE,             UNREADABLE,             UNREADABLE,         UNREADABLE),
    "status 429":                ((ROWS, THROTTLED),         (ROWS, THROTTLED),      (ROWS, THROTTLED),      (ROWS, THROTTLED),      (ROWS, THROTTLED),  (ROWS, THROTTLED)),
    # Amplitude's backoff begins at 30 s, which is beyond export_timeout here.
    "status 429 without a time": ((ROWS, THROTTLED),         (ROWS, THROTTLED),      (ROWS, THROTTLED),      (ROWS, THROTTLED),      (ROWS, THROTTLED),  (THROTTLED,) * 2),
    "status 500":                (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             PASSES),
    "status 503":                (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             PASSES),
    "status 504":                (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             TOO_SLOW),
    "redirect":                  (REFUSED,                   REFUSED,                REFUSED,                REFUSED,                REFUSED,            REFUSED),
    "page":                      (UNREADABLE,                UNREADABLE,             UNREADABLE,             UNREADABLE,             NOT_THE_FILE,       UNREADABLE),
    "nothing":                   (UNREADABLE,                UNREADABLE,             UNREADABLE,             UNREADABLE,             NOT_THE_FILE,       UNREADABLE),
    "other JSON":                (UNREADABLE,                UNREADABLE,             UNREADABLE,             UNREADABLE,             STARTS_LIKE_THE_FILE,       UNREADABLE),
    "no answer":                 (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             PASSES),
    "reset":                     (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             PASSES),
    "hang":                      (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             PASSES),
    "cut":                       (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             ARCHIVE_BROKEN),
    "stall":                     (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             ARCHIVE_BROKEN),
    # Archives come in chunks, without a length.
    "wrong length":              (PASSES,                    PASSES,                 PASSES,                 PASSES,                 PASSES,             (ROWS, ROWS)),
    "truncated":                 (UNREADABLE,                UNREADABLE,             UNREADABLE,             UNREADABLE,             NOT_THE_FILE,       ARCHIVE_BROKEN),
    "corrupt":                   (None,                      None,                   None,                   None,                   LATE,               LATE),
    "garbage behind":            (UNREADABLE,                UNREADABLE,             UNREADABLE,             UNREADABLE,             LATE,               LATE),
}


# Two more phases, in which rows of a download were read already when it breaks: the status call that mints a link to go on with, and
# the download that goes on. Their cells are those of "status" and "download", but for these.
LATER_PHASES = {"mint": "status", "resume": "download"}
LATER_CELLS = {
    ("status 404", "mint"): REFUSED,  # another export would have other rows
    ("page", "resume"): ((ROWS, NETWORK, REMOTE), (NETWORK, REMOTE)),
    ("nothing", "resume"): ((ROWS, NETWORK, REMOTE), (NETWORK, REMOTE)),
}


def cell_of(fault, phase):
    if (fault, phase) in LATER_CELLS:
        return LATER_CELLS[fault, phase]
    return TABLE[fault][PHASES.index(LATER_PHASES.get(phase, phase))]


class Cells(support.TestCase):
    """Made below: a class for each phase, a test for each fault."""

    phase = None
    emulator_options = ("--targets", "600", "--events-per-hour", "60")

    def prepare(self, fault):
        # The first break is one of the attempts.
        options = {"max_retries": "2" if self.phase in LATER_PHASES else "1", "export_timeout": "5s"}
        if fault in STANDS_STILL:
            # Long enough for a busy machine to answer the next attempt.
            options.update(stall_timeout="1s", export_timeout="20s")
        if self.phase == "archive":
            self.amplitude(**options)
            self.query = ("SELECT uuid::text FROM product.amplitude_events WHERE server_upload_time >= '2025-03-01 00:00+00' "
                          "AND server_upload_time < '2025-03-01 06:00+00'")
            self.expected = sorted(event["uuid"] for event in self.data().events("2025-03-01T00", "2025-03-01T05"))
            self.call = "export"
        else:
            if self.phase == "profiles":
                options["profile_ids"] = None
            else:
                options["profile_ids"] = "1111"
            self.amazon(**options)
            profiles = ("1111", "2222", "18014398509481985", "9007199254740993", "6666") if self.phase == "profiles" else ("1111",)
            self.query = "SELECT target_id FROM ads.targets"
            self.expected = sorted(str(record["targetId"]) for profile in profiles for record in self.data().records("targets", profile))
            self.call = LATER_PHASES.get(self.phase, self.phase)

    def run_cell(self, fault, once, expected):
        self.clear_faults()
        self.session.run("SELECT adsexport_forget()")
        match = {"call": self.call}
        if once:
            match["times"] = 1
        states = (expected,) if isinstance(expected, str) else expected
        if self.phase in LATER_PHASES:
            running = self.run_broken(match, fault)
        else:
            self.emulator.fault(match, FAULTS[fault])
            running = self.session.start(self.query).wait()
        if running.error is not None:
            self.assertIn(running.error.pgcode, states, support.text_of_error(running.error))
        else:
            self.assertEqual(sorted(row[0] for row in running.result), self.expected)
            self.assertIn(ROWS, states, "all rows, but an error was expected")

    def run_broken(self, match, fault):
        """Break the first download slowly enough that rows of it are read, and let the fault strike what comes next: the second status call,
        as an export is completed at once."""
        self.clear_log()
        # Where it matters that there were rows, a busy machine has more time to read them.
        self.fault({"call": "download", "nth": 1}, drip=20000 // support.PATIENCE if (fault, self.phase) in LATER_CELLS else 60000, cut_after=0.6)
        match["after"] = 1
        self.emulator.fault(match, FAULTS[fault])
        return self.session.start(self.query).wait()

    def run_fault(self, fault):
        self.prepare(fault)
        cell = cell_of(fault, self.phase)
        if cell is None:
            self.skipTest("these answers are not compressed")
        for once, expected in zip((True, False), cell):
            with self.subTest(fault=fault, phase=self.phase, strikes="once" if once else "always"):
                self.run_cell(fault, once, expected)


class Table(unittest.TestCase):
    def test_every_cell_is_there(self):
        self.assertEqual(sorted(TABLE), sorted(FAULTS))
        for fault, cells in TABLE.items():
            self.assertEqual(len(cells), len(PHASES), fault)


def make_test(fault):
    return lambda self: self.run_fault(fault)


for made_phase in PHASES + tuple(LATER_PHASES):
    members = {"phase": made_phase}
    for made_fault in FAULTS:
        members["test_" + made_fault.replace(" ", "_")] = make_test(made_fault)
    name = made_phase.capitalize()
    globals()[name] = type(name, (Cells,), members)
del Cells
