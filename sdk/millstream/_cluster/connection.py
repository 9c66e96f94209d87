"""Finding a cluster: by kubeconfig, as kubectl does, or in a pod by its service account."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from millstream.exceptions import ClusterForbidden, ClusterUnreachable, SettingsError
from millstream.resources.names import is_label
from millstream.settings import get_current_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        if not path and not context and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _of_this_pod(configuration)
        path = path or _default_kubeconfig()
        try:
            with _login_of(path), folder_for_keys() as folder:
                config.load_kube_config(  # type: ignore[no-untyped-call]
                    path, context, configuration, temp_file_path=folder
                )
                if not configuration.host.startswith(("https://", "http://")):
                    raise _no_kubeconfig(
                        path, f"its server {configuration.host!r} does not begin with https://"
                    )
                tls = tls_context(configuration)
            namespace = _namespace_of_context(path, context)
        except (TypeError, AttributeError, KeyError, YAMLError, UnicodeDecodeError) as error:
            # The package takes it for granted that a kubeconfig is one.
            said = " ".join(str(error).split()) if isinstance(error, YAMLError) else "it has another form"
            raise _no_kubeconfig(path, said) from error
        except SSLError as error:
            raise ClusterUnreachable(
                f"{path} has a certificate or a key that is none: {error.reason}. Mend it, or give another one."
            ) from error
        except (config.ConfigException, OSError, ValueError) as error:
            raise _not_configured(_missing(path, context) or str(error).rstrip(".")) from error
        return configuration, tls, namespace


def _of_this_pod(configuration: Configuration) -> tuple[Configuration, None, str]:
    from kubernetes import config  # noqa: PLC0415 - slow to import, and an extra

    if not _OWN_NAMESPACE.exists():
        raise ClusterForbidden(
            "This pod has no credentials for the cluster: set spec.apiAccess of its FlowDeployment to Read "
            "or Trigger (docs/access.md)."
        )
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError, ValueError) as error:
        raise _not_configured(str(error).rstrip(".")) from error
    return configuration, None, _OWN_NAMESPACE.read_text(encoding="utf-8").strip()


def _not_configured(why: str) -> ClusterUnreachable:
    return ClusterUnreachable(
        f"No cluster is configured: {why}. Set KUBECONFIG, or give --kubeconfig or --context."
    )


def _no_kubeconfig(path: str, why: str) -> ClusterUnreachable:
    return ClusterUnreachable(f"{path} is no kubeconfig: {why}. Mend it, or give another one.")


def _missing(path: str, context: str | None) -> str:
    """What is not there, where the package says only that something is wrong; empty if it says it well."""
    from kubernetes import config  # noqa: PLC0415 - slow to import, and an extra
    from kubernetes.config.kube_config import KubeConfigMerger  # noqa: PLC0415 - as above

    if not any(Path(one).expanduser().exists() for one in path.split(os.pathsep)):
        return f"there is no file {path}"
    with suppress(config.ConfigException, TypeError, AttributeError, KeyError):  # it is told otherwise then
        merged = KubeConfigMerger(path).config  # type: ignore[no-untyped-call]
        chosen = context or merged["current-context"]
        names = [one["name"] for one in merged["contexts"].value]
        if chosen not in names:
            return f"{path} has no context {chosen!r}; it has {', '.join(names) or 'none'}"
    return ""


class _Complaints(logging.Handler):
    """Takes what the package says when a program that logs in fails: it only logs that, and goes on as nobody.

    What it says in other threads is about their logins, which may be renewed at any time.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._thread = threading.get_ident()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.module == "kube_config" and threading.get_ident() == self._thread:
            self.said.append(" ".join(record.getMessage().split()))


@contextmanager
def _login_of(path: str) -> Iterator[None]:
    """Raise if the program of a kubeconfig that logs in fails.

    Raises:
        ClusterForbidden: It failed.
    """
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(complaints)
    if complaints.said:
        raise ClusterForbidden(
            f"The program by which {path} logs in failed: {complaints.said[-1].rstrip('.')}. Install or mend it, or log "
            "in again."
        )


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
