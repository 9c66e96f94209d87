"""Where notifications leave the program. Tests put their own in its place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Notification:
    """What is to be sent, and to whom.

    Attributes:
        target: The block, or what leads to it: the name of a block or an Apprise URL.
        shown: The target, as it may be told.
        body: The text.
        subject: Its heading, if it has one.
        log_fields: What log records about it say about the run.
    """

    __slots__ = ("body", "log_fields", "shown", "subject", "target")

    def __init__(
        self,
        target: Any,
        body: str,
        subject: str | None,
        *,
        shown: str,
        log_fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.target = target
        self.shown = shown
        self.body = body
        self.subject = subject
        self.log_fields = dict(log_fields or {})

    def __repr__(self) -> str:
        return f"Notification(target={self.shown}, subject={self.subject!r}, body={self.body!r})"


class Outbox:
    """The real way out."""

    def send(self, notification: Notification, send: Callable[[Notification], None]) -> None:
        """Send now, and raise if that does not work."""
        send(notification)

    def post(self, notification: Notification, send: Callable[[Notification], None]) -> None:
        """Send from the background, and log if that does not work."""
        from millstream._delivery import delivery  # noqa: PLC0415 - only where something is sent

        delivery().post(notification, send)


current = Outbox()


@contextmanager
def replaced(other: Outbox) -> Iterator[Outbox]:
    """Run a block with another way out."""
    global current  # noqa: PLW0603 - one per process on purpose
    before, current = current, other
    try:
        yield other
    finally:
        current = before
