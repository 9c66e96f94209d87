"""What is said of a run that is to be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from millstream.exceptions import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from millstream.states import State


class NewRun(NamedTuple):
    """What is said of a run that is to be made.

    Attributes:
        parameters: Those that are not to be as the deployment says, as JSON.
        name: Its name; made of the deployment's if None.
        tags: Its tags, beside the deployment's.
        scheduled_time: When it is due; at once if None.
        key: Whoever asks for a run of the same key gets the same one.
        parent: The id of the flow run that makes it as its subflow.
    """

    parameters: Mapping[str, Any]
    name: str | None = None
    tags: tuple[str, ...] = ()
    scheduled_time: datetime | None = None
    key: str | None = None
    parent: str | None = None


def when_due(state: State[Any] | None) -> datetime | None:
    """When a run is due that is to begin with a state.

    Raises:
        UnsupportedError: No run can begin with it.
    """
    if state is None:
        return None
    if not state.is_scheduled():
        raise UnsupportedError(
            f"A flow run cannot begin as {state.name}: give Scheduled(), or leave it out to run it at once."
        )
    return state.scheduled_time


def tags_of(given: Iterable[str] | None) -> list[str] | None:
    """The tags that are given, each once.

    Raises:
        TypeError: They are something else.
    """
    if given is None:
        return None
    tags = sorted(set(given)) if not isinstance(given, str) else [None]
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f'tags are a list of texts, as in tags=["nightly"], and got {given!r}.')
    return tags  # type: ignore[return-value] # checked just now
