"""The learning room's errors: what happened, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class LearningError(Exception):
    """Base of every error this room raises on purpose."""


class SourceRefused(LearningError):
    """A source file cannot be read as the data set it was given as."""

    def __init__(self, path: str, problem: str, advice: str) -> None:
        """Say which file, what is wrong and what to do."""
        self.path, self.problem, self.advice = path, problem, advice
        super().__init__(f"{path}: {problem}. {advice}")


class FeaturesRefused(LearningError):
    """A frame does not hold the feature columns every tenant shares."""

    def __init__(self, missing: Sequence[str]) -> None:
        """Name the missing columns."""
        self.missing = tuple(missing)
        super().__init__(
            f"The feature frame lacks the columns {', '.join(self.missing)}. "
            "Give every row of ftr_shipments all columns; unknown values are NULL."
        )


class NothingToEvaluate(LearningError):
    """The test file holds no row with a known outcome that training has not already seen."""

    def __init__(self, path: str, row_count: int, reason: str) -> None:
        """Say how many rows were read and why none counts."""
        self.path, self.row_count = path, row_count
        super().__init__(f"{path}: {row_count} rows read, none can be judged ({reason}). Give later rows.")


class NoModel(LearningError):
    """No model has been kept for the tenant, or not that version."""

    def __init__(self, tenant_id: str, version: str | None = None) -> None:
        """Name the tenant and the version asked for."""
        self.tenant_id, self.version = tenant_id, version
        wanted = f"version {version}" if version else "a current model"
        super().__init__(f"There is no {wanted} for tenant {tenant_id}. Train one from its features first.")


class ModelTampered(LearningError):
    """A kept model's bytes are not the ones that were written."""

    def __init__(self, path: str, problem: str) -> None:
        """Name the file and what did not match."""
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}. The model was not loaded; retrain it or restore the folder.")
