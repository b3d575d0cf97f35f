"""Factors on named parts of a robot: one for all parts, or some by name."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from rl_transfer_envs._checks import number

Factors = float | Mapping[str, float]
Part = TypeVar("Part")


def check_factors(
    setting: str, value: object, *, above: float = 0.0, least: float | None = None, most: float = float("inf")
) -> Factors:
    """A factor, or factors by name, in a range.

    Args:
        setting: The setting's name, for the message.
        value: What was given.
        above: Each factor must be greater; ignored where `least` is given.
        least: The smallest factor allowed.
        most: The largest factor allowed.

    Returns:
        The factor or a dictionary of them. Whether the names exist is for `named` to see.

    Raises:
        ValueError: A factor is no number or out of the range.
    """
    if not isinstance(value, Mapping):
        factor: float = number(setting, value, above=above, least=least, most=most)
        return factor
    return {
        str(name): number(f"{setting} of {name!r}", factor, above=above, least=least, most=most)
        for name, factor in value.items()
    }


def each(
    setting: str, factors: Factors, parts: Mapping[str, Part], every: Sequence[Part]
) -> Iterator[tuple[Part, float]]:
    """The parts that factors apply to, each with its factor.

    Args:
        setting: The setting's name, for the message.
        factors: One for all or some by name.
        parts: What can be named.
        every: The parts that a single factor is for.

    Yields:
        Part and factor.

    Raises:
        ValueError: No part has the name.
    """
    if not isinstance(factors, Mapping):
        yield from ((part, factors) for part in every)
        return
    for name, factor in factors.items():
        yield named(setting, name, parts), factor


def named(setting: str, name: str, parts: Mapping[str, Part]) -> Part:
    """The part of a name.

    Args:
        setting: The setting's name, for the message.
        name: What was given.
        parts: What can be named.

    Returns:
        The part.

    Raises:
        ValueError: No part has the name; the message has the nearest and all names.
    """
    if name not in parts:
        near = difflib.get_close_matches(str(name), parts, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise ValueError(f"{setting}: nothing is called {name!r}{hint} Valid names: {', '.join(parts)}")
    return parts[name]
