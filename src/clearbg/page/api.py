"""The page's API: endpoints that their components' labels and their docstrings document.

from gradio_client import Client, handle_file
client = Client("http://127.0.0.1:7860")
path, facts = client.predict(image=handle_file("photo.jpg"), api_name="/remove")
"""

import copy
import functools

import gradio as gr

from clearbg.errors import ClearBGError
from clearbg.page.jobs import Jobs
from clearbg.page.models import ModelChoices
from clearbg.page.requests import TRANSPARENT, RequestParser
from clearbg.page.security import client_error

QUEUE = "removal"
"""The queue that all removals share, those of the page and those of the API."""
EXAMPLE = {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}
"""What the documentation shows for an image; Gradio's own example is an address."""


def add_endpoints(
    parser: RequestParser, jobs: Jobs, models: ModelChoices, concurrency: dict
) -> None:
    """Add /remove, /batch and /models to the Blocks that are being built.

    Args:
        concurrency: Gradio's options for the number of removals that run side by side.
    """

    def remove(image, background=TRANSPARENT, background_image=None, refine_edges=True,
               hard_edges=False, threshold=None, model=None):  # fmt: skip
        """Remove one image's background: a PNG of the image's own size, and facts about it."""
        try:
            options = parser.options(
                background, background_image, refine_edges, hard_edges, threshold, model
            )
            cutout = jobs.remove(image, options)
        except ClearBGError as error:
            raise client_error(str(error)) from error
        return str(cutout.path), cutout.facts()

    def batch(images, background=TRANSPARENT, background_image=None, refine_edges=True,
              hard_edges=False, threshold=None, model=None):  # fmt: skip
        """Remove several images' backgrounds: a zip of PNGs, and a row for each image.

        An image that cannot be used has the reason in its row and does not stop the others.
        When no image can be used, there is no zip.
        """
        try:
            options = parser.options(
                background, background_image, refine_edges, hard_edges, threshold, model
            )
            archive, rows = jobs.remove_batch(images, options)
        except ClearBGError as error:
            raise client_error(str(error)) from error
        return None if archive is None else str(archive), [row.facts() for row in rows]

    def list_models():
        """The models that `model` may name; the first is taken when none is named."""
        return [{"name": name, "label": label} for label, name in models.choices]

    with gr.Column(visible=False):
        image, images = gr.File(label="Image"), gr.File(label="Images", file_count="multiple")
        background_image = gr.File(label="Image to lay behind the subject, in place of background")
        options = [
            gr.Textbox(TRANSPARENT, label="transparent, blur, a color's name, or #rrggbb"),
            background_image,
            gr.Checkbox(True, label="Follow hair and fine edges, and clean their colors"),
            gr.Checkbox(False, label="Make every pixel opaque or transparent"),
            gr.Number(None, label="Alpha, 0 to 1, from which a pixel of hard edges is opaque"),
            gr.Dropdown([name for _, name in models.choices], value=None, label="Name of a model"),
        ]
        for file, example in ((image, EXAMPLE), (images, [EXAMPLE]), (background_image, EXAMPLE)):
            file.example_inputs = functools.partial(copy.deepcopy, example)  # no address
        result, facts = gr.File(label="Cutout, PNG"), gr.JSON(label="Facts about the cutout")
        archive, rows = gr.File(label="Cutouts, zip"), gr.JSON(label="A row for each image")
        names = gr.JSON(label="Models")
        for function, inputs, outputs in (
            (remove, [image, *options], [result, facts]),
            (batch, [images, *options], [archive, rows]),
        ):
            gr.Button().click(function, inputs, outputs, preprocess=False, **concurrency)
        gr.Button().click(list_models, None, names, api_name="models", concurrency_limit=None)
