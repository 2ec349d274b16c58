"""Files that come through the clients of Google Drive and Kaggle.

Both clients are imported inside the functions: they are slow, and kaggle signs in when it
is imported, and ends the process when it cannot.
"""

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

from clearbg.errors import FetchError

RETRIES = 5
TIMEOUT = (15, 60)  # seconds to connect, and between two packets


def from_drive(file_id: str, part: Path, *, resume: bool) -> Path:
    """Download the Google Drive file `file_id` into the folder `part`.

    Args:
        resume: go on with what an earlier run left in `part`. gdown does not notice that
            the file has changed meanwhile, so this is for callers who know its checksum.

    Raises:
        FetchError: the quota of downloads is used up, the file is not public, or Google
            cannot be reached.
    """
    import gdown

    if not resume:
        shutil.rmtree(part)
        part.mkdir()
    content = part / "content"
    with tqdm(desc=file_id, unit="B", unit_scale=True, disable=None) as bar:

        def advance(received: int, total: int | None) -> None:
            bar.total = total
            bar.update(received - bar.n)

        try:
            gdown.download(
                id=file_id,
                output=str(content),
                quiet=True,
                resume=resume,
                retries=RETRIES,
                timeout=TIMEOUT,
                progress=advance,
            )
        except (gdown.exceptions.DownloadError, requests.RequestException, KeyError) as error:
            raise FetchError(f"gdrive:{file_id} {_drive_reason(error)}.") from None
    return content


def _drive_reason(error: Exception) -> str:
    import gdown

    by_hand = "download it with a browser and give the file's path"
    text = " ".join(str(error).split())
    if "Too many users" in text or "quota" in text.lower():
        return f"was downloaded too often today (Google's quota): try again tomorrow, or {by_hand}"
    if isinstance(error, gdown.exceptions.FileURLRetrievalError):
        return (
            "is not public (Google shows a page, such as its sign-in, in place of the file) or "
            f'does not exist: have it shared with "Anyone with the link", or {by_hand}'
        )
    return f"cannot be reached ({type(error).__name__}): check the connection and run again"


def from_kaggle(dataset: str, part: Path) -> Path:
    """Download the whole of the Kaggle dataset "owner/name" into the folder `part`.

    Raises:
        FetchError: no credentials, terms not accepted, no such dataset, too many requests,
            or Kaggle cannot be reached.
    """
    return _through_kaggle(
        f"kaggle:{dataset}",
        f"https://www.kaggle.com/datasets/{dataset}",
        lambda api: api.dataset_download_files(dataset, path=str(part), quiet=False),
        part,
    )


def from_kaggle_competition(competition: str, part: Path) -> Path:
    """Download all files of a Kaggle competition; as `from_kaggle`."""
    return _through_kaggle(
        f"kaggle-competition:{competition}",
        f"https://www.kaggle.com/competitions/{competition}/rules",
        lambda api: api.competition_download_files(competition, path=str(part), quiet=False),
        part,
    )


def _through_kaggle(shown: str, page: str, download: Callable[[Any], None], part: Path) -> Path:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its progress bar goes to stderr
            import kaggle

            kaggle.api.authenticate()
            download(kaggle.api)
    except ImportError as error:
        raise FetchError(
            f"{shown} needs the package kaggle, which does not start here ({error}): install "
            "what it misses, then run again."
        ) from None
    except SystemExit:
        raise FetchError(
            f"{shown} needs a Kaggle account: create a token on https://www.kaggle.com/settings, "
            "save it as ~/.kaggle/access_token or set KAGGLE_API_TOKEN, then run again."
        ) from None
    except requests.HTTPError as error:
        status = error.response.status_code
        reasons = {
            401: "does not accept the Kaggle token: create a new one",
            403: f"is closed until you accept its terms: open {page}, accept, then run again",
            404: f"does not exist, or is private: look at {page}",
            429: "was asked for too often (429): run again later",
        }
        reason = reasons.get(status, f"answers {status}: run again later")
        raise FetchError(f"{shown} {reason}.") from None
    except (requests.RequestException, ValueError) as error:
        raise FetchError(
            f"{shown} did not arrive whole ({type(error).__name__}): check the connection and "
            "run again; what has arrived is kept."
        ) from None
    name = shown.rpartition("/")[2].rpartition(":")[2]
    return next(path for path in part.glob(f"{name}.*") if path.suffix != ".kaggle-partial")
