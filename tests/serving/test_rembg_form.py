"""POST /api/remove: requests as clients of rembg's server send them."""

import io

import numpy as np
import pytest
from PIL import Image
from support.page import photo

PHOTO = photo()


def post(client, query="", **fields):
    return client.post(f"/api/remove{query}", files={"file": ("a.jpg", PHOTO)}, data=fields)


def shown(answer) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_file_alone_gives_a_transparent_png(client):
    answer = post(client)
    image = shown(answer)
    assert answer.headers["content-type"] == "image/png"
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (80, 60))


@pytest.mark.parametrize("query", [True, False])
def test_parameters_work_in_the_query_and_in_the_form(query, client):
    given = {"om": "true", "model": "u2netp", "a": "false", "af": "200", "extras": "{}"}
    text = "&".join(f"{name}={value}" for name, value in given.items())
    image = shown(post(client, f"?{text}") if query else post(client, **given))
    assert image.mode == "L"


def test_what_maps_has_its_effect(client):
    red = np.array(shown(post(client, bgc="255,0,0,255")))
    assert red.shape[2] == 3 and (red[0, 0] > [150, 0, 0]).all()
    hard = np.array(shown(post(client, ppm="1")))[..., 3]
    assert set(np.unique(hard)) <= {0, 255}
    assert post(client, a="true", af="240", ab="10", ae="10", dc="true").content == (
        post(client, bgc="1,2,3,0", unknown="7").content
    )


WRONG = {
    "model=u2net": "runs another model than 'u2net'",
    "a=true&ae=40": "ae is 40, and edges are found in another way here: leave it out.",
    "vm=true": "ViTMatte",
    "a=perhaps": "a is 'perhaps': give true or false.",
    "af=x": "af is 'x': give a whole number.",
    "bgc=red": "bgc is 'red': give red,green,blue,alpha from 0 to 255.",
    "bgc=1,2,3": "give red,green,blue,alpha",
    "bgc=1,2,3,256": "give red,green,blue,alpha",
    "bgc=1,2,3,128": "half transparent",
    'extras={"sam_prompt": []}': "extras holds settings",
    "url=http://example.org/a.png": "fetches no address",
}


@pytest.mark.parametrize("query, words", WRONG.items())
def test_what_does_not_map_is_refused_in_a_sentence(query, words, client):
    answer = post(client, f"?{query}")
    assert answer.status_code == 422 and words in answer.json()["detail"]


def test_address_is_refused_with_the_reason(client):
    answer = client.get("/api/remove", params={"url": "http://example.org/a.png"})
    assert answer.status_code == 422 and "fetches no address" in answer.json()["detail"]
