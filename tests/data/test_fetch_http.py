"""Files over HTTP, from a server that misbehaves."""

import base64
import datetime
import errno
import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest
from support.loopback import (
    DATA,
    OTHER,
    SHA,
    cut_after,
    impatient_client,
    page,
    refusal,
    served,
    status,
    whole,
)

from clearbg.data.fetching import download
from clearbg.data.fetching.download import BLOCK, fingerprint
from clearbg.data.fetching.fetch import fetch


@pytest.fixture
def site():
    with impatient_client(), served() as server:
        yield server


def part_of(source, folder):
    """What has arrived of an unfinished download."""
    return folder / "a.zip.part" / fingerprint(source)[:8] / "content"


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
    part_of(f"{site.url}/a.zip", tmp_path).write_bytes(DATA)
    assert fetch(f"{site.url}/a.zip", tmp_path).read_bytes() == DATA


def test_part_longer_than_the_file_starts_over(tmp_path, site):
    site.answers = [cut_after(1_000_000), status(404)]
    refusal(f"{site.url}/a.zip", tmp_path)
    part_of(f"{site.url}/a.zip", tmp_path).write_bytes(DATA + b"x")
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
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=110)
    wish = later.strftime("%a, %d %b %Y %H:%M:%S GMT") if as_date else "110"
    waits, here, sleep = [], threading.get_ident(), time.sleep

    def wait(seconds: float) -> None:
        (waits.append if threading.get_ident() == here else sleep)(seconds)

    monkeypatch.setattr(download.time, "sleep", wait)
    site.answers = [status(429, Retry_After=wish)]
    fetch(f"{site.url}/a.zip", tmp_path)
    assert [60 < wait <= 110 for wait in waits] == [True]


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


def test_silent_server_is_a_timeout(tmp_path, site, monkeypatch):
    monkeypatch.setattr(download, "FAILURES", 2)
    monkeypatch.setattr(download, "TIMEOUT", (60, 0.3))
    silence = threading.Event()
    site.answers = [lambda handler: silence.wait(60)] * 9
    assert "no answer in time" in refusal(f"{site.url}/a.zip", tmp_path)
    silence.set()


def test_unreachable_server_is_a_sentence(tmp_path, site):
    assert "cannot be reached" in refusal("http://127.0.0.1:9/a.zip", tmp_path)


def test_file_larger_than_the_free_space_is_refused_at_once(tmp_path, site):
    site.answers = [lambda handler: handler.begin(200, 1 << 60, {"ETag": '"1"'})]
    assert re.search(r"needs \d+\.\d+EB more", refusal(f"{site.url}/a.zip", tmp_path))
    assert not os.listdir(tmp_path)


def test_full_disk_is_a_sentence(tmp_path, site, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    assert "the disk is full" in refusal(f"{site.url}/a.zip", tmp_path)


def test_password_and_query_are_never_shown_or_stored(tmp_path, site):
    url = site.url.replace("//", "//user:secret1@") + "/a.zip?token=secret2"
    site.answers = [status(404)]
    assert "secret" not in refusal(url, tmp_path)
    fetch(url, tmp_path)
    assert "secret" not in (tmp_path / "a.zip.fetched.json").read_text()


def test_progress_tells_speed_and_remaining_time_but_no_query(tmp_path, site, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # a log file is spared the bar
    fetch(f"{site.url}/a.zip?token=secret", tmp_path)
    told = capsys.readouterr().err
    assert "a.zip" in told and "B/s" in told and re.search(r"\d\d:\d\d<", told)
    assert "secret" not in told


def test_login_comes_from_netrc(tmp_path, site, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch(f"{site.url}/a.zip", tmp_path)
    scheme, _, login = site.requests[0]["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(login)) == ("Basic", b"me:secret")
