"""Running statistics that strangers saved with VecNormalize: rebuilt from a pickle that can make arrays only."""

import hashlib
import io
import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rl_transfer.errors import StoreError
from rl_transfer.knowledge.foreign_safety import Refused, read_content, refusing, scan_pickle, shown
from rl_transfer.knowledge.statistics import Moments, Statistics

MAX_STATISTICS_BYTES = 64 * 1024**2
"""Largest file of statistics."""

_DTYPES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


@dataclass(frozen=True)
class StatisticsFile:
    """Running statistics and how they were used.

    Attributes:
        sha256: Digest of the whole file.
        statistics: Of observations and rewards, where these were normalised.
        clip_observation: Bound of normalised observations; None where the file does not say.
        clip_reward: Bound of normalised rewards; None where the file does not say.
        epsilon: What was added to the variance; None where the file does not say.
    """

    sha256: str
    statistics: Statistics
    clip_observation: float | None = None
    clip_reward: float | None = None
    epsilon: float | None = None


def read_statistics_file(path: Path) -> StatisticsFile:
    """Read running statistics of any origin; nothing in the file is executed.

    Args:
        path: What VecNormalize's ``save`` wrote, of any release, or our own ``.safetensors`` file of statistics.

    Raises:
        ConfigError: If the file is missing, damaged, too large or made to attack, or holds what can't be statistics.
    """
    with refusing(path, "a file of VecNormalize's statistics"):
        content = read_content(path, MAX_STATISTICS_BYTES)
        digest = hashlib.sha256(content).hexdigest()
        if path.suffix == ".safetensors":
            return StatisticsFile(digest, _own(path))
        state = _state(content)
        return StatisticsFile(
            digest,
            _statistics(state),
            clip_observation=_bound(state, "clip_obs"),
            clip_reward=_bound(state, "clip_reward"),
            epsilon=_bound(state, "epsilon"),
        )


def _own(path: Path) -> Statistics:
    try:
        return Statistics.read(path)
    except StoreError as error:
        raise Refused(str(error).removeprefix(f"{path}: ")) from error


def _state(content: bytes) -> dict[str, Any]:
    stream = io.BytesIO(content)
    scan_pickle(stream)
    if stream.read(1):
        raise Refused("hides something behind its pickle: don't use this file")
    found = _Reader(io.BytesIO(content)).load()
    if not isinstance(found, _Inert) or "ret_rms" not in found.state:
        raise Refused("holds no statistics of VecNormalize: give the file that its save() wrote")
    return found.state


class _Inert:
    """Stands for anything that a pickle names: keeps its attributes, does nothing."""

    __slots__ = ("state",)
    state: dict[str, Any]

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:
        made = super().__new__(cls)
        made.state = {}
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __call__(self, *_args: object, **_kwargs: object) -> Self:
        return self

    def append(self, item: object) -> None:
        """Lists and queues are filled by this; nothing is kept."""

    def extend(self, items: object) -> None:
        """As :meth:`append`."""

    def add(self, item: object) -> None:
        """As :meth:`append`, for sets."""

    def __setitem__(self, key: object, item: object) -> None:
        """As :meth:`append`, for dictionaries."""


class _Dtype:
    """Stands for ``numpy.dtype``."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_flags: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1])

    def plain(self) -> np.dtype[Any]:
        if self.code not in _DTYPES or self.order not in ("<", ">", "|", "="):
            raise Refused(f"holds an array of {shown(self.code)}, not of plain numbers: don't use this file")
        return np.dtype(f"{self.order}{self.code}")


class _Array:
    """Stands for an array: made empty by ``_reconstruct``, then given its numbers."""

    __slots__ = ("array",)

    def __init__(self, *_args: object) -> None:
        self.array: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, fortran, raw = state
        self.array = _rebuilt(raw, dtype, shape, "F" if fortran else "C")


class _Buffered(_Array):
    """Stands for an array as protocol 5 has it: made at once."""

    __slots__ = ()

    def __init__(self, raw: object, dtype: object, shape: object, order: object, axes: Any = None) -> None:
        if order == "K" and axes is not None:
            self.array = _rebuilt(raw, dtype, shape, "C").transpose(axes)
        else:
            self.array = _rebuilt(raw, dtype, shape, "F" if order == "F" else "C")


class _Scalar(_Array):
    """Stands for one number of NumPy's."""

    __slots__ = ()

    def __init__(self, dtype: object, raw: object) -> None:
        self.array = _rebuilt(raw, dtype, (), "C")


_STAND_INS: dict[tuple[str, str], type] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy.core.numeric", "_frombuffer"): _Buffered,
}


class _Reader(pickle.Unpickler):
    """Knows no class but the stand-ins."""

    def find_class(self, module: str, name: str) -> Any:
        """A new class each time: a pickle that changes one changes no other file's."""
        kind = _STAND_INS.get((module.replace("numpy._core.", "numpy.core."), name), _Inert)
        return type(kind.__name__, (kind,), {"__slots__": ()})

    def persistent_load(self, pid: object) -> Any:
        """Such references lead out of the file."""
        raise Refused(f"refers to {shown(pid)}, which lies outside of it: don't use this file")


def _rebuilt(raw: object, dtype: object, shape: object, order: Any) -> NDArray[Any]:
    if not isinstance(dtype, _Dtype):
        raise Refused("holds an array of an unknown type: don't use this file")
    plain = dtype.plain()
    if not isinstance(raw, bytes | bytearray) or not isinstance(shape, tuple):
        raise Refused("holds an array that is not built as NumPy builds it: don't use this file")
    if any(type(side) is not int or side < 0 for side in shape) or math.prod(shape) * plain.itemsize != len(raw):
        raise Refused(f"holds an array of shape {shown(shape)} with {len(raw)} bytes: get it again")
    return np.frombuffer(bytes(raw), plain).reshape(shape, order=order)


def _statistics(state: dict[str, Any]) -> Statistics:
    by_key: dict[str, object] = {}  # releases differ in what they keep of statistics that are not used
    if state.get("norm_obs", True):
        observation = state.get("obs_rms")
        by_key = observation if isinstance(observation, dict) else {"": observation}
    if not all(isinstance(key, str) for key in by_key):
        raise Refused("names parts of the observation by something else than text: don't use this file")
    return Statistics(
        {key: _moments(running, f"obs_rms {key}".strip()) for key, running in by_key.items()},
        _moments(state["ret_rms"], "ret_rms") if state.get("norm_reward", True) else None,
    )


def _moments(running: object, name: str) -> Moments:
    if not isinstance(running, _Inert) or not {"mean", "var", "count"} <= running.state.keys():
        raise Refused(f"has no mean, var and count in {shown(name)}: give the file that VecNormalize's save() wrote")
    mean, var, count = (_numbers(running.state[part], name) for part in ("mean", "var", "count"))
    try:
        return Moments(mean, var, float(count))
    except ValueError as error:
        raise Refused(f"{shown(name)}: {error}") from error


def _numbers(value: object, name: str) -> NDArray[np.float64]:
    if isinstance(value, _Array) and value.array is not None:
        return value.array.astype(np.float64)
    if type(value) in (int, float):
        return np.asarray(value, np.float64)
    raise Refused(f"{shown(name)} holds a {type(value).__name__} instead of numbers: don't use this file")


def _bound(state: dict[str, Any], name: str) -> float | None:
    if name not in state:
        return None
    bound = float(_numbers(state[name], name))
    if not bound >= 0 or (name == "epsilon" and math.isinf(bound)):  # no clipping at all is an infinite bound
        raise Refused(f"{name} is {bound}, not a number of 0 or more: don't use this file")
    return bound
