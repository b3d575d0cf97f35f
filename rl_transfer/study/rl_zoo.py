"""Tuned hyperparameters of RL Baselines3 Zoo, where its package is installed: parsed as data, never evaluated."""

import ast
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from reprlib import Repr
from textwrap import shorten
from typing import Any

import yaml
from pydantic import ValidationError

from rl_transfer.study.learners import LEARNERS

_NORMALIZE = {"norm_obs": "observation", "norm_reward": "reward"}
_ACTIVATIONS = {"nn.Tanh": "tanh", "nn.ReLU": "relu", "nn.ELU": "elu", "nn.LeakyReLU": "leaky_relu"}
_NO_SETTINGS = {"n_timesteps", "policy"}
_LONGEST = 100
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxstring, _SHORT.maxother = 3, 10, _LONGEST, _LONGEST


@dataclass(frozen=True)
class ZooEntry:
    """One environment's hyperparameters.

    Attributes:
        name: The environment under which the table has them.
        learner: Settings of a pair's ``learner``, the algorithm among them.
        steps: How many steps the Zoo trains with them; None where it does not say.
        left_out: What the Zoo sets besides, as ``key: value``: no settings here.
    """

    name: str
    learner: dict[str, Any]
    steps: int | None
    left_out: tuple[str, ...]


def zoo_entry(algorithm: str, env_id: str) -> ZooEntry | None:
    """The Zoo's hyperparameters for an environment.

    The id's namespace and version are not compared (``transfer/CartPole-v0`` finds ``CartPole-v1``); of several
    versions the highest is taken.

    Args:
        algorithm: A learner's name.
        env_id: A Gymnasium id.

    Returns:
        What the table has, or None: no such entry, or the package is not installed.
    """
    table = _table(algorithm)
    wanted = _base(env_id)
    names = sorted((name for name in table if isinstance(name, str) and _base(name) == wanted), key=_version)
    if not names or not isinstance(table[names[-1]], dict):
        return None
    learner, left_out = _learner(algorithm, table[names[-1]])
    left_out += _drop_unfit(learner)
    return ZooEntry(names[-1], learner, _steps(table[names[-1]].get("n_timesteps")), tuple(left_out))


def zoo_version() -> str | None:
    """The installed package's version; None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rl_zoo3")
    except PackageNotFoundError:
        return None


def _table(algorithm: str) -> dict[str, Any]:
    # Found without importing it: that would register environments and load plotting.
    package = find_spec("rl_zoo3")
    if package is None or package.origin is None:
        return {}
    file = Path(package.origin).parent / "hyperparams" / f"{algorithm}.yml"
    try:
        table = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return table if isinstance(table, dict) else {}


def _base(env_id: str) -> str:
    """An id without module, namespace and version."""
    name = env_id.rpartition(":")[2].rpartition("/")[2]
    return name.rpartition("-v")[0] or name


def _version(env_id: str) -> int:
    number = env_id.rpartition("-v")[2]
    return int(number) if number.isdigit() else -1


def _learner(algorithm: str, entry: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    learner: dict[str, Any] = {"algorithm": algorithm}
    left_out = []
    for key, value in _flat(entry).items():
        setting = _normalize(value) if key == "normalize" else _number(value)
        if key in LEARNERS[algorithm].model_fields and key != "algorithm" and setting is not _UNREADABLE:
            learner[key] = setting
        elif key not in _NO_SETTINGS:
            left_out.append(_said(key, entry.get(key, value)))
    return learner, left_out


def _said(key: object, value: object) -> str:
    """A setting in one line of bounded length, however deep it is."""
    text = value if isinstance(value, str) else _SHORT.repr(value)
    return shorten(f"{key}: {text}", _LONGEST, placeholder=" ...")


def _steps(value: Any) -> int | None:
    try:
        steps = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return steps if steps > 0 else None


def _drop_unfit(learner: dict[str, Any]) -> list[str]:
    """Remove what a learner does not take, such as ``train_freq`` in episodes; returns it as ``key: value``."""
    dropped: list[str] = []
    while True:
        try:
            LEARNERS[learner["algorithm"]].model_validate(learner)
            return dropped
        except ValidationError as error:
            key = str(error.errors(include_url=False)[0]["loc"][0])
            dropped.append(_said(key, learner.pop(key)))


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    """With ``policy_kwargs`` spread out, under the names that learners have."""
    flat = {key: value for key, value in entry.items() if key != "policy_kwargs"}
    inner = _plain(entry.get("policy_kwargs", {}))
    if not isinstance(inner, dict):
        return flat | {"policy_kwargs": _UNREADABLE}
    if "activation_fn" in inner:
        inner["activation"] = inner.pop("activation_fn")
    return flat | inner


def _normalize(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, dict):
        return {ours: bool(value.get(theirs, True)) for theirs, ours in _NORMALIZE.items()}
    return value if isinstance(value, bool) else _UNREADABLE


class _Unreadable:
    """What is no plain value."""

    def __repr__(self) -> str:
        return "(not a plain value)"


_UNREADABLE = _Unreadable()


def _plain(value: Any) -> Any:
    """A value, or what a text of Python says: literals, ``dict(...)`` and the names of activations, nothing else."""
    if not isinstance(value, str):
        return value
    try:
        return _literal(ast.parse(value.strip(), mode="eval").body)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return _UNREADABLE


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args:
            raise ValueError("a call of something else than dict")
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError("unpacked keywords")
        return {str(keyword.arg): _literal(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Attribute):
        return _ACTIVATIONS[name] if (name := ast.unparse(node)) in _ACTIVATIONS else _UNREADABLE
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)


def _number(value: Any) -> Any:
    """YAML's ``1e-3`` is text to PyYAML; the Zoo's ``lin_X`` stays as it is."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
