"""An nginx before the emulator, which speaks HTTP/2 where it is asked to."""

import collections
import contextlib
import http.client
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import support

CONFIGURATION = """\
daemon off;
master_process off;
pid %(folder)s/pid;
error_log %(folder)s/error.log;
events { worker_connections 512; }
http {
    log_format calls '$connection $server_protocol $body_bytes_sent $uri';
    access_log %(folder)s/access.log calls;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    server {
        listen 127.0.0.1:%(port)d ssl%(http2)s;
        ssl_certificate %(folder)s/server.pem;
        ssl_certificate_key %(folder)s/server.key;
        keepalive_requests %(requests)d;
        location / {
            proxy_pass %(behind)s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_read_timeout 30s;
        }
    }
}
"""

Call = collections.namedtuple("Call", "connection protocol bytes path")


class Nginx:
    """Before a server that speaks TLS; http2 False: it offers HTTP/1.1 alone. A connection ends after so many requests."""

    def __init__(self, test, certificates, behind, http2=True, requests=1000):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if not program:
            raise unittest.SkipTest("nginx is not installed")
        self.test = test
        self.numbers = itertools.count()
        self.folder = tempfile.mkdtemp(prefix="adsexport-nginx-", dir="/tmp")
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name in ("server.pem", "server.key"):
            shutil.copy(os.path.join(certificates, name), self.folder)
        self.port = port = support.free_port()
        self.url = "https://127.0.0.1:%d" % port
        configuration = os.path.join(self.folder, "nginx.conf")
        with open(configuration, "w") as file:
            file.write(CONFIGURATION % {"folder": self.folder, "port": port, "http2": " http2" if http2 else "", "requests": requests,
                                        "behind": behind})
        command = [program, "-p", self.folder, "-c", configuration]
        # Where the first errors go, before it has read where the others do; from 1.20 on.
        if " -e filename" in subprocess.run([program, "-h"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True).stdout:
            command += ["-e", os.path.join(self.folder, "error.log")]
        self.process = subprocess.Popen(command)
        test.addCleanup(self.stop)
        deadline = time.monotonic() + 30 * support.PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(os.path.join(self.folder, "error.log")) as file:
                        raise RuntimeError("nginx did not start: " + file.read()) from None
                time.sleep(0.02)

    def stop(self):
        self.signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(30 * support.PATIENCE)

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def calls(self):
        """What was answered so far."""
        # It has one process, which has written of all before it when it has written of this.
        number = "/control/state/%d" % next(self.numbers)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60 * support.PATIENCE, context=ssl._create_unverified_context())
        with contextlib.closing(connection):
            connection.request("GET", number)
            connection.getresponse().read()
        self.test.eventually(lambda: any(call.path == number for call in self.written()), "entry in the log of nginx")
        return [call for call in self.written() if not call.path.startswith("/control/")]

    def written(self):
        with open(os.path.join(self.folder, "access.log")) as file:
            found = [line.rstrip("\n").split(" ", 3) for line in file if line.endswith("\n")]
        return [Call(connection, protocol, int(length), path) for connection, protocol, length, path in found]
