"""The completion record: what the runner leaves in the container's termination message.

At most `MAX_BYTES` bytes of JSON (the kubelet cuts off more). It names the run and the attempt, so that nothing
that a flow writes to the same file by accident can pass for it, and the operator believes `Completed` only
together with exit code 0.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Never

from millstream._metric_bounds import MOST_SERIES
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState

__all__ = ["MAX_BYTES", "MAX_STORAGE_CHARACTERS", "NOT_KEPT", "PATH", "CompletionRecord", "why_not_kept"]

MAX_BYTES = 4096
PATH = "/dev/termination-log"
NOT_KEPT = "The return value is not kept:"
"""How the message of a completed run begins to say that, and why."""
MAX_STORAGE_CHARACTERS = 1024
"""Of the URL of a storage; a longer one is not passed on."""

_VERSION = 1
_MARK = "millstream"
_RESULT_BYTES = 1024
_MESSAGE_CHARACTERS = 500
_NOTICE_CHARACTERS = 100
_ERROR_CHARACTERS = 100
_TAIL_STEP = 256
_TAIL_SHOWN = 2000
_LARGEST = 1e300


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
        result_storage: the URL of the storage that has the return value by the run's UID, None if none has.
        log_tail: the last lines of output of an attempt that failed.
        task_retries: how often tasks were tried again.
        metrics: what the flow recorded about itself: name, type, labels and value of each.
        metrics_dropped: how many of them there was no room for.
        metrics_invalid: how many a runner would not have recorded; found by who reads the record.
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
    result_storage: str | None = None
    log_tail: str = ""
    task_retries: int = 0
    metrics: list[dict[str, Any]] = field(default_factory=list)
    metrics_dropped: int = 0
    metrics_invalid: int = 0

    def encode(self) -> bytes:
        """Serialise into at most `MAX_BYTES` bytes, whatever the fields hold.

        What is nice to have makes room for what is needed: the metrics go first, from their end, after all of the
        log's tail that nobody would see; then the tail, from its start, the tasks, the result, where the result is
        stored, the message and the error. A result that is no JSON, or not small, is left out. The message of a
        completed run says so if its result and the place of it had to go.
        """
        values = self._bounded()
        while len(encoded := _dump(values)) > MAX_BYTES and (
            _trim_tail(values) or _drop_metric(values) or _make_room(values)
        ):
            pass
        return encoded[:MAX_BYTES]

    def _bounded(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            _MARK: _VERSION,
            "uid": self.uid,
            "attempt": self.attempt,
            "state": str(self.state),
            "reason": str(self.reason) if self.reason else "",
            "message": _shortened(self.message, _MESSAGE_CHARACTERS),
            "error": _shortened(self.error or "", _ERROR_CHARACTERS),
            "start_time": self.start_time,
            "end_time": self.end_time,
            "tasks": self.tasks if why_not_kept(self.tasks) is None else {},
            "result_storage": self.result_storage,
            "log_tail": self.log_tail[-MAX_BYTES:],
            "task_retries": self.task_retries,
        }
        values = {key: value for key, value in values.items() if value not in (None, "", {}, 0)}
        if self.has_result and why_not_kept(self.result) is None:
            values |= {"has_result": True, "result": json.loads(_dump(self.result))}
        if len(self.result_storage or "") > MAX_STORAGE_CHARACTERS:
            del values["result_storage"]
            _tell_if_lost(values, "the address of its storage is too long")
        last = {"metrics": self.metrics[:], "metrics_dropped": self.metrics_dropped}
        return values | {key: value for key, value in last.items() if value}

    @classmethod
    def decode(cls, message: str, *, uid: str, attempt: int) -> "CompletionRecord | None":
        """Read the record of this attempt of this run; None for anything else, whatever it looks like."""
        try:
            values = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(values, dict) or values.pop(_MARK, None) != _VERSION:
            return None
        if values.get("uid") != uid or values.get("attempt") != attempt:
            return None
        known = {key: value for key, value in values.items() if _fits(key, value)}
        _drop_bad_metrics(known)
        try:
            known["state"] = RunState(values["state"])
            known["reason"] = Reason(values["reason"]) if "reason" in values else None
            return cls(**known)
        except (KeyError, TypeError, ValueError):
            return None


_TEXTS = frozenset({"uid", "message", "error", "start_time", "end_time", "result_storage", "log_tail"})


def _fits(key: str, value: object) -> bool:
    """Whether `value` is of the type of the field `key`; a field of a newer runner, or a forged one, is left out."""
    if key in _TEXTS:
        return isinstance(value, str)
    if key in ("task_retries", "metrics_dropped"):
        return type(value) is int and value >= 0
    if key == "metrics":
        return isinstance(value, list)
    if key == "tasks":
        return isinstance(value, dict) and all(type(count) is int for count in value.values())
    return key in ("attempt", "result") or (key == "has_result" and isinstance(value, bool))


def _drop_bad_metrics(known: dict[str, Any]) -> None:
    """Keep of what was recorded what is a figure, and not more than there may be; count the rest."""
    given = known.get("metrics", [])
    valid = [one for one in given if _is_sample(one)]
    if len(valid) < len(given):
        known |= {"metrics": valid, "metrics_invalid": len(given) - len(valid)}
    if len(valid) > MOST_SERIES:
        dropped = known.get("metrics_dropped", 0) + len(valid) - MOST_SERIES
        known |= {"metrics": valid[:MOST_SERIES], "metrics_dropped": dropped}


def _is_sample(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != {"name", "type", "labels", "value"}:
        return False
    labels, number = value["labels"], value["value"]
    texts = (value["name"], value["type"], *(labels.values() if isinstance(labels, dict) else (None,)))
    return (
        all(isinstance(text, str) for text in texts)
        and type(number) in (int, float)
        and -_LARGEST < number < _LARGEST
    )


def _trim_tail(values: dict[str, Any]) -> bool:
    """Shorten the log's tail, down to what a status shows of it."""
    tail = values.get("log_tail", "")
    if not values.get("metrics") or len(tail) <= _TAIL_SHOWN:
        return False
    values["log_tail"] = tail[_TAIL_STEP:]
    return True


