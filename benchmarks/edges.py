"""What do refined edges gain over plain ones, and what do they cost?

    python benchmarks/edges.py MATTES [--model exports/model.onnx] [--choose] [--sheet FILE]

MATTES holds `image/` and `alpha/`, paired by name: photographs with true alpha, such as those of
alphamatting.com; where it has `trimap/`, that decides which pixels are unknown. Both sides of
every comparison are measured in this one run:

- alpha at working size brought to full size: errors of `refine` over those of plain bilinear,
  in the unknown band and over the whole image, on the photographs, on generated portraits
  with hair, and with the alpha that an exported model itself gives;
- the subject's colors, of photographs laid over new backgrounds with their true alpha: error of
  `foreground` over that of pymatting's multi-level estimate, and seconds of both at 2 megapixels,
  in the first call of a fresh process without compiled left-overs, and in later calls, for
  photographs with few and with many soft pixels.

`--choose` prints the errors for other windows and smoothness, `--sheet` writes crops of the
photographs to look at.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from clearbg import Remover, synthetic
from clearbg.data.sources import by_stem
from clearbg.images import contact_sheet, read_image, read_mask, resize
from clearbg.images import foreground as colors
from clearbg.inference.predict import prepare, restore
from clearbg.metrics.matting import SIGMA, unknown_band
from clearbg.removal import guided_filter as edges

WORKING = {"photographs": (320, 160), "portraits": (96, 48)}  # a side is 2 to 6 times smaller
PORTRAITS, SCENES = 16, 16
PLAIN = (40, 160, 70)  # one among the new backgrounds
TWO_MEGAPIXELS = 2e6
FIRST_CALL = """
import sys, time
import numpy as np
rgb, alpha = (np.load(path) for path in sys.argv[2:4])
started = time.perf_counter()
if sys.argv[1] == "ours":
    from clearbg.images.foreground import foreground
    foreground(rgb, alpha)
