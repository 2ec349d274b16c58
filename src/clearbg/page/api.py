"""The page's API: named endpoints, documented by their components' labels and their docstrings.

from gradio_client import Client, handle_file
client = Client("http://127.0.0.1:7860")
path, facts = client.predict(image=handle_file("photo.jpg"), api_name="/remove")
"""

import copy
import dataclasses
import functools

import gradio as gr

from clearbg.errors import ClearBGError
from clearbg.page.blocks import sorry
from clearbg.page.jobs import Removing
from clearbg.page.models import Offered
from clearbg.page.requests import TRANSPARENT, Asked

REMOVAL = "removal"
"""The queue that all removals share, those of the page and those of the API."""
SENT = {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}}
"""What the documentation shows for an image; Gradio's own example is an address."""


def add_endpoints(asked: Asked, removing: Removing, offered: Offered, concurrency: dict) -> None:
    """Add /remove, /batch and /models to the Blocks that are being built.

    Args:
        concurrency: Gradio's options of how many removals run side by side.
    """

    def remove(image, ground=TRANSPARENT, ground_image=None, threshold=None, refine=True,
               model=None):  # fmt: skip
        """Remove one image's background: a PNG of the image's own size, and facts about it."""
        try:
            wish = asked.wish(ground, ground_image, threshold, refine, model)
            made = removing.one(image, wish)
        except ClearBGError as error:
            raise sorry(str(error)) from error
        return str(made.path), made.facts()

    def batch(images, ground=TRANSPARENT, ground_image=None, threshold=None, refine=True,
              model=None):  # fmt: skip
        """Remove several images' backgrounds: a zip of PNGs, and what became of each image.

        An image that cannot be used has its reason in the table and stops no other; when none
        can be, there is no zip.
        """
        try:
            wish = asked.wish(ground, ground_image, threshold, refine, model)
            archive, rows = removing.batch(images, wish)
        except ClearBGError as error:
            raise sorry(str(error)) from error
        return None if archive is None else str(archive), [dataclasses.asdict(r) for r in rows]

    def models():
        """The models that `model` may name, the first of which is taken unless told otherwise."""
        return [{"name": name, "label": label} for label, name in offered.choices]

    with gr.Column(visible=False):
        one, several = gr.File(label="An image"), gr.File(label="Images", file_count="multiple")
        behind = gr.File(label="An image to lay behind the subject, in place of ground")
        how = [
            gr.Textbox(TRANSPARENT, label="transparent, blur, a color's name, or #rrggbb"),
            behind,
            gr.Number(None, label="Alpha, 0 to 1, from which a pixel is opaque; none: soft edges"),
            gr.Checkbox(True, label="Follow the image's edges, and clean their colors"),
            gr.Dropdown([name for _, name in offered.choices], value=None, label="Of /models"),
        ]
        for file, example in ((one, SENT), (several, [SENT]), (behind, SENT)):
            file.example_inputs = functools.partial(copy.deepcopy, example)  # no address
        found, facts = gr.File(label="The cutout, PNG"), gr.JSON(label="Facts")
        archive, rows = gr.File(label="The cutouts, zip"), gr.JSON(label="Rows, one an image")
        names = gr.JSON(label="Models")
        for function, inputs, outputs in (
            (remove, [one, *how], [found, facts]),
            (batch, [several, *how], [archive, rows]),
        ):
            gr.Button().click(function, inputs, outputs, preprocess=False, **concurrency)
        gr.Button().click(models, None, names, concurrency_limit=None)
