"""Amplitude's Export API."""

import base64
import contextlib
import datetime
import random
import re

from amplitude_data import parse_hour
from content import write_amplitude
from response import Response, with_ranges

API_KEY = "emulator-api-key"
SECRET_KEY = "emulator:secret/key+="
MOST_DAYS = 365
TOO_LARGE = "The file size of the exported data is too large. Shorten the time ranges and try again. The limit size is 4GB."
NO_FILES = "Raw data files were not found."


class Amplitude:
    def __init__(self, emulator):
        self.emulator = emulator
        self.reset()

    @property
    def settings(self):
        return self.emulator.settings

    def reset(self):
        # Archives of which two are never the same are so in the same way each time.
        self.random = random.Random(self.settings.seed)

    def classify(self, call):
        facts = call.facts
        facts["api"] = "amplitude"
        facts["call"] = "export"
        facts["entity"] = "amplitude_events"
        for name in ("start", "end"):
            match = re.search(r"(?:^|&)%s=([^&]*)" % name, call.query)
            if match:
                facts[name] = match.group(1)
        try:
            facts["hours"] = int((parse_hour(facts["end"]) - parse_hour(facts["start"])).total_seconds()) // 3600 + 1
        except (KeyError, ValueError):
            facts["hours"] = 0

    @contextlib.contextmanager
    def busy(self, call):
        with contextlib.ExitStack() as stack:
            call.facts["running"] = stack.enter_context(self.emulator.counting("amplitude"))
            # The client may have the last bytes, and ask for more, before this thread goes on.
            call.over = stack.close
            yield

    @staticmethod
    def problem(status, message):
        return Response(status, [("Content-Type", "text/plain; charset=utf-8")], message)

    def handle(self, call):
        settings = self.settings
        if call.method != "GET":
            return self.problem(405, "Method Not Allowed")
        expected = base64.b64encode(("%s:%s" % (API_KEY, SECRET_KEY)).encode()).decode()
        scheme, _, credentials = (call.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "basic" or credentials != expected:
            return self.problem(403, "Invalid API Key")
        if call.facts["running"] > settings.amplitude_concurrency:
            return self.problem(429, "Exceeded concurrent limit with query of cost %d" % (400 + call.facts["running"]))
        window = []
        for name in ("start", "end"):
            text = call.facts.get(name)
            if text is None:
                return self.problem(400, "Missing required parameter: " + name)
            try:
                if not re.match(r"^\d{8}T\d{2}$", text):
                    raise ValueError
                window.append(parse_hour(text))
            except ValueError:
                return self.problem(400, "Invalid %s: expected YYYYMMDDTHH" % name)
        start, end = window
        if end < start:
            return self.problem(400, "Invalid time range: end is before start")
        if end - start >= datetime.timedelta(days=MOST_DAYS):
            return self.problem(400, "Time range is too large: at most %d days" % MOST_DAYS)
        if settings.amplitude_delay:
            call.handler.sleep(settings.amplitude_delay)
        override = self.emulator.override_for("amplitude_events", None)
        if override is not None:
            content = self.emulator.store.of_file(override)
        else:
            data = self.emulator.data()
            amplitude = data.amplitude
            ready_until = data.ready_until()
            hours = amplitude.window(start, end, ready_until)
            if not hours:
                return self.problem(404, NO_FILES)
            if settings.amplitude_timeout_hours and len(hours) > settings.amplitude_timeout_hours:
                return self.problem(504, "upstream request timeout")
            content = self.archive(call, data, start, end, hours, ready_until)
        if content.size > settings.amplitude_size_limit:
            return self.problem(400, TOO_LARGE)
        response = Response(200, [("Content-Type", "application/zip")], content.body)
        response.chunked = not settings.amplitude_content_length
        if settings.amplitude_honour_range and not call.faults.get("ignore_range"):
            response = with_ranges(call, response, content.etag, lambda size: self.problem(416, "Range Not Satisfiable"))
            response.chunked = response.chunked and response.status == 200
        return response

    def archive(self, call, data, start, end, hours, ready_until):
        settings = data.settings
        change = 1 if call.faults.get("change_content") else 0
        key = (self.emulator.generation, "amplitude", str(hours[0]), str(hours[-1]), len(hours), settings.archive, change)
        if settings.amplitude_late_files:
            key += (str(ready_until),)
        if "shuffled" in settings.archive or "varying" in settings.archive:
            key += (self.random.random(),)
        amplitude = data.amplitude
        if change:
            amplitude = type(amplitude)(settings, data.now)
            amplitude.change = change
        return self.emulator.store.get(key, lambda path: write_amplitude(
            path, amplitude.files(start, end, ready_until), settings, self.random.random()))
