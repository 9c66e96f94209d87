"""What runs of a cluster returned: small JSON in their status, all else in the storage that the status names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from millstream.exceptions import MissingResult
from millstream.filesystems import check_storage, storage_of
from millstream.resources.completion_record import NOT_KEPT
from millstream.resources.states import RunState
from millstream.resources.storage import FOLDER
from millstream.results import CorruptEntryError, ResultStore

if TYPE_CHECKING:
    from millstream._cluster.cluster import Object
    from millstream.results import Entry

_BUCKETS: Final = ("s3://", "gs://", "az://")
_FOLDERS: Final = "file://"
_COPY: Final = "copy the folder here, and name it with --storage"


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What a run returned, as a storage keeps it. Nothing of it has been loaded.

    Attributes:
        storage: Where it was found.
        entry: What was there.
    """

    storage: str
    entry: Entry

    def load(self) -> Any:
        """The value. If it was pickled, this runs what the pickle says: it can do all that you can.

        Raises:
            MissingResult: It cannot be loaded here.
        """
        serializer = ResultStore().serializer
        try:
            return self.entry.value(serializer)
        except CorruptEntryError as error:
            raise MissingResult(
                f"The result in {self.storage} cannot be loaded: {error}. Install what the flow's image has, or have "
                "its bytes written to a file."
            ) from error


def read_result(run: Object, *, storage: str | None = None) -> Any:
    """What a run returned. A result that was pickled is loaded, so ask for it only if you trust run and storage.

    Args:
        run: The FlowRun.
        storage: The path or URL of the storage, if not as the run's status says.

    Raises:
        MissingResult: There is none, or it cannot be read from here.
    """
    stored = find_result(run, storage=storage)
    return stored.load() if isinstance(stored, StoredResult) else stored


def find_result(run: Object, *, storage: str | None = None) -> StoredResult | Any:
    """What a run returned, if its status has it; else where it is stored, with nothing of it loaded yet.

    Args:
        run: The FlowRun.
        storage: As for `read_result`.

    Raises:
        MissingResult: There is none, or it cannot be read from here.
    """
    status = run.get("status", {})
    place = storage or status.get("resultStorage")
    if (missing := why_missing(run)) is not None:
        raise MissingResult(missing)
    if place is None or (storage is None and "result" in status):
        return status.get("result")
    if storage is None and not place.startswith(_BUCKETS):
        raise MissingResult(_is_not_in_a_bucket(run, place))
    return _fetched(run, place)


def why_missing(run: Object) -> str | None:
    """Why a run has no result; None if it has one."""
    name, status = run["metadata"]["name"], run.get("status", {})
    state, message = status.get("state"), status.get("message", "")
    if state is None or not RunState(state).is_final:
        return f"{name} has not ended yet, so there is no result: it is {state or 'new'}."
    if state != RunState.COMPLETED:
        return f"{name} has no result, as it ended in the state {state}: {message or status.get('reason')}"
    if NOT_KEPT in message and "resultStorage" not in status:
        return (
            f"{name} has completed, and has no result. {message} With persist_result=True, a flow keeps more."
        )
    return None


def _is_not_in_a_bucket(run: Object, place: str) -> str:
    name, folder = run["metadata"]["name"], place.removeprefix(_FOLDERS)
    if folder == place:
        # A password would go to whatever server the run's pod has named.
        return (
            f"The result of {name} is kept in {place}. Only buckets are read at a run's word: if you trust that place, "
            f"name it with --storage, and with your user, as postgresql://USER@HOST/DATABASE."
        )
    if folder.startswith(f"{FOLDER}/"):
        return (
            f"The result of {name} is in the claim of spec.storage, which cannot be read from here: start a pod that "
            f"mounts the claim, {_COPY} (docs/storage.md). Results in a bucket can be read from here."
        )
    return (
        f"The result of {name} is in the folder {folder} of its pod, which cannot be read from here. If that is a "
        f"volume, {_COPY}; else it is gone: give the deployment a spec.storage."
    )


def _fetched(run: Object, place: str) -> StoredResult:
    uid = run["metadata"]["uid"]
    try:
        check_storage(place)
        shown = storage_of(place).address or place
        entry = ResultStore(storage_of(place)).entry(uid)
    except CorruptEntryError as error:
        raise MissingResult(f"What is kept in {place} is no result, because {error}.") from error
    except Exception as error:  # whatever storages raise
        reason = str(error).partition("\n")[0]
        raise MissingResult(
            f"The result's storage cannot be read with what your environment and machine have for it: {reason}"
        ) from error
    if entry is None:
        raise MissingResult(
            f"There is no result of {run['metadata']['name']} in {shown} (its key is {uid}): it was deleted, or has "
            "expired."
        )
    return StoredResult(shown, entry)
