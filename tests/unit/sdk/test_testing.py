"""What tests of flows get: a home, a clock, and notifications that stay here."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from millstream import flow, task
from millstream.blocks.notifications import SlackWebhook
from millstream.cache_policies import INPUTS
from millstream.client import get_client
from millstream.notifications import notify
from millstream.settings import get_current_settings, temporary_settings
from millstream.testing import FakeClock, captured_notifications, harness


def test_an_hours_delay_and_a_slack_hook(tmp_path):
    @flow(
        retries=1,
        retry_delay_seconds=3600,
        on_failure=[notify("slack", body="{{ flow_run.name }}: {{ state.message }}")],
        flow_run_name="nightly",
    )
    def sync():
        raise ConnectionError("no route")

    with temporary_settings({"MILLSTREAM_HOME": tmp_path / "real"}):
        with harness() as home, FakeClock() as clock, captured_notifications() as sent:
            assert sync(return_state=True).is_failed()
            client = get_client(sync_client=True)
            (run,) = client.read_flow_runs()
            states = client.read_flow_run_states(run.id)
        assert not home.exists()
        assert not (tmp_path / "real").exists()
    assert clock.slept == [3600]
    assert [state.name for state in states] == ["Running", "AwaitingRetry", "Running", "Failed"]
    assert run.total_run_time == timedelta(hours=1)
    assert [(one.target, "nightly: " in one.body, "no route" in one.body) for one in sent] == [
        ("slack", True, True)
    ]


def test_blocks_are_caught_too():
    with harness(), captured_notifications() as sent:
        SlackWebhook(url="https://hooks.slack.com/services/T0/B0/secret").save("slack")
        SlackWebhook.load("slack").notify("Hello", subject="Hi")
    assert [(one.body, one.subject) for one in sent] == [("Hello", "Hi")]
    assert "secret" not in repr(sent[0].shown)


def test_results_and_caches_stay_in_the_home(tmp_path):
    calls = []

    @task(cache_policy=INPUTS, persist_result=True)
    def double(n):
        calls.append(n)
        return 2 * n

    with temporary_settings({"MILLSTREAM_RESULTS_STORAGE": str(tmp_path / "results")}):
        for _ in range(2):
            with harness():
                assert double(1) == double(1) == 2
    assert calls == [1, 1]
    assert not (tmp_path / "results").exists()


def test_a_home_in_a_home():
    with harness() as outer:
        with harness() as inner:
            assert get_current_settings().home == inner != outer
        assert get_current_settings().home == outer


def test_a_home_goes_also_after_an_error():
    with pytest.raises(ValueError, match="mine"), harness() as home:  # noqa: PT012
        flow(lambda: None, name="quick")()
        raise ValueError("mine")
    assert not home.exists()


class TestFakeClock:
    BEGIN = datetime(2026, 3, 1, tzinfo=UTC)

    def test_it_stands_until_somebody_waits(self):
        with FakeClock(self.BEGIN) as clock:
            assert clock.now == self.BEGIN
            clock.advance(5)
            clock.advance(timedelta(minutes=1))
            assert clock.now == self.BEGIN + timedelta(seconds=65)
            with pytest.raises(ValueError, match="Time goes on and not back"):
                clock.advance(-1)

    def test_who_waits_at_the_same_time_waits_once(self):
        attempts = set()

        @task(retries=1, retry_delay_seconds=60)
        def flaky(n):
            if n not in attempts:
                attempts.add(n)
                raise ValueError("once")

        @flow
        async def many():
            flaky.map(range(3)).wait()

        async def sleepers(clock):
            await asyncio.gather(*(clock.sleep_async(60) for _ in range(3)))

        with FakeClock(self.BEGIN) as clock:
            asyncio.run(sleepers(clock))
            assert clock.now == self.BEGIN + timedelta(seconds=60)
            asyncio.run(many())
        assert clock.slept == [60] * 6

    def test_it_begins_now(self):
        before = datetime.now(UTC)
        assert before <= FakeClock().now <= datetime.now(UTC)

    def test_the_real_one_is_back_afterwards(self):
        with FakeClock(self.BEGIN):
            pass
        state = flow(lambda: None, name="quick")(return_state=True)
        assert state.timestamp > datetime(2026, 6, 1, tzinfo=UTC)


def test_the_history_is_readable_within(tmp_path):
    with harness() as home:
        flow(lambda n: n, name="quick")(3)
        (run,) = get_client(sync_client=True).read_flow_runs()
        assert json.dumps(run.parameters) == '{"n": 3}'
        assert home.is_dir()
