"""The controllers of Kubernetes that have to do with Jobs: the garbage collectors, and the Job controller."""

from builders import text

from cluster_model.api_server import FOREGROUND
from cluster_model.kubelet import Kubelet
from cluster_model.objects import Object, copied, deleting, ended
from millstream_operator.kinds import JOBS, PODS

TRACKED = "batch.kubernetes.io/job-tracking"


class Cluster(Kubelet):
    """What Kubernetes does with the objects. Each method makes one step; True if it did something."""

    @property
    def jobs(self) -> list[Object]:
        return self.api.of(JOBS)

    # --- the garbage collector and the pod garbage collector ---

    def collect_garbage(self) -> bool:
        uids = {o["metadata"]["uid"] for objects in self.api.objects.values() for o in objects.values()}
        done = False
        for kind in (JOBS, PODS):
            for o in self.api.of(kind):
                (owner,) = o["metadata"]["ownerReferences"]
                if owner["uid"] not in uids and not deleting(o):
                    self.api.mark_deleted(kind, o)
                    done = True
        for job in self.jobs:
            if FOREGROUND in job["metadata"].get("finalizers", ()):
                done |= self._delete_in_foreground(job)
        for pod in self.pods:
            if deleting(pod) and not pod["spec"].get("nodeName") and not ended(pod):
                self.end(pod, None, None)
                done = True
        return done

    def _delete_in_foreground(self, job: Object) -> bool:
        pods = self.pods_of(job)
        if not pods:
            job["metadata"]["finalizers"].remove(FOREGROUND)
            self.api.changed(JOBS, job)
            self.api.collect_garbage_of(JOBS, job)
            return True
        todo = [pod for pod in pods if not deleting(pod)]
        for pod in todo:
            self.api.mark_deleted(PODS, pod)
        return bool(todo)

    # --- the Job controller ---

    def pods_of(self, job: Object) -> list[Object]:
        uid = job["metadata"]["uid"]
        return [pod for pod in self.pods if pod["metadata"]["ownerReferences"][0]["uid"] == uid]

    def control_jobs(self) -> bool:
        done = sum(self._control(job) for job in self.jobs) > 0
        uids = {job["metadata"]["uid"] for job in self.jobs}
        for pod in self.pods:
            orphan = pod["metadata"]["ownerReferences"][0]["uid"] not in uids
            if orphan and TRACKED in pod["metadata"]["finalizers"]:
                self._untrack(pod)
                done = True
        return done

    def _control(self, job: Object) -> bool:
        status, pods = job["status"], self.pods_of(job)
        conditions = {condition["type"] for condition in status.setdefault("conditions", [])}
        done = False
        if not conditions & {"Complete", "Failed"}:
            if any(pod["status"]["phase"] == "Succeeded" for pod in pods):
                status["conditions"].append({"type": "Complete", "status": "True"})
                done = True
            elif failed := [
                pod for pod in pods if pod["status"]["phase"] == "Failed" and not job["spec"].get("suspend")
            ]:
                target = next((c for c in status["conditions"] if c["type"] == "FailureTarget"), None)
                reason, message = (
                    (target["reason"], target["message"]) if target else self._why_failed(failed[0])
                )
                status["conditions"].append(
                    {"type": "Failed", "status": "True", "reason": reason, "message": message}
                )
                done = True
            elif not pods and "FailureTarget" in conditions:
                status["conditions"].append(
                    {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
                )
                done = True
            elif not pods and not deleting(job) and not job["spec"].get("suspend"):
                self._create_pod(job)
                return True
        if done:
            self.api.changed(JOBS, job)
        for pod in pods:
            if ended(pod) and TRACKED in pod["metadata"]["finalizers"]:
                self._untrack(pod)
                done = True
        return done

    def suspend(self, job: Object, *, suspended: bool) -> None:
        """Suspend a Job, as Kueue does, or let it go on."""
        if bool(job["spec"].get("suspend")) == suspended or job["status"].get("conditions") or deleting(job):
            return
        job["spec"]["suspend"] = suspended
        job["status"]["startTime"] = None if suspended else text(self.api.now)
        self.api.changed(JOBS, job)
        for pod in self.pods_of(job) if suspended else ():
            if not (deleting(pod) or ended(pod)):
                self.api.mark_deleted(PODS, pod)

    def _why_failed(self, pod: Object) -> tuple[str, str]:
        name = pod["metadata"]["name"]
        if pod["status"].get("conditions"):
            return (
                "PodFailurePolicy",
                f"Pod {name} has condition DisruptionTarget matching FailJob rule at index 0",
            )
        code = next((s["state"]["terminated"]["exitCode"] for s in pod["status"]["containerStatuses"]), None)
        if code:
            text = (
                f"Container flow for pod {name} failed with exit code {code} matching FailJob rule at index 1"
            )
            return "PodFailurePolicy", text
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"

    def _untrack(self, pod: Object) -> None:
        pod["metadata"]["finalizers"].remove(TRACKED)
        self.api.changed(PODS, pod)
        self.api.collect_garbage_of(PODS, pod)

    def _create_pod(self, job: Object) -> None:
        meta, spec = job["metadata"], job["spec"]["template"]
        self.api.add(
            PODS,
            {
                "metadata": {
                    "name": f"{meta['name']}-{meta['uid']}",
                    "labels": spec["metadata"]["labels"],
                    "finalizers": [*spec["metadata"]["finalizers"], TRACKED],
                    "ownerReferences": [
                        {"kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
                    ],
                },
                "spec": copied(spec["spec"]),
                "status": {"phase": "Pending", "containerStatuses": []},
            },
        )

    def exceed_deadline(self, job: Object) -> None:
        if job["status"].get("conditions") or deleting(job):
            return
        said = {
            "type": "FailureTarget",
            "status": "True",
            "reason": "DeadlineExceeded",
            "message": "too long",
        }
        job["status"]["conditions"] = [said]
        self.api.changed(JOBS, job)
        for pod in self.pods_of(job):
            if not deleting(pod):
                self.api.mark_deleted(PODS, pod)
