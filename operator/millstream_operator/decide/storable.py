"""What a flow left behind, without what the API server cannot store.

A run must come to its end whatever its flow returns: a status that is refused would be written again for ever.
"""

import math
from dataclasses import replace

from millstream.resources.completion_record import MAX_STORAGE_CHARACTERS, NOT_KEPT, CompletionRecord
from millstream.resources.parameters import MAX_DEPTH

__all__ = ["plain", "storable"]

_INTEGERS = range(-(2**63), 2**63)


def storable(record: CompletionRecord) -> CompletionRecord:
    """Give a record whose result is stored exactly as it is, or left out; text loses what is no Unicode."""
    fits = record.has_result and _fits(record.result, MAX_DEPTH)
    metrics = [sample for sample in record.metrics if _fits(sample, 2)]
    dropped = record.metrics_dropped
    return replace(
        record,
        message=plain(record.message) if fits or not record.has_result else _without_result(record),
        log_tail=plain(record.log_tail),
        result=record.result if fits else None,
        has_result=fits,
        result_storage=_address(record.result_storage),
        tasks=record.tasks if _fits(record.tasks, 1) else {},
        task_retries=record.task_retries if record.task_retries in _INTEGERS else 0,
        metrics=metrics,
        metrics_dropped=dropped if dropped in _INTEGERS else 0,
        metrics_invalid=record.metrics_invalid + len(record.metrics) - len(metrics),
    )


def _without_result(record: CompletionRecord) -> str:
    return f"{plain(record.message)} {NOT_KEPT} the API server could not store it.".lstrip()


def _address(storage: str | None) -> str | None:
    """Give a storage's URL, if it is one that can be stored; it comes from the flow's pod."""
    fits = storage is not None and len(storage) <= MAX_STORAGE_CHARACTERS and plain(storage) == storage
    return storage if fits else None


def _fits(value: object, levels: int) -> bool:
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, str):
        return plain(value) == value
    if isinstance(value, int):
        return value in _INTEGERS
    if isinstance(value, float):
        return math.isfinite(value)
    if levels and isinstance(value, list):
        return all(_fits(item, levels - 1) for item in value)
    return (
        bool(levels)
        and isinstance(value, dict)
        and all(_fits(key, 0) and _fits(item, levels - 1) for key, item in value.items())
    )


def plain(text: str) -> str:
    """Give text without what is no Unicode."""
    # A file name that is no UTF-8 comes with lone surrogates into a message.
    return text.encode("utf-8", "replace").decode()
