"""A thousand inputs that nobody meant: each is read, or refused with one sentence, and quickly."""

import hashlib
import io
import json
import random
import resource
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support import contenders
from support.models import brightness_model
from support.project import ROOT, TINY, demo
from support.training import same

from clearbg import Remover, config, models
from clearbg.contract import METADATA_KEY, parse_contract
from clearbg.data import manifest
from clearbg.errors import ClearBGError, DataError
from clearbg.importing import import_weights
from clearbg.removal import image_statistics, log
from clearbg.training.checkpoints import Checkpoint, Progress
from clearbg.training.launch import launch
from clearbg.training.supervised import Supervised

VALUES = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**399, 0.5, 1e-46, 1e300, float("nan"), float("inf"),
    "", "x", "\ud800", "../x", "\x1b[31m", "1e9", "nan", [], [[]], {}, {"a": {}}, [0] * 101,
]  # fmt: skip
TEXTS = [
    "9" * 5000, "[" * 5000, "{a: " * 5000, "0x" + "f" * 5000, "&a [*a]", "!!int x", "2001-13-45",
    "\0", "\ufeff", "- " * 500, "? [a]\n: b", "*b", "a: 1\na: 2", "%", "\t", "---\n---", "'", '"',
]  # fmt: skip
IMAGE = np.full((20, 30, 3), 128, np.uint8)


def spliced(chance: random.Random, content: bytes) -> bytes:
    """The content with a part lost, repeated, overwritten or strange."""
    first, last = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    part = [
        b"", content[first:last] * 2, bytes(last - first), chance.randbytes(min(last - first, 40)),
        chance.choice(TEXTS).encode(), b"\xff" * 9,
    ][chance.randrange(6)]  # fmt: skip
    return content[:first] + part + content[last:]


def broken(chance: random.Random, content: bytes) -> bytes:
    """The content of a checkpoint, certainly changed."""
    first = chance.randrange(len(content))
    flipped = bytearray(content)
    flipped[first] ^= chance.randrange(1, 256)
    huge = content[:26] + b"\xff" * 4 + content[30:]  # the lengths in a zip's first header
    changed = chance.choice(
        [bytes(flipped), content[:first], bytes(len(content)), b"", huge, spliced(chance, content),
         chance.choice(TEXTS).encode()]
    )  # fmt: skip
    return changed if changed != content else content + b"\0"


def fuzz(count: int, seed: str, make: Callable[[random.Random], object]) -> None:
    """Call `make` so many times; a `ClearBGError` of one line is an answer, too."""
    for number in range(count):
        began = time.thread_time()
        try:
            make(random.Random(f"{seed} {number}"))
        except ClearBGError as error:
            text = str(error)
            assert text and "\n" not in text and len(text) < 1500, (seed, number, text)
            assert text.encode(errors="strict") is not None
        except Exception as error:
            raise AssertionError(f"{seed} {number}: {error!r}") from error
        assert time.thread_time() - began < 20, (seed, number)


