"""Measures `clearbg serve` under load against the folder command, in one run.

    python benchmarks/serve.py             16 users, 1,000 requests, 100 of them bad
    python benchmarks/serve.py --quick     4 users, 60 requests, 6 of them bad
    python benchmarks/serve.py --batch 4   the same, and once more with micro-batches

First the network alone says whether a run with several images is faster than runs with one. Then
the folder command does half of the good images, the server does all of them, and the folder command
the other half, so that what else runs on the machine slows both. With `--batch` a second server has
its turn after the first, and the ratio of the two is printed; the alpha of its answers may differ
by 1 of 255. Each is a process of its own, and
its time begins when its model is open. Where other programs take the processors, the
seconds of the processor say more than those that passed. A right answer has the bytes of the
command's file. A bad request (text, empty, cut short, too many pixels, a wrong option) has to be
refused with a sentence and its status. Prints a table and, as the last line, JSON.
"""

import argparse
import http.client
import io
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from clearbg.pretrained.choice import choose
from clearbg.removal.remover import Remover
from clearbg.synthetic import generate

PHOTOS = 20
"""Different images; a folder holds copies of them."""
MEGAPIXELS = 4
"""The server's limit; a bad image has more."""
FOLDER = """
import sys, time
from pathlib import Path
from clearbg.removal.files import remove_files
from clearbg.removal.remover import Remover
from clearbg.system import memory
memory.keep_freed()
remover = Remover(Path(sys.argv[1]), images="many")
started, worked = time.perf_counter(), time.process_time()
report = remove_files([sys.argv[2]], sys.argv[3], remover)
assert report.exit_status == 0
print(time.perf_counter() - started, time.process_time() - worked)
"""
"""What `clearbg remove FOLDER` does once its model is open."""
ROUNDS = 8
"""Images of each size of a run, in each turn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=16)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--side", type=int, default=640, help="the images' longer side, pixels")
    parser.add_argument("--model", default="clearbg-lite")
    parser.add_argument("--batch", type=int, default=1, help="images in a run of the network")
    parser.add_argument("--quick", action="store_true", help="4 users, 60 requests")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.users, chosen.requests = 4, 60
    model = choose(chosen.model).file
    photos = [photo(index, chosen.side) for index in range(PHOTOS)]
    good = chosen.requests - chosen.requests // 10
    with tempfile.TemporaryDirectory() as folder:
        halves = [Path(folder, name) for name in ("before", "after")]
        for half in halves:
            half.mkdir()
            for number in range(good // 2):
                (half / f"{number:04}.jpg").write_bytes(photos[number % PHOTOS])
        figures = {"users": chosen.users, "requests": chosen.requests} | batching(model)
        seconds = folder_seconds(model, halves[0])
        expected = [Path(folder, f"cut/{n:04}.png").read_bytes() for n in range(PHOTOS)]
        for batch in dict.fromkeys((1, chosen.batch)):
            server = Server(Path(folder), str(model), batch)
            try:
                load = Users(server, photos, expected).load(chosen.users, chosen.requests)
            finally:
                status = server.end()
            load |= {"exit_status": status, "tracebacks": server.log.read_text().count("Traceback")}
            prefix = "" if batch == 1 else f"batches_of_{batch}_"
            figures |= {prefix + name: value for name, value in load.items()}
        seconds += folder_seconds(model, halves[1])
        passed, worked = seconds / (good // 2 * 2)
        figures["folder_images_per_second"] = round(1 / passed, 2)
        figures["folder_processor_seconds_per_image"] = round(worked, 3)
    rates = figures["server_images_per_second"], figures["folder_images_per_second"]
    figures["ratio"] = round(rates[0] / rates[1], 3)
    work = [figures[f"{one}_processor_seconds_per_image"] for one in ("folder", "server")]
    figures["ratio_of_the_processor_alone"] = round(work[0] / work[1], 3)
    if chosen.batch > 1:
        prefix = f"batches_of_{chosen.batch}_server"
        batched = figures[f"{prefix}_images_per_second"] / rates[0]
        worked = work[1] / figures[f"{prefix}_processor_seconds_per_image"]
        figures["ratio_of_batches_to_single_images"] = round(batched, 3)
        figures["ratio_of_batches_by_the_processor_alone"] = round(worked, 3)
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):48} {value}")
    print(json.dumps(figures))


def photo(index: int, side: int) -> bytes:
    """A generated image as a JPEG."""
    image = Image.fromarray(generate(0, index)[0])
    image = image.resize((side, side * image.height // image.width), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def batching(model: Path) -> dict[str, float]:
    """Images a second of the network alone, with one image in a run and with several."""
    remover = Remover(model, images="many")
    contract = remover.contract
    shape = (8, contract.channels, contract.height, contract.width)
    batch = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    sizes, seconds = (1, 4, 8), Counter[int]()
    with ThreadPoolExecutor(remover.runs) as pool:
        for turn in range(3):  # in turns, so that what else runs here slows all
            for size in sizes:
                started = time.perf_counter()
                list(pool.map(lambda _, n=size: remover.network(batch[:n]), range(ROUNDS // size)))
                seconds[size] += (time.perf_counter() - started) if turn else 0
    return {f"network_images_per_second_in_{n}s": round(2 * ROUNDS / seconds[n], 1) for n in sizes}


def folder_seconds(model: Path, images: Path) -> np.ndarray:
    """Seconds that passed, and seconds of the processor."""
    done = subprocess.run(
        [sys.executable, "-c", FOLDER, str(model), str(images), str(images.with_name("cut"))],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    return np.array(done.stdout.split()[-2:], float)


class Server:
    """`clearbg serve` in a process of its own, which is ready."""

    def __init__(self, folder: Path, model: str, batch: int):
        self.batch, self.log = batch, folder / f"log-{batch}.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "clearbg", "serve", "--port", "0", "--model", model,
                 "--megapixels", str(MEGAPIXELS), "--batch", str(batch)],
                stdout=log, stderr=log,
            )  # fmt: skip
        while not (found := re.search(r"http://(\S+)", self.log.read_text())):
            if self.process.poll() is not None:
                raise SystemExit(self.log.read_text())
            time.sleep(0.1)
        self.host = found[1]
        while ask(http.client.HTTPConnection(self.host), "GET", "/readyz")[0] != 200:
            time.sleep(0.1)

    def mebibytes(self) -> int:
        return round(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def processor_seconds(self) -> float:
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=60)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b""):
    """Status, headers and content of an answer."""
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


class Users:
    """Clients, one in each thread with a connection of its own, and the answers that they got."""

    def __init__(self, server: Server, photos: list[bytes], expected: list[bytes]):
        self._server, self._photos, self._expected = server, photos, expected
        self._own, self._answers = threading.local(), Counter[str]()
        self._seconds: list[float] = []
        wide = io.BytesIO()
        Image.new("1", (3000, 3000)).save(wide, "PNG")
        self._bad = [
            ("/remove", b"text", 422), ("/remove?mask=1", b"", 422),
            ("/remove", photos[0][: len(photos[0]) // 2], 422), ("/remove", wide.getvalue(), 413),
            ("/remove?threshold=7", photos[0], 422),
        ]  # fmt: skip

    def load(self, users: int, requests: int) -> dict:
        """Send all requests; the memory is looked at after each quarter."""
        memory, started = [self._server.mebibytes()], time.perf_counter()
        worked = self._server.processor_seconds()
        with ThreadPoolExecutor(users) as pool:
            for done, _ in enumerate(pool.map(self._send, range(requests)), 1):
                if done % (requests // 4) == 0:
                    memory.append(self._server.mebibytes())
        passed = time.perf_counter() - started
        worked = self._server.processor_seconds() - worked
        cuts = statistics.quantiles(self._seconds, n=20)
        return {
            "server_images_per_second": round(self._answers["right"] / passed, 2),
            "server_processor_seconds_per_image": round(worked / self._answers["right"], 3),
            "answers": dict(self._answers),
            "seconds_p50": round(cuts[9], 2),
            "seconds_p95": round(cuts[18], 2),
            "mebibytes": memory,
        }

    def _send(self, number: int) -> None:
        """One request; every tenth is bad."""
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._server.host, timeout=120)
        started = time.perf_counter()
        if number % 10 == 9:
            path, body, status = self._bad[number // 10 % len(self._bad)]
            said = ask(self._own.connection, "POST", path, body)
            polite = said[0] == status and json.loads(said[2])["detail"].endswith(".")
            self._answers["refused" if polite else f"other: {said[0]}"] += 1
            return
        index = (number - number // 10) % PHOTOS
        status, _, content = ask(self._own.connection, "POST", "/remove", self._photos[index])
        right = status == 200 and self._is_right(content, self._expected[index])
        self._answers["right" if right else f"other: {status}"] += 1
        self._seconds.append(time.perf_counter() - started)

    def _is_right(self, content: bytes, expected: bytes) -> bool:
        if self._server.batch == 1 or content == expected:
            return content == expected
        alphas = [np.array(Image.open(io.BytesIO(one)))[..., 3] for one in (content, expected)]
        return bool(np.abs(alphas[0].astype(int) - alphas[1]).max() <= 1)


if __name__ == "__main__":
    main()
