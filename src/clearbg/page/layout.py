"""What visitors see: one image with a slider between before and after, or a batch of images.

The page uses system fonts and a theme of Gradio's; nothing is fetched from elsewhere.
"""

import html
from typing import NamedTuple

import gradio as gr

from clearbg.page.api import QUEUE, add_endpoints
from clearbg.page.examples import EXAMPLES
from clearbg.page.handlers import (
    BLURRED,
    COLOR,
    HINT,
    IMAGE,
    NONE,
    Handlers,
    model_html,
    warning_html,
)
from clearbg.page.jobs import Jobs
from clearbg.page.limits import Limits
from clearbg.page.models import ModelChoices
from clearbg.page.requests import HALF, RequestParser
from clearbg.page.security import GuardedBlocks
from clearbg.page.uploads import UploadFolder

HEIGHT = 420
"""Height of an image on the page, pixels."""
FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO = ["ui-monospace", "Menlo", "Consolas", "monospace"]

CSS = """
.gradio-container { width: 100%; max-width: 1180px !important; margin: 0 auto !important; }
.gradio-container > .main { width: 100%; }
#head .html-container, #facts .html-container, #rows .html-container, #limits .html-container,
#try .html-container, #warning .html-container, #model-facts .html-container {
  padding: 0 2px;
}
#head h1 { font-size: 1.7rem; margin: 0; letter-spacing: -0.02em; }
#head p, .facts, #limits { color: var(--body-text-color-subdued); margin: 0; }
#limits .prose { font-size: 0.85rem; color: inherit; }
.error-line {
  padding: 0.6rem 0.9rem; border-left: 4px solid #dc2626; border-radius: 6px;
  background: var(--error-background-fill); color: var(--error-text-color);
}
.warning {
  padding: 0.6rem 0.9rem; border-left: 4px solid #d97706; border-radius: 6px;
  background: #fef3c7; color: #78350f;
}
#model-facts .prose { font-size: 0.85rem; }
#examples { align-items: center; gap: 0.6rem; flex-wrap: wrap; }
#try { flex: none; width: auto; }
#examples button {
  flex: none; min-width: 0; width: 5.5rem; height: 4rem; padding: 0; align-items: end;
  border: 1px solid var(--border-color-primary); border-radius: 8px; overflow: hidden;
  background-size: cover; background-position: center 25%; font-size: 0.8rem; color: #fff;
  text-shadow: 0 0 3px #000, 0 0 3px #000, 0 0 6px #000;
}
#examples button:hover, #examples button:focus-visible { border-color: #0d9488; }
#color, #background-image { border: 0 !important; }
#color button {
  width: 4rem; height: 1.8rem; border: 1px solid var(--border-color-primary); border-radius: 6px;
}
#slider img { width: 100%; height: 100%; max-height: none !important; object-fit: contain; }
#rows table {
  width: 100%; margin: 0.6rem 0 0; table-layout: fixed; border: 0; border-collapse: collapse;
}
#rows tr { border: 0; }
#rows th, #rows td {
  border: 0; border-bottom: 1px solid var(--border-color-primary); padding: 0.5rem 0.4rem;
  text-align: left; vertical-align: middle; overflow-wrap: anywhere;
}
#rows th { font-weight: 600; color: var(--body-text-color-subdued); }
#rows th:first-child { width: 5.4rem; }
#rows img { display: block; max-width: 4.6rem; max-height: 4.6rem; margin: 0 auto; }
#rows .failed { color: var(--error-text-color); }
#model input { text-overflow: ellipsis; padding-right: 1.6rem; }
footer .divider { display: none; }
@media (max-width: 640px) {
  .gradio-container > .main { padding: 0.8rem !important; }
  #head h1 { font-size: 1.4rem; }
  #image, #slider { height: 340px !important; }
  #try { flex: 1 0 100%; }
  #examples button { flex: 1; height: 4.6rem; }
}
"""

CSS += "".join(example.css() for example in EXAMPLES)
HEAD = "<h1>ClearBG</h1><p>Drop an image, and its background is gone.</p>"


def theme() -> gr.themes.Base:
    return gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", radius_size="lg", font=FONT, font_mono=MONO
    ).set(body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500")


def build(models: ModelChoices, limits: Limits, uploads: UploadFolder) -> gr.Blocks:
    """The page with its API, not served yet."""
    parser = RequestParser(uploads, limits)
    jobs = Jobs(parser, models, uploads)
    handlers = Handlers(parser, jobs, uploads)
    with GuardedBlocks(
        uploads,
        title="ClearBG",
        analytics_enabled=False,
        delete_cache=(limits.retention_seconds, limits.retention_seconds),
    ) as page:
        gr.HTML(HEAD, elem_id="head", padding=False)
        warning = gr.HTML(elem_id="warning", padding=False)
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=320), gr.Tabs():
                with gr.Tab("One image"):
                    single = _single(handlers)
                with gr.Tab("Several images"):
                    batch = _batch()
            with gr.Column(scale=1, min_width=280):
                settings = _settings(models, warning)
        gr.HTML(html.escape(limits.summary()), elem_id="limits", padding=False)
        concurrency = {"concurrency_limit": limits.concurrency, "concurrency_id": QUEUE}
        _connect_single(single, settings, handlers, concurrency)
        _connect_batch(batch, settings, handlers, concurrency)
        add_endpoints(parser, jobs, models, concurrency)
    page.queue(max_size=limits.queue_length)
    page.state_session_capacity = limits.sessions
    return page