else:
    from pymatting import estimate_foreground_ml
    estimate_foreground_ml(rgb / 255, alpha.astype(float))
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Matte:
    """An image, uint8 `(H,W,3)`, its alpha, uint8 `(H,W)`, and what is unknown, bool."""

    rgb: np.ndarray
    truth: np.ndarray
    band: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("mattes", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    photographs = list(read(options.mattes))
    cases = {
        **working_sizes("photographs", photographs),
        **working_sizes("portraits", list(generated("portraits", PORTRAITS))),
    }
    if options.model:
        cases["scenes, model's alpha"] = list(by_model(Remover(options.model)))
    plain = {name: [restored(case) for case in group] for name, group in cases.items()}
    print_upsampling(cases, plain)
    if options.choose:
        print_choice(cases, plain)
    print_colors(photographs)
    print_seconds(photographs)
    if options.sheet:
        write_sheet(photographs, options.sheet)


def read(folder: Path) -> Iterator[Matte]:
    for pair in by_stem(folder / "image", folder / "alpha"):
        truth = read_mask(pair.mask)[0]
        trimap = folder / "trimap" / pair.mask.name
        if trimap.is_file():
            gray = read_mask(trimap)[0]
            band = (gray > 0) & (gray < 255)
        else:
            band = unknown_band(truth)
        yield Matte(read_image(pair.image).srgb(), truth, band)


def generated(kind: str, count: int) -> Iterator[Matte]:
    for index in range(count):
        rgb, truth = synthetic.generate(5, index, kind)
        if truth.any():
            yield Matte(rgb, truth, unknown_band(truth))


def working_sizes(name: str, mattes: list[Matte]) -> dict[str, list[tuple[Matte, np.ndarray]]]:
    """Mattes with alphas as networks of two working sizes would give them, three kinds.

    Exact: the truth, reduced. Soft: blurred by a pixel. Shaken: soft, displaced here and there
    by about 0.7 pixels, and the image has a camera's noise (standard deviation 3 of 255).
    """
    rng = np.random.default_rng(0)
    found = {f"{name}, {kind}": [] for kind in ("exact", "soft", "shaken")}
    for side in WORKING[name]:
        for matte in mattes:
            exact = resize(np.float32(matte.truth / 255), (side, side)).clip(0, 1)
            soft = ndimage.gaussian_filter(exact, 1, mode="nearest")
            noise = ndimage.gaussian_filter(rng.normal(size=(2, side, side)), (0, 4, 4))
            places = np.mgrid[:side, :side] + 0.7 * noise / noise.std()
            moved = ndimage.map_coordinates(soft, places, order=1, mode="nearest")
            grain = rng.normal(0, 3, matte.rgb.shape)
            noisy = np.rint(matte.rgb + grain).clip(0, 255).astype(np.uint8)
            found[f"{name}, exact"].append((matte, exact))
            found[f"{name}, soft"].append((matte, soft))
            found[f"{name}, shaken"].append((Matte(noisy, matte.truth, matte.band), moved))
    return found


def by_model(remover: Remover) -> Iterator[tuple[Matte, np.ndarray]]:
    for matte in generated("objects", SCENES):
        batch = prepare(matte.rgb, remover.contract)[None]
        yield matte, remover.network(batch)[0, 0]


def restored(case: tuple[Matte, np.ndarray]) -> np.ndarray:
    return errors(restore(case[1], case[0].truth.shape), case[0])


def refined(case: tuple[Matte, np.ndarray]) -> np.ndarray:
    return errors(edges.refine(case[1], case[0].rgb), case[0])


def errors(alpha: np.ndarray, matte: Matte) -> np.ndarray:
    """SAD in the band, gradient error in the band, SAD of the whole image; in thousands."""
    truth = matte.truth / np.float32(255)
    absolute = np.abs(alpha - truth)
    slopes = [ndimage.gaussian_gradient_magnitude(values, SIGMA) for values in (alpha, truth)]
    gradient = (slopes[0] - slopes[1])[matte.band] ** 2
    return np.array([absolute[matte.band].sum(), gradient.sum(), absolute.sum()]) / 1e3


def print_upsampling(cases: dict, plain: dict) -> None:
    print("Alpha at full size, errors in thousands   plain  refined  ratio")
    for name, group in cases.items():
        before = np.mean(plain[name], 0)
        after = np.mean([refined(case) for case in group], 0)
        for label, b, a in zip(("SAD, band", "gradient, band", "SAD, whole"), before, after):
            print(f"{name:24} {label:15} {b:7.3f} {a:8.3f} {a / b:6.2f}")


def print_choice(cases: dict, plain: dict) -> None:
    chosen = edges.RADIUS, edges.SMOOTHNESS
    print("Mean ratio over all kinds: radius, smoothness, SAD and gradient in the band")
    for edges.RADIUS in (1, 2, 3, 4, 5):
        for edges.SMOOTHNESS in (1e-5, 1e-4, 1e-3):
            ratios = [
                np.mean([refined(case) for case in group], 0) / np.mean(plain[name], 0)
                for name, group in cases.items()
            ]
            sad, gradient, _ = np.mean(ratios, 0)
            mark = "*" if chosen == (edges.RADIUS, edges.SMOOTHNESS) else " "
            print(f"{mark} {edges.RADIUS} {edges.SMOOTHNESS:7.0e} {sad:7.3f} {gradient:7.3f}")
    edges.RADIUS, edges.SMOOTHNESS = chosen


def composed(matte: Matte, background: np.ndarray) -> np.ndarray:
    weight = matte.truth[..., None] / np.float32(255)
    return np.rint(weight * matte.rgb + (1 - weight) * background).astype(np.uint8)


def print_colors(mattes: list[Matte]) -> None:
    """Error of what shows of the estimated colors, alpha times difference, of 255."""
    from pymatting import estimate_foreground_ml

    rows = []
    for matte, other in zip(mattes, mattes[1:] + mattes[:1]):
        for background in (resize(other.rgb, matte.truth.shape), np.array(PLAIN)):
            mixed, alpha = composed(matte, background), np.float32(matte.truth / 255)
            theirs = 255 * estimate_foreground_ml(mixed / 255, alpha.astype(float))
            found = (mixed, theirs, colors.foreground(mixed, alpha))
            soft = (matte.truth > 0) & (matte.truth < 255)
            weight = alpha[soft][:, None]
            off = [weight * (f[soft].astype(float) - matte.rgb[soft]) for f in found]
            rows.append([(np.abs(o).mean(), np.sqrt((o**2).mean())) for o in off])
    untouched, theirs, ours = np.mean(rows, 0)
    print("Colors of soft pixels, of 255      untouched  pymatting   ours  ours / pymatting")
    for label, u, t, o in zip(("mean error", "root mean square"), untouched, theirs, ours):
        print(f"{label:34} {u:10.2f} {t:10.2f} {o:6.2f} {o / t:10.2f}")


def print_seconds(mattes: list[Matte]) -> None:
    """Of the photographs with the least, the middle and the largest share of soft pixels."""
    from pymatting import estimate_foreground_ml

    print("Seconds at 2 megapixels                  ours  pymatting  ratio")
    mattes = sorted(mattes, key=lambda matte: soft_share(matte.truth))
    for matte in (mattes[0], mattes[len(mattes) // 2], mattes[-1]):
        scale = np.sqrt(TWO_MEGAPIXELS / matte.truth.size)
        size = tuple(round(side * scale) for side in matte.truth.shape)
        rgb, truth = resize(matte.rgb, size), resize(matte.truth, size)
        alpha = np.float32(truth / 255)
        times = {}
        if matte is mattes[0]:
            with tempfile.TemporaryDirectory() as folder:
                for name, values in (("rgb", rgb), ("alpha", alpha)):
                    np.save(f"{folder}/{name}.npy", values)
                times["first call"] = [first_call(who, Path(folder)) for who in ("ours", "theirs")]
        times["later calls"] = [
            seconds(lambda: colors.foreground(rgb, alpha)),  # noqa: B023 - called at once
            seconds(lambda: estimate_foreground_ml(rgb / 255, alpha.astype(float))),  # noqa: B023
        ]
        for label, (ours, theirs) in times.items():
            what = f"{soft_share(truth):.1%} soft, {label}"
            print(f"{what:34} {ours:10.3f} {theirs:10.3f} {theirs / ours:6.1f}")
    working = restore(alpha, (320, 320))
    refined = seconds(lambda: edges.refine(working, rgb))
    plain = seconds(lambda: restore(working, size))
    print(f"alpha from 320² to full size: refined {refined:.3f}, plain {plain:.3f}")


def soft_share(truth: np.ndarray) -> float:
    return float(((truth > 0) & (truth < 255)).mean())


def first_call(who: str, folder: Path) -> float:
    command = [sys.executable, "-c", FIRST_CALL, who, folder / "rgb.npy", folder / "alpha.npy"]
    fresh = os.environ | {"NUMBA_CACHE_DIR": str(folder / "nothing compiled yet")}
    return float(subprocess.run(command, capture_output=True, check=True, env=fresh).stdout)


def seconds(call) -> float:
    """The least of five."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def write_sheet(mattes: list[Matte], path: Path, side: int = 200) -> None:
    """The softest window of each photograph: as it is, alpha, on a strong color."""
    rows = []
    for matte in mattes:
        soft = ((matte.truth > 0) & (matte.truth < 255)).astype(float)
        top, left = np.unravel_index(
            ndimage.uniform_filter(soft, side, mode="constant").argmax(), soft.shape
        )
        top, left = (max(0, int(v) - side // 2) for v in (top, left))
        window = np.s_[top : top + side, left : left + side]
        own = colors.foreground(matte.rgb, matte.truth)
        cut = [
            composed(Matte(rgb, matte.truth, matte.band), np.array((230, 0, 200)))
            for rgb in (matte.rgb, own)
        ]
        rows.append([view[window] for view in (matte.rgb, matte.truth, *cut)])
    titles = ["image", "alpha", "its own colors left", "foreground estimated"]
    contact_sheet.sheet(rows, path, titles=titles, captions=[""] * len(rows), per_line=2, cell=side)


if __name__ == "__main__":
    main()
