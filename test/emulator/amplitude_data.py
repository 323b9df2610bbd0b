"""Amplitude's raw events, made up from a seed, filed by upload hour."""

import datetime
import re

from draw import Draw, salt
from exact_json import EscapedText, Number
from amazon_data import inject

APP = 100011471
EPOCH = datetime.datetime(1970, 1, 1)
FIRST_HOURLY = datetime.datetime(2014, 11, 12)
HOUR = datetime.timedelta(hours=1)
SECOND = 1000000

KEYS = (
    "$insert_id", "$insert_key", "$schema", "adid", "amplitude_attribution_ids", "amplitude_event_type", "amplitude_id",
    "app", "city", "client_event_time", "client_upload_time", "country", "data", "data_type", "device_brand",
    "device_carrier", "device_family", "device_id", "device_manufacturer", "device_model", "device_type", "dma",
    "event_id", "event_properties", "event_time", "event_type", "global_user_properties", "group_properties", "groups",
    "idfa", "ip_address", "is_attribution_event", "language", "library", "location_lat", "location_lng", "os_name",
    "os_version", "partner_id", "paying", "plan", "platform", "processed_time", "region", "sample_rate",
    "server_received_time", "server_upload_time", "session_id", "source_id", "start_version", "user_creation_time",
    "user_id", "user_properties", "uuid", "version_name",
)

EVENT_TYPES = ("[Amplitude] Page Viewed", "session_start", "session_end", "$identify", "Product Viewed", "Checkout",
               "[Amplitude] Element Clicked", "suche ausgeführt", "購入", "Property Drop Purchased")
PLACES = (("Zürich", "Switzerland", "Zurich", "de"), ("São Paulo", "Brazil", "São Paulo", "Portuguese"),
          ("Tokyo", "Japan", "Tokyo", "Japanese"), ("New York", "United States", "New York", "English"),
          ("Kraków", "Poland", "Lesser Poland", "Polish"), (None, None, None, None))
DEVICES = (("Mac OS X", "Mac OS X", "Chrome", "137", "Web"), ("Windows", "Windows", "Firefox", "139.0", "Web"),
           ("Apple iPhone", "Apple iPhone 15", "ios", "18.5", "iOS"), ("Android", "Google Pixel 8", "android", "14", "Android"),
           (None, None, None, None, None))
LIBRARIES = ("amplitude-ts/2.11.13", "http/2.0", "amplitude-ios/8.1", "batch/1.0")
ODD_LITERAL = EscapedText('"line\\nbreak \\u00e9 \\ud83d\\ude00 a\\/b \\u0026 \\t\\b\\f\\r \\"q\\" \\\\"')


def parse_hour(text):
    """A naive UTC datetime from YYYY-MM-DDTHH or YYYYMMDDTHH."""
    match = re.match(r"^(\d{4})-?(\d{2})-?(\d{2})T(\d{2})$", text)
    if not match:
        raise ValueError("%r is not an hour such as 2025-03-01T05" % text)
    return datetime.datetime(*map(int, match.groups()))


def parse_ranges(text, now):
    """Pairs of first and last hour from the setting amplitude_ranges."""
    ranges = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, last = part.split("..")
        ranges.append((parse_bound(first, now), parse_bound(last, now)))
    return ranges


def parse_bound(text, now):
    match = re.match(r"^now(?:-(\d+)([hd]))?$", text.strip())
    if not match:
        return parse_hour(text.strip())
    hours = int(match.group(1) or 0) * (24 if match.group(2) == "d" else 1)
    return now.replace(minute=0, second=0, microsecond=0) - hours * HOUR


def hour_number(hour):
    return int((hour - EPOCH).total_seconds()) // 3600


DAY_CACHE = {}


