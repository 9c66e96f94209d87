"""The scheduler, and the kubelet of the one node."""

from builders import text

from cluster_model.api_server import ApiServer
from cluster_model.objects import Object, deleting, ended, runs, started
from millstream.resources import labels
from millstream.resources.completion_record import CompletionRecord
from millstream.resources.reasons import Reason
from millstream.resources.states import RunState
from millstream_operator.kinds import PODS


class Kubelet:
    """What happens to pods where they run. Each method makes one step; True if it did something."""

    def __init__(self) -> None:
        self.api = ApiServer()

    @property
    def pods(self) -> list[Object]:
        return self.api.of(PODS)

    def live_pods(self) -> list[Object]:
        """Give the pods in which the flow runs or still may come to run."""
        return [pod for pod in self.pods if runs(pod) or not (ended(pod) or deleting(pod))]

    def bind(self, pod: Object) -> bool:
        if pod["spec"].get("nodeName") or deleting(pod):
            return False
        pod["spec"]["nodeName"] = "node-1"
        self.api.changed(PODS, pod)
        return True

    def wait(self, pod: Object, reason: str) -> None:
        if pod["spec"].get("nodeName") and not (ended(pod) or runs(pod)):
            state = {"waiting": {"reason": reason, "message": "said the kubelet"}}
            pod["status"]["containerStatuses"] = [{"name": "flow", "state": state}]
            self.api.changed(PODS, pod)

    def start(self, pod: Object) -> bool:
        if not pod["spec"].get("nodeName") or deleting(pod) or ended(pod) or runs(pod):
            return False
        state = {"running": {"startedAt": text(self.api.now)}}
        pod["status"] |= {"phase": "Running", "containerStatuses": [{"name": "flow", "state": state}]}
        self.api.changed(PODS, pod)
        return True

    def finish(self, pod: Object, code: int, record: tuple[RunState, Reason | None] | None) -> bool:
        if not runs(pod) or pod["spec"]["nodeName"] in self.api.lost_nodes:
            return False
        self.end(pod, code, record)
        return True

    def stop(self, pod: Object, code: int | None, record: tuple[RunState, Reason | None] | None) -> bool:
        """Stop a pod that is to be deleted, if its node answers."""
        if not deleting(pod) or ended(pod) or pod["spec"].get("nodeName") in self.api.lost_nodes:
            return False
        self.end(pod, code, record) if runs(pod) else self.end(pod, 137, None)
        return True

    def evict(self, pod: Object) -> None:
        pod["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True"}]
        self.api.mark_deleted(PODS, pod)

    def end(self, pod: Object, code: int | None, record: tuple[RunState, Reason | None] | None) -> None:
        if code is not None:
            message = ""
            if record:
                own = pod["metadata"]["labels"]
                left = CompletionRecord(
                    uid=own[labels.RUN_UID],
                    attempt=int(own[labels.ATTEMPT]),
                    state=record[0],
                    reason=record[1],
                    message="said the flow",
                )
                message = left.encode().decode()
            times = {"startedAt": started(pod) or text(self.api.now), "finishedAt": text(self.api.now)}
            state = {"terminated": {"exitCode": code, "message": message, **times}}
            pod["status"]["containerStatuses"] = [{"name": "flow", "state": state}]
        pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        self.api.changed(PODS, pod)
        self.api.collect_garbage_of(PODS, pod)
