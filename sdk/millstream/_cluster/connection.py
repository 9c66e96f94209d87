"""Finding a cluster: by kubeconfig, as kubectl does, or in a pod by its service account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from millstream.exceptions import ClusterForbidden, ClusterUnreachable, SettingsError
from millstream.resources.names import is_label
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from ssl import SSLContext

    from kubernetes.client import Configuration

    from millstream._cluster.cluster import Cluster

_OWN_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Place(NamedTuple):
    """Which cluster, and where in it; what is None is as the settings say, and then the kubeconfig.

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
            ClusterForbidden: This is a pod without credentials.
            SettingsError: No namespace can be called so.
        """
        try:
            from millstream._cluster.cluster import Cluster  # noqa: PLC0415 - slow to import, and of an extra
        except ModuleNotFoundError as error:
            raise without_extra() from error
        settings = get_current_settings()
        # A context belongs to the kubeconfig that it was set for.
        context = self.context or (None if self.kubeconfig else settings.cluster_context)
        configuration, tls, namespace = self._configuration(context)
        namespace = self.namespace or settings.cluster_namespace or namespace
        if not is_label(namespace):  # a path may lead to all of them
            raise SettingsError(f"{namespace!r} is no name of a namespace: these have a-z, 0-9 and - only.")
        return Cluster(configuration, namespace, tls)

    def _configuration(self, context: str | None) -> tuple[Configuration, SSLContext | None, str]:
        from kubernetes import client, config  # noqa: PLC0415 - slow to import, and an extra
        from yaml import YAMLError  # noqa: PLC0415

        from millstream._cluster.tls import SSLError, folder_for_keys, tls_context  # noqa: PLC0415 - as above

        configuration = client.Configuration()
        path = self.kubeconfig or os.environ.get("KUBECONFIG")
        try:
            if path or context or "KUBERNETES_SERVICE_HOST" not in os.environ:
                path = path or _default_kubeconfig()
                with folder_for_keys() as folder:
                    config.load_kube_config(  # type: ignore[no-untyped-call]
                        path, context, configuration, temp_file_path=folder
                    )
                    tls = tls_context(configuration)
                return configuration, tls, _namespace_of_context(path, context)
            if not _OWN_NAMESPACE.exists():
                raise ClusterForbidden(
                    "This pod has no credentials for the cluster: set spec.apiAccess of its FlowDeployment to Read "
                    "or Trigger (docs/access.md)."
                )
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        except (TypeError, AttributeError, KeyError, YAMLError) as error:
            # The package takes it for granted that a kubeconfig is one.
            said = " ".join(str(error).split()) if isinstance(error, YAMLError) else "it has another form"
            raise ClusterUnreachable(
                f"{path} is no kubeconfig: {said}. Mend it, or give another one."
            ) from error
        except SSLError as error:
            raise ClusterUnreachable(
                f"{path} has a certificate or a key that is none: {error.reason}. Mend it, or give another one."
            ) from error
        except (config.ConfigException, OSError, ValueError) as error:
            raise ClusterUnreachable(
                f"No cluster is configured: {str(error).rstrip('.')}. Set KUBECONFIG, or give --kubeconfig or "
                "--context."
            ) from error
        return configuration, None, _OWN_NAMESPACE.read_text(encoding="utf-8").strip()


def without_extra() -> ClusterUnreachable:
    """The exception for when packages are missing."""
    return ClusterUnreachable(
        "To speak to a cluster, the kubernetes package is needed: pip install 'millstream[kubernetes]'."
    )


def _namespace_of_context(path: str, context: str | None) -> str:
    from kubernetes.config.kube_config import KubeConfigMerger  # noqa: PLC0415 - as above

    # Not by list_kube_config_contexts, which asks for a current context even if another one is meant.
    config = KubeConfigMerger(path).config  # type: ignore[no-untyped-call]
    chosen = config["contexts"].get_with_name(context or config["current-context"])
    return chosen["context"].safe_get("namespace") or "default"


def _default_kubeconfig() -> str:
    """As the kubernetes package has it, which looks once only, when it is imported."""
    return str(Path.home() / ".kube" / "config")
