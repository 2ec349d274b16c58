"""Pairs of image and alpha from data sets, laid out as published."""

from pathlib import Path

from clearbg import config
from clearbg.data.pairs import GeneratedPair, Pair
from clearbg.data.sources import cars, cutouts, documents, people, salient, table
from clearbg.data.sources.folders import by_stem, named_folder
from clearbg.errors import DataError
from clearbg.images import finding

__all__ = ["by_stem", "pairs"]


def pairs(data: config.Data, downloads: Path) -> list[Pair]:
    """All pairs that the settings' source offers, usable or not; ids are unique.

    Archives are fetched and extracted under `downloads`.

    Raises:
        DataError: a folder or archive is missing, is not what the source is published as,
            or holds no images.
    """
    found = _pairs(data, downloads)
    if not found:
        raise DataError(f"{data.path}: the source {data.source} has no images: add some.")
    seen: dict[str, Pair] = {}
    for pair in found:
        if seen.setdefault(pair.id, pair) is not pair:
            raise DataError(f"{data.path}: two images have the id {pair.id}: rename one of them.")
    return found


def _pairs(data: config.Data, downloads: Path) -> list[Pair]:
    match data:
        case config.SyntheticData():
            return [
                GeneratedPair(f"generated-{index:05d}", data.seed, index, data.kind)
                for index in range(data.count)
            ]
        case config.FolderData():
            folders = (
                named_folder(data.path, data.images, "data.images"),
                named_folder(data.path, data.masks, "data.masks"),
            )
            finding.say_left_out(*folders)
            return by_stem(*folders)
        case config.CsvData():
            return table.pairs(Path(data.path, data.table))
        case config.CutoutsData():
            return cutouts.composites(data)
        case config.DutsData():
            return salient.duts(data, downloads)
        case config.Dis5kData():
            return salient.dis5k(data, downloads)
        case config.EasyPortraitData():
            return people.easyportrait(data, downloads)
        case config.PeopleData():
            return people.photographs(data, downloads)
        case config.CarvanaData():
            return cars.carvana(data, downloads)
        case config.KagglePairsData():
            return cutouts.kaggle_pairs(data, downloads)
        case config.DibcoData():
            return documents.dibco(data, downloads)
    raise DataError(f"data.source {data.source!r} has no reader.")
