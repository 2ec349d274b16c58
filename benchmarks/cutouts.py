"""Cutouts of photographs in the public domain by a shipped model, as the README shows them.

    python benchmarks/cutouts.py [FILE.jpg]     by default docs/cutouts.jpg

The photographs come with scikit-image: the astronaut is NASA's and in the public domain, coffee
(Rachel Michetti) is CC0. Each row shows the photograph, its cutout, and the cutout on a new color.
"""

import sys

import numpy as np
import skimage.data

from clearbg import Remover
from clearbg.images import contact_sheet

PHOTOGRAPHS = {"astronaut": "#f2c14e", "coffee": "#2a6f97"}
SIDE = 400  # pixels


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else "docs/cutouts.jpg"
    remover, rows = Remover("clearbg-lite"), []
    for name, background in PHOTOGRAPHS.items():
        photograph = getattr(skimage.data, name)()
        cutout = np.asarray(remover(photograph))
        new = np.asarray(remover(photograph, background=background))
        rows.append([
            photograph,
            contact_sheet.on_checkerboard(cutout[..., :3], cutout[..., 3]),
            new[..., :3],
        ])  # fmt: skip
    contact_sheet.sheet(
        rows, path, titles=["photograph", "cutout", "on a new background"], cell=SIDE
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
