"""A server that speaks for all vendors, rightly but in one phase, in which it says what it is told to.

Every answer is bytes that are written to the socket as they are, so that nothing (no header, no length, no end) is out of reach.
An answer is a list of pieces: bytes; a number, seconds to wait; or a function that is called with the socket and may go on for ever.
After the last piece the connection is closed, or kept if the list ends in KEEP.
"""

import gzip
import io
import json
import socket
import threading
import time
import urllib.parse
import zipfile

# As long as the address of any server here, which takes its place.
PLACEHOLDER = "http://127.0.0.1:99999"

KEEP = object()
RESET = object()

# What a scan finds that nobody disturbs.
CAMPAIGNS = [{"campaignId": str(100 + i), "name": "Campaign %d" % i, "adProduct": "SPONSORED_PRODUCTS", "state": "ENABLED"} for i in range(3)]
EVENTS = [{"uuid": "00000000-0000-4000-8000-00000000000%d" % i, "event_type": "open", "server_upload_time": "2025-03-01 05:00:00.000000"} for i in range(3)]
PROFILES = [{"profileId": 1111, "countryCode": "US", "accountInfo": {"type": "seller", "name": "One", "id": "A1"}}]

PHASES = ("token", "profiles", "request", "status", "download", "archive")


def answer(body, status="200 OK", headers=()):
    """A well-formed answer."""
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogateescape")
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % len(body)] + ["%s: %s" % pair for pair in headers]
    return [("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body, KEEP]


def gzipped(records):
    return gzip.compress(json.dumps(records).encode())


def archive(files):
    """A zip archive; {name: content}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()


def event_lines(events):
    return "".join(json.dumps(event) + "\n" for event in events).encode()


EVENT_FILE = "1/1_2025-03-01_5#0.json.gz"
GOOD_ARCHIVE = archive({EVENT_FILE: gzip.compress(event_lines(EVENTS))})
GOOD_DOWNLOAD = gzipped(CAMPAIGNS)


class Server:
    """One attack at a time: attack(phase, make), make() giving the answer, or None to be good."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.phase = self.make = None
        self.calls = {phase: 0 for phase in PHASES}
        self.generation = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def attack(self, phase, make):
        with self.lock:
            self.phase, self.make = phase, make
            self.calls = {name: 0 for name in PHASES}
            self.generation += 1

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pending = b""
        try:
            while True:
                while b"\r\n\r\n" not in pending:
                    more = connection.recv(65536)
                    if not more:
                        return
                    pending += more
                head, _, pending = pending.partition(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
                while len(pending) < length:
                    pending += connection.recv(65536)
                pending = pending[length:]
                if not self.send(connection, self.answer_to(lines[0])):
                    return
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def answer_to(self, line):
        method, target = line.split()[:2]
        path = urllib.parse.urlsplit(target).path
        phase = ("token" if path.startswith("/auth") else "profiles" if path == "/v2/profiles" else "request" if method == "POST"
                 else "status" if path.startswith("/exports/") else "archive" if path.startswith("/api/") else "download")
        with self.lock:
            self.calls[phase] += 1
            generation = self.generation
            make = self.make if phase == self.phase else None
        return (make() if make else self.good(phase)), generation

    def good(self, phase):
        if phase == "token":
            return answer('{"access_token": "Atza|hostile", "expires_in": 3600}')
        if phase == "profiles":
            return answer(json.dumps(PROFILES))
        if phase == "request":
            return answer('{"exportId": "E1", "status": "PROCESSING"}', "202 Accepted")
        if phase == "status":
            return answer(json.dumps({"exportId": "E1", "status": "COMPLETED", "url": self.url + "/download?X-Amz-Signature=s",
                                      "fileSize": len(GOOD_DOWNLOAD), "generatedAt": "2025-03-01T05:00:00.000Z"}))
        return answer(GOOD_DOWNLOAD if phase == "download" else GOOD_ARCHIVE)

    def send(self, connection, what):
        """True if the connection is kept."""
        pieces, generation = what
        for piece in pieces:
            if piece is KEEP:
                return True
            if piece is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return False
            if isinstance(piece, (int, float)):
                time.sleep(piece)
            elif callable(piece):
                piece(lambda data: self.send_unless_over(connection, data, generation))
            else:
                connection.sendall(piece.replace(PLACEHOLDER.encode(), self.url.encode()))
        return False

    def send_unless_over(self, connection, data, generation):
        """What goes on for ever goes on as long as its case does."""
        if self.generation != generation:
            raise OSError("the case is over")
        connection.sendall(data)
