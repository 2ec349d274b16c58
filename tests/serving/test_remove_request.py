"""POST /remove: what comes back for an image and its options, and what is refused."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image
from support.page import photo

from clearbg.images.convert import image_of
from clearbg.removal.cutout import cut
from clearbg.removal.options import OutputOptions
from clearbg.removal.remover import Remover

PHOTO = photo()


def remove(client, image=PHOTO, query="", headers=None, **fields):
    files = {"file": ("holiday.jpg", image)}
    return client.post(f"/remove{query}", files=files, data=fields, headers=headers)


def shown(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def sentence(answer, status=422) -> str:
    assert answer.status_code == status, answer.content[:200]
    return answer.json()["detail"]


def test_form_and_raw_body_give_the_file_that_the_command_writes(client, model):
    expected = cut(Remover(model), image_of(PHOTO))
    for answer in (remove(client), client.post("/remove", content=PHOTO)):
        assert answer.content == expected.encoded
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["clearbg-coverage"] == f"{expected.coverage:.4f}"


def test_chunked_body_needs_no_length(client):
    answer = client.post("/remove", content=iter([PHOTO[:100], PHOTO[100:]]))
    assert shown(answer).size == (80, 60)


@pytest.mark.parametrize("where", ["query", "form"])
def test_every_option_of_the_command_works(where, client):
    given = {"crop": "true", "margin": "5%", "threshold": "0.5", "format": "webp",
             "quality": "80", "keep_metadata": "on", "background": "#ff0000"}  # fmt: skip
    if where == "form":
        answer = remove(client, **given)
    else:
        query = "&".join(f"{name}={text}" for name, text in given.items())
        answer = remove(client, query="?" + query.replace("%", "%25").replace("#", "%23"))
    image = shown(answer)
    assert (image.format, image.mode) == ("WEBP", "RGB") and image.width < 80
    assert 271 in image.getexif()
    mask = shown(remove(client, mask="true", png="fast"))
    assert (mask.format, mask.mode, mask.size) == ("PNG", "L", (80, 60))
    assert shown(remove(client, refine="false")).mode == "RGBA"


def test_openapi_lists_the_fields_of_the_options_with_their_types(client):
    said = client.get("/openapi.json").json()["paths"]["/remove"]["post"]
    listed = {one["name"]: one for one in said["parameters"]}
    fields = {field.name for field in dataclasses.fields(OutputOptions)}
    assert set(listed) == fields | {"format", "refine"}
    assert listed["threshold"]["schema"]["type"] == "number"
    assert listed["png"]["schema"] == {
        "default": "small",
        "enum": ["fast", "small"],
        "type": "string",
    }
    form = said["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(form) == set(listed) | {"file"} and "image/*" in said["requestBody"]["content"]


def test_image_of_the_form_lies_behind_the_subject(client):
    red = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(red, "PNG")
    files = {"file": ("a.jpg", PHOTO), "background": ("b.png", red.getvalue())}
    image = shown(client.post("/remove", files=files))
    assert image.mode == "RGB" and (np.array(image)[0, 0] > [200, 0, 0]).any()
    files["background"] = ("b.png", b"text")
    said = sentence(client.post("/remove", files=files))
    assert said.startswith("The background is not an image")
    files["background"] = ("b.png", red.getvalue())
    twice = client.post("/remove?background=white", files=files)
    assert "background is given twice" in sentence(twice)
    masked = client.post("/remove?mask=1", files=files)
    assert "mask has no background" in sentence(masked)


@pytest.mark.parametrize(
    "accept, format",
    [
        ("*/*", "PNG"),
        ("", "PNG"),
        ("image/*", "PNG"),
        ("image/webp", "WEBP"),
        ("image/png;q=0.5, image/webp", "WEBP"),
        ("text/html, IMAGE/TIFF;q=0.1", "TIFF"),
        ("image/jpeg, image/webp;q=0.2", "WEBP"),  # JPEG cannot be transparent
        ("image/webp;q=0, image/png;q=x, */*;q=0.1", "PNG"),
    ],
)
def test_accept_chooses_the_format(accept, format, client):
    assert shown(remove(client, headers={"accept": accept})).format == format


def test_format_wins_over_accept(client):
    assert shown(remove(client, headers={"accept": "image/webp"}, format="tiff")).format == "TIFF"
    assert "answers with image/png" in sentence(remove(client, headers={"accept": "text/html"}))


WRONG = {
    "threshold=2": "The threshold 2 is not in the range 0 to 1.",
    "threshold=nan": "The threshold nan is not in the range 0 to 1.",
    "threshold=high": "threshold is 'high': give a number.",
    "quality=80": "PNG keeps every value: leave the quality out.",
    "quality=8.5": "quality is '8.5': give a whole number.",
    f"quality={'9' * 3000}": "quality is",
    "crop=maybe": "crop is 'maybe': give true or false.",
    "png=tiny": "png is 'tiny': give fast or small.",
    "format=gif": "format is 'gif': give png, webp, tiff or jpeg.",
    "format=jpeg": "JPEG cannot be transparent",
    "margin=5": "The margin needs crop",
    "mask=1&mask=1": "mask is given twice",
    "mask=1&background=white": "A mask has no background",
    "background=/etc/passwd": "no address is fetched",
    "background=http://example.org/a.png": "no address is fetched",
    "colour=red": "There is no option 'colour': choose mask, ",
    "url=http://example.org/a.png": "fetches no address",
    "file=a.png": "file is no file",
}


@pytest.mark.parametrize("query, words", WRONG.items())
def test_wrong_option_is_refused_in_a_sentence(query, words, client):
    assert words in sentence(remove(client, query=f"?{query}"))


BAD = {
    "text": (b"hello", 422, "holiday.jpg is not an image"),
    "empty": (b"", 422, "holiday.jpg is empty"),
    "cut short": (PHOTO[: len(PHOTO) // 2], 422, "holiday.jpg"),
    "too many bytes": (bytes(100_001), 413, "larger than 0.1 MB"),
    "too many pixels": (photo(size=(150, 150)), 413, "raise max_pixels"),
}


@pytest.mark.parametrize("image, status, words", BAD.values(), ids=BAD)
def test_bad_image_is_refused_in_a_sentence(image, status, words, client):
    assert words in sentence(remove(client, image), status)


@pytest.mark.parametrize(
    "body",
    [b"http://example.org/a.png", b'{"url": "http://example.org/a.png"}', b"url=x", b" FILE:///x"],
)
def test_address_is_never_fetched(body, client):
    assert "fetches no address" in sentence(client.post("/remove", content=body))
    assert "fetches no address" in sentence(client.post("/remove", data={"url": "http://x"}))
    assert "fetches no address" in sentence(
        client.post("/remove", files={"url": (None, b"http://x")})
    )
    assert "fetches no address" in sentence(client.get("/remove?url=http://example.org"))


def test_request_without_an_image_or_with_two_is_refused(client):
    assert "holds no image" in sentence(client.post("/remove"))
    assert "holds no image" in sentence(client.post("/remove", files={"mask": (None, "1")}))
    two = [("file", ("a.jpg", PHOTO)), ("file", ("b.jpg", PHOTO))]
    assert "sent twice" in sentence(client.post("/remove", files=two))
    assert "no file 'image'" in sentence(client.post("/remove", files={"image": ("a.jpg", PHOTO)}))


def test_name_of_a_file_is_repeated_without_folders_and_without_controls(client):
    files = {"file": ("../..\\a\x1b[31m.jpg", b"text")}
    assert sentence(client.post("/remove", files=files)).startswith("a[31m.jpg is not")


def test_empty_image_that_is_to_be_cropped_is_refused(client):
    black = io.BytesIO()
    Image.new("RGB", (40, 40)).save(black, "PNG")
    said = sentence(remove(client, black.getvalue(), crop="true"))
    assert said == "holiday.jpg holds no subject to crop to"


def test_what_a_format_cannot_hold_is_told(client):
    answer = remove(client, format="webp")
    assert answer.headers["clearbg-notes"] == "resolution left out: WebP has no place for it"
