"""Names of Prefect that Millstream has not, and what to use in their place. docs/prefect.toml has the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTEAD = {
    "DaskTaskRunner": "use ExecutorTaskRunner(client.get_executor)",
    "PrefectTaskRunner": "use a FlowRun of a small flow",
    "RayTaskRunner": "use ExecutorTaskRunner(client.get_executor)",
    "SequentialTaskRunner": "use ThreadPoolTaskRunner(max_workers=1)",
    "deploy": "use `millstream deploy` (docs/deploy.md)",
    "pause_flow_run": "use spec.suspend of the FlowRun (docs/runs.md)",
    "resume_flow_run": "use spec.suspend of the FlowRun (docs/runs.md)",
    "suspend_flow_run": "use spec.suspend of the FlowRun (docs/runs.md)",
}

MODULES = {
    "assets": "a later release brings them",
    "automations": "a later release brings them",
    "events": "a later release brings them",
    "flow_runs": "use spec.suspend of the FlowRun (docs/runs.md)",
    "infrastructure": "use spec.pod of a FlowDeployment",
    "input": "use parameters",
    "orion": "use millstream.client.schemas",
    "server": "use millstream.client.schemas",
    "variables": "a later release brings them",
    "workers": "use `millstream deploy` (docs/deploy.md)",
}


class MissingModules:
    """Tells what to use in the place of Prefect's modules. The last finder of imports: it is asked for what no other finds.

    Args:
        package: Where the modules would be.
        instead: What to do, by the module's name in the package.
    """

    def __init__(self, package: str, instead: Mapping[str, str]) -> None:
        self._package = package
        self._instead = instead

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        """Find nothing.

        Raises:
            ImportError: It is one of these modules, or inside of one; no ModuleNotFoundError, which a `from` import
                would put its own words in the place of.
        """
        del path, target
        if not name.startswith(f"{self._package}."):
            return
        for place, instead in self._instead.items():
            if f"{name}.".startswith(f"{self._package}.{place}."):
                raise ImportError(f"There is no {name}: {instead}", name=name)


def missing(module: str, name: str) -> ImportError | AttributeError:
    """The exception for a name that a module has not.

    For Prefect's names it is an ImportError, as `from millstream import deploy` would lose the words of any other.
    """
    if name in INSTEAD:
        return ImportError(f"{module} has no {name}: {INSTEAD[name]}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}")
