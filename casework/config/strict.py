"""The base of every configuration model: nothing unknown is read past, and nothing changes after reading."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A model that refuses unknown fields and is frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)
