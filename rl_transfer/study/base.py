"""What all configuration types are made of."""

import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from rl_transfer.errors import nearest

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A tuple that may be given as a list, which is what YAML and JSON have; its items stay strict."""

Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def safe_name(name: str) -> str:
    """Pass on a name that is also a safe folder name; the dot is kept for ``arm.placebo`` and ``arm.sham``."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name) is None:
        rule = "becomes a folder's: use letters, digits, '-' and '_' (64 at most, the first a letter or digit)"
        raise PydanticCustomError("name", "this name {rule}", {"rule": rule})
    return name


class Frozen(BaseModel):
    """Base of all configuration: read-only, finite, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key not in cls.model_fields:
                hint = nearest(str(key), cls.model_fields)
                raise PydanticCustomError("unknown_key", "unknown key; {hint}", {"key": key, "hint": hint})
        return data


class Named(Frozen):
    """A plug-in by name with its settings; in YAML either ``name`` or ``{name: {setting: value}}``."""

    name: Text
    settings: dict[str, JsonValue] = {}

    @model_validator(mode="before")
    @classmethod
    def _read_short_form(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"name": data}
        if not isinstance(data, dict) or "name" in data:
            return data
        ((name, settings),) = data.items() if len(data) == 1 else ((None, None),)
        if name is None or not isinstance(settings, dict | None):
            raise PydanticCustomError("named", "each entry is one name, or one 'name: {setting: value}'")
        return {"name": name, "settings": settings or {}}
