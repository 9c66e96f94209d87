"""The completion record: what the runner leaves in the container's termination message.

At most `MAX_BYTES` bytes of JSON (the kubelet cuts off more). It names the run and the attempt, so that nothing
that a flow writes to the same file by accident can pass for it, and the operator believes `Completed` only
together with exit code 0.
"""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

__all__ = ["MAX_BYTES", "PATH", "CompletionRecord"]

MAX_BYTES = 4096
PATH = "/dev/termination-log"

_VERSION = 1
_MARK = "millstream"
_RESULT_BYTES = 1024
_MESSAGE_CHARACTERS = 500
_TAIL_STEP = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionRecord:
    """How an attempt ended, told by its runner.

    Attributes:
        uid: UID of the FlowRun.
        attempt: number of the attempt.
        state: `Completed`, `Failed`, `Crashed`, `TimedOut` or `Cancelled`.
        reason: why, None when completed.
        message: a sentence for people.
        error: the exception's type name, None without one.
        start_time: when the flow's code was entered, RFC 3339; None if it never was.
        end_time: when the attempt ended, RFC 3339.
        tasks: number of task runs by final state.
        result: the flow's return value when it is small JSON, else None.
        has_result: whether `result` holds the flow's return value (which may be None).
        log_tail: the last lines of output of an attempt that failed.
    """

    uid: str
    attempt: int
    state: RunState
    reason: Reason | None = None
    message: str = ""
    error: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    tasks: dict[str, int] = field(default_factory=dict)
    result: Any = None
    has_result: bool = False
    log_tail: str = ""

    def encode(self) -> bytes:
        """Serialise into at most `MAX_BYTES` bytes; what is nice to have makes room for what is needed."""
        record = self
        if len(_dump(record.result)) > _RESULT_BYTES:
            record = replace(record, result=None, has_result=False)
        if len(record.message) > _MESSAGE_CHARACTERS:
            record = replace(record, message=record.message[: _MESSAGE_CHARACTERS - 1] + "…")
        if record.error:
            record = replace(record, error=record.error[:100])
        while len(encoded := record._encode()) > MAX_BYTES:
            if record.log_tail:
                record = replace(record, log_tail=record.log_tail[_TAIL_STEP:])
            elif record.has_result:
                record = replace(record, result=None, has_result=False)
            else:
                record = replace(record, tasks={}, message=record.message[: len(record.message) // 2])
        return encoded

    def _encode(self) -> bytes:
        return _dump({_MARK: _VERSION} | {k: v for k, v in asdict(self).items() if v not in (None, "", {})})

    @classmethod
    def decode(cls, message: str, *, uid: str, attempt: int) -> "CompletionRecord | None":
        """Read the record of this attempt of this run; None for anything else, whatever it looks like."""
        try:
            values = json.loads(message)
        except ValueError:
            return None
        if not isinstance(values, dict) or values.pop(_MARK, None) != _VERSION:
            return None
        if values.get("uid") != uid or values.get("attempt") != attempt:
            return None
        known = {f.name for f in fields(cls)}
        try:
            record = cls(**{k: v for k, v in values.items() if k in known})
            return replace(
                record,
                state=RunState(record.state),
                reason=Reason(record.reason) if record.reason else None,
            )
        except (TypeError, ValueError):
            return None


def _dump(value: object) -> bytes:
    # A lone surrogate can stand in a Python string, but not in UTF-8.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
