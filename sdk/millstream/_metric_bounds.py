"""The bounds of what a flow may record about itself, for all that check them."""

__all__ = ["LONGEST_VALUE", "MOST_LABELS", "MOST_METRICS", "MOST_SERIES", "NAME", "RESERVED_LABELS"]

MOST_METRICS = 10
"""That a deployment may declare."""
MOST_SERIES = 100
"""Of all metrics of a deployment."""
MOST_LABELS = 4
"""Of a metric."""
LONGEST_VALUE = 128
"""Of a label, in characters."""
NAME = "[a-z][a-z0-9_]{0,62}"
"""Of a metric and of a label; a regular expression."""
RESERVED_LABELS = frozenset({"namespace", "deployment", "metric", "job", "instance", "pod", "le", "quantile"})
