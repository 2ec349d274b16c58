import datetime
import errno
import hashlib
import http.server
import os
import re
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from clearbg.data import download
from clearbg.data.download import BLOCK
from clearbg.data.fetch import fetch
from clearbg.errors import FetchError

DATA = np.random.default_rng(0).bytes(3 << 20)
OTHER = np.random.default_rng(1).bytes(3 << 20)
SHA = hashlib.sha256(DATA).hexdigest()


class Site(http.server.ThreadingHTTPServer):
    """Serves `body` at every path; `answers` are used up first, one for each request."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.body, self.headers, self.answers, self.requests = DATA, {"ETag": '"1"'}, [], []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""

    @property
    def ranges(self):
        return [headers.get("Range") for headers in self.requests]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.server.requests.append(dict(self.headers))
        answer = self.server.answers.pop(0) if self.server.answers else whole
        answer(self)

    def begin(self, status, length, headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()


def whole(handler, cut=None, length=True):
    """The body or the asked range of it; `cut` ends the connection after that many bytes."""
    site = handler.server
    body, status, headers, begin = site.body, 200, dict(site.headers), 0
    asked = re.match(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked and handler.headers.get("If-Range") in (
        headers.get("ETag"),
        headers.get("Last-Modified"),
    ):
        begin = int(asked[1])
        if begin >= len(body):
            handler.begin(416, 0, {"Content-Range": f"bytes */{len(body)}"})
            return
        status = 206
        headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
    handler.begin(status, len(body) - begin if length else None, headers)
    handler.wfile.write(body[begin:][:cut])


def cut_after(count):
    return lambda handler: whole(handler, cut=count)


def status(code, body=b"", **headers):
    def answer(handler):
        handler.begin(code, len(body), {k.replace("_", "-"): v for k, v in headers.items()})
        handler.wfile.write(body)

    return answer


def page(title):
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head></html>".encode()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(download, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(download, "TIMEOUT", (1, 0.3))
    server = Site(Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def refusal(*args, **options):
    with pytest.raises(FetchError) as caught:
        fetch(*args, **options)
    return str(caught.value)


# From the disk


def test_path_is_returned_in_place(tmp_path):
    (tmp_path / "a.zip").write_bytes(DATA)
    assert fetch(str(tmp_path / "a.zip"), tmp_path / "out", sha256=SHA) == tmp_path / "a.zip"
    assert not (tmp_path / "out").exists()


def test_file_url_is_returned_as_path(tmp_path):
    path = tmp_path / "with space.zip"
    path.write_bytes(DATA)
    assert fetch(path.as_uri(), tmp_path / "out") == path


def test_folder_is_returned_in_place(tmp_path):
    assert fetch(str(tmp_path), tmp_path / "out") == tmp_path


def test_missing_path_is_a_sentence(tmp_path):
    assert "none.zip does not exist" in refusal(str(tmp_path / "none.zip"), tmp_path)


def test_wrong_file_on_disk_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(OTHER)
    assert SHA in refusal(str(tmp_path / "a.zip"), tmp_path, sha256=SHA)


def test_web_page_saved_as_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(page("Google Drive - Quota exceeded"))
    assert "quota of downloads is used up" in refusal(str(tmp_path / "a.zip"), tmp_path)


@pytest.mark.parametrize("source", ["http:/a.zip", "gdrive:../../x", "kaggle:one", "http://[x"])
def test_malformed_source_is_a_sentence(tmp_path, source):
    assert "not well formed" in refusal(source, tmp_path)


def test_no_source_is_a_sentence(tmp_path):
    assert "No source" in refusal([], tmp_path)


# Over http


def test_download_has_the_name_of_the_url(tmp_path, site):
    path = fetch(f"{site.url}/data/My%20set.zip?key=1", tmp_path, sha256=SHA.upper())
    assert path == tmp_path / "My set.zip"
    assert path.read_bytes() == DATA


def test_only_the_file_and_its_record_stay(tmp_path, site):
    fetch(f"{site.url}/a.zip", tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "a.zip.fetched.json"]


@pytest.mark.parametrize("sha256", [SHA, None])
def test_finished_download_is_not_requested_again(tmp_path, site, sha256):
    for _ in range(2):
        fetch(f"{site.url}/a.zip", tmp_path, sha256=sha256)
    assert len(site.requests) == 1


def test_file_with_the_right_sum_needs_no_record(tmp_path, site):
    (tmp_path / "a.zip").write_bytes(DATA)
    fetch(f"{site.url}/a.zip", tmp_path, sha256=SHA)
    assert not site.requests


def test_file_damaged_after_its_download_is_fetched_again(tmp_path, site):
    path = fetch(f"{site.url}/a.zip", tmp_path)
    path.write_bytes(OTHER)
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


def test_same_name_from_another_address_is_another_file(tmp_path, site):
    fetch(f"{site.url}/one/a.zip", tmp_path)
    site.body = OTHER
    assert fetch(f"{site.url}/two/a.zip", tmp_path).read_bytes() == OTHER


def test_broken_connection_is_resumed_where_it_broke(tmp_path, site):
    site.answers = [cut_after(1_000_000)]
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA
    first, second = site.ranges
    assert first is None
    assert 1_000_000 - BLOCK <= int(second[len("bytes=") : -1]) <= 1_000_000


def test_next_run_resumes_what_an_earlier_one_left(tmp_path, site):
    site.answers = [cut_after(1_000_000), status(404)]
    refusal(f"{site.url}/a.zip", tmp_path)
    assert fetch(f"{site.url}/a.zip", tmp_path, sha256=SHA).read_bytes() == DATA
    assert site.ranges[2] is not None


def test_file_that_changed_between_two_parts_starts_over(tmp_path, site):
    def cut_then_change(handler):
        whole(handler, cut=1_000_000)
        handler.server.body, handler.server.headers = OTHER, {"ETag": '"2"'}

    site.answers = [cut_then_change]
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == OTHER


def test_part_of_another_address_is_not_continued(tmp_path, site):
    site.answers = [cut_after(1_000_000), status(404)]
    refusal(f"{site.url}/one/a.zip", tmp_path)
    site.body = OTHER
    assert fetch(f"{site.url}/two/a.zip", tmp_path).read_bytes() == OTHER


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}])
def test_file_without_a_version_starts_over(tmp_path, site, headers):
    site.headers, site.answers = headers, [cut_after(1_000_000)]
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA
    assert site.ranges == [None, None]


def test_last_modified_is_a_version_too(tmp_path, site):
    site.headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    site.answers = [cut_after(1_000_000)]
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA
    assert site.ranges[1] is not None


def test_part_that_was_already_whole_is_taken(tmp_path, site):
    site.answers = [cut_after(1_000_000), status(404)]
    refusal(f"{site.url}/a.zip", tmp_path)
    (tmp_path / "a.zip.part" / "content").write_bytes(DATA)
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


def test_part_longer_than_the_file_starts_over(tmp_path, site):
    site.answers = [cut_after(1_000_000), status(404)]
    refusal(f"{site.url}/a.zip", tmp_path)
    (tmp_path / "a.zip.part" / "content").write_bytes(DATA + b"x")
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


def test_wrong_range_in_the_answer_starts_over(tmp_path, site):
    wrong = status(206, b"x" * 10, Content_Range="bytes 5-14/100")
    site.answers = [cut_after(1_000_000), wrong]
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


def test_body_of_unknown_length_arrives(tmp_path, site):
    site.answers = [lambda handler: whole(handler, length=False)]
    assert fetch(f"{site.url}/a.zip", tmp_path, sha256=SHA).read_bytes() == DATA


def test_cut_body_of_unknown_length_is_found_by_its_sum(tmp_path, site):
    site.answers = [lambda handler: whole(handler, length=False, cut=1_000_000)]
    assert SHA in refusal(f"{site.url}/a.zip", tmp_path, sha256=SHA)


def test_wrong_sum_leaves_nothing(tmp_path, site):
    site.body = OTHER
    assert SHA in refusal(f"{site.url}/a.zip", tmp_path, sha256=SHA)
    assert not os.listdir(tmp_path)


def test_empty_body_is_refused(tmp_path, site):
    site.body = b""
    assert "empty file" in refusal(f"{site.url}/a.zip", tmp_path)


@pytest.mark.parametrize(
    ("title", "meaning"),
    [
        ("Google Drive - Quota exceeded", "quota"),
        ("Google Drive: Sign-in", "login"),
        ("Just a robot check", "robot"),
        ("404 Not Found", "not there"),
        ("Welcome &amp; hello", '"Welcome & hello"'),
    ],
)
def test_web_page_in_place_of_an_archive_is_named(tmp_path, site, title, meaning):
    site.body = page(title)
    message = refusal(f"{site.url}/a.zip", tmp_path)
    assert "a web page" in message
    assert meaning in message
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("code", "advice"), [(401, "login"), (403, "terms"), (404, "no such file"), (418, "418")]
)
def test_refusal_of_the_server_is_not_repeated(tmp_path, site, code, advice):
    site.answers = [status(code)]
    assert advice in refusal(f"{site.url}/a.zip", tmp_path)
    assert len(site.requests) == 1
    assert not os.listdir(tmp_path)


def test_passing_fault_is_tried_again(tmp_path, site):
    site.answers = [status(503), status(500), status(429, Retry_After="0")]
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("as_date", [False, True])
def test_wait_that_the_server_asks_for_is_kept(tmp_path, site, monkeypatch, as_date):
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=7)
    wish = later.strftime("%a, %d %b %Y %H:%M:%S GMT") if as_date else "7"
    waits = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    site.answers = [status(429, Retry_After=wish)]
    fetch(f"{site.url}/a.zip", tmp_path)
    assert [5 < wait <= 7 for wait in waits] == [True]


def test_wait_that_is_too_long_is_reported(tmp_path, site):
    site.answers = [status(429, Retry_After="86400")]
    assert "for the next 86400 seconds" in refusal(f"{site.url}/a.zip", tmp_path)


def test_faults_without_end_are_reported(tmp_path, site):
    site.answers = [status(502)] * 50
    assert "answers 502" in refusal(f"{site.url}/a.zip", tmp_path)
    assert len(site.requests) == download.FAILURES


def test_connection_that_breaks_often_but_advances_is_followed(tmp_path, site):
    site.answers = [cut_after(1_200_000)] * 2 + [status(503)] * 3
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


def test_silent_server_is_a_timeout(tmp_path, site):
    silence = threading.Event()
    site.answers = [lambda handler: silence.wait(3)] * 9
    assert "no answer in time" in refusal(f"{site.url}/a.zip", tmp_path)
    silence.set()


def test_unreachable_server_is_a_sentence(tmp_path, site):
    assert "cannot be reached" in refusal("http://127.0.0.1:9/a.zip", tmp_path)


def test_file_larger_than_the_free_space_is_refused_at_once(tmp_path, site):
    site.answers = [lambda handler: handler.begin(200, 1 << 60, {})]
    assert re.search(r"needs \d+\.\d GB more", refusal(f"{site.url}/a.zip", tmp_path))


def test_full_disk_is_a_sentence(tmp_path, site, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    assert "the disk is full" in refusal(f"{site.url}/a.zip", tmp_path)


def test_mirrors_are_tried_in_order(tmp_path, site):
    site.answers = [status(404)]
    path = fetch([f"{site.url}/one.zip", f"{site.url}/two.zip"], tmp_path, sha256=SHA)
    assert path.name == "two.zip"


def test_when_all_mirrors_fail_each_is_reported(tmp_path, site):
    site.answers = [status(404), status(403)]
    message = refusal([f"{site.url}/one.zip", f"{site.url}/two.zip"], tmp_path)
    assert "one.zip answers 404" in message
    assert "two.zip answers 403" in message


def test_password_and_query_are_never_shown_or_stored(tmp_path, site):
    url = site.url.replace("//", "//user:secret1@") + "/a.zip?token=secret2"
    site.answers = [status(404)]
    assert "secret" not in refusal(url, tmp_path)
    fetch(url, tmp_path)
    assert "secret" not in (tmp_path / "a.zip.fetched.json").read_text()


# Through the clients of Google Drive and Kaggle. They are the real ones, in a process of
# their own whose https goes through a proxy that is itself every host behind it.


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
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    server = Site(Proxy)
    server.folder = tmp_path_factory.mktemp("tls")
    server.context = certificate(server.folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetched_through(hub, source, folder, **environment):
    """What fetch returns or refuses, as the process says it; and its whole output."""
    code = (
        "import sys, json; from pathlib import Path; from clearbg.data.fetch import fetch\n"
        "from clearbg.errors import FetchError\n"
        "try: print('PATH', fetch(sys.argv[1], Path(sys.argv[2])))\n"
        "except FetchError as error: print('ERROR', error)"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(folder / "home"),
        "HTTPS_PROXY": hub.url,
        "REQUESTS_CA_BUNDLE": str(hub.folder / "cert.pem"),
    } | environment
    (folder / "home").mkdir()
    return subprocess.run(
        [sys.executable, "-c", code, source, str(folder / "out")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def drive(answer):
    """Google Drive whose first answer is a page or the file; the confirmed one is the file."""

    def route(handler):
        if handler.headers["Host"] == "drive.usercontent.google.com" or answer == "file":
            whole_named = dict(handler.server.headers)
            handler.server.headers = {
                "ETag": '"1"',
                "Content-Disposition": 'attachment; filename="set.zip"',
                "Content-Type": "application/octet-stream",
            }
            whole(handler)
            handler.server.headers = whole_named
        else:
            status(200, answer, Content_Type="text/html; charset=utf-8")(handler)

    return route


SCAN_PAGE = (
    b'<html><form id="download-form" action="https://drive.usercontent.google.com/download">'
    b'<input type="hidden" name="id" value="abc"><input type="hidden" name="confirm" value="t">'
    b"</form></html>"
)
QUOTA_PAGE = (
    b'<html><p class="uc-error-subcaption">Too many users have viewed or downloaded this file '
    b"recently. Please try accessing the file again later.</p></html>"
)


@pytest.mark.parametrize("answer", ["file", SCAN_PAGE], ids=["at once", "behind a scan page"])
def test_drive_file_arrives(tmp_path, hub, answer):
    hub.route = drive(answer)
    out = fetched_through(hub, "gdrive:abc", tmp_path).stdout
    assert out == f"PATH {tmp_path / 'out/abc'}\n"
    assert (tmp_path / "out/abc").read_bytes() == DATA


@pytest.mark.parametrize(
    ("answer", "advice"),
    [(QUOTA_PAGE, "quota"), (page("Google Drive: Sign-in"), "is not public")],
    ids=["quota", "sign-in"],
)
def test_drive_page_in_place_of_the_file_is_explained(tmp_path, hub, answer, advice):
    hub.route = drive(answer)
    assert advice in fetched_through(hub, "gdrive:abc", tmp_path).stdout


def kaggle(answer):
    """Kaggle that knows one token; `answer` is how it answers a wish for files."""

    def route(handler):
        if handler.path.endswith("IntrospectToken"):
            known = b'{"active": true, "username": "someone"}'
            status(200, known, Content_Type="application/json")(handler)
        elif handler.headers["Host"] == "storage.test":
            whole(handler)
        else:
            answer(handler)

    return route


STORED = status(302, Location="https://storage.test/files/archive.zip?secret=signature")
TOKEN = {"KAGGLE_API_TOKEN": "KGAT_secret"}


@pytest.mark.parametrize(
    ("source", "name"), [("kaggle:owner/set", "set.zip"), ("kaggle-competition:cars", "cars.zip")]
)
def test_kaggle_files_arrive(tmp_path, hub, source, name):
    hub.route = kaggle(STORED)
    out = fetched_through(hub, source, tmp_path, **TOKEN).stdout
    assert out == f"PATH {tmp_path / 'out' / name}\n"
    assert (tmp_path / "out" / name).read_bytes() == DATA


def test_kaggle_without_credentials_is_explained(tmp_path, hub):
    hub.route = kaggle(STORED)
    out = fetched_through(hub, "kaggle:owner/set", tmp_path).stdout
    assert out.startswith("ERROR kaggle:owner/set needs a Kaggle account")


@pytest.mark.parametrize(
    ("code", "advice"),
    [(401, "token"), (403, "terms"), (404, "does not exist"), (429, "too often")],
)
def test_kaggle_refusal_is_explained_without_the_token(tmp_path, hub, code, advice):
    hub.route = kaggle(status(code, b"{}", Content_Type="application/json"))
    done = fetched_through(hub, "kaggle:owner/set", tmp_path, **TOKEN)
    assert advice in done.stdout
    assert "secret" not in done.stdout + done.stderr
