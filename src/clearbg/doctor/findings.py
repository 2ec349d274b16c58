"""Every kind of finding: how bad it is for a set, what it is called, what to do about it."""

from clearbg.data.checks import examine
from clearbg.data.checks.examine import Severity

OF_SETS: dict[str, Severity] = {
    "inverted": "fixable",
    "duplicate-across-splits": "fixable",
    "near-duplicate-across-splits": "fixable",
    "duplicate": "fixable",
    "near-duplicate": "suspicious",
}
"""What no pair tells alone."""

SEVERITIES: tuple[Severity, ...] = ("broken", "fixable", "suspicious")
# Turning the mask fixes it; ingest sets it aside instead, as a person should see it first.
KINDS: dict[str, Severity] = {**examine.KINDS, **OF_SETS, "exif-disagreement": "fixable"}

ADVICE = {
    "no-mask": "add a mask of the same name",
    "no-image": "add the image, or delete the mask",
    "missing": "correct the path in the table",
    "empty-file": "fetch or export the file again",
    "not-a-image": "replace the file: its content is no image",
    "truncated": "fetch or export the file again",
    "unreadable": "export the file again as PNG or JPEG",
    "too-large": "scale it down",
    "no-alpha": "export it with a transparent background",
    "size-mismatch": "export the mask again at the image's size",
    "exif-disagreement": "turn the mask as the image is (--fix does)",
    "exif-orientation": "nothing: it is read upright (--fix writes it so)",
    "16-bit": "nothing: it is read in 8 bits (--fix writes it so)",
    "cmyk": "nothing: it is read in sRGB (--fix writes it so)",
    "lab": "nothing: it is read in sRGB (--fix writes it so)",
    "animated": "check that the first frame is the one (--fix writes it alone)",
    "bad-profile": "nothing: it is taken for sRGB (--fix drops the profile)",
    "bad-exif": "nothing: they are ignored (--fix drops them)",
    "mask-0/1": "nothing: 1 is read as white (--fix writes it so)",
    "mask-rgb": "nothing: it is read as gray (--fix writes it so)",
    "mask-palette": "nothing: it is read as gray (--fix writes it so)",
    "mask-transparency": "check that its transparency is the mask (--fix writes it as gray)",
    "mask-index": "check that every class is subject (--fix writes them white)",
    "mask-jpeg": "export masks as PNG (--fix makes nearly black and white pure)",
    "mask-color": "export the mask in gray: what its colors mean is not known",
    "mask-range": "export the mask so that the subject is 255",
    "exif-unclear": "look whether the mask lies on the subject; export both upright",
    "maybe-inverted": "look whether the subject is white",
    "inverted": "invert the whole set's masks (--fix does), but for ink on paper",
    "empty": "keep it if there is no subject, else make a mask",
    "full": "keep it if there is no background, else make a mask",
    "tiny": "replace it by a larger image",
    "odd-aspect": "crop it",
    "transparent-image": "export it over its background",
    "duplicate": "delete one of the two (--fix leaves it out)",
    "near-duplicate": "keep both in one split",
    "duplicate-across-splits": "delete it from the training (--fix leaves it out)",
    "near-duplicate-across-splits": "delete it from the training (--fix leaves it out)",
}


def severity(kind: str) -> Severity:
    """How bad a kind is; a source's own reason ("no-user", ...) is broken."""
    return KINDS.get(kind, "broken")


def advice(kind: str) -> str:
    return ADVICE.get(kind, "see its message")
