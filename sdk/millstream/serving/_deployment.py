"""A deployment: a flow with a name, schedules, parameters and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from millstream.exceptions import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta
    from typing import Unpack

    from millstream.flows import Flow
    from millstream.schedules import Schedule


class DeploymentOptions(TypedDict, total=False):
    """The options of `flow.to_deployment` and `flow.serve`.

    Attributes:
        interval: How often it is to run: seconds, a `timedelta`, or several of them.
        cron: When it is to run: a cron expression in UTC, or several.
        rrule: When it is to run: a recurrence rule in UTC, or several.
        schedule: A schedule of `millstream.schedules`, which may have a time zone and parameters of its own.
        schedules: Several of them; each may be a dict too, as `{"cron": "0 6 * * *", "parameters": {"full": True}}`.
        parameters: Of its runs, by name.
        description: What it is for; the flow's description unless given.
        tags: Of its runs.
        version: Free text; the flow's version unless given.
        paused: Whether it is only shown, and never runs.
    """

    interval: timedelta | float | Iterable[timedelta | float] | None
    cron: str | Iterable[str] | None
    rrule: str | Iterable[str] | None
    schedule: Schedule | Mapping[str, Any] | None
    schedules: Sequence[Schedule | Mapping[str, Any]] | None
    parameters: Mapping[str, Any] | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    paused: bool | None


class Deployment:
    """A flow that is to be served, made by `flow.to_deployment`.

    Attributes:
        flow: The flow.
        name: What it is called.
        schedules: When it runs.
        parameters: Of its runs; a schedule's own are put over them.
        description: What it is for.
        tags: Of its runs.
        version: Free text.
        paused: Whether it is only shown.
    """

    def __init__(self, flow: Flow[..., Any], name: str, **options: Unpack[DeploymentOptions]) -> None:
        from millstream.serving._options import checked  # noqa: PLC0415 - for those that are served

        try:
            given = checked(name, dict(options))
        except DeploymentError as error:
            raise error.with_traceback(None) from None
        self.flow = flow
        self.name = name
        self.schedules: tuple[Schedule, ...] = given["schedules"]
        self.parameters: dict[str, Any] = given["parameters"]
        self.description: str | None = given.get("description", flow.description)
        self.tags: tuple[str, ...] = given["tags"]
        self.version: str | None = given.get("version", flow.version)
        self.paused: bool = given.get("paused", False)

    def __repr__(self) -> str:
        return f"<deployment {self.name!r} of {self.flow!r}>"
