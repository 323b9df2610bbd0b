"""A server that speaks for all vendors, rightly but in one phase, in which it says what it is told to.

Every answer is bytes that are written to the socket as they are, so that nothing (no header, no length, no end) is out of reach.
An answer is a list of pieces: bytes; a number, seconds to wait; or a function that is called with the socket and may go on for ever.
After the last piece the connection is closed, or kept if the list ends in KEEP.

Three phases come before HTTP: the handshake of TLS, the proxy's answer to CONNECT, and the handshake within TLS to a proxy.  There HEARD waits
for the client's first word, and SECURED begins a good handshake: what follows it is sent within TLS, and if nothing does, the server is good
from there on.  WITH_TICKETS begins one at whose end session tickets come, and nothing else.

In the phase http2 the server offers HTTP/2, and the answer is what follows the handshake, if the client chooses it; otherwise the server is good.
It hears what the client says whenever it says something itself, but after DEAF.
"""

import contextlib
import gzip
import io
import json
import select
import socket
import ssl
import threading
import time
import urllib.parse
import zipfile

# As long as the address of any server here, which takes its place.
PLACEHOLDER = "http://127.0.0.1:99999"

KEEP = object()
RESET = object()
HEARD = object()
SECURED = object()
WITH_TICKETS = object()
DEAF = object()

# What a scan finds that nobody disturbs.
CAMPAIGNS = [{"campaignId": str(100 + i), "name": "Campaign %d" % i, "adProduct": "SPONSORED_PRODUCTS", "state": "ENABLED"} for i in range(3)]
EVENTS = [{"uuid": "00000000-0000-4000-8000-00000000000%d" % i, "event_type": "open", "server_upload_time": "2025-03-01 05:00:00.000000"} for i in range(3)]
PROFILES = [{"profileId": 1111, "countryCode": "US", "accountInfo": {"type": "seller", "name": "One", "id": "A1"}}]

PHASES = ("token", "profiles", "request", "status", "download", "archive", "tls", "http2", "proxy", "nested")

# Of one connection, not of one call.
BEFORE_HTTP = ("tls", "http2", "proxy", "nested")


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


class Attentive:
    """A connection whose peer is never kept from sending for longer than this side is silent."""

    def __init__(self, connection):
        self.connection = connection

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def sendall(self, data):
        patience = self.connection.gettimeout()
        self.connection.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError):
            while self.connection.recv(65536):
                pass
            raise OSError("the client is gone")
        self.connection.settimeout(patience)
        self.connection.sendall(data)


