"""The blocks that notify: Prefect's names and fields, and what they send."""

import json
import logging
import socket
import threading

import pytest
import requests
from receivers import mailbox, webhook

from millstream import _outbox
from millstream.blocks import BlockError, Secret, _addresses, notifications
from millstream.blocks.abstract import NotificationBlock, NotificationError
from millstream.blocks.notifications import (
    AppriseNotificationBlock,
    CustomWebhookNotificationBlock,
    DiscordWebhook,
    EmailNotificationBlock,
    MattermostWebhook,
    MicrosoftTeamsWebhook,
    OpsgenieWebhook,
    PagerDutyWebHook,
    SendgridEmail,
    SlackWebhook,
    TwilioSMS,
)
from millstream.blocks.webhook import Webhook

WORKFLOW = (
    "https://prod-1.westeurope.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SIGNATURE"
)
# Observed on Prefect 3.8.8; a star marks what has to be given.
PREFECTS = {
    SlackWebhook: ("Slack Webhook", "slack-webhook", "notify_type url* allow_private_urls"),
    MicrosoftTeamsWebhook: (
        "Microsoft Teams Webhook",
        "ms-teams-webhook",
        "notify_type url* allow_private_urls include_image wrap",
    ),
    PagerDutyWebHook: (
        "Pager Duty Webhook",
        "pager-duty-webhook",
        (
            "notify_type integration_key* api_key* source component group class_id region_name clickable_url "
            "include_image custom_details"
        ),
    ),
    TwilioSMS: (
        "Twilio SMS",
        "twilio-sms",
        "notify_type account_sid* auth_token* from_phone_number* to_phone_numbers*",
    ),
    OpsgenieWebhook: (
        "Opsgenie Webhook",
        "opsgenie-webhook",
        (
            "notify_type apikey* target_user target_team target_schedule target_escalation region_name batch tags "
            "priority alias entity details"
        ),
    ),
    MattermostWebhook: (
        "Mattermost Webhook",
        "mattermost-webhook",
        "notify_type hostname* secure token* botname channels include_image path port",
    ),
    DiscordWebhook: (
        "Discord Webhook",
        "discord-webhook",
        "notify_type webhook_id* webhook_token* botname tts include_image avatar avatar_url",
    ),
    SendgridEmail: ("Sendgrid Email", "sendgrid-email", "notify_type api_key* sender_email* to_emails*"),
    CustomWebhookNotificationBlock: (
        "Custom Webhook",
        "custom-webhook",
        "name* url* method params json_data form_data headers cookies timeout allow_private_urls secrets",
    ),
    AppriseNotificationBlock: (
        "AppriseNotificationBlock",
        "apprise-notification-block",  # which is apprisenotificationblock there
        "notify_type url* allow_private_urls",
    ),
    Secret: ("Secret", "secret", "value*"),
    Webhook: ("Webhook", "webhook", "method url* headers allow_private_urls verify"),
}


@pytest.fixture
def hook():
    with webhook() as hook:
        yield hook


@pytest.mark.parametrize("block", PREFECTS, ids=lambda block: block.__name__)
def test_prefects_names(block):
    fields = [f"{name}{'*' if field.is_required() else ''}" for name, field in block.model_fields.items()]
    assert (block.get_block_type_name(), block.get_block_type_slug(), " ".join(fields)) == PREFECTS[block]


def test_all_of_them_are_there():
    notifying = {block.__name__ for block in PREFECTS if issubclass(block, NotificationBlock)}
    assert set(notifications.__all__) == notifying | {
        "AbstractAppriseNotificationBlock",
        "EmailNotificationBlock",
        "NotificationError",
    }


