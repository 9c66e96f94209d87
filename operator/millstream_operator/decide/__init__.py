"""The operator's decisions, as pure functions of what is observed and of the time.

`decide_run` and `decide_deployment` take what the cache knows and give a `Plan`. They do no I/O, read no clock
and keep nothing, so that the same observation gives the same plan, before and after a crash.
"""

from millstream_operator.decide.deployment import decide_deployment
from millstream_operator.decide.run import decide_run

__all__ = ["decide_deployment", "decide_run"]
