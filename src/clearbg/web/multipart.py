"""Reads the parts of a form while they arrive."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from clearbg.web.bodies import Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS = 1000
NO_FORM = "An upload is multipart/form-data with a boundary: send the files as a form does."
BROKEN_FORM = "The upload's form is damaged or ends early: send it again."

Sink = Callable[[bytes], None]
"""Takes the pieces of a part."""


def boundary_of(content_type: str | None) -> bytes | None:
    """The boundary of a form; None: the body is no form, or the boundary is missing."""
    kind, options = parse_options_header(content_type)
    return options.get(b"boundary") if kind == b"multipart/form-data" else None


class FormReader:
    """The parts of a form, each given to a sink of its own.

    Args:
        begin: called at the start of each part with its name and the name of its file, None where
            it is no file; it gives the part's sink, or None for a part to forget.
        most_parts: more are refused.

    Raises:
        Refused: the boundary is too long.
    """

    def __init__(
        self,
        boundary: bytes,
        begin: Callable[[str, str | None], Sink | None],
        most_parts: int = MOST_PARTS,
    ):
        self._begin, self._most = begin, most_parts
        self._parts, self._ended = 0, False
        self._field, self._value, self._said = bytearray(), bytearray(), b""
        self._sink: Sink | None = None
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise Refused(400, BROKEN_FORM) from error

    def write(self, chunk: bytes) -> None:
        """Take bytes that have arrived.

        Raises:
            Refused: the form is damaged or has too many parts; sinks may refuse as well.
        """
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Refused(400, BROKEN_FORM) from error

    def end(self) -> None:
        """All bytes have arrived.

        Raises:
            Refused: the form has not ended.
        """
        if not self._ended:
            raise Refused(400, BROKEN_FORM)

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > self._most:
            raise Refused(413, f"The upload has more than {self._most} parts: send less at once.")
        self._sink, self._said = None, b""

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._said = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._said)
        file = options.get(b"filename")
        self._sink = self._begin(
            options.get(b"name", b"").decode("utf-8", "replace"),
            None if file is None else file.decode("utf-8", "replace").replace("\0", ""),
        )

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._sink is not None:
            self._sink(data[start:end])

    def _end(self) -> None:
        self._ended = True
