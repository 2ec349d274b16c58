"""Download files with the clients of Google Drive and Kaggle.

Both clients are imported inside the functions: they are slow, and kaggle signs in when it
is imported, and ends the process when it cannot. kagglehub is not used: going on with a broken
download (1.0.3), it appends whatever the server answers, an error page too, and it has no place
for a transfer of our own.
"""

import contextlib
import io
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from clearbg.data.fetching.download import (
    TIMEOUT,
    download,
    page_meaning,
    progress_of,
    refuse_without_room,
    retry_after,
)
from clearbg.errors import FetchError

RETRIES = 5
BY_HAND = "download it with a browser and give its path (clearbg fetch --from FILE)"


def from_drive(file_id: str, part: Path, *, resume: bool) -> Path:
    """Download the Google Drive file `file_id` into the folder `part`.

    Args:
        resume: go on with what an earlier run left in `part`. gdown does not notice that
            the file has changed meanwhile, so only callers who know its checksum ask for it.

    Raises:
        FetchError: the quota of downloads is used up, the file is not public, the disk has no
            room for it, or Google cannot be reached.
    """
    import gdown

    shown, content = f"gdrive:{file_id}", part / "content"
    if not resume:
        shutil.rmtree(part)
        part.mkdir()
    with progress_of(shown) as bar, _drive_errors(shown, file_id):

        def advance(received: int, total: int | None) -> None:
            if bar.n == 0:
                refuse_without_room(shown, (total or 0) - received, part)
            bar.total = total
            bar.update(received - bar.n)

        gdown.download(
            id=file_id,
            output=str(content),
            quiet=True,
            resume=resume,
            retries=RETRIES,
            timeout=TIMEOUT,
            progress=advance,
        )
    return content


def from_drive_folder(folder_id: str, part: Path) -> Path:
    """Download the Google Drive folder `folder_id`, with the folders in it, to `part/content`.

    Files that an earlier run has finished are not fetched again.

    Raises:
        FetchError: as `from_drive`; or the folder shows no files, or two of one name.
    """
    import gdown

    shown, tree = f"gdrive-folder:{folder_id}", part / "content"
    shutil.rmtree(tree, ignore_errors=True)  # of a run killed at its last step
    with _drive_errors(shown, None):
        listed = gdown.download_folder(
            id=folder_id, output=str(tree), quiet=True, skip_download=True, timeout=TIMEOUT
        )
    if not listed:
        raise FetchError(
            f'{shown} shows no files: have it shared with "Anyone with the link", or download '
            "it with a browser and give the folder's path."
        )
    seen: set[str] = set()
    for file in listed:
        key = unicodedata.normalize("NFC", file.path).casefold()
        if key in seen:
            raise FetchError(f"{shown} holds two files named {file.path}: rename one of them.")
        seen.add(key)
    arrived = {}
    for file in listed:
        place = part / file.id
        place.mkdir(exist_ok=True)
        content = place / "content"  # gdown gives a whole file its name, and no other
        arrived[file.path] = content if content.exists() else _one_of(shown, file, place)
    for path, content in arrived.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        content.replace(tree / path)
    return tree


def _one_of(shown: str, file: Any, place: Path) -> Path:
    try:
        return from_drive(file.id, place, resume=False)
    except FetchError as error:
        raise FetchError(f"{shown}: {file.path}: {error}") from None


@contextlib.contextmanager
def _drive_errors(shown: str, file_id: str | None) -> Iterator[None]:
    import gdown

    try:
        yield
    except requests.Timeout:
        raise FetchError(
            f"{shown} gives no answer in time: check the connection and run again later."
        ) from None
    except (gdown.exceptions.DownloadError, requests.RequestException, KeyError) as error:
        raise FetchError(f"{shown} {_drive_reason(error, file_id)}.") from None


def _drive_reason(error: Exception, file_id: str | None) -> str:
    import gdown

    text = " ".join(str(error).split())
    if "Too many users" in text or "quota" in text.lower():
        return f"was downloaded too often today (Google's quota): try again tomorrow, or {BY_HAND}"
    if isinstance(error.__cause__, requests.Timeout):
        return "gives no answer in time: check the connection and run again later"
    if file_id is None and isinstance(error, gdown.exceptions.DownloadError):
        return (
            'is not public, or does not exist: have it shared with "Anyone with the link", or '
            "download it with a browser and give the folder's path"
        )
    if isinstance(error, gdown.exceptions.FileURLRetrievalError | requests.HTTPError):
        return _drive_page(file_id)
    return f"cannot be reached ({type(error).__name__}): check the connection and run again"


