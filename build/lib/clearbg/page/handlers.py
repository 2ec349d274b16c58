"""What the page's own buttons and settings do: a result with its facts, or a sentence instead.

All text that came from outside is escaped. The functions of the API are in `api.py`.
"""

import html
import time
from collections.abc import Sequence
from typing import Any

import gradio as gr

from clearbg.errors import ClearBGError, SettingsError
from clearbg.page.jobs import Cutout, Jobs, Row
from clearbg.page.requests import TRANSPARENT, JobOptions, RequestParser
from clearbg.removal.backgrounds import BLUR

NONE, COLOR, IMAGE, BLURRED = "Transparent", "Color", "Image", "Blurred"
"""The choices of a background."""
HINT = "<span class='facts'>Drag the line in the result to compare.</span>"


class Handlers:
    """The functions that Gradio calls when a visitor changes something on the page."""

    def __init__(self, parser: RequestParser, jobs: Jobs):
        self._parser, self._jobs = parser, jobs

    def show_result(self, image: Any, *settings: Any) -> tuple:
        """Images before and after, the file to download, and a line about both."""
        nothing = gr.update(value=None, interactive=False)
        if image is None:
            return None, nothing, HINT
        try:
            cutout = self._jobs.remove(image, self._options(*settings), previews=True)
        except ClearBGError as error:
            return None, nothing, error_html(str(error))
        download = gr.update(value=str(cutout.path), interactive=True)
        return (str(cutout.before), str(cutout.after)), download, facts_html(cutout)

    def show_batch(self, images: Any, *settings: Any, progress=gr.Progress()) -> tuple:  # noqa: B008
        """The zip to download, and a table of all images."""
        nothing = gr.update(value=None, interactive=False)
        started = time.perf_counter()
        try:
            archive, rows = self._jobs.remove_batch(
                images,
                self._options(*settings),
                lambda index, number, name: progress((index, number), desc=name, unit="images"),
            )
        except ClearBGError as error:
            return nothing, error_html(str(error))
        table = table_html(rows, time.perf_counter() - started)
        if archive is None:
            return nothing, table
        return gr.update(value=str(archive), interactive=True), table

    def _options(self, *settings: Any) -> JobOptions:
        """The settings on the page as options; they come in the order of `layout.Settings`."""
        kind, color, image, refine_edges, hard_edges, threshold, model = settings
        if kind == IMAGE and image is None:
            raise SettingsError("Add the image that is to lie behind the subject.")
        backgrounds = {NONE: TRANSPARENT, IMAGE: TRANSPARENT, BLURRED: BLUR, COLOR: color}
        return self._parser.options(
            backgrounds.get(kind),
            image if kind == IMAGE else None,
            refine_edges,
            hard_edges,
            threshold if hard_edges else None,
            model,
        )


def facts_html(cutout: Cutout) -> str:
    facts = [
        f"{cutout.width} × {cutout.height} pixels",
        f"{cutout.seconds:.2f} s",
        f"subject {cutout.coverage:.0%}",
        cutout.model.label,
        *cutout.notes,
    ]
    return f"<span class='facts'>{html.escape(' · '.join(facts))}</span>"


def error_html(sentence: str) -> str:
    return f"<div class='error-line' role='alert'>{html.escape(sentence)}</div>"


def table_html(rows: Sequence[Row], seconds: float) -> str:
    """A row for each image of a batch, and a line about all of them."""
    done = sum(row.result is not None for row in rows)
    summary = f"{done} of {len(rows)} images in {seconds:.1f} s"
    body = "".join(map(_row_html, rows))
    return (
        f"<p class='facts'>{summary}</p><table><thead><tr><th>Image</th>"
        f"<th>Result</th><th>Seconds</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _row_html(row: Row) -> str:
    name = html.escape(row.image)
    if row.result is None:
        reason = html.escape(row.reason or "")
        return f"<tr><td>{name}</td><td class='failed' colspan='2'>{reason}</td></tr>"
    size = f"{row.width} × {row.height}"
    result = f"{html.escape(row.result)}<br><span class='facts'>{size}</span>"
    return f"<tr><td>{name}</td><td>{result}</td><td>{row.seconds:.2f}</td></tr>"
