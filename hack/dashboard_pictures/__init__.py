"""Pictures of the dashboards, drawn from what a Prometheus answers to their queries; no Grafana is needed.

    PYTHONPATH=hack:hack/cluster python -m dashboard_pictures http://127.0.0.1:9090 FOLDER [--minutes 15]

They are laid out as Grafana would, by each panel's place in the dashboard's grid, and say that they are not Grafana's.
"""

from dashboard_pictures.drawing import draw, draw_all
from dashboard_pictures.figures import shown
from dashboard_pictures.span import Span

__all__ = ["Span", "draw", "draw_all", "shown"]
