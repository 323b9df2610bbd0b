"""Faults on order: rules that say which calls go wrong and how.

A rule is {"match": {...}, "action": {...}}. MATCHES and ACTIONS are the whole
vocabulary; a new kind of fault is a new line in ACTIONS plus the place that
looks for it (`faults.get(name)` in server.py, amazon.py or amplitude.py).
"""

import json
import re
import threading


def as_list(value):
    return value if isinstance(value, list) else [value]


def member(key):
    return lambda call, wanted: str(call.facts.get(key)) in [str(item) for item in as_list(wanted)]


MATCHES = {
    # name: (does the call match this value?, explanation)
    "api": (member("api"), "amazon, amplitude or files"),
    "call": (member("call"), "token, profiles, request, status, download, export (Amplitude), file"),
    "entity": (member("entity"), "campaigns, ad_groups, targets, ads, amplitude_events"),
    "profile": (member("profile"), "profile id of the Scope header or of the export downloaded"),
    "export": (member("export"), "export id"),
    "client": (member("client"), "client id"),
    "path": (lambda call, wanted: re.search(wanted, call.path) is not None, "regular expression on the path"),
    "query": (lambda call, wanted: re.search(wanted, call.query) is not None, "regular expression on the query string"),
    "body": (lambda call, wanted: re.search(wanted, call.body_text()) is not None, "regular expression on the request body"),
    "header": (lambda call, wanted: all(re.search(pattern, call.headers.get(name) or "") for name, pattern in wanted.items()),
               "{name: regular expression}; an absent header is an empty text"),
    "resumed": (lambda call, wanted: bool(call.headers.get("Range")) == bool(wanted), "true: only requests with Range; false: only those without"),
    "filter_values_over": (lambda call, wanted: call.facts.get("filter_values", 0) > wanted,
                           "Amazon: product of the numbers of values of all filters (an absent one counts with all its values) is above n"),
    "hours_over": (lambda call, wanted: call.facts.get("hours", 0) > wanted, "Amplitude: the window has more than n hours"),
    "covers_hour": (lambda call, wanted: call.facts.get("start", "~") <= wanted <= call.facts.get("end", ""),
                    "Amplitude: the window holds the hour YYYYMMDDTHH"),
}

# Which of the matching calls: after (skip so many first), times (then so many), nth (a number or list, counted from 1).
COUNTERS = ("after", "times", "nth")

ACTIONS = {
    # Before the answer
    "delay": "seconds to wait before the answer",
    "hang": "true or seconds: no answer until the client goes away (or so many seconds passed, then the connection is closed)",
    "drop_connection_before_response": "true or close: close without an answer; reset: RST",
    # Instead of the answer
    "status": "status of an answer that replaces the real one",
    "reason": "reason phrase of the status line",
    "headers": "{name: value} added to the answer; null removes one. With a status or without",
    "body": "body of the replacing answer, text or a JSON value; without a status the real body is replaced",
    "body_base64": "the same as base64, for any bytes",
    "body_kind": "made-up body: universal, exports, service, gateway, html, s3, text, empty (see BODY_KINDS)",
    "real_status": "status of the real answer, whose body stays",
    "members": "{name: value} put into the JSON object that the real answer is; null removes one",
    "message": "message inside a body_kind body",
    "retry_after": "Retry-After of the answer: seconds, or date:SECONDS for an HTTP date",
    # Instead of the real course of things (Amazon)
    "token_expired": "true: 401 as for an expired access token; the token stays invalid",
    "failed": "INTERNAL_ERROR or TIMED_OUT: the export ends as FAILED (on call request: this export; on call status: this answer)",
    "failed_message": "message of that error",
    "status_word": "another status word, on call request or status",
    "completed_without_url": "true: COMPLETED, but no url yet",
    "export_delay": "seconds until the export is completed, on call request",
    "expire_url": "true: on call status the URL is born expired; on call download the URL has expired",
    "expire_export": "true: the export is forgotten (404)",
    "file_size": "fileSize to claim on call status",
    "url": "url to give on call status, as it is",
    "job_cap": "true: 429 as if the cap of running exports were reached",
    # Other bytes
    "corrupt_byte": "offset (or list of offsets) in the file whose byte is inverted; negative from the end; a fraction below 1 of the size",
    "truncate": "send only so many bytes (or a fraction below 1) as if they were all",
    "trailing_garbage": "bytes appended: a text, or a number of random-looking bytes, or zeros:N",
    "change_content": "true: other bytes for the same content with another ETag (a changed gzip header for Amazon, other events for Amplitude)",
    "ignore_range": "true: a request with Range gets everything with 200",
    "wrong_range": "number added to the first byte of the range that is sent (Content-Range tells the truth)",
    "no_etag": "true: no ETag and no Last-Modified",
    "weak_etag": "true: the ETag is a weak one",
    # Other transport
    "wrong_content_length": "number added to the Content-Length",
    "chunked": "true: chunked instead of Content-Length; false: the reverse",
    "until_close": "true: neither; the end of the connection is the end of the body",
    "content_encoding": "Content-Encoding header to claim",
    "compress": "gzip or deflate: the answer's body is compressed, and Content-Encoding says so",
    "drip": "bytes per second",
    "endless": "true or bytes per second: the body is sent again and again, chunked, until the client goes away",
    "cut_after": "bytes of body (or a fraction below 1) after which the connection ends",
    "cut_how": "how it ends: close (default) or reset",
    "stall_after": "bytes of body (or a fraction) after which nothing comes any more",
    "pause_after": "bytes of body (or a fraction) before a pause of pause_seconds",
    "pause_seconds": "length of that pause, default 1",
    "close": "true: Connection: close after the answer",
}

