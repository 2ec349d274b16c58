"""What `clearbg remove` holds in memory while it works, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model

from clearbg.images import write_image

LARGE = """
import sys
from pathlib import Path
from clearbg import Remover
from clearbg.removal.files import remove_files
def held(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(name)))
remover = Remover(sys.argv[1], threads=1, images="one")
remove_files(["small.jpg"], "out.png", remover)
before = held("VmRSS:")
remove_files(["large.jpg"], "out.png", remover)
print(held("VmHWM:") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_large_image_costs_few_bytes_a_pixel(tmp_path):
    """Decoded it has three, and as Pillow holds it four."""
    model = brightness_model(tmp_path / "model.onnx", height=320, width=320)
    small = np.repeat(disc(0)[1][..., None], 3, axis=2)  # white on black
    large = np.asarray(Image.fromarray(small).resize((6000, 4000), Image.Resampling.BILINEAR))
    for name, rgb in (("small.jpg", small), ("large.jpg", large)):
        write_image(name, rgb)
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(model)], capture_output=True, text=True, check=True
    )
    with Image.open("out.png") as made:
        assert made.size == (6000, 4000) and made.getchannel("A").getextrema() == (0, 255)
    assert int(done.stdout) / large[..., 0].size < 14
