"""1,000 images of every format, cut, flipped and corrupted: read right, or quarantined."""

import io
import json
import random
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pillow_heif
import pytest
from PIL import Image
from support.images import disc
from support.project import demo

from clearbg import config
from clearbg.data import sources
from clearbg.data.checks.examine import KINDS
from clearbg.data.ingest.cache import Cache
from clearbg.data.ingest.ingest import ingest
from clearbg.images import read_image, read_mask

pillow_heif.register_heif_opener()
COUNT = 1000
SIZE = (60, 80)


def encoded(array, mode: str, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def palette(rgb) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).quantize(200).save(buffer, "PNG", transparency=0)
    return buffer.getvalue()


def deep(rgb) -> bytes:
    return cv2.imencode(".png", rgb[..., ::-1].astype(np.uint16) * 257)[1].tobytes()


def turned(rgb) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 3
    return encoded(rgb[::-1, ::-1], "RGB", "JPEG", exif=exif, quality=95)


def animated(rgb) -> bytes:
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


WAYS = {
    "rgb.png": lambda rgb: encoded(rgb, "RGB", "PNG"),
    "rgba.png": lambda rgb: encoded(rgb, "RGBA", "PNG"),
    "gray.png": lambda rgb: encoded(rgb, "L", "PNG"),
    "gray-alpha.png": lambda rgb: encoded(rgb, "LA", "PNG"),
    "palette.png": palette,
    "bit.png": lambda rgb: encoded(rgb, "1", "PNG"),
    "deep.png": deep,
    "plain.jpg": lambda rgb: encoded(rgb, "RGB", "JPEG", quality=95),
    "progressive.jpg": lambda rgb: encoded(rgb, "RGB", "JPEG", progressive=True),
    "gray.jpg": lambda rgb: encoded(rgb, "L", "JPEG"),
    "ink.jpg": lambda rgb: encoded(rgb, "CMYK", "JPEG"),
    "turned.jpg": turned,
    "lossy.webp": lambda rgb: encoded(rgb, "RGB", "WEBP"),
    "clear.webp": lambda rgb: encoded(rgb, "RGBA", "WEBP", lossless=True),
    "photo.avif": lambda rgb: encoded(rgb, "RGB", "AVIF"),
    "phone.heic": lambda rgb: encoded(rgb, "RGB", "HEIF"),
    "scan.tif": lambda rgb: encoded(rgb, "RGB", "TIFF"),
    "packed.tif": lambda rgb: encoded(rgb, "RGB", "TIFF", compression="tiff_lzw"),
    "moving.gif": animated,
    "old.bmp": lambda rgb: encoded(rgb, "RGB", "BMP"),
    "plain.ppm": lambda rgb: encoded(rgb, "RGB", "PPM"),
    "archive.jp2": lambda rgb: encoded(rgb, "RGB", "JPEG2000"),
}


def mutated(data: bytes, way: str, rng: random.Random) -> bytes:
    changed = bytearray(data)
    place = rng.randrange(len(data))
    if way == "cut":
        return data[:place]
    if way == "flipped":
        for _ in range(rng.randint(1, 6)):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if way == "overwritten":
        changed[place : place + 64] = rng.randbytes(len(changed[place : place + 64]))
    if way == "hole":
        del changed[place : place + rng.randint(1, 200)]
    return bytes(changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pairs of which every tenth is whole; of the others the image, or the mask, is not."""
    folder = tmp_path_factory.mktemp("mutated")
    rng, names = random.Random(4), list(WAYS)
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for index in range(COUNT):
        name = names[index // 2 % len(names)]
        rgb, alpha = disc(index, SIZE)
        image, mask = WAYS[name](rgb), encoded(alpha, "L", "PNG")
        way = rng.choice(["cut", "flipped", "overwritten", "hole"]) if index % 10 else "whole"
        if rng.random() < 0.8:
            image = mutated(image, way, rng)
        else:
            mask = mutated(mask, way, rng)
        stem = f"{index:04d}-{way}-{name.partition('.')[0]}"
        (folder / f"images/{stem}.{name.partition('.')[2]}").write_bytes(image)
        (folder / f"masks/{stem}.png").write_bytes(mask)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ingest_reads_each_right_or_quarantines_it_with_a_reason(folder, tmp_path):
    keys = {"source": "folder", "path": str(folder), "images": "images", "masks": "masks",
            "kind": None, "count": None, "max_quarantined": 1.0, "max_pixels": 1_000_000,
            "validation": 0.2, "test": 0.2}  # fmt: skip
    data = config.parse(demo(data=keys)).data
    pairs = sources.pairs(data, tmp_path)
    frame = ingest(pairs, data, tmp_path / "out", tmp_path / "bad.csv", Cache(tmp_path / "cache"))
    assert len(frame) == COUNT and set(frame.status) == {"ok", "quarantined"}
    bad, good = frame[frame.status != "ok"], frame[frame.status == "ok"]
    assert (bad.reason.map(KINDS) == "broken").all()
    assert set(pd.read_csv(tmp_path / "bad.csv").id) == set(bad.id)
    assert not bad.id.str.contains("-whole-").any()
    for row in good.itertuples():
        rgb = read_image(tmp_path / "out" / row.image).srgb()
        alpha, _ = read_mask(tmp_path / "out" / row.mask)
        assert rgb.shape[:2] == alpha.shape == (row.height, row.width)
        if "-whole-" in row.id:
            truth, mask = disc(int(row.id[:4]), SIZE)
            assert np.array_equal(alpha, mask)
            if "gray" not in row.id and "bit" not in row.id:
                assert np.abs(rgb.astype(int) - truth).mean() < 16, row.id
    cut = bad[bad.id.str.contains("-cut-")]
    assert len(cut) > 0.8 * frame.id.str.contains("-cut-").sum()
    assert cut.reason.isin(["truncated", "empty-file", "unreadable", "not-an-image"]).all()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_doctor_tells_of_each_in_a_sentence(folder, tmp_path):
    command = [sys.executable, "-m", "clearbg", "doctor", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert report["statistics"]["pairs"] == COUNT
    named = {finding["id"]: finding["detail"] for finding in report["findings"]}
    broken = [f for f in report["findings"] if f["severity"] == "broken"]
    assert len(broken) > COUNT / 4 and all(f["detail"].endswith(".") for f in broken)
    assert not any("-whole-" in f["id"] for f in broken) and len(named) <= COUNT
