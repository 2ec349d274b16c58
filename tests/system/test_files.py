"""What is written appears whole, and processes that want the same folder wait for each other."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest
import torch

from clearbg.cli.app import main
from clearbg.errors import ClearBGError
from clearbg.models import weights
from clearbg.system import files
from clearbg.system.files import exclusive, replacing_folder
from clearbg.system.object_store import StorePath, existing

HOLD = """
import sys
from pathlib import Path
from clearbg.system import files
with getattr(files, sys.argv[1])(Path("out")):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(kind: str) -> subprocess.Popen:
    """A process that holds the folder `out` until it reads a line or is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind], stdin=-1, stdout=-1, text=True
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    return process


def test_folder_that_was_replaced_holds_only_what_is_new(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old").touch()
    with replacing_folder("out") as aside:
        (aside / "new").touch()
        assert os.listdir("out") == ["old"]
    assert os.listdir("out") == ["new"]
    assert os.listdir() == ["out"]


def test_folder_stays_as_it_was_when_the_new_one_fails(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError), replacing_folder("out"):
        raise ValueError
    assert os.listdir() == ["out"]


@pytest.mark.parametrize("take", [exclusive, replacing_folder])
def test_second_process_says_that_it_waits_and_goes_on_when_the_first_has_ended(
    tmp_path, capfd, take
):
    process = holder(take.__name__)

    def let_go():
        while "waiting for another run that is at work in out" not in "".join(told):
            told.append(capfd.readouterr().err)
        process.communicate("\n")

    told, thread = [], threading.Thread(target=let_go)
    thread.start()
    with take(tmp_path.joinpath("out").relative_to(tmp_path)):
        assert process.wait(timeout=300) == 0
    thread.join()
    assert os.listdir() == ["out"]


@pytest.mark.parametrize("take", [exclusive, replacing_folder])
def test_killed_process_lets_go_and_what_it_left_is_removed(tmp_path, capfd, take):
    process = holder(take.__name__)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    (tmp_path / ".out.backup").mkdir()  # somebody's own
    with take(tmp_path / "out"):
        pass
    assert capfd.readouterr().err == ""
    assert sorted(os.listdir()) == [".out.backup", "out"]


@pytest.mark.parametrize("call", [1, 2])
def test_folder_is_whole_at_every_rename_even_if_the_process_is_killed_there(
    tmp_path, monkeypatch, call
):
    """A kill is an error that even the ending of the context manager does not survive."""
    Path("out").mkdir()
    Path("out/old").touch()
    calls, rename = [], os.replace

    def killed(*paths):
        calls.append(paths)
        if len(calls) >= call:
            raise KeyboardInterrupt
        rename(*paths)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        with replacing_folder("out") as aside:
            (aside / "new").touch()
    if call == 2:
        assert os.listdir(".out.old") == ["old"] and not Path("out").exists()
    with pytest.raises(ValueError), replacing_folder("out"):
        assert os.listdir("out") == ["old"]
        raise ValueError
    assert sorted(os.listdir()) == ["out"] and os.listdir("out") == ["old"]


def test_old_folder_is_removed_under_another_name(tmp_path, monkeypatch):
    Path("out").mkdir()
    monkeypatch.setattr(files.shutil, "rmtree", lambda path, **_: removed.append(Path(path).name))
    removed = []
    with replacing_folder("out"):
        pass
    assert "out" not in removed and ".out.old" in removed


def test_folder_behind_a_link_is_replaced_and_the_link_stays(tmp_path):
    Path("disk/real").mkdir(parents=True)
    Path("out").symlink_to("disk/real")
    with replacing_folder("out") as aside:
        (aside / "new").touch()
    assert Path("out").is_symlink() and os.listdir("disk/real") == ["new"]


@pytest.mark.parametrize("name", [".", "/", "..", "file"])
def test_what_is_no_folder_of_its_own_is_not_replaced(tmp_path, name):
    Path("file").write_text("text")
    with pytest.raises(ClearBGError, match="name another folder"), replacing_folder(name):
        pass
    assert Path("file").read_text() == "text"


@pytest.mark.parametrize("length", [246, 247, 251, 255])
@pytest.mark.parametrize("letter, suffix", [("a", ".png"), ("ü", ""), ("a", "." + "b" * 99)])
def test_longest_names_that_a_disk_holds_are_written(tmp_path, length, letter, suffix):
    name = letter * ((length - len(suffix)) // len(letter.encode())) + suffix
    files.write_text(name, "text")
    assert os.listdir() == [name]
    Path(name).unlink()
    with replacing_folder(name):
        pass
    assert os.listdir() == [name]


def test_names_that_are_not_utf8_are_written_as_json_that_names_the_file(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    files.write_json("names.json", [name])
    assert json.loads(Path("names.json").read_text()) == [name]


def test_folder_may_be_removed_by_who_holds_it(tmp_path):
    with exclusive(tmp_path / "out"):
        (tmp_path / "out").rmdir()
    assert os.listdir() == []


def test_disk_that_takes_no_locks_is_one_sentence(tmp_path, monkeypatch):
    def refused(self, **options):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    with (
        pytest.raises(ClearBGError, match=r"out could not be written, since \.out\.lock .* locks"),
        exclusive(tmp_path / "out"),
    ):
        pass


def test_name_that_no_disk_holds_is_a_sentence_without_advice_about_permissions(tmp_path):
    for target in (tmp_path / ("n" * 252 + ".tiff"), tmp_path / ("n" * 256) / "a.png"):
        with pytest.raises(ClearBGError, match=r"has a name of 25[67] bytes") as raised:
            files.write_text(target, "")
        assert "permissions" not in str(raised.value)
    assert existing([tmp_path / ("n" * 300)]) == set()


def test_store_on_a_disk_takes_the_longest_names(tmp_path):
    StorePath(f"file://{tmp_path}/{'n' * 255}").write(b"content")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"content"


def test_command_names_an_argument_that_is_too_long(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["clearbg", "doctor", "n" * 300])
    with pytest.raises(SystemExit, match="has a name of 300 bytes"):
        main()


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these modes")
@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_what_is_written_has_the_mode_that_open_gives(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "deep/new.txt", "new")
        weights.save({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
        with replacing_folder(tmp_path / "out"):
            pass
    finally:
        os.umask(before)
    for name in ("deep/new.txt", "w.safetensors"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
    for name in ("deep", "out"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these modes")
@pytest.mark.parametrize("old, new", [(0o600, 0o600), (0o664, 0o664), (0o444, 0o644)])
def test_replaced_file_keeps_its_mode_unless_it_was_protected(old, new, tmp_path):
    before = os.umask(0o022)
    try:
        (tmp_path / "a.txt").touch()
        (tmp_path / "a.txt").chmod(old)
        files.write_text(tmp_path / "a.txt", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == new


KILLED = """
import os, signal
from clearbg.system.files import replacing_file
with replacing_file("a.png") as aside:
    aside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_file_that_a_killed_process_had_begun_is_removed_by_the_next():
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (begun,) = (path.name for path in Path().iterdir())
    own = (".env.123.png", begun.replace("clearbg-", "clearbg-0"), f".b{begun[2:]}x.y")
    for name in own:
        Path(name).touch()
    files.write_text("b.txt", "new")
    assert sorted(path.name for path in Path().iterdir()) == sorted([*own, "b.txt"])