def _drop_metric(values: dict[str, Any]) -> bool:
    """Drop the last of what the flow recorded, and count it; False when nothing of it is left."""
    if not values.get("metrics"):
        return False
    values["metrics"].pop()
    if not values["metrics"]:
        del values["metrics"]
    values["metrics_dropped"] = values.get("metrics_dropped", 0) + 1
    return True


def _make_room(values: dict[str, Any]) -> bool:
    """Shorten or drop the least needed of `values`; False when only what is needed is left."""
    if len(values.get("log_tail", "")) > _TAIL_STEP:
        values["log_tail"] = values["log_tail"][_TAIL_STEP:]
        return True
    if values.pop("log_tail", None) or values.pop("tasks", None):
        return True
    if values.pop("has_result", False):
        values.pop("result")
        _tell_if_lost(values, "the completion record has no room for it")
        return True
    if values.pop("result_storage", None):
        _tell_if_lost(values, "the completion record has no room for its address")
        return True
    message = values.get("message", "")
    least = _NOTICE_CHARACTERS if message.startswith(NOT_KEPT) else 1
    if len(message) > least:
        values["message"] = message[: max(len(message) // 2, least)]
        return True
    return any(values.pop(key, None) for key in ("error", "start_time", "end_time", "message"))


def _tell_if_lost(values: dict[str, Any], why: str) -> None:
    """Begin the message of a completed run with the notice that its result is lost, if it is."""
    if values["state"] == RunState.COMPLETED and not ("has_result" in values or "result_storage" in values):
        message = f"{NOT_KEPT} {why}. {values.get('message', '')}".rstrip()
        values["message"] = _shortened(message, _MESSAGE_CHARACTERS)


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"


def why_not_kept(value: object) -> str | None:
    """Tell why a record has no room for a flow's return value; None if it has.

    Looks no further into a large value than it has to.
    """
    size = 0
    try:
        for part in _ENCODER.iterencode(value):
            size += len(part.encode("utf-8", "backslashreplace"))
            if size > _RESULT_BYTES:
                return f"it is larger than {_RESULT_BYTES:,} bytes of JSON"
    except _NotJsonError as error:
        return f"{error} is not JSON"
    except RecursionError:
        return "it is nested too deeply"
    except Exception as error:  # noqa: BLE001  a return value is the user's object: its methods may raise anything
        # Not the error's text: it may hold anything of the value, and the message of a completed run is not redacted.
        return f"it cannot be written as JSON ({type(error).__name__})"
    return None


class _NotJsonError(Exception):
    """Names the kind of value that JSON does not have."""


def _refuse(value: object) -> Never:
    name = type(value).__name__
    raise _NotJsonError(f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}")


def _dump(value: object) -> bytes:
    # A lone surrogate can stand in a Python string, but not in UTF-8: it becomes \ud800, its escape in JSON.
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_refuse)