class Server:
    """One attack at a time: attack(phase, make), make() giving the answer, or None to be good."""

    def __init__(self, certificates):
        self.context = certificates.server_context()
        self.context_with_tickets = certificates.server_context()
        self.context_with_tickets.num_tickets = 10 ** 6
        self.context_with_http2 = certificates.server_context()
        self.context_with_http2.set_alpn_protocols(["h2", "http/1.1"])
        self.lock = threading.Lock()
        self.phase = self.make = None
        self.calls = {phase: 0 for phase in PHASES}
        self.generation = 0
        self.connections = set()
        self.url = "http://127.0.0.1:%d" % self.listen(self.serve)
        self.tls_url = "https://127.0.0.1:%d" % self.listen(self.serve_tls)
        # No proxy is asked for what is on this machine.
        self.tunnelled_url = "https://emulator.test"
        self.proxy_url = "http://127.0.0.1:%d" % self.listen(lambda connection: self.serve_proxy(connection, "proxy"))
        self.behind = self.listen(lambda connection: self.serve_proxy(connection, "nested"))
        self.tls_proxy_url = "https://127.0.0.1:%d" % self.listen(self.relay)

    def attack(self, phase, make):
        with self.lock:
            self.phase, self.make = phase, make
            self.calls = {name: 0 for name in PHASES}
            self.generation += 1
            # Of connections that live on it would not be seen.
            for connection in self.connections if phase in BEFORE_HTTP else ():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def listen(self, serve):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self.accept, args=(listener, serve), daemon=True).start()
        return listener.getsockname()[1]

    def accept(self, listener, serve):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.serve_safely, args=(connection, serve), daemon=True).start()

    def serve_safely(self, connection, serve):
        connection.settimeout(60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.connections.add(connection)
        try:
            serve(connection)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def serve(self, connection):
        pending = b""
        while True:
            head, pending = self.read_head(connection, pending)
            if head is None:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            length = int(headers.get("content-length", 0))
            while len(pending) < length:
                pending += connection.recv(65536)
            pending = pending[length:]
            if not self.send(connection, self.answer_to(lines[0], self.url_of(connection, headers))):
                return

    def serve_tls(self, connection):
        if self.phase == "http2":
            self.offer_http2(connection)
        else:
            self.begin(connection, "tls", [SECURED])

    def offer_http2(self, connection):
        with self.context_with_http2.wrap_socket(connection.dup(), server_side=True) as secured:
            if secured.selected_alpn_protocol() != "h2":
                self.serve(secured)
                return
            make, generation = self.chosen("http2")
            if make:
                self.send(Attentive(secured), (make(), generation))

    def serve_proxy(self, connection, phase):
        if self.read_head(connection, b"")[0] is not None:
            self.begin(connection, phase, [b"HTTP/1.1 200 Connection established\r\n\r\n", SECURED])

    def relay(self, connection):
        """TLS to a proxy, within which there may be TLS again."""
        with self.context.wrap_socket(connection.dup(), server_side=True) as client, socket.create_connection(("127.0.0.1", self.behind)) as proxy:
            while True:
                ready = [client] if client.pending() else select.select([client, proxy], [], [])[0]
                for source in ready:
                    data = source.recv(65536)
                    if not data:
                        return
                    (proxy if source is client else client).sendall(data)

    @staticmethod
    def read_head(connection, pending):
        while b"\r\n\r\n" not in pending:
            more = connection.recv(65536)
            if not more:
                return None, b""
            pending += more
        head, _, pending = pending.partition(b"\r\n\r\n")
        return head, pending

    def chosen(self, phase):
        """What makes the answer; None: it is to be good."""
        with self.lock:
            self.calls[phase] += 1
            return (self.make if phase == self.phase else None), self.generation

    def begin(self, connection, phase, good):
        make, generation = self.chosen(phase)
        pieces = make() if make else good
        at = next((index for index, piece in enumerate(pieces) if piece in (SECURED, WITH_TICKETS)), None)
        if at is not None:
            self.send(connection, (pieces[:at], generation))
            context = self.context if pieces[at] is SECURED else self.context_with_tickets
            # A copy, as the socket that is wrapped is closed to attack(), which shuts it down.
            with context.wrap_socket(connection.dup(), server_side=True) as secured:
                if pieces[at + 1:]:
                    self.send(secured, (pieces[at + 1:], generation))
                else:
                    self.serve(secured)
        elif self.send(connection, (pieces, generation)):
            while connection.recv(65536):
                pass

    def url_of(self, connection, headers):
        """Where its client is: through a tunnel by another name."""
        return "https://" + headers["host"] if isinstance(connection, ssl.SSLSocket) else self.url

    def answer_to(self, line, url):
        method, target = line.split()[:2]
        path = urllib.parse.urlsplit(target).path
        phase = ("token" if path.startswith("/auth") else "profiles" if path == "/v2/profiles" else "request" if method == "POST"
                 else "status" if path.startswith("/exports/") else "archive" if path.startswith("/api/") else "download")
        make, generation = self.chosen(phase)
        return (make() if make else self.good(phase, url)), generation

    @staticmethod
    def good(phase, url=PLACEHOLDER):
        if phase == "token":
            return answer('{"access_token": "Atza|hostile", "expires_in": 3600}')
        if phase == "profiles":
            return answer(json.dumps(PROFILES))
        if phase == "request":
            return answer('{"exportId": "E1", "status": "PROCESSING"}', "202 Accepted")
        if phase == "status":
            return answer(json.dumps({"exportId": "E1", "status": "COMPLETED", "url": url + "/download?X-Amz-Signature=s",
                                      "fileSize": len(GOOD_DOWNLOAD), "generatedAt": "2025-03-01T05:00:00.000Z"}))
        if phase in ("proxy", "nested"):
            return answer("", "200 Connection established")
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
            if piece is HEARD:
                connection.recv(65536)
            elif piece is DEAF:
                connection = connection.connection
            elif isinstance(piece, (int, float)):
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
