"""What the page answers to people: a result with its facts, or a sentence in its place."""

import time
from typing import Any

import gradio as gr

from clearbg.errors import ClearBGError, SettingsError
from clearbg.page import messages
from clearbg.page.jobs import Removing
from clearbg.page.requests import TRANSPARENT, Asked, Wish
from clearbg.removal.backgrounds import BLUR


class Answers:
    """The functions behind the page's own buttons; the API's are in `endpoints`."""

    def __init__(self, asked: Asked, removing: Removing):
        self._asked, self._removing = asked, removing

    def one(self, image: Any, *settings: Any) -> tuple:
        """Before and after, the file to download, and a line about both."""
        nothing = gr.update(value=None, interactive=False)
        if image is None:
            return None, nothing, messages.HINT
        try:
            made = self._removing.one(image, self._wish(*settings), previews=True)
        except ClearBGError as error:
            return None, nothing, messages.sorry(str(error))
        download = gr.update(value=str(made.path), interactive=True)
        return (str(made.before), str(made.after)), download, messages.facts(made)

    def several(self, images: Any, *settings: Any, progress=gr.Progress()) -> tuple:  # noqa: B008
        """The zip to download, and a table of all images."""
        nothing = gr.update(value=None, interactive=False)
        started = time.perf_counter()
        try:
            archive, rows = self._removing.batch(
                images,
                self._wish(*settings),
                lambda index, number, name: progress((index, number), desc=name, unit="images"),
            )
        except ClearBGError as error:
            return nothing, messages.sorry(str(error))
        told = messages.table(rows, time.perf_counter() - started)
        if archive is None:
            return nothing, told
        return gr.update(value=str(archive), interactive=True), told

    def _wish(self, *settings: Any) -> Wish:
        """What the settings on the page say; they come in the order of `layout.Settings`."""
        kind, color, behind, hard, threshold, refine, model = settings
        grounds = {
            messages.NONE: TRANSPARENT,
            messages.IMAGE: TRANSPARENT,
            messages.BLURRED: BLUR,
        }
        if kind == messages.IMAGE and behind is None:
            raise SettingsError("Drop the image that is to lie behind the subject.")
        return self._asked.wish(
            color if kind == messages.COLOR else grounds.get(kind),
            behind if kind == messages.IMAGE else None,
            threshold if hard else None,
            refine,
            model,
        )