@pytest.mark.parametrize(
    ("block", "host"),
    [
        (MicrosoftTeamsWebhook(url=WORKFLOW), "logic.azure.com"),
        (PagerDutyWebHook(integration_key="i" * 32, api_key="a" * 20), "events.pagerduty.com"),
        (
            TwilioSMS(
                account_sid=f"AC{'1' * 32}",
                auth_token="a" * 32,
                from_phone_number="18001234567",
                to_phone_numbers=["18001234568"],
            ),
            "api.twilio.com",
        ),
        (OpsgenieWebhook(apikey="a" * 36, target_user=["me"]), "api.opsgenie.com"),
        (MattermostWebhook(hostname="chat.example.com", token="t" * 24), "chat.example.com"),
        (DiscordWebhook(webhook_id="1" * 24, webhook_token="t" * 64), "discord.com"),
        (
            SendgridEmail(api_key="a" * 10, sender_email="a@example.com", to_emails=["b@example.com"]),
            "api.sendgrid.com",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_where_they_send_to(block, host, monkeypatch):
    asked = []

    def refused(*arguments, **_):
        asked.append(next(argument for argument in arguments if "://" in str(argument)))
        raise requests.ConnectionError("https://x/SECRET")

    for name in ("post", "request"):
        monkeypatch.setattr(requests, name, refused)
    monkeypatch.setattr(
        requests.Session, "request", lambda _, *arguments, **options: refused(*arguments, **options)
    )
    with block.raise_on_failure(), pytest.raises(NotificationError) as caught:
        block.notify("text", "subject")
    assert host in asked[0]
    assert "SECRET" not in str(caught.value)


class TestSlack:
    def test_what_it_gets(self, hook):
        SlackWebhook(url=hook.url).notify("Hello from Prefect!")
        assert hook.received.get(timeout=10) == (
            "/services/T000/B000/XXXtoken1234",
            b'{"text": "Hello from Prefect!"}',
        )

    async def test_subject(self, hook):
        await SlackWebhook(url=hook.url).anotify("text\nmore", "subject")
        assert json.loads(hook.received.get(timeout=10)[1]) == {"text": "*subject*\ntext\nmore"}

    @pytest.mark.parametrize(
        ("text", "escaped"),
        [
            ("<class 'int'> & 1 < 2", "&lt;class 'int'&gt; &amp; 1 &lt; 2"),
            (
                "<!here> <@U1> see <https://example.com/?a&b|this>",
                "<!here> <@U1> see <https://example.com/?a&b|this>",
            ),
        ],
    )
    def test_markup(self, text, escaped, hook):
        SlackWebhook(url=hook.url).notify(text)
        assert json.loads(hook.received.get(timeout=10)[1]) == {"text": escaped}

    def test_the_same_for_slack_itself(self):
        service = SlackWebhook(url="https://hooks.slack.com/services/T0/B0/x").service()
        assert service.url().startswith("jsons://hooks.slack.com/services/T0/B0/x?")

    def test_slacks_own_url_of_apprise(self):
        assert (
            SlackWebhook(url="slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7").service().service_name
            == "Slack"
        )


class TestFailure:
    def test_is_logged(self, hook, caplog):
        hook.status = [503]
        SlackWebhook(url=hook.url).notify("text")
        assert "Not sent by Slack Webhook: Failed to send JSON POST notification" in caplog.text
        assert "error=503" in caplog.text
        assert "XXXtoken1234" not in caplog.text

    def test_raises_if_asked_to(self, hook):
        hook.status = [503, 503]
        block = SlackWebhook(url=hook.url)
        with block.raise_on_failure(), pytest.raises(NotificationError, match="error=503") as caught:
            block.notify("text")
        assert "error=503" in caught.value.log
        block.notify("text")

    def test_nothing_of_the_libraries_is_logged(self, hook, caplog):
        caplog.set_level(1)
        SlackWebhook(url=hook.url).notify("text")
        assert not [record for record in caplog.records if record.name.startswith(("apprise", "urllib3"))]
        logging.getLogger("apprise").warning("of somebody else")
        assert "of somebody else" in caplog.text

    def test_a_service_that_never_answers(self, hook):
        hook.gate.clear()
        block = CustomWebhookNotificationBlock(name="n", url=hook.url, timeout=0.2)
        with (
            block.raise_on_failure(),
            pytest.raises(NotificationError, match=r"nobody answered within 0\.2 s"),
        ):
            block.notify("text")

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("nonsense://x", "the URL that begins with nonsense:// is none that Apprise can use"),
            ("discord://x", "discord:// is none that Apprise can use: An invalid Discord Webhook Token"),
        ],
    )
    def test_wrong_urls(self, url, said, caplog):
        AppriseNotificationBlock(url=url).notify("x")
        assert said in caplog.text

    def test_no_url(self):
        with pytest.raises(ValueError, match="it has to be a URL") as caught:
            SlackWebhook(url="hunter22")
        assert "hunter22" not in str(caught.value)

    def test_fields_that_the_service_refuses(self, caplog):
        TwilioSMS(account_sid="x", auth_token="y", from_phone_number="1", to_phone_numbers=[]).notify("x")
        assert "Not sent by Twilio SMS: its fields are not what Apprise takes" in caplog.text

    def test_teams(self, caplog):
        MicrosoftTeamsWebhook(url="https://example.com/x").notify("x")
        assert "its URL is none of a workflow of Power Automate" in caplog.text


def test_secrets_are_masked_in_what_is_sent(hook):
    Secret(value="hunter22")
    SlackWebhook(url=hook.url).notify("password hunter22", f"at {hook.url}")
    assert json.loads(hook.received.get(timeout=10)[1]) == {"text": "*at *********\npassword ********"}


class TestMail:
    def test_text(self):
        with mailbox() as box:
            EmailNotificationBlock(
                smtp_server="127.0.0.1",
                smtp_type="INSECURE",
                smtp_port=box.port,
                email_from="flows@example.com",
                email_to=["you@example.com"],
            ).notify("1 < 2\nand more", "It failed")
            receivers, content = box.received.get(timeout=10)
        assert receivers == ["you@example.com"]
        assert b"Subject: It failed" in content
        assert b"1 < 2\r\nand more" in content

    def test_html(self):
        with mailbox() as box:
            url = f"mailto://127.0.0.1:{box.port}/?from=a@example.com&to=b@example.com&format=html"
            AppriseNotificationBlock(url=url).notify("<b>bold</b>")
            assert b"<b>bold</b>" in box.received.get(timeout=10)[1]

    def test_no_sender(self, caplog):
        EmailNotificationBlock(smtp_server="h", email_to=["x@example.com"]).notify("x")
        assert "email_from is missing" in caplog.text


class TestCustom:
    def test_templates(self, hook):
        CustomWebhookNotificationBlock(
            name="n",
            url=hook.url + "/{{ name }}",
            params={"q": "{{subject}}"},
            json_data={"text": "{{subject}}: {{body}}", "deep": [{"{{name}}": "{{token}}"}]},
            secrets={"token": "t0ken"},
        ).notify("b", "s")
        path, body = hook.received.get(timeout=10)
        assert path.endswith("/n?q=s")
        assert json.loads(body) == {"text": "s: b", "deep": [{"n": "t0ken"}]}

    def test_form_data(self, hook):
        CustomWebhookNotificationBlock(name="n", url=hook.url, form_data="{{subject}} {{body}} ü").notify("b")
        assert hook.received.get(timeout=10)[1] == "null b ü".encode()

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"json_data": {}, "form_data": {}}, "either json_data or form_data"),
            (
                {"headers": {"a": "{{ tok }}"}, "json_data": {"x": ["{{y}}"]}},
                "nothing is known of {{tok}} in headers, {{y}} in json_data",
            ),
            ({"method": "TRACE"}, "Input should be 'GET'"),
        ],
    )
    def test_wrong(self, fields, said):
        with pytest.raises(ValueError, match=said.replace("{", r"\{")):
            CustomWebhookNotificationBlock(name="n", url="https://example.com", **fields)

    def test_refusal(self, hook, caplog):
        hook.status = [404]
        CustomWebhookNotificationBlock(name="n", url=hook.url).notify("x")
        assert "Not sent by Custom Webhook: the webhook answered 404 Not Found." in caplog.text

    @pytest.mark.parametrize("status", [302, 304])
    def test_what_leads_elsewhere_was_not_sent(self, status, hook, caplog):
        hook.status = [status]
        CustomWebhookNotificationBlock(name="n", url=hook.url, allow_private_urls=True).notify("x")
        assert f"Not sent by Custom Webhook: the webhook answered {status} " in caplog.text

    def test_an_answer_that_has_no_end(self, caplog):
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            block = CustomWebhookNotificationBlock(name="n", url=url, timeout=60)
            sending = threading.Thread(target=block.notify, args=("x",))
            sending.start()
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx")
                sending.join(20)
                assert not sending.is_alive()
        assert caplog.text == ""


