"""Every kind of finding: its name, its severity, and what a person can do about it."""

from clearbg.data.checks import examine
from clearbg.data.checks.examine import Severity

SET_KINDS: dict[str, Severity] = {
    "all-empty": "broken",
    "all-full": "broken",
    "inverted": "fixable",
    "duplicate-across-splits": "fixable",
    "near-duplicate-across-splits": "fixable",
    "duplicate": "fixable",
    "near-duplicate": "suspicious",
}
"""Kinds that only a comparison of several pairs can find."""

SEVERITIES: tuple[Severity, ...] = ("broken", "fixable", "suspicious")
# The doctor turns the mask; ingest quarantines the pair, as a person should see it first.
KINDS: dict[str, Severity] = {**examine.KINDS, **SET_KINDS, "exif-disagreement": "fixable"}

ADVICE = {
    "no-mask": "add a mask of the same name",
    "no-image": "add the image, or delete the mask",
    "missing": "correct the path in the table",
    "empty-file": "fetch or export the file again",
    "not-an-image": "replace the file: its content is no image",
    "truncated": "fetch or export the file again",
    "unreadable": "export the file again as PNG or JPEG",
    "unsupported": "export the file as PNG, TIFF or JPEG",
    "too-large": "scale it down",
    "no-alpha": "export it with a transparent background",
    "size-mismatch": "export the mask again at the image's size",
    "mask-void": "say what the pixels of no class are: --fix FOLDER --void background (or subject)",
    "mask-trimap": "write alpha in its place: 0 background, 255 subject",
    "mask-unclear": "write 0 for the background and 255 for the subject",
    "all-empty": "export the masks again: in all of them there is no subject",
    "all-full": "export the masks again: in all of them there is no background",
    "exif-disagreement": "turn the mask as the image is turned (--fix turns it)",
    "exif-orientation": "nothing: it is read upright (--fix writes it upright)",
    "16-bit": "nothing: it is read in 8 bits (--fix writes 8 bits)",
    "cmyk": "nothing: it is read in sRGB (--fix writes sRGB)",
    "lab": "nothing: it is read in sRGB (--fix writes sRGB)",
    "animated": "check that its first frame is the image (--fix writes the first frame)",
    "bad-profile": "nothing: it is read as sRGB (--fix drops the profile)",
    "bad-exif": "nothing: its EXIF data is ignored (--fix drops it)",
    "mask-0/1": "nothing: 1 is read as white (--fix writes 255)",
    "mask-rgb": "nothing: it is read as gray (--fix writes gray)",
    "mask-palette": "nothing: it is read as gray (--fix writes gray)",
    "mask-transparency": "check that its transparency is the mask (--fix writes that as gray)",
    "mask-index": "check that every class is the subject (--fix writes them white)",
    "mask-jpeg": "export masks as PNG (--fix makes nearly black or white pixels pure)",
    "mask-color": "export the mask in gray: nobody knows what its colors mean",
    "mask-range": "export the mask so that the subject is 255",
    "exif-unclear": "check that the mask lies on the subject; export both upright",
    "maybe-inverted": "check that the subject is white in the mask",
    "inverted": "invert all masks of the set, except for ink on paper (--fix inverts them)",
    "empty": "keep it if the image has no subject, else make a mask",
    "full": "keep it if the image has no background, else make a mask",
    "tiny": "replace it with a larger image",
    "odd-aspect": "crop it",
    "transparent-image": "export it over its background",
    "duplicate": "delete one of the two (--fix leaves one out)",
    "near-duplicate": "keep both in one split",
    "duplicate-across-splits": "delete it from the training (--fix leaves it out)",
    "near-duplicate-across-splits": "delete it from the training (--fix leaves it out)",
}


def severity(kind: str) -> Severity:
    """The severity of a kind; a kind of a data source's own ("no-user", ...) is broken."""
    return KINDS.get(kind, "broken")


def advice(kind: str) -> str:
    return ADVICE.get(kind, "read its message")
