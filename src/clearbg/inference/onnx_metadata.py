"""The contract inside an ONNX file, found without loading the network around it.

ONNX Runtime gives the contract only of a model that it has loaded, and the best way to load a model
depends on the contract. Importing the library `onnx` would take longer than this search.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from clearbg.contract import METADATA_KEY

METADATA = 14  # onnx.proto: ModelProto.metadata_props, pairs of 1, the key, and 2, the value
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types of Protocol Buffers
MOST_FIELDS = 20_000  # of a model; each function and each pair of metadata is one
MOST_OF_PAIR = 16
MOST_BYTES = 2_000_000  # of a pair; a longer one holds no contract


def contract_text(model: str | Path) -> str:
    """The contract's JSON; empty if the file has no contract or is not an ONNX file."""
    with open(model, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            for number, content in _fields(file, size, MOST_FIELDS, wanted=METADATA):
                if number == METADATA and content is not None:
                    stream = io.BytesIO(content)
                    found = dict(_fields(stream, len(content), MOST_OF_PAIR))
                    if found.get(1) == METADATA_KEY.encode():
                        return (found.get(2) or b"").decode()
        except (EOFError, UnicodeDecodeError):
            return ""
    return ""


def _fields(
    file: BinaryIO, end: int, most: int, wanted: int | None = None
) -> Iterator[tuple[int, bytes | None]]:
    """The fields of a stream of `end` bytes: number, and bytes if these are wanted and not long.

    Raises:
        EOFError: it is no message of Protocol Buffers, or one of more than `most` fields.
    """
    for _ in range(most):
        if file.tell() >= end:
            return
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        content = None
        if number == 0:
            raise EOFError
        if kind == VARINT:
            _varint(file)
        elif kind in (FIXED64, FIXED32):
            file.seek(8 if kind == FIXED64 else 4, os.SEEK_CUR)
        elif kind == BYTES:
            length = _varint(file)
            if length > end - file.tell():
                raise EOFError
            if wanted in (None, number) and length <= MOST_BYTES:
                content = file.read(length)
            else:
                file.seek(length, os.SEEK_CUR)
        else:
            raise EOFError
        yield number, content
    raise EOFError


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
