"""How many images a training will have, also before they are augmented, ingested or fetched."""

from dataclasses import dataclass
from pathlib import Path

from clearbg import config
from clearbg.data import manifest
from clearbg.data.augment import tiles

UNKNOWN = 1000
AUGMENTED = "data/augmented"


@dataclass(frozen=True)
class Counts:
    """Images of the training and the validation split, and where these numbers come from."""

    train: int
    validation: int
    origin: str


def counted(settings: config.Settings, root: Path, images: int | None = None) -> Counts:
    """The images of a recipe's splits.

    Args:
        root: the project's folder.
        images: of the training split, where a person says it.
    """
    if images:
        return Counts(images, max(1, images // 10), "by --images")
    live = config.load(root / "params.yaml")
    if (live.data, live.augment) == (settings.data, settings.augment):
        for name, copies in ((AUGMENTED, _itself), ("data/ingested", _copies)):
            if (root / name / "manifest.csv").is_file():
                rows = manifest.read(root / name).to_dict("records")
                numbers = dict.fromkeys(("train", "validation"), 0)
                for row in rows:
                    if row["split"] in numbers:
                        numbers[row["split"]] += copies(row, settings.augment)
                if all(numbers.values()):
                    return Counts(**numbers, origin=name)
    data = settings.data
    if isinstance(data, config.SyntheticData):
        train = round(data.count * (1 - data.validation - data.test))
        validation = max(1, round(data.count * data.validation))
        return Counts(train * (1 + settings.augment.mirror), validation, "as data.count says")
    return Counts(UNKNOWN, UNKNOWN // 10, "an example: nothing is ingested yet; say --images")


def _itself(row: dict, augment: config.Augment) -> int:
    return int((row["height"], row["width"]) == (augment.size, augment.size))


def _copies(row: dict, augment: config.Augment) -> int:
    """How many images the stage augment makes of an ingested one."""
    count, side = 1, augment.size
    if augment.fit == "tile":
        height, width = (max(side, int(row[edge])) for edge in ("height", "width"))
        count = len(list(tiles(height, width, side, augment.overlap or 0)))
    return count * (1 + (augment.mirror and row["split"] == "train"))
