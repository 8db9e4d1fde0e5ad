"""Figures compared with recorded ones, pixel by pixel."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from archmodel.report.figure import house_style

RECORDED = Path(__file__).parent / "figures"
KEPT = Path(__file__).parents[2] / "results" / "figures"
"""Of a figure that has changed: what it is now, and where it differs."""

DPI = 50
N_LEVELS = 16
"""Of each colour: recorded pictures are small, and what is kept is what one sees."""

TOLERANCE = 1.5
"""Largest root of the mean square by which pixels may differ in any square of `SIDE` pixels, of 255.

The locked packages draw the same pixels, fonts included: the difference is 0. What is tolerated is what other versions
of them do to the edges of a few letters. It is less than the least that matters: one digit in the smallest letters
makes a difference of 2.1, see `test_what_is_noticed`.
"""
SIDE = 40

Pixels = NDArray[np.float64]


def check_picture(figure: Figure, name: str, is_update: bool) -> None:
    """Compare a figure with the recorded one of a name, or record it."""
    drawn, path = render(figure), RECORDED / f"{name}.png"
    if is_update:
        if not path.exists() or difference(read(path.read_bytes()), read(drawn)) > 0:
            path.write_bytes(drawn)
        return
    assert path.exists(), f"{path} is absent; if the figure is new, run with --update and look at it"
    old, new = read(path.read_bytes()), read(drawn)
    differs = difference(old, new)
    if differs > TOLERANCE:
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / f"{name}.png").write_bytes(drawn)
        Image.fromarray(mark_differences(old, new)).save(KEPT / f"{name}.diff.png")
    assert differs <= TOLERANCE, (
        f"figure {name} differs by {differs:.2f} of 255 from the recorded one, more than {TOLERANCE}; it is kept in "
        f"{KEPT}, with a picture of what differs; if meant, run with --update"
    )


def render(figure: Figure) -> bytes:
    """Draw a figure small, and with few colours, as PNG."""
    drawn, written = io.BytesIO(), io.BytesIO()
    with house_style():
        figure.savefig(drawn, format="png", dpi=DPI)
    step = 255 // (N_LEVELS - 1)
    pixels = np.asarray(Image.open(drawn).convert("RGB"), np.float64)
    few = Image.fromarray((np.round(pixels / step) * step).astype(np.uint8))
    if len(few.getcolors(N_LEVELS**3) or ()) <= 256:
        few = few.quantize(256, dither=Image.Dither.NONE)
    few.save(written, format="PNG", optimize=True)
    return written.getvalue()


def read(png: bytes) -> Pixels:
    """Read the pixels (rows, columns, 3) of a picture, 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.float64)


def difference(old: Pixels, new: Pixels) -> float:
    """Give the largest root mean square of the differences in any square of pixels; 255 for pictures of two sizes."""
    if old.shape != new.shape:
        return 255.0
    squares = np.square(old - new).mean(axis=2)
    rows, columns = (range(0, size, SIDE) for size in squares.shape)
    return float(max(np.sqrt(squares[i : i + SIDE, j : j + SIDE].mean()) for i in rows for j in columns))


def mark_differences(old: Pixels, new: Pixels) -> NDArray[np.uint8]:
    """Draw the new picture pale, and red what differs; only the new one if the sizes differ."""
    if old.shape != new.shape:
        return new.astype(np.uint8)
    pale = 204 + 0.2 * new
    pale[np.abs(old - new).max(axis=2) > 0] = (214, 0, 0)
    return pale.astype(np.uint8)
