"""High dynamic range to standard: PQ and HLG in BT.2020 become 8 bits in BT.709.

Formulas: ITU-R BT.2100-2 (PQ and HLG), BT.2087 (primaries), Reinhard et al., "Photographic Tone
Reproduction for Digital Images" (2002), equation 4. White is where BT.2408 puts it, at 203 cd/m².
"""

import functools

import numpy as np

PQ, HLG = 16, 18
TRANSFERS = (PQ, HLG)
"""Codes of ITU-T H.273."""
WHITE = 203.0  # cd/m²
PEAK = 1000.0  # cd/m² that become the brightest value
KNEE = 0.6  # of white
LEVELS = 2**12  # of the tables; enough for 8 bits
TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def to_sdr(rgb: np.ndarray, transfer: int) -> np.ndarray:
    """uint8 `(H,W,3)` in BT.709 from uint16 `(H,W,3)` in BT.2020 with that transfer."""
    light = _light(transfer)[rgb >> 4]
    light = np.maximum(light @ TO_709.T, 0)
    brightest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    light *= _rolled_off(brightest) / brightest  # one factor a pixel: the hue stays
    index = np.rint(light.clip(0, 1) * (LEVELS - 1)).astype(np.intp)
    return _gamma()[index]


def _rolled_off(light: np.ndarray) -> np.ndarray:
    """Light as it is up to `KNEE`; from there to the peak it bends, and ends at 1."""
    over = np.maximum(light - KNEE, 0) / (1 - KNEE)
    end = np.float32((PEAK / WHITE - KNEE) / (1 - KNEE))
    bent = KNEE + (1 - KNEE) * over * (1 + over / end**2) / (1 + over)
    return np.where(light <= KNEE, light, bent).astype(np.float32)


@functools.cache
def _light(transfer: int) -> np.ndarray:
    """Linear light of each level, where 1 is white."""
    signal = np.linspace(0, 1, LEVELS)
    if transfer == PQ:
        m1, m2 = 2610 / 16384, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        power = signal ** (1 / m2)
        light = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        light = PEAK * scene**1.2
    return (light / WHITE).astype(np.float32)


@functools.cache
def _gamma() -> np.ndarray:
    """uint8 of each level of linear light, by sRGB's curve."""
    light = np.linspace(0, 1, LEVELS)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(curve * 255).astype(np.uint8)
