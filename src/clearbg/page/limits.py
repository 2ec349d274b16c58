"""How much the page takes from people whom nobody knows, and how long it keeps it."""

from dataclasses import dataclass

MEGA = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a server of the page holds to.

    Attributes:
        file_bytes: of one image that is sent.
        pixels: of one image, by its header; larger ones are refused before they are decoded.
        images: in a batch.
        concurrency: removals that run side by side; the others wait in a queue.
        waiting: the longest queue; whoever comes then is asked to come back.
        kept_seconds: after which a file that was sent or made is removed.
        kept_bytes: of all such files together; beyond it the oldest go first.
        sessions: visitors whose settings are remembered.
    """

    file_bytes: int = 25 * MEGA
    pixels: int = 40 * MEGA
    images: int = 20
    concurrency: int = 2
    waiting: int = 32
    kept_seconds: int = 1800
    kept_bytes: int = 2000 * MEGA
    sessions: int = 200

    @property
    def request_bytes(self) -> int:
        """Of one upload: a whole batch, and the words around it."""
        return self.images * self.file_bytes + MEGA

    def told(self) -> str:
        """One line for people."""
        return (
            f"Up to {self.file_bytes / MEGA:g} MB and {self.pixels / MEGA:g} megapixels a "
            f"image, {self.images} images at once. Files are removed after "
            f"{self.kept_seconds / 60:g} minutes."
        )
