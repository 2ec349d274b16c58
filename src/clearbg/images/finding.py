"""Finds the images in a folder, and says what is left out there and why."""

import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from PIL import (  # noqa: F401 - each enters its suffixes into `Image.EXTENSION`
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from clearbg.errors import ImageError
from clearbg.images.decoding import FORMATS

HEIF = (".heic", ".heics", ".heif", ".heifs", ".hif")  # of pillow-heif, which may be missing
SUFFIXES = tuple(
    sorted({*HEIF, ".mpo", *(s for s, format in Image.EXTENSION.items() if format in FORMATS)})
)
"""Every suffix of the formats that are read, lower case."""

SYSTEM_FOLDERS = ("@eaDir", "__MACOSX", "lost+found", "$RECYCLE.BIN", "System Volume Information")

OTHER_NAME = "not named as an image"
HIDDEN = "hidden"
SYSTEM = "folder of the system"
FORBIDDEN = "folder that may not be read"
SPECIAL = "no regular file"
LINKED = "linked to a folder that is looked at already"
PLURAL = {
    SYSTEM: "folders of the system", FORBIDDEN: "folders that may not be read",
    SPECIAL: "no regular files",
}  # fmt: skip

LeftOut = dict[str, list[Path]]  # reason -> what is left out for it
NAMED = 3  # examples of a reason in a sentence


def find_images(folder: Path | str) -> list[Path]:
    """Every file under `folder` with an image's suffix, sorted; see `survey`."""
    return survey(folder)[0]


def survey(folder: Path | str) -> tuple[list[Path], LeftOut]:
    """The images under `folder`, sorted, and what is left out.

    Two links to one file are two images, as in DVC's cache. Linked folders are followed, each
    folder once. Hidden files and folders, folders of the system such as a NAS's @eaDir, folders
    that may not be read, and what is no regular file are left out.

    Raises:
        ImageError: `folder` itself cannot be listed.
    """
    left: LeftOut = {}

    def leave(reason: str, path: Path) -> None:
        left.setdefault(reason, []).append(path)

    def pass_over(error: OSError) -> None:
        if Path(error.filename) == Path(folder):
            raise ImageError(f"{error.filename} cannot be listed: {error.strerror}.", "missing")
        leave(FORBIDDEN, Path(error.filename))

    found, seen = [], set()
    for parent, folders, files in os.walk(folder, onerror=pass_over, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            leave(LINKED, Path(parent))
            continue
        seen.add(real)
        for name in folders:
            if name in SYSTEM_FOLDERS:
                leave(SYSTEM, Path(parent, name))
        folders[:] = sorted(f for f in folders if not (f.startswith(".") or f in SYSTEM_FOLDERS))
        for path in (Path(parent, name) for name in files):
            reason = _reason(path)
            if reason is None:
                found.append(path)
            elif reason:
                leave(reason, path)
    return sorted(found), {reason: sorted(paths) for reason, paths in sorted(left.items())}


def _reason(path: Path) -> str | None:
    """Why a file is left out; empty: nobody would miss it; None: it is an image."""
    reason = _reason_of_name(path.suffix, path.name.startswith("."))
    if reason is not None:
        return reason
    return SPECIAL if path.exists() and not path.is_file() else None


def _reason_of_name(suffix: str, hidden: bool) -> str | None:
    named = suffix.lower() in SUFFIXES
    if hidden:
        return HIDDEN if named else ""
    return None if named else OTHER_NAME


def survey_names(names: Iterable[str]) -> tuple[list[str], LeftOut]:
    """The same as `survey` for the names of files in a store, paths with slashes.

    Names below a folder of the system are left out as that folder.
    """
    found: list[str] = []
    left: dict[str, dict[Path, None]] = {}
    for name in names:
        path = Path(name)
        system = next((n for n, part in enumerate(path.parts) if part in SYSTEM_FOLDERS), None)
        if system is not None:
            left.setdefault(SYSTEM, {})[Path(*path.parts[: system + 1])] = None
            continue
        hidden = any(part.startswith(".") for part in path.parts)  # .. as well
        reason = _reason_of_name(path.suffix, hidden)
        if reason is None:
            found.append(name)
        elif reason:
            left.setdefault(reason, {})[path] = None
    return found, {reason: sorted(paths) for reason, paths in sorted(left.items())}


def left_out(left: LeftOut, where: Path | str) -> str:
    """One sentence on what is left out under `where`; empty when nothing is."""
    if not left:
        return ""
    parts = []
    for reason, paths in left.items():
        if reason == OTHER_NAME:
            suffixes = Counter(path.suffix.lower() or "no suffix" for path in paths)
            names = [suffix for suffix, _ in suffixes.most_common()]
        else:
            names = [path.name for path in paths]
        more = ", ..." if len(names) > NAMED else ""
        reason = reason if len(paths) == 1 else PLURAL.get(reason, reason)
        parts.append(f"{len(paths)} {reason} ({', '.join(names[:NAMED])}{more})")
    return f"left out of {where}: {'; '.join(parts)}."


def left_out_of(*folders: Path) -> str:
    """`left_out` of folders, a line each."""
    told = [left_out(survey(folder)[1], folder) for folder in folders if folder.is_dir()]
    return "\n".join(filter(None, told))


def say_left_out(*folders: Path) -> None:
    """Print `left_out_of` on standard error."""
    if told := left_out_of(*folders):
        print(told, file=sys.stderr)
