"""The exit codes of the runner in the pod.

They are a second, coarser account of how an attempt ended, for the case that the completion record is lost.
Where a convention exists it is followed: sysexits.h for bad input, timeout(1) for a deadline, and
128 + signal number for a process that a signal ended.
"""

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """How the runner's process ends.

    Other codes: 128 + n when the signal n ended the flow's process, and the process's own code when it ended by
    itself with a code that means nothing here (with one of these: 1). Only a completed flow gives 0.
    """

    COMPLETED = 0
    """The flow completed, and the completion record says so."""
    FAILED = 1
    """The flow raised, or returned a state that is not Completed."""
    INVALID_DOCUMENT = 64
    """The run document is missing or cannot be read."""
    INVALID_PARAMETERS = 65
    """The parameters do not fit the flow's signature."""
    INVALID_ENTRYPOINT = 66
    """The entrypoint does not exist, cannot be imported or is no flow."""
    REQUIREMENTS_FAILED = 69
    """A package that the run requires could not be installed."""
    NO_RESULT = 70
    """The flow's process ended by itself without reporting an outcome, `os._exit(0)` for instance."""
    RUN_TIMEOUT = 124
    """The attempt took longer than `timeouts.runSeconds`."""
    OUT_OF_MEMORY = 137
    """The kernel killed the flow's process because the container reached its memory limit."""
    INTERRUPTED = 143
    """SIGTERM arrived before the flow had ended: an eviction, a drain, a deletion."""
