"""What all sections of the file share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]
"""An empty name would mean nothing, or worse, this folder."""
_LARGEST = 2**32
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


class Section(BaseModel):
    """A section of the file: unknown keys are refused, numbers must be numbers, nothing can be changed later."""

    # No knob means anything at infinity, and JSON has no number for it: `max_epsilon: .inf` would stand there as one.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @field_validator("*")
    @classmethod
    def _can_be_written(cls, value: Any) -> Any:
        # No file name holds NUL, and no file a lone surrogate; a stage would find that out when its work is done.
        texts = [value]
        while texts:
            one = texts.pop()
            if isinstance(one, str) and _UNWRITABLE.search(one):
                raise ValueError("holds a character that cannot be written (NUL, or half of a surrogate pair)")
            texts += [*one, *one.values()] if isinstance(one, Mapping) else one if isinstance(one, list) else []
        return value

    @field_validator("*")
    @classmethod
    def _is_no_larger_than_anything_counted_here(cls, value: Any) -> Any:
        if isinstance(value, int) and abs(value) >= _LARGEST:
            raise ValueError(f"must be below {_LARGEST}")
        return value

    def effective(self) -> dict[str, Any]:
        """The values that can change the result; what a switch turns off is left out."""
        return self.model_dump(mode="json")
