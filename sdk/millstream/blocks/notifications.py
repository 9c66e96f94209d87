"""Blocks that send notifications. Their names and fields are Prefect's; Apprise sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import AnyHttpUrl, Field, SecretStr

from millstream.blocks import _apprise
from millstream.blocks._by_url import (
    AbstractAppriseNotificationBlock,
    AppriseNotificationBlock,
    MicrosoftTeamsWebhook,
    SlackWebhook,
)
from millstream.blocks._custom import CustomWebhookNotificationBlock
from millstream.exceptions import NotificationError

if TYPE_CHECKING:
    from apprise import NotifyBase

__all__ = [
    "AbstractAppriseNotificationBlock",
    "AppriseNotificationBlock",
    "CustomWebhookNotificationBlock",
    "DiscordWebhook",
    "EmailNotificationBlock",
    "MattermostWebhook",
    "MicrosoftTeamsWebhook",
    "NotificationError",
    "OpsgenieWebhook",
    "PagerDutyWebHook",
    "SendgridEmail",
    "SlackWebhook",
    "TwilioSMS",
]


class PagerDutyWebHook(AbstractAppriseNotificationBlock):
    """An integration of PagerDuty's Events API v2. Its fields are those of an event."""

    _block_type_name = "Pager Duty Webhook"

    integration_key: SecretStr
    api_key: SecretStr
    source: str | None = "Millstream"
    component: str = "Notification"
    group: str | None = None
    class_id: str | None = None
    region_name: Literal["us", "eu"] = "us"
    clickable_url: AnyHttpUrl | None = None
    include_image: bool = True
    custom_details: dict[str, str] | None = None

    def send(self, body: str, subject: str | None) -> None:
        """Send an event: its summary is the subject, and the text is one of its details; without one it is the summary."""
        if subject is not None:
            details = {**(self.custom_details or {}), "Notification Body": body}
            self.model_copy(update={"custom_details": details}).send(subject, None)
        else:
            super().send(body, None)

    def service(self) -> NotifyBase:
        """The integration."""
        from apprise.plugins.pagerduty import NotifyPagerDuty  # noqa: PLC0415 - slow to import

        return NotifyPagerDuty(
            apikey=self.api_key.get_secret_value(),
            integrationkey=self.integration_key.get_secret_value(),
            source=self.source,
            component=self.component,
            group=self.group,
            class_id=self.class_id,
            region_name=self.region_name,
            click=None if self.clickable_url is None else str(self.clickable_url),
            include_image=self.include_image,
            details=self.custom_details,
            asset=_apprise.asset(),
        )


class TwilioSMS(AbstractAppriseNotificationBlock):
    """Text messages by Twilio."""

    _block_type_name = "Twilio SMS"

    account_sid: str
    auth_token: SecretStr
    from_phone_number: str
    to_phone_numbers: list[str]

    def service(self) -> NotifyBase:
        """The account."""
        from apprise.plugins.twilio import NotifyTwilio  # noqa: PLC0415 - slow to import

        return NotifyTwilio(
            account_sid=self.account_sid,
            auth_token=self.auth_token.get_secret_value(),
            source=self.from_phone_number,
            targets=self.to_phone_numbers,
            asset=_apprise.asset(),
        )


class OpsgenieWebhook(AbstractAppriseNotificationBlock):
    """Alerts of Opsgenie."""

    _block_type_name = "Opsgenie Webhook"

    apikey: SecretStr
    target_user: list[str] | None = None
    target_team: list[str] | None = None
    target_schedule: list[str] | None = None
    target_escalation: list[str] | None = None
    region_name: Literal["us", "eu"] = "us"
    batch: bool = False
    tags: list[str] | None = None
    priority: int | None = 3
    alias: str | None = None
    entity: str | None = None
    details: dict[str, str] | None = None

    def service(self) -> NotifyBase:
        """The account, and those to alert."""
        from apprise.plugins.opsgenie import NotifyOpsgenie  # noqa: PLC0415 - slow to import

        groups = (
            ("@", self.target_user),
            ("#", self.target_team),
            ("*", self.target_schedule),
            ("^", self.target_escalation),
        )
        return NotifyOpsgenie(
            apikey=self.apikey.get_secret_value(),
            targets=[f"{sign}{name}" for sign, names in groups for name in names or ()],
            region_name=self.region_name,
            details=self.details,
            priority=self.priority,
            alias=self.alias,
            entity=self.entity,
            batch=self.batch,
            tags=self.tags,
            action="new",
            asset=_apprise.asset(),
        )


