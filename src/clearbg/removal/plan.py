"""The plan of a run: which images the inputs name, and where the result of each goes."""

import glob
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from clearbg.errors import DataError, SettingsError
from clearbg.images import SUFFIXES, WRITERS, find_images, finding
from clearbg.system.names import composed
from clearbg.system.object_store import Location, StorePath, location, without_file_scheme

STREAM = "-"  # standard input or standard output
DEFAULT_OUTPUT = "cutouts"
SUFFIX = {"png": ".png", "webp": ".webp", "tiff": ".tiff", "jpeg": ".jpg"}
"""Format that a user can ask for -> suffix of its files."""


class NoImagesError(DataError):
    """A folder holds no images."""


@dataclass(frozen=True)
class Job:
    """One image to work on.

    Attributes:
        source: None: standard input.
        target: None: standard output.
        format: Pillow's name, such as "JPEG".
    """

    source: Location | None
    target: Location | None
    format: str


@dataclass(frozen=True)
class _Found:
    source: Location | None
    inside: Path
    """Its path within the folder, the pattern or the store where it was found."""


def plan(inputs: Sequence[str | Path], output: str | Path | None, format: str | None) -> list[Job]:
    """Decide what to read, and where to write the result of each image.

    A single image goes to the file that `output` names, if it has the suffix of an image.
    Everything else goes into the folder `output`, with the same subfolders. Images whose results
    would have the same name (a.jpg and a.png) keep their suffixes in it (a.jpg.png, a.png.png);
    names that are still the same get numbers.

    Args:
        inputs: images, folders (with all subfolders), patterns such as photos/**/*.jpg, addresses
            of images or folders in stores such as s3://bucket/photos, or "-" for standard input.
        output: a file, a folder, an address of either, or "-" for standard output; None: "-"
            for standard input, else the folder "cutouts".
        format: "png", "webp", "tiff" or "jpeg"; None: as the suffix of `output` says, or PNG.

    Raises:
        DataError: an input is empty, is missing or holds no images, `output` cannot take them,
            an image would be written over an input, or a second run would find the results of
            the first one among its inputs.
        SettingsError: the format is not known.
    """
    if format is not None and format not in SUFFIX:
        raise SettingsError(f"The format {format!r} is not known: choose {', '.join(SUFFIX)}.")
    names = [without_file_scheme(os.fspath(item)) for item in inputs]
    if "" in names or output == "":
        raise DataError("An input or the output is empty: give its path.")
    if names.count(STREAM) > 1:
        raise DataError("Standard input holds one image: give - once.")
    if output is None:
        output = STREAM if names == [STREAM] else DEFAULT_OUTPUT
    output = without_file_scheme(os.fspath(output))
    once: dict[str, _Found] = {}  # a file that several inputs name is done once
    for one in itertools.chain.from_iterable(_find(name, output) for name in names):
        once.setdefault(_identity(one), one)
    found = list(once.values())
    single = len(names) == 1 and (names[0] == STREAM or found[0].source == location(names[0]))
    if output == STREAM:
        if len(found) > 1:
            raise DataError(f"Standard output takes one image, not {len(found)}: name a folder.")
        return [Job(found[0].source, None, WRITERS[SUFFIX[format or "png"]])]
    to = location(output)
    local = isinstance(to, Path)
    if not (local and to.is_dir()) and to.suffix.lower() in SUFFIXES:
        if not single:
            raise DataError(f"{to} is no folder, and more than one image needs one: name a folder.")
        jobs = [Job(found[0].source, to, _format(to, format))]
    else:
        if local and to.is_file():
            raise DataError(f"{to} is a file: name a folder, or a file with a suffix.")
        jobs = _into_folder(found, to, SUFFIX[format or "png"])
        _refuse_own_results(names, output, jobs)
    _refuse_to_lose(jobs)
    return jobs


def left_out(inputs: Sequence[str | Path], output: str | Path | None) -> tuple[str, ...]:
    """A sentence for each folder or pattern in which something is no image, and left out."""
    results = without_file_scheme(os.fspath(DEFAULT_OUTPUT if output is None else output))
    sentences = []
    for name in (without_file_scheme(os.fspath(given)) for given in inputs):
        if isinstance(source := location(name), StorePath):
            left = finding.survey_names(_names_in(source, results))[1]
            sentences.append(finding.left_out(left, source))
            continue
        if Path(name).is_dir():
            left = finding.survey(name)[1]
        elif glob.has_magic(name) and not Path(name).exists():
            files = [path for path in map(Path, sorted(glob.glob(name))) if not path.is_dir()]
            others = [path for path in files if path.suffix.lower() not in SUFFIXES]
            left = {finding.OTHER_NAME: others} if others else {}
        else:
            continue
        own = _results_in(Path(name), results)
        left = {r: [p for p in paths if not _lies_in(p, own)] for r, paths in left.items()}
        sentences.append(finding.left_out({r: paths for r, paths in left.items() if paths}, name))
    return tuple(filter(None, sentences))


def _find(name: str, output: str) -> list[_Found]:
    """The images of one input, sorted."""
    if name == STREAM:
        return [_Found(None, Path("stdin"))]
    path = location(name)
    if isinstance(path, StorePath):
        if name.lower().startswith(("http://", "https://")):
            raise DataError(
                f"{path} is a web address, and nothing is fetched from the web: download it, and "
                "give the path of the file."
            )
        return _in_store(path, output)
    if path.is_dir():
        return _inside(path, path, output)
    if path.exists():
        return [_Found(path, Path(path.name))]
    if not glob.has_magic(name):
        raise DataError(f"{name} does not exist: check the path.")
    parts = path.parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    base, found = Path(*parts[:fixed]), []
    own = _results_in(base, output)
    for match in sorted(map(Path, glob.glob(name, recursive=True))):
        if _lies_in(match, own):
            continue
        if match.is_dir() and parts[-1] != "**":
            found += _inside(match, base, output)
        elif match.is_file() and match.suffix.lower() in SUFFIXES:
            found.append(_Found(match, match.relative_to(base)))
    if not found:
        raise DataError(f"{name} matches no images ({', '.join(SUFFIXES)}).")
    return found


