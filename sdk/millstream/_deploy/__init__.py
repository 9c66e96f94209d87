"""From a Python file to a FlowDeployment.

`project` and the command line say what is wanted, `manifests` makes the objects of it, with the files that `files` finds
and the packages that `requirements` reads; `images` builds an image instead; `applying` brings them into the cluster,
and `changes` says what that changes.
"""
