"""Files and folders of Google Drive through its real client, gdown."""

import os

import pytest
from support.loopback import DATA, SHA, cut_after, page, status, whole
from support.loopback_hubs import silent


def file_of_drive(handler, answer=whole):
    """A file as Google sends it, under a name of its own."""
    site = handler.server
    site.headers, before = {
        "ETag": '"1"',
        "Content-Disposition": 'attachment; filename="set.zip"',
        "Content-Type": "application/octet-stream",
    }, site.headers  # fmt: skip
    answer(handler)
    site.headers = before


def drive(answer):
    """Google Drive whose first answer is a page or the file; the confirmed one is the file."""

    def route(handler):
        if handler.headers["Host"] == "drive.usercontent.google.com" or answer == "file":
            file_of_drive(handler)
        elif callable(answer):
            answer(handler)
        else:
            status(200, answer, Content_Type="text/html; charset=utf-8")(handler)

    return route


HTML = {"Content_Type": "text/html; charset=utf-8"}
SCAN_PAGE = (
    b'<html><form id="download-form" action="https://drive.usercontent.google.com/download">'
    b'<input type="hidden" name="id" value="abc"><input type="hidden" name="confirm" value="t">'
    b"</form></html>"
)
QUOTA_PAGE = (
    b'<html><p class="uc-error-subcaption">Too many users have viewed or downloaded this file '
    b"recently. Please try accessing the file again later.</p></html>"
)


def huge(handler):
    headers = {"Content-Disposition": 'attachment; filename="a"', "Content-Type": "x/y"}
    handler.begin(200, 1 << 60, headers)
    handler.wfile.write(bytes(1 << 20))


@pytest.mark.parametrize("answer", ["file", SCAN_PAGE], ids=["at once", "behind a scan page"])
def test_drive_file_arrives(tmp_path, hub, client, answer):
    hub.route = drive(answer)
    assert client("gdrive:abc", tmp_path).path == str(tmp_path / "abc")
    assert (tmp_path / "abc").read_bytes() == DATA


def test_broken_drive_download_is_resumed(tmp_path, hub, client):
    hub.route = drive(lambda handler: file_of_drive(handler, cuts.pop(0) if cuts else whole))
    cuts = [cut_after(1_000_000)]
    hub.requests.clear()
    assert client("gdrive:abc", tmp_path, SHA).path
    assert (tmp_path / "abc").read_bytes() == DATA
    assert hub.ranges[-1] is not None


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (QUOTA_PAGE, "Google's quota): try again tomorrow"),
        (page("Google Drive - Quota exceeded"), "quota of downloads is used up"),
        (page("Google Drive: Sign-in"), "is not public (Google shows its sign-in page"),
        (status(404, page("Error 404"), **HTML), "does not exist (404)"),
        (status(429, page("Sorry"), Retry_After="90", **HTML), "run again in 90 seconds"),
        (silent, "gives no answer in time"),
        (huge, "B more, and the disk has"),
    ],
    ids=["quota", "quota title", "sign-in", "404", "429", "timeout", "disk"],
)
def test_drive_failure_has_its_sentence(tmp_path, hub, client, answer, advice):
    hub.route = drive(answer)
    assert advice in client("gdrive:abc", tmp_path, answer=answer).refusal


def test_drive_file_with_another_sum_is_refused(tmp_path, hub, client):
    hub.route = drive("file")
    assert "sha256" in client("gdrive:abc", tmp_path, "0" * 64).refusal
    assert not list(tmp_path.iterdir())


def folder_page(title, files, folders=()):
    links = [f'<a href="https://drive.google.com/file/d/{id}/view">{n}</a>' for id, n in files]
    links += [f'<a href="https://drive.google.com/drive/folders/{id}">{n}</a>' for id, n in folders]
    return f"<html><title>{title}</title>{''.join(links)}</html>".encode()


ONE, TWO, THREE, INNER = "a" * 28, "b" * 28, "c" * 28, "d" * 28


def drive_folder(pages, answers=None):
    """Pages by folder id; every file is the same, but for `answers` by file id."""

    def route(handler):
        handler.server.seen.append(handler.path)
        id = handler.path.partition("id=")[2].partition("&")[0]
        if "embeddedfolderview" in handler.path:
            status(200, pages[id], **HTML)(handler)
        else:
            (answers or {}).get(id, file_of_drive)(handler)

    return route


def test_drive_folder_arrives_with_its_folders(tmp_path, hub, client):
    hub.seen = []
    hub.route = drive_folder(
        {
            "top": folder_page("set", [(ONE, "a.jpg"), (TWO, "../../b.jpg")], [(INNER, "masks")]),
            INNER: folder_page("masks", [(THREE, "a.png")]),
        }
    )
    for _ in range(2):
        assert client("gdrive-folder:top", tmp_path / "out").path == str(tmp_path / "out/top")
    files = {
        path.relative_to(tmp_path / "out/top").as_posix(): path.read_bytes() == DATA
        for path in (tmp_path / "out/top").rglob("*")
        if path.is_file()
    }
    assert files == {"a.jpg": True, ".._.._b.jpg": True, "masks/a.png": True}
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == ["top", "top.fetched.json"]
    assert len(hub.seen) == 5  # two pages and three files, once


def test_drive_folder_goes_on_where_it_failed(tmp_path, hub, client):
    hub.seen, pages = [], {"top": folder_page("set", [(ONE, "a.jpg"), (TWO, "b.jpg")])}
    hub.route = drive_folder(pages, {TWO: status(200, QUOTA_PAGE, **HTML)})
    refusal = client("gdrive-folder:top", tmp_path).refusal
    assert "b.jpg" in refusal and "quota" in refusal
    hub.seen, hub.route = [], drive_folder(pages)
    assert client("gdrive-folder:top", tmp_path).path
    assert not [path for path in hub.seen if ONE in path]
    assert sorted(os.listdir(tmp_path / "top")) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (status(200, folder_page("set", []), **HTML), "shows no files"),
        (status(200, folder_page("set", [(ONE, "a"), (TWO, "A")]), **HTML), "two files named"),
        (status(404, b"", **HTML), "is not public, or does not exist"),
        (silent, "gives no answer in time"),
    ],
    ids=["empty", "two of one name", "404", "timeout"],
)
def test_drive_folder_failure_has_its_sentence(tmp_path, hub, client, answer, advice):
    hub.route = answer
    assert advice in client("gdrive-folder:top", tmp_path, answer=answer).refusal
