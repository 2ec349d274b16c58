"""ClearBG: train, measure, reproduce and run background removers."""

import os

__all__ = ["Remover", "__version__"]
__version__ = "0.1.0"

# Its Linux and macOS wheels report to Microsoft from 1.31 on, unless told before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Threads of OpenMP that wait spin: on an idle machine that is twice as fast as sleeping, on a busy
# one it takes the time of those that work. Read when torch is loaded; results keep their bits.
if hasattr(os, "getloadavg") and os.getloadavg()[0] > (os.cpu_count() or 1) / 2:
    os.environ.setdefault("GOMP_SPINCOUNT", "0")


def __getattr__(name: str):
    # Imported on first use, so that `import clearbg` costs nothing.
    if name == "Remover":
        from clearbg.removal.remover import Remover

        return Remover
    raise AttributeError(f"module 'clearbg' has no attribute {name!r}")
