"""What can go wrong, by name."""


class MillstreamError(Exception):
    """Base of every error that Millstream itself raises."""


class EntrypointError(MillstreamError):
    """The flow that an entrypoint names could not be loaded."""


class RequirementsError(MillstreamError):
    """The packages that a run requires beside those of its image cannot be had."""


class InvalidNameError(MillstreamError, ValueError):
    """A flow or a task was given a name that cannot be used."""


class ReservedArgumentError(MillstreamError, TypeError):
    """A decorated function has a parameter whose name calls of flows and tasks keep for themselves."""


class HistoryError(MillstreamError):
    """The history of this machine cannot be read."""


class ObjectNotFound(MillstreamError, LookupError):  # noqa: N818 - Prefect's name
    """A client was asked for something that is not there."""


class ObjectAlreadyExists(MillstreamError):  # noqa: N818 - Prefect's name
    """There is something of that name already."""


class ObjectInvalid(MillstreamError, ValueError):  # noqa: N818 - as those of its kind
    """The cluster refuses an object as it is."""


class OutdatedObject(MillstreamError):  # noqa: N818 - as those of its kind
    """Somebody else has changed an object, or has a say in it."""


class UnsupportedError(MillstreamError):
    """What a client reads from cannot do this."""


class ClusterError(MillstreamError):
    """The cluster refused a request."""


class ClusterUnreachable(ClusterError):  # noqa: N818 - as ObjectNotFound
    """No cluster is configured, or it does not answer."""


class ClusterForbidden(ClusterError):  # noqa: N818 - as ObjectNotFound
    """The cluster does not allow a request."""


class MissingResult(MillstreamError, LookupError):  # noqa: N818 - Prefect's name
    """A run has no result, or it cannot be read from here."""


class MissingContextError(MillstreamError, RuntimeError):
    """Something that belongs to a run was asked for outside of any run."""


class DeploymentError(MillstreamError, ValueError):
    """Something cannot be served as it was said."""


class ParameterBindError(MillstreamError, TypeError):
    """Parameters are missing, unknown or given twice."""


class ParameterTypeError(MillstreamError):
    """Parameters have values that their type hints do not allow."""


class HashError(MillstreamError, ValueError):
    """A value cannot be part of a cache key."""


class MappingLengthMismatch(MillstreamError, ValueError):  # noqa: N818 - this and the following are Prefect's names
    """What a task is mapped over differs in length."""


class MappingMissingIterable(MillstreamError, TypeError):  # noqa: N818
    """A task is mapped over nothing."""


class UpstreamTaskError(MillstreamError):
    """Something that a run needs did not complete."""


class UnfinishedRun(MillstreamError):  # noqa: N818
    """The result of a run was asked for before the run had ended."""


class FailedRun(MillstreamError):  # noqa: N818
    """A run failed without an exception of its own, as by returning a failed state."""


class CrashedRun(MillstreamError):  # noqa: N818
    """A run was ended from outside its code."""


class CancelledRun(MillstreamError):  # noqa: N818
    """A run was cancelled."""


class FlowVisualizationError(MillstreamError):
    """A flow cannot be shown without running its tasks."""


class SettingsError(MillstreamError, ValueError):
    """A setting has a value or a name that it cannot have."""


class BlockError(MillstreamError, ValueError):
    """A block is not there, or is not what its type takes."""


class NotificationError(MillstreamError):
    """A notification could not be sent."""

    @property
    def log(self) -> str:
        """Why, by Prefect's name."""
        return str(self)


class NotificationTemplateError(MillstreamError, ValueError):
    """The template of a notification cannot be used."""


class ConcurrencyLimitNotFoundError(MillstreamError, LookupError):
    """The settings say nothing of a limit, and `strict` was asked for."""


class ConcurrencySlotAcquisitionError(MillstreamError, ValueError):
    """A limit can never give what is wanted of it."""


class AcquireConcurrencySlotTimeoutError(MillstreamError, TimeoutError):
    """The slots were not free in time."""


class LockHeldError(MillstreamError, TimeoutError):
    """A lock is held by another run, and was waited for long enough."""


class RunTimeoutError(MillstreamError, TimeoutError):
    """A run took longer than its `timeout_seconds`."""


class RunInterrupted(BaseException):
    """The process is stopping: this run may not begin or go on.

    Not an `Exception`, so that `except Exception` in user code does not keep a stopping process alive.
    """
