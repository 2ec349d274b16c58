"""Images that a visitor without one of their own can try; `images/README.md` has their terms."""

from dataclasses import dataclass
from pathlib import Path

from clearbg.images import read_image
from clearbg.page.previews import data_url, thumbnail
from clearbg.page.uploads import UploadFolder

FOLDER = Path(__file__).parent / "images"


@dataclass(frozen=True)
class Example:
    """An image that comes with the package.

    Attributes:
        name: of the file, without suffix.
        label: what people read.
    """

    name: str
    label: str

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.jpg"

    def css(self) -> str:
        """A rule that shows the image on its button, without a request."""
        image = thumbnail(read_image(self.path.read_bytes(), name=self.path.name))
        return f"#example-{self.name} {{ background-image: url({data_url(image)}); }}\n"

    def send(self, uploads: UploadFolder, visitor: str) -> Path:
        """Lay a copy where uploads lie, as if the visitor had sent it.

        Raises:
            OSError: there is no room.
        """
        path = uploads.new_folder() / self.path.name
        uploads.write(path, self.path.read_bytes(), visitor)
        return path


EXAMPLES = (Example("astronaut", "Astronaut"), Example("chelsea", "Cat"), Example("coffee", "Cup"))
