"""Pictures and folders on disk -> RGBA PNG files."""

from pathlib import Path

from clearbg import images
from clearbg.errors import ClearBGError, DataError
from clearbg.progress import progress
from clearbg.removal.remover import Remover


def remove_files(inputs: list[Path], output: Path, model: Path) -> list[str]:
    """Cut out every picture; one bad picture stops no other.

    A single picture goes to `output` when that ends in .png; everything else goes into the
    folder `output`, sub-folders kept.

    Returns:
        One sentence for each picture that failed.

    Raises:
        ClearBGError: the model cannot be used, an input is missing or holds no pictures, or
            two inputs would be written to one file.
    """
    jobs = _jobs(inputs, output)
    remover = Remover(model)
    failures = []
    for source, target in progress(jobs, what="remove", unit="pictures", disable=len(jobs) == 1):
        try:
            picture = images.read_picture(source)
            images.write_picture(
                target,
                picture.rgb,
                remover.matte(picture),
                icc_profile=picture.icc_profile,
                dpi=picture.dpi,
            )
        except ClearBGError as error:
            failures.append(str(error))
    return failures


def _jobs(inputs: list[Path], output: Path) -> list[tuple[Path, Path]]:
    if len(inputs) == 1 and inputs[0].is_file() and output.suffix.lower() == ".png":
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
