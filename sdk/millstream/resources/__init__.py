"""What the SDK, the operator and the command line agree on: resources, names, labels, states, documents.

Import the submodules directly. `names`, `labels`, `states`, `reasons`, `exit_codes`, `run_document` and
`completion_record` need the standard library only, so that a run pod loads them at no cost; `flow_deployment`,
`flow_run` and `crd` are pydantic models and what is generated from them.
"""
