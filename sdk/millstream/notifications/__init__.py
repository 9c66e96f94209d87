"""Notifications about runs: hooks for `on_failure` and the like, with templates, sent from the background.

Usage:
    ```python
    from millstream import flow
    from millstream.notifications import notify


    @flow(on_failure=[notify("slack", body="{{ flow_run.name }}: {{ state.message }}")])
    def etl(): ...
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream.exceptions import NotificationError, NotificationTemplateError
from millstream.notifications._hook import NotificationHook

if TYPE_CHECKING:
    from millstream.blocks.abstract import NotificationBlock

__all__ = ["NotificationError", "NotificationHook", "NotificationTemplateError", "notify"]


def notify(
    target: str | NotificationBlock, *, subject: str | None = None, body: str | None = None
) -> NotificationHook:
    """A hook that sends a notification: for `on_failure=[...]` and the like, of flows and tasks.

    It never fails the run and never makes it wait.

    Args:
        target: The name of a block, with its type's slug before a `/` where types share the name; a block; or an
            Apprise URL.
        subject: A Jinja template; says which run is in which state unless given, `""` for none.
        body: A Jinja template; the state's message and what is known of the run unless given.

    Raises:
        NotificationTemplateError: A template is wrong.
        BlockError: The target cannot be one.
        TypeError: Something is of another type.
    """
    return NotificationHook(target, subject, body)
