"""Several things that come at their own pace, as one."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class _Ended(NamedTuple):
    error: BaseException | None


def interleaved(*sources: Iterable[T]) -> Iterator[T]:
    """What comes from any of the sources, as soon as it comes; an error of one of them ends all."""
    arrived: queue.SimpleQueue[T | _Ended] = queue.SimpleQueue()
    for source in sources:
        # Nobody waits for a source that a Ctrl-C leaves behind.
        threading.Thread(target=_read, args=(source, arrived), daemon=True).start()
    running = len(sources)
    while running:
        item = arrived.get()
        if not isinstance(item, _Ended):
            yield item
        elif item.error is not None:
            raise item.error
        else:
            running -= 1


def _read(source: Iterable[T], arrived: queue.SimpleQueue[T | _Ended]) -> None:
    try:
        for item in source:
            arrived.put(item)
    except BaseException as error:  # noqa: BLE001 - it is raised where the items are read
        arrived.put(_Ended(error))
    else:
        arrived.put(_Ended(None))
