"""What the commands of `clearbg` refuse to write over, each on the command line."""

from pathlib import Path

import numpy as np
import pytest
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.images import write_image, write_mask


@pytest.fixture(autouse=True)
def files(tmp_path):
    """Images and masks, a model, and files of other programs."""
    for name in ("a", "b"):
        image, alpha = disc(ord(name), (24, 32))
        write_image(f"images/{name}.png", image)
        write_mask(f"masks/{name}.png", np.asarray(alpha))
    write_image("photo.png", disc(5, (24, 32))[0])
    write_image("photo.jpg", disc(5, (24, 32))[0])
    Path("sales.csv").write_text("id,price\n1,2\n")
    Path("letter.html").write_text("<html>Dear</html>")
    Path("notes.png").write_text("notes")
    brightness_model(Path("m.onnx"))


def clearbg(line: str):
    return CliRunner().invoke(app, line.split())


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "line",
    [
        "remove photo.png --background photo.jpg -o photo.jpg --model m.onnx",
        "remove photo.png --background photo.jpg -o photo.jpg --model m.onnx --overwrite",
        "remove photo.png -o photo.png --model m.onnx",
        "remove photo.png -o notes.png --model m.onnx",
        "remove photo.png --log photo.png -o new.png --model m.onnx",
        "remove photo.png --log photo.jpg -o new.png --model m.onnx",
        "remove photo.png --log m.onnx -o new.png --model m.onnx",
        "remove photo.png --log sales.csv -o new.png --model m.onnx",
        "remove images -o images --model m.onnx",
        "remove images -o images --skip-existing --model m.onnx",
        "remove images/* photo.png -o images --model m.onnx",
        "compare images --model m.onnx -o images/a.png",
        "compare images --model m.onnx -n 1 -o images/b.png",
        "compare images --masks masks --model m.onnx -o masks/b.png",
        "compare images --model m.onnx -o photo.jpg",
        "compare images --model m.onnx -o m.onnx",
        "score masks masks -o masks/a.png",
        "score masks masks -o sales.csv",
        "score masks masks -o photo.jpg",
        "evaluate images masks --model m.onnx -o images/a.png",
        "evaluate images masks --model m.onnx -o m.onnx --overwrite",
        "doctor images masks --html images/a.png",
        "doctor images masks --html letter.html",
        "doctor images masks --html masks/b.png --overwrite",
        "drift images --html images/a.png",
        "drift images --html letter.html",
    ],
)
def test_file_that_the_command_has_not_made_stays(line):
    before = contents()
    done = clearbg(line)
    assert done.exit_code and len(done.stderr.splitlines()) == 1, done.output
    assert "lost" in done.stderr and contents() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "line, output",
    [
        ("remove photo.png --model m.onnx -o", "notes.png"),
        ("compare images --model m.onnx -o", "photo.jpg"),
        ("compare images --model m.onnx -o", "photo.png"),
        ("score masks masks -o", "sales.csv"),
        ("doctor images masks --html", "letter.html"),
    ],
)
def test_file_of_another_kind_is_written_over_when_asked_for_and_then_it_is_the_commands_own(
    line, output
):
    if line.startswith("remove"):
        Path("photo.png").rename("in.png")
        line = line.replace("photo", "in")
    before = Path(output).read_bytes()
    assert "Traceback" not in clearbg(f"{line} {output} --overwrite").output
    written = Path(output).read_bytes()
    assert written != before
    clearbg(f"{line} {output}")
    assert Path(output).read_bytes() == written


@pytest.mark.parametrize(
    "arguments",
    [
        ["remove", ""],
        ["remove", "photo.png", "-o", ""],
        ["remove", "photo.png", "--output="],
        ["remove", "photo.png", " "],
        ["doctor", ""],
        ["doctor", "images", "masks", "--html", ""],
        ["compare", "", "--model", "m.onnx"],
        ["score", "", "masks"],
        ["demo", "--export", ""],
        ["import-weights", ""],
        ["lineage", ""],
    ],
)
def test_empty_argument_is_refused_by_every_command(arguments):
    before = contents()
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code in (2, 3) and "is empty" in " ".join(done.stderr.split())
    assert contents() == before
