"""What a run prints, over all its attempts in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from millstream import _surroundings
from millstream._cluster.following import Patience, follow
from millstream._cluster.kinds import FLOW_RUNS, PODS
from millstream._cluster.log_positions import LogLine, LogPosition
from millstream._cluster.runs import Run
from millstream.exceptions import (
    ClusterError,
    ClusterForbidden,
    ClusterUnreachable,
    ObjectInvalid,
    ObjectNotFound,
)
from millstream.resources.labels import ATTEMPT, RUN_UID
from millstream.resources.names import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from millstream._cluster.cluster import Cluster, Object

_NOT_READABLE: Final = (ClusterError, ObjectInvalid, ObjectNotFound)


class LogNote(NamedTuple):
    """Something to know about what comes next, which is no line of the log.

    Attributes:
        text: A sentence.
    """

    text: str


class RunLog:
    """The log of a run.

    Args:
        cluster: Where the run is.
        run: The run.
        tail: Begin with the last so many lines of the newest attempt, or of the one that is read.
        is_followed: Wait for lines and attempts until the run has ended.
    """

    def __init__(
        self, cluster: Cluster, run: Run, *, tail: int | None = None, is_followed: bool = False
    ) -> None:
        self._cluster = cluster
        self._run = run
        self._tail = tail
        self._is_followed = is_followed
        self._is_deleted = False

    @property
    def end(self) -> Run | None:
        """The run as it has ended, as far as that was seen; its own last line cannot know that it was cancelled."""
        return None if self._is_deleted or not self._run.is_final else self._run

    def all(self) -> Iterator[LogLine | LogNote]:
        """The lines of all attempts; with `tail`, from the newest one on."""
        number = self._first()
        if number > 1 and self._tail is None:
            yield LogNote(f"Nothing is known any more of the attempts before attempt {number}.")
        while self._begins(number):
            if self._run.status.attempt > 1:
                yield LogNote(f"Attempt {number}:")
            yield from self._attempt(number)
            number, self._tail = number + 1, None
        if self._is_deleted:
            yield LogNote(f"{self._run.name} has been deleted.")
        elif self._run.status.attempt == 0:
            said = self._run.status.message or "No operator has seen it yet."
            yield LogNote(f"{self._run.name} has had no attempt. {'' if self.end else said}".rstrip())

    def only(self, number: int) -> Iterator[LogLine | LogNote]:
        """The lines of an attempt.

        Raises:
            ObjectNotFound: There is no such attempt.
        """
        if not self._begins(number):
            raise ObjectNotFound(
                f"{self._run.name} has no attempt {number}; the newest one is {self._run.status.attempt}."
            )
        yield from self._attempt(number)

    def _first(self) -> int:
        if self._tail is not None:
            return max(self._run.status.attempt, 1)
        return min([attempt.number for attempt in self._run.status.attempts], default=1)

    def _begins(self, number: int) -> bool:
        """Whether there is such an attempt; waits for it."""

        def is_there(run: Run) -> bool:
            attempt = run.attempt(number)
            return run.status.attempt > number or (
                attempt is not None and bool(attempt.start_time or attempt.completion_time)
            )

        if self._is_followed:
            if not is_there(self._run):
                self._tail = None  # what is yet to begin is new from its first line
            self._wait(is_there)
        return 1 <= number <= self._run.status.attempt

    def _wait(self, reached: Callable[[Run], bool]) -> None:
        """Wait until the run is so, or final, or deleted."""
        patience = Patience()
        while not self._is_deleted:
            try:
                for body in follow(self._cluster, FLOW_RUNS, self._run.name, namespace=self._run.namespace):
                    patience.answered()
                    if body["metadata"]["uid"] != self._run.uid:
                        break
                    self._run = Run.of(body)
                    if reached(self._run) or self._run.is_final:
                        return
                self._is_deleted = True
            except ObjectNotFound:
                self._is_deleted = True
            except ClusterUnreachable as error:
                patience.missed(error)

    def _attempt(self, number: int) -> Iterator[LogLine | LogNote]:
        position = LogPosition(is_of_tail=self._tail is not None)
        complaint = ""
        patience = Patience()
        while True:
            is_last = False
            try:
                pod = self._pod(number)
                patience.answered()
                if pod is None:
                    yield from self._rest(number, position, complaint)
                    return
                is_last = _has_ended(pod) or not self._is_followed
                yield from self._read(pod, position, is_followed=not is_last)
                if position.excuse:
                    raise ClusterError(position.excuse)
                complaint = ""
            except ClusterForbidden:
                raise
            except ClusterUnreachable as error:
                complaint = str(error)
                patience.missed(error)
                continue
            except _NOT_READABLE as error:
                if is_last or self._is_over(number):
                    yield from self._rest(number, position, str(error))
                    return
                if not complaint:
                    yield LogNote(f"The log of attempt {number} cannot be read now: {error}")
                complaint = str(error)
            if is_last:
                return
            _surroundings.current.sleep(1)

    def _read(self, pod: Object, position: LogPosition, *, is_followed: bool) -> Iterator[LogLine]:
        if self._tail is not None:
            if not position.resume():
                # Not followed, so that it is known whether there was any line: who asks for a tail twice loses lines.
                tail = self._lines(pod, position, follow=False, tailLines=str(max(self._tail, 1)))
                yield from (line for line in tail if self._tail)
                if position.excuse or not is_followed:
                    return
            self._tail = None
        yield from self._lines(pod, position, follow=is_followed, **position.resume())

    def _lines(
        self, pod: Object, position: LogPosition, *, follow: bool, **options: str
    ) -> Iterator[LogLine]:
        meta = pod["metadata"]
        lines = self._cluster.log(
            meta["name"],
            container=CONTAINER,
            namespace=meta["namespace"],
            follow=follow,
            timestamps="true",
            **options,
        )
        try:
            for raw in lines:
                yield from position.take(raw)
        except ObjectInvalid:
            self._tail = None  # its container has not begun, so all that comes is new
            raise
        yield from position.rest()

    def _pod(self, number: int) -> Object | None:
        """The pod of an attempt; the newest one, if its Job has had several."""
        labels = f"{RUN_UID}={self._run.uid},{ATTEMPT}={number}"
        pods = self._cluster.list(PODS, namespace=self._run.namespace, labels=labels)
        return max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)

    def _is_over(self, number: int) -> bool:
        """Whether an attempt has ended, though its pod may be on a node that does not answer."""
        self._wait(lambda _: True)
        return _is_over(self._run, number)

    def _rest(self, number: int, position: LogPosition, complaint: str) -> Iterator[LogLine | LogNote]:
        """What the run itself has kept, where the log cannot be read any more."""
        self._wait(lambda run: not self._is_followed or _is_over(run, number))
        attempt = self._run.attempt(number)
        kept = attempt.log_tail.splitlines() if attempt is not None else []
        if attempt is not None and attempt.start_time is None and not kept:
            why = attempt.message or attempt.reason or self._run.status.message
            yield LogNote(f"Attempt {number} has no log: its container has not run. {why}".strip())
            return
        if position.last_text is not None and not complaint:
            # A node that goes down may end the line as a container does that has ended.
            yield from map(LogLine, unseen(kept, position.last_text) if position.last_text in kept else ())
            return
        why = f"cannot be read: {complaint.rstrip('.')}." if complaint else "is gone with its pod."
        if position.last_text is None:
            said = (
                "These are the last lines that the run has kept:"
                if kept
                else "The run has kept nothing of it."
            )
            yield LogNote(f"The log of attempt {number} {why} {said}")
            if self._tail is not None:
                kept = kept[max(len(kept) - self._tail, 0) :]
        else:
            kept = unseen(kept, position.last_text)
            yield LogNote(f"The log of attempt {number} {why} Lines may be missing here.")
        for text in kept:
            yield LogLine(text)


def unseen(kept: list[str], last: str) -> list[str]:
    """Those of the last lines that come after the one that was seen last; all, if it is not among them."""
    places = [place for place, text in enumerate(kept) if text == last]
    return kept[places[-1] + 1 :] if places else kept


def _is_over(run: Run, number: int) -> bool:
    attempt = run.attempt(number)
    return run.is_final or attempt is None or attempt.completion_time is not None


def _has_ended(pod: Object) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    ended = any(status["name"] == CONTAINER and "terminated" in status["state"] for status in statuses)
    return ended or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
