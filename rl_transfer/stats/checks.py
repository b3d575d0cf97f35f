"""Shape and value checks shared by the public functions of this room."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_finite(values: ArrayLike, name: str, axes: int) -> NDArray[np.float64]:
    """Finite numbers with a given number of axes.

    Args:
        values: Anything numpy can read as an array.
        name: What to call it in an error.
        axes: How many axes it must have.

    Returns:
        The array, as floats.

    Raises:
        ValueError: If it has another number of axes, is empty, or holds NaN or an infinity.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != axes or array.size == 0:
        raise ValueError(f"{name} must have {axes} axes and at least one value, not shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return array


def as_sample(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """One finite number a run.

    Args:
        values: Anything numpy can read as a one-dimensional array.
        name: What to call it in an error.

    Returns:
        Array of shape (runs,).

    Raises:
        ValueError: If it has another number of axes, is empty, or holds NaN or an infinity.
    """
    return as_finite(values, name, axes=1)


def as_block(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Finite numbers of the seeds and pairs that belong together.

    Args:
        values: Shape (seeds, pairs), or (runs,) for a single pair.
        name: What to call it in an error.

    Returns:
        Array of shape (seeds, pairs).

    Raises:
        ValueError: If it has another number of axes, is empty, or holds NaN or an infinity.
    """
    single = np.ndim(values) == 1
    return as_finite(np.asarray(values)[:, None] if single else values, name, axes=2)


def as_curves(score_RT: ArrayLike, step_T: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Learning curves on one grid of steps.

    Args:
        score_RT: Score of each run at each step, shape (runs, steps).
        step_T: Target steps at which the runs were evaluated, shape (steps,), none negative, strictly rising.

    Returns:
        Both as arrays of floats.

    Raises:
        ValueError: If shapes disagree, a value is not finite, or the grid holds a negative step or doesn't rise.
    """
    scores, steps = as_finite(score_RT, "score_RT", axes=2), as_finite(step_T, "step_T", axes=1)
    if scores.shape[1] != steps.shape[0]:
        raise ValueError(f"score_RT has {scores.shape[1]} columns but step_T has {steps.shape[0]} steps")
    if len(steps) < 2 or steps[0] < 0 or (np.diff(steps) <= 0).any():
        raise ValueError(f"step_T must rise strictly from 0 or later over at least two steps, not {steps.tolist()}")
    return scores, steps


def check_level(level: float) -> None:
    """Refuse an error level that is no probability strictly between 0 and 1.

    Args:
        level: The level.

    Raises:
        ValueError: If it lies outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"a level must lie strictly between 0 and 1, not {level}")