HTML = ("<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
        "<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n")

# name: (media type, status, reason, message, request id) -> body
BODY_KINDS = {
    "universal": ("application/json", lambda status, reason, message, request: json.dumps(
        {"code": reason.upper().replace(" ", "_"), "details": message, "requestId": request})),
    "exports": ("application/json", lambda status, reason, message, request: json.dumps(
        {"errorCode": "INTERNAL_ERROR" if status >= 500 else reason.upper().replace(" ", "_"), "message": message})),
    "service": ("application/json", lambda status, reason, message, request: json.dumps({"code": str(status), "message": message})),
    "detail": ("application/json", lambda status, reason, message, request: json.dumps({"code": str(status), "detail": message})),
    "gateway": ("application/json", lambda status, reason, message, request: json.dumps({"message": message})),
    "oauth": ("application/json", lambda status, reason, message, request: json.dumps(
        {"error": "invalid_grant", "error_description": message})),
    "html": ("text/html", lambda status, reason, message, request: HTML % (status, reason, status, reason)),
    "s3": ("application/xml", lambda status, reason, message, request:
           '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>'
           % (reason.replace(" ", ""), message, request)),
    "text": ("text/plain", lambda status, reason, message, request: message),
    "empty": (None, lambda status, reason, message, request: ""),
}


class Rule:
    def __init__(self, number, match, action):
        for name in match:
            if name not in MATCHES and name not in COUNTERS:
                raise ValueError("unknown match %r; known: %s" % (name, ", ".join(list(MATCHES) + list(COUNTERS))))
        for name in action:
            if name not in ACTIONS:
                raise ValueError("unknown action %r; known: %s" % (name, ", ".join(ACTIONS)))
        if action.get("body_kind") not in (None, *BODY_KINDS):
            raise ValueError("unknown body_kind %r; known: %s" % (action["body_kind"], ", ".join(BODY_KINDS)))
        self.number = number
        self.match = match
        self.action = action
        self.matched = 0
        self.applied = 0

    def applies(self, call):
        """Counts the call if it matches, and says whether it is one of those meant."""
        for name, wanted in self.match.items():
            if name in MATCHES and not MATCHES[name][0](call, wanted):
                return False
        self.matched += 1
        if "nth" in self.match and self.matched not in as_list(self.match["nth"]):
            return False
        if self.matched <= self.match.get("after", 0):
            return False
        if "times" in self.match and self.applied >= self.match["times"]:
            return False
        self.applied += 1
        return True

    def as_dictionary(self):
        return {"id": self.number, "match": self.match, "action": self.action, "matched": self.matched, "applied": self.applied}


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.number = 0

    def add(self, description):
        unknown = set(description) - {"match", "action"}
        if unknown or "action" not in description:
            raise ValueError("a rule is {\"match\": {...}, \"action\": {...}}")
        with self.lock:
            self.number += 1
            rule = Rule(self.number, description.get("match", {}), description["action"])
            self.rules.append(rule)
            return rule

    def clear(self, number=None):
        with self.lock:
            self.rules = [rule for rule in self.rules if number is not None and rule.number != number]

    def for_call(self, call):
        """All actions of the rules that apply to a call; the first rule to name one wins."""
        actions = {}
        numbers = []
        with self.lock:
            for rule in self.rules:
                if rule.applies(call):
                    numbers.append(rule.number)
                    for name, value in rule.action.items():
                        actions.setdefault(name, value)
        return actions, numbers

    def as_list(self):
        with self.lock:
            return [rule.as_dictionary() for rule in self.rules]


def position(value, size):
    """A number of bytes, or a fraction below 1 of the size; negative counts from the end."""
    if isinstance(value, float) and abs(value) < 1:
        value = int(value * size)
    return size + value if value < 0 else int(value)
