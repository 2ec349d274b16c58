"""Which uploads and values the page takes, and what it says of the others."""

import io
import zlib

import pytest
from PIL import Image
from support.page import DEFAULTS, photo

from clearbg.errors import ClearBGError


def claiming(side: int) -> bytes:
    """A small file with so many pixels a side by its header."""
    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "PNG")
    content = buffer.getvalue()
    facts = b"IHDR" + side.to_bytes(4, "big") * 2 + content[24:29]
    return content[:12] + facts + zlib.crc32(facts).to_bytes(4, "big") + content[33:]


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("a.jpg", b"text", "a.jpg is not an image"),
        ("a.jpg", b"", "a.jpg is empty"),
        ("a.jpg", photo()[:900], "a.jpg is cut short"),
        ("a.png", photo(format="PNG") + bytes(100_000), "a.png is larger than 0.1 MB"),
        ("a.png", claiming(10_000), "a.png has more than 0.02 megapixels"),
        ("a.png", claiming(20_000), "a.png has more pixels than the limit"),  # Pillow's own as well
    ],
)
def test_image_that_cannot_be_used_is_one_sentence(name, content, says, jobs, parser, send):
    with pytest.raises(ClearBGError, match=says) as raised:
        jobs.remove(send(name, content), parser.options(**DEFAULTS))
    assert "/" not in str(raised.value)  # nothing of the server's folders


@pytest.mark.parametrize(
    "sent",
    [
        None, "photo.jpg", [], {"path": None}, {"path": "/etc/hostname"}, {"path": "\0"},
        {"path": "https://example.com/a.png"}, {"path": "{folder}/../{name}/../../etc/hostname"},
        {"path": "{folder}/link"}, {"path": "{folder}"}, {"path": "{folder}/gone.png"},
    ],
)  # fmt: skip
def test_request_can_name_no_file_but_an_upload(sent, parser, uploads):
    (uploads.folder / "link").symlink_to("/etc/hostname")
    if isinstance(sent, dict) and isinstance(sent["path"], str):
        names = {"{folder}": str(uploads.folder), "{name}": uploads.folder.name}
        for mark, text in names.items():
            sent = {"path": sent["path"].replace(mark, text)}
    with pytest.raises(ClearBGError, match=r"names no uploaded image|removed meanwhile"):
        parser.upload(sent)


UPLOAD = {"path": "x"}


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"background": "beach.jpg"}, "no opaque color"),
        ({"background": "/etc/passwd"}, "no opaque color"),
        ({"background": 7}, "background is 7"),
        ({"background": "red", "background_image": UPLOAD}, "and not both"),
        ({"background_image": {"path": "https://example.com/a.png"}}, "names no uploaded image"),
        ({"threshold": 0.5}, "threshold is for hard edges alone"),
        ({"hard_edges": True, "threshold": 2}, "threshold is 2"),
        ({"hard_edges": True, "threshold": float("nan")}, "threshold is nan"),
        ({"hard_edges": True, "threshold": "half"}, "threshold is 'half'"),
        ({"hard_edges": True, "threshold": True}, "threshold is True"),
        ({"hard_edges": "yes"}, "hard_edges is 'yes'"),
        ({"refine_edges": "yes"}, "refine_edges is 'yes'"),
        ({"model": ["model"]}, "model is"),
    ],
)
def test_wrong_value_is_one_sentence(wrong, says, parser):
    with pytest.raises(ClearBGError, match=says):
        parser.options(**DEFAULTS | wrong)
