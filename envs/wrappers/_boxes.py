"""What wrappers of Box spaces check their environment and settings with."""

import numbers
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_transfer_envs._checks import number


def observation_box(
    wrapper: str, env: gymnasium.Env[Any, Any], *, floating: bool = False, flat: bool = False
) -> spaces.Box[Any]:
    """The environment's observation space, which must be a Box.

    Args:
        wrapper: The wrapper's name, for the message.
        env: The environment.
        floating: Whether it must hold floating numbers.
        flat: Whether it must have one dimension.

    Returns:
        The space.

    Raises:
        ValueError: It is of another kind.
    """
    space = env.observation_space
    if not isinstance(space, spaces.Box) or (floating and space.dtype.kind != "f") or (flat and len(space.shape) != 1):
        words = ("one-dimensional " if flat else "") + ("floating " if floating else "")
        raise ValueError(f"{wrapper} needs a {words}Box observation space, got {space}")
    return space


def into(space: spaces.Box[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Numbers in a Box's dtype; for a Box of whole numbers, such as an image, rounded and kept inside its bounds."""
    if space.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.asarray(values, space.dtype)
    return np.asarray(np.rint(values).clip(space.low, space.high), space.dtype)


def index_list(name: str, value: object, size: int) -> list[int]:
    """Different indices into something of a size, in the order given.

    Args:
        name: The setting's name, for the message.
        value: What was given.
        size: The number of components.

    Returns:
        The indices, as Python's ints.

    Raises:
        ValueError: It is no list of different whole numbers from 0 to `size` - 1.
    """
    plain = _whole_numbers(value)
    if plain is None or len(set(plain)) != len(plain) or not set(plain) <= set(range(size)):
        raise ValueError(f"{name} must be a list of different indices from 0 to {size - 1}, got {value!r}")
    return plain


def permutation_list(value: object, size: int) -> list[int]:
    """A permutation.

    Args:
        value: What was given as the setting `permutation`.
        size: Its length.

    Returns:
        The indices, as Python's ints.

    Raises:
        ValueError: It does not hold each of 0 to `size` - 1 once.
    """
    plain = _whole_numbers(value)
    if plain is None or sorted(plain) != list(range(size)):
        raise ValueError(f"permutation must hold each of 0 to {size - 1} once, got {value!r}")
    return plain


def number_or_list(name: str, value: object, size: int) -> float | list[float]:
    """One finite number, or a list of them with one for each component.

    Args:
        name: The setting's name, for the message.
        value: What was given.
        size: The number of components.

    Returns:
        The number or the list, as Python's floats.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        single: float = number(name, value)
        return single
    if len(value) != size:
        raise ValueError(f"{name} must be a number or a list of {size}, one a component, got {value!r}")
    return [number(f"{name}[{index}]", part) for index, part in enumerate(value)]


def spread(value: float | list[float], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The result of `number_or_list` as an array of a shape."""
    return np.broadcast_to(np.reshape(np.asarray(value, np.float64), shape if isinstance(value, list) else ()), shape)


def _whole_numbers(value: object) -> list[int] | None:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        return None
    if any(isinstance(index, bool) or not isinstance(index, numbers.Integral) for index in value):
        return None
    return [int(index) for index in value]
