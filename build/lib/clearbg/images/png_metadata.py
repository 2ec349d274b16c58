"""PNG files with more text, or a larger color profile, than Pillow accepts."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LEFT_OUT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
MAX_PROFILE = 32 << 20  # bytes of a color profile


def without(content: bytes) -> tuple[bytes, bytes | None] | None:
    """A PNG file without its text and its color profile, and that profile.

    The profile is None where there is none, and empty where it is damaged or larger than
    `MAX_PROFILE`. The result is None where the file has neither text nor profile, or is no PNG.
    """
    if not content.startswith(SIGNATURE):
        return None
    kept, profile, place = [SIGNATURE], None, len(SIGNATURE)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if kind == b"iCCP":
            profile = _inflated(content[place + 8 : end - 4])
        if kind not in LEFT_OUT:
            kept.append(content[place:end])
        place = end
    lean = b"".join([*kept, content[place:]])
    return None if len(lean) == len(content) else (lean, profile)


def _inflated(chunk: bytes) -> bytes:
    """The profile of an iCCP chunk: a name, a zero, the method (0) and zlib's stream."""
    _, _, packed = chunk.partition(b"\0")
    inflating = zlib.decompressobj()
    try:
        profile = inflating.decompress(packed[1:], MAX_PROFILE)
    except zlib.error:
        return b""
    return profile if inflating.eof else b""
