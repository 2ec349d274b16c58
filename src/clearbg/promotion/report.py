"""The report of a promotion: reports/promotion.md, and a sheet of images before and after."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from clearbg import config
from clearbg.data import manifest
from clearbg.evaluation.compare_models import write_sheet
from clearbg.metrics.names import LOWER_IS_BETTER, heading, label
from clearbg.metrics.paired import most_changed
from clearbg.promotion import version_tags
from clearbg.promotion.gate import Judgment
from clearbg.promotion.scoring import Measured, Split
from clearbg.system.files import write_text
from clearbg.templates import render
from clearbg.tracking.runs import ONNX, WEIGHTS

LABELS = {
    version_tags.DATA: "manifest's digest",
    ONNX: "SHA-256 of the ONNX file",
    WEIGHTS: "SHA-256 of its weights",
    version_tags.LICENSES: "learned from",
    version_tags.LOCK: "SHA-256 of the dvc.lock that names it",
    version_tags.COMMIT: "git commit",
    version_tags.DIRTY: "code or settings differ from it",
}
EACH = 3  # images with the largest gains, and as many with the largest losses


def write(
    path: Path,
    judgment: Judgment,
    challenger: Measured,
    champion: Measured | None,
    split: Split,
    names: tuple[str, str],
    tags: Mapping[str, str],
    settings: config.Promote,
) -> None:
    """Write the report, and its sheet of images under the same name as .jpg.

    The same arguments give the same bytes.

    Args:
        champion: None: there is none yet.
        names: of the challenger and the champion.
        tags: the challenger's, see `version_tags.tags`.

    Raises:
        ClearBGError: a file cannot be written.
    """
    _sheet(path.with_suffix(".jpg"), judgment.metric, challenger, champion, split)
    shown = [
        judgment.metric,
        *(name for name in challenger.scored.figures if name != judgment.metric),
    ]
    text = render(
        Path(__file__).with_name("report.md.jinja"),
        {"heading": heading, "label": label},
        judgment=judgment,
        lower=judgment.metric in LOWER_IS_BETTER,
        challenger=names[0],
        champion=names[1],
        figures={
            name: (
                champion.scored.figures.get(name) if champion else None,
                challenger.scored.figures.get(name),
            )
            for name in shown
        },
        split=split,
        tags=tags,
        labels=LABELS,
        settings=settings,
        sheet=path.with_suffix(".jpg").name,
        each=EACH,
    )
    write_text(path, text)


def _sheet(
    path: Path, metric: str, challenger: Measured, champion: Measured | None, split: Split
) -> None:
    """The images that gained and lost most; without a champion the best and the worst."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    before = champion.scored.own if champion else np.zeros(len(split.rows))
    chosen = most_changed(before, challenger.scored.own, sign, EACH)
    models = {"champion": champion, "challenger": challenger} if champion else {"model": challenger}
    captions = []
    for index in chosen or [0]:
        scores = " to ".join(f"{one.scored.own[index]:.3f}" for one in models.values())
        captions.append(f"{split.rows['id'][index]}: {metric} {scores}")
    pairs = (manifest.read_pair(split.folder, split.rows.iloc[index]) for index in chosen or [0])
    opened = {title: (one.remover.network, one.remover.contract) for title, one in models.items()}
    write_sheet(path, pairs, opened, captions)
