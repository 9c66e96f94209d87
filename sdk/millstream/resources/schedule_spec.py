"""When a deployment's runs are due: its schedules, and what the operator remembers of each."""

import hashlib
import json
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from millstream.resources.model import FreeForm, Model, StoredModel, validation, validations
from millstream.schedules import Cron, Interval, RRule, Schedule

__all__ = ["MissedPolicy", "ScheduleSpec", "ScheduleStatus"]

_DAY = 86_400
_Name = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class MissedPolicy(StrEnum):
    """What happens to ticks that no operator was there for."""

    SKIP = "Skip"
    """None of them is run."""
    LATEST = "Latest"
    """The latest is run."""
    ALL = "All"
    """Each is run, within `missedDeadlineSeconds` and `maxCatchUp`."""


class ScheduleSpec(Model):
    """When runs are due: by a cron expression, an interval or a recurrence rule."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            (
                "[has(self.cron), has(self.interval), has(self.rrule)].filter(given, given).size() == 1",
                "give exactly one of cron, interval and rrule",
            ),
            ("!has(self.anchor) || has(self.interval)", "anchor goes with interval"),
        )
    )

    name: _Name = Field(description="Name of the schedule; a run carries it as spec.scheduleName.")
    cron: str | None = Field(
        default=None, min_length=1, max_length=256, description="Cron expression of five fields, or @daily."
    )
    interval: int | None = Field(default=None, ge=1, le=366 * _DAY, description="Seconds between two ticks.")
    anchor: AwareDatetime | None = Field(
        default=None,
        description="A time at which an interval begins; 1970-01-01T00:00:00Z if not given.",
        json_schema_extra=validation("self.getFullYear() >= 1970", "anchor must be from 1970 on"),
    )
    rrule: str | None = Field(
        default=None, min_length=1, max_length=4096, description="Recurrence rule of RFC 5545."
    )
    time_zone: str = Field(default="UTC", max_length=64, description="IANA name, Europe/Berlin for instance.")
    parameters: FreeForm = Field(default_factory=dict, description="Parameters, over the deployment's.")
    suspend: bool = Field(default=False, description="No runs of this schedule while true.")
    missed: MissedPolicy = Field(
        default=MissedPolicy.LATEST,
        description="What is run of ticks that are more than 10 seconds late: Skip, Latest or All.",
    )
    missed_deadline_seconds: int | None = Field(
        default=None, ge=1, le=366 * _DAY, description="A tick that is later than this is not run."
    )
    max_catch_up: int = Field(
        default=10, ge=1, le=100, description="With missed: All, how many of the newest ticks are run."
    )

    def parsed(self) -> Schedule:
        """Give what computes its ticks.

        Raises:
            InvalidScheduleError: It cannot be read; the message says why.
        """
        return _parsed(self.cron, self.interval, self.anchor, self.rrule, self.time_zone)

    def timing_hash(self, *, suspended: bool) -> str:
        """Sum up what decides when it fires: when this changes, nothing fires for the past."""
        timing = self.model_dump(mode="json", include={"cron", "interval", "anchor", "rrule", "time_zone"})
        text = json.dumps([timing, suspended or self.suspend], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@lru_cache(maxsize=4096)
def _parsed(
    cron: str | None, interval: int | None, anchor: datetime | None, rrule: str | None, time_zone: str
) -> Schedule:
    if cron is not None:
        return Cron(cron, timezone=time_zone)
    if rrule is not None:
        return RRule(rrule, timezone=time_zone)
    return Interval(timedelta(seconds=interval or 0), anchor=anchor, timezone=time_zone)


class ScheduleStatus(StoredModel):
    """What the operator remembers of a schedule."""

    name: str = Field(max_length=63, description="Name of the schedule.")
    spec_hash: str = Field(max_length=64, description="Of the timing that since and lastTime are about.")
    since: AwareDatetime = Field(description="Nothing is due from before this.")
    last_time: AwareDatetime | None = Field(default=None, description="Latest tick that was dealt with.")
    next_time: AwareDatetime | None = Field(default=None, description="When the next run is due.")
    message: str = Field(default="", max_length=1024, description="Why there is no nextTime.")
