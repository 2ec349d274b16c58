"""The contract inside an ONNX file, found without loading the network around it.

ONNX Runtime gives the contract only of a model that it has loaded, and the best way to load a model
depends on the contract. Importing the library `onnx` would take longer than this search.
"""

import io
import os
from pathlib import Path
from typing import BinaryIO

from clearbg.contract import METADATA_KEY

METADATA = 14  # onnx.proto: ModelProto.metadata_props, pairs of 1, the key, and 2, the value
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of Protocol Buffers


def contract_text(model: str | Path) -> str:
    """The contract's JSON; empty if the file has no contract or is not an ONNX file."""
    with open(model, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            while file.tell() < size:
                number, content = _field(file, size, wanted=METADATA)
                if number == METADATA and content is not None:
                    found = _pair(content)
                    if found.get(1) == METADATA_KEY.encode():
                        return found.get(2, b"").decode()
        except (EOFError, UnicodeDecodeError):
            return ""
    return ""


def _pair(content: bytes) -> dict[int, bytes | None]:
    stream, found = io.BytesIO(content), {}
    while stream.tell() < len(content):
        number, value = _field(stream, len(content))
        found[number] = value
    return found


def _field(file: BinaryIO, end: int, wanted: int | None = None) -> tuple[int, bytes | None]:
    """The next field of a stream of `end` bytes: its number, and its bytes if these are wanted."""
    tag = _varint(file)
    number, kind = tag >> 3, tag & 7
    if kind == VARINT:
        _varint(file)
    elif kind in (FIXED64, FIXED32):
        file.seek(8 if kind == FIXED64 else 4, os.SEEK_CUR)
    elif kind == BYTES:
        length = _varint(file)
        if length > end - file.tell():
            raise EOFError
        if wanted in (None, number):
            return number, file.read(length)
        file.seek(length, os.SEEK_CUR)
    else:
        raise EOFError
    return number, None


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
