"""Pictures and folders on disk -> cut-outs on disk."""

from pathlib import Path

from clearbg import images
from clearbg.errors import ClearBGError, DataError
from clearbg.progress import progress
from clearbg.removal.remover import Remover, colour

JPEG = (".jpg", ".jpeg")


def remove_files(
    inputs: list[Path], output: Path, model: Path, background: str | None = None
) -> list[str]:
    """Cut out every picture; one bad picture stops no other.

    A single picture goes to `output` when that ends in .png, or with a background in .jpg;
    everything else goes into the folder `output` as PNG, sub-folders kept.

    Args:
        background: a colour's name or #rrggbb, to lie behind the subject or the ink: RGB
            files. None: RGBA files.

    Returns:
        One sentence for each picture that failed.

    Raises:
        ClearBGError: the model or the background cannot be used, an input is missing or holds
            no pictures, or a file would be written twice or over an input.
    """
    if background is not None:
        colour(background)
    jobs = _jobs(inputs, output, transparent=background is None)
    originals = {source.resolve() for source, _ in jobs}
    for _, target in jobs:
        if target.resolve() in originals:
            raise DataError(f"{target} is an input and would be lost: name another output.")
    remover = Remover(model)
    failures = []
    for source, target in progress(jobs, what="remove", unit="pictures", disable=len(jobs) == 1):
        try:
            found = remover.cut_out(images.read_picture(source), background)
            images.write_picture(
                target, found.rgb, found.alpha, icc_profile=found.icc_profile, dpi=found.dpi
            )
        except ClearBGError as error:
            failures.append(str(error))
    return failures


def _jobs(inputs: list[Path], output: Path, transparent: bool) -> list[tuple[Path, Path]]:
    """(source, target) of every picture."""
    suffix = output.suffix.lower()
    if len(inputs) == 1 and inputs[0].is_file() and suffix in (".png", *JPEG):
        if transparent and suffix in JPEG:
            raise DataError(
                f"{output} cannot be transparent: name a .png file, or give a background colour."
            )
        return [(inputs[0], output)]
    targets: dict[Path, Path] = {}
    for item in inputs:
        if not item.exists():
            raise DataError(f"{item} does not exist: check the path.")
        found = images.find_pictures(item) if item.is_dir() else [item]
        if not found:
            raise DataError(f"{item} holds no pictures ({', '.join(images.SUFFIXES)}).")
        base = item if item.is_dir() else item.parent
        for source in found:
            target = output / source.relative_to(base).with_suffix(".png")
            # a.jpg and a.png would meet in a.png: the second keeps its suffix in the name.
            if target in targets:
                target = target.with_name(f"{source.name}.png")
            if target in targets:
                raise DataError(f"{source} and {targets[target]} would both become {target}.")
            targets[target] = source
    return [(source, target) for target, source in targets.items()]
