"""Files from stores: fsspec's own in memory, and S3 by its real client from a small server."""

import email.utils
import hashlib
import re

import fsspec
import pytest
from support.loopback import DATA, OTHER, SHA, Handler, impatient_client, refusal, served

from clearbg.data.fetching import storage
from clearbg.data.fetching.fetch import fetch

ADDRESS = "memory://bucket/set.zip"


@pytest.fixture
def store(monkeypatch):
    """The store in memory with one file, which comes in blocks of 1 MiB."""
    monkeypatch.setattr(storage, "BLOCK", 1 << 20)
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/set.zip", DATA)
    with impatient_client():
        yield memory
    memory.store.clear()


class Failing:
    """Answers of `cat_file` that raise, in order, before the true ones."""

    def __init__(self, store, monkeypatch, *errors):
        self.errors, self.starts, self.true = list(errors), [], store.cat_file
        monkeypatch.setattr(type(store), "cat_file", self)

    def __call__(self, path, start=None, end=None):
        self.starts.append(start)
        if self.errors and (error := self.errors.pop(0)):
            raise error
        return self.true(path, start=start, end=end)


def test_file_of_a_store_arrives_and_is_not_asked_for_again(tmp_path, store):
    assert fetch(ADDRESS, tmp_path, sha256=SHA) == tmp_path / "set.zip"
    store.rm("/bucket/set.zip")
    store.touch("/bucket/other")
    assert fetch(ADDRESS, tmp_path).read_bytes() == DATA


def test_passing_fault_of_a_store_is_tried_again(tmp_path, store, monkeypatch):
    asked = Failing(store, monkeypatch, None, OSError("reset"), TimeoutError())
    assert fetch(ADDRESS, tmp_path).read_bytes() == DATA
    assert asked.starts == [0, *[1 << 20] * 3, 2 << 20]


def test_next_run_resumes_from_a_store(tmp_path, store, monkeypatch):
    asked = Failing(store, monkeypatch, None, PermissionError())
    refusal(ADDRESS, tmp_path)
    asked.starts.clear()
    assert fetch(ADDRESS, tmp_path).read_bytes() == DATA
    assert asked.starts == [1 << 20, 2 << 20]


def test_file_that_changed_in_the_store_starts_over(tmp_path, store, monkeypatch):
    asked = Failing(store, monkeypatch, None, PermissionError())
    refusal(ADDRESS, tmp_path)
    store.pipe("/bucket/set.zip", OTHER)
    asked.starts.clear()
    assert fetch(ADDRESS, tmp_path).read_bytes() == OTHER
    assert asked.starts[0] == 0


def test_file_that_changes_while_it_comes_is_refused(tmp_path, store, monkeypatch):
    whole = store.cat_file

    def changing(self, path, start=None, end=None):
        block = whole(path, start=start, end=end)
        self.pipe("/bucket/set.zip", OTHER)
        return block

    monkeypatch.setattr(type(store), "cat_file", changing)
    assert "changed while it was fetched" in refusal(ADDRESS, tmp_path)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (FileNotFoundError("x"), "is not there"),
        (PermissionError("x"), "credentials"),
        (TimeoutError("x"), "no answer in time"),
        (OSError("x"), "could not be read"),
    ],
)
def test_fault_of_a_store_has_its_sentence(tmp_path, store, monkeypatch, error, advice):
    Failing(store, monkeypatch, *[error] * 9)
    assert advice in refusal(ADDRESS, tmp_path)


def test_missing_file_of_a_store_is_a_sentence(tmp_path, store):
    assert "none.zip is not there" in refusal("memory://bucket/none.zip", tmp_path)


def test_folder_of_a_store_is_a_sentence(tmp_path, store):
    assert "is a folder" in refusal("memory://bucket", tmp_path)


def test_file_of_a_store_larger_than_the_free_space_is_refused(tmp_path, store, monkeypatch):
    facts = {"name": "set.zip", "type": "file", "size": 1 << 60}
    monkeypatch.setattr(type(store), "info", lambda *_: facts)
    assert "B more, and the disk has" in refusal(ADDRESS, tmp_path)


def test_unknown_protocol_is_a_sentence(tmp_path):
    assert "htps://, which nothing here reads" in refusal("htps://x.test/a.zip", tmp_path)


class Bucket(Handler):
    """One bucket as S3 serves it: facts by HEAD, bytes by range, errors as XML."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        site = self.server
        site.requests.append(dict(self.headers))
        if not self.path.startswith("/bucket/set.zip"):
            self.begin(404, 0, {})
            return
        site.left -= 1
        if site.left < 0:
            self.begin(403, 0, {})
            return
        span = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        begin, end = (int(span[1]), int(span[2]) + 1) if span else (0, len(site.body))
        data = site.body[begin:end]
        headers = {
            "ETag": f'"{hashlib.md5(site.body).hexdigest()}"',
            "Last-Modified": email.utils.formatdate(0, usegmt=True),
            "Content-Range": f"bytes {begin}-{begin + len(data) - 1}/{len(site.body)}",
            "Content-Type": "application/zip",
        }
        self.begin(206 if span else 200, len(data), headers)
        if body:
            self.wfile.write(data)


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    pytest.importorskip("s3fs")
    with impatient_client(), served(Bucket) as server:
        server.left = 99  # requests before the bucket closes
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield server
        fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_s3_object_arrives_and_goes_on_where_it_ended(tmp_path, bucket, monkeypatch):
    monkeypatch.setattr(storage, "BLOCK", 1 << 20)
    bucket.left = 2  # one for the facts, one for a block
    assert "credentials" in refusal("s3://bucket/set.zip", tmp_path)
    bucket.left = 99
    bucket.requests.clear()
    assert fetch("s3://bucket/set.zip", tmp_path, sha256=SHA).read_bytes() == DATA
    spans = ["bytes=1048576-2097151", "bytes=2097152-3145727"]
    assert [span for span in bucket.ranges if span] == spans


def test_s3_failures_have_their_sentences(tmp_path, bucket, monkeypatch, capsys):
    assert "none.zip is not there" in refusal("s3://bucket/none.zip", tmp_path)
    bucket.left = 0
    message = refusal("s3://bucket/set.zip", tmp_path)
    assert "credentials" in message
    assert "secret" not in message + capsys.readouterr().err


def test_s3_without_credentials_names_the_remedy(tmp_path, bucket, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert "FSSPEC_S3_ANON=true" in refusal("s3://bucket/set.zip", tmp_path)
