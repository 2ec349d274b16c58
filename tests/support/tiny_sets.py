"""Data sets in miniature, for the tests of their layouts."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clearbg import config, licenses
from clearbg.data import sources
from clearbg.data.ingest.cache import Cache
from clearbg.data.ingest.ingest import ingest
from clearbg.errors import ImageError
from clearbg.images import encode_image
from support.images import disc
from support.project import demo

SMALL = (30, 40)
MANY = 10**6
OFFICIAL_SPLITS = {"dis5k", "easyportrait"}
PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0] + [0, 0, 255] * 253


def settings(source: str, **keys) -> config.Data:
    own = {"source": source, "kind": None, "count": None, "validation": 0.2, "test": 0.2}
    if source in OFFICIAL_SPLITS:
        own |= {"validation": None, "test": None}
    own["license"] = licenses.terms(source, "CC0-1.0").license
    raw = demo(data=own)
    raw["data"] |= {"max_quarantined": 0.9, **keys}
    return config.parse(raw).data


def jpg(index: int) -> bytes:
    return encode_image(disc(index, SMALL)[0], format="JPEG")


def png(index: int) -> bytes:
    return encode_image(disc(index, SMALL)[1])


def encoded(image: Image.Image, format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def classes(index: int) -> bytes:
    """A palette PNG: background 0, and classes 1 and 2 on the subject."""
    alpha = disc(index, SMALL)[1]
    image = Image.fromarray(np.uint8((alpha > 127) * (1 + (np.arange(SMALL[1]) > 20))), "P")
    image.putpalette(PALETTE)
    return encoded(image, "PNG")


def hard(index: int) -> np.ndarray:
    """The subject of `disc` as a mask of 0 and 255."""
    return np.uint8(255) * (disc(index, SMALL)[1] > 127)


def ink(index: int, format: str = "TIFF") -> bytes:
    """A page's truth in one bit: the subject black on white."""
    return encoded(Image.fromarray(disc(index, SMALL)[1] <= 127), format)


def gif(index: int) -> bytes:
    return encoded(Image.fromarray(disc(index, SMALL)[1] > 127).convert("P"), "GIF")


def rgba(index: int) -> bytes:
    return encode_image(*disc(index, SMALL))


def archive(path: Path, files: dict[str, bytes]) -> str:
    """A zip, or a tar.gz by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, content in files.items():
                file.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as file:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return str(path)


def folder(path: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return str(path)


def found(data: config.Data, tmp_path) -> dict[str, sources.Pair]:
    pairs = sources.pairs(data, tmp_path / "downloads")
    assert all(pair.id == Path(pair.id).name and pair.id.isascii() for pair in pairs)
    return {pair.id: pair for pair in pairs}


def alpha_of(pair: sources.Pair) -> np.ndarray:
    return pair.read(MANY)[1]


def reason(pair: sources.Pair) -> str:
    with pytest.raises(ImageError) as raised:
        pair.read(MANY)
    return raised.value.reason


def ingested(data: config.Data, tmp_path):
    pairs = sources.pairs(data, tmp_path / "downloads")
    return ingest(
        pairs, data, tmp_path / "ingested", tmp_path / "quarantine.csv", Cache(tmp_path / "cache")
    )
