"""Runs of processes that did not live to write their end."""

import json

from history_home import a_flow_run, a_task_run, names

from millstream._history.processes import Presence, end_runs_of_the_dead
from millstream._history.schema import connect
from millstream._history.tables import write
from millstream.states import StateType


class TestRunsOfTheDead:
    def test_they_are_crashed(self, home):
        connection = connect(home)
        alive, dead = Presence(home), Presence(home)
        running = {"state_type": StateType.RUNNING, "state_name": "Running", "end_time": None}
        write(connection, [a_flow_run(1, **running), a_task_run(1, **running)], 5, alive.name)
        write(connection, [a_flow_run(2, **running), a_task_run(2, **running), a_flow_run(3)], 5, dead.name)
        waiting = [("RUNNING", "Running", 1.0, None), ("SCHEDULED", "AwaitingRetry", 2.0, "failed")]
        retry = running | {"state_type": StateType.SCHEDULED, "state_name": "AwaitingRetry", "past": waiting}
        write(connection, [a_flow_run(4, **retry)], 5, dead.name)
        dead.end()
        for _ in range(2):
            end_runs_of_the_dead(connection, home, 9.0)
        found = connection.execute("SELECT name, state_type FROM flow_runs ORDER BY id").fetchall()
        assert found == [
            ("run-1", "RUNNING"),
            ("run-2", "CRASHED"),
            ("run-3", "COMPLETED"),
            ("run-4", "CRASHED"),
        ]
        found = connection.execute("SELECT id, state_type FROM task_runs ORDER BY id").fetchall()
        assert found == [("id-000001", "RUNNING"), ("id-000002", "CRASHED")]
        (states,) = connection.execute("SELECT states FROM flow_runs WHERE name = 'run-4'").fetchone()
        assert [state[1] for state in json.loads(states)] == ["Running", "AwaitingRetry", "Crashed"]
        alive.end()
        connection.close()

    def test_clients_see_it(self, home, client):
        connection = connect(home)
        dead = Presence(home)
        running = {"state_type": StateType.RUNNING, "state_name": "Running", "end_time": None}
        write(connection, [a_flow_run(1, **running)], 5, dead.name)
        connection.close()
        assert client.read_flow_runs()[0].state_name == "Running"
        dead.end()
        (run,) = client.read_flow_runs()
        assert (run.state_name, run.end_time) == ("Crashed", None)
        assert "was killed" in run.state.message
        assert names(client.read_flow_run_states(run.id)) == ["Running", "Crashed"]
