"""Layouts of data sets, read from tiny copies that are made here and served over HTTP."""

import functools
import http.server
import threading
import zipfile

import pytest
from support.images import disc
from support.project import demo

from clearbg import config
from clearbg.data import sources
from clearbg.errors import DataError, FetchError
from clearbg.images import encode_image, write_image


@pytest.fixture
def site(tmp_path):
    """A folder and the address under which it is served on loopback."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def archive(path, name: str, count: int) -> None:
    """DUTS-TR.zip or DUTS-TE.zip in the official layout."""
    with zipfile.ZipFile(path, "w") as file:
        for index in range(count):
            rgb, alpha = disc(index)
            stem = f"ILSVRC2012_test_{index:08d}"
            file.writestr(f"{name}/{name}-Image/{stem}.jpg", encode_image(rgb, format="JPEG"))
            file.writestr(f"{name}/{name}-Mask/{stem}.png", encode_image(alpha))


def duts(train: str, test: str, **changes) -> config.DutsData:
    raw = demo(data={"source": "duts", "kind": None, "count": None, "test": None,
                     "license": "DUTS, academic use"})  # fmt: skip
    raw["data"] |= {"train_archive": train, "test_archive": test, "train_sha256": None,
                    "test_sha256": None, **changes}  # fmt: skip
    return config.parse(raw).data


def test_official_archives_come_over_http_with_their_split(site, tmp_path):
    folder, url = site
    archive(folder / "DUTS-TR.zip", "DUTS-TR", 5)
    archive(folder / "DUTS-TE.zip", "DUTS-TE", 3)
    found = sources.pairs(duts(f"{url}/DUTS-TR.zip", f"{url}/DUTS-TE.zip"), tmp_path / "downloads")
    assert [pair.split for pair in found] == [""] * 5 + ["test"] * 3
    assert all(pair.image and pair.mask for pair in found)
    assert len({pair.id for pair in found}) == 8
    image, alpha, _ = found[0].read(max_pixels=10**6)
    assert image.rgb.shape[:2] == alpha.shape == (60, 80)


def test_archives_on_disk_are_read_in_place(site, tmp_path):
    folder, _ = site
    for name in ("DUTS-TR", "DUTS-TE"):
        archive(folder / f"{name}.zip", name, 2)
    data = duts(str(folder / "DUTS-TR.zip"), str(folder / "DUTS-TE.zip"))
    assert len(sources.pairs(data, tmp_path / "downloads")) == 4
    assert not list((tmp_path / "downloads").glob("*.zip"))


def test_page_in_place_of_the_archive_is_a_sentence(site, tmp_path):
    folder, url = site
    (folder / "DUTS-TR.zip").write_text("<!DOCTYPE html><html><title>Sign in</title></html>")
    archive(folder / "DUTS-TE.zip", "DUTS-TE", 2)
    with pytest.raises(FetchError, match=r"DUTS-TR\.zip"):
        sources.pairs(duts(f"{url}/DUTS-TR.zip", f"{url}/DUTS-TE.zip"), tmp_path / "downloads")


def test_archive_with_another_sha256_is_refused(site, tmp_path):
    folder, url = site
    archive(folder / "DUTS-TR.zip", "DUTS-TR", 2)
    data = duts(f"{url}/DUTS-TR.zip", f"{url}/DUTS-TE.zip", train_sha256="0" * 64)
    with pytest.raises(FetchError, match="sha256"):
        sources.pairs(data, tmp_path / "downloads")


def test_archive_of_something_else_is_a_sentence(site, tmp_path):
    folder, _ = site
    with zipfile.ZipFile(folder / "DUTS-TR.zip", "w") as file:
        file.writestr("photos/a.jpg", b"x")
    with pytest.raises(DataError, match="no folder DUTS-TR-Image"):
        sources.pairs(duts(str(folder / "DUTS-TR.zip"), "unused"), tmp_path / "downloads")


def test_ids_are_file_names_whatever_the_images_are_called(tmp_path):
    for part, suffix in (("images", ".jpg"), ("masks", ".png")):
        for name in ("a b", "a_b", "é"):
            path = tmp_path / part / f"{name}{suffix}"
            write_image(path, disc(1)[0])
    found = sources.by_stem(tmp_path / "images", tmp_path / "masks")
    assert len({pair.id for pair in found}) == 3
    assert all(pair.id.isascii() and " " not in pair.id for pair in found)


def test_masks_name_may_go_on_after_its_images(tmp_path):
    names = {"images": ("a", "b", "c-alpha"), "masks": ("a_mask", "b", "b_mask", "c-alpha", "d-gt")}
    for part, stems in names.items():
        for stem in stems:
            write_image(tmp_path / part / f"{stem}.png", disc(1)[0])
    found = sources.by_stem(tmp_path / "images", tmp_path / "masks")
    pairs = [tuple(path and path.stem for path in (pair.image, pair.mask)) for pair in found]
    assert pairs == [
        ("a", "a_mask"), ("b", "b"), (None, "b_mask"), ("c-alpha", "c-alpha"), (None, "d-gt")
    ]  # fmt: skip


def test_names_of_macos_pair_with_the_same_names_of_other_systems(tmp_path):
    composed, decomposed = "\u00fc", "u\u0308"
    for folder, name in (("images", composed), ("masks", decomposed)):
        write_image(tmp_path / folder / f"{name}.png", disc(0, (6, 8))[0])
    [pair] = sources.by_stem(tmp_path / "images", tmp_path / "masks")
    assert pair.image is not None and pair.mask is not None
