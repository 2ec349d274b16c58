"""The model registry: numbered versions of the remover, and the aliases that others read.

A version is tagged with the SHA-256 of its ONNX file, and every file that is fetched from the
registry is checked against this tag. Each alias (champion, challenger, previous) names one version.
MLflow never gives a number twice, and it adds a version and its tags in one step. It sets an alias
in one step too, but that overwrites what somebody else may have set in the meantime: see
`clearbg.promotion.promotion_log`.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clearbg.errors import ClearBGError, RegistryError
from clearbg.system import project
from clearbg.system.files import exclusive, file_sha256, replacing_folder
from clearbg.tracking.runs import ONNX  # the import also sets how MLflow behaves
from clearbg.tracking.store import (
    ask,
    create_missing,
    database,
    follow_project,
    reason,
    shown,
    told,
    uri,
)

import mlflow.artifacts  # isort: skip
from mlflow.entities import Run  # isort: skip

MODEL = "model.onnx"
CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Attributes:
        source: URI of its logged model, `models:/<id>`.
        created: milliseconds since 1970, by the store's clock.
        text: its description.
    """

    name: str
    number: int
    tags: Mapping[str, str]
    run_id: str
    source: str
    created: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"

    @property
    def onnx(self) -> str:
        """SHA-256 of its ONNX file; "" when no tag says it: a folder is named after it."""
        tag = self.tags.get(ONNX, "")
        return tag if re.fullmatch("[0-9a-f]{64}", tag) else ""


def model_name() -> str:
    """The name of the registered model: CLEARBG_REGISTERED_MODEL, or "clearbg"."""
    return os.getenv("CLEARBG_REGISTERED_MODEL") or "clearbg"


def fetch(which: str | int = CHAMPION) -> Path | None:
    """The ONNX file of a version, by its alias or its number, cached in .clearbg/registry/.

    The model card and the list of training images lie beside it, if the version has them.

    Returns:
        None: there is no store, no registered model, or no such version.

    Raises:
        RegistryError: the server does not answer, or the file is not the registered one.
        ClearBGError: the file cannot be written.
    """
    registry = find_registry()
    if registry is None:
        return None
    version = registry.aliased(which) if isinstance(which, str) else registry.version(which)
    return registry.file(version) if version else None


def find_registry() -> "Registry | None":
    """The registry of the store that `uri` names; None: the store's database does not exist yet.

    Raises:
        RegistryError: the store does not answer.
    """
    file = database(uri())
    return None if file is not None and not file.exists() else Registry(model_name())


def open_registry() -> "Registry":
    """The registry of the store that `uri` names; a missing database is created.

    Raises:
        RegistryError: the store does not answer, or cannot be created.
    """
    with _in_a_sentence():
        create_missing(uri())
    return Registry(model_name())


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    """Turn any error of the store into a `RegistryError` of one sentence."""
    try:
        yield
    except ClearBGError:
        raise
    except Exception as error:  # each store raises the errors of its own driver
        raise RegistryError(
            f"the model registry at {shown(uri())} failed ({reason(error)}): check that it runs "
            "(MLFLOW_TRACKING_URI names its address) and has room on the disk, then run again."
        ) from error


