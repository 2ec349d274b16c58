"""The masks of somebody's folder as truths: read as ingest reads them, with the same findings."""

from collections.abc import Sequence

import numpy as np

from clearbg.data.checks.examine import Finding, examine, examine_mask, of_coverage
from clearbg.data.pairs import FilePair
from clearbg.errors import DataError
from clearbg.images import DecodedImage


class Truths:
    """Reads truths one after the other, and remembers what was found in them."""

    def __init__(self) -> None:
        self.read = 0
        self.found: dict[str, list[Finding]] = {}

    def with_image(self, pair: FilePair) -> tuple[DecodedImage, np.ndarray]:
        """An image, and its alpha uint8 `(H,W)` of the same size.

        Raises:
            DataError: either cannot be used; the sentence is the one that ingest would write.
        """
        examination = examine(pair)
        self._remember(examination.findings)
        assert examination.image is not None and examination.alpha is not None  # nothing is broken
        return examination.image, examination.alpha

    def alone(self, pair: FilePair) -> np.ndarray:
        """The alpha of a pair whose image is no photograph, uint8 `(H,W)`; raises as above."""
        alpha, _, found = examine_mask(pair)
        alpha = 255 - alpha if pair.invert else alpha
        self._remember(found + of_coverage(pair.files()[1], alpha))
        return alpha

    def sentence(self) -> str:
        """What was found in the masks, a line for each kind; empty when nothing was."""
        return "\n".join(
            f"{several[0].kind} in {len(several)} of {self.read} masks: {several[0].detail}"
            for several in self.found.values()
        )

    def _remember(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            if finding.severity == "broken":
                raise DataError(finding.detail)
        self.read += 1
        for finding in findings:
            if finding.of == "mask":
                self.found.setdefault(finding.kind, []).append(finding)
