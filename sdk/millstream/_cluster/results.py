"""What runs of a cluster returned: small JSON in their status, all else in the storage that the status names.

A run's pod has written what the status says, and the serializer that stands beside the result. So a run's word is taken
for where a result is only if that is a bucket, and nothing is loaded from there that runs code. A storage that is named
here, by the settings or in the call, belongs to the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from millstream.exceptions import MissingResult
from millstream.filesystems import check_storage, storage_of
from millstream.resources.completion_record import NOT_KEPT
from millstream.resources.states import RunState
from millstream.resources.storage import FOLDER
from millstream.results import CorruptEntryError, ResultStore
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from millstream._cluster.cluster import Object
    from millstream.filesystems import Storage
    from millstream.results import Entry

_BUCKETS: Final = ("s3://", "gs://", "az://")
_FOLDERS: Final = "file://"
_COPY: Final = "copy the folder here, and name it with --storage"
_NAME_IT: Final = "name it with --storage, or set MILLSTREAM_RESULTS_STORAGE to"
_HARMLESS: Final = "json"
"""The serializer that runs nothing when it reads."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What a run returned, as a storage keeps it. Nothing of it has been loaded.

    Attributes:
        storage: Where it was found.
        entry: What was there.
        named: Whether the storage was named here; else only the run's pod has said so.
    """

    storage: str
    entry: Entry
    named: bool = True

    def load(self) -> Any:
        """The value. If it was pickled, this runs what the pickle says: it can do all that you can.

        Raises:
            MissingResult: It cannot be loaded here, or would run code of a storage that only the run's pod has named.
        """
        written_by = self.entry.serializer
        if not self.named and written_by.rpartition("/")[2] != _HARMLESS:
            raise MissingResult(
                f"The result in {self.storage} was written by {written_by}, and to load it can run any code. If you "
                f"trust all who can write there, {_NAME_IT} {self.storage.partition('?')[0]}; else have its bytes written to a file."
            )
        serializer = ResultStore().serializer
        try:
            return self.entry.value(serializer)
        except CorruptEntryError as error:
            raise MissingResult(
                f"The result in {self.storage} cannot be loaded: {error}. Install what the flow's image has, or have "
                "its bytes written to a file."
            ) from error


def read_result(run: Object, *, storage: str | None = None) -> Any:
    """What a run returned. What was pickled is loaded only from a storage that is named here: trust who writes to that.

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
    if (missing := why_missing(run)) is not None:
        raise MissingResult(missing)
    if storage is not None:
        return _fetched(run, storage, named=True)
    place = status.get("resultStorage")
    if place is None or "result" in status:
        return status.get("result")
    own = _own_storage()
    if own is not None and own.address == place:
        return _fetched(run, own, named=True)
    if not place.startswith(_BUCKETS):
        raise MissingResult(_is_not_in_a_bucket(run, place))
    bucket, _, server = place.partition("?")
    if _address_of(bucket) != place:
        raise MissingResult(
            f"The result of {run['metadata']['name']} is in {bucket} of {server or 'a server that you do not use'}. If you "
            f"can reach that, and trust it, set what it needs in your environment, as AWS_ENDPOINT_URL, and {_NAME_IT} "
            f"{bucket}."
        )
    return _fetched(run, bucket, named=False)


def why_missing(run: Object) -> str | None:
    """Why a run has no result; None if it has one."""
    name, status = run["metadata"]["name"], run.get("status", {})
    state, message = status.get("state"), status.get("message", "")
    known = state in tuple(RunState)
    if not (RunState(state).is_final if known else "completionTime" in status):
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


def _own_storage() -> Storage | None:
    """Where flows that run here keep their results; None if that cannot be told."""
    try:
        return storage_of(get_current_settings().results_storage)
    except ValueError:  # of settings that only matter to those who keep something
        return None


def _address_of(bucket: str) -> str | None:
    try:
        return storage_of(bucket).address
    except ValueError:
        return None


def _fetched(run: Object, place: str | Storage, *, named: bool) -> StoredResult:
    uid = run["metadata"]["uid"]
    try:
        check_storage(place)
        storage = storage_of(place)
        shown = storage.address or str(place)
        entry = ResultStore(storage).entry(uid)
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
            "expired, or is of another machine or pod."
        )
    return StoredResult(shown, entry, named)
