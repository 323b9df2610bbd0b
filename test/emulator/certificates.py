"""A throw-away certificate authority and a server certificate for this machine, made with openssl."""

import os
import shutil
import ssl
import subprocess
import tempfile

EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, DNS:emulator.test, IP:127.0.0.1, IP:::1, IP:%s
"""

CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
x509_extensions = authority
[name]
CN = adsexport emulator CA
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


class Certificates:
    def __init__(self, directory=None, address="127.0.0.1"):
        self.address = address
        self.temporary = directory is None
        self.directory = os.path.abspath(directory) if directory else tempfile.mkdtemp(prefix="adsexport-emulator-tls-")
        # PostgreSQL's own user has to read the CA, whoever started the emulator.
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.directory, 0o755)
        self.ca_file = os.path.join(self.directory, "ca.pem")
        self.certificate_file = os.path.join(self.directory, "server.pem")
        self.key_file = os.path.join(self.directory, "server.key")
        if not all(map(os.path.exists, (self.ca_file, self.certificate_file, self.key_file))):
            self.make()

    def openssl(self, *arguments):
        result = subprocess.run(("openssl",) + arguments, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode != 0:
            raise RuntimeError("openssl %s failed: %s" % (arguments[0], result.stdout.decode("utf-8", "replace")))

    def make(self):
        with open(os.path.join(self.directory, "ca.conf"), "w") as file:
            file.write(CONFIGURATION)
        with open(os.path.join(self.directory, "server.ext"), "w") as file:
            file.write(EXTENSIONS % self.address)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self.openssl("req", "-x509", *curve, "-config", "ca.conf", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650")
        self.openssl("req", "-new", *curve, "-config", "ca.conf", "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                     "-extfile", "server.ext", "-out", "server.pem", "-days", "3650")
        os.chmod(self.ca_file, 0o644)

    def server_context(self, at_most="1.3"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if at_most == "1.1":
            # Which libraries of today do not want to hear of.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + at_most.replace(".", "_"))
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def remove(self):
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
