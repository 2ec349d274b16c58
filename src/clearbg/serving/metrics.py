"""Numbers for Prometheus, in its text format 0.0.4."""

import threading
from collections import Counter
from collections.abc import Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the histogram's buckets, seconds."""


class Metrics:
    """Counts what the server does; several threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._removals: Counter[float] = Counter()
        self._seconds, self._pixels = 0.0, 0

    def count_request(self, path: str, status: int) -> None:
        with self._lock:
            self._requests[path, status] += 1

    def count_removal(self, seconds: float, pixels: int) -> None:
        """Count a cutout that was made, with the time from its turn to the encoded file."""
        with self._lock:
            self._removals[next((end for end in BUCKETS if seconds <= end), float("inf"))] += 1
            self._seconds += seconds
            self._pixels += pixels

    @property
    def mean_seconds(self) -> float:
        """Mean seconds of a removal; 1 before the first."""
        with self._lock:
            return self._seconds / self._removals.total() if self._removals else 1.0

    @property
    def removals(self) -> int:
        """Cutouts that were made."""
        with self._lock:
            return self._removals.total()

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
            name = "clearbg_removal_seconds"
            lines += _head(name, "histogram", "Seconds of a removal after its wait.")
            below = 0
            for end in BUCKETS:
                below += self._removals[end]
                lines.append(f'{name}_bucket{{le="{end:g}"}} {below}')
            lines.append(f'{name}_bucket{{le="+Inf"}} {self._removals.total()}')
            lines.append(f"{name}_sum {self._seconds:.6f}")
            lines.append(f"{name}_count {self._removals.total()}")
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
