"""A small client of the emulator, for the self-test and for other tests in Python.

    with Emulator("--export-delay", "0") as emulator:
        emulator.fault({"call": "download"}, {"cut_after": 100})
        ...
        emulator.log(call="download")
"""

import base64
import contextlib
import gzip
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.parse

import exact_json
from amazon import BY_ENTITY, CLIENTS, DEFAULT_CLIENT, EXPORTS
from amplitude import API_KEY, SECRET_KEY

# Under valgrind, say, everything takes so many times as long.
PATIENCE = int(os.environ.get("ADSEXPORT_TEST_PATIENCE", "1"))

PROGRAM = os.path.join(os.path.dirname(os.path.realpath(__file__)), "emulator")
SEGMENT = {export[0]: segment for segment, export in EXPORTS.items()}


class Answer:
    def __init__(self, status, headers, body, whole):
        self.status = status
        self.headers = headers
        self.body = body
        self.whole = whole  # False: the connection ended early

    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return exact_json.loads(self.text())


class Emulator:
    """Starts an emulator and stops it at the end of the with block."""

    left = set()  # URLs to which one has moved

    def __init__(self, *options):
        self.process = subprocess.Popen((sys.executable, PROGRAM, "--exit-with-parent", str(os.getpid())) + options,
                                        stdout=subprocess.PIPE)
        self.url = self.process.stdout.readline().decode().strip()
        self.tls_url = self.ca_file = None
        if "--tls" in options:
            self.tls_url, self.ca_file = self.process.stdout.readline().decode().split()
        self.token = None

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.stop()

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(10 * PATIENCE)

    # HTTP

    def call(self, method, url, headers=None, body=None, timeout=60 * PATIENCE):
        """One request on a connection of its own; nothing is retried or followed."""
        if url.startswith("/"):
            url = self.url + url
        parts = urllib.parse.urlsplit(url)
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=ssl.create_default_context(cafile=self.ca_file))
        else:
            connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
        with contextlib.closing(connection):
            target = parts.path + ("?" + parts.query if parts.query else "")
            connection.request(method, target, body=body, headers=headers or {})
            response = connection.getresponse()
            try:
                data = response.read()
                whole = True
            except http.client.IncompleteRead as problem:
                data = problem.partial
                whole = False
            except ConnectionError:
                data = b""
                whole = False
            return Answer(response.status, response.headers, data, whole)

    def control(self, method, path, value=None):
        answer = self.call(method, "/control" + path, body=None if value is None else json.dumps(value).encode())
        if answer.status != 200:
            raise ValueError(answer.text())
        return json.loads(answer.text())

    def fault(self, match, action):
        return self.control("POST", "/faults", {"match": match, "action": action})[0]["id"]

    def settings(self, **values):
        return self.control("POST", "/settings", values)

    def log(self, **wanted):
        return self.control("GET", "/log?" + urllib.parse.urlencode(wanted))

    def reset(self):
        self.token = None
        self.control("POST", "/reset")

    def move(self):
        """Get another URL, which no emulator of this program had before: what sessions share is known by it, and the system gives ports again."""
        while True:
            self.url = self.control("POST", "/listen")["url"]
            if self.url not in self.left:
                break
        self.left.add(self.url)

    # Amazon

    def fetch_token(self, **changes):
        client = changes.pop("client", DEFAULT_CLIENT)
        known = CLIENTS.get(client, {"secret": "?", "refresh_token": "?"})
        fields = {"grant_type": "refresh_token", "client_id": client, "client_secret": known["secret"], "refresh_token": known["refresh_token"]}
        fields.update(changes)
        return self.call("POST", "/auth/o2/token", {"Content-Type": "application/x-www-form-urlencoded"},
                         urllib.parse.urlencode({name: value for name, value in fields.items() if value is not None}))

    def amazon_headers(self, entity=None, profile=None, **changes):
        if self.token is None:
            self.token = self.fetch_token().json()["access_token"]
        headers = {"Authorization": "Bearer " + self.token, "Amazon-Advertising-API-ClientId": DEFAULT_CLIENT}
        if profile is not None:
            headers["Amazon-Advertising-API-Scope"] = str(profile)
        if entity is not None:
            headers["Accept"] = headers["Content-Type"] = BY_ENTITY[entity][1]
        for name, value in changes.items():
            name = {"client": "Amazon-Advertising-API-ClientId", "scope": "Amazon-Advertising-API-Scope", "accept": "Accept",
                    "content_type": "Content-Type", "authorization": "Authorization"}[name]
            if value is None:
                headers.pop(name, None)
            else:
                headers[name] = value
        return headers

    def request_export(self, entity, profile=1111, filters=None, **changes):
        body = filters if isinstance(filters, (bytes, str)) else json.dumps(filters or {})
        return self.call("POST", "/%s/export" % SEGMENT[entity], self.amazon_headers(entity, profile, **changes), body)

    def status(self, entity, export, profile=1111, **changes):
        return self.call("GET", "/exports/" + urllib.parse.quote(export, safe=""), self.amazon_headers(entity, profile, **changes))

    def completed(self, entity, profile=1111, filters=None):
        """Request an export and poll until it is finished; the last status object."""
        export = self.request_export(entity, profile, filters).json()["exportId"]
        while True:
            status = self.status(entity, export, profile).json()
            if status["status"] in ("COMPLETED", "FAILED"):
                return status
            time.sleep(0.01)

    def download(self, url, **headers):
        return self.call("GET", url, {name.replace("_", "-"): value for name, value in headers.items()})

    def exported(self, entity, profile=1111, filters=None):
        """The records of a finished export."""
        return exact_json.loads(gzip.decompress(self.download(self.completed(entity, profile, filters)["url"]).body).decode("utf-8"))

    # Amplitude

    def events(self, start, end, key=API_KEY, secret=SECRET_KEY, **headers):
        headers["Authorization"] = "Basic " + base64.b64encode(("%s:%s" % (key, secret)).encode()).decode()
        return self.call("GET", "/api/2/export?start=%s&end=%s" % (start, end), headers)
