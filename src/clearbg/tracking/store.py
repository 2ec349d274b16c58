"""MLflow's store: its address, whether it answers, and the reason when it fails."""

import contextlib
import os
import re
import socket
import sqlite3
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from tqdm import tqdm

from clearbg.system.project import root

PATIENCE = 3  # seconds
ARTIFACTS = "mlartifacts"
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's database that hold addresses of files."""


def uri() -> str:
    """MLFLOW_TRACKING_URI, or mlflow.db; relative SQLite paths start at the project's folder."""
    given = os.getenv("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if given.startswith("sqlite:///"):
        return f"sqlite:///{root() / given.removeprefix('sqlite:///')}"
    return given


def database(address: str) -> Path | None:
    """The file of an SQLite store; None: it is another kind of store."""
    if address.startswith("sqlite:///"):
        return Path(address.removeprefix("sqlite:///"))
    return None


def create_missing(address: str) -> None:
    """Create the SQLite database of a store, if the store has one and it is missing.

    It is made aside: neither a second process nor a kill may disturb a migration.
    """
    import mlflow  # here: `runs` first sets how it behaves

    file = database(address)
    if file is None or file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f"{file.name}.") as folder:
        mlflow.MlflowClient(f"sqlite:///{folder}/new.db")
        with contextlib.suppress(FileExistsError):  # another process was quicker
            os.link(f"{folder}/new.db", file)


def ask(address: str) -> None:
    """Fail within `PATIENCE` seconds if the store does not answer; MLflow retries for minutes."""
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        with contextlib.suppress(requests.exceptions.SSLError):  # certificates are MLflow's task
            requests.get(f"{address.rstrip('/')}/health", timeout=PATIENCE)
    elif file := database(address):
        with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE)) as connection:
            connection.execute("PRAGMA schema_version")
    elif parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE).close()


def told(name: str) -> str:
    """A name or an id that the store has given.

    Raises:
        OSError: it is empty: what listens there answers 200 to everything, and is no MLflow.
    """
    if not name:
        raise OSError("its answers are empty, so it is no MLflow server")
    return name


def artifacts() -> str:
    """The address of the folder for the files of runs, beside the project's own database."""
    return (root() / ARTIFACTS).as_uri()


def follow_project(address: str) -> None:
    """Let the project's own database find its files after the project was moved or copied.

    MLflow stores absolute addresses. Those of a folder mlartifacts become the present one, unless
    the files are still where the database says and not here.
    """
    file = database(address)
    if file is None or file.parent != root() or not file.exists():
        return
    with contextlib.closing(sqlite3.connect(file, timeout=PATIENCE)) as connection, connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not tables >= {table for table, _ in ADDRESSES}:
            return
        rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments")
        for (old,) in rows.fetchall():
            path = url2pathname(urlsplit(old or "").path)
            ours = (old or "").startswith("file:///") and Path(path).name == ARTIFACTS
            moved = (root() / ARTIFACTS).is_dir() or not Path(path).is_dir()
            if not ours or old == artifacts() or not moved:
                continue
            for table, column in ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (artifacts(), len(old) + 1, old, len(old) + 1, f"{old}/"),
                )


def warn(error: BaseException) -> None:
    """Say on stderr that the store has failed and that nothing is lost."""
    message = (
        f"warning: MLflow at {shown(uri())} failed ({reason(error)}): the stage goes on, its "
        "history and figures are in reports/, and the next stage that reaches the server records "
        "them."
    )
    tqdm.write(message, file=sys.stderr)


def reason(error: BaseException) -> str:
    """The innermost cause of an error, in one line, without passwords."""
    causes = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    drivers = [cause for cause in causes if isinstance(cause, OSError | sqlite3.Error)]
    lines = [line for line in str(drivers[-1] if drivers else error).splitlines() if line.strip()]
    text = "" if not lines else lines[-1] if lines[0].endswith(":") else lines[0]
    return shown(text.strip()[:300])


def shown(text: str) -> str:
    """The text without the user and the password of an address in it."""
    return re.sub("//[^/@]*@", "//", text)
