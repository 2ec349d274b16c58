"""Finds the images in a folder, and says what is left out there and why."""

import os
from collections import Counter
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
SYSTEM = "a folder of the system"
FORBIDDEN = "a folder that may not be read"
SPECIAL = "no regular file"
LINKED = "linked to a folder that is looked at already"

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
    named = path.suffix.lower() in SUFFIXES
    if path.name.startswith("."):
        return HIDDEN if named else ""
    if not named:
        return OTHER_NAME
    return SPECIAL if path.exists() and not path.is_file() else None


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
        parts.append(f"{len(paths)} {reason} ({', '.join(names[:NAMED])}{more})")
    return f"{where}: left out are {'; '.join(parts)}."


def left_out_of(*folders: Path) -> str:
    """`left_out` of folders, a line each."""
    told = [left_out(survey(folder)[1], folder) for folder in folders if folder.is_dir()]
    return "\n".join(filter(None, told))
