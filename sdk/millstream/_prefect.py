"""Names of Prefect that Millstream has not, and what to use in their place. docs/prefect.toml has the same words."""

from __future__ import annotations

INSTEAD = {
    "DaskTaskRunner": "use ExecutorTaskRunner(client.get_executor)",
    "PrefectTaskRunner": "use a FlowRun of a small flow",
    "RayTaskRunner": "use ExecutorTaskRunner(client.get_executor)",
    "deploy": "use a FlowDeployment (README.md)",
    "pause_flow_run": "use spec.suspend of the FlowRun (docs/runs.md)",
    "resume_flow_run": "use spec.suspend of the FlowRun (docs/runs.md)",
    "suspend_flow_run": "use spec.suspend of the FlowRun (docs/runs.md)",
}


def missing(module: str, name: str) -> ImportError | AttributeError:
    """The exception for a name that a module has not.

    For Prefect's names it is an ImportError, as `from millstream import deploy` would lose the words of any other.
    """
    if name in INSTEAD:
        return ImportError(f"{module} has no {name}: {INSTEAD[name]}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}")