def timestamp(microseconds, digits=6):
    """Amplitude's spelling of a UTC time: a space, six decimals, no zone."""
    second, fraction = divmod(microseconds, SECOND)
    day, second = divmod(second, 86400)
    text = DAY_CACHE.get(day)
    if text is None:
        text = DAY_CACHE[day] = (EPOCH + datetime.timedelta(days=day)).strftime("%Y-%m-%d ")
    minute, second = divmod(second, 60)
    text += "%02d:%02d:%02d" % (minute // 60, minute % 60, second)
    if digits == 6:
        return text + ".%06d" % fraction
    if digits:
        return text + (".%06d" % fraction)[:digits + 1]
    return text


class AmplitudeData:
    def __init__(self, settings, now=None):
        self.settings = settings
        self.now = now or EPOCH
        self.ranges = parse_ranges(settings.amplitude_ranges, self.now)
        self.base = salt(settings.seed, "amplitude")
        self.change = 0  # another number makes other events; see the fault change_content

    def hours(self, start, end):
        """Hours with events from start to end, both inclusive, in order."""
        found = set()
        for first, last in self.ranges:
            hour = max(first, start)
            while hour <= min(last, end):
                found.add(hour)
                hour += HOUR
        return [hour for hour in sorted(found) if self.events_in_hour(hour)]

    def events_in_hour(self, hour):
        average = self.settings.events_per_hour
        if self.settings.amplitude_even:
            return average
        draw = Draw(self.base + 1, hour_number(hour))
        if draw.one_in(13):
            return 0
        return max(1, average // 2 + draw.below(average + 1)) if average else 0

    def events_of_hour(self, hour):
        """(partition, record) of each event uploaded in an hour."""
        number = hour_number(hour)
        draw = Draw(self.base + 2, number)
        files = self.settings.amplitude_files_per_hour or 1 + draw.below(3)
        injections = {}
        for injection in self.settings.inject:
            if injection.get("entity") == "amplitude_events" and parse_hour(injection["hour"]) == hour:
                injections.setdefault(int(injection["index"]), []).append(injection)
        for index in range(self.events_in_hour(hour)):
            record = self.event(number, index)
            for injection in injections.get(index, ()):
                inject(record, injection)
            yield index % files, record

    def event(self, hour, index):
        draw = Draw(self.base + self.change, (hour << 32) + index)
        odd = index % 61 if self.settings.drift else -1
        upload = hour * 3600 * SECOND + draw.below(3600 * 1000) * 1000
        # The first events of an hour sit on its edges, where range mistakes show.
        if index == 0:
            upload = hour * 3600 * SECOND
        elif index == 1:
            upload = (hour + 1) * 3600 * SECOND - 1
        from_server = draw.one_in(4)
        received = upload - (draw.below(5) + 3) * 1000 - (draw.one_in(20) and 12 * SECOND)
        if from_server:
            # HTTP API: the client's upload time is the server's, the event's time is anything.
            client_upload = received
            lateness = draw.below(20)
            if lateness == 0:
                client_event = received - draw.below(400 * 86400) * SECOND
            elif lateness == 1:
                client_event = received + draw.below(3 * 86400) * SECOND
            else:
                client_event = received - draw.below(60) * SECOND
        else:
            client_upload = received + (draw.below(240) - 120) * SECOND
            lateness = draw.below(20)
            if lateness == 0:
                client_event = client_upload - (86400 + draw.below(20 * 86400)) * SECOND
            else:
                client_event = client_upload - draw.below(30000) * 1000
        skew = received - client_upload
        event_time = client_event + (skew if abs(skew) >= 60 * SECOND else 0)
        person = draw.below(500)
        city, country, region, language = draw.pick(PLACES) if not from_server else PLACES[-1]
        family, device, system, version, platform = draw.pick(DEVICES) if not from_server else DEVICES[-1]
        event_type = draw.pick(EVENT_TYPES)
        properties = {}
        kind = draw.below(4)
        if kind == 0:
            properties = {"[Amplitude] Page URL": "https://example.com/a?b=%d&c=2" % draw.below(1000),
                          "[Amplitude] Page Title": draw.pick(("Schuhe – Größe 42", "Home", "購入 🥾", "a \"b\" c"))}
        elif kind == 1:
            properties = {"price": Number("%d.0" % draw.below(10000)), "quantity": draw.below(10),
                          "tags": ["a", "b", {"c": None, "d": [Number("0.10"), True]}],
                          "revenue": Number("%d.%02d" % (draw.below(100), draw.below(100)))}
        elif kind == 2:
            properties = {"note": ODD_LITERAL, "key with spaces": "", "nested": {"a": {"b": [1, [2, [3]]]}}}
        uuid = "%08x-%04x-4%03x-8%03x-%012x" % (
            hour & 0xFFFFFFFF, index >> 16 & 0xFFFF, index >> 4 & 0xFFF, draw.below(0x1000), (index & 0xF) << 44 | draw.below(1 << 44))
        record = {
            "$insert_id": "%08x-%04x-4%03x-9%03x-%012x" % (
                draw.below(1 << 32), draw.below(1 << 16), draw.below(1 << 12), draw.below(1 << 12), draw.below(1 << 40)),
            "$insert_key": None,
            "$schema": None,
            "adid": None,
            "amplitude_attribution_ids": ["c37ee0aa11"] if draw.one_in(5) else None,
            "amplitude_event_type": None,
            "amplitude_id": 1263130916572 + person,
            "app": APP,
            "city": city,
            "client_event_time": timestamp(client_event),
            "client_upload_time": timestamp(client_upload),
            "country": country,
            "data": {"path": "/2/httpapi", "user_properties_updated": True, "group_first_event": {}, "group_ids": {}},
            "data_type": "event",
            "device_brand": None,
            "device_carrier": None,
            "device_family": family,
            "device_id": "b1f5c1c4-6c1c-4c6e-8a0e-%012d" % person,
            "device_manufacturer": None,
            "device_model": None,
            "device_type": device,
            "dma": None,
            "event_id": draw.below(1000000000) if from_server else index,
            "event_properties": properties,
            "event_time": timestamp(event_time),
            "event_type": event_type,
            "global_user_properties": None,
            "group_properties": {},
            "groups": {"company": ["Acme %d" % draw.below(9)]} if draw.one_in(6) else {},
            "idfa": None,
            "ip_address": None if from_server else "203.0.113.%d" % draw.below(256),
            "is_attribution_event": None,
            "language": language,
            "library": draw.pick(LIBRARIES),
            "location_lat": None,
            "location_lng": None,
            "os_name": system,
            "os_version": version,
            "partner_id": None,
            "paying": None,
            "plan": {},
            "platform": platform,
            "processed_time": timestamp(upload + draw.below(3000000)),
            "region": region,
            "sample_rate": None,
            "server_received_time": timestamp(received),
            "server_upload_time": timestamp(upload),
            "session_id": -1 if from_server else 1752748500123 + draw.below(1 << 30),
            "source_id": None,
            "start_version": None,
            "user_creation_time": None,
            "user_id": "user-%d" % person if draw.below(3) else None,
            "user_properties": {"plan": "EMPTY", "initial_utm_source": "EMPTY", "age": draw.below(90)} if draw.below(3) else {},
            "uuid": uuid,
            "version_name": None,
        }
        if odd >= 0:
            self.drift(odd, record, upload)
        return record

    @staticmethod
    def drift(odd, record, upload):
        if odd == 2:
            record["paying"] = "true"
            record["$insert_key"] = "0193f0a199#232"
            record["$schema"] = 13
        elif odd == 3:
            record["paying"] = True
            record["is_attribution_event"] = False
            record["global_user_properties"] = {}
        elif odd == 4:
            record["paying"] = "(none)"
            record["plan"] = None
        elif odd == 5:
            record["paying"] = ""
            record["user_creation_time"] = ""
        elif odd == 6:
            record["user_id"] = 4711
        elif odd == 7:
            record["user_creation_time"] = timestamp(upload, 0)
            record["processed_time"] = timestamp(upload, 3)
        elif odd == 8:
            record["processed_time"] = timestamp(upload, 6).replace(" ", "T") + "Z"
        elif odd == 9:
            record["location_lat"] = Number("47.376887")
            record["location_lng"] = Number("-8.5416940")
            record["sample_rate"] = Number("0.5")
        elif odd == 10:
            record["sample_rate"] = "1"
            record["$insert_id"] = "Property Drop Purchased:2"
        elif odd == 11:
            record["event_properties"] = {"huge": Number("12345678901234567890.123456789012345678901234567890"),
                                          "exponent": Number("1.50E-7"), "big": 18446744073709551616}
        elif odd == 12:
            record["a_future_key"] = {"uuid": "not this one"}
        elif odd == 13:
            record["amplitude_id"] = 9007199254740993
        elif odd == 14:
            record["event_type"] = EscapedText('"\\u8cfc\\u5165 \\ud83d\\ude00 \\u005bAmplitude\\u005d"')
        elif odd == 15:
            record["event_type"] = ""
            record["device_model"] = "iPhone14,5"
        elif odd == 16:
            record["event_properties"] = {"text": "x" * 20000}

    # Files

    def file_name(self, hour, partition):
        if hour < FIRST_HOURLY:
            return "%d/%d_%s#%d.json.gz" % (APP, APP, hour.strftime("%Y-%m-%d"), partition)
        return "%d/%d_%s_%d#%d.json.gz" % (APP, APP, hour.strftime("%Y-%m-%d"), hour.hour, partition)

    def window(self, start, end, ready_until=None):
        """The hours a request for start..end gets, day files before 2014-11-12 included."""
        if start < FIRST_HOURLY:
            midnight = start.replace(hour=0)
            if self.settings.amplitude_daily == "whole" and start != midnight:
                midnight += datetime.timedelta(days=1)
            start = midnight
        if end < FIRST_HOURLY:
            midnight = end.replace(hour=0)
            if self.settings.amplitude_daily == "whole" and end.hour != 23:
                end = midnight - HOUR
            else:
                end = midnight + datetime.timedelta(hours=23)
        return [hour for hour in self.hours(start, end) if ready_until is None or hour + HOUR <= ready_until]

    def is_late(self, hour, ready_until):
        """Is the first file of an hour not there yet, although the hour is?"""
        late = self.settings.amplitude_late_files
        return (late > 0 and ready_until is not None and hour + HOUR + datetime.timedelta(seconds=late) > ready_until
                and Draw(self.base + 3, hour_number(hour)).one_in(5))

    def files(self, start, end, ready_until=None):
        """(entry name, list of records) of each file of the archive, in order of time.

        The window is given as datetimes or text such as 2025-03-01T05, both ends inclusive.
        """
        start = parse_hour(start) if isinstance(start, str) else start
        end = parse_hour(end) if isinstance(end, str) else end
        pending = {}
        pending_day = None
        for hour in self.window(start, end, ready_until):
            day = hour.date() if hour < FIRST_HOURLY else None
            if day != pending_day or day is None:
                yield from sorted(pending.items())
                pending = {}
            pending_day = day
            late = self.is_late(hour, ready_until)
            for partition, record in self.events_of_hour(hour):
                if late and partition == 0:
                    continue
                pending.setdefault(self.file_name(hour, partition), []).append(record)
        yield from sorted(pending.items())

    def events(self, start, end, ready_until=None):
        """The records of all these files."""
        for _, records in self.files(start, end, ready_until):
            yield from records
