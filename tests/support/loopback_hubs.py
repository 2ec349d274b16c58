"""Google Drive and Kaggle for their real clients, which run in a process of their own whose
https goes through a proxy that is itself every host behind it."""

import contextlib
import datetime
import json
import os
import ssl
import subprocess
import sys
import threading
from types import SimpleNamespace

from support.loopback import Handler, served


def certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "everybody")])
    hosts = ["drive.google.com", "drive.usercontent.google.com", "api.kaggle.com", "storage.test"]
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


class Proxy(Handler):
    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self):
        self.server.requests.append(dict(self.headers))
        self.server.route(self)

    def do_POST(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()


@contextlib.contextmanager
def every_host(folder):
    """The proxy, with its certificate in `folder`; `route` answers each request."""
    with served(Proxy) as server:
        server.folder, server.context = folder, certificate(folder)
        yield server


CLIENT = """
import json, os, sys
from pathlib import Path
from clearbg.data.fetching import download, hubs
from clearbg.data.fetching.fetch import fetch
from clearbg.errors import FetchError
download.FIRST_WAIT = 0.001
hubs.RETRIES = 1
for line in sys.stdin:
    source, folder, sha256, patience, variables = json.loads(line)
    download.TIMEOUT = hubs.TIMEOUT = (60, patience)
    os.environ.pop("KAGGLE_API_TOKEN", None)
    os.environ.update(variables)
    try:
        answer = {"path": str(fetch(source, Path(folder), sha256=sha256))}
    except FetchError as error:
        answer = {"refusal": str(error)}
    print(json.dumps(answer), flush=True)
"""


@contextlib.contextmanager
def client_behind(hub):
    """Fetches in another process, one wish after the other: `fetch(source, folder, sha256)`.

    It waits for an answer of `silent` only shortly where `answer` is that.
    """
    (hub.folder / "home").mkdir()
    with (hub.folder / "log").open("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(sys.path),
                "HOME": str(hub.folder / "home"),
                "HTTPS_PROXY": hub.url,
                "REQUESTS_CA_BUNDLE": str(hub.folder / "cert.pem"),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

        def fetch(source, folder, sha256=None, answer=None, **variables):
            patience = 0.3 if answer is silent else 60
            wish = [source, str(folder), sha256, patience, variables]
            process.stdin.write(json.dumps(wish) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            log.seek(0)
            said = log.read().decode()
            assert line, said
            return SimpleNamespace(**json.loads(line), everything=line + said)

        yield fetch
        process.stdin.close()
        process.wait()


def silent(handler):
    threading.Event().wait(60)
