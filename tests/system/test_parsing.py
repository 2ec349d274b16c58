"""JSON, YAML and text from elsewhere are parsed within limits, or refused with the reason."""

import os
import time

import pytest

from clearbg.config import Loader, loads
from clearbg.errors import SettingsError
from clearbg.system.parsing import ParseError, parse_json, parse_yaml, read_text, shown

BOMB = "[&a [0,0,0,0,0,0,0,0,0], " + ", ".join(
    f"&{new} [{','.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi")
) + "]"  # fmt: skip


@pytest.mark.parametrize(
    "text, says",
    [
        ("[" * 9, "is no JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "has the key 'c' twice"),
        ("[" * 100_000, "is nested more than 32 deep"),
        ("[" * 33 + "]" * 33, "is nested more than 32 deep"),
        ("9" * 5000, "holds an integer of more than 400 digits"),
        (f"[{'0,' * 100_000}0]", "holds more than 100000 values"),
        ("0" * 1_000_001, "has 1000001 characters, more than 1000000"),
        (b"\xff", "is no JSON"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_json_beyond_the_limits_is_refused_at_once(text, says):
    began = time.thread_time()
    with pytest.raises(ParseError) as error:
        parse_json(text)
    assert str(error.value) == says and time.thread_time() - began < 20


@pytest.mark.parametrize("loader", [None, Loader])
@pytest.mark.parametrize(
    "text, says",
    [
        ("a: }", "is not readable YAML at line 1"),
        ("a: 1\nb: {c: 1, c: 2}", "has the key 'c' twice"),
        ("[" * 5000, "is nested more than 32 deep"),
        ("- " * 5000, "is nested more than 32 deep"),
        ("&a [*a]", "has an alias *a of itself"),
        (BOMB, "holds more than 100000 values"),
        ("[" + "0," * 100_001 + "]", "holds more than 100000 values"),
        ("a: " + "9" * 5000, "YAML does not allow"),
        ("a: 0x" + "f" * 5000, "holds an integer of more than 400 digits"),
        ("a: 2021-13-45", "holds a number, date or tagged value that YAML does not allow"),
        ("a: !!int x", "YAML does not allow"),
        ("a: !!bool x", "YAML does not allow"),
        ("a: !!timestamp x", "YAML does not allow"),
        ("a: !!python/object/apply:os.getcwd []", "is not readable YAML at line 1"),
        ("\0", "is not readable YAML"),
        ("#" * 1_000_001, "has 1000001 characters, more than 1000000"),
    ],
    ids=lambda text: repr(text[:12]) if text else "fast",
)
def test_yaml_beyond_the_limits_is_refused_at_once(loader, text, says):
    began = time.thread_time()
    with pytest.raises(ParseError) as error:
        parse_yaml(text, loader)
    assert says in str(error.value) and time.thread_time() - began < 20


def test_aliases_and_merged_mappings_of_yaml_are_read():
    assert parse_yaml("a: &x {b: 1}\nc: {<<: *x, d: [*x]}") == {
        "a": {"b": 1}, "c": {"b": 1, "d": [{"b": 1}]},
    }  # fmt: skip


@pytest.mark.parametrize("value", ["9" * 5000, "0x" + "f" * 5000, BOMB, "[" * 500, "{x: 1, x: 1}"])
def test_settings_with_such_a_value_are_a_sentence_that_names_the_file(value):
    with pytest.raises(SettingsError, match=r"^params.yaml (has|holds|is) .*correct it there.$"):
        loads(f"train: {value}", "params.yaml")


def test_file_that_is_no_text_is_refused_and_none_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "long").write_text("x" * 11)
    says = {"pipe": "no|not a regular file", "latin": "not text in UTF-8", "long": "more than 10"}
    for name, reason in says.items():
        with pytest.raises(ParseError, match=reason):
            read_text(tmp_path / name, 10)
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(tmp_path / "marked", 10) == "a: 1"


def test_shown_values_fit_a_line_and_can_be_printed():
    values = ["\ud800" * 9, list(range(10**5)), {"a": [[[[]]]]}, b"\0" * 10**6, 10**399, None]
    for value in values:
        assert len(shown(value)) <= 60
        shown(value).encode()
