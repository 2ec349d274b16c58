"""The kinds of video files that are written, and what they can hold."""

from dataclasses import dataclass
from pathlib import Path

from clearbg.errors import SettingsError


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg.

    Attributes:
        name: FFmpeg's.
        pixels: its pixel format.
        options: of the encoder.
        even: whether width and height must be even.
        coarsest: the quantizer at quality 0; None: it has no quality.
    """

    name: str
    pixels: str
    options: dict[str, str]
    even: bool = False
    coarsest: int | None = None


@dataclass(frozen=True)
class Format:
    """A kind of video file.

    Attributes:
        name: for people.
        container: FFmpeg's name.
        opaque: for frames on a background, and for masks.
        alpha: for transparent frames; None: it cannot hold any.
        copied: audio codecs that it takes as they are.
        encoder: for other sound.
    """

    name: str
    container: str
    opaque: Codec
    alpha: Codec | None
    copied: frozenset[str]
    encoder: str


VP9 = {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"}
"""Alternate reference frames are off: with them alpha gets lost, and a packet is not a frame."""
H264 = {"preset": "medium", "bf": "0"}
"""Without B-frames a packet is a frame, in the same order."""

WEBM = Format(
    "WebM", "webm",
    Codec("libvpx-vp9", "yuv420p", VP9, coarsest=63),
    Codec("libvpx-vp9", "yuva420p", VP9, coarsest=63),
    frozenset({"opus", "vorbis"}), "libopus",
)  # fmt: skip
MKV = Format(
    "Matroska", "matroska", WEBM.opaque, WEBM.alpha,
    frozenset({"opus", "vorbis", "aac", "mp3", "ac3", "eac3", "flac", "pcm_s16le", "pcm_s24le"}),
    "libopus",
)  # fmt: skip
MOV = Format(
    "QuickTime", "mov",
    Codec("prores_ks", "yuv422p10le", {"profile": "hq", "vendor": "apl0"}),
    Codec("prores_ks", "yuva444p10le", {"profile": "4444", "vendor": "apl0"}),
    frozenset({"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be"}), "aac",
)  # fmt: skip
MP4 = Format(
    "MP4", "mp4",
    Codec("libx264", "yuv420p", H264, even=True, coarsest=51), None,
    frozenset({"aac", "mp3", "ac3", "eac3", "alac"}), "aac",
)  # fmt: skip
FORMATS = {".webm": WEBM, ".mkv": MKV, ".mov": MOV, ".mp4": MP4, ".m4v": MP4}
"""Suffix of a result -> its format."""

QUALITY = 65  # quantizer 18 of H.264, 22 of VP9


def format_of(target: Path, transparent: bool) -> Format:
    """The format of a result by its suffix.

    Raises:
        SettingsError: it is none, or it cannot be transparent.
    """
    found = FORMATS.get(target.suffix.lower())
    if found is None:
        raise SettingsError(
            f"{target} cannot be written as {target.suffix}: end it in {', '.join(FORMATS)}, or "
            "name a folder for frames."
        )
    if transparent and found.alpha is None:
        raise SettingsError(
            f"{target}: {found.name} cannot be transparent: end it in .webm or .mov, name a folder "
            "for frames, or give a background."
        )
    return found
