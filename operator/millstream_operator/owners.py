"""What series are about: they begin at zero when it comes, and go when it goes."""

from collections import Counter
from collections.abc import Iterable

from millstream_operator.cache import Cache
from millstream_operator.decide.observed import Deployment, Run
from millstream_operator.kinds import FLOW_DEPLOYMENTS, FLOW_RUNS
from millstream_operator.metric_registry import LABEL_VALUES, METRICS
from millstream_operator.metrics import Metrics
from millstream_operator.series import Owner
from millstream_operator.user_metrics import UserMetrics

__all__ = ["Owners"]

_OF_NAMESPACE = ("millstream_pod_failures_total",)
# Without histograms: two thirds of all lines, they wait for the first run, which is shown as zero at first like any other.
_OF_DEPLOYMENT = (
    "millstream_flow_runs_created_total",
    "millstream_flow_runs_finished_total",
    "millstream_flow_runs_skipped_total",
    "millstream_flow_run_retries_total",
    "millstream_task_runs_finished_total",
    "millstream_task_retries_total",
)


class Owners:
    """The deployments and namespaces that there are, as the cache tells of them.

    No series begins before this operator leads: it would show once more what another one counts.
    """

    def __init__(self, metrics: Metrics, user: UserMetrics, cache: Cache) -> None:
        """Know of none.

        Args:
            metrics: whose series begin and go.
            user: what flows record, likewise.
            cache: is listened to.
        """
        self._metrics = metrics
        self._user = user
        self._cache = cache
        self._objects: Counter[str] = Counter()
        self._begun = False
        cache.tell(FLOW_DEPLOYMENTS, self._deployment_moved)
        cache.tell(FLOW_RUNS, self._run_moved)

    def begin(self) -> None:
        """Begin the series of all that there is."""
        self._begun = True
        for namespace in self._objects:
            self._begin(_OF_NAMESPACE, (namespace,))
        for deployment in self._cache.deployments():
            self._begin_deployment(deployment)
        for run in self._cache.runs():
            self._begin_run(run)

    def _deployment_moved(self, old: Deployment | None, new: Deployment | None) -> None:
        self._count(old, new)
        if not self._begun:
            return
        if new is None and old is not None:
            self._metrics.end(self._metrics.of((old.namespace, old.name)))
        elif new is not None and old is None:
            self._begin_deployment(new)
        elif new is not None and old is not None and old.spec.metrics != new.spec.metrics:
            self._user.declare(new)

    def _run_moved(self, old: Run | None, new: Run | None) -> None:
        self._count(old, new)
        if self._begun and old is None and new is not None:
            self._begin_run(new)

    def _count(self, old: Deployment | Run | None, new: Deployment | Run | None) -> None:
        """Count the objects of a namespace: with the first its series begin, and with the last they go."""
        if old is None and new is not None:
            self._objects[new.namespace] += 1
            if self._begun and self._objects[new.namespace] == 1:
                self._begin(_OF_NAMESPACE, (new.namespace,))
        elif new is None and old is not None:
            self._objects[old.namespace] -= 1
            if not self._objects[old.namespace]:
                del self._objects[old.namespace]
                self._metrics.end(self._metrics.of((old.namespace, "")))

    def _begin_deployment(self, deployment: Deployment) -> None:
        self._begin(_OF_DEPLOYMENT, (deployment.namespace, deployment.name))
        self._user.declare(deployment)

    def _begin_run(self, run: Run) -> None:
        """Begin the series of runs that are of no deployment with the first such run of a namespace."""
        if self._cache.deployment(run.namespace, run.deployment or "") is None:
            self._begin(_OF_DEPLOYMENT, (run.namespace, ""))

    def _begin(self, names: Iterable[str], owner: tuple[str] | Owner) -> None:
        for name in names:
            values = [v for label in METRICS[name].labels for v in LABEL_VALUES.get((name, label), ())]
            for value in values:
                self._metrics.begin(name, *owner, value)
            if not values:
                self._metrics.begin(name, *owner)
