"""The emulator as a whole: its parts, and what they share."""

import contextlib
import copy
import datetime
import os
import random
import socket
import ssl
import threading

import archive
from amazon import Amazon
from amazon_data import ENTITIES
from amplitude import Amplitude
from clock import Clock, http_date
from content import ContentStore, write_whole
from control import Control
from data import Data
from faults import Faults
from files import Files
from journal import Journal
from server import Server

OVERRIDABLE = ENTITIES + ("amplitude_events",)


class Emulator:
    def __init__(self, settings, folder=None):
        self.settings = settings
        self.lock = threading.RLock()
        self.counts = {}
        self.most = {}
        self.connections = 0
        self.handshakes = 0
        self.releases = 0
        self.open_sockets = set()
        self.generation = 0
        self.current_data = None
        self.overrides = {}
        self.faults = Faults()
        self.journal = Journal()
        self.clock = Clock(settings)
        self.store = ContentStore()
        self.control = Control(self)
        self.amazon = Amazon(self)
        self.amplitude = Amplitude(self)
        self.files = Files(self, folder)
        self.servers = []
        self.moved = None
        self.check_settings()

    def listen(self, port, tls_context=None, address="127.0.0.1"):
        server = Server(self, port, tls_context, address)
        self.servers.append(server)
        return server

    def move(self):
        last, self.moved = self.moved, self.listen(0)
        self.moved.start()
        if last is not None:
            self.servers.remove(last)
            threading.Thread(target=lambda: (last.shutdown(), last.server_close()), daemon=True).start()
        return self.moved.url()

    def service_for(self, call):
        if call.path.startswith("/api/2/"):
            return self.amplitude
        if call.path.startswith("/files/"):
            return self.files
        return self.amazon

    # Settings and data

    def check_settings(self):
        archive.layout_of(self.settings.archive)
        for entity, path in self.settings.serve.items():
            if self.entity_named(entity) not in OVERRIDABLE:
                raise ValueError("unknown entity %r in serve; known: %s" % (entity, ", ".join(OVERRIDABLE)))
            if not os.path.isfile(path):
                raise ValueError("no file %s" % path)
        Data(self.settings)

    @staticmethod
    def entity_named(name):
        return {"amplitude": "amplitude_events", "events": "amplitude_events", "adGroups": "ad_groups"}.get(name, name)

    def change_settings(self, values):
        with self.lock:
            before = self.settings.as_dictionary()
            try:
                self.settings.update(values)
                self.check_settings()
            except Exception:
                self.settings.update(before)
                raise
            finally:
                self.forget_data()

    def forget_data(self):
        with self.lock:
            self.generation += 1
            self.current_data = None

    def settings_copy(self, **changes):
        settings = copy.copy(self.settings)
        settings.update(changes)
        return settings

    def data(self):
        """The data for the settings of now; it keeps them even when they change later."""
        with self.lock:
            if self.current_data is None:
                self.current_data = Data(self.settings_copy(), now=self.clock.date())
            data = copy.copy(self.current_data)
            data.now = self.clock.date()
            return data

    # Bodies given from outside

    def override(self, entity, profile=None, path=None, data=None, compress=False, files=None):
        """The file at path, or these bytes, or an archive of these {name: text}, instead of generated data."""
        entity = self.entity_named(entity)
        if entity not in OVERRIDABLE:
            raise ValueError("unknown entity %r; known: %s" % (entity, ", ".join(OVERRIDABLE)))
        if files is not None:
            path = self.store.new_path()
            with open(path, "wb") as output:
                archive.write_archive(output, [(name, text.splitlines()) for name, text in files.items()],
                                      archive.layout_of(self.settings.archive), self.settings.gzip_level, random.Random(self.settings.seed))
        elif data is not None:
            path = self.store.new_path()
            write_whole(path, archive.gzip_member(data, 6) if compress else data)
        if not os.path.isfile(path):
            raise ValueError("no file %s" % path)
        with self.lock:
            self.overrides[entity, None if profile is None else str(profile)] = path

    def override_for(self, entity, profile):
        with self.lock:
            for key in ((entity, profile), (entity, None)):
                if key in self.overrides:
                    return self.overrides[key]
            for name, path in self.settings.serve.items():
                if self.entity_named(name) == entity:
                    return path
        return None

    # Counting

    @contextlib.contextmanager
    def counting(self, name):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1
            self.most[name] = max(self.most.get(name, 0), self.counts[name])
            running = self.counts[name]
        try:
            yield running
        finally:
            with self.lock:
                self.counts[name] -= 1

    def connection_opened(self, connection):
        with self.lock:
            self.connections += 1
            self.open_sockets.add(connection)
            return self.connections

    def handshake_done(self):
        with self.lock:
            self.handshakes += 1

    def connection_closed(self, connection):
        with self.lock:
            self.open_sockets.remove(connection)

    def hang_up(self):
        """Connections by TLS end, as if they had been idle for too long."""
        with self.lock:
            for connection in self.open_sockets:
                if isinstance(connection, ssl.SSLSocket):
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def state(self):
        with self.lock:
            return {
                "now": self.clock.date().isoformat() + "Z",
                "requests_running": {name: count for name, count in self.counts.items() if count},
                "most_requests_running": dict(self.most),
                "connections_open": len(self.open_sockets),
                "connections": self.connections,
                "handshakes": self.handshakes,
                "amazon": self.amazon.state(),
            }

    def retry_after_text(self, value):
        text = str(value)
        if text.startswith("date:"):
            # A date has whole seconds; the client's clock is the real one.
            moment = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            return http_date(moment + datetime.timedelta(seconds=float(text[len("date:"):])))
        return text

    def reset(self):
        with self.lock:
            self.settings.reset()
            self.overrides.clear()
            self.faults.clear()
            self.journal.clear()
            self.clock.advanced = 0.0
            self.amazon.reset()
            self.amplitude.reset()
            self.most.clear()
            self.forget_data()
            self.store.forget()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.store.remove()
