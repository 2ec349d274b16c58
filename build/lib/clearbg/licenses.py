"""The license ledger: the terms of each source's images, which a model trained on them inherits.

The ledger only repeats published terms: it says "yes" to commercial use only where they do. We
assume that the terms of images also bind the weights that are trained on them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from clearbg.errors import SettingsError

Commercial = Literal["yes", "no", "unknown"]
WORDS = {"yes": "open", "no": "not open", "unknown": "not known to be open"}


@dataclass(frozen=True)
class Terms:
    """What a license allows.

    Attributes:
        license: the short text that stands in `data.license`.
        commercial: whether it opens commercial use; "unknown" counts as no.
        condition: what must be done, or may not be.
    """

    license: str
    commercial: Commercial
    condition: str


@dataclass(frozen=True)
class Origin:
    """Images that a model has learned from.

    Attributes:
        source: a value of `data.source`, "imagenet", or "weights" and the start of their SHA-256.
        license, commercial, condition: see `Terms`.
        images: how many; None where they are not known one by one.
    """

    source: str
    license: str
    commercial: Commercial
    condition: str
    images: int | None


OFFICIAL = {
    "synthetic": Terms("CC0-1.0", "yes", "nothing: the images are made by ClearBG"),
    "duts": Terms("DUTS, academic use", "no", "academic use; cite the paper"),
    "dis5k": Terms(
        "DIS5K terms, non-commercial research", "no",
        "non-commercial research; agree to its terms of use, do not pass the images on",
    ),
    "easyportrait": Terms(
        "EasyPortrait, CC BY-SA 4.0 variant", "unknown",
        "read the variant's own text; name the authors, pass on under the same terms",
    ),
    "people": Terms("not stated with the set", "unknown", "ask the images' owners"),
    "carvana": Terms(
        "Carvana competition rules", "no", "accept the rules on Kaggle; do not pass the images on"
    ),
    "dibco": Terms("DIBCO, research use", "no", "research use; cite the contests"),
}  # fmt: skip
"""Sources whose terms are published: `data.license` repeats them, in these words."""

IMAGENET = Terms(
    "ImageNet terms, non-commercial research", "no", "non-commercial research and education"
)

FOREIGN = Terms("unknown", "unknown", "find out what they were trained on")
"""The terms of weights from elsewhere that bring no information."""

_NAMED = "name the authors and the license"
_ALIKE = "name the authors; pass on under the same license"
_IDENTIFIERS: dict[tuple[Commercial, str], str] = {
    ("yes", "nothing"): "CC0-1.0 PDDL-1.0 Unlicense",
    ("yes", "nothing: the images are your own"): "own",
    ("yes", _NAMED): "CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 ODC-By-1.0 CDLA-Permissive-1.0 "
    "CDLA-Permissive-2.0 MIT Apache-2.0 BSD-2-Clause BSD-3-Clause",
    ("yes", _ALIKE): "CC-BY-SA-2.0 CC-BY-SA-2.5 CC-BY-SA-3.0 CC-BY-SA-4.0 ODbL-1.0 "
    "CDLA-Sharing-1.0",
    ("unknown", f"{_NAMED}; weights may count as an adaptation, which it forbids"): "CC-BY-ND-3.0 "
    "CC-BY-ND-4.0",
    ("no", f"{_NAMED}; no commercial use"): "CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 "
    "CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0",
    ("no", f"{_ALIKE}; no commercial use"): "CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0",
}
KNOWN = {
    name.casefold(): Terms(name, commercial, condition)
    for (commercial, condition), names in _IDENTIFIERS.items()
    for name in names.split()
}
"""SPDX identifiers of licenses that images come under, and "own", in lower case."""


def terms(source: str, license: str) -> Terms:
    """The published terms of a source; of others, the terms that `license` names.

    An SPDX identifier may be in upper or lower case and have spaces for hyphens, as Kaggle writes
    it. Any other text stands for unknown terms.
    """
    if source in OFFICIAL:
        return OFFICIAL[source]
    name = "-".join(license.casefold().split())
    return KNOWN.get(name) or Terms(license, "unknown", "read the terms that it names")


def origin(source: str, terms: Terms, images: int | None) -> Origin:
    return Origin(source, terms.license, terms.commercial, terms.condition, images)


def is_open(origins: Iterable[Origin]) -> bool:
    """Whether all origins of a model are open to commercial use; False if there are none."""
    allowed = [origin.commercial == "yes" for origin in origins]
    return bool(allowed) and all(allowed)


def refuse_wrong_claim(source: str, license: str) -> None:
    """Compare `data.license` with the ledger.

    Raises:
        SettingsError: the source has published terms, and the claim is another.
    """
    official = OFFICIAL.get(source)
    if official is not None and license != official.license:
        raise SettingsError(
            f"data.license = {license!r}, but data.source {source} comes under "
            f"{official.license!r}: write that, or take your own images with another source."
        )


def refuse_closed(origins: Iterable[Origin]) -> None:
    """Refuse origins that `data.commercial_only: true` does not allow.

    Raises:
        SettingsError: an origin is not open to commercial use, or not known to be.
    """
    for closed in origins:
        if closed.commercial != "yes":
            raise SettingsError(
                f"data.commercial_only = true, but {closed.source} ({closed.license}) is "
                f"{WORDS[closed.commercial]} to commercial use: {_cure(closed)}, or set it to "
                "false."
            )


def _cure(origin: Origin) -> str:
    if origin.commercial == "no" or origin.source in OFFICIAL:
        return "take other images or weights"
    if origin.source.startswith("weights "):
        return "start from others, or import them with `clearbg import-weights --license`"
    return (
        "if it is, name its license by the SPDX identifier, such as CC-BY-4.0; if not, take others"
    )
