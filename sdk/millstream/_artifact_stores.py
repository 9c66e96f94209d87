"""Where artifacts go: into the history of this machine, or to the storage that is there for results and artifacts."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from millstream._engine import recording
from millstream._history.rows import ArtifactRow
from millstream._history.snapshots import text, without_secrets
from millstream.client._local import LocalRuns
from millstream.client._query import Query
from millstream.client.schemas import filters
from millstream.client.schemas.objects import Artifact
from millstream.client.schemas.sorting import ArtifactSort
from millstream.filesystems import storage_of
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from millstream._history.recorder import Recorder
    from millstream.filesystems import Storage

_logger = logging.getLogger("millstream.artifacts")
_MOST_IN_PROGRESS = 1_000
_in_progress: dict[str, Artifact] = {}
"""Those of this process that are updated now and then, which no reading may hold up, nor its failing fail."""


class ArtifactStore(Protocol):
    """Keeps artifacts. Each has an id, and may share a key with others."""

    def put(self, artifact: Artifact) -> None:
        """Keep an artifact, in place of what it was before."""
        ...

    def get(self, artifact_id: str) -> Artifact | None:
        """An artifact by its id."""
        ...

    def versions(self, key: str, limit: int | None) -> list[Artifact]:
        """The artifacts with a key, the latest first."""
        ...


def artifact_store() -> ArtifactStore:
    """The storage, if a setting names one; else the history."""
    settings = get_current_settings()
    if settings.storage != str(settings.home):
        return StoredArtifacts(storage_of(settings.storage))
    return RecordedArtifacts(recording.recorder())


class RecordedArtifacts:
    """Artifacts in the history.

    Args:
        recorder: Who writes to it; None if there is no history, so that what is made is not kept.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder

    def put(self, artifact: Artifact) -> None:
        """Have it written in the background."""
        is_new = artifact.created == artifact.updated
        if artifact.type == "progress":
            _in_progress[artifact.id] = artifact
            while len(_in_progress) > _MOST_IN_PROGRESS:
                del _in_progress[next(iter(_in_progress))]
        if self._recorder is not None:
            self._recorder.add(_row(artifact))
        elif is_new:
            _logger.warning(
                "The artifact %s is not kept: there is no history here (MILLSTREAM_HISTORY_ENABLED), and no storage "
                "(MILLSTREAM_STORAGE; spec.storage of a FlowDeployment).",
                artifact.key or artifact.type,
            )

    def get(self, artifact_id: str) -> Artifact | None:
        """An artifact by its id."""
        if artifact_id in _in_progress:
            return _in_progress[artifact_id]
        wanted = filters.ArtifactFilter(id=filters.ArtifactFilterId(any_=[artifact_id]))
        return next(iter(self._read(wanted, 1)), None)

    def versions(self, key: str, limit: int | None) -> list[Artifact]:
        """The artifacts with a key, the latest first."""
        return self._read(filters.ArtifactFilter(key=filters.ArtifactFilterKey(any_=[key])), limit)

    def _read(self, wanted: filters.ArtifactFilter, limit: int | None) -> list[Artifact]:
        query = Query(ArtifactSort.CREATED_DESC, limit, artifact=wanted)
        return LocalRuns(get_current_settings().home).artifacts(query)


def _row(artifact: Artifact) -> ArtifactRow:
    return ArtifactRow(
        artifact.id,
        artifact.key,
        artifact.type,
        without_secrets(artifact.data),
        artifact.description and text(artifact.description),
        artifact.flow_run_id,
        artifact.task_run_id,
        artifact.created.timestamp(),
        artifact.updated.timestamp(),
    )


class StoredArtifacts:
    """Artifacts in a storage: one file for each, which names the version before it, and one that names the latest."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def put(self, artifact: Artifact) -> None:
        """Write it, and then that it is the latest of its key."""
        key = artifact.key
        if key is None:
            self._write(artifact, None)
            return
        with self._storage.acquire(_latest(key)):
            kept = self._read(_place(artifact.id))
            if kept is not None:
                self._write(artifact, kept["previous"])
                return
            newest = self._read(_latest(key))
            self._write(artifact, None if newest is None else newest["id"])
            # Dying before this leaves a file that nothing names, and all versions that there were.
            self._storage.write(_latest(key), json.dumps({"id": artifact.id}).encode())

    def get(self, artifact_id: str) -> Artifact | None:
        """An artifact by its id."""
        kept = self._read(_place(artifact_id))
        return None if kept is None else _artifact(kept)

    def versions(self, key: str, limit: int | None) -> list[Artifact]:
        """The artifacts with a key, the latest first."""
        found: list[Artifact] = []
        newest = self._read(_latest(key))
        following = None if newest is None else newest["id"]
        while following is not None and (limit is None or len(found) < limit):
            kept = self._read(_place(following))
            if kept is None:  # somebody has deleted the old ones
                break
            found.append(_artifact(kept))
            following = kept["previous"]
        return found

    def _write(self, artifact: Artifact, previous: str | None) -> None:
        told = asdict(artifact) | {
            "created": artifact.created.isoformat(),
            "updated": artifact.updated.isoformat(),
            "previous": previous,
        }
        self._storage.write(_place(artifact.id), json.dumps(told).encode())

    def _read(self, place: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = json.loads(self._storage.read(place))
        except KeyError:
            return None
        return content


def _place(artifact_id: str) -> str:
    return f"artifacts/{artifact_id}"


def _latest(key: str) -> str:
    return f"artifacts/latest/{key}"


def _artifact(kept: dict[str, Any]) -> Artifact:
    times = {name: datetime.fromisoformat(kept[name]) for name in ("created", "updated")}
    return Artifact(**{name: value for name, value in kept.items() if name != "previous"} | times)
