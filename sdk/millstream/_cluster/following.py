"""What becomes of an object, as it happens."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from millstream import _surroundings
from millstream._cluster.answers import ExpiredError
from millstream._stopping import stop_requested
from millstream.exceptions import ClusterUnreachable, ObjectNotFound, RunInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millstream._cluster.cluster import Cluster, Object
    from millstream._cluster.kinds import Kind

T = TypeVar("T")

_WATCH_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 1.0
"""The least time from one watch to the next: one that ends at once may do so again and again."""
_PATIENCE_SECONDS: Final = 60.0


class Patience:
    """How long an API server may be away, as when it is upgraded: a minute unless told.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float = _PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self._missing_since: float | None = None

    def answered(self) -> None:
        """It is there."""
        self._missing_since = None

    def missed(self, error: ClusterUnreachable) -> None:
        """It is not there: wait a second.

        Raises:
            ClusterUnreachable: It has been away for too long.
        """
        now = _surroundings.current.time()
        self._missing_since = self._missing_since or now
        if now - self._missing_since > self._seconds:
            raise error
        _surroundings.current.sleep(1)

    def answer_to(self, ask: Callable[[], T]) -> T:
        """What an API server answers, as soon as it does; what is asked for may have been done before.

        Raises:
            ClusterUnreachable: It has been away for too long.
            RunInterrupted: The process was asked to stop while this waited.
        """
        while True:
            try:
                return ask()
            except ClusterUnreachable as error:
                if stop_requested():
                    raise RunInterrupted(
                        "An API server that is away was not waited for any longer: the process was asked to stop."
                    ) from error
                self.missed(error)


def follow(
    cluster: Cluster,
    kind: Kind,
    name: str,
    *,
    namespace: str | None = None,
    seconds: float | None = None,
    patience: Patience | None = None,
) -> Iterator[Object]:
    """An object as it is now, and each time that it has changed; ends when it is deleted, or after that time.

    Args:
        cluster: Where it is.
        kind: Its kind.
        name: Its name.
        namespace: Its namespace, if another than the cluster's.
        seconds: How long to follow it; forever if None.
        patience: How long the API server may be away once the object is there; a minute if None.

    Raises:
        ObjectNotFound: There is none of that name to begin with.
        ClusterUnreachable: The API server is away to begin with, or for long.
    """
    now = _surroundings.current.time
    end = None if seconds is None else now() + seconds
    found, since = cluster.look(kind, name, namespace=namespace)
    uid = found["metadata"]["uid"]
    patience = patience or Patience()
    patience.answered()
    yield found
    while end is None or now() < end:
        begun, left = now(), _WATCH_SECONDS if end is None else min(_WATCH_SECONDS, end - now())
        for event in _events(cluster, kind, name, namespace, since, left):
            patience.answered()
            if event["type"] == "DELETED":
                return
            found = event["object"]
            yield found
        _surroundings.current.sleep(max(0, begun + min(left, _PAUSE_SECONDS) - now()))
        try:
            latest, since = cluster.look(kind, name, namespace=namespace)
            patience.answered()
        except ObjectNotFound:
            return
        except ClusterUnreachable as error:
            patience.missed(error)
            continue
        if latest["metadata"]["uid"] != uid:
            return
        if latest["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            found = latest
            yield found


def _events(
    cluster: Cluster, kind: Kind, name: str, namespace: str | None, since: str, seconds: float
) -> Iterator[Object]:
    """What happens to an object, as far as the API server remembers it and the line holds."""
    # Proxies cut lines that are silent. Whether the API server is away is seen when the object is read.
    with suppress(ExpiredError, ClusterUnreachable):
        yield from cluster.watch(
            kind, since=since, name=name, namespace=namespace, seconds=max(1, round(seconds))
        )