def _inside(folder: Path, base: Path, output: str) -> list[_Found]:
    """All images below a folder, except results of an earlier run."""
    own = _results_in(folder, output)
    found = [path for path in find_images(folder) if not _lies_in(path, own)]
    if not found:
        raise NoImagesError(f"{folder} holds no images ({', '.join(SUFFIXES)}).")
    return [_Found(path, path.relative_to(base)) for path in found]


def _results_in(folder: Path, output: str) -> Path | None:
    """The folder of the results where it lies inside `folder`: what is in it is no input."""
    results, real = Path(output).resolve(), folder.resolve()
    return results if results != real and results.is_relative_to(real) else None


def _lies_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and path.resolve().is_relative_to(folder)


def _in_store(source: StorePath, output: str) -> list[_Found]:
    """The same as `_inside`, for a folder in a store."""
    stored = _names_in(source, output)
    found = [_Found(stored[name], Path(name)) for name in finding.survey_names(stored)[0]]
    if not found:
        raise DataError(f"{source} holds no images ({', '.join(SUFFIXES)}).")
    return found


def _names_in(source: StorePath, output: str) -> dict[str, StorePath]:
    """Path inside a folder of a store -> the file; without results of an earlier run."""
    results, base = (f"{text.rstrip('/')}/" for text in (output, source.address))
    inside = results != base and results.startswith(base)
    return {
        (name or stored.address.rpartition("/")[2]).lstrip("/"): stored
        for name, stored in source.files().items()
        if not (inside and stored.address.startswith(results))
    }


def _identity(one: _Found) -> str:
    """What is the same for two ways of naming one file; links to one file are two files."""
    if isinstance(one.source, StorePath):
        return one.source.address
    if one.source is None:
        return STREAM
    return os.path.join(os.path.realpath(one.source.parent), one.source.name)


def _format(output: Location, asked: str | None) -> str:
    """The format of a single file; its suffix and the format asked for must agree."""
    named = WRITERS.get(output.suffix.lower())
    if named is None:
        raise DataError(
            f"{output} cannot be written as {output.suffix}: choose one of {', '.join(WRITERS)}."
        )
    if asked is not None and WRITERS[SUFFIX[asked]] != named:
        raise DataError(f"{output} is not the name of a {asked} file: end it in {SUFFIX[asked]}.")
    return named


def _into_folder(found: list[_Found], folder: Location, suffix: str) -> list[Job]:
    """Jobs with different targets, whatever the order of the inputs.

    Names that differ only in upper and lower case, or in the form of Unicode, count as the same.
    """
    plain = {one: _folded(one.inside.with_suffix("")) for one in found}
    shared = Counter(plain.values())
    taken, targets = set(), {}
    # Images that keep their plain name come first, so that no longer name takes it.
    for one in sorted(found, key=lambda one: (shared[plain[one]] > 1, str(one.source))):
        stem = one.inside.stem if shared[plain[one]] == 1 else one.inside.name
        name, number = stem, 1
        while _folded(one.inside.with_name(name + suffix)) in taken:
            number += 1
            name = f"{stem}-{number}"
        targets[one] = one.inside.with_name(name + suffix)
        taken.add(_folded(targets[one]))
    return [Job(one.source, folder / targets[one], WRITERS[suffix]) for one in found]


def _refuse_own_results(names: Sequence[str], output: str, jobs: Sequence[Job]) -> None:
    """Raise DataError where the next run with these inputs would find results among them."""
    for source in map(location, names):
        if isinstance(source, Path) and source.is_file():
            continue
        for job in jobs:
            if _would_find(source, job.target, output):
                raise DataError(
                    f"{job.target} would lie among the images of {source}, and a second run would "
                    "take it for one of them, so that images would be lost: name another folder."
                )


def _would_find(source: Location, target: Location, output: str) -> bool:
    """Whether an input would include `target`, if it were there already."""
    if isinstance(source, StorePath):
        return output.rstrip("/") == source.address.rstrip("/")
    if isinstance(target, StorePath):
        return False
    if source.is_dir():
        return _results_in(source, output) is None and _lies_in(target, source.resolve())
    if not glob.has_magic(str(source)):
        return False
    parts, pattern = Path(os.path.abspath(target)).parts, Path(os.path.abspath(source)).parts
    fixed = next(index for index, part in enumerate(pattern) if glob.has_magic(part))
    if _results_in(Path(*pattern[:fixed]), output) is not None:
        return False
    return any(_fits(parts[:end], pattern) for end in range(fixed, len(parts) + 1))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path fits a pattern, in which ** stands for any number of folders."""
    if not parts or not pattern:
        return not parts and not pattern
    if pattern[0] == "**":
        return any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return fnmatch(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _folded(path: Path) -> str:
    return composed(os.fspath(path).casefold())


def _refuse_to_lose(jobs: Iterable[Job]) -> None:
    originals = {job.source.resolve() for job in jobs if job.source is not None}
    for job in jobs:
        if job.target.resolve() in originals:
            raise DataError(f"{job.target} is an input and would be lost: name another output.")
