"""Words in ink: one strip of coverage for each, in a face of print or in a hand.

All faces come with the installed libraries or from this package: OpenCV's Hershey strokes (A. V.
Hershey, 1967), Pillow's built-in sans, the blackletter and the cursive strokes of this package.
A face with a nib is drawn thin and then swept by the nib's edge, so that strokes across the
edge grow thick and those along it stay hairlines, as with a broad pen or a cut letter.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from clearbg.synthetic.pages import blackletter
from clearbg.synthetic.pages.handwriting import Writer, cursive, penned, signature, writer

ASCENT, DESCENT, MARGIN = 2.5, 1.5, 0.8  # x-heights of a strip above, below and beside the text
HERSHEY_X_HEIGHT = 14  # pixels at scale 1
SANS_X_HEIGHT = 0.52  # of the font's size
HERSHEY = {
    "roman": cv2.FONT_HERSHEY_COMPLEX,
    "italic": cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
    "bold": cv2.FONT_HERSHEY_TRIPLEX,
    "plain": cv2.FONT_HERSHEY_DUPLEX,
    "script": cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    "typewriter": cv2.FONT_HERSHEY_COMPLEX,
}
PRINTED = (
    "roman", "roman", "roman", "blackletter", "blackletter", "blackletter",
    "italic", "bold", "typewriter", "sans", "plain",
)  # fmt: skip
WRITTEN = ("script", "cursive")


@dataclass(frozen=True)
class Face:
    """How words look. Lengths count x-heights, `x_height` itself pixels of the sheet.

    `thin` is the width of a hairline, `nib` the length of the nib's edge and `angle` its
    direction in radians; `slant` leans to the right, `squeeze` below 1 is condensed.
    """

    kind: str
    x_height: float
    thin: float = 0.1
    nib: float = 0.0
    angle: float = 0.0
    slant: float = 0.0
    squeeze: float = 1.0
    hand: Writer | None = None

    @property
    def baseline(self) -> int:
        """The row of every strip that the letters stand on."""
        return round(ASCENT * self.x_height)

    @property
    def space(self) -> float:
        """Pixels between two words."""
        return self.x_height * (0.75 if self.kind in WRITTEN else 0.6)


def face(rng: Generator, kinds: tuple[str, ...], x_height: float) -> Face:
    """A face of one of the kinds, with a weight, a width and a slant of its own."""
    kind = kinds[rng.integers(len(kinds))]
    weight = rng.uniform(0.7, 1.3)
    if kind == "cursive":
        return Face(kind, x_height, rng.uniform(0.1, 0.2), hand=writer(rng))
    if kind == "script":
        nib = weight * rng.uniform(0.04, 0.15)
        slant = rng.normal(0.1, 0.2)
        thin = rng.uniform(0.06, 0.12)
        return Face(kind, x_height, thin, nib, rng.uniform(0.0, 0.9), slant, rng.uniform(0.8, 1.3))
    if kind == "blackletter":
        angle = rng.uniform(0.5, 0.8)
        return Face(kind, x_height, 0.05, 0.24 * weight, angle, 0, rng.uniform(0.8, 1.05))
    if kind == "typewriter":
        return Face(kind, x_height, 0.12 * weight)
    nib = weight * rng.uniform(0.04, 0.2)
    thin = (0.16 if kind == "plain" else 0.07) * weight
    return Face(kind, x_height, thin, nib, rng.normal(0, 0.1), 0, rng.uniform(0.72, 1.02))


def strip(rng: Generator, font: Face, text: str) -> np.ndarray:
    """The coverage of a word, uint8 `(h,w)`, its baseline in row `font.baseline`."""
    if font.kind == "cursive":
        length = max(1, round(len(text) * 0.75))
        strokes = cursive(rng, font.hand, length, text[:1].isupper())
        return _written(rng, font, strokes)
    if font.kind == "blackletter":
        drawn = _blackletter(font, text)
    elif font.kind == "sans":
        drawn = _sans(font, text)
    elif font.kind == "typewriter":
        drawn = _typed(rng, font, text)
    else:
        drawn = _hershey(font, text)
    if font.nib:
        drawn = cv2.dilate(drawn, _nib(font.nib * font.x_height, font.angle))
    return _leaning(rng, font, drawn)


def signed(rng: Generator, font: Face) -> np.ndarray:
    """The coverage of a signature in a hand of its own, uint8 `(h,w)`."""
    hand = font.hand or writer(rng)
    return _written(rng, font, signature(rng, hand), hand)


def _blank(font: Face, width: float) -> np.ndarray:
    height = round((ASCENT + DESCENT) * font.x_height)
    return np.zeros((height, int(width + 2 * MARGIN * font.x_height) + 1), np.uint8)


def _pen(font: Face) -> int:
    return max(1, round(font.thin * font.x_height))


def _hershey(font: Face, text: str) -> np.ndarray:
    scale = font.x_height / HERSHEY_X_HEIGHT
    width = scale * sum(_advance(HERSHEY[font.kind], character) for character in text)
    drawn = _blank(font, width)
    at = (round(MARGIN * font.x_height), font.baseline)
    cv2.putText(drawn, text, at, HERSHEY[font.kind], scale, 255, _pen(font))
    return drawn


@lru_cache(maxsize=1024)
def _advance(code: int, character: str) -> float:
    return cv2.getTextSize(character * 10, code, 1.0, 1)[0][0] / 10


def _typed(rng: Generator, font: Face, text: str) -> np.ndarray:
    """Letters of one width, each struck a little too high or too low."""
    scale, step = 0.9 * font.x_height / HERSHEY_X_HEIGHT, 1.35 * font.x_height
    drawn = _blank(font, step * len(text))
    code = HERSHEY[font.kind]
    unrest = rng.normal(0, 0.03, (len(text), 2))
    for index, (character, (jump, aside)) in enumerate(zip(text, unrest)):
        centered = (step - scale * _advance(code, character)) / 2
        x = (MARGIN + aside) * font.x_height + index * step + centered
        at = (round(x), round(font.baseline + jump * font.x_height))
        cv2.putText(drawn, character, at, code, scale, 255, _pen(font))
    return drawn


def _sans(font: Face, text: str) -> np.ndarray:
    letters = ImageFont.load_default(font.x_height / SANS_X_HEIGHT)
    drawn = Image.fromarray(_blank(font, letters.getlength(text)))
    at = (round(MARGIN * font.x_height), font.baseline)
    ImageDraw.Draw(drawn).text(at, text, fill=255, font=letters, anchor="ls")
    return np.array(drawn)


def _blackletter(font: Face, text: str) -> np.ndarray:
    length, strokes = blackletter.lettered(text)
    unit = font.x_height / blackletter.X_HEIGHT
    drawn = _blank(font, length * unit)
    at = np.float32([MARGIN * font.x_height + 0.5 * unit, font.baseline])
    lines = [np.rint(stroke * (unit, -unit) + at).astype(np.int32) for stroke in strokes]
    cv2.polylines(drawn, lines, False, 255, _pen(font))
    return drawn


def _written(
    rng: Generator, font: Face, strokes: list[np.ndarray], hand: Writer | None = None
) -> np.ndarray:
    hand = hand or font.hand
    shear = np.array([[1, 0], [hand.slant, 1]])  # a row (x,y) becomes (x + slant·y, y)
    turn = rng.normal(0, 0.02)
    size = font.x_height * np.exp(rng.normal(0, 0.04))
    leaning = [stroke @ shear @ [[1, turn], [-turn, 1]] * size for stroke in strokes]
    left = min(stroke[:, 0].min() for stroke in leaning)
    right = max(stroke[:, 0].max() for stroke in leaning)
    drawn = _blank(font, right - left)
    at = (MARGIN * font.x_height - left, font.baseline)
    placed = [stroke * (1, -1) + at for stroke in leaning]
    penned(rng, drawn, placed, font.thin * font.x_height, hand.pressure)
    return drawn


def _nib(length: float, angle: float) -> np.ndarray:
    """The nib's edge as a structuring element."""
    reach = int(np.ceil(length / 2))
    element = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    end = length / 2 * np.array([np.cos(angle), -np.sin(angle)])
    start, stop = (np.rint(reach + sign * end).astype(int).tolist() for sign in (-1, 1))
    cv2.line(element, start, stop, 1)
    return element


def _leaning(rng: Generator, font: Face, drawn: np.ndarray) -> np.ndarray:
    """The strip condensed and slanted; by hand, no two words exactly alike."""
    slant, squeeze, turn = font.slant, font.squeeze, 0.0
    if font.kind in WRITTEN:
        noise = rng.normal(0, 1, 3)
        slant, turn = slant + 0.05 * noise[0], 0.02 * noise[1]
        squeeze *= np.exp(0.06 * noise[2])
    if not slant and not turn and squeeze == 1:
        return drawn
    height, width = drawn.shape
    side = MARGIN * font.x_height
    lean = abs(slant) * font.x_height
    rows = [[squeeze, -slant, side * (1 - squeeze) + slant * font.baseline + lean / 2],
            [turn, 1, -turn * width / 2]]  # fmt: skip
    size = (int(squeeze * (width - 2 * side) + 2 * side + lean) + 1, height)
    return cv2.warpAffine(drawn, np.float32(rows), size)
