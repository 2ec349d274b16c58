"""Files, folders, patterns and `-`: which image goes where."""

import os
from pathlib import Path

import pytest
from support.images import disc

from clearbg.errors import DataError
from clearbg.images import write_image
from clearbg.removal.plan import plan


def images(*names: str) -> None:
    for name in names:
        write_image(name, disc(0, (6, 8))[0])


def targets(*inputs: str, output: str = "out", format: str | None = None) -> dict[str, str]:
    """Source -> target, both with slashes."""
    jobs = plan(inputs, output, format)
    return {job.source.as_posix(): job.target.as_posix() for job in jobs}


def test_folder_is_walked_and_its_structure_kept():
    images("in/a.jpg", "in/deep/er/b.png")
    Path("in/notes.txt").write_text("no image")
    assert targets("in") == {"in/a.jpg": "out/a.png", "in/deep/er/b.png": "out/deep/er/b.png"}


@pytest.mark.parametrize("address", ["http://a.example/b.jpg", "HTTPS://u:p@a.example/b.jpg?key=1"])
def test_web_address_is_refused_without_its_secrets(address):
    with pytest.raises(DataError, match="nothing is fetched from the web: download it") as refused:
        plan([address], "out", None)
    assert "u:p" not in str(refused.value) and "key=1" not in str(refused.value)


def test_format_gives_the_suffix():
    images("in/a.jpg")
    assert targets("in", format="jpeg") == {"in/a.jpg": "out/a.jpg"}
    assert targets("in", format="tiff") == {"in/a.jpg": "out/a.tiff"}


def test_images_that_would_meet_keep_their_suffixes():
    images("in/a.jpg", "in/a.png", "in/b.png")
    assert targets("in") == {
        "in/a.jpg": "out/a.jpg.png",
        "in/a.png": "out/a.png.png",
        "in/b.png": "out/b.png",
    }


def test_names_that_differ_in_case_alone_do_not_meet():
    images("one/A.jpg", "two/a.jpg")
    found = targets("one", "two")
    assert len({name.casefold() for name in found.values()}) == 2


def test_equal_names_of_several_folders_get_numbers_whatever_their_order():
    images("one/a.jpg", "two/a.jpg")
    found = targets("one", "two")
    assert found == {"one/a.jpg": "out/a.jpg.png", "two/a.jpg": "out/a.jpg-2.png"}
    assert targets("two", "one") == found


def test_longer_name_does_not_take_a_plain_one():
    images("in/a.jpg", "in/a.png", "in/a.jpg.webp")
    found = targets("in")
    assert found["in/a.jpg.webp"] == "out/a.jpg.png" and len(set(found.values())) == 3


def test_pattern_is_expanded_below_its_fixed_part():
    images("in/x/a.jpg", "in/y/b.jpg", "in/y/c.png")
    Path("in/y/notes.jpg.txt").write_text("no image")
    expected = {"in/x/a.jpg": "out/x/a.png", "in/y/b.jpg": "out/y/b.png"}
    assert targets("in/**/*.jpg") == expected
    assert targets("in/*/*.jpg*") == expected
    assert set(targets("in/y*")) == {"in/y/b.jpg", "in/y/c.png"}
    assert len(targets("in/**")) == 3


def test_file_whose_name_looks_like_a_pattern_is_itself():
    images("a[1].jpg", "a1.jpg")
    assert list(targets("a[1].jpg", "a1.jpg")) == ["a[1].jpg", "a1.jpg"]


def test_file_in_several_inputs_is_done_once():
    images("in/a.jpg", "in/b.jpg")
    os.symlink("in", "link")
    named = targets("in/b.jpg", "in", "in/*.jpg", "./in/../in/a.jpg", "link", "link/a.jpg")
    assert list(named) == ["in/b.jpg", "in/a.jpg"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_every_name_of_a_file_in_dvcs_cache_has_its_result(link):
    images("cache/0a.png")
    Path("in/deep").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "deep/c.jpg"):
        link(Path("cache/0a.png").absolute(), f"in/{name}")
    expected = {"in/a.jpg", "in/b.jpg", "in/deep/c.jpg"}
    assert set(targets("in")) == set(targets(*sorted(expected))) == set(targets("in/**/*.jpg"))
    assert set(targets("in")) == expected


def test_results_of_an_earlier_run_are_no_inputs():
    images("a.jpg", "cutouts/a.png", "sub/cutouts/b.png")
    assert set(targets(".", output="cutouts")) == {"a.jpg", "sub/cutouts/b.png"}


def test_without_output_there_is_a_folder_of_that_name():
    images("a.jpg")
    assert plan(["a.jpg"], None, None)[0].target == Path("cutouts/a.png")


def test_stream_goes_to_the_stream_a_file_or_a_folder():
    assert plan(["-"], None, None)[0].target is None
    assert plan(["-"], "c.webp", None)[0].format == "WEBP"
    assert plan(["-"], "out", None)[0].target == Path("out/stdin.png")


def test_folder_with_a_suffix_is_a_folder():
    images("a.jpg")
    Path("results.png").mkdir()
    assert targets("a.jpg", output="results.png") == {"a.jpg": "results.png/a.png"}


@pytest.mark.parametrize(
    "inputs, output, says",
    [
        (["nowhere.jpg"], "out", "does not exist"),
        (["*.bmp"], "out", "matches no images"),
        (["empty"], "out", "holds no images"),
        (["-", "-"], "out", "give - once"),
        (["in"], "-", "takes one image"),
        (["in"], "one.png", "is no folder"),
        (["in/a.jpg"], "file", "is a file"),
        (["in/a.jpg"], "c.bmp", "cannot be written as .bmp"),
        (["in/b.png"], "in", "would be lost"),
        (["in/b.png"], "in/b.png", "would be lost"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(inputs, output, says):
    images("in/a.jpg", "in/b.png")
    Path("empty").mkdir()
    Path("file").touch()
    with pytest.raises(DataError, match=says):
        plan(inputs, output, None)


@pytest.mark.parametrize(
    "inputs, output",
    [
        (["in"], "in"),
        (["in/deep/.."], "./in/"),
        (["link"], "in"),
        (["in", "in/deep"], "in/deep"),
        (["in/deep", "in"], "in"),
        (["in/*"], "in"),
        (["in/**/*.png"], "in"),
        (["in/?.*", "in/deep/c.jpg"], "in"),
        (["."], "."),
    ],
)
def test_folder_in_which_a_second_run_would_find_the_results_is_refused(inputs, output):
    images("in/a.jpg", "in/b.jpg", "in/deep/c.jpg", "in/deep/d.png")
    Path("link").symlink_to("in")
    with pytest.raises(DataError, match="would be lost"):
        plan(inputs, output, None)


@pytest.mark.parametrize(
    "inputs, output",
    [
        (["in"], "in/cut"),
        (["in/**/*"], "in/cut"),
        (["in/*.jpg"], "in"),
        (["in/a.jpg"], "in"),
        (["in/deep"], "in"),
        (["."], "cutouts"),
    ],
)
def test_second_run_has_the_same_inputs_and_results(inputs, output):
    images("in/a.jpg", "in/b.jpg", "in/deep/c.jpg")
    first = targets(*inputs, output=output)
    images(*first.values())
    assert targets(*inputs, output=output) == first


@pytest.mark.parametrize("inputs, output", [([""], "out"), (["in", ""], "out"), (["in"], "")])
def test_empty_path_is_not_the_working_folder(inputs, output):
    images("in/a.jpg")
    with pytest.raises(DataError, match="is empty"):
        plan(inputs, output, None)
