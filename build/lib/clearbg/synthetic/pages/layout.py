"""The text of a page: prose, title pages, tables, letters, and what is almost blank."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.pages.faces import PRINTED, WRITTEN, Face, face, signed
from clearbg.synthetic.pages.sheets import Sheet
from clearbg.synthetic.pages.words import LANGUAGES, Language, number, phrase, title


@dataclass(frozen=True)
class Text:
    """What is written: a language in a face, in a frame (`top, left, bottom, right`) of pixels."""

    language: Language
    font: Face
    top: float
    left: float
    bottom: float
    right: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left


def written(rng: Generator, shape: tuple[int, int], x_height: float, by_hand: bool) -> Sheet:
    """A sheet of `(height, width)` pixels with one of the kinds of page on it."""
    sheet = Sheet(rng, np.zeros(shape, np.uint8))
    font = face(rng, WRITTEN if by_hand else PRINTED, x_height)
    cut = rng.random(4) < 0.35
    margin = np.where(cut, rng.uniform(-1.5, 0.0, 4), rng.uniform(0.5, 3.0, 4)) * x_height
    frame = (margin[0], margin[1], shape[0] - margin[2], shape[1] - margin[3])
    text = Text(LANGUAGES[rng.integers(len(LANGUAGES))], font, *frame)
    if by_hand:
        kinds, shares = (_letter, _table, _sparse), (0.84, 0.08, 0.08)
    else:
        kinds, shares = (_prose, _titles, _table, _sparse), (0.66, 0.17, 0.1, 0.07)
    kinds[rng.choice(len(kinds), p=shares)](rng, sheet, text)
    return sheet


def _enough(rng: Generator, text: Text, width: float, start: bool = False) -> list[str]:
    """Words for more than a line, whatever the face."""
    return phrase(rng, text.language, 3 + int(width / (2.2 * text.font.x_height)), start)


def _prose(rng: Generator, sheet: Sheet, text: Text) -> None:
    """One or two columns, now and then under a heading or after an initial."""
    unit = text.font.x_height
    leading = rng.uniform(2.4, 3.6) * unit
    if rng.random() < 0.35:
        text = replace(text, top=_heading(rng, sheet, text))
    if rng.random() < 0.15:
        text = replace(text, top=_initial(rng, sheet, text, leading))
    if text.width > 45 * unit and rng.random() < 0.6:
        middle = (text.left + text.right) / 2
        if rng.random() < 0.4:
            sheet.rule((middle, text.top + unit), (middle, text.bottom), 0.15 * unit)
        _column(rng, sheet, replace(text, right=middle - 1.5 * unit), leading)
        text = replace(text, left=middle + 1.5 * unit)
    _column(rng, sheet, text, leading)


def _column(rng: Generator, sheet: Sheet, text: Text, leading: float) -> None:
    """Lines in paragraphs that are indented and end short."""
    y, opening = text.top + 2 * text.font.x_height, True
    while y < text.bottom:
        indent = 2.0 * text.font.x_height if opening else 0.0
        closing = rng.random() < 0.13
        width = (text.width - indent) * (rng.uniform(0.2, 0.8) if closing else 1.0)
        align = "left" if closing else "full"
        words = _enough(rng, text, width, opening)
        sheet.line(text.font, words, (text.left + indent, y), width, align)
        y += leading
        opening = closing


def _heading(rng: Generator, sheet: Sheet, text: Text) -> float:
    """A larger line over the text, perhaps ruled off or in a second ink; where the text begins."""
    large = replace(text.font, x_height=text.font.x_height * rng.uniform(1.3, 2.4))
    y = text.top + 2.2 * large.x_height
    heading = title(rng, text.language, int(rng.integers(1, 5)))
    box = sheet.line(large, heading, (text.left, y), text.width, "center")
    if rng.random() < 0.25:
        sheet.second.append(box)
    y += large.x_height
    if rng.random() < 0.5:
        _centered_rule(rng, sheet, text, y)
    return y


def _centered_rule(rng: Generator, sheet: Sheet, text: Text, y: float) -> None:
    inset = rng.uniform(0, 0.4) * text.width
    pen = rng.uniform(0.12, 0.3) * text.font.x_height
    sheet.rule((text.left + inset, y), (text.right - inset, y), pen)


def _initial(rng: Generator, sheet: Sheet, text: Text, leading: float) -> float:
    """A letter as high as two lines, which stand beside it; where the text goes on."""
    unit = text.font.x_height
    large = replace(text.font, x_height=0.6 * leading + 0.5 * unit)
    y = text.top + 2 * unit + leading
    letter = text.language.word(rng)[0].upper()
    box = sheet.line(large, [letter], (text.left, y), text.width)
    if rng.random() < 0.6:
        sheet.second.append(box)
    left = box[3] + 0.3 * unit
    for row in (y - leading, y):
        words = _enough(rng, text, text.right - left)
        sheet.line(text.font, words, (left, row), text.right - left, "full")
    return y + leading - 2 * unit


def _titles(rng: Generator, sheet: Sheet, text: Text) -> None:
    """A title page: centered lines of many sizes, with rules between them."""
    y = text.top
    while y < text.bottom:
        kind = (text.font.kind, text.font.kind, "roman", "italic")[rng.integers(4)]
        font = face(rng, (kind,), text.font.x_height * np.exp(rng.uniform(-0.2, 1.0)))
        y += 2.3 * font.x_height
        words = title(rng, text.language, int(rng.integers(1, 8)))
        box = sheet.line(font, words, (text.left, y), text.width, "center")
        if rng.random() < 0.2:
            sheet.second.append(box)
        y += 1.1 * font.x_height
        if rng.random() < 0.25:
            _centered_rule(rng, sheet, text, y)


def _table(rng: Generator, sheet: Sheet, text: Text) -> None:
    """Rows of a word or two and some numbers, ruled or not."""
    unit = text.font.x_height
    leading = rng.uniform(2.6, 3.8) * unit
    columns = int(np.clip(text.width / (9 * unit) - 1, 0, 4))
    starts = np.linspace(text.left, text.right, columns + 2)[1:]
    rows, pen = max(1, int((text.bottom - text.top) / leading)), rng.uniform(0.1, 0.2) * unit
    for row in range(1, rows + 1):
        y = text.top + row * leading
        words = [word for word in phrase(rng, text.language, 9) if len(word) < 8]
        sheet.line(text.font, words[:2] or ["et"], (text.left, y), starts[0] - text.left)
        for start, stop in pairwise(starts):
            width = stop - start - 2 * unit
            sheet.line(text.font, [number(rng)], (start + unit, y), width, "right")
    foot = text.top + rows * leading + unit
    for start in starts[:-1] if rng.random() < 0.5 else ():
        sheet.rule((start, text.top), (start, foot), pen)
    if rng.random() < 0.5:
        for row in range(0, rows + 1, int(rng.integers(1, 4))):
            y = text.top + row * leading + 0.9 * unit
            sheet.rule((text.left, y), (text.right, y), pen)


def _letter(rng: Generator, sheet: Sheet, text: Text) -> None:
    """Lines by hand: an uneven margin, now and then a date, an underline and a signature."""
    unit, font = text.font.x_height, text.font
    leading = rng.uniform(2.8, 4.4) * unit
    signing = rng.random() < 0.3 and text.bottom - text.top > 5 * leading
    bottom = text.bottom - (2.5 * leading if signing else 0)
    y = text.top + 2.2 * unit
    if rng.random() < 0.25:
        date = [text.language.word(rng).capitalize() + ",", number(rng)]
        sheet.line(font, date, (text.left, y), text.width, "right")
        y += 1.3 * leading
    while y < bottom:
        left = text.left + abs(rng.normal(0, 0.6)) * unit
        width = (text.right - left) * (rng.uniform(0.3, 0.8) if rng.random() < 0.12 else 1)
        words = _enough(rng, text, width, rng.random() < 0.25)
        box = sheet.line(font, words, (left, y), width)
        if rng.random() < 0.06:
            low = y + 0.6 * unit
            sheet.rule((box[1], low), (box[3], low - 0.1 * unit), font.thin * unit)
        y += leading * (1 + rng.normal(0, 0.05))
    if signing:
        large = replace(font, x_height=1.3 * unit, thin=0.9 * font.thin)
        drawn = signed(rng, large)
        left = text.right - drawn.shape[1] * rng.uniform(0.9, 1.5)
        sheet.stamp(drawn, y + 0.3 * leading - large.baseline, left)


def _sparse(rng: Generator, sheet: Sheet, text: Text) -> None:
    """An almost blank page: a number, or a few words on one or two lines, anywhere."""
    height, width = sheet.ink.shape
    y = rng.uniform(0.15, 0.85) * height
    for _ in range(rng.integers(1, 3)):
        words = phrase(rng, text.language, int(rng.integers(1, 4)))
        words = [number(rng)] if rng.random() < 0.3 else words
        sheet.line(text.font, words, (rng.uniform(0.05, 0.5) * width, y), 0.6 * width)
        y += 3 * text.font.x_height
