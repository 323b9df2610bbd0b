"""What was asked and answered, for GET /control/log."""

import threading
import time

# Seconds; a handler takes microseconds from its last byte to its entry, unless it has to wait for a processor, or for a client that reads nothing.
ENTRY_WAIT = 2


class Journal:
    def __init__(self):
        self.changed = threading.Condition()
        self.entries = []
        self.ending = {}
        self.number = 0

    def begin(self, call):
        with self.changed:
            self.number += 1
            entry = {
                "id": self.number,
                "time": time.time(),
                "method": call.method,
                "path": call.path,
                "query": call.query,
                "headers": {name: value for name, value in call.headers.items() if name.lower() != "authorization"},
                "authorization": (call.headers.get("Authorization") or "").split(" ")[0] or None,
                "scheme": call.scheme,
                "connection": call.connection,
                "body": call.body_text(),
                "status": None,
                "bytes_sent": 0,
                "finished": False,
                "complete": False,
                "seconds": None,
                "faults": call.fault_numbers,
            }
            for name in ("api", "call", "entity", "profile", "export", "client", "start", "end", "token"):
                entry[name] = call.facts.get(name)
            self.entries.append(entry)
            self.changed.notify_all()
        call.entry = entry
        return entry

    def end(self, entry):
        """Nothing but the last bytes of the answer is left to be sent: whoever asks for the entry from now on gets it finished."""
        with self.changed:
            self.ending[entry["id"]] = time.time()

    def finish(self, entry, status, bytes_sent, complete):
        """complete: the whole answer was handed to the network."""
        with self.changed:
            # Before the client can have had it all, and so before it can have asked for anything else.
            ended = self.ending.pop(entry["id"], None) or time.time()
            entry["status"] = status
            entry["bytes_sent"] = bytes_sent
            entry["finished"] = True
            entry["complete"] = complete
            entry["seconds"] = round(ended - entry["time"], 6)
            self.changed.notify_all()

    def select(self, wanted):
        """Entries whose fields have the given values; `since` leaves out ids up to it."""
        with self.changed:
            # The client may have the whole answer, and a test look at it, before the handler has noted the end.
            ending = set(self.ending)
            self.changed.wait_for(lambda: not ending & set(self.ending), ENTRY_WAIT)
            return self._select(wanted)

    def _select(self, wanted):
        since = int(wanted.get("since", 0))
        fields = {name: value for name, value in wanted.items() if name not in ("since", "count", "timeout")}
        return [dict(entry) for entry in self.entries if entry["id"] > since
                and all(text_of(entry.get(name)) == value for name, value in fields.items())]

    def wait(self, wanted):
        """Wait until `count` entries match (they may still be unanswered), at most `timeout` seconds."""
        deadline = time.monotonic() + float(wanted.get("timeout", 10))
        with self.changed:
            while True:
                found = self._select(wanted)
                remaining = deadline - time.monotonic()
                if len(found) >= int(wanted.get("count", 1)) or remaining <= 0:
                    return found
                self.changed.wait(remaining)

    def clear(self):
        with self.changed:
            self.entries = []


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
