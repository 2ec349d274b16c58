"""The archives that params.yaml names: their mirrors, and those that came by hand."""

import hashlib
from pathlib import Path

import pytest
import yaml
from support.loopback import OTHER, cut_after, impatient_client, served, status
from support.project import ROOT
from support.tiny_sets import archive, jpg, png, settings
from typer.testing import CliRunner

from clearbg import config
from clearbg.cli.app import app
from clearbg.data import sources
from clearbg.data.sources.archives import archives_of, fetch_archives
from clearbg.errors import FetchError, SettingsError


def people(count: int = 3) -> dict[str, bytes]:
    images = {f"images/{index}.jpg": jpg(index) for index in range(count)}
    return images | {f"masks/{index}.png": png(index) for index in range(count)}


@pytest.fixture
def site(tmp_path):
    with impatient_client(), served() as server:
        server.body = Path(archive(tmp_path / "made/people.zip", people())).read_bytes()
        yield server


@pytest.fixture
def by_hand(tmp_path, site) -> Path:
    return tmp_path / "made/people.zip"


def test_second_mirror_of_a_recipe_is_read_when_the_first_fails(tmp_path, site):
    site.answers = [status(404)]
    data = settings("people", archive=[f"{site.url}/a.zip", f"{site.url}/b.zip"], sha256=None)
    assert len(sources.pairs(data, tmp_path / "downloads")) == 3
    assert len(sources.pairs(data, tmp_path / "downloads")) == 3
    assert len(site.requests) == 2


def test_mirrors_may_be_of_different_kinds(tmp_path, site, by_hand):
    data = settings("people", archive=["kaggle:owner/set", str(by_hand)], sha256=None)
    assert len(sources.pairs(data, tmp_path / "downloads")) == 3 and not site.requests


def test_each_of_several_archives_may_have_mirrors(tmp_path, site, by_hand):
    archives = [[f"{site.url}/gone.zip", str(by_hand)], str(by_hand)]
    data = settings("carvana", archives=archives, sha256=None)
    site.answers = [status(404)]
    paths = [path for _, path in fetch_archives(data, tmp_path / "downloads")]
    assert paths == [by_hand, by_hand]
    assert [one.key for one in archives_of(data)] == ["data.archives.0", "data.archives.1"]


def test_mirror_never_continues_the_bytes_of_another(tmp_path, site):
    good, site.body = site.body, OTHER
    both = [f"{site.url}/a.zip", f"{site.url}/b.zip"]

    def change(handler):
        site.body = good
        status(404)(handler)

    site.answers = [cut_after(1_000_000), change]
    data = settings("people", archive=both, sha256=None)
    assert len(sources.pairs(data, tmp_path / "downloads")) == 3


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (5, "an address, or a list of mirrors"),
        ("", "an address, or a list of mirrors"),
        ([], "an address, or a list of mirrors"),
        (["a.zip", 5], "an address, or a list of mirrors"),
        ("https://me:secret@x.test/a.zip", "holds a password"),
    ],
)
def test_wrong_address_is_a_sentence_about_its_key(address, why):
    with pytest.raises(SettingsError, match=why) as caught:
        settings("people", archive=address, sha256=None)
    assert "archive" in str(caught.value) or "address" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_query_of_an_address_names_no_folder(tmp_path, site):
    data = settings("people", archive=f"{site.url}/a.zip?token=secret", sha256=None)
    sources.pairs(data, tmp_path / "downloads")
    assert not [path for path in (tmp_path / "downloads").rglob("*") if "secret" in str(path)]


def test_only_archive_of_a_recipe_may_come_by_hand_under_any_name(tmp_path, site, by_hand):
    given = by_hand.rename(by_hand.with_name("archive (1).zip"))
    data = settings("people", archive="kaggle:owner/set", sha256=None)
    ((_, path),) = fetch_archives(data, tmp_path / "downloads", [given])
    assert path.read_bytes() == given.read_bytes()
    assert len(sources.pairs(data, tmp_path / "downloads")) == 3
    assert path.stat().st_ino == given.stat().st_ino  # its bytes are not copied


def test_file_by_hand_that_cannot_be_linked_is_copied(tmp_path, site, by_hand, monkeypatch):
    def no_links(*_):
        raise OSError("another disk")

    monkeypatch.setattr("os.link", no_links)
    data = settings("people", archive="kaggle:owner/set", sha256=None)
    ((_, path),) = fetch_archives(data, tmp_path / "downloads", [by_hand])
    assert path.read_bytes() == by_hand.read_bytes()


