"""The page's API: named endpoints, documented by their components' labels and their docstrings.

from gradio_client import Client, handle_file
client = Client("http://127.0.0.1:7860")
path, facts = client.predict(picture=handle_file("photo.jpg"), api_name="/remove")
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
"""What the documentation shows for a picture; Gradio's own example is an address."""


def add_endpoints(asked: Asked, removing: Removing, offered: Offered, at_once: dict) -> None:
    """Add /remove, /batch and /models to the Blocks that are being built.

    Args:
        at_once: Gradio's options of how many removals run side by side.
    """

    def remove(picture, ground=TRANSPARENT, ground_picture=None, threshold=None, refine=True,
               model=None):  # fmt: skip
        """Remove one picture's background: a PNG of the picture's own size, and facts about it."""
        try:
            wish = asked.wish(ground, ground_picture, threshold, refine, model)
            made = removing.one(picture, wish)
        except ClearBGError as error:
            raise sorry(str(error)) from error
        return str(made.path), made.facts()

    def batch(pictures, ground=TRANSPARENT, ground_picture=None, threshold=None, refine=True,
              model=None):  # fmt: skip
        """Remove several pictures' backgrounds: a zip of PNGs, and what became of each picture.

        A picture that cannot be used has its reason in the table and stops no other; when none
        can be, there is no zip.
        """
        try:
            wish = asked.wish(ground, ground_picture, threshold, refine, model)
            archive, rows = removing.batch(pictures, wish)
        except ClearBGError as error:
            raise sorry(str(error)) from error
        return None if archive is None else str(archive), [dataclasses.asdict(r) for r in rows]

    def models():
        """The models that `model` may name, the first of which is taken unless told otherwise."""
        return [{"name": name, "label": label} for label, name in offered.choices]

    with gr.Column(visible=False):
        one, several = gr.File(label="A picture"), gr.File(label="Pictures", file_count="multiple")
        behind = gr.File(label="A picture to lay behind the subject, in place of ground")
        how = [
            gr.Textbox(TRANSPARENT, label="transparent, blur, a colour's name, or #rrggbb"),
            behind,
            gr.Number(None, label="Alpha, 0 to 1, from which a pixel is opaque; none: soft edges"),
            gr.Checkbox(True, label="Follow the picture's edges, and clean their colours"),
            gr.Dropdown([name for _, name in offered.choices], value=None, label="Of /models"),
        ]
        for file, example in ((one, SENT), (several, [SENT]), (behind, SENT)):
            file.example_inputs = functools.partial(copy.deepcopy, example)  # no address
        found, facts = gr.File(label="The cut-out, PNG"), gr.JSON(label="Facts")
        archive, rows = gr.File(label="The cut-outs, zip"), gr.JSON(label="Rows, one a picture")
        names = gr.JSON(label="Models")
        for function, inputs, outputs in (
            (remove, [one, *how], [found, facts]),
            (batch, [several, *how], [archive, rows]),
        ):
            gr.Button().click(function, inputs, outputs, preprocess=False, **at_once)
        gr.Button().click(models, None, names, concurrency_limit=None)
