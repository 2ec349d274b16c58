"""Numbers for Prometheus, in its text format 0.0.4."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
IMAGES = (1, 2, 4, 8, 16, 32)
"""Upper ends of the histograms' buckets."""


class _Histogram:
    def __init__(self, ends: Sequence[float]) -> None:
        self._ends, self._found = ends, Counter[float]()
        self.sum = 0.0

    def add(self, value: float) -> None:
        self._found[next((end for end in self._ends if value <= end), float("inf"))] += 1
        self.sum += value

    @property
    def count(self) -> int:
        return self._found.total()

    def lines(self, name: str, help: str) -> list[str]:
        lines, below = _head(name, "histogram", help), 0
        for end in self._ends:
            below += self._found[end]
            lines.append(f'{name}_bucket{{le="{end:g}"}} {below}')
        lines.append(f'{name}_bucket{{le="+Inf"}} {self.count}')
        return [*lines, f"{name}_sum {self.sum:.6f}", f"{name}_count {self.count}"]


class Metrics:
    """Counts what the server does; several threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._removals, self._batches, self._pixels = _Histogram(SECONDS), _Histogram(IMAGES), 0

    def count_request(self, path: str, status: int) -> None:
        with self._lock:
            self._requests[path, status] += 1

    def count_removal(self, seconds: float, pixels: int) -> None:
        """Count a cutout that was made, with the time from its turn to the encoded file."""
        with self._lock:
            self._removals.add(seconds)
            self._pixels += pixels

    def count_batch(self, images: int) -> None:
        """Count a run of the network with the images that waited for it."""
        with self._lock:
            self._batches.add(images)

    @property
    def mean_seconds(self) -> float:
        """Mean seconds of a removal; 1 before the first."""
        with self._lock:
            return self._removals.sum / self._removals.count if self._removals.count else 1.0

    @property
    def removals(self) -> int:
        """Cutouts that were made."""
        with self._lock:
            return self._removals.count

    def text(self, gauges: Mapping[str, tuple[str, float]], info: Mapping[str, str]) -> str:
        """All numbers.

        Args:
            gauges: what holds now, name -> help and value.
            info: facts in words, name -> text.
        """
        with self._lock:
            lines = _head("clearbg_requests_total", "counter", "Requests by path and status.")
            for (path, status), number in sorted(self._requests.items()):
                lines.append(f'clearbg_requests_total{{path="{path}",status="{status}"}} {number}')
            help = "Seconds of a removal after its wait."
            lines += self._removals.lines("clearbg_removal_seconds", help)
            if self._batches.count:
                help = "Images in a run of the network."
                lines += self._batches.lines("clearbg_batch_images", help)
            lines += _head("clearbg_pixels_total", "counter", "Pixels of all cutouts.")
            lines.append(f"clearbg_pixels_total {self._pixels}")
        for name, (help, value) in gauges.items():
            lines += [*_head(name, "gauge", help), f"{name} {value}"]
        words = ",".join(f'{name}="{_escaped(text)}"' for name, text in info.items())
        lines += [*_head("clearbg_info", "gauge", "What is served."), f"clearbg_info{{{words}}} 1"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, help: str) -> list[str]:
    return [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
