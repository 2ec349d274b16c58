"""What the page's own buttons and settings do: a result with its facts, or a sentence instead.

All text that came from outside is escaped. The functions of the API are in `api.py`.
"""

import html
import time
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from clearbg.errors import ClearBGError, SettingsError
from clearbg.page.examples import Example
from clearbg.page.jobs import Cutout, Jobs, Row
from clearbg.page.models import Model
from clearbg.page.previews import THUMBNAILS, data_url
from clearbg.page.requests import TRANSPARENT, JobOptions, RequestParser
from clearbg.page.security import client_error
from clearbg.page.uploads import UploadFolder
from clearbg.removal.backgrounds import BLUR
from clearbg.web.bodies import visitor_of

NONE, COLOR, IMAGE, BLURRED = "Transparent", "Color", "Image", "Blurred"
"""The choices of a background."""
HINT = "<span class='facts'>Drag the line in the result to compare.</span>"


class Handlers:
    """The functions that Gradio calls when a visitor changes something on the page."""

    def __init__(self, parser: RequestParser, jobs: Jobs, uploads: UploadFolder):
        self._parser, self._jobs, self._uploads = parser, jobs, uploads

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
                THUMBNAILS,
            )
        except ClearBGError as error:
            return nothing, error_html(str(error))
        table = table_html(rows, time.perf_counter() - started)
        if archive is None:
            return nothing, table
        return gr.update(value=str(archive), interactive=True), table

    def example(self, chosen: Example) -> Callable[[gr.Request], str]:
        """A function that gives the path of an example, as if the visitor had sent it."""

        def show(request: gr.Request) -> str:
            try:
                return str(
                    chosen.send(self._uploads, visitor_of({"client": (request.client.host, 0)}))
                )
            except OSError as error:
                raise client_error("The server has no room now: try again later.") from error

        return show

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
        cutout.model.title,
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
        f"<p class='facts'>{summary}</p><table><thead><tr><th></th><th>Image</th>"
        f"<th>Result</th></tr></thead><tbody>{body}</tbody></table>"
    )


def _row_html(row: Row) -> str:
    name = html.escape(row.image)
    if row.result is None:
        reason = html.escape(row.reason or "")
        return f"<tr><td></td><td>{name}</td><td class='failed'>{reason}</td></tr>"
    facts = f"{row.width} × {row.height} · {row.seconds:.2f} s"
    result = f"{html.escape(row.result)}<br><span class='facts'>{facts}</span>"
    small = row.thumbnail and f"<img src='{data_url(row.thumbnail)}' alt='cutout of {name}'>"
    return f"<tr><td>{small or ''}</td><td>{name}</td><td>{result}</td></tr>"


def model_html(model: Model) -> str:
    """What people have to know before they pick a model: for what it is, and on which terms."""
    sentence = f"For {model.task}. Terms: {model.terms}."
    return f"<span class='facts'>{html.escape(sentence)}</span>"


def warning_html(sentence: str) -> str:
    return f"<div class='warning' role='note'>{html.escape(sentence)}</div>"
