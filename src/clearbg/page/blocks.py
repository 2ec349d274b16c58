"""Gradio's Blocks without its two bad manners: fetching for clients, and tracebacks for typos."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from clearbg.page.uploads import Temporary

NO_ADDRESS = "This server fetches no address and reads no file of its own: send the image itself."
MISFIT = "The request does not fit this endpoint: see the page's API documentation."


def sorry(sentence: str) -> gr.Error:
    """An error that a client gets to read, and that is no traceback in the server's log."""
    return gr.Error(sentence, print_exception=False)


class PoliteBlocks(gr.Blocks):
    """Blocks that look at all inputs of a request before Gradio does anything with them.

    Gradio itself would download a file whose path is an address, and, mounted in another
    application as here, open any file of the server.
    """

    def __init__(self, temporary: Temporary, **options):
        super().__init__(**options)
        self._temporary = temporary

    async def preprocess_data(self, block_fn, inputs, state, explicit_call=False):
        if not all(self._temporary.holds(path) for path in _paths(inputs)):
            raise sorry(NO_ADDRESS)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:
            raise
        except Exception as error:  # whatever Gradio makes of values that it did not expect
            raise sorry(MISFIT) from error


def _paths(value: Any) -> Iterator[str]:
    """The paths of all files that a request names, however deep."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"] if isinstance(value["path"], str) else "\0"
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _paths(inner)
