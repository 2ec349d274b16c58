"""The section `data`: where the images come from; one class a source."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from clearbg.config.section import Fraction, Positive, Section

Sha256 = Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(gt=0, lt=1, description="share of groups")]
Name = Annotated[str, Field(min_length=1)]
ADDRESS = (
    "http(s)://, s3://, gs://, gdrive:, gdrive-folder:, kaggle: or kaggle-competition: address, "
    "path or extracted folder; or a list of such, mirrors that are tried in order"
)
PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")


def _mirrors(value: Any) -> str | list[str]:
    """One address, or a list of mirrors."""
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str) and one for one in listed):
        raise PydanticCustomError("address", "should be an address, or a list of mirrors")
    if any(PASSWORD.search(one) for one in listed):
        raise ValueError(
            "an address holds a password, which would be recorded with every run: take it out, "
            "and put it into ~/.netrc"
        )
    return value


Address = Annotated[str | list[str], PlainValidator(_mirrors)]


class Data(Section):
    """What every source shares."""

    if TYPE_CHECKING:
        source: str  # each source names itself by a Literal of its own

    seed: Annotated[int, Field(ge=0, description="of generated images and of the split")]
    path: Annotated[
        str,
        Field(min_length=1, description="the folder or file that DVC watches for changes"),
    ]
    license: Annotated[str, Field(min_length=1, description="terms the images come under")]
    commercial_only: Annotated[
        bool, Field(description="refuse images and weights not open to commercial use")
    ]
    max_quarantined: Annotated[Fraction, Field(description="share of bad items that is fatal")]
    max_pixels: Annotated[Positive, Field(description="an image with more is quarantined")]


class SplitData(Data):
    """A source without a validation and a test set of its own."""

    validation: Share
    test: Share

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test together must leave a share for training")
        return self


class OneArchive(Section):
    archive: Annotated[Address, Field(description=ADDRESS)]
    sha256: Annotated[Sha256, Field(description="of the archive, or null")]


class SeveralArchives(Section):
    archives: Annotated[list[Address], Field(min_length=1, description=f"each an {ADDRESS}")]
    sha256: Annotated[
        list[Sha256] | None, Field(description="one an archive, null where unknown; or null")
    ]

    @model_validator(mode="after")
    def _one_sum_an_archive(self) -> Self:
        if self.sha256 is not None and len(self.sha256) != len(self.archives):
            raise ValueError(
                f"sha256 lists {len(self.sha256)} values and archives {len(self.archives)}; "
                "give one for each (null where unknown), or sha256: null"
            )
        return self


class SyntheticData(SplitData):
    source: Literal["synthetic"]
    kind: Literal["objects", "people", "cars", "portraits", "pages"]
    count: Annotated[int, Field(ge=10, description="images to generate")]


class FolderData(SplitData):
    """Two folders under `path`, paired by file name without suffix."""

    source: Literal["folder"]
    images: Annotated[str, Field(min_length=1, description="folder of images in data.path")]
    masks: Annotated[str, Field(min_length=1, description="folder of masks in data.path")]


class CsvData(SplitData):
    """A table under `path` that names each image, its mask and perhaps split and group."""

    source: Literal["csv"]
    table: Annotated[Name, Field(description="CSV file in data.path: image, mask, split, group")]


class CutoutsData(SplitData):
    """Transparent images under `path`, laid over backgrounds."""

    source: Literal["cutouts"]
    images: Annotated[Name, Field(description="folder of transparent images in data.path")]
    backgrounds: Annotated[
        Name | None, Field(description="folder in data.path; null: generated backgrounds")
    ]


class DutsData(Data):
    """The official archives; the official test set stays the test split."""

    source: Literal["duts"]
    train_archive: Annotated[Address, Field(description=f"DUTS-TR.zip: {ADDRESS}")]
    test_archive: Annotated[Address, Field(description=f"DUTS-TE.zip: {ADDRESS}")]
    train_sha256: Sha256
    test_sha256: Sha256
    validation: Share


class Dis5kData(Data, OneArchive):
    """The official archive; its TR, VD and TE1 to TE4 are the three splits."""

    source: Literal["dis5k"]


class EasyPortraitData(Data, SeveralArchives):
    """The official archives; their train, val and test are the three splits."""

    source: Literal["easyportrait"]
    version: Annotated[Literal[1, 2], Field(description="20,000 or 40,000 images")]


class PeopleData(SplitData, OneArchive):
    source: Literal["people"]


class CarvanaData(SplitData, SeveralArchives):
    """Split by car: each was photographed from sixteen sides."""

    source: Literal["carvana"]


class KagglePairsData(SplitData, OneArchive):
    """Images with their background, and the same without."""

    source: Literal["kaggle_pairs"]
    images: Annotated[
        Name | None, Field(description="folder with backgrounds in the archive; null: look")
    ]
    cutouts: Annotated[
        Name | None, Field(description="folder without backgrounds in the archive; null: look")
    ]


class DibcoData(SplitData, SeveralArchives):
    """Pages of the binarization contests; truth is black ink on white."""

    source: Literal["dibco"]


SOURCES: dict[str, type[Data]] = {
    "synthetic": SyntheticData,
    "folder": FolderData,
    "csv": CsvData,
    "cutouts": CutoutsData,
    "duts": DutsData,
    "dis5k": Dis5kData,
    "easyportrait": EasyPortraitData,
    "people": PeopleData,
    "carvana": CarvanaData,
    "kaggle_pairs": KagglePairsData,
    "dibco": DibcoData,
}
