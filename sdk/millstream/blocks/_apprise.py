"""Sending by Apprise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millstream.blocks._quiet import quiet
from millstream.exceptions import NotificationError

if TYPE_CHECKING:
    from apprise import NotifyBase


def asset() -> Any:
    """What services say about who sends, and how Apprise works: in this thread, with nothing on disk."""
    from apprise import AppriseAsset  # noqa: PLC0415 - slow to import

    return AppriseAsset(app_id="Millstream", app_desc="Millstream", app_url="", async_mode=False)


def service_of(url: str) -> NotifyBase:
    """The service that an Apprise URL stands for.

    Raises:
        NotificationError: It stands for none.
    """
    with quiet() as warnings:
        from apprise import Apprise  # noqa: PLC0415 - slow to import, and talks meanwhile

        service = Apprise.instantiate(url, asset=asset(), suppress_exceptions=True)
    if service is None:
        scheme = url.partition("://")[0]
        why = f": {warnings[0].rstrip('.')}" if warnings and scheme not in warnings[0] else ""
        web = scheme in {"http", "https"}
        hint = " For a webhook use json:// or jsons://, or a block such as SlackWebhook." if web else ""
        raise NotificationError(
            f"the URL that begins with {scheme}:// is none that Apprise can use{why}.{hint}"
        )
    return service


def send(service: NotifyBase, body: str, subject: str | None, kind: str, *, formatted: bool = False) -> None:
    """Send a text.

    Args:
        service: By what.
        body: The text.
        subject: Its heading.
        kind: What kind of news it is.
        formatted: Whether the text is in the service's format; else it becomes HTML or Markdown where it takes that.

    Raises:
        NotificationError: That did not work.
    """
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - slow to import
    from apprise.conversion import convert_between  # noqa: PLC0415

    form = service.resolve_format(NotifyFormat.TEXT)
    title = subject or ""
    if not formatted:
        body = convert_between(NotifyFormat.TEXT, form, content=body)
        if title and service.title_maxlen <= 0:  # where it becomes part of the body
            title = convert_between(NotifyFormat.TEXT, form, content=title)
    # By the service itself: `Apprise.notify` needs threads that Python has ended when a process drains at its end.
    with quiet() as warnings:
        done = service.notify(body=body, title=title, notify_type=NotifyType(kind), body_format=form)
    if not done:
        raise NotificationError(" ".join(warnings) or "the service did not take it.")
