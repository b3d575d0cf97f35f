"""Squares as scalars are squared: `x**2` of one number is the C library's `pow`, and not always `x * x`."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of a double's 52 binary digits the 29 that single precision lacks; the middle between two singles; 1/16 of the way
# from one to the next.
_BELOW_SINGLE = 2**29 - 1
_MIDDLE = 2**28
_NEAR = 2**25
_SMALL, _LARGE = 1e-4, 1e4


def squares(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each number to the power of 2, as Python and NumPy's scalars of double precision compute it.

    Args:
        numbers: Any shape. (An array to the power of 2 is multiplied by itself; `numpy.power` of two arrays may take
            a vector routine of its own.)
    """
    found: NDArray[np.float64] = np.float_power(numbers, _twos(numbers.shape))
    return found


@lru_cache(maxsize=16)
def _twos(shape: tuple[int, ...]) -> NDArray[np.float64]:
    # An array: with one exponent for all, NumPy's routine is slower.
    twos = np.full(shape, 2.0)
    twos.flags.writeable = False
    return twos


def scalar_squares(numbers: NDArray[Any]) -> NDArray[Any]:
    """The same for single precision too, shape (N,): what a scalar of the array's type gives.

    A square of single precision is exact in double precision. The C library's `powf` can differ from that, rounded,
    only where it lies close to the middle between two numbers: those few are squared one by one, as are very small and
    large numbers, whose squares are less exact. (Of any other type, all are.)
    """
    if numbers.dtype == np.float64:
        return squares(numbers)
    if numbers.dtype != np.float32:
        return np.array([number**2 for number in numbers], numbers.dtype)
    exact = np.square(numbers, dtype=np.float64)
    found: NDArray[Any] = exact.astype(np.float32)
    from_middle = (exact.view(np.int64) & _BELOW_SINGLE) - _MIDDLE
    plain = (np.abs(from_middle) > _NEAR) & (exact > _SMALL) & (exact < _LARGE)
    for index in np.flatnonzero(~(plain | (exact == 0.0))).tolist():
        found[index] = numbers[index] ** 2
    return found
