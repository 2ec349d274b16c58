"""Data sets and competitions through Kaggle's real client."""

import json

import pytest
from support.loopback import DATA, OTHER, SHA, cut_after, page, status, whole
from support.loopback_hubs import silent

from clearbg.data.fetching.download import BLOCK


def kaggle(answer, store=whole):
    """Kaggle that knows one token; `answer` is how it answers a wish for files."""

    def route(handler):
        if handler.path.endswith("IntrospectToken"):
            known = b'{"active": true, "username": "someone"}'
            status(200, known, Content_Type="application/json")(handler)
        elif handler.headers["Host"] == "storage.test":
            store(handler)
        else:
            handler.server.wish = handler.body
            answer(handler)

    return route


STORED = status(302, Location="https://storage.test/files/archive.zip?secret=signature")
TOKEN = {"KAGGLE_API_TOKEN": "KGAT_secret"}


@pytest.mark.parametrize(
    ("source", "name", "version"),
    [
        ("kaggle:owner/set", "set.zip", None),
        ("kaggle:owner/set/3", "set.zip", 3),
        ("kaggle-competition:cars", "cars.zip", None),
    ],
)
def test_kaggle_files_arrive_in_the_version_wished(tmp_path, hub, client, source, name, version):
    hub.route = kaggle(STORED)
    assert client(source, tmp_path, **TOKEN).path == str(tmp_path / name)
    assert (tmp_path / name).read_bytes() == DATA
    assert json.loads(hub.wish).get("datasetVersionNumber") == version


def test_another_version_of_a_kaggle_set_is_fetched(tmp_path, hub, client):
    hub.route = kaggle(STORED)
    client("kaggle:owner/set/3", tmp_path, **TOKEN)
    hub.body = OTHER
    try:
        client("kaggle:owner/set/4", tmp_path, **TOKEN)
    finally:
        hub.body = DATA
    assert (tmp_path / "set.zip").read_bytes() == OTHER


def test_broken_kaggle_download_is_resumed_by_the_next_run(tmp_path, hub, client):
    def store(handler):
        turn.append(handler.path)
        # The first answer to each run is the one that the client itself opens and leaves.
        {1: whole, 2: cut_after(1_000_000), 3: status(404)}.get(len(turn), whole)(handler)

    turn = []
    hub.route = kaggle(STORED, store)
    assert "404" in client("kaggle:owner/set", tmp_path, **TOKEN).refusal
    again = status(302, Location="https://storage.test/files/archive.zip?secret=another")
    hub.route = kaggle(again, store)
    hub.requests.clear()
    assert client("kaggle:owner/set", tmp_path, SHA, **TOKEN).path
    begin = int(hub.ranges[-1][len("bytes=") : -1])
    assert 1_000_000 - BLOCK <= begin <= 1_000_000


def test_kaggle_without_credentials_is_explained(tmp_path, hub, client):
    hub.route = kaggle(STORED)
    refusal = client("kaggle:owner/set", tmp_path).refusal
    assert refusal.startswith("kaggle:owner/set needs a Kaggle account")


JSON = {"Content_Type": "application/json"}


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (status(401, b"{}", **JSON), "token"),
        (status(403, b"{}", **JSON), "open https://www.kaggle.com/datasets/owner/set, accept"),
        (status(404, b"{}", **JSON), "does not exist"),
        (status(429, b"{}", **JSON), "too often (429): run again later"),
        (status(429, b"{}", Retry_After="90", **JSON), "run again in 90 seconds"),
        (silent, "gives no answer in time"),
    ],
    ids=["401", "403", "404", "429", "429 with a time", "timeout"],
)
def test_kaggle_refusal_is_explained_without_the_token(tmp_path, hub, client, answer, advice):
    hub.route = kaggle(answer)
    done = client("kaggle:owner/set", tmp_path, answer=answer, **TOKEN)
    assert advice in done.refusal
    assert "secret" not in done.everything


@pytest.mark.parametrize(
    ("store", "advice"),
    [
        (lambda handler: handler.begin(200, 1 << 60, {}), "B more, and the disk has"),
        (status(200, b"a,b\n1,2\n"), "not the zip that the name set.zip says"),
        (status(200, page("Sign in")), "a web page"),
        (status(429, Retry_After="4000"), "run again in 4000 seconds"),
    ],
    ids=["disk", "type", "page", "429"],
)
def test_bad_bytes_of_kaggle_are_refused_without_the_signature(
    tmp_path, hub, client, store, advice
):
    hub.route = kaggle(STORED, store)
    done = client("kaggle:owner/set", tmp_path, **TOKEN)
    assert advice in done.refusal
    assert "secret" not in done.everything


def test_kaggle_file_with_another_sum_is_refused(tmp_path, hub, client):
    hub.route = kaggle(STORED)
    assert "sha256" in client("kaggle:owner/set", tmp_path, "0" * 64, **TOKEN).refusal
