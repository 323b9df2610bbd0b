"""/control/...: settings, faults, log and state, as JSON and without credentials."""

import base64
import json
import urllib.parse

import faults
from response import Response
from settings import SETTINGS


class Control:
    def __init__(self, emulator):
        self.emulator = emulator

    def handle(self, call):
        name = call.path[len("/control"):].strip("/")
        action = getattr(self, "%s_%s" % (call.method.lower(), name.replace("-", "_").replace("/", "_")), None)
        if action is None:
            return self.answer(404, {"error": "no %s %s" % (call.method, call.path), "known": sorted(
                "%s /control/%s" % tuple(entry.upper().split("_", 1)[:1] + [entry.split("_", 1)[1]])
                for entry in dir(self) if entry.split("_")[0] in ("get", "post", "delete"))})
        try:
            body = json.loads(call.body.decode("utf-8")) if call.body else {}
            query = dict(urllib.parse.parse_qsl(call.query, keep_blank_values=True))
            return self.answer(200, action(body, query))
        except (KeyError, TypeError, ValueError, OSError) as problem:
            return self.answer(400, {"error": "%s: %s" % (type(problem).__name__, problem)})

    @staticmethod
    def answer(status, value):
        return Response(status, [("Content-Type", "application/json")], json.dumps(value, indent=1, default=str) + "\n")

    # Faults

    def get_faults(self, body, query):
        return self.emulator.faults.as_list()

    def post_faults(self, body, query):
        rules = [self.emulator.faults.add(rule) for rule in (body if isinstance(body, list) else [body])]
        return [rule.as_dictionary() for rule in rules]

    def delete_faults(self, body, query):
        self.emulator.faults.clear(int(query["id"]) if "id" in query else None)
        return self.emulator.faults.as_list()

    def get_fault_kinds(self, body, query):
        return {"match": {name: text for name, (_, text) in faults.MATCHES.items()}, "counters": faults.COUNTERS,
                "action": faults.ACTIONS, "body_kind": list(faults.BODY_KINDS)}

    # Log

    def get_log(self, body, query):
        return self.emulator.journal.select(query)

    def delete_log(self, body, query):
        self.emulator.journal.clear()
        return []

    def get_wait(self, body, query):
        return self.emulator.journal.wait(query)

    # Settings

    def get_settings(self, body, query):
        return self.emulator.settings.as_dictionary()

    def post_settings(self, body, query):
        self.emulator.change_settings(body)
        return self.emulator.settings.as_dictionary()

    def get_settings_help(self, body, query):
        return {setting.name: {"default": setting.default, "help": setting.help, "choices": setting.choices} for setting in SETTINGS}

    def post_advance(self, body, query):
        self.emulator.clock.advance(float(body["seconds"]))
        return {"now": self.emulator.clock.date().isoformat() + "Z"}

    # Bodies made by the test itself

    def post_content(self, body, query):
        """What the downloads of an entity hold: {entity, profile?, text | base64 | file | files, gzip?}."""
        data = None
        if "file" in body or "files" in body:
            pass
        elif "base64" in body:
            data = base64.b64decode(body["base64"])
        else:
            data = body["text"].encode("utf-8", "surrogateescape")
        self.emulator.override(body["entity"], body.get("profile"), body.get("file"), data,
                               body.get("gzip", "text" in body), body.get("files"))
        return {}

    def delete_content(self, body, query):
        self.emulator.overrides.clear()
        return {}

    # State

    def get_state(self, body, query):
        return self.emulator.state()

    def post_reset(self, body, query):
        self.emulator.reset()
        return {}

    def post_listen(self, body, query):
        """Be known by another URL, so that nobody remembers anything of it; the first one stays good, the last one does not."""
        return {"url": self.emulator.move()}

    def post_hang_up(self, body, query):
        """All connections by TLS end, whoever waits on them."""
        self.emulator.hang_up()
        return {}

    def post_release(self, body, query):
        """The answers that hang at the moment do so no longer: within a second their connections are closed."""
        self.emulator.releases += 1
        return {}

    def post_expire(self, body, query):
        """{what: tokens | urls | exports}: everything issued so far is no longer valid."""
        return {"expired": self.emulator.amazon.expire(body["what"])}
