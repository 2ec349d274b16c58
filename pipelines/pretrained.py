"""Make the folder of a model that comes with the package.

python pipelines/pretrained.py NAME --weights FOLDER --images FOLDER --masks FOLDER
    --measured-on TEXT --calibration FOLDER [--settings params.yaml] [--development CSV]

reads   weights.safetensors and training_images.csv (and model.json, where it is) of the folder
        that training wrote, the params.yaml of that training, and the images to measure on
writes  src/clearbg/pretrained/NAME/
"""

import argparse
from pathlib import Path

from clearbg import pretrained
from clearbg.export.shipped import SETTINGS, Sources, write
from clearbg.system.stage import Options, stage


def arguments() -> argparse.Namespace:
    parser = Options(__doc__)
    parser.add_argument("name", help="of the folder in src/clearbg/pretrained")
    parser.add_argument("--weights", type=Path, required=True, help="a folder as models/")
    parser.add_argument("--settings", type=Path, help="default: those of the folder as it is")
    parser.add_argument("--images", type=Path, required=True, help="to measure the files on")
    parser.add_argument("--masks", type=Path, required=True, help="of the same names")
    parser.add_argument("--measured-on", required=True, help="what these images are, in words")
    parser.add_argument("--calibration", type=Path, required=True, help="images for int8's ranges")
    parser.add_argument(
        "--development", type=Path, help="per_image.csv of a training that held images out"
    )
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    folder = pretrained.FOLDER / given.name
    with stage("pretrained", f"{folder}/"):
        facts = write(
            given.name,
            Sources(
                weights=given.weights,
                settings=given.settings or folder / SETTINGS,
                images=given.images,
                masks=given.masks,
                measured_on=given.measured_on,
                calibration=given.calibration,
                development=given.development,
            ),
        )
        for file, found in facts["losses"].items():
            shown = ", ".join(f"{name} {value:+.4f}" for name, value in found.items())
            print(f"pretrained: {file} on {facts['images']} images is worse by {shown}")
