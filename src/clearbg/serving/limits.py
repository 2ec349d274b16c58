"""How much the server accepts from unknown clients."""

from dataclasses import dataclass

from clearbg.web import MEGA


@dataclass(frozen=True)
class Limits:
    """The limits that a server enforces.

    Attributes:
        file_bytes: largest file of an image.
        pixels: most pixels of one image, read from the file's header: a larger image is
            refused before it is decoded.
        concurrency: removals that run side by side.
        queue: requests that wait for them; one more is asked to come back.
        batch: most images in a run of the network, of the requests that wait for it.
    """

    file_bytes: int = 25 * MEGA
    pixels: int = 40 * MEGA
    concurrency: int = 2
    queue: int = 32
    batch: int = 1

    @property
    def request_bytes(self) -> int:
        """Largest request: an image, one to lay behind it, and the text around them."""
        return 2 * self.file_bytes + MEGA

    @property
    def room_bytes(self) -> int:
        """Most bytes of all requests and results in memory together."""
        return 10 * self.request_bytes
