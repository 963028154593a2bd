"""The errors of this room, worded for the person who typed the command or reads the run."""

from __future__ import annotations


class OrchestrationError(Exception):
    """Something asked of the pipeline was not done."""


class ClockRefused(OrchestrationError):
    """A tenant's clock cannot be set like this."""


class PipelineFailed(OrchestrationError):
    """A stage failed; what was loaded stays loaded, and nothing half-built was published."""


class BuildFailed(OrchestrationError):
    """dbt could not build a model, or a test on one failed."""


class CodeChanged(OrchestrationError):
    """The code on the disk is no longer that of this process, which must not build in its name."""


class RebuildDiffers(OrchestrationError):
    """The kept originals do not give the rows that the ledger says were loaded."""


class WarehouseUnfilled(OrchestrationError):
    """The warehouse does not hold what the ledger says is loaded, so nothing is built from it."""


class LeaseLost(OrchestrationError):
    """Whoever wrote the lake may no longer: the connection that held the right ended."""


class FileRefused(OrchestrationError):
    """A file cannot be read at all; its bytes are kept and nothing of it was loaded."""


class PortTaken(OrchestrationError):
    """Something else already listens where we would."""


class NothingPublished(OrchestrationError):
    """No build has been published yet."""