class MattermostWebhook(AbstractAppriseNotificationBlock):
    """An incoming webhook of Mattermost's."""

    _block_type_name = "Mattermost Webhook"

    hostname: str
    secure: bool = False
    token: SecretStr
    botname: str | None = None
    channels: list[str] | None = None
    include_image: bool = False
    path: str | None = None
    port: int = 8065

    def service(self) -> NotifyBase:
        """The webhook."""
        from apprise.plugins.mattermost import NotifyMattermost  # noqa: PLC0415 - slow to import

        return NotifyMattermost(
            token=self.token.get_secret_value(),
            fullpath=self.path,
            host=self.hostname,
            user=self.botname,
            targets=self.channels,
            include_image=self.include_image,
            port=self.port,
            secure=self.secure,
            asset=_apprise.asset(),
        )


class DiscordWebhook(AbstractAppriseNotificationBlock):
    """A webhook of Discord's."""

    _block_type_name = "Discord Webhook"

    webhook_id: SecretStr
    webhook_token: SecretStr
    botname: str | None = None
    tts: bool = False
    include_image: bool = False
    avatar: bool = False
    avatar_url: str | None = None

    def service(self) -> NotifyBase:
        """The webhook."""
        from apprise.plugins.discord import NotifyDiscord  # noqa: PLC0415 - slow to import

        return NotifyDiscord(
            webhook_id=self.webhook_id.get_secret_value(),
            webhook_token=self.webhook_token.get_secret_value(),
            user=self.botname,
            tts=self.tts,
            include_image=self.include_image,
            avatar=self.avatar,
            avatar_url=self.avatar_url,
            asset=_apprise.asset(),
        )


class SendgridEmail(AbstractAppriseNotificationBlock):
    """E-mail by SendGrid."""

    _block_type_name = "Sendgrid Email"

    api_key: SecretStr
    sender_email: str
    to_emails: list[str]

    def service(self) -> NotifyBase:
        """The account."""
        from apprise.plugins.sendgrid import NotifySendGrid  # noqa: PLC0415 - slow to import

        return NotifySendGrid(
            apikey=self.api_key.get_secret_value(),
            from_email=self.sender_email,
            targets=self.to_emails,
            asset=_apprise.asset(),
        )


class EmailNotificationBlock(AbstractAppriseNotificationBlock):
    """E-mail by a mail server. The first fields are those of prefect-email's `EmailServerCredentials`.

    Attributes:
        username: For the server, if it asks; the sender too where `email_from` is not given.
        password: For the server, if it asks.
        smtp_server: The server.
        smtp_type: How the connection is made safe, or not.
        smtp_port: Its port; the usual one of `smtp_type` unless given.
        verify: Whether its certificate has to be valid.
        email_from: The sender.
        email_to: The receivers.
    """

    _block_type_name = "Email"

    username: str | None = None
    password: SecretStr | None = None
    smtp_server: str
    smtp_type: Literal["SSL", "STARTTLS", "INSECURE"] = "SSL"
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    verify: bool = True
    email_from: str | None = None
    email_to: list[str] = Field(min_length=1)

    def service(self) -> NotifyBase:
        """The server."""
        from apprise.plugins.email import NotifyEmail  # noqa: PLC0415 - slow to import

        sender = self.email_from or self.username
        if sender is None or "@" not in sender:
            raise NotificationError("email_from is missing, and username is no address.")
        return NotifyEmail(
            host=self.smtp_server,
            smtp_host=self.smtp_server,
            port=self.smtp_port,
            secure=self.smtp_type != "INSECURE",
            secure_mode=self.smtp_type.lower(),
            user=self.username,
            password=None if self.password is None else self.password.get_secret_value(),
            from_addr=sender,
            targets=self.email_to,
            verify=self.verify,
            asset=_apprise.asset(),
        )
