"""What runs in a run's pod: `python -m millstream.runner`.

The process that Kubernetes starts is a small supervisor (`_supervisor`), which forks before any user code is
imported. Its child (`_child`) installs what the run requires and the image lacks (`_requirements`, `_installation`),
loads the flow, checks the parameters, runs it, and hands the outcome over a pipe (`_handover`). The supervisor relays
the output (`_relay`), passes signals on and enforces deadlines (`_stopping`), decides how the attempt ended
(`_verdict`), and alone writes the termination message.

Two processes, because the first process of a container cannot watch over itself: the kernel ignores signals that it
has no handler for, a Python handler does not run inside a blocking C call, and nobody is left to tell of a
segmentation fault or of `os._exit(0)`.
"""
