"""When an attempt has to stop, and what its process is told on the way there.

Three steps: SIGTERM, upon which no more tasks start and running ones go on; SIGINT, which raises KeyboardInterrupt in
the main thread wherever it is, so that `finally` blocks get their turn; SIGKILL. When Kubernetes ends the pod they are
spread over the grace period, so that running work may still complete. At the time limit SIGINT comes at once: it is a
limit, and the grace period is for cleaning up. SIGKILL always leaves the supervisor time to write down what happened
before the kubelet kills everything.
"""

import signal
from dataclasses import dataclass, field

from millstream.resources.reasons import Reason

__all__ = ["Stopping"]

_SHARE = 0.2
"""Of the grace period: for the supervisor's own end, and as much again for the flow's clean-up, ..."""
_RESERVE_SECONDS = 2.0
"""... but not more than this for the one, ..."""
_CLEANUP_SECONDS = 5.0
"""... and this for the other."""


@dataclass(kw_only=True)
class Stopping:
    """The stopping of one attempt, on a monotonic clock that the caller reads.

    Attributes:
        run_deadline: when the attempt has taken too long, None for never.
        grace_seconds: from the first signal to the kubelet's SIGKILL.
        reason: why the attempt has to stop, None as long as it has not.
        killed: whether SIGKILL was due.
    """

    run_deadline: float | None
    grace_seconds: float
    reason: Reason | None = None
    killed: bool = False
    _steps: list[tuple[float, signal.Signals]] = field(default_factory=list)

    @property
    def reserve_seconds(self) -> float:
        """What the supervisor keeps of the grace period for itself."""
        return min(_RESERVE_SECONDS, _SHARE * self.grace_seconds)

    def interrupt(self, now: float) -> None:
        """Kubernetes wants the pod to end. If the attempt is stopping already, its steps come soon enough."""
        if self.reason is None:
            self._begin(Reason.INTERRUPTED, now)

    def due(self, now: float) -> list[signal.Signals]:
        """Take out the signals that the process has to get now."""
        if self.reason is None and self.run_deadline is not None and now >= self.run_deadline:
            self._begin(Reason.RUN_TIMEOUT, now)
        due = [step for at, step in self._steps if at <= now]
        self._steps = self._steps[len(due) :]
        self.killed = self.killed or signal.SIGKILL in due
        return due

    def wait_seconds(self, now: float) -> float | None:
        """Tell how long nothing is due, None for ever."""
        at = self._steps[0][0] if self._steps else None if self.reason else self.run_deadline
        return None if at is None else max(0.0, at - now)

    def _begin(self, reason: Reason, now: float) -> None:
        self.reason = reason
        kill_at = now + self.grace_seconds - self.reserve_seconds
        cleanup_at = kill_at - min(_CLEANUP_SECONDS, _SHARE * self.grace_seconds)
        interrupt_at = now if reason is Reason.RUN_TIMEOUT else cleanup_at
        self._steps = [(now, signal.SIGTERM), (interrupt_at, signal.SIGINT), (kill_at, signal.SIGKILL)]
