"""What every environment and wrapper checks its settings with; each error names the setting."""

import math
import numbers
from collections.abc import Sequence

from gymnasium.error import DependencyNotInstalled


def number(
    name: str, value: object, *, above: float = -math.inf, least: float | None = None, most: float = math.inf
) -> float:
    """A finite number in a range.

    Args:
        name: The setting's name, for the message.
        value: What was given.
        above: The number must be greater; ignored where `least` is given.
        least: The smallest number allowed.
        most: The largest number allowed.

    Returns:
        The number, as Python's float.

    Raises:
        ValueError: It is no number, not finite or out of the range.
    """
    floor = f"({above:g}" if least is None else f"[{least:g}"
    ceiling = f"{most:g})" if math.isinf(most) else f"{most:g}]"
    message = f"{name} must be a finite number in {floor}, {ceiling}, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(message)
    result = float(value)
    high_enough = result > above if least is None else result >= least
    if not (math.isfinite(result) and high_enough and result <= most):
        raise ValueError(message)
    return result


def whole(name: str, value: object, *, least: int, most: int | None = None) -> int:
    """A whole number in a range.

    Args:
        name: The setting's name, for the message.
        value: What was given.
        least: The smallest number allowed.
        most: The largest number allowed; None for no limit.

    Returns:
        The number, as Python's int.

    Raises:
        ValueError: It is no whole number or out of the range.
    """
    ceiling = "" if most is None else f" and at most {most}"
    message = f"{name} must be a whole number of at least {least}{ceiling}, got {value!r}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(message)
    result = int(value)
    if result < least or (most is not None and result > most):
        raise ValueError(message)
    return result


def choice(name: str, value: object, known: Sequence[str]) -> str:
    """One of some words.

    Args:
        name: The setting's name, for the message.
        value: What was given.
        known: The words allowed.

    Returns:
        The word.

    Raises:
        ValueError: It is none of them.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def flag(name: str, value: object) -> bool:
    """True or false.

    Args:
        name: The setting's name, for the message.
        value: What was given.

    Returns:
        The value.

    Raises:
        ValueError: It is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")
    return value


def missing_extra(what: str, extra: str, package: str) -> DependencyNotInstalled:
    """The error of an environment whose package is not there.

    Args:
        what: The environment or family.
        extra: The extra of rl-transfer that brings the package.
        package: What could not be imported.

    Returns:
        An error to raise; `gymnasium.make` passes it on.
    """
    return DependencyNotInstalled(f"{what} needs {package}, which is not installed: pip install 'rl-transfer[{extra}]'")