class TestWebhook:
    async def test_call(self, hook):
        answer = await Webhook(url=hook.url).call({"a": 1})
        assert (answer.status_code, json.loads(hook.received.get(timeout=10)[1])) == (200, {"a": 1})
        await Webhook(url=hook.url).call("text ü")
        assert hook.received.get(timeout=10)[1] == "text ü".encode()

    async def test_nobody_there(self):
        with pytest.raises(NotificationError, match="nobody can be reached at its URL") as caught:
            await Webhook(url="http://127.0.0.1:9/TOKEN1234").call()
        assert "TOKEN" not in str(caught.value)


class TestPrivateAddresses:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("http://127.0.0.1:9/x", "private address"),
            ("http://[::1]/x", "private address"),
            ("http://10.0.0.1/x", "private address"),
            ("http://169.254.169.254/latest", "private address"),
            ("ftp://example.com", "neither http nor https"),
            ("http:///x", "no host"),
            ("http://[::1", "its URL is none"),
            (r"http://127.0.0.1:9\@8.8.8.8/x", "may have no user, backslashes or blanks"),
            ("http://8.8.8.8\\.example.com/x", "may have no user, backslashes or blanks"),
            ("http://me:password@8.8.8.8/x", "may have no user, backslashes or blanks"),
            ("http://8.8.8.8/\tx", "may have no user, backslashes or blanks"),
        ],
    )
    def test_refused(self, url, said):
        with pytest.raises(NotificationError, match=said):
            _addresses.must_be_public(url)

    def test_public(self):
        _addresses.must_be_public("https://1.1.1.1/x")

    @pytest.mark.parametrize(
        "block",
        [
            SlackWebhook(url="http://127.0.0.1:9/x", allow_private_urls=False),
            CustomWebhookNotificationBlock(name="n", url="http://127.0.0.1:9/x", allow_private_urls=False),
        ],
    )
    def test_by_blocks(self, block, caplog):
        block.notify("x")
        assert "leads to a private address" in caplog.text

    async def test_by_webhooks(self):
        with pytest.raises(NotificationError, match="private address"):
            await Webhook(url="http://127.0.0.1:9/x", allow_private_urls=False).call()