class Single(NamedTuple):
    image: gr.Image
    slider: gr.ImageSlider
    download: gr.DownloadButton
    facts: gr.HTML


class Batch(NamedTuple):
    images: gr.File
    start: gr.Button
    download: gr.DownloadButton
    table: gr.HTML


class Settings(NamedTuple):
    """The components in the order in which `Handlers` takes their values."""

    background: gr.Radio
    color: gr.ColorPicker
    image: gr.Image
    refine_edges: gr.Checkbox
    hard_edges: gr.Checkbox
    threshold: gr.Slider
    model: gr.Dropdown


def _single(handlers: Handlers) -> Single:
    with gr.Row(elem_id="examples"):
        gr.HTML("<span class='facts'>Try one of these:</span>", elem_id="try", padding=False)
        buttons = [gr.Button(one.label, elem_id=f"example-{one.name}") for one in EXAMPLES]
    with gr.Row(equal_height=True):
        image = gr.Image(
            label="Image",
            sources=["upload", "webcam", "clipboard"],
            height=HEIGHT,
            webcam_options=gr.WebcamOptions(mirror=False),
            buttons=[],
            min_width=280,
            elem_id="image",
        )
        slider = gr.ImageSlider(
            label="Before and after",
            interactive=False,
            height=HEIGHT,
            max_height=HEIGHT,
            buttons=["fullscreen"],
            min_width=280,
            elem_id="slider",
        )
    for button, example in zip(buttons, EXAMPLES, strict=True):
        button.click(
            handlers.example(example), None, image, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip
    facts = gr.HTML(HINT, elem_id="facts", padding=False)
    download = gr.DownloadButton(
        "Download the PNG", variant="primary", interactive=False, elem_id="download"
    )
    return Single(image, slider, download, facts)


def _batch() -> Batch:
    images = gr.File(label="Images", file_count="multiple", file_types=["image"], elem_id="images")
    with gr.Row():
        start = gr.Button("Remove the backgrounds", variant="primary", elem_id="start")
        download = gr.DownloadButton("Download the zip", interactive=False, elem_id="zip")
    table = gr.HTML("", elem_id="rows", padding=False)
    return Batch(images, start, download, table)


def _settings(models: ModelChoices, warning: gr.HTML) -> Settings:
    first = next(iter(models.models.values()))
    with gr.Group():
        background = gr.Radio([NONE, COLOR, IMAGE, BLURRED], value=NONE, label="Background")
        color = gr.ColorPicker("#ffffff", label="Background color", visible=False, elem_id="color")
        image = gr.Image(
            label="Background image",
            sources=["upload"],
            height=180,
            buttons=[],
            visible=False,
            elem_id="background-image",
        )
        refine_edges = gr.Checkbox(True, label="Refine edges", info="Follow hair and fine edges.")
        hard_edges = gr.Checkbox(False, label="Hard edges", info="No half-transparent pixels.")
        threshold = gr.Slider(0, 1, HALF, step=0.01, label="Opaque from alpha", visible=False)
        model = gr.Dropdown(
            models.choices, value=first.name, label="Model", filterable=False, elem_id="model"
        )
    facts = gr.HTML(model_html(first), elem_id="model-facts", padding=False)
    said = models.warning(first.name)
    warning.value, warning.visible = warning_html(said), bool(said)
    quiet = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
    background.change(
        lambda now: (gr.update(visible=now == COLOR), gr.update(visible=now == IMAGE)),
        background, [color, image], **quiet,
    )  # fmt: skip
    hard_edges.change(lambda now: gr.update(visible=now), hard_edges, threshold, **quiet)

    def described(name: str) -> tuple:
        said = models.warning(name)
        shown = gr.update(value=warning_html(said), visible=bool(said))
        return model_html(models.models[name]), shown

    model.change(described, model, [facts, warning], **quiet)
    return Settings(background, color, image, refine_edges, hard_edges, threshold, model)


def _connect_single(
    single: Single, settings: Settings, handlers: Handlers, concurrency: dict
) -> None:
    """Remove the background again whenever the image or a setting changes."""
    changes = [single.image.change, settings.threshold.release]
    changes += [one.change for one in settings if one is not settings.threshold]
    gr.on(
        changes,
        handlers.show_result,
        [single.image, *settings],
        [single.slider, single.download, single.facts],
        preprocess=False,
        trigger_mode="always_last",
        show_progress_on=single.slider,
        api_visibility="private",
        **concurrency,
    )


def _connect_batch(batch: Batch, settings: Settings, handlers: Handlers, concurrency: dict) -> None:
    batch.start.click(
        handlers.show_batch,
        [batch.images, *settings],
        [batch.download, batch.table],
        preprocess=False,
        show_progress_on=batch.table,
        api_visibility="private",
        **concurrency,
    )