def test_several_archives_by_hand_are_told_apart_by_name(tmp_path, site, by_hand):
    archives = [f"{site.url}/{name}.zip" for name in ("train", "train_masks")]
    data = settings("carvana", archives=archives, sha256=None)
    other = Path(archive(tmp_path / "made/Train (2).zip", {"x.jpg": jpg(1)}))
    masks = by_hand.rename(by_hand.with_name("train_masks.zip"))
    paths = [path for _, path in fetch_archives(data, tmp_path / "downloads", [masks, other])]
    assert [path.read_bytes() for path in paths] == [other.read_bytes(), masks.read_bytes()]
    assert not site.requests
    with pytest.raises(FetchError, match=r"rename it to one of train\.zip, train_masks\.zip"):
        fetch_archives(
            data, tmp_path / "downloads", [Path(archive(tmp_path / "b.zip", {"x": b"y"}))]
        )


@pytest.mark.parametrize(
    ("content", "sha256", "why"),
    [
        (b"", None, "empty file"),
        (b"<!DOCTYPE html><title>Sign in</title>", None, "wants a login"),
        (b"a,b\n1,2\n", None, "not the zip that the name set.zip says"),
        (b"PK\3\4", "0" * 64, "sha256"),
        (None, None, "is no file"),
    ],
)
def test_wrong_file_by_hand_is_refused(tmp_path, content, sha256, why):
    given = tmp_path / "set.zip"
    if content is not None:
        given.write_bytes(content)
    data = settings("people", archive="kaggle:owner/set", sha256=sha256)
    with pytest.raises(FetchError, match=why):
        fetch_archives(data, tmp_path / "downloads", [given])
    assert not [path for path in (tmp_path / "downloads").rglob("*") if path.is_file()]


def test_file_by_hand_for_a_recipe_that_fetches_nothing_is_refused(tmp_path, by_hand):
    data = settings("people", archive=str(by_hand), sha256=None)
    with pytest.raises(FetchError, match="fetches no archive"):
        fetch_archives(data, tmp_path / "downloads", [by_hand])


def people_recipe(address: str) -> dict:
    raw = yaml.safe_load((ROOT / "recipes/people-unet.yaml").read_text())
    raw["data"] |= {"archive": address, "sha256": None, "max_quarantined": 0.9}
    return raw


@pytest.fixture
def folder(tmp_path, site):
    """A project whose recipe fetches people.zip."""
    folder = tmp_path / "project"
    (folder / "recipes").mkdir(parents=True)
    (folder / "below").mkdir()
    raw = people_recipe(f"{site.url}/people.zip")
    (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    return folder


def clearbg(*arguments: str):
    return CliRunner().invoke(app, arguments)


def test_command_fetches_the_archives_of_the_live_recipe(folder, site, monkeypatch):
    monkeypatch.chdir(folder / "below")
    done = clearbg("fetch")
    assert done.exit_code == 0, done.output
    line, pin = done.stdout.splitlines()
    assert line.startswith(f"data.archive ({site.url}/people.zip): ")
    assert Path(line.rpartition(": ")[2]).read_bytes() == site.body
    assert hashlib.sha256(site.body).hexdigest() in pin
    assert not list((folder / "below").iterdir())


def test_command_takes_a_file_by_hand_and_asks_nobody(folder, site, by_hand, monkeypatch):
    monkeypatch.chdir(folder / "below")
    done = clearbg("fetch", "--from", f"../../{by_hand.relative_to(folder.parent)}")
    assert done.exit_code == 0, done.output
    assert not site.requests


def test_command_says_what_is_wrong_with_a_file_by_hand(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = clearbg("fetch", "--from", "none.zip")
    assert done.exit_code == 1
    assert "none.zip is no file" in done.stderr


def test_command_has_nothing_to_fetch_for_generated_images(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text((ROOT / "recipes/demo.yaml").read_text())
    assert "no archive to fetch" in clearbg("fetch").stdout


def test_recipe_from_a_file_keeps_its_mirrors(tmp_path):
    raw = yaml.safe_load((ROOT / "recipes/dis.yaml").read_text())
    raw["data"]["archive"] = ["gdrive:abc", "s3://bucket/DIS5K.zip"]
    data = config.loads(yaml.safe_dump(raw), "x").data
    assert archives_of(data)[0].address == ["gdrive:abc", "s3://bucket/DIS5K.zip"]


@pytest.mark.slow
def test_ingest_takes_a_file_by_hand(project, tmp_path):
    by_hand = archive(tmp_path / "people.zip", people(24))
    project.write_params(people_recipe("kaggle:owner/set"))
    project.run("python", "pipelines/ingest.py", "--from", by_hand)
    assert (project.folder / "data/ingested/manifest.csv").is_file()
    project.stage("ingest")  # the file is at hand now
