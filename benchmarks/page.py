"""Measures the page under load: several users send images, some of which cannot be used.

    python benchmarks/page.py                       8 users, 200 uploads, 20 of them bad
    python benchmarks/page.py --users 2 --uploads 20

Each user is a client of the API in a thread of this process; the server is a process of its own.
A right answer has the bytes that the remover gives here for the same image. A bad upload (text,
empty, cut short, too many pixels) has to be refused in a sentence that names the file. The
benchmark prints how many answers were right, refused and neither, and how many seconds users waited
for right answers. After some uploads it prints the server's memory and the size of its temporary
folder, which may hold --storage megabytes.
"""

import argparse
import contextlib
import io
import itertools
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from clearbg.images.convert import image_of
from clearbg.removal.cutout import cut
from clearbg.removal.remover import Remover
from clearbg.synthetic import generate

ROOT = Path(__file__).parent.parent
SERVER = """
import sys
from pathlib import Path
from clearbg.page.limits import Limits
from clearbg.page.models import ModelChoices
from clearbg.page.server import serve
limits = Limits(storage_bytes=int(sys.argv[2]))
serve(ModelChoices([Path(sys.argv[1])]), limits, port=0)
"""
MARKS = (50, 100, 200)
"""Numbers of uploads after which the server's state is printed."""
PHOTOS = 6
"""Different images; uploads of one image differ in the bytes after the image's end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--model", type=Path, default=ROOT / "exports/model.onnx")
    parser.add_argument("--side", type=int, default=1600, help="the images' longer side, pixels")
    parser.add_argument("--storage", type=float, default=100, help="megabytes")
    chosen = parser.parse_args()
    photos = [photo(index, chosen.side) for index in range(PHOTOS)]
    remover = Remover(chosen.model)
    expected = [cutout_png(remover, content) for content in photos]
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), chosen.model, round(chosen.storage * 1e6))
        try:
            users = Users(server.url, Path(folder), photos, expected)
            rounds = [0, *(mark for mark in MARKS if mark < chosen.uploads), chosen.uploads]
            print(server.state(0))
            with ThreadPoolExecutor(chosen.users) as pool:
                for first, last in itertools.pairwise(rounds):
                    list(pool.map(users.send, range(first, last)))
                    print(server.state(last))
        finally:
            server.end()
        print(users.report())
        print(f"tracebacks in the server's log: {server.log.read_text().count('Traceback')}")


def photo(index: int, side: int) -> bytes:
    """A generated image as a JPEG."""
    image = Image.fromarray(generate(0, index)[0])
    image = image.resize((side, side * image.height // image.width), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def cutout_png(remover: Remover, content: bytes) -> bytes:
    """The PNG that the page has to answer with."""
    return cut(remover, image_of(content)).encoded


class Server:
    """The page in a process of its own."""

    def __init__(self, folder: Path, model: Path, storage: int):
        self.log, self._temporary = folder / "log.txt", folder / "server"
        self._temporary.mkdir()
        self._largest, self._ended = 0, threading.Event()
        with open(self.log, "w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", SERVER, str(model), str(storage)],
                env=os.environ | {"TMPDIR": str(self._temporary)}, stdout=log, stderr=log,
            )  # fmt: skip
        while not (found := re.search(r"http://\S+", self.log.read_text())):
            if self._process.poll() is not None:
                raise SystemExit(self.log.read_text())
            time.sleep(0.1)
        self.url = found[0]
        self._watch = threading.Thread(target=self._watch_folder, daemon=True)
        self._watch.start()

    def state(self, uploads: int) -> str:
        memory = psutil.Process(self._process.pid).memory_info().rss / 2**20
        folder, largest = self._folder_bytes() / 1e6, self._largest / 1e6
        return (
            f"after {uploads:3} uploads: {memory:5.0f} MiB of memory, "
            f"{folder:6.1f} MB in the temporary folder, at most {largest:.1f} so far"
        )

    def end(self) -> None:
        self._ended.set()
        self._watch.join()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)

    def _folder_bytes(self) -> int:
        total = 0
        for parent, _, names in os.walk(self._temporary):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.path.getsize(os.path.join(parent, name))
        return total

    def _watch_folder(self) -> None:
        while not self._ended.wait(0.2):
            self._largest = max(self._largest, self._folder_bytes())


class Users:
    """Clients of the API, one in each thread, and the answers that they got."""

    def __init__(self, url: str, folder: Path, photos: list[bytes], expected: list[bytes]):
        self._url, self._folder = url, folder
        self._photos, self._expected = photos, expected
        self._own = threading.local()
        self._seconds: list[float] = []
        self._answers: Counter[str] = Counter()

    def send(self, number: int) -> None:
        """Send one upload; every tenth is bad."""
        bad = number % 10 == 9
        content = self._bad(number) if bad else self._photo(number)
        file = self._folder / f"{number}.jpg"
        file.write_bytes(content)
        if not hasattr(self._own, "client"):
            got = self._folder / f"got-{threading.get_ident()}"
            self._own.client = Client(
                self._url, verbose=False, analytics_enabled=False, download_files=got
            )
        started = time.perf_counter()
        try:
            path, _ = self._own.client.predict(image=handle_file(file), api_name="/remove")
            seconds = time.perf_counter() - started
            right = not bad and Path(path).read_bytes() == self._expected[number % PHOTOS]
            Path(path).unlink()
            self._answers["right" if right else "wrong"] += 1
            if right:
                self._seconds.append(seconds)
        except AppError as error:
            refused = bad and f"{number}.jpg" in str(error)
            self._answers["refused" if refused else f"other: {error}"] += 1
        except Exception as error:  # whatever it is, it is counted
            self._answers[f"other: {type(error).__name__}: {error}"] += 1
        file.unlink()

    def report(self) -> str:
        cuts = statistics.quantiles(self._seconds, n=20) if len(self._seconds) > 1 else [0.0] * 19
        counted = ", ".join(f"{number} {what}" for what, number in sorted(self._answers.items()))
        return (
            f"answers: {counted}\nseconds of right answers: p50 {cuts[9]:.2f}, p95 {cuts[18]:.2f}"
        )

    def _photo(self, number: int) -> bytes:
        """An image with bytes after its end, which make every upload a different file."""
        return self._photos[number % PHOTOS] + f"upload {number}".encode()

    def _bad(self, number: int) -> bytes:
        whole = self._photos[number % PHOTOS]
        wide = io.BytesIO()
        Image.new("1", (9000, 9000)).save(wide, "PNG")
        kinds = (f"text {number}".encode(), b"", whole[: len(whole) // 2], wide.getvalue())
        return kinds[number // 10 % len(kinds)]


if __name__ == "__main__":
    main()
