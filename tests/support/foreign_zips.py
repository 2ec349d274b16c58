"""Zip files whose names do not say their encoding."""

import zipfile
from pathlib import Path


class Raw(zipfile.ZipInfo):
    """A file whose name is written as bytes, without a word on their encoding."""

    raw: bytes

    def _encodeFilenameFlags(self):
        return self.raw, self.flag_bits & ~0x800


def archive(path: Path, files: dict[bytes, bytes], extra: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for number, (name, content) in enumerate(files.items()):
            info = Raw(str(number))
            info.raw, info.extra = name, extra
            file.writestr(info, content)
    return path