def _drive_page(file_id: str | None) -> str:
    """The meaning of the page that Google shows in place of a file; gdown does not tell it."""
    private = (
        "is not public (Google shows its sign-in page in place of the file): have it shared with "
        f'"Anyone with the link", or {BY_HAND}'
    )
    address = f"https://drive.google.com/uc?id={file_id}"
    try:
        with requests.get(address, timeout=TIMEOUT, stream=True) as response:
            if response.status_code == 429:
                return f"was asked for too often (429): {_later(response)}, or {BY_HAND}"
            if response.status_code in (404, 410):
                return f"does not exist ({response.status_code}): check its id"
            page = next(response.iter_content(1 << 16), b"")
    except requests.RequestException:
        page = b""
    meaning = page_meaning(page)
    return private if "login" in meaning else f"gives a web page{meaning} in place of the file"


def _later(response: requests.Response) -> str:
    wait = retry_after(response)
    return "run again later" if wait is None else f"run again in {wait:.0f} seconds"


def from_kaggle(dataset: str, part: Path) -> Path:
    """Download the whole of a Kaggle dataset to `part/content`.

    Args:
        dataset: owner/name, or owner/name/number to pin a version, as Kaggle's client has it.

    Raises:
        FetchError: no credentials, terms not accepted, no such dataset or version, too many
            requests, no room on the disk, or Kaggle cannot be reached.
    """
    owner, name, *number = dataset.split("/")
    version = f"/versions/{number[0]}" if number else ""
    return _through_kaggle(
        f"kaggle:{dataset}",
        f"https://www.kaggle.com/datasets/{owner}/{name}{version}",
        lambda api: api.dataset_download_files(dataset, path=str(part)),
        part,
    )


def from_kaggle_competition(competition: str, part: Path) -> Path:
    """Download all files of a Kaggle competition; as `from_kaggle`."""
    return _through_kaggle(
        f"kaggle-competition:{competition}",
        f"https://www.kaggle.com/competitions/{competition}/rules",
        lambda api: api.competition_download_files(competition, path=str(part)),
        part,
    )


def _through_kaggle(shown: str, page: str, ask: Callable[[Any], None], part: Path) -> Path:
    try:
        with contextlib.redirect_stdout(io.StringIO()), _stdin_replaced():  # it talks
            api = _kaggle_client(shown, part)
            api.authenticate()
            ask(api)
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
            429: f"was asked for too often (429): {_later(error.response)}",
        }
        reason = reasons.get(status, f"answers {status}: run again later")
        raise FetchError(f"{shown} {reason}.") from None
    except requests.Timeout:
        raise FetchError(
            f"{shown} gives no answer in time: check the connection and run again later."
        ) from None
    except (requests.RequestException, ValueError) as error:
        raise FetchError(
            f"{shown} cannot be reached ({type(error).__name__}): check the connection and "
            "run again; the part that has arrived stays on the disk."
        ) from None
    return part / "content"


@contextlib.contextmanager
def _stdin_replaced() -> Iterator[None]:
    """Give kaggle another stdin: without credentials it calls `exit`, which closes stdin."""
    before, sys.stdin = sys.stdin, io.StringIO()
    try:
        yield
    finally:
        sys.stdin = before


def _kaggle_client(shown: str, part: Path) -> Any:
    """Kaggle's client, which signs in and asks; `download` of ours transfers the file.

    The client's own transfer appends an error page to a file as if it were the rest of it, and
    waits for an answer without end.
    """
    from kaggle.api.kaggle_api_extended import KaggleApi

    class Client(KaggleApi):
        def build_kaggle_client(self):
            client = super().build_kaggle_client()
            http = client.http_client()
            http.__enter__()  # opens the session
            http._session.mount("https://", _TimeoutAdapter())
            return client

        def download_file(self, response, *args, **options) -> None:
            response.close()
            download(response.url, part, source=shown)

    return Client()


class _TimeoutAdapter(requests.adapters.HTTPAdapter):
    """Sets a timeout where the caller sets none."""

    def send(self, *args, timeout=None, **options) -> requests.Response:
        return super().send(*args, timeout=timeout or TIMEOUT, **options)