class Registry:
    """One registered model of the store that `uri` names.

    Raises:
        RegistryError: here and in every method, when the store does not answer or refuses.
    """

    @_in_a_sentence()
    def __init__(self, name: str):
        self.name = name
        self._address = uri()
        ask(self._address)
        follow_project(self._address)
        # When a version is made, MLflow reads this address besides that of the client.
        mlflow.set_tracking_uri(self._address)
        self._client = mlflow.MlflowClient(self._address, self._address)

    @_in_a_sentence()
    def aliases(self) -> dict[str, int]:
        """Alias -> number of its version; {} while the model is not registered yet."""
        try:
            model = self._client.get_registered_model(self.name)
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
        told(model.name)
        return {alias: int(number) for alias, number in model.aliases.items()}

    def aliased(self, alias: str) -> Version | None:
        number = self.aliases().get(alias)
        return None if number is None else self.version(number)

    @_in_a_sentence()
    def version(self, number: int) -> Version | None:
        """The version with this number; None: there is none, or it was deleted."""
        try:
            return _version(self._client.get_model_version(self.name, str(number)))
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    @_in_a_sentence()
    def versions(self) -> list[Version]:
        """All versions that were not deleted, in the order of their numbers."""
        found, page = [], None
        while page is None or page.token:
            page = self._client.search_model_versions(
                f"name = '{self.name}'",
                order_by=["version_number ASC"],
                page_token=page.token if page else None,
            )
            found += map(_version, page)
        return found

    @_in_a_sentence()
    def add(
        self, source: str, run_id: str, tags: Mapping[str, str], text: str | None = None
    ) -> Version:
        """Register a logged model, `models:/<id>`, as a new version with these tags."""
        with contextlib.suppress(
            mlflow.MlflowException
        ):  # it exists; other errors come again below
            self._client.create_registered_model(self.name)
        made = self._client.create_model_version(
            self.name,
            source,
            run_id,
            dict(tags),
            description=text,
            model_id=source.removeprefix("models:/"),
        )
        return _version(made)

    @_in_a_sentence()
    def tag(self, number: int, key: str, value: str) -> None:
        self._client.set_model_version_tag(self.name, str(number), key, value)

    @_in_a_sentence()
    def remove(self, number: int) -> None:
        """Delete a version; its number is never given again."""
        self._client.delete_model_version(self.name, str(number))

    @_in_a_sentence()
    def point(self, alias: str, number: int | None) -> None:
        """Set an alias to a version; None: delete the alias."""
        if number is None:
            self._client.delete_registered_model_alias(self.name, alias)
        else:
            self._client.set_registered_model_alias(self.name, alias, str(number))

    @_in_a_sentence()
    def runs(self, tag: str, value: str) -> list[Run]:
        """The runs of all experiments with a tag, newest first."""
        experiments = [found.experiment_id for found in self._client.search_experiments()]
        return list(self._client.search_runs(experiments, f"tags.`{tag}` = '{value}'"))

    def file(self, version: Version) -> Path:
        """The version's ONNX file; it is downloaded unless .clearbg/registry/ has it unchanged.

        Raises:
            RegistryError: the registered file is missing, or its SHA-256 is not the tagged one.
        """
        folder = project.state() / "registry" / (version.onnx or "untold")
        if not _is_whole(folder / MODEL, version):
            with exclusive(folder.parent):
                if not _is_whole(folder / MODEL, version):
                    with replacing_folder(folder) as aside:
                        self.download(version, aside)
        return folder / MODEL

    @_in_a_sentence()
    def download(self, version: Version, folder: Path) -> Path:
        """Download a version's ONNX file, and the files beside it, into an empty folder.

        Raises:
            RegistryError: as `file`.
        """
        if not version.onnx:
            raise RegistryError(
                f"{version} has no SHA-256 in its tag {ONNX}, so its file cannot be verified: "
                "move its alias to a version that `clearbg promote` registered."
            )
        address = self._client.get_model_version_download_uri(self.name, str(version.number))
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            brought = mlflow.artifacts.download_artifacts(
                f"{address}/artifacts", dst_path=aside, tracking_uri=self._address
            )
            for path in Path(brought).iterdir():
                shutil.move(path, folder / path.name)
        if not _is_whole(folder / MODEL, version):
            raise RegistryError(
                f"the file registered as {version} is missing, or its SHA-256 is not the tagged "
                f"{version.onnx[:12]}...: go back with `clearbg promote --rollback`."
            )
        return folder / MODEL


def _is_whole(path: Path, version: Version) -> bool:
    return path.is_file() and file_sha256(path) == version.onnx


def _version(found) -> Version:
    return Version(
        name=found.name,
        number=int(told(found.version)),
        tags=dict(found.tags),
        run_id=found.run_id or "",
        source=found.source or "",
        created=int(found.creation_timestamp),
        text=found.description or "",
    )
