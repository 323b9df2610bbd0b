"""Every setting of the emulator in one table.

The command line options, POST /control/settings and the start values all come
from here: a setting added to the table is at once an option and a setting.
"""

import copy
import json

BOOLEAN_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


def to_boolean(value):
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in BOOLEAN_WORDS:
        raise ValueError("%r is not true or false" % (value,))
    return BOOLEAN_WORDS[word]


def to_json(value):
    return json.loads(value) if isinstance(value, str) else value


def to_text(value):
    return "" if value is None else str(value)


class Setting:
    def __init__(self, name, default, help, kind=None, choices=None):
        self.name = name
        self.default = default
        self.help = help
        self.choices = choices
        self.kind = kind or {bool: to_boolean, int: int, float: float, str: to_text}[type(default)]

    def convert(self, value):
        converted = self.kind(value)
        if self.choices and converted not in self.choices:
            raise ValueError("%s must be one of %s" % (self.name, ", ".join(map(str, self.choices))))
        return converted


SETTINGS = [
    # The generated data.
    Setting("seed", 1, "the data of two emulators with the same seed and sizes are equal"),
    Setting("campaigns", 40, "campaigns of an ordinary profile"),
    Setting("ad_groups", 80, "ad groups of an ordinary profile"),
    Setting("targets", 300, "targets of an ordinary profile"),
    Setting("ads", 120, "ads of an ordinary profile"),
    Setting("drift", True, "false: only records exactly as documented, none of the oddities seen in practice"),
    Setting("names", "test", "account: names, ids, times and profiles as an advertiser's account has them, for documentation and the demonstration",
            choices=("test", "account")),
    Setting("full_details", False, "true: targets as full as the vendor's example, about 820 bytes each"),
    Setting("profiles", None, "list of profiles to use instead of the built-in ones (JSON)", kind=to_json),
    Setting("inject", [], "values put into single records: list of {entity, profile, index, path, literal | remove} (JSON)", kind=to_json),
    Setting("amplitude_ranges", "2014-11-11T00..2014-11-12T05,2025-03-01T00..2025-03-07T23",
            "hours that have events, FROM..TO both inclusive, comma separated; a bound may be now, now-5h or now-2d"),
    Setting("events_per_hour", 20, "events in an average hour"),
    Setting("amplitude_even", False, "true: exactly events_per_hour events in each hour, no quiet hours"),
    Setting("amplitude_files_per_hour", 0, "files (partitions) per hour; 0: one to three, varying"),
    # The clock.
    Setting("now", "", "UTC time the emulator takes for now, such as 2025-03-08T12:30:00Z; it then stands still; empty: real time"),
    # The network.
    Setting("handshake_delay", 0.0, "seconds that each new connection takes before its first request is read"),
    # Amazon Ads.
    Setting("export_delay", 0.2, "seconds until an export is COMPLETED"),
    Setting("token_lifetime", 3600.0, "seconds an access token is good for"),
    Setting("url_lifetime", 3600.0, "seconds a download URL is good for"),
    Setting("export_lifetime", 86400.0, "seconds an export is known after its completion"),
    Setting("job_cap", 5, "exports in progress at once per client id and endpoint"),
    Setting("job_cap_body", "gateway", "body of the 429 at the cap", choices=("gateway", "universal", "html", "empty")),
    Setting("job_cap_retry_after", "", "Retry-After of that 429: empty for none, seconds, or date:SECONDS for an HTTP date"),
    Setting("running_word", "alternate", "status of a running export: IN_PROGRESS, PROCESSING, alternate (by export), or any other word"),
    Setting("expired_url_status", "alternate", "what an expired download URL answers", choices=("alternate", "400", "403")),
    Setting("shortest_poll", 0.0, "status calls for one export that follow each other faster than this many seconds are answered with 429"),
    Setting("url_one_shot", False, "true: a download URL works for one request only"),
    Setting("export_encoding", "gzip", "form of the export file", choices=("gzip", "multi-member", "plain", "content-encoding")),
    Setting("export_layout", "compact", "white space in the export file", choices=("compact", "lines", "pretty")),
    Setting("gzip_level", 6, "compression level of generated files, 0 to 9"),
    Setting("download_base", "", "base of download URLs; empty: the address the client used for the status call"),
    # Amplitude.
    Setting("amplitude_latency", 7200.0, "seconds after its end until an hour can be exported"),
    Setting("amplitude_late_files", 0.0, "in one hour of five the first file can be exported this many seconds later than the others; 0: in none"),
    Setting("amplitude_delay", 0.0, "seconds the server takes to build an archive"),
    Setting("amplitude_size_limit", 4000000000, "archives of more than this many bytes are answered with 400"),
    Setting("amplitude_timeout_hours", 0, "requests with data in more than this many hours are answered with 504; 0: never"),
    Setting("amplitude_concurrency", 5, "requests at once per project; more are answered with 429"),
    Setting("amplitude_content_length", False, "true: Content-Length instead of a chunked answer"),
    Setting("amplitude_honour_range", False, "true: ETag, Accept-Ranges and 206 for Amplitude's archive too"),
    Setting("amplitude_daily", "overlap", "a file of a day before 2014-11-12 is sent when the window touches the day (overlap) or holds all of it (whole)",
            choices=("overlap", "whole")),
    Setting("archive", "stored-descriptor", "archive variant: names from archive.VARIANTS joined by commas"),
    # Files instead of generated data.
    Setting("serve", {}, "files to send instead of generated data: {entity: path} (JSON)", kind=to_json),
]

BY_NAME = {setting.name: setting for setting in SETTINGS}


class Settings:
    """Current values as attributes; knows how to go back to the start values."""

    def __init__(self, **values):
        self._start = {setting.name: copy.deepcopy(setting.default) for setting in SETTINGS}
        self._start.update(self._converted(values))
        self.reset()

    @staticmethod
    def _converted(values):
        converted = {}
        for name, value in values.items():
            if name not in BY_NAME:
                raise ValueError("unknown setting %r" % name)
            try:
                converted[name] = BY_NAME[name].convert(value)
            except (TypeError, ValueError) as problem:
                raise ValueError("setting %s: %s" % (name, problem)) from None
        return converted

    def update(self, values):
        self.__dict__.update(self._converted(values))

    def reset(self):
        self.__dict__.update(copy.deepcopy(self._start))

    def as_dictionary(self):
        return {setting.name: copy.deepcopy(getattr(self, setting.name)) for setting in SETTINGS}
