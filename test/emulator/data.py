"""The data of the emulator without any HTTP: the tests' independent reader.

    from data import Data
    data = Data(campaigns=40)                       # settings by name, all optional
    data = Data(**settings_of_a_running_emulator)   # the answer of GET /control/settings
    for record in data.records("targets", 1111, {"stateFilter": ["ENABLED"]}): ...
    for record in data.events("2025-03-01T00", "2025-03-01T23"): ...

Records are plain dictionaries. Numbers with a fraction are exact_json.Number
(a Decimal whose str() is the exact text in the file), integers are int, strings
are str. The keys are in the order of the file.
"""

import datetime

import exact_json
from amazon_data import AmazonData, ENTITIES, PROFILES
from amplitude_data import AmplitudeData
from settings import Settings

__all__ = ["Data", "ENTITIES", "PROFILES", "parse_now", "exact_json"]


def parse_now(text):
    """A naive UTC datetime from the setting `now`; empty means the real time."""
    if not text:
        return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return moment


class Data:
    def __init__(self, settings=None, now=None, **values):
        self.settings = settings or Settings(**values)
        self.now = now or parse_now(self.settings.now)
        self.amazon = AmazonData(self.settings)
        self.amplitude = AmplitudeData(self.settings, self.now)

    def profiles(self, access="edit", types=None):
        return self.amazon.profile_records(access, types)

    def records(self, entity, profile_id, filters=None):
        """filters: None for every record, else the body of an export request ({} = documented defaults)."""
        return self.amazon.records(entity, profile_id, filters)

    def ready_until(self):
        """Hours that end at this time or before can be exported from Amplitude."""
        return self.now - datetime.timedelta(seconds=self.settings.amplitude_latency)

    def events(self, start, end, only_ready=True):
        return self.amplitude.events(start, end, self.ready_until() if only_ready else None)

    def event_files(self, start, end, only_ready=True):
        """(entry name, records) pairs."""
        return self.amplitude.files(start, end, self.ready_until() if only_ready else None)