class TestOwn:
    def test_send(self):
        sent = []

        class Mine(NotificationBlock):
            def send(self, body, subject):
                sent.append((body, subject))

        Mine().notify("b", "s")
        assert sent == [("b", "s")]

    def test_notify_as_in_prefect(self):
        sent = []

        class Theirs(NotificationBlock):
            async def notify(self, body, subject=None):
                sent.append((body, subject))

        Theirs().send("b", None)
        assert sent == [("b", None)]

    def test_neither(self, caplog):
        class Neither(NotificationBlock):
            pass

        Neither().notify("x")
        assert "Neither has no send(body, subject)" in caplog.text

    def test_one_that_raises(self, caplog):
        class Broken(NotificationBlock):
            def send(self, body, subject):
                raise RuntimeError(f"no {body} {subject}")

        Broken().notify("b")
        assert "Not sent by Broken: RuntimeError: no b None" in caplog.text


def test_captured():
    seen = []

    class Captured(_outbox.Outbox):
        def send(self, notification, send):
            del send
            seen.append(
                (notification.target, notification.body, notification.subject, threading.current_thread())
            )

    block = SlackWebhook(url="https://hooks.slack.com/services/T0/B0/x")
    with _outbox.replaced(Captured()):
        block.notify("text")
    assert seen == [(block, "text", None, threading.main_thread())]


def test_errors_are_of_one_kind():
    assert issubclass(BlockError, ValueError)
