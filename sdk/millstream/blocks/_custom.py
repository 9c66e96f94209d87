"""A webhook whose requests are made of templates."""

from __future__ import annotations

import re
from typing import Any, Self

from pydantic import Field, model_validator

from millstream.blocks._http import SECONDS, request
from millstream.blocks.abstract import NotificationBlock, NotificationError
from millstream.blocks.webhook import Method, SecretDict

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_GIVEN = {"subject", "body", "name"}
_TEMPLATES = ("url", "params", "json_data", "form_data", "headers", "cookies")
_SUCCESSES = range(200, 300)


class CustomWebhookNotificationBlock(NotificationBlock):
    """Any webhook: `{{subject}}`, `{{body}}`, `{{name}}` and the names of `secrets` stand for what they are called.

    Attributes:
        name: What `{{name}}` stands for.
        url: Where to send.
        method: How.
        params: What follows the `?` of the URL.
        json_data: What to send as JSON.
        form_data: What to send as a form, or a text.
        headers: Headers.
        cookies: Cookies.
        timeout: Seconds until somebody has to have answered.
        allow_private_urls: Whether the URL may lead into a private network.
        secrets: What else `{{...}}` may stand for.
    """

    _block_type_name = "Custom Webhook"

    name: str
    url: str
    method: Method = "POST"
    params: dict[str, str] | None = None
    json_data: dict[str, Any] | None = None
    form_data: dict[str, str] | str | None = None
    headers: dict[str, str] | None = None
    cookies: dict[str, str] | None = None
    timeout: float = Field(default=SECONDS, gt=0)
    allow_private_urls: bool = True
    secrets: SecretDict = Field(default_factory=lambda: SecretDict({}))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.form_data is not None and self.json_data is not None:
            raise ValueError("either json_data or form_data may be given")
        known = _GIVEN | self.secrets.get_secret_value().keys()
        unknown = {
            f"{{{{{found}}}}} in {field}"
            for field in _TEMPLATES
            for found in _placeholders(getattr(self, field))
            if found not in known
        }
        if unknown:
            raise ValueError(f"nothing is known of {', '.join(sorted(unknown))}; secrets may have it")
        return self

    def send(self, body: str, subject: str | None) -> None:
        """Send the request."""
        values = {
            **self.secrets.get_secret_value(),
            "subject": "null" if subject is None else subject,
            "body": body,
            "name": self.name,
        }
        filled = {field: _filled(getattr(self, field), values) for field in _TEMPLATES}
        form = filled["form_data"]
        answer = request(
            self.method,
            filled["url"],
            private=self.allow_private_urls,
            timeout=self.timeout,
            params=filled["params"],
            json=filled["json_data"],
            data=form.encode() if isinstance(form, str) else form,
            headers={"user-agent": "Millstream", **(filled["headers"] or {})},
            cookies=filled["cookies"],
            stream=True,  # what else it says is of no use, and may have no end
        )
        answer.close()
        if answer.status_code not in _SUCCESSES:
            raise NotificationError(f"the webhook answered {answer.status_code} {answer.reason}.")


def _placeholders(template: Any) -> set[str]:
    if isinstance(template, str):
        return set(_PLACEHOLDER.findall(template))
    if isinstance(template, dict):
        template = [*template, *template.values()]
    return (
        {name for item in template for name in _placeholders(item)} if isinstance(template, list) else set()
    )


def _filled(template: Any, values: dict[str, Any]) -> Any:
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        if whole:
            return values[whole[1]]
        return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)
    if isinstance(template, dict):
        return {_filled(name, values): _filled(item, values) for name, item in template.items()}
    return [_filled(item, values) for item in template] if isinstance(template, list) else template
