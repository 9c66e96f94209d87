"""Notifications about runs: whom they go to, what they say, and how they leave."""

import enum
import os
import pickle
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, SecretStr

from millstream import _delivery, _outbox, _secrets, flow, tags, task
from millstream._engine import FlowRunInfo, run_flow
from millstream.blocks import BlockError, Secret
from millstream.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from millstream.exceptions import NotificationError
from millstream.notifications import NotificationTemplateError, _targets, notify
from millstream.notifications._templates import compiled, rendered
from millstream.notifications._views import plain
from millstream.settings import temporary_settings
from millstream.states import Failed

URL = "https://hooks.slack.com/services/T000/B000/XXXtoken1234"


class Captured(_outbox.Outbox):
    def __init__(self):
        self.posted = []

    def post(self, notification, send):
        del send
        self.posted.append(notification)


@pytest.fixture(autouse=True)
def home(tmp_path):
    with temporary_settings({"MILLSTREAM_HOME": tmp_path}):
        yield tmp_path


@pytest.fixture
def posted():
    with _outbox.replaced(Captured()) as outbox:
        yield outbox.posted


def told(posted, body, definition=flow, fn=None, **options):
    """What a template makes of a run that fails."""

    def fails(x=1):
        raise ValueError("no")

    hook = notify("slack", subject="", body=body)
    definition(fn or fails, name="etl", on_failure=[hook], **options)(return_state=True)
    return posted[-1].body


