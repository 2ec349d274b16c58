"""What a file is that cannot be decoded: damaged, cut short, of another kind, or no image."""

import os
from typing import BinaryIO

from PIL import UnidentifiedImageError

from clearbg.errors import ImageError

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the latter two of BigTIFF
SIGNATURES = (*TIFF, b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"\0\0\0\x0cjP  ")

OTHER_IMAGES = {  # the bytes at the start, or from the fifth on -> what has them
    b"8BPS": "a Photoshop file",
    b"gimp xcf": "a GIMP file",
    b"\xff\x0a": "a JPEG XL image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\x76\x2f\x31\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance HDR image",
    b"\0\0\1\0": "a Windows icon",
    b"DDS ": "a DirectDraw texture",
    b"II*\0\x10\0\0\0CR": "a camera's raw file",
    b"IIRO": "a camera's raw file",
    b"IIU\0": "a camera's raw file",
    b"FUJIFILMCCD-RAW": "a camera's raw file",
    b"ftypcrx": "a camera's raw file",
}
NO_IMAGES = {  # the same -> what it is, and what to do
    b"%PDF": ("a PDF document", "export its image"),
    b"%!PS": ("a PostScript file", "export it as PNG"),
    b"\xc5\xd0\xd3\xc6": ("a PostScript file", "export it as PNG"),
    b"<svg": ("an SVG drawing", "export it as PNG"),
    b"<?xml": ("an XML file, perhaps an SVG drawing", "export its image as PNG"),
    b"<!DOCTYPE html": ("a web page", "download the image itself"),
    b"<!doctype html": ("a web page", "download the image itself"),
    b"<html": ("a web page", "download the image itself"),
    b"ftypmp4": ("a film", "export a frame of it"),
    b"ftypisom": ("a film", "export a frame of it"),
    b"ftypqt": ("a film", "export a frame of it"),
    b"\x1aE\xdf\xa3": ("a film", "export a frame of it"),
    b"PK\3\4": ("a zip archive", "extract it"),
    b"\x1f\x8b": ("a gzip archive", "extract it"),
    b"Rar!": ("a RAR archive", "extract it"),
    b"7z\xbc\xaf": ("a 7z archive", "extract it"),
    b"version https://git-lfs": ("only a pointer to a file of Git LFS", "run `git lfs pull`"),
}
HEAD = 512  # bytes that tell the kind


def _begins(head: bytes, sign: bytes) -> bool:
    """Whether a file begins with a sign; those of ISO's boxes stand from the fifth byte on."""
    return head.startswith(sign, 4 if sign.startswith(b"ftyp") else 0)


def failure(error: Exception, stream: BinaryIO, name: str) -> ImageError:
    """What a failed decoding means, by the error and by the file's first and last bytes."""
    stream.seek(0)
    head = stream.read(HEAD)
    for sign, kind in OTHER_IMAGES.items():
        if _begins(head, sign):
            return unsupported(name, kind)
    for sign, (what, action) in NO_IMAGES.items():
        if _begins(head, sign):
            return ImageError(f"{name} is {what} and no image: {action}.", "not-an-image")
    if odd := _odd_jpeg(stream):
        return unsupported(name, odd)
    words = str(error).lower()
    cut = isinstance(error, EOFError) or "truncated" in words or "not enough" in words
    if cut or stream.seek(0, os.SEEK_END) < _declared_length(stream, head):
        return ImageError(f"{name} is cut short: fetch or export it again.", "truncated")
    if not isinstance(error, UnidentifiedImageError):
        return ImageError(f"{name} is damaged, or of an unusual kind ({error}).", "unreadable")
    if head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif"):
        return ImageError(f"{name} is HEIC: `pip install pillow-heif` to read it.", "unreadable")
    if head.startswith(SIGNATURES) or head[4:8] == b"ftyp":
        return ImageError(f"{name} has a damaged header: fetch it again.", "unreadable")
    return ImageError(f"{name} is not an image, whatever its name says.", "not-an-image")


def unsupported(name: str, what: str) -> ImageError:
    """The refusal of a sound file of a kind that nothing here reads."""
    message = f"{name} is {what}, which cannot be read here: export it as PNG, TIFF or JPEG."
    return ImageError(message, "unsupported")


def _odd_jpeg(stream: BinaryIO) -> str | None:
    """What a JPEG is that is neither baseline nor progressive with 8 bits (ITU-T T.81, B.2.2)."""
    stream.seek(0)
    if stream.read(2) != b"\xff\xd8":
        return None
    while len(segment := stream.read(5)) == 5 and segment[0] == 0xFF:
        marker, length, bits = segment[1], int.from_bytes(segment[2:4], "big"), segment[4]
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            if bits != 8:
                return f"a JPEG with {bits} bits a channel"
            return "a lossless or arithmetic JPEG" if marker > 0xC2 else None
        stream.seek(length - 3, os.SEEK_CUR)
    return None


def _declared_length(stream: BinaryIO, head: bytes) -> int:
    """Bytes that the container claims, where the decoder does not tell cut from damaged."""
    if head.startswith(b"RIFF"):
        return 8 + int.from_bytes(head[4:8], "little")
    if head.startswith(TIFF[:2]):  # the place of the first list of tags, which may be the last part
        return int.from_bytes(head[4:8], "little" if head[:1] == b"I" else "big")
    end = 0
    if head[4:8] in (b"ftyp", b"jP  "):
        for _ in range(64):  # an honest file has a handful of boxes
            stream.seek(end)
            size = int.from_bytes(stream.read(4), "big")
            if size < 8:  # there is no further box, or it runs to the end of the file
                break
            end += size
    return end
