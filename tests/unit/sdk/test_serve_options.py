"""What can be served, and what is said of what cannot, before anything is scheduled."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

import millstream
from millstream import flow, serve
from millstream.exceptions import DeploymentError
from millstream.schedules import Cron, Interval, RRule
from millstream.serving import Deployment


@flow
def etl(day: int = 1, site: str = "news") -> None:
    """Load a day.

    And more.
    """


@flow
def needs(day: int) -> None: ...


class TestSchedules:
    @pytest.mark.parametrize(
        ("options", "schedules"),
        [
            ({"interval": 60}, [Interval(60)]),
            ({"interval": timedelta(hours=1)}, [Interval(3600)]),
            ({"interval": [60, timedelta(hours=1)]}, [Interval(60), Interval(3600)]),
            ({"cron": "0 6 * * *"}, [Cron("0 6 * * *")]),
            ({"cron": ["0 6 * * *", "@daily"]}, [Cron("0 6 * * *"), Cron("@daily")]),
            ({"rrule": "FREQ=DAILY"}, [RRule("FREQ=DAILY")]),
            ({"rrule": ("FREQ=DAILY", "FREQ=WEEKLY")}, [RRule("FREQ=DAILY"), RRule("FREQ=WEEKLY")]),
            ({"interval": 60, "cron": "@daily"}, [Interval(60), Cron("@daily")]),
            (
                {"schedule": Cron("@daily", timezone="Europe/Berlin")},
                [Cron("@daily", timezone="Europe/Berlin")],
            ),
            ({"schedules": [Cron("@daily"), Interval(5)]}, [Cron("@daily"), Interval(5)]),
            (
                {"schedules": [{"cron": "@daily", "timezone": "Europe/Berlin", "slug": "a"}]},
                [Cron("@daily", timezone="Europe/Berlin", slug="a")],
            ),
            (
                {
                    "schedules": [
                        {"interval": 60, "anchor": datetime(2026, 1, 1, tzinfo=UTC), "active": False}
                    ]
                },
                [Interval(60, datetime(2026, 1, 1, tzinfo=UTC), active=False)],
            ),
            (
                {"schedules": [{"schedule": Cron("@daily", slug="a"), "parameters": {"day": 2}}]},
                [Cron("@daily", slug="a", parameters={"day": 2})],
            ),
            ({"schedules": []}, []),
            ({"cron": None, "interval": None}, []),
        ],
    )
    def test_given(self, options, schedules):
        assert list(etl.to_deployment("d", **options).schedules) == schedules

    def test_parameters_of_a_schedule_change_no_tick(self):
        plain, own = Cron("@daily"), Cron("@daily", parameters={"day": 2}, slug="a", active=False)
        now = datetime(2026, 1, 1, tzinfo=UTC)
        assert plain.next(now, 3) == own.next(now, 3)
        assert plain != own

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"cron": "61 * * * *"}, "Deployment 'd': cron '61 * * * *': "),
            ({"cron": 5}, "Deployment 'd': cron 5: "),
            ({"interval": 0}, "Deployment 'd': interval 0: interval must be whole seconds"),
            ({"interval": 0.5}, "Deployment 'd': interval 0.5: "),
            ({"interval": "60"}, "Deployment 'd': interval '60': interval must be a timedelta or a number"),
            ({"rrule": "FREQ=SOMETIMES"}, "Deployment 'd': rrule 'FREQ=SOMETIMES': "),
            (
                {"schedules": [{"cron": "@daily", "timezone": "Europe/Berln"}]},
                "schedule 1 of schedules: there is no ",
            ),
            ({"schedules": [Cron("@daily"), "x"]}, "schedule 2 of schedules: it is Cron("),
            (
                {"schedules": [{"cron": "@daily", "interval": 5}]},
                "has one of cron, interval, rrule and schedule",
            ),
            ({"schedules": [{}]}, "and got none"),
            ({"schedules": [{"crno": "@daily"}]}, "there is no crno in a schedule"),
            ({"schedules": [{"cron": "@daily", "anchor": 5}]}, "anchor goes with interval"),
            ({"schedules": [{"schedule": "@daily"}]}, "its schedule is one of millstream.schedules"),
            (
                {"schedules": [{"schedule": Cron("@daily"), "timezone": "UTC"}]},
                "stand in the schedule itself",
            ),
            ({"schedules": Cron("@daily")}, "Deployment 'd': schedules: it is a list, as [Cron("),
            ({"schedules": [Cron("@daily", parameters=[1])]}, "its parameters are values by name"),
            ({"schedules": [Cron("@daily", active="no")]}, "active is True or False"),
            ({"schedules": [Cron("@daily", slug=1)]}, "its slug is text"),
            (
                {"schedules": [Cron("@daily", slug="a"), Interval(5, slug="a")]},
                "two schedules have the slug 'a'",
            ),
        ],
    )
    def test_wrong(self, options, message):
        with pytest.raises(DeploymentError) as caught:
            etl.to_deployment("d", **options)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


class TestDeployment:
    def test_all_of_it(self):
        deployment = etl.to_deployment(
            "nightly", parameters={"day": 2}, description="x", tags=["a", "b"], version="3", paused=True
        )
        assert isinstance(deployment, Deployment)
        assert (deployment.name, deployment.flow, deployment.parameters) == ("nightly", etl, {"day": 2})
        assert (deployment.description, deployment.tags, deployment.version) == ("x", ("a", "b"), "3")
        assert deployment.paused
        assert repr(deployment) == "<deployment 'nightly' of <flow 'etl'>>"

    def test_what_the_flow_says(self):
        deployment = etl.with_options(version="7").to_deployment("d")
        assert (deployment.version, deployment.paused, deployment.parameters) == ("7", False, {})

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"parameters": [1]}, "parameters are values by name"),
            ({"parameters": {1: 1}}, "parameters are values by name"),
            ({"tags": "nightly"}, "tags are a list of texts"),
            ({"tags": [1]}, "tags are a list of texts"),
            ({"description": 1}, "description is text, not 1"),
            ({"paused": "no"}, "paused is True or False, not 'no'"),
            ({"crno": "@daily"}, "it has no option crno (did you mean cron?)"),
            ({"work_pool_name": "x"}, "it has no option work_pool_name (use `millstream deploy`"),
            ({"triggers": []}, "it has no option triggers (leave it out; there are no events"),
            ({"webserver": True}, "it has no option webserver (leave it out; there is no server)"),
            ({"global_limit": 1}, "it has no option global_limit (use limit of serve"),
        ],
    )
    def test_wrong(self, options, message):
        with pytest.raises(DeploymentError) as caught:
            etl.to_deployment("d", **options)
        assert f"Deployment 'd': {message}" in str(caught.value)

    @pytest.mark.parametrize("name", ["", "a/b", 1])
    def test_name(self, name):
        with pytest.raises(DeploymentError, match=f"Deployment {name!r}: "):
            etl.to_deployment(name)

    def test_all_problems_at_once(self):
        with pytest.raises(DeploymentError) as caught:
            etl.to_deployment("d", cron=["x", "y"], interval=-1, tags="t")
        lines = str(caught.value).splitlines()
        assert lines[0] == "This cannot be served:"
        assert len(lines) == 5


class TestServe:
    @pytest.mark.parametrize(
        ("deployments", "options", "message"),
        [
            ([], {}, "serve takes one or more deployments"),
            ([etl], {}, "serve takes deployments, as my_flow.to_deployment("),
            ([etl.to_deployment("d")], {}, "Deployment 'd' has no schedule, and there is no server"),
            ([etl.to_deployment("d", interval=5)] * 2, {}, "2 deployments have the name 'd'"),
            (
                [etl.to_deployment("d", interval=5)],
                {"limit": 0},
                "limit is how many runs there may be at once",
            ),
            ([etl.to_deployment("d", interval=5)], {"limit": True}, "limit is how many runs"),
            (
                [etl.to_deployment("d", interval=5)],
                {"pause_on_shutdown": False},
                "pause_on_shutdown=False cannot be",
            ),
            ([etl.to_deployment("d", interval=5)], {"webserver": True}, "serve has no option webserver"),
            (
                [etl.to_deployment("d", interval=5)],
                {"limits": 1},
                "serve has no option limits (did you mean limit?)",
            ),
            (
                [needs.to_deployment("d", interval=5)],
                {},
                "Deployment 'd': Flow 'needs' cannot be called like this",
            ),
            (
                [etl.to_deployment("d", interval=5, parameters={"day": "x"})],
                {},
                "Deployment 'd': Flow 'etl' got a bad parameter: day: ",
            ),
            (
                [needs.to_deployment("d", schedules=[Interval(5, parameters={"day": "x"}, slug="fast")])],
                {},
                "Deployment 'd', schedule 'fast': Flow 'needs' got a bad parameter",
            ),
        ],
    )
    def test_wrong(self, deployments, options, message):
        with pytest.raises(DeploymentError) as caught:
            serve(*deployments, **options)
        assert message in str(caught.value)

    def test_all_problems_at_once(self):
        with pytest.raises(DeploymentError) as caught:
            serve(needs.to_deployment("a", interval=[5, 6]), needs.to_deployment("b"), limit=0)
        assert len(str(caught.value).splitlines()) == 4

    def test_what_a_flow_is_closed_over_has_to_be_sendable(self):
        lock = threading.Lock()

        @flow
        def locked():
            with lock:
                return

        with pytest.raises(DeploymentError, match=r"^Deployment 'd': its flow or parameters cannot be sent "):
            locked.serve("d", interval=3600)
        with pytest.raises(DeploymentError) as caught:
            serve(locked.to_deployment("a", interval=[5, 6]), locked.to_deployment("b", interval=5))
        assert len(str(caught.value).splitlines()) == 3

    def test_not_inside_of_a_flow(self):
        @flow
        def outer():
            etl.serve(interval=5)

        with pytest.raises(DeploymentError, match="call it beside flows, not inside of one"):
            outer()

    def test_not_in_an_event_loop(self):
        async def main():
            etl.serve(interval=5)

        with pytest.raises(DeploymentError, match=r"use `await millstream.aserve\(my_flow.to_deployment"):
            asyncio.run(main())

    def test_not_in_another_thread(self):
        caught = []

        def main():
            try:
                etl.serve(interval=5)
            except DeploymentError as error:
                caught.append(str(error))

        thread = threading.Thread(target=main)
        thread.start()
        thread.join()
        assert "only the main thread can" in caught[0]

    def test_names(self):
        assert millstream.serving.serve is millstream.serve
        assert millstream.serving.aserve is millstream.aserve
