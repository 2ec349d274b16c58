"""The loss over the learning rate, drawn for a person."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clearbg.system.files import replacing_file

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 540, 90, 30, 40, 70  # pixels
LETTERS = 16
INK, PALE, STEP, CURVE, MARK = "#1e2024", "#dfe1e5", "#b8c4d0", "#1f77b4", "#d9480f"


def write_curve(
    path: Path, rates: np.ndarray, losses: np.ndarray, smooth: np.ndarray, marked: float | None
) -> None:
    """Write a PNG: a dot a step, the smoothed curve, and a line at the suggested rate.

    Args:
        rates: rising, `(N,)`; drawn by their logarithm.
        losses, smooth: `(N,)`.
        marked: the suggested rate.
    """
    canvas = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(LETTERS)
    logs = np.log10(rates)
    low, high = smooth.min(), max(smooth[: np.argmin(smooth) + 1].max(), smooth[0])
    room = 0.15 * max(high - low, 1e-9)
    low, high = low - room, high + room

    def x(log: float) -> float:
        return LEFT + (log - logs[0]) / (logs[-1] - logs[0]) * (WIDTH - LEFT - RIGHT)

    def y(loss: float) -> float:
        share = (min(max(loss, low), high) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    for decade in range(int(np.ceil(logs[0] - 1e-9)), int(np.floor(logs[-1] + 1e-9)) + 1):
        draw.line([(x(decade), TOP), (x(decade), HEIGHT - BOTTOM)], PALE)
        draw.text((x(decade), HEIGHT - BOTTOM + 8), f"{10.0**decade:g}", INK, font, anchor="ma")
    for loss in np.linspace(low, high, 5):
        draw.line([(LEFT, y(loss)), (WIDTH - RIGHT, y(loss))], PALE)
        draw.text((LEFT - 8, y(loss)), f"{loss:.3g}", INK, font, anchor="rm")
    for log, loss in zip(logs, losses, strict=True):
        if low <= loss <= high:
            draw.ellipse([x(log) - 3, y(loss) - 3, x(log) + 3, y(loss) + 3], STEP)
    curve = [(x(log), y(loss)) for log, loss in zip(logs, smooth, strict=True)]
    draw.line(curve, CURVE, 3, joint="curve")
    if marked is not None:
        at = x(float(np.log10(marked)))
        draw.line([(at, TOP), (at, HEIGHT - BOTTOM)], MARK, 2)
        side = "la" if at < WIDTH / 2 else "ra"
        draw.text((at + (8 if side == "la" else -8), TOP + 4), f"suggested: {marked:.2g}", MARK,
                  font, anchor=side)  # fmt: skip
    draw.text((LEFT, 12), "loss of a step: dots, and smoothed", INK, font)
    draw.text((WIDTH - RIGHT, HEIGHT - 30), "learning rate", INK, font, anchor="ra")
    with replacing_file(path) as aside:
        canvas.save(aside)
