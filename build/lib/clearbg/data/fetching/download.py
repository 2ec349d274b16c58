"""Download one file over HTTP(S), resume it where it broke off, and retry passing failures."""

import email.utils
import hashlib
import html
import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import requests
from tqdm import tqdm

from clearbg.errors import FetchError
from clearbg.system.object_store import without_secrets
from clearbg.system.progress import progress

BLOCK = 1 << 16  # bytes; a broken connection costs at most one
STEADY = 1 << 20  # bytes; a try that receives so many resets the count of failures
FAILURES = 5
FIRST_WAIT, LONGEST_WAIT = 1.0, 120.0  # seconds
TIMEOUT = (15, 60)  # seconds to connect, and between two packets
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
PAGES = {
    "the quota of downloads is used up: try again tomorrow": "quota|too many",
    "it wants a login: download with a browser and give the file's path": "sign.?in|log.?in",
    "it suspects a robot: download with a browser and give the file's path": "robot|captcha",
    "the file is not there: check the address": "not found|404",
}


def fingerprint(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()  # a URL may carry a password


def refuse_without_room(shown: str, size: int, folder: Path) -> None:
    """Raise FetchError unless the disk of `folder` has `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise FetchError(
            f"{shown} needs {tqdm.format_sizeof(size, 'B')} more, and the disk has "
            f"{tqdm.format_sizeof(free, 'B')} free: make room or choose another folder."
        )


def progress_of(shown: str) -> tqdm:
    """A bar of bytes with speed and remaining time."""
    return progress(what=shown.rpartition("/")[2][-30:], unit="B", unit_scale=True)


def page_meaning(page: bytes) -> str:
    """The meaning of a web page that came in place of a file, in brackets.

    Args:
        page: its first bytes.
    """
    text = page.decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    title = " ".join(html.unescape(title[1]).split())[:80] if title else ""
    for meaning, signs in PAGES.items():
        if re.search(signs, title or text, re.IGNORECASE):
            return f" ({meaning})"
    return f' ("{title}")' if title else ""


class _Interrupted(Exception):
    """A failure that may pass; the server asks for `wait` seconds before the next try."""

    def __init__(self, why: str, wait: float | None = None):
        super().__init__(why)
        self.wait = wait


def download(url: str, part: Path, source: str | None = None) -> Path:
    """Download an HTTP(S) address to `part/content`, and go on where an earlier try ended.

    Args:
        source: names the file in messages, and tells whether an earlier part is of the same
            file; to be given for addresses that change each time. By default the address.

    Raises:
        FetchError: the server refuses, or fails `FAILURES` times in a row.
    """
    source, content, failures = source or url, part / "content", 0
    with requests.Session() as session:
        while True:
            before = content.stat().st_size if content.exists() else 0
            try:
                _receive(session, url, content, source)
                return content
            except _Interrupted as error:
                steady = content.exists() and content.stat().st_size - before >= STEADY
                failures = 1 if steady else failures + 1
                wait = FIRST_WAIT * 2**failures if error.wait is None else error.wait
                if failures == FAILURES or wait > LONGEST_WAIT:
                    raise FetchError(
                        f"{without_secrets(source)} {error}: check the connection and run again "
                        "later; the part that has arrived stays on the disk."
                    ) from None
                time.sleep(wait)


def _receive(session: requests.Session, url: str, content: Path, source: str) -> None:
    begun = content.with_name("begun")  # of which version of which file `content` is a part
    version = begun.read_text().removeprefix(fingerprint(source)) if begun.exists() else ""
    have = content.stat().st_size if content.exists() and version.startswith(" ") else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version[1:]}
    try:
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            _refuse_error(response, source)
            given = response.headers.get("Content-Range", "")
            if response.status_code == 416 and given == f"bytes */{have}":
                return
            if not (have and response.status_code == 206 and given.startswith(f"bytes {have}-")):
                have = 0
                content.unlink(missing_ok=True)
                version = _version(response)
                begun.write_text(f"{fingerprint(source)} {version}" if version else "")
            if response.status_code in (206, 416) and not have:
                raise _Interrupted("does not give the rest of a file that was begun")
            length = int(response.headers.get("Content-Length", 0))
            refuse_without_room(without_secrets(source), length, content.parent)
            with content.open("ab") as out, progress_of(without_secrets(source)) as bar:
                bar.reset(total=have + length if length else None)
                bar.update(have)
                for block in response.iter_content(BLOCK):
                    out.write(block)
                    bar.update(len(block))
    except requests.Timeout:
        raise _Interrupted("gives no answer in time") from None
    except requests.exceptions.SSLError:
        raise FetchError(
            f"{without_secrets(source)} has no valid certificate: check the address."
        ) from None
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise _Interrupted("cannot be reached, or breaks the connection") from None
    except requests.RequestException as error:
        raise FetchError(
            f"{without_secrets(source)} cannot be fetched ({type(error).__name__}): check the "
            "address."
        ) from None


def _version(response: requests.Response) -> str:
    """What If-Range compares (RFC 9110, 13.1.5); "" where the server tells nothing."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return ""  # ranges would count the encoded bytes
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _refuse_error(response: requests.Response, source: str) -> None:
    status = response.status_code
    if status in TRY_AGAIN:
        wait = retry_after(response)
        why = "too many requests" if status == 429 else "a passing fault"
        until = f", for the next {wait:.0f} seconds" if wait else ""
        raise _Interrupted(f"answers {status} ({why}{until})", wait)
    advice = {
        401: "it asks for a login; download with a browser and give the file's path",
        403: "it does not allow the download; look in a browser whether terms must be accepted",
        404: "there is no such file; check the address",
        410: "the file was taken away; use another source",
    }
    if status not in (200, 206, 416):
        meaning = advice.get(status, "look at it in a browser")
        raise FetchError(f"{without_secrets(source)} answers {status}: {meaning}.")


def retry_after(response: requests.Response) -> float | None:
    """Seconds; the header holds seconds or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
