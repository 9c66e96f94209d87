"""The Grafana dashboards, as code. `python -m dashboards` writes them into the chart."""
