"""The service accounts by which flows reach the FlowRuns of their namespace."""

from typing import Any

from millstream.resources import labels
from millstream.resources.api_access import CLUSTER_ROLES, SERVICE_ACCOUNTS
from millstream.resources.run_template import ApiAccess
from millstream_operator.kinds import ROLE_BINDINGS, Kind
from millstream_operator.kinds import SERVICE_ACCOUNTS as SERVICE_ACCOUNT_KIND

__all__ = ["access_objects"]


def access_objects(access: ApiAccess, namespace: str) -> tuple[tuple[Kind, dict[str, Any]], ...]:
    """Build the service account of an access, if it has one, and its binding to the chart's role."""
    if access is ApiAccess.NONE:
        return ()
    name = SERVICE_ACCOUNTS[access]
    meta = {"name": name, "namespace": namespace, "labels": {labels.MANAGED_BY: labels.MANAGED_BY_VALUE}}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": meta,
        "automountServiceAccountToken": False,  # a run's pod asks for the token itself
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": CLUSTER_ROLES[access],
        },
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    return (SERVICE_ACCOUNT_KIND, account), (ROLE_BINDINGS, binding)
