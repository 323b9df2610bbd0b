"""HTTP: connections, requests, and answers with or without faults."""

import base64
import contextlib
import gzip
import http
import http.server
import json
import os
import select
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import traceback
import uuid
import zlib

import faults as fault_module
from response import BytesBody, Response

BLOCK = 1 << 20
CHUNK = 1 << 16


class Hangup(Exception):
    """The connection is to end here. how: close or reset."""

    def __init__(self, how="close"):
        super().__init__(how)
        self.how = how


class Call:
    """One request with what the faults and the log need to know of it."""

    def __init__(self, handler, method, target, headers, body):
        self.handler = handler
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        self.scheme = handler.server.scheme
        self.connection = handler.connection_number
        self.request_id = str(uuid.uuid4())
        self.facts = {}
        self.faults = {}
        self.fault_numbers = []
        self.entry = None
        self.over = lambda: None  # to be called when nothing but its last bytes is left to be sent

    def body_text(self):
        return self.body.decode("utf-8", "replace")

    def base(self):
        """The address under which the client sees the emulator."""
        host = self.headers.get("Host") or "%s:%d" % self.handler.server.server_address
        return "%s://%s" % (self.scheme, host)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = None
    hung_up = False

    def setup(self):
        self.emulator = self.server.emulator
        if self.server.tls_context is not None:
            # Here and not when accepting: a slow handshake must hold up nobody else.
            self.request.settimeout(30)
            self.request = self.server.tls_context.wrap_socket(self.request, server_side=True)
            self.request.settimeout(None)
            self.emulator.handshake_done()
        if self.emulator.settings.handshake_delay > 0:
            time.sleep(self.emulator.settings.handshake_delay)
        self.connection_number = self.emulator.connection_opened(self.request)
        super().setup()

    def finish(self):
        try:
            super().finish()
            if self.server.tls_context is not None:
                self.finish_tls()
        finally:
            if hasattr(self, "connection_number"):
                self.emulator.connection_closed(self.request)

    def finish_tls(self):
        """The server itself closes only the socket below, which TLS has taken over."""
        if self.connection.fileno() >= 0:
            if not self.hung_up:
                # Without the closing alert a client must take the end for an attack.
                self.connection.settimeout(0.5)
                with contextlib.suppress(OSError, ValueError):
                    self.connection.unwrap()
            self.connection.close()

    def log_message(self, form, *arguments):
        pass

    def version_string(self):
        return "Server"

    # Requests

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def do_PUT(self):
        self.answer("PUT")

    def do_DELETE(self):
        self.answer("DELETE")

    def do_HEAD(self):
        self.answer("HEAD")

    def answer(self, method):
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self.send_response(411)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(length))
        call = Call(self, method, self.path, self.headers, body)
        if call.path.startswith("/control"):
            self.transmit(call, self.emulator.control.handle(call))
            return
        service = self.emulator.service_for(call)
        service.classify(call)
        call.faults, call.fault_numbers = self.emulator.faults.for_call(call)
        entry = self.emulator.journal.begin(call)
        self.bytes_sent = 0
        self.status_sent = None
        complete = False
        try:
            self.before_answer(call)
            with service.busy(call):
                response = self.response_for(call, service)
                self.transmit(call, response)
            complete = True
        except Hangup as hangup:
            self.hang_up(hangup.how)
        except (BrokenPipeError, ConnectionResetError, ConnectionAbortedError, ssl.SSLError, TimeoutError):
            self.close_connection = True
        finally:
            entry["client"] = call.facts.get("client")
            entry["token"] = call.facts.get("token")
            self.emulator.journal.finish(entry, self.status_sent, self.bytes_sent, complete)

    def before_answer(self, call):
        if "delay" in call.faults:
            self.sleep(float(call.faults["delay"]))
        if call.faults.get("hang"):
            releases = self.emulator.releases
            self.sleep(None if call.faults["hang"] is True else float(call.faults["hang"]), lambda: self.emulator.releases > releases)
            raise Hangup()
        if call.faults.get("drop_connection_before_response"):
            raise Hangup("reset" if call.faults["drop_connection_before_response"] == "reset" else "close")

    def sleep(self, seconds, is_released=lambda: False):
        """Wait, but no longer than the client stays (None: as long as it stays)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            remaining = 1.0 if deadline is None else deadline - time.monotonic()
            if remaining <= 0 or is_released():
                return
            readable, _, _ = select.select([self.connection], [], [], min(remaining, 1.0))
            if readable:
                if isinstance(self.connection, ssl.SSLSocket) or not self.connection.recv(1, socket.MSG_PEEK):
                    raise Hangup()
                # The next request of a pipelining client: it is still there.
                time.sleep(min(max(remaining, 0), 0.05))

    def response_for(self, call, service):
        actions = call.faults
        if "status" in actions:
            response = self.made_up(call, actions)
        else:
            response = service.handle(call)
            replacement = self.replacement_body(call, actions, response.status)
            if replacement is not None:
                response.body = replacement
                response.offset = 0
                response.length = replacement.size
            if "members" in actions:
                self.change_members(response, actions["members"])
            response.status = int(actions.get("real_status", response.status))
        if "compress" in actions:
            self.compress(response, actions["compress"])
        for name, value in (actions.get("headers") or {}).items():
            response.set_header(name, value)
        if "retry_after" in actions:
            response.set_header("Retry-After", self.emulator.retry_after_text(actions["retry_after"]))
        if actions.get("no_etag"):
            response.set_header("ETag", None)
            response.set_header("Last-Modified", None)
        if actions.get("weak_etag") and response.header("ETag"):
            response.set_header("ETag", "W/" + response.header("ETag"))
        if "content_encoding" in actions:
            response.set_header("Content-Encoding", actions["content_encoding"])
        if "reason" in actions:
            response.reason = actions["reason"]
        return response

    @staticmethod
    def replace_body(response, data):
        response.body = BytesBody(data)
        response.offset = 0
        response.length = response.body.size

    def change_members(self, response, members):
        value = json.loads(response.body.read(0, response.body.size))
        value.update(members)
        value = {name: member for name, member in value.items() if member is not None}
        self.replace_body(response, json.dumps(value).encode("utf-8"))

    def compress(self, response, how):
        data = response.body.read(0, response.body.size)
        self.replace_body(response, gzip.compress(data) if how == "gzip" else zlib.compress(data))
        response.set_header("Content-Encoding", how)

    def made_up(self, call, actions):
        status = int(actions["status"])
        response = Response(status, [("x-amzn-RequestId", call.request_id)] if call.facts.get("api") == "amazon" else [])
        body = self.replacement_body(call, actions, status, response)
        if body is not None:
            response.body = body
            response.length = body.size
        return response

    def replacement_body(self, call, actions, status, response=None):
        if "body_base64" in actions:
            return BytesBody(base64.b64decode(actions["body_base64"]))
        if "body" in actions:
            body = actions["body"]
            if not isinstance(body, str):
                body = json.dumps(body)
                if response is not None:
                    response.set_header("Content-Type", "application/json")
            return BytesBody(body.encode("utf-8", "surrogateescape"))
        if "body_kind" in actions:
            media_type, make = fault_module.BODY_KINDS[actions["body_kind"]]
            if response is not None:
                response.set_header("Content-Type", media_type)
            reason = phrase(status)
            return BytesBody(make(status, reason, actions.get("message", reason), call.request_id).encode("utf-8"))
        return None

    # Answers

    def transmit(self, call, response):
        actions = call.faults
        patches = {}
        tail = b""
        length = response.length
        whole = response.body.size
        if "corrupt_byte" in actions and response.status in (200, 206):
            for value in fault_module.as_list(actions["corrupt_byte"]):
                patches[fault_module.position(value, whole)] = True
        if "truncate" in actions:
            length = min(length, fault_module.position(actions["truncate"], length))
        if "trailing_garbage" in actions:
            tail = garbage(actions["trailing_garbage"])
        if "wrong_range" in actions and response.status == 206:
            response.offset += int(actions["wrong_range"])
            length = min(length, whole - response.offset)
        size = length + len(tail)
        bodiless = call.method == "HEAD" or response.status in (204, 304)
        chunked = bool(actions.get("chunked", response.chunked) or actions.get("endless")) and not bodiless
        if actions.get("until_close") and not bodiless:
            chunked = False
            self.close_connection = True
        elif chunked:
            response.set_header("Transfer-Encoding", "chunked")
        else:
            response.set_header("Content-Length", size + int(actions.get("wrong_content_length", 0)))
        if actions.get("close") or actions.get("until_close"):
            self.close_connection = True
        if self.headers.get("Connection", "").lower() == "close":
            self.close_connection = True
        if self.close_connection:
            response.set_header("Connection", "close")
        if call.entry is not None:
            call.entry["status"] = response.status
        plan = Plan(size, actions)
        if bodiless or (plan.is_last(0, 0) and not actions.get("endless")):
            self.note_end(call)
        self.send_head(response)
        if bodiless:
            return
        if actions.get("endless"):
            self.send_for_ever(response.body.read(response.offset, length) + tail, actions["endless"], call.entry)
        done = 0
        while done < size:
            step = plan.next_step(done)
            if step == 0:
                pass  # Something is to happen before the first byte; an empty chunk would be the end.
            elif done < length:
                step = min(step, length - done)
                if plan.is_last(done, step):
                    self.note_end(call)
                self.send_piece(response.body, response.offset + done, step, patches, chunked, plan)
            else:
                step = min(step, size - done)
                if plan.is_last(done, step):
                    self.note_end(call)
                self.send_bytes(tail[done - length:done - length + step], chunked)
            done += step
            self.bytes_sent = done
            if call.entry is not None:
                call.entry["bytes_sent"] = done
            plan.pause(self, done)
        plan.pause(self, done)
        if chunked:
            self.connection.sendall(b"0\r\n\r\n")
        if "wrong_content_length" in actions:
            self.close_connection = True

    def note_end(self, call):
        call.over()
        if call.entry is not None:
            self.emulator.journal.end(call.entry)

    def send_head(self, response):
        self.status_sent = response.status
        lines = ["HTTP/1.1 %d %s" % (response.status, response.reason or phrase(response.status)),
                 "Server: Server", "Date: " + self.date_time_string()]
        lines += ["%s: %s" % header for header in response.headers]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))

    def send_piece(self, body, offset, length, patches, chunked, plan):
        """length bytes of the body, by sendfile where nothing has to be changed."""
        if body.path is not None and not patches:
            if chunked:
                self.connection.sendall(b"%x\r\n" % length)
            with open(body.path, "rb") as file:
                self.connection.sendfile(file, offset, length)
            if chunked:
                self.connection.sendall(b"\r\n")
            return
        data = body.read(offset, length)
        if patches:
            data = bytearray(data)
            for place in patches:
                if offset <= place < offset + length:
                    data[place - offset] ^= 0xFF
        self.send_bytes(bytes(data), chunked)

    def send_for_ever(self, data, rate, entry):
        rate = None if rate is True else rate
        block = data or b" "
        while len(block) < (CHUNK if rate is None else rate / 20):
            block += block
        if rate is not None:
            block = block[:max(1, int(rate / 20))]
        while True:
            self.send_bytes(block, True)
            self.bytes_sent += len(block)
            if entry is not None:
                entry["bytes_sent"] = self.bytes_sent
            if rate is not None:
                self.sleep(len(block) / rate)

    def send_bytes(self, data, chunked):
        if chunked:
            data = b"%x\r\n" % len(data) + data + b"\r\n"
        self.connection.sendall(data)

    def hang_up(self, how):
        self.hung_up = True
        self.close_connection = True
        if how == "reset":
            # Zero linger time turns the close into a RST.
            # The descriptor is closed here, before anybody shuts the connection down in an orderly way.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())


class Plan:
    """How much of a body is sent when: dripping, cuts, stalls, pauses."""

    def __init__(self, size, actions):
        self.size = size
        self.rate = float(actions["drip"]) if "drip" in actions else None
        self.stops = {}
        for name in ("cut_after", "stall_after", "pause_after"):
            if name in actions:
                self.stops[name] = fault_module.position(actions[name], size)
        self.how = actions.get("cut_how", "close")
        self.pause_seconds = float(actions.get("pause_seconds", 1))
        self.started = time.monotonic()

    def next_step(self, done):
        step = self.size - done
        if self.rate is not None:
            step = min(step, max(1, int(self.rate / 20)))
        elif step > BLOCK:
            step = BLOCK
        for stop in self.stops.values():
            if done < stop:
                step = min(step, stop - done)
        if done == 0 and 0 in self.stops.values():
            return 0
        return max(step, 0)

    def is_last(self, done, step):
        """Whether the answer ends with these bytes, and nothing is to happen after them."""
        return done + step >= self.size and self.size not in self.stops.values()

    def pause(self, handler, done):
        if self.stops.get("pause_after") == done:
            del self.stops["pause_after"]
            handler.sleep(self.pause_seconds)
        if self.stops.get("stall_after") == done:
            handler.sleep(None)
        if self.stops.get("cut_after") == done:
            raise Hangup(self.how)
        if self.rate is not None and done < self.size:
            wait = self.started + done / self.rate - time.monotonic()
            if wait > 0:
                handler.sleep(wait)


def garbage(value):
    if isinstance(value, int):
        return bytes((number * 37 + 11) % 256 for number in range(value))
    if value.startswith("zeros:"):
        return bytes(int(value[len("zeros:"):]))
    return value.encode("utf-8")


def phrase(status):
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, emulator, port, tls_context=None, address="127.0.0.1"):
        self.emulator = emulator
        self.tls_context = tls_context
        self.scheme = "https" if tls_context else "http"
        super().__init__((address, port), Handler)

    def server_bind(self):
        # HTTPServer would look up the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name = self.server_address[0]
        self.server_port = self.server_address[1]

    def handle_error(self, request, client_address):
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):  # Broken connections and failed handshakes are business as usual.
            traceback.print_exc()

    def url(self):
        return "%s://%s:%d" % (self.scheme, *self.server_address)

    def start(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
