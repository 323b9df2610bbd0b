"""Two clocks that a test can move."""

import datetime
import email.utils
import time

from data import parse_now


class Clock:
    """date(): what the emulator takes for now; elapsed(): seconds, for delays and lifetimes.

    The date may stand still (setting `now`) while seconds go on, so that
    exports still complete. advance() moves both.
    """

    def __init__(self, settings):
        self.settings = settings
        self.advanced = 0.0

    def elapsed(self):
        return time.monotonic() + self.advanced

    def date(self, later=0.0):
        return parse_now(self.settings.now) + datetime.timedelta(seconds=self.advanced + later)

    def advance(self, seconds):
        self.advanced += seconds


def iso_text(moment):
    """2023-09-26T16:39:24.673Z"""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


def http_date(moment):
    return email.utils.format_datetime(moment.replace(tzinfo=datetime.timezone.utc), usegmt=True)
