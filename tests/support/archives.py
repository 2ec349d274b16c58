"""Archives for tests: honest, hostile and broken ones, by what they are."""

import bz2
import gzip
import io
import lzma
import tarfile
import warnings
import zipfile

from clearbg.data.fetching.archive import MARKER

FILES = {"img/a.jpg": b"a" * 1000, "mask/a.png": b"b" * 20, "empty.txt": b""}


def make_zip(files, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as file:
        warnings.simplefilter("ignore")  # zipfile dislikes the collisions, too
        for name, content in files:
            file.writestr(name, content)
    return buffer.getvalue()


def make_tar(members, format=tarfile.GNU_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as file:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if info.isreg():
                info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_entry(name, mode=0o100644, **fields):
    info = zipfile.ZipInfo("placeholder")
    info.filename, info.create_system, info.external_attr = name, 3, mode << 16
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def tar_entry(name, kind=tarfile.REGTYPE, **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def flagged(data, flag):
    """The zip with a general purpose flag set in every header."""
    data = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= flag
            at = data.find(signature, at + 4)
    return bytes(data)


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }


ITEMS = list(FILES.items())
HONEST = {
    "zip": make_zip(ITEMS),
    "stored zip": make_zip(ITEMS, zipfile.ZIP_STORED),
    "lzma zip": make_zip(ITEMS, zipfile.ZIP_LZMA),
    "zip with folders": make_zip([("img/", b""), ("mask/", b""), *ITEMS]),
    "zip with backslashes": make_zip(
        [("img\\", b""), *((name.replace("/", "\\"), content) for name, content in ITEMS)]
    ),
    "tar": make_tar(ITEMS),
    "pax tar": make_tar(ITEMS, tarfile.PAX_FORMAT),
    "tar from a dot": make_tar(
        [(tar_entry(".", tarfile.DIRTYPE), b""), *(("./" + name, c) for name, c in ITEMS)]
    ),
    "tar.gz": gzip.compress(make_tar(ITEMS)),
    "tar.xz": lzma.compress(make_tar(ITEMS)),
    "tar.bz2": bz2.compress(make_tar(ITEMS)),
}

NAMES = {
    "name leaves the folder": "../escaped",
    "name leaves the folder in the middle": "a/../../escaped",
    "name leaves the folder by backslashes": "..\\escaped",
    "absolute name": "/tmp/escaped-absolute",
    "absolute name by backslashes": "\\\\server\\escaped",
    "name with a drive": "C:escaped",
    "name with a line break": "a\nb",
    "name of the marker": MARKER.upper(),
    "name longer than file systems hold": "n" * 300,
    "path longer than file systems hold": "folder/" * 400 + "a",
}
COLLISIONS = {
    "one name twice": ["a", "a"],
    "names that differ by case": ["a.png", "A.png"],
    "names that differ by unicode form": ["\u00e9.png", "e\u0301.png"],
    "names that differ by sharp s": ["stra\u00dfe", "STRASSE"],
    "a file as folder": ["a", "a/b"],
    "a folder as file": ["a/b", "A"],
    "names that differ by dots": ["a/b", "a/./b"],
}
HOSTILE = {
    "tar with a symbolic link": make_tar([(tar_entry("l", tarfile.SYMTYPE, linkname="/tmp"), b"")]),
    "tar that writes through its link": make_tar(
        [(tar_entry("l", tarfile.SYMTYPE, linkname=".."), b""), ("l/escaped", b"x")]
    ),
    "tar with a hard link": make_tar(
        [("a", b"x"), (tar_entry("l", tarfile.LNKTYPE, linkname="a"), b"")]
    ),
    "tar with a device": make_tar([(tar_entry("d", tarfile.CHRTYPE, devmajor=1, devminor=3), b"")]),
    "tar with a pipe": make_tar([(tar_entry("p", tarfile.FIFOTYPE), b"")]),
    "tar with holes": make_tar([(tar_entry("s", tarfile.GNUTYPE_SPARSE), b"")]),
    "tar with an endless name": make_tar([("n" * (4 << 20), b"")]),
    "tar with endless attributes": make_tar(
        [(tar_entry("a", pax_headers={"comment": "c" * (4 << 20)}), b"")], tarfile.PAX_FORMAT
    ),
    "tar.gz bomb": gzip.compress(make_tar([("zeros", bytes(70 << 20))])),
    "tar.gz bomb behind the end": gzip.compress(make_tar(ITEMS) + bytes(4 << 20)),
    "zip bomb": make_zip([("zeros", bytes(70 << 20))]),
    "zip bomb of many files": make_zip([(f"{i}", bytes(1 << 20)) for i in range(70)]),
    "zip with a symbolic link": make_zip([(zip_entry("l", 0o120777), b"/tmp")]),
    "zip with a device": make_zip([(zip_entry("d", 0o020666), b"")]),
    "encrypted zip": flagged(make_zip(ITEMS), 1),
}
HOSTILE |= {f"zip: {why}": make_zip([(zip_entry(name), b"x")]) for why, name in NAMES.items()}
HOSTILE |= {f"tar: {why}": make_tar([(name, b"x")]) for why, name in NAMES.items()}
for _why, _names in COLLISIONS.items():
    HOSTILE[f"zip: {_why}"] = make_zip([(zip_entry(name), b"x") for name in _names])
    HOSTILE[f"tar: {_why}"] = make_tar([(name, b"x") for name in _names])

BROKEN = {
    "empty file": b"",
    "web page": b"<!DOCTYPE html><title>Too many requests</title>",
    "image": b"\x89PNG\r\n\x1a\n" + bytes(600),
    "gz of something else": gzip.compress(b"a,b\n1,2\n"),
    "zip with a wrong sum": HONEST["stored zip"].replace(b"a" * 1000, b"a" * 999 + b"x", 1),
    "tar with a damaged second header": HONEST["tar"][: 1536 + 10] + b"?" + HONEST["tar"][1547:],
    "tar without its end": HONEST["tar"][:1536],
    "tar.gz with a wrong sum": HONEST["tar.gz"][:-8] + bytes(8),
}
for _kind in ("zip", "tar", "tar.gz", "tar.xz", "tar.bz2"):
    for _share in (0.3, 0.6, 0.9):
        _whole = HONEST[_kind].rstrip(b"\0") if _kind == "tar" else HONEST[_kind]
        BROKEN[f"{_kind} cut at {_share}"] = _whole[: int(len(_whole) * _share)]
