"""The operator: turns FlowRuns into Kubernetes Jobs, and records how they end."""
