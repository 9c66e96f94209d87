"""Blocks that are the URL of a service."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr, field_validator

from millstream.blocks import _apprise
from millstream.blocks._addresses import must_be_public
from millstream.blocks._quiet import quiet
from millstream.blocks.abstract import NotificationBlock
from millstream.exceptions import NotificationError

if TYPE_CHECKING:
    from apprise import NotifyBase


_MARKUP = re.compile(r"(<(?:[!@#]|https?://|mailto:)[^<>\n]*>)")


class AbstractAppriseNotificationBlock(NotificationBlock):
    """A service that Apprise knows.

    Attributes:
        notify_type: What kind of news it is, which some services show by a colour.
    """

    notify_type: Literal["info", "success", "warning", "failure"] = "info"

    def send(self, body: str, subject: str | None) -> None:
        """Send a text by Apprise."""
        with quiet():
            from apprise.exception import AppriseImproperlyConfigured  # noqa: PLC0415 - slow to import, and talks meanwhile

        try:
            service = self.service()
        except AppriseImproperlyConfigured as error:
            raise NotificationError(f"its fields are not what Apprise takes: {error}") from None
        self.restrict(service)
        _apprise.send(service, body, subject, self.notify_type, formatted=self.takes_formatted())

    def service(self) -> NotifyBase:
        """The service, as Apprise has it."""
        raise NotImplementedError

    def takes_formatted(self) -> bool:
        """Whether texts are given in the service's own format."""
        return False

    def restrict(self, service: NotifyBase) -> None:
        """Limit what the service may reach.

        Raises:
            NotificationError: It may not be reached at all.
        """


class AppriseNotificationBlock(AbstractAppriseNotificationBlock):
    """Any service, by its Apprise URL.

    Attributes:
        url: The URL, as `mailtos://user:password@example.com?to=you@example.com`.
        allow_private_urls: Whether it may lead into a private network.
    """

    url: SecretStr
    allow_private_urls: bool = True

    @field_validator("url")
    @classmethod
    def _has_a_scheme(cls, url: SecretStr) -> SecretStr:
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S", url.get_secret_value().strip()):
            raise ValueError("it has to be a URL")
        return SecretStr(url.get_secret_value().strip())

    def service(self) -> NotifyBase:
        """The service that the URL stands for."""
        return _apprise.service_of(self.url.get_secret_value())

    def takes_formatted(self) -> bool:
        """Whether the URL says in which format texts are, as `...?format=html`."""
        return "format" in parse_qs(urlsplit(self.url.get_secret_value()).query)

    def restrict(self, service: NotifyBase) -> None:
        """Keep it out of private networks if it has to be."""
        if not self.allow_private_urls:
            must_be_public(self.url.get_secret_value())
            service.redirects = False


class SlackWebhook(AppriseNotificationBlock):
    """An incoming webhook of Slack's, or of something that takes the same JSON, as `{"text": "..."}`.

    Attributes:
        url: Its URL; one that is neither http nor https is Apprise's, as `slack://`.
    """

    _block_type_name = "Slack Webhook"

    def send(self, body: str, subject: str | None) -> None:
        """Send a text, its subject in bold above it."""
        if self._is_of_http():
            body, subject = _escaped(f"*{subject}*\n{body}" if subject else body), None
        super().send(body, subject)

    def service(self) -> NotifyBase:
        """What posts the text as JSON."""
        if not self._is_of_http():
            return super().service()
        from apprise.plugins.custom_json import NotifyJSON  # noqa: PLC0415 - slow to import

        url = urlsplit(self.url.get_secret_value())
        unwanted = dict.fromkeys(("version", "title", "attachments", "type"), "")
        return NotifyJSON(
            secure=url.scheme == "https",
            host=url.hostname,
            port=url.port,
            fullpath=f"{url.path}?{url.query}" if url.query else url.path,
            user=url.username,
            password=url.password,
            payload={"message": "text", **unwanted},
            asset=_apprise.asset(),
        )

    def _is_of_http(self) -> bool:
        return self.url.get_secret_value().lower().startswith(("http://", "https://"))


def _escaped(text: str) -> str:
    """With no `<`, `>` and `&` but those of links and mentions."""
    parts = _MARKUP.split(text)
    parts[::2] = [html.escape(part, quote=False) for part in parts[::2]]
    return "".join(parts)


class MicrosoftTeamsWebhook(AppriseNotificationBlock):
    """A workflow of Power Automate that posts to Microsoft Teams.

    Attributes:
        url: The workflow's URL.
        include_image: Whether an image goes with the text.
        wrap: Whether long lines are wrapped.
    """

    _block_type_name = "Microsoft Teams Webhook"
    _block_type_slug = "ms-teams-webhook"

    include_image: bool = True
    wrap: bool = True

    def service(self) -> NotifyBase:
        """The workflow."""
        from apprise.plugins.workflows import NotifyWorkflows  # noqa: PLC0415 - slow to import

        parsed = NotifyWorkflows.parse_native_url(self.url.get_secret_value())
        if not parsed:
            raise NotificationError("its URL is none of a workflow of Power Automate.")
        parsed |= {"include_image": self.include_image, "wrap": self.wrap, "asset": _apprise.asset()}
        return NotifyWorkflows(**parsed)
