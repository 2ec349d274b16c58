"""How much the page accepts from unknown visitors, and how long it stores it."""

from dataclasses import dataclass

from clearbg.web import MEGA


@dataclass(frozen=True)
class Limits:
    """The limits that a server of the page enforces.

    Attributes:
        file_bytes: largest file of one image.
        pixels: most pixels of one image, read from the file's header: a larger image is
            refused before it is decoded.
        images: most images in a batch.
        concurrency: removals that run side by side; the others wait in a queue.
        queue_length: longest queue; a visitor who finds it full is asked to come back.
        retention_seconds: age at which an uploaded file or a result is removed.
        storage_bytes: largest total size of all such files; what does not fit is refused.
        sessions: number of visitors whose settings are remembered.
    """

    file_bytes: int = 25 * MEGA
    pixels: int = 40 * MEGA
    images: int = 20
    concurrency: int = 2
    queue_length: int = 32
    retention_seconds: int = 1800
    storage_bytes: int = 2000 * MEGA
    sessions: int = 200

    @property
    def request_bytes(self) -> int:
        """Largest upload request: a whole batch, and the text around it."""
        return self.images * self.file_bytes + MEGA

    def summary(self) -> str:
        """One sentence for visitors."""
        return (
            f"Up to {self.file_bytes / MEGA:g} MB and {self.pixels / MEGA:g} megapixels an "
            f"image, {self.images} images in a batch. Files are removed after "
            f"{self.retention_seconds / 60:g} minutes."
        )
