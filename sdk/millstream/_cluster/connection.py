"""Finding a cluster: by kubeconfig, as kubectl does, or in a pod by its service account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millstream.exceptions import ClusterUnreachable

if TYPE_CHECKING:
    from kubernetes.client import Configuration

    from millstream._cluster.cluster import Cluster

_OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Place(NamedTuple):
    """Which cluster, and where in it; what is None is as the kubeconfig says.

    Attributes:
        kubeconfig: The path of a kubeconfig.
        context: The name of a context of it.
        namespace: A namespace.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    def connect(self) -> Cluster:
        """Find the cluster; nothing is asked of it yet.

        Raises:
            ClusterUnreachable: No cluster is configured, or the `kubernetes` package is not installed.
        """
        from millstream._cluster.cluster import Cluster  # noqa: PLC0415 - slow to import

        configuration, namespace = self._configuration()
        return Cluster(configuration, self.namespace or namespace)

    def _configuration(self) -> tuple[Configuration, str]:
        try:
            from kubernetes import client, config  # noqa: PLC0415 - slow to import, and an extra
        except ModuleNotFoundError as error:
            raise ClusterUnreachable(
                "To speak to a cluster, the kubernetes package is needed: pip install 'millstream[kubernetes]'."
            ) from error
        configuration = client.Configuration()
        path = self.kubeconfig or os.environ.get("KUBECONFIG")
        try:
            if path or self.context or "KUBERNETES_SERVICE_HOST" not in os.environ:
                path = path or _default_kubeconfig()
                config.load_kube_config(path, self.context, configuration)  # type: ignore[no-untyped-call]
                return configuration, self._namespace_of_context(config, path)
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError, ValueError) as error:
            raise ClusterUnreachable(
                f"No cluster is configured: {error}. Set KUBECONFIG, or give --kubeconfig or --context."
            ) from error
        return configuration, _OWN_NAMESPACE.read_text(encoding="utf-8").strip()

    def _namespace_of_context(self, config: Any, path: str) -> str:
        contexts, current = config.list_kube_config_contexts(path)
        (chosen,) = [one for one in contexts if one["name"] == (self.context or current["name"])]
        return chosen["context"].get("namespace") or "default"


def _default_kubeconfig() -> str:
    """As the kubernetes package has it, which looks once only, when it is imported."""
    return str(Path.home() / ".kube" / "config")
