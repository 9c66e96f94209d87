"""A small model of a cluster: API server, garbage collector, Job controller and kubelet, and the operator in it.

The operator is the real one, from its cache to its executor; what it talks to is here. Every call to the API
server pauses before and after it takes effect, so that whoever drives the model decides what else happens
meanwhile, or whether the operator dies there.
"""

from cluster_model.api_server import parent_of, revisions_in_use
from cluster_model.controllers import Cluster
from cluster_model.objects import Violation, completed, deleting, runs, status_of
from cluster_model.operator import Operator

__all__ = [
    "Cluster",
    "Operator",
    "Violation",
    "completed",
    "deleting",
    "parent_of",
    "revisions_in_use",
    "runs",
    "status_of",
]
