"""The base of blocks that send notifications."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from millstream import _outbox, _secrets
from millstream._beside import awaited, beside
from millstream.blocks.core import Block
from millstream.exceptions import BlockError, NotificationError
from millstream.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["NotificationBlock", "NotificationError"]


class NotificationBlock(Block):
    """Sends texts to people. A subclass says how, in `send`, or as in Prefect in a `notify` of its own."""

    _raises: bool = PrivateAttr(default=False)

    def send(self, body: str, subject: str | None) -> None:
        """Send a text; try once, for a bounded time.

        Raises:
            NotificationError: That did not work; it says why.
        """
        if type(self).notify is NotificationBlock.notify:
            raise NotificationError(f"{type(self).__name__} has no send(body, subject).")
        own: Callable[[str, str | None], Any] = self.notify
        awaited(own(body, subject))

    def notify(self, body: str, subject: str | None = None) -> None:
        """Send a text now. What does not arrive is logged, and raises nothing: see `raise_on_failure`.

        Args:
            body: The text; secrets that this process has loaded are masked in it.
            subject: Its heading.

        Raises:
            TypeError: They are no texts.
            BlockError: The body is empty.
        """
        for given in (body, subject):
            _check_text(given)
        if not (body or "").strip():
            raise BlockError("There is nothing to send: the body of the notification is empty.")
        heading = None if subject is None else _secrets.mask(subject)
        name = self.get_block_type_name()
        notification = _outbox.Notification(self, _secrets.mask(body), heading, shown=name)
        try:
            _outbox.current.send(notification, _deliver)
        except NotificationError as error:
            if self._raises:
                raise
            get_logger("notifications").error("Not sent by %s: %s", name, error)

    async def anotify(self, body: str, subject: str | None = None) -> None:
        """As `notify`, without holding up the event loop."""
        await beside(self.notify, body, subject)

    @contextmanager
    def raise_on_failure(self) -> Iterator[None]:
        """Let `notify` raise a `NotificationError` in this block of code if it could not send."""
        before, self._raises = self._raises, True
        try:
            yield
        finally:
            self._raises = before


def _check_text(given: object) -> None:
    if not isinstance(given, str | None):
        raise TypeError(f"notify takes texts for body and subject, and got {type(given).__name__}.")


def _deliver(notification: _outbox.Notification) -> None:
    deliver(notification.target, notification.body, notification.subject)


def deliver(block: NotificationBlock, body: str, subject: str | None) -> None:
    """Have a block send, without the secrets that are known by now.

    Raises:
        NotificationError: That did not work.
    """
    try:
        block.send(_secrets.mask(body), None if subject is None else _secrets.mask(subject))
    except NotificationError as error:
        raise NotificationError(_secrets.mask(str(error))) from None
    except Exception as error:  # noqa: BLE001 - whatever a library or a block of the user's raises
        raise NotificationError(_secrets.mask(f"{type(error).__name__}: {error}")) from None
