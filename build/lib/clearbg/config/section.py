"""A section of params.yaml: strict, frozen, and with every key written out.

Every key stands in params.yaml: a default hidden in code would change results without DVC
noticing. A key that means something only beside a certain value of another one stands there
exactly when that value does.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Accelerator = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class BelongsTo:
    """Marks a key that is given if and only if `key` has, or lists, one of `values`."""

    key: str
    values: tuple[Any, ...]

    def __init__(self, key: str, *values: Any):
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "values", values)

    def active(self, value: Any) -> bool:
        return any(v in self.values for v in (value if isinstance(value, list) else [value]))


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _owned_keys(self) -> Self:
        for name, field in type(self).model_fields.items():
            for owner in (mark for mark in field.metadata if isinstance(mark, BelongsTo)):
                value, given = getattr(self, owner.key), name in self.model_fields_set
                wanted = f"{owner.key} = {' or '.join(map(str, owner.values))}"
                if owner.active(value) and not given:
                    meaning = f" ({field.description})" if field.description else ""
                    raise ValueError(f"{name}{meaning} is missing, which {wanted} needs; add it")
                if given and not owner.active(value):
                    raise ValueError(
                        f"{name} belongs to {wanted}, and {owner.key} is {value}; remove {name}"
                    )
        return self

    def given(self) -> dict[str, Any]:
        """The keys that stand in params.yaml, with their values."""
        return self.model_dump(exclude_unset=True)
