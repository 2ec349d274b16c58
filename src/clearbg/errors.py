"""What ClearBG says when the input is wrong.

Every message is one sentence (or two short ones) that a person can act on: what is
wrong, in which file or key, and the next action. The stages and the command line print
the message alone, without a traceback; library users catch `ClearBGError` or a subclass.
"""

from signal import Signals


class ClearBGError(Exception):
    """Base of every error that is caused by input rather than by a defect in ClearBG."""


class SettingsError(ClearBGError):
    """params.yaml or a recipe is not what the stages can run with."""


class ImageError(ClearBGError):
    """One image cannot be read; `reason` is the short word used in quarantine lists."""

    def __init__(self, message: str, reason: str = "unreadable"):
        super().__init__(message)
        self.reason = reason


class DataError(ClearBGError):
    """A data set is missing, empty, or damaged beyond the allowed share."""


class FetchError(DataError):
    """A file could not be fetched, or is not the file it should be."""


class ArchiveError(DataError):
    """An archive is damaged or tries something that an honest archive never does."""


class ModelError(ClearBGError):
    """Weights, a contract or an exported file do not fit what was asked of them."""


class ExportError(ClearBGError):
    """An exported file does not do what the trained model does."""


class RegistryError(ClearBGError):
    """The model registry does not answer, or holds something that cannot be used."""


class CommandError(ClearBGError):
    """Another program (git, dvc, gh) is missing or refused what it was asked for."""


class Stopped(ClearBGError):
    """A signal has asked the work to end; `saved`: what is done so far can be gone on from."""

    def __init__(self, signal: Signals, saved: bool = True):
        super().__init__(
            f"stopped by {signal.name}, its state is saved: run it again to go on."
            if saved
            else f"stopped by {signal.name}: run it again to go on from the last checkpoint."
        )
        self.signal = signal
