"""What all sections of the file share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A section of the file: unknown keys are refused, numbers must be numbers, nothing can be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def effective(self) -> dict[str, Any]:
        """The values that can change the result; what a switch turns off is left out."""
        return self.model_dump(mode="json")
