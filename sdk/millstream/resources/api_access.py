"""The identities of runs with apiAccess: by these names the operator, the chart and its admission policies agree.

In the namespace of the run, a RoleBinding that is named as the service account binds it to the ClusterRole.
"""

from collections.abc import Mapping
from types import MappingProxyType

from millstream.resources.run_template import ApiAccess

__all__ = ["CLUSTER_ROLES", "SERVICE_ACCOUNTS"]

SERVICE_ACCOUNTS: Mapping[ApiAccess, str] = MappingProxyType(
    {ApiAccess.READ: "millstream-read", ApiAccess.TRIGGER: "millstream-trigger"}
)
"""Names of the service accounts, and of the RoleBindings."""

CLUSTER_ROLES: Mapping[ApiAccess, str] = MappingProxyType(
    {ApiAccess.READ: "millstream-run-read", ApiAccess.TRIGGER: "millstream-run-trigger"}
)
"""Names of the ClusterRoles, which the chart creates."""
