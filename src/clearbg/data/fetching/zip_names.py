"""Names in zip files that do not say their encoding (APPNOTE.TXT, appendix D)."""

import re
import struct
import zipfile
import zlib
from collections.abc import Sequence

UTF8 = 0x800  # bit of a file's flags: its name is UTF-8
UNICODE_PATH = 0x7075  # number of the extra field that holds a name in UTF-8
CJK = "\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e"  # letters that China and Japan share, and signs
WORDS = {  # encoding of a system -> what every word in it is that is not ASCII
    "cp866": "[А-ЯЁ]?[а-яё]+|[А-ЯЁ]{2,}",
    "cp932": f"[A-Za-z]*[{CJK}\u3041-\u30ff]{{2,}}[A-Za-z]*",
    "euc_kr": "[A-Za-z]*[\uac00-\ud7a3]{2,}[A-Za-z]*",
    "gb2312": f"[A-Za-z]*[{CJK}]{{2,}}[A-Za-z]*",
    "big5": f"[A-Za-z]*[{CJK}]{{2,}}[A-Za-z]*",
    "gbk": f"[A-Za-z]*[{CJK}]{{2,}}[A-Za-z]*",
}
WORD = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
STANDARD = "cp437"  # what the specification says of names without a mark


def names(infos: Sequence[zipfile.ZipInfo]) -> tuple[list[str], str | None]:
    """The name of each file, and the encoding that was supposed; None: nothing was supposed.

    Names without a mark are read alike, as the first encoding in which all of them are words. So
    an image and its mask have the same letters, also where the encoding is another one.
    """
    stated = [_stated(info) for info in infos]
    unstated = [_bytes(info) for info, name in zip(infos, stated, strict=True) if name is None]
    encoding = _encoding(unstated)
    found = [
        _decoded(_bytes(info), encoding) if name is None else name
        for info, name in zip(infos, stated, strict=True)
    ]
    return found, None if encoding == "utf-8" else encoding


def _stated(info: zipfile.ZipInfo) -> str | None:
    """The name in UTF-8 that the file itself states."""
    if info.flag_bits & UTF8:
        return info.orig_filename
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and len(field) > 5:
            (check,) = struct.unpack_from("<I", field, 1)
            if check == zlib.crc32(_bytes(info)):  # else the name was changed afterwards
                return field[5:].decode("utf-8", "surrogateescape")
    return None


def _bytes(info: zipfile.ZipInfo) -> bytes:
    """The name as it is stored, of a file that does not say to be in UTF-8."""
    return info.orig_filename.encode(STANDARD)


def _encoding(raw: Sequence[bytes]) -> str:
    for encoding in ("utf-8", *WORDS):
        try:
            texts = [name.decode(encoding) for name in raw]
        except UnicodeDecodeError:
            continue
        words = {word for text in texts for word in WORD.findall(text) if not word.isascii()}
        if encoding == "utf-8" or all(re.fullmatch(WORDS[encoding], word) for word in words):
            return encoding
    return STANDARD


def _decoded(name: bytes, encoding: str) -> str:
    if encoding == STANDARD:  # in East Asia a backslash is also the second half of a letter
        name = re.sub(rb"(?<=[\x81-\xfe])\\", b"_", name)
    return name.decode(encoding)