class TestDefaults:
    def test_of_a_flow(self, posted, still):
        del still

        @flow(name="etl", on_failure=[notify("slack")])
        def fails():
            raise ValueError("no")

        info = FlowRunInfo(run_id="id-1", name="brisk-otter", tags=["b", "a"], deployment="nightly")
        run_flow(fails, run=info)
        assert posted[0].subject == "Flow run 'brisk-otter' of 'etl': Failed"
        assert posted[0].body == (
            "Flow 'etl' raised ValueError: no (attempt 1 of 1)\n"
            "\n"
            "Flow: etl\n"
            "Flow run: brisk-otter (id-1)\n"
            "Deployment: nightly\n"
            "Tags: a, b\n"
            "Started: 2023-11-14 22:13:20+00:00"
        )

    def test_of_a_task(self, posted):
        @task(on_failure=[notify("slack")], retries=1)
        def load():
            raise ValueError("no")

        @flow(flow_run_name="r1", name="etl")
        def runs():
            load(return_state=True)

        runs(return_state=True)
        assert posted[0].subject == "Task run 'load-0' of 'load': Failed"
        assert "Task: load\nTask run: load-0 (" in posted[0].body
        assert "\nFlow run: r1 of etl (" in posted[0].body
        assert "\nAttempts: 2\n" in posted[0].body

    def test_of_a_task_outside_of_flows(self, posted):
        assert "Task: etl" in told(posted, None, task)

    def test_of_success(self, posted):
        flow(lambda: None, name="f", on_completion=[notify("slack")], on_running=[notify("slack")])()
        assert [notification.body.partition("\n")[0] for notification in posted] == [
            "The state is Running.",
            "The state is Completed.",
        ]

    def test_no_subject(self, posted):
        told(posted, "x")
        assert posted[0].subject is None

    def test_without_what_is_slow_to_import(self):
        code = (
            "import sys; from millstream.notifications import notify; notify('slack'); "
            "assert not {'jinja2', 'apprise', 'requests', 'pydantic', 'asyncio'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestTemplates:
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("{{ flow.name }} {{ flow_run.name }}", "etl r1"),
            ("{{ state.name }} {{ state.type }} {{ state.message }}", "Failed FAILED Flow 'etl' raised ValueError: no (attempt 1 of 1)"),
            ("{{ flow_run.parameters.x }} {{ parameters['x'] }}", "1 1"),
            ("{{ flow_run.tags | join('+') }}", "a+b"),
            ("{{ flow_run.start_time.strftime('%Y') }} {{ flow_run.expected_start_time.isoformat() }}", "2023 2023-11-14T22:13:20+00:00"),
            ("{{ flow_run.run_count }} {{ flow_run.state_name }} {{ flow_run.state_type }}", "1 Failed FAILED"),
            ("{{ flow_run.state.name }} {{ flow_run.state.type }}", "Failed FAILED"),
            ("{% for k, v in parameters.items() %}{{ loop.index }}{{ k }}={{ v }};{% endfor %}", "1x=1;"),
            ("{% if state.name == 'Failed' %}a{% else %}b{% endif %}", "a"),
            ("{% set n = flow.name | upper %}{{ n }}", "ETL"),
            ("{{ deployment.name or 'none' }} {{ flow.description | default('-') }}", "none None"),
            ("{{ 2 * 3 }} {{ 7 % 4 }} {{ flow.name ~ '!' }} {{ parameters | tojson }}", '6 3 etl! {"x": 1}'),
            ("{{ state.message.split()[0] }} {{ flow.name.startswith('e') }}", "Flow True"),
            ("<b>{{ state.message[:4] }}</b>", "<b>Flow</b>"),
            ("{{ 2.345 | round(2, 'floor') }} {{ [3, 1, 3] | unique | sort | join }} {{ x | default('-') }}", "2.34 13 -"),
            ("{% for _ in range(2) %}{{ range(10000) | sum }} {% endfor %}", "49995000 49995000 "),
            ("{# a comment #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ],
    )  # fmt: skip
    def test_names(self, body, text, posted, still):
        del still
        with tags("b", "a"):
            assert told(posted, body, flow_run_name="r1") == text

    def test_of_tasks(self, posted):
        body = "{{ task.name }} {{ task_run.name }} {{ task_run.parameters.x }} {{ flow_run.name }} {{ task_run.run_count }}"

        @flow(flow_run_name="r1")
        def runs():
            return told(posted, body, task)

        assert runs() == "etl etl-0 1 r1 1"

    @pytest.mark.parametrize(
        ("body", "line", "said"),
        [
            ("a\n{{ x", 2, "unexpected end of template"),
            ("a\n\n{% if %}", 3, "Expected an expression"),
            ("{% include 'x' %}", 1, "include is not for notifications"),
            ("{% macro f() %}{{ f() }}{% endmacro %}", 1, "macro is not for notifications"),
            ("{% import 'x' as x %}", 1, "import is not for notifications"),
            ("{% block x %}{% endblock %}", 1, "block is not for notifications"),
            ("{% for x in y recursive %}{% endfor %}", 1, "a loop cannot be recursive"),
            ("\n{{ 'x' | center(1000000000) }}", 2, "there is no filter 'center'"),
            ("{{ 'x' | _counted }}", 1, "there is no filter '_counted'"),
            ("{{ parameters | tojson(1000000000) }}", 1, "tojson takes no arguments"),
            ("{{ 1 is nothing }}", 1, "there is no test 'nothing'"),
        ],
    )
    def test_wrong_ones_are_told_at_once(self, body, line, said):
        with pytest.raises(NotificationTemplateError) as caught:
            notify("slack", body=body)
        assert str(caught.value).startswith(f"The body of notify('slack') is wrong in line {line}: {said}")
        with pytest.raises(NotificationTemplateError, match=r"^The subject of"):
            notify("slack", subject=body)

    def test_no_text(self):
        with pytest.raises(TypeError, match="The body of a notification is a template, and got 5"):
            notify("slack", body=5)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("{{ nope }}", "'nope' is undefined"),
            ("{{ flow_run.nme }}", "has no attribute 'nme'"),
            ("{{ flow.__class__ }}", "access to attribute '__class__'"),
            ("{{ flow.name.__class__.__mro__ }}", "access to attribute '__class__'"),
            ("{{ ''.format }}{{ '{0.__class__}'.format(flow) }}", "not safely callable"),
            ("{{ flow_run.start_time.replace(year=1) }}", "not safely callable"),
            ("{{ parameters.update({}) }}", "access to attribute 'update'"),
            ("{{ self.__init__ }}", "access to attribute '__init__'"),
            ("{{ range(10**9) }}", "there is no **"),
            ("{% for x in range(99999999) %}{% endfor %}", "a range in it has more than 10000 numbers"),
            ("{% for x in range(99999999999999999999999) %}{% endfor %}", "a range in it has more than"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                "its loops may have 10000 rounds",
            ),
            (
                "{% set _rounds = [-99999999] %}{% for a in range(99) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                "its loops may have 10000 rounds",
            ),
            (
                "{% for a in range(99) %}{% if range(9999) | sum %}{% endif %}{% endfor %}",
                "it takes too long",
            ),
            (
                "{% for a in range(99) %}{% if range(9999) | unique | list | sort %}{% endif %}{% endfor %}",
                "it takes too long",
            ),
            (
                "{% set a = range(3999) | join(',') %}{% for b in range(999) %}{% if a.split(',') %}{% endif %}{% endfor %}",
                "it takes too long",
            ),
            (
                "{% set a = range(9000) | list %}{% for b in range(99) %}{% set c = a %}{% endfor %}",
                "it takes too long",
            ),
            ("{{ 3 | round(5000000, 'ceil') }}", "round takes at most 20 digits"),
            ("{{ parameters.x | round(-5000000) }}", "round takes at most 20 digits"),
            ("{% set a = 'ha' %}" + "{% set a = [a, a] %}" * 23 + "{{ a }}", "a value in it is too big"),
            (
                "{% set a = 'ha' %}" + "{% set a = {1: a, 2: a} %}" * 23 + "{{ a | tojson }}",
                "a value in it is too big",
            ),
            ("{% for a in range(9000) %}abcdefghij{% endfor %}", "it makes more than 20000 characters"),
            ("{{ 'x' * 1000000000 }}", "* is for numbers only"),
            ("{{ '%1000000000d' % 1 }}", "% is for numbers only"),
            ("{% set x = 'abcdefghij' %}" + "{% set x = x ~ x %}" * 50, "a value in it is too big"),
            ("{% set x = [1, 2, 3] %}" + "{% set x = x + x %}" * 50, "a value in it is too big"),
            ("{% set x = 99999999 %}" + "{% set x = x * x %}" * 50, "too big"),
            ("{{ range(9999) | join('abcdefghij') }}", "a value in it is too big"),
            ("{{ 1 / 0 }}", "ZeroDivisionError"),
            ("{{ config }}", "'config' is undefined"),
            ("{{ lipsum(9999999) }}", "'lipsum' is undefined"),
            ("{{ cycler.__init__ }}", "access to attribute '__init__'"),
            ("{{ task_run.name }}", "'task_run' is undefined"),
        ],
    )
    def test_what_fails_is_told_in_the_default_text(self, body, said, posted, logs):
        text = told(posted, body)
        first, _, last = text.partition("\n\n")
        assert first == "Flow 'etl' raised ValueError: no (attempt 1 of 1)"
        assert "\n\nThe template of the body of this notification could not be used: " in last
        assert said in last
        assert said in logs.text
        assert [record.levelname for record in logs.records if said in record.message] == ["WARNING"]

    def test_a_wrong_subject_leaves_the_body(self, posted):
        flow(
            lambda: None,
            name="f",
            flow_run_name="r",
            on_completion=[notify("s", subject="{{ x }}", body="b")],
        )()
        assert posted[0].subject == "Flow run 'r' of 'f': Completed"
        assert posted[0].body.startswith("b\n\nThe template of the subject")

    def test_a_subject_is_one_line(self, posted):
        flow(lambda: None, on_completion=[notify("s", subject="a\r\nBcc: x")])()
        assert posted[0].subject == "a Bcc: x"

    def test_hooks_can_be_sent_to_other_processes(self):
        hook = pickle.loads(pickle.dumps(notify("slack", body="{{ flow.name }}")))  # noqa: S301
        assert repr(hook) == "notify('slack')"
        assert list(hook._templates) == ["body"]

    def test_render(self):
        assert rendered(compiled("{{ a }}", "x"), {"a": 1}) == "1"


