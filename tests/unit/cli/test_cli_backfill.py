"""What a backfill says while it is carried out."""

from datetime import UTC, datetime

import pytest

from millstream._cluster.backfills import Step, Tick
from millstream.cli._backfill import carry_out
from millstream.exceptions import ClusterUnreachable, DeploymentError, ObjectInvalid
from millstream.resources.schedule_spec import ScheduleSpec

HOURLY = ScheduleSpec.model_validate({"name": "hourly", "cron": "0 * * * *", "timeZone": "Europe/Berlin"})
TICKS = [Tick(datetime(2026, 1, 1, hour, tzinfo=UTC), f"etl-{hour}", None) for hour in range(3)]


@pytest.mark.parametrize("kind", [ClusterUnreachable, DeploymentError, ObjectInvalid, KeyboardInterrupt])
def test_whatever_stops_it_it_says_how_to_go_on(capsys, kind):
    def steps():
        yield Step(TICKS[0], created=False)
        yield Step(TICKS[1], created=True)
        raise kind

    with pytest.raises(kind):
        carry_out(steps(), TICKS, HOURLY)
    said = capsys.readouterr()
    assert [line.split()[1:4] for line in said.out.splitlines()] == [
        ["etl-0", "was", "there"],
        ["etl-1", "created", "(2"],
    ]
    assert "Stopped: 1 of 3 runs are created" in said.err
    assert "repeat the command with --from 2026-01-01T03:00:00+01:00." in said.err
