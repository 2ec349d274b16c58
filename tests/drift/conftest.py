"""What the tests of drift share: a data set, new images of it, and the command."""

from pathlib import Path

import numpy as np
import pytest
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.data import manifest
from clearbg.images import write_image
from clearbg.system.files import file_sha256


@pytest.fixture(scope="package")
def made(tmp_path_factory) -> Path:
    """An ingested folder of 60 training images, a new one of 40, and the new ones darker."""
    folder, rows = tmp_path_factory.mktemp("drift"), []
    for index in range(100):
        rgb, _ = disc(index, (30, 40))
        if index < 60:
            path = folder / f"ingested/{index}.png"
            write_image(path, rgb)
            facts = {"id": str(index), "split": "train", "image": path.name, "status": "ok"}
            sha256 = file_sha256(path)
            rows.append(dict.fromkeys(manifest.COLUMNS, "") | facts | {"sha256": sha256})
        else:
            write_image(folder / f"new/{index}.png", rgb)
            write_image(folder / f"dark/{index}.png", np.uint8(rgb * 0.6))
    manifest.write(rows, folder / "ingested/manifest.csv")
    brightness_model(folder / "model.onnx")
    return folder


@pytest.fixture
def drift(made):
    """Runs the command on a folder or file of `made`, or on any path; demands the status."""

    def run(recent, *arguments: str, status: int = 0, least: str = "30"):
        command = ["drift", str(made / recent), "--reference", str(made / "ingested")]
        done = CliRunner().invoke(app, [*command, "--min-samples", least, *map(str, arguments)])
        assert done.exit_code == status, f"{done.output}{done.exception!r}"
        return done

    return run