class Colour(enum.Enum):
    RED = "red"


class Model(BaseModel):
    password: SecretStr
    name: str


class Unreadable(str):
    __slots__ = ()

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class TestViews:
    @pytest.mark.parametrize(
        ("value", "seen"),
        [
            (Secret(value="hunter22"), {"value": "********"}),
            (SecretStr("hunter22"), "********"),
            ({"a": [SecretStr("x")]}, {"a": ["********"]}),
            (Model(password="hunter22", name="n"), {"password": "********", "name": "n"}),
            (SlackWebhook(url=URL), {"notify_type": "info", "url": "********", "allow_private_urls": True}),
            ((1, 2.5, None, True), [1, 2.5, None, True]),
            (Colour.RED, "red"),
            (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01 00:00:00+00:00"),
            (SimpleNamespace(password="hunter22"), "<SimpleNamespace>"),
            (len, "<builtin_function_or_method>"),
            (Unreadable("x"), "x"),
            ("x" * 20_000, "x" * 10_000 + "..."),
            ({1: 2, None: 3}, {"1": 2, "None": 3}),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_plain(self, value, seen):
        assert plain(value) == seen

    def test_circles_and_crowds(self):
        circle = []
        circle.append(circle)
        assert "<list>" in str(plain(circle))
        assert len(plain(list(range(1000)))) == 100

    def test_not_too_much(self):
        numbers = [[[1.0] * 100 for _ in range(100)] for _ in range(100)]
        seen = str(plain({"numbers": numbers, "password": SecretStr("hunter22")}))
        assert seen.count("1.0") <= 20_000
        assert "'<list>'" in seen
        assert seen.endswith("'password': '********'}")
        assert len(str(plain(["x" * 9_000] * 100))) < 40_000

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("{{ state.message | upper }}", "CANNOT LOG IN WITH ********"),
            ("{{ state.message.split('-') | join(' ') }}", "cannot log in with ********"),
            ("{{ state.message | truncate(20) }}", "cannot log in..."),
            ("{{ state.message[:25] }}", "cannot log in with ******"),
            ("{{ parameters.url | title }} {{ flow_run.tags | join | upper }}", "At ******** ********"),
            ("{{ flow_run.name[::-1] }}", "******** nur"),
        ],
    )
    def test_secrets_do_not_pass_through_filters(self, body, text, posted):
        Secret(value="sk-live-abcdef")

        def fails(url):
            del url

            return Failed(message="cannot log in with sk-live-abcdef")

        hook = notify("slack", subject="", body=body)
        with tags("sk-live-abcdef"):
            run = flow(fails, flow_run_name="run sk-live-abcdef", on_failure=[hook])
            run("at sk-live-abcdef", return_state=True)
        assert posted[0].body == text

    def test_secrets_are_not_cut(self, posted):
        Secret(value="sk-live-abcdef")
        flow(lambda: Failed(message="x" * 9_990 + "sk-live-abcdef"), on_failure=[notify("slack")])(
            return_state=True
        )
        assert posted[0].body.splitlines()[0] == "x" * 9_990 + "********"

    def test_secret_parameters(self, posted):
        def fails(password: SecretStr = SecretStr("hunter22"), key: Secret = Secret(value="hunter23")):  # noqa: B008
            raise ValueError(f"no {password.get_secret_value()} {key.get()}")

        text = told(posted, "{{ parameters }} {{ state.message }}", fn=fails)
        assert "{'password': '********', 'key': {'value': '********'}}" in text
        assert "raised ValueError: no ******** ********" in text

    def test_a_call_that_was_wrong(self, posted):
        def needs(x):
            del x

        assert told(posted, "{{ parameters }}", task, fn=needs) == "{}"


class TestHooks:
    async def test_of_asynchronous_flows(self, posted):
        @flow(name="f", on_failure=[notify("slack", body="{{ flow.name }}")])
        async def fails():
            raise ValueError

        with pytest.raises(ValueError, match=r"^$"):
            await fails()
        assert posted[0].body == "f"

    def test_added_later(self, posted):
        @flow(name="f")
        def fails():
            raise ValueError

        fails.on_failure(notify("slack", body="{{ flow.name }}"))
        fails(return_state=True)
        assert posted[0].body == "f"

    def test_what_is_posted(self, posted):
        block = SlackWebhook(url=URL)
        flow(lambda: None, name="f", on_completion=[notify(block)])()
        assert (posted[0].target, posted[0].shown, posted[0].log_fields["flow_name"]) == (
            block,
            "SlackWebhook",
            "f",
        )


class TestTargets:
    @pytest.mark.parametrize("name", ["", "a?b", "slack-webhook/"])
    def test_names(self, name):
        with pytest.raises(BlockError, match="cannot be called"):
            notify(name)

    @pytest.mark.parametrize("target", [5, None, Secret(value="x")])
    def test_others(self, target):
        with pytest.raises(
            TypeError, match="notify takes the name of a block, a block that notifies, or an Apprise"
        ):
            notify(target)

    def test_urls(self):
        assert repr(notify("json://example.com/TOKEN")) == "notify('json://...')"
        with pytest.raises(BlockError, match="that begins with nonsense:// is none") as caught:
            notify("nonsense://TOKEN1234")
        assert "TOKEN1234" not in str(caught.value)

    def test_by_name(self):
        SlackWebhook(url=URL).save("alerts")
        assert (
            _targets.block_of("alerts") == _targets.block_of("slack-webhook/alerts") == SlackWebhook(url=URL)
        )
        Secret(value="x").save("alerts")  # does not notify, and so is not meant
        assert _targets.block_of("alerts") == SlackWebhook(url=URL)

    def test_ambiguous(self):
        SlackWebhook(url=URL).save("alerts")
        CustomWebhookNotificationBlock(name="n", url=URL).save("alerts")
        with pytest.raises(BlockError) as caught:
            _targets.block_of("alerts")
        assert str(caught.value) == (
            "Several blocks are called 'alerts': write notify('custom-webhook/alerts') or notify('slack-webhook/alerts')."
        )

    def test_of_no_type(self, home):
        (home / "mounted/alerts").mkdir(parents=True)
        (home / "mounted/alerts/url").write_text(URL)
        with temporary_settings({"MILLSTREAM_BLOCKS_FOLDER": home / "mounted"}):
            with pytest.raises(BlockError, match=r"add a key block-type.*notify\('slack-webhook/alerts'\)"):
                _targets.block_of("alerts")
            assert _targets.block_of("slack-webhook/alerts") == SlackWebhook(url=URL)

    def test_that_do_not_notify(self):
        Secret(value="x").save("s")
        for name in ("s", "secret/s"):
            with pytest.raises(BlockError, match="is a Secret, which sends no notifications"):
                _targets.block_of(name)

    def test_unknown(self):
        with pytest.raises(BlockError, match="There is no block 'nope'; there is none at all"):
            _targets.block_of("nope")


def letter(name="slack"):
    return _outbox.Notification(name, "b", None, shown=repr(name))


def wait_until(true):
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class TestDelivery:
    def test_sends(self):
        sent = []
        delivery = _delivery.Delivery()
        for number in range(50):
            delivery.post(letter(number), lambda notification: sent.append(notification.target))
        delivery.drain(20)
        assert sorted(sent) == list(range(50))

    def test_tries_again(self, logs):
        failures = [NotificationError("down"), RuntimeError("odd")]
        sent = []

        def send(notification):
            if failures:
                raise failures.pop()
            sent.append(notification)

        delivery = _delivery.Delivery(pauses=(0.01, 0.01, 0.01))
        delivery.post(letter(), send)
        delivery.drain(20)
        assert len(sent) == 1
        assert "not sent" not in logs.text.replace("are not sent yet", "")

    def test_gives_up(self, logs):
        _secrets.remember(URL)
        tries = []

        def send(notification):
            tries.append(notification)
            raise NotificationError(f"{URL} is down")

        delivery = _delivery.Delivery(pauses=(0.001, 0.001))
        delivery.post(letter(), send)
        wait_until(lambda: "was not sent" in logs.text)
        assert len(tries) == 3
        assert "The notification to 'slack' was not sent: ******** is down" in logs.text

    def test_what_cannot_get_better_is_told_at_once(self, logs):
        tries = []

        def send(notification):
            tries.append(notification)
            raise BlockError("There is no block.")

        delivery = _delivery.Delivery(pauses=(0.001,))
        delivery.post(letter(), send)
        wait_until(lambda: "was not sent: There is no block." in logs.text)
        assert len(tries) == 1

    def test_one_that_is_slow_holds_up_no_other(self):
        gate, sent = threading.Event(), []
        delivery = _delivery.Delivery()
        delivery.post(letter("slow"), lambda _: gate.wait(60))
        delivery.post(letter("fast"), lambda notification: sent.append(notification.target))
        wait_until(lambda: sent == ["fast"])
        gate.set()
        delivery.drain(20)

    def test_one_that_is_too_slow_has_failed(self, logs):
        gate = threading.Event()
        delivery = _delivery.Delivery(pauses=(), longest_try=0.01)
        delivery.post(letter(), lambda _: gate.wait(60))
        wait_until(lambda: "was not sent: nobody answered within 0.01 s." in logs.text)
        gate.set()

    def test_those_that_never_end_are_few(self, logs):
        gate, begun = threading.Event(), []

        def send(notification):
            begun.append(notification)
            gate.wait(60)

        delivery = _delivery.Delivery(pauses=(), longest_try=0.01, most_tries=2)
        for _ in range(5):
            delivery.post(letter(), send)
        wait_until(lambda: logs.text.count("was not sent") == 5)
        assert logs.text.count("was not sent: too many others that took too long still go on") == 3
        gate.set()
        delivery.post(letter(), lambda _: None)
        wait_until(lambda: delivery._room._value == 2)
        assert len(begun) == 2

    def test_at_the_end_of_the_process(self, monkeypatch):
        """Python starts no threads then, from 3.12 on: those that there are do it."""
        sent = []
        delivery = _delivery.Delivery()
        delivery.post(letter("first"), lambda notification: sent.append(notification.target))
        wait_until(lambda: sent == ["first"])

        def start(_):
            raise RuntimeError("can't create new thread at interpreter shutdown")

        monkeypatch.setattr(threading.Thread, "start", start)
        delivery.post(letter("second"), lambda notification: sent.append(notification.target))
        delivery.drain(20)
        assert sent == ["first", "second"]

    def test_too_many(self, logs):
        gate, sent = threading.Event(), []

        def send(notification):
            gate.wait(60)
            sent.append(notification)

        delivery = _delivery.Delivery(most_waiting=10)
        for _ in range(30):
            delivery.post(letter(), send)
        gate.set()
        delivery.drain(20)
        dropped = logs.text.count("was dropped: 10 others wait to be sent")
        assert len(sent) + dropped == 30
        assert dropped >= 16

    def test_the_end_of_time(self, logs):
        gate = threading.Event()
        delivery = _delivery.Delivery(pauses=(1000,))
        delivery.post(letter("slow"), lambda _: gate.wait(60))

        def down(_):
            raise NotificationError("it is down.")

        delivery.post(letter("down"), down)
        wait_until(lambda: any(waiting.tries for waiting in delivery._waiting))
        delivery.drain(0.05)
        gate.set()
        assert (
            "The notification to 'slow' was not sent before the process ended: there was no time" in logs.text
        )
        assert "The notification to 'down' was not sent before the process ended: it is down." in logs.text

    def test_says_that_it_waits(self, logs):
        gate = threading.Event()
        delivery = _delivery.Delivery()
        delivery.post(letter(), lambda _: gate.wait(0.05))
        delivery.drain(20)
        assert "Waiting up to 20 s for 1 notification(s) that are not sent yet." in logs.text

    def test_nothing_to_do(self, logs):
        _delivery.Delivery().drain(20)
        assert logs.text == ""

    def test_copies_of_the_process_send_nothing(self, home):
        code = """
import os, sys
from millstream import _delivery, _outbox
from millstream._delivery import delivery

def send(_):
    os.write(1, b"sent\\n")

import threading
gate = threading.Event()
delivery().post(_outbox.Notification("a", "b", None, shown="a"), lambda n: (gate.wait(60), send(n)))
if os.fork() == 0:
    assert not delivery()._waiting
    sys.exit()
os.wait()
gate.set()
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "MILLSTREAM_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "sent\n"


def test_the_whole_way(monkeypatch):
    sent = []
    monkeypatch.setattr(SlackWebhook, "send", lambda _, body, subject: sent.append((body, subject)))
    delivery = _delivery.Delivery()
    monkeypatch.setattr(_delivery, "_delivery", delivery)
    SlackWebhook(url=URL).save("slack")
    _secrets._known = (
        _secrets.Known()
    )  # so that it is the loading in the background that makes the secret known

    @flow(on_failure=[notify("slack", subject="{{ flow.name }}", body="{{ state.message }}")])
    def fails():
        return Failed(message=f"cannot reach {URL}")

    fails(return_state=True)
    delivery.drain(20)
    assert sent == [("cannot reach ********", "fails")]
