"""The hook: it makes the text of what the run is, and posts it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from millstream import _outbox, _secrets
from millstream.exceptions import NotificationTemplateError
from millstream.notifications._targets import block_of, check_target, shown
from millstream.notifications._texts import default_body, default_subject
from millstream.notifications._views import views

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from millstream._engine.runs import Run
    from millstream.blocks.abstract import NotificationBlock
    from millstream.states import State


class NotificationHook:
    """Called with a flow or a task, its run and the state; made by `notify`."""

    def __init__(self, target: str | NotificationBlock, subject: str | None, body: str | None) -> None:
        for name, template in (("subject", subject), ("body", body)):
            if template is not None and not isinstance(template, str):
                raise TypeError(f"The {name} of a notification is a template, and got {template!r}.")
        check_target(target)
        self._target = target
        self._subject = subject
        self._body = body
        self._templates  # noqa: B018 - what is wrong with them is told now

    def __call__(self, definition: Any, run: Run, state: State[Any]) -> None:
        """Post the notification; it is sent from the background."""
        del definition
        seen = views(run, state)
        subject, body = self._texts(seen, run)
        notification = _outbox.Notification(
            self._target,
            _secrets.mask(body),
            _secrets.mask(subject) or None,
            shown=shown(self._target),
            log_fields=run.log_fields,
        )
        _outbox.current.post(notification, send)

    def _texts(self, seen: Mapping[str, Any], run: Run) -> tuple[str, str]:
        subject, body = default_subject(seen), default_body(seen)
        wrong = []
        made = {}
        for name, template in self._templates.items():
            from millstream.notifications._templates import rendered  # noqa: PLC0415 - Jinja is slow to import

            try:
                made[name] = rendered(template, dict(seen))
            except NotificationTemplateError as error:
                wrong.append(
                    f"The template of the {name} of this notification could not be used: {str(error).rstrip('.')}."
                )
        for sentence in wrong:
            run.log(30, "%s", _secrets.mask(f"{self!r}: {sentence} The default text is sent."))
        text = made.get("body", "")
        text = text if text.strip() else body  # nobody can be sent nothing
        return " ".join(made.get("subject", subject).split()), "\n\n".join([text, *wrong])

    @cached_property
    def _templates(self) -> dict[str, Template]:
        given = {"subject": self._subject, "body": self._body}
        sources = {name: source for name, source in given.items() if source is not None}
        if not sources:
            return {}
        from millstream.notifications._templates import compiled  # noqa: PLC0415 - Jinja is slow to import

        return {name: compiled(source, f"The {name} of {self!r}") for name, source in sources.items()}

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which compiles the templates itself."""
        return {name: value for name, value in vars(self).items() if name != "_templates"}

    def __repr__(self) -> str:
        return f"notify({shown(self._target)})"


def send(notification: _outbox.Notification) -> None:
    """Find the block of a notification, and have it send.

    Raises:
        BlockError: There is no such block.
        NotificationError: That did not work.
    """
    from millstream.blocks.abstract import deliver  # noqa: PLC0415 - pydantic is slow to import

    deliver(block_of(notification.target), notification.body, notification.subject)