@pytest.mark.slow
def test_thousand_inputs_that_nobody_meant(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    inside = tmp_path / "inside"
    inside.mkdir()
    whole = brightness_model(inside / "model.onnx")
    text = {one.key: one.value for one in onnx.load(whole).metadata_props}[METADATA_KEY]
    facts, content = json.loads(text), whole.read_bytes()

    def contract(chance):
        changes = {key: chance.choice(VALUES) for key in chance.sample(sorted(facts), 2)}
        changed = json.dumps(facts | changes)
        spoilt = spliced(chance, changed.encode()) if chance.random() < 0.4 else changed
        parse_contract(spoilt, "model.json")

    def network(chance):
        (inside / "odd.onnx").write_bytes(spliced(chance, content))
        alpha = Remover(inside / "odd.onnx", threads=1).alpha([IMAGE])[0]
        assert np.isfinite(alpha).all() and alpha.min() >= 0 and alpha.max() <= 1

    recipe = (ROOT / "recipes/demo.yaml").read_text(encoding="utf-8")

    def params(chance):
        lines = recipe.splitlines()
        at = chance.choice([n for n, line in enumerate(lines) if line.startswith("  ")])
        odd = chance.choice([*TEXTS, *map(repr, VALUES)])
        lines[at] = f"{lines[at].partition(':')[0]}: {odd}"
        raw = "\n".join(lines).encode(errors="surrogatepass")
        (inside / "params.yaml").write_bytes(spliced(chance, raw) if at % 2 else raw)
        config.load(inside / "params.yaml")

    table = (contenders.ingested(inside / "ingested") / "manifest.csv").read_bytes()

    def rows(chance):
        (inside / "ingested/manifest.csv").write_bytes(spliced(chance, table))
        manifest.read(inside / "ingested")

    numbers = dict.fromkeys(image_statistics.OF_IMAGE + image_statistics.OF_ALPHA, 0.5)
    line = {"format": image_statistics.FORMAT, "model": "0" * 64, **numbers}

    def lines(chance):
        odd = json.dumps(line | {chance.choice(sorted(line)): chance.choice(VALUES)})
        raw = "\n".join([json.dumps(line), odd, json.dumps(line)]).encode()
        (inside / "log").write_bytes(spliced(chance, raw))
        log.read(inside / "log", 100)

    plain = models.build("u2netp").state_dict()

    def weights(chance):
        changed = dict(plain)
        for name in chance.sample(sorted(changed), 2):
            odd = [torch.zeros(0), changed[name][:0] if changed[name].ndim else None, float("nan"),
                   changed[name].to_sparse(), changed[name].to("meta"), {}]  # fmt: skip
            changed[name] = chance.choice(odd)
        stream = io.BytesIO()
        torch.save({"epoch": chance.choice(VALUES[:13]), "net": changed}, stream)
        raw = stream.getvalue()
        header = struct.pack("<Q", 40) + b'{"a": {"dtype": "F32", "shape": [1]}}   '
        odd = [raw, spliced(chance, raw), spliced(chance, header), chance.choice(TEXTS).encode()]
        (inside / "net.pth").write_bytes(chance.choice(odd))
        import_weights(str(inside / "net.pth"), inside / "imported")

    method = Supervised(launch(config.parse(demo(**TINY)).train), config.parse(demo(**TINY)))
    states = [{name: torch.full_like(t, 0.25 * n) for name, t in method.weights().items()}
              for n in range(3)]  # fmt: skip
    own = Checkpoint(inside / "own")
    for step in (1, 2):
        method.best_network.load_state_dict(states[step])
        own.save(method, Progress(step=step, history=[{"epoch": step}]))
    saved = {path.name: path.read_bytes() for path in (own.path, own.earlier)}

    def training(chance):
        damaged = chance.choice([["state.pt"], ["state.pt"], ["earlier.pt"], [*saved]])
        for name, raw in saved.items():
            if name in damaged:
                raw = broken(chance, raw)
            (inside / "own" / name).write_bytes(raw)
        method.best_network.load_state_dict(states[0])
        progress = own.load(method)
        assert progress.history == [{"epoch": progress.step}] * bool(progress.step)
        assert same(states[progress.step], method.weights())
        assert progress.step == (2 if "state.pt" not in damaged else 2 - len(damaged))

    def foreign(chance):  # whole, by its hash
        part = saved["state.pt"][: chance.randrange(1, 9000)]
        raw = chance.choice([part, chance.choice(TEXTS).encode()])
        own.path.write_bytes(raw + hashlib.sha256(raw).digest())
        with pytest.raises(DataError, match="no checkpoint of this training"):
            own.load(method)

    fuzz(80, "own checkpoint", training)
    fuzz(20, "foreign checkpoint", foreign)
    fuzz(300, "contract", contract)
    fuzz(200, "onnx", network)
    fuzz(200, "params", params)
    fuzz(130, "table", rows)
    fuzz(130, "log", lines)
    fuzz(40, "checkpoint", weights)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 1_000_000  # kilobytes
    assert {path.name for path in Path(tmp_path).iterdir()} <= {"inside", ".clearbg"}
