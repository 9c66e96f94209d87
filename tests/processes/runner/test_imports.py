"""A run pod loads what it needs: the operator's libraries are not even installed there."""

import subprocess
import sys

FOREIGN = ["aiohttp", "jsonschema_rs", "kopf", "kubernetes", "millstream_operator", "prometheus_client"]
HEAVY = ["asyncio", "pydantic", "subprocess", "millstream.runner._child", "millstream.entrypoint"]


def test_flow_process(run):
    outcome = run(
        """
        @flow
        def main(names: list[str]): return [name for name in names if name in sys.modules]
        """,
        parameters={"names": ["millstream", "pydantic", *FOREIGN]},
    )
    assert outcome.record.result == ["millstream", "pydantic"]


def test_supervisor_loads_little_beyond_the_package_itself():
    modules = [
        set(
            subprocess.check_output(
                [sys.executable, "-c", f"import sys, {name}; print(*sys.modules)"], text=True
            ).split()
        )
        for name in ("millstream", "millstream.runner._supervisor")
    ]
    assert not (modules[1] - modules[0]) & {*FOREIGN, *HEAVY}
    assert not modules[1] & {*FOREIGN, "pydantic"}
