"""What people see: one image with a slider between before and after, or several at once."""

import html
from typing import NamedTuple

import gradio as gr

from clearbg.page.api import REMOVAL, add_endpoints
from clearbg.page.blocks import PoliteBlocks
from clearbg.page.handlers import Answers
from clearbg.page.jobs import Removing
from clearbg.page.limits import Limits
from clearbg.page.messages import BLURRED, COLOR, HINT, IMAGE, NONE
from clearbg.page.models import Offered
from clearbg.page.requests import Asked
from clearbg.page.uploads import Temporary

TALL = 420
"""Pixels of an image's place on the page."""
HEAD = "<h1>ClearBG</h1><p>Drop an image, and its background is gone.</p>"


def build(offered: Offered, limits: Limits, temporary: Temporary) -> gr.Blocks:
    """The page with its API, not served yet."""
    asked = Asked(temporary, limits)
    removing = Removing(asked, offered, temporary)
    answers = Answers(asked, removing)
    with PoliteBlocks(
        temporary,
        title="ClearBG",
        analytics_enabled=False,
        delete_cache=(limits.kept_seconds, limits.kept_seconds),
    ) as page:
        gr.HTML(HEAD, elem_id="head", padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=320), gr.Tabs():
                with gr.Tab("One image"):
                    single = _single()
                with gr.Tab("Several"):
                    several = _several()
            with gr.Column(scale=1, min_width=280):
                settings = _settings(offered)
        gr.HTML(html.escape(limits.told()), elem_id="limits", padding=False)
        concurrency = {"concurrency_limit": limits.concurrency, "concurrency_id": REMOVAL}
        _connect_single(single, settings, answers, concurrency)
        _connect_several(several, settings, answers, concurrency)
        add_endpoints(asked, removing, offered, concurrency)
    page.queue(max_size=limits.waiting)
    page.state_session_capacity = limits.sessions
    return page


class Single(NamedTuple):
    image: gr.Image
    slider: gr.ImageSlider
    download: gr.DownloadButton
    told: gr.HTML


class Several(NamedTuple):
    images: gr.File
    start: gr.Button
    download: gr.DownloadButton
    told: gr.HTML


class Settings(NamedTuple):
    """In the order in which `Answers` takes them."""

    kind: gr.Radio
    color: gr.ColorPicker
    behind: gr.Image
    hard: gr.Checkbox
    threshold: gr.Slider
    refine: gr.Checkbox
    model: gr.Dropdown


def _single() -> Single:
    with gr.Row(equal_height=True):
        image = gr.Image(
            label="Image",
            sources=["upload", "webcam", "clipboard"],
            height=TALL,
            webcam_options=gr.WebcamOptions(mirror=False),
            buttons=[],
            min_width=280,
            elem_id="image",
        )
        slider = gr.ImageSlider(
            label="Before and after",
            interactive=False,
            height=TALL,
            max_height=TALL,
            buttons=["fullscreen"],
            min_width=280,
            elem_id="slider",
        )
    told = gr.HTML(HINT, elem_id="told", padding=False)
    download = gr.DownloadButton(
        "Download the PNG", variant="primary", interactive=False, elem_id="download"
    )
    return Single(image, slider, download, told)


def _several() -> Several:
    images = gr.File(label="Images", file_count="multiple", file_types=["image"], elem_id="images")
    with gr.Row():
        start = gr.Button("Remove the backgrounds", variant="primary", elem_id="start")
        download = gr.DownloadButton("Download the zip", interactive=False, elem_id="zip")
    told = gr.HTML("", elem_id="rows", padding=False)
    return Several(images, start, download, told)


def _settings(offered: Offered) -> Settings:
    with gr.Group():
        kind = gr.Radio([NONE, COLOR, IMAGE, BLURRED], value=NONE, label="Ground")
        color = gr.ColorPicker("#ffffff", label="Its color", visible=False)
        behind = gr.Image(
            label="The image behind",
            sources=["upload"],
            height=180,
            buttons=[],
            visible=False,
            elem_id="behind",
        )
        refine = gr.Checkbox(True, label="Refine edges", info="Follow hair and fine edges.")
        hard = gr.Checkbox(False, label="Hard edges", info="No half-transparent pixels.")
        threshold = gr.Slider(0, 1, 0.5, step=0.01, label="Opaque from alpha", visible=False)
        first = offered.choices[0][1]
        model = gr.Dropdown(
            offered.choices, value=first, label="Model", filterable=False, elem_id="model"
        )
    quiet = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
    kind.change(
        lambda now: (gr.update(visible=now == COLOR), gr.update(visible=now == IMAGE)),
        kind, [color, behind], **quiet,
    )  # fmt: skip
    hard.change(lambda now: gr.update(visible=now), hard, threshold, **quiet)
    return Settings(kind, color, behind, hard, threshold, refine, model)


def _connect_single(
    single: Single, settings: Settings, answers: Answers, concurrency: dict
) -> None:
    """A new image, or a changed setting, makes the result anew."""
    changes = [single.image.change, settings.threshold.release]
    changes += [one.change for one in settings if one is not settings.threshold]
    gr.on(
        changes,
        answers.one,
        [single.image, *settings],
        [single.slider, single.download, single.told],
        preprocess=False,
        trigger_mode="always_last",
        show_progress_on=single.slider,
        api_visibility="private",
        **concurrency,
    )


def _connect_several(
    several: Several, settings: Settings, answers: Answers, concurrency: dict
) -> None:
    several.start.click(
        answers.several,
        [several.images, *settings],
        [several.download, several.told],
        preprocess=False,
        show_progress_on=several.told,
        api_visibility="private",
        **concurrency,
    )
