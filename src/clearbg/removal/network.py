"""What a network is to removal, whatever runs it."""

from collections.abc import Callable

import numpy as np

Network = Callable[[np.ndarray], np.ndarray]
"""float32 `(N,C,h,w)`, normalised -> alpha float32 `(N,1,h,w)` in [0, 1]."""

PIXELS_AT_ONCE = 2**18
"""Most pixels of tiles in one call of the network, of which at least one tile: 4 of 256×256."""
