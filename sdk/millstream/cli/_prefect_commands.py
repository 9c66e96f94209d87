"""Commands of Prefect's that there are not, and what to type in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEPLOY = "nothing: `millstream deploy` brings flows into the cluster, where the operator runs them (docs/deploy.md)"
_LIMITS = "`concurrency` of an entry in millstream.yaml, or the setting MILLSTREAM_CONCURRENCY_LIMITS"

INSTEAD = {
    "agent": _DEPLOY,
    "artifact": "`millstream history show RUN` (docs/artifacts.md)",
    "automation": "hooks of the flow (docs/notifications.md), or alerts (docs/operations.md)",
    "block create": "`millstream block register TYPE NAME`",
    "block inspect": "`millstream block show TYPE/NAME`",
    "block type": "`millstream block types`",
    "cancel": "`millstream run cancel RUN`",
    "cloud": "nothing: there is no account, only your cluster (docs/install.md)",
    "concurrency-limit": _LIMITS,
    "dashboard": "the dashboards of docs/dashboards.md",
    "deployment apply": "`millstream deploy`",
    "deployment build": "`millstream deploy`",
    "deployment inspect": "`millstream deployment show DEPLOYMENT`",
    "deployment schedule": "`millstream deployment show`, `pause` and `resume`; `millstream deploy` sets schedules",
    "event": "`kubectl get events`",
    "flow ls": "`millstream deployment ls`",
    "flow serve": "`serve()` of the flow in Python (docs/serve.md), or `millstream deploy`",
    "flow-run cancel": "`millstream run cancel RUN`",
    "flow-run delete": "`millstream run delete RUN`",
    "flow-run execute": "`millstream run FILE:FLOW`",
    "flow-run inspect": "`millstream run show RUN`",
    "flow-run logs": "`millstream run logs RUN`",
    "flow-run ls": "`millstream run ls`, and for runs of this machine `millstream history ls`",
    "flow-run retry": "`millstream run retry RUN`",
    "flow-run watch": "`millstream run logs -f RUN`",
    "gcl": _LIMITS,
    "global-concurrency-limit": _LIMITS,
    "logs": "`millstream run logs RUN`",
    "profile create": "`millstream config profile create`",
    "profile inspect": "`millstream config view`",
    "profile ls": "`millstream config profile ls`",
    "profile use": "`millstream config profile use`",
    "run inspect": "`millstream run show RUN`",
    "run watch": "`millstream run logs -f RUN`",
    "serve": "`serve()` of the flow in Python (docs/serve.md), or `millstream deploy`",
    "server": "nothing: the operator of the cluster needs no server (docs/install.md); `millstream doctor` looks at it",
    "shell": "a flow that calls subprocess.run",
    "task-run": "`millstream history show RUN`",
    "variable": "parameters of the deployment, or a block (`millstream block register`)",
    "work-pool": _DEPLOY,
    "work-queue": _DEPLOY,
    "worker": _DEPLOY,
}
"""By the first words of Prefect's command; it takes the first word also in the plural."""


def instead_of(words: Sequence[str]) -> tuple[str, str] | None:
    """A command of Prefect's that begins so, and what to type in its place; None if it is none."""
    if not words:
        return None
    first, *rest = words
    for name in (first, first.removesuffix("s")):
        for said in (" ".join([name, *rest[:1]]), name):
            if said in INSTEAD:
                return said, INSTEAD[said]
    return None
