"""Files of stages, caches and checkpoints that somebody has changed: read, or one sentence."""

import hashlib
import io
import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from clearbg.data import leaks
from clearbg.data.fetching import fetch
from clearbg.data.ingest.cache import Cache
from clearbg.errors import ClearBGError, DataError, ModelError
from clearbg.lineage import _contract
from clearbg.system import dvc_lock
from clearbg.system.files import write_text
from clearbg.system.parsing import facts_of
from clearbg.system.tables import table_of
from clearbg.training.checkpoints import Checkpoint

ODD = {
    "deep": "[" * 100_000,
    "twice": '{"a": 1, "a": 2}',
    "long": '{"a": ' + "9" * 5000 + "}",
    "huge": json.dumps(["x" * 1000] * 2_000),
    "nothing": "",
    "zeros": "\0" * 1000,
    "list": "[1]",
    "number": "1e999",
    "other": '{"files": 3, "sha256": []}',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_text_of_any_kind_is_a_sentence_or_unknown(text, tmp_path, monkeypatch):
    path = tmp_path / "facts.json"
    path.write_text(text)
    for read in (lambda: facts_of(path, "write it again"), lambda: table_of(path, ["no"], "again")):
        try:
            assert isinstance(read(), dict)
        except DataError as error:
            assert str(path) in str(error) and "\n" not in str(error) and "again." in str(error)
    cache = Cache(tmp_path / "cache")
    write_text(cache._folder_of("a" * 64) / "row.json", text)
    assert cache.find("a" * 64, tmp_path / "target") is None
    write_text(fetch._record_of(tmp_path / "a.zip"), text)
    assert not fetch._is_finished(tmp_path / "a.zip", ["https://example.com/a.zip"], None)
    monkeypatch.setattr(dvc_lock, "_cache", lambda: tmp_path)
    write_text(tmp_path / "files/md5/ab/cd.dir", text)
    assert dvc_lock.files_of("abcd.dir") == {}
    path.rename(tmp_path / "m.onnx")
    assert _contract(tmp_path / "m.onnx") is None


def test_cache_takes_no_file_from_outside(tmp_path):
    (tmp_path / "secret").write_text("secret")
    cache = Cache(tmp_path / "cache")
    for odd in ("../../../../secret", str(tmp_path / "secret")):
        write_text(cache._folder_of("a" * 64) / "row.json", json.dumps({"files": [odd]}))
        assert cache.find("a" * 64, tmp_path / "target") is None


@pytest.mark.parametrize(
    "table", ["", "sha256,phash\na,zz\n", "a,b\n1,2\n", 'sha256,phash\na,"\n', "\0"]
)
def test_list_of_training_images_that_is_no_list_is_a_sentence(table, tmp_path):
    (tmp_path / leaks.FILE).write_text(table)
    sha256 = hashlib.sha256(table.encode()).hexdigest()
    with pytest.raises(ModelError, match="no list of images"):
        leaks.of_model(tmp_path, sha256, ())


class Method:
    """A training whose state is one number."""

    def load_state_dict(self, state):
        self.number = state["number"]


def whole(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def saved(state: object) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"x" * 100, saved({}), saved([1]), saved({"method": 3, "progress": {}}), b"PK\3\4" * 9,
        saved({"method": {"number": 1}, "progress": {"unknown": 1}}),
        saved({"method": {"number": 1}, "progress": Path("x")}),
    ],
)  # fmt: skip
def test_checkpoint_of_other_content_is_a_sentence(content, tmp_path):
    checkpoints = Checkpoint(tmp_path / "state")
    checkpoints.folder.mkdir(parents=True, exist_ok=True)
    checkpoints.path.write_bytes(whole(content))
    with pytest.raises(ClearBGError, match=r"no checkpoint of this training .*remove"):
        checkpoints.load(Method())


@pytest.mark.parametrize("change", [lambda c: c[:-9], lambda c: c[:50] + b"?" + c[51:], bytes])
def test_checkpoint_that_was_cut_or_changed_is_left_out(change, tmp_path, capsys):
    checkpoints = Checkpoint(tmp_path / "state")
    checkpoints.folder.mkdir(parents=True, exist_ok=True)
    content = whole(saved({"method": {"number": 1}, "progress": {}}))
    changed = b"" if change is bytes else change(content)
    checkpoints.path.write_bytes(changed)
    checkpoints.earlier.write_bytes(content)
    method = Method()
    checkpoints.load(method)
    assert method.number == 1 and "is damaged" in capsys.readouterr().err


def test_table_without_its_columns_names_the_column(tmp_path):
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "t.csv", index=False)
    assert list(table_of(tmp_path / "t.csv", ["a"], "again").a) == [1]
    with pytest.raises(DataError, match="has no column epoch: again"):
        table_of(tmp_path / "t.csv", ["epoch"], "again")
