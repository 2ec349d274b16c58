"""Salient objects (DUTS) and dichotomous segmentation (DIS5K)."""

from pathlib import Path

from clearbg import config
from clearbg.data.pairs import FilePair
from clearbg.data.sources.archives import Address, display_name, folder_with, open_archive
from clearbg.data.sources.folders import by_stem

DIS5K = {
    "DIS-TR": "train",
    "DIS-VD": "validation",
    **{f"DIS-TE{number}": "test" for number in (1, 2, 3, 4)},
}


def duts(data: config.DutsData, downloads: Path) -> list[FilePair]:
    """DUTS-TR.zip and DUTS-TE.zip, each with `-Image/*.jpg` and `-Mask/*.png`.

    Source: Wang et al., Learning to Detect Salient Objects with Image-level Supervision,
    CVPR 2017.
    """
    train = _duts_archive(data.train_archive, data.train_sha256, "DUTS-TR", downloads)
    test = _duts_archive(data.test_archive, data.test_sha256, "DUTS-TE", downloads)
    return [
        *by_stem(train / "DUTS-TR-Image", train / "DUTS-TR-Mask"),
        *by_stem(test / "DUTS-TE-Image", test / "DUTS-TE-Mask", split="test"),
    ]


def dis5k(data: config.Dis5kData, downloads: Path) -> list[FilePair]:
    """DIS5K.zip: `DIS5K/{DIS-TR,DIS-VD,DIS-TE1..4}/{im,gt}`, in the official splits.

    Source: Qin et al., Highly Accurate Dichotomous Image Segmentation, ECCV 2022.
    """
    root = open_archive(data.archive, data.sha256, downloads)
    layout = "DIS5K.zip, DIS5K/{DIS-TR,DIS-VD,DIS-TE1,DIS-TE2,DIS-TE3,DIS-TE4}/{im,gt}"
    root = folder_with(root, list(DIS5K), display_name(data.archive), layout)
    found = []
    for name, split in DIS5K.items():
        part = folder_with(
            root / name, ("im", "gt"), f"{name} of {display_name(data.archive)}", layout
        )
        found += by_stem(part / "im", part / "gt", split, prefix=f"{name}-")
    return found


def _duts_archive(address: Address, sha256: str | None, name: str, downloads: Path) -> Path:
    parts = (f"{name}-Image", f"{name}-Mask")
    root = open_archive(address, sha256, downloads)
    return folder_with(
        root, parts, display_name(address), f"{name}.zip of DUTS, {name}/{{{','.join(parts)}}}"
    )
