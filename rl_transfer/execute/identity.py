"""What a run's identity says about code: this project's own, and the libraries' versions."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

import rl_transfer_envs.outcomes
import rl_transfer_envs.vector
from rl_transfer.study import LearnerConfig, ResNetConfig

_LIBRARIES = ("rl-transfer", "gymnasium", "numpy", "stable-baselines3", "torch")
_CONTRIB = ("tqc", "qrdqn", "trpo")
# study/features.py chooses the architecture where the configuration leaves it open; methods decide by the statistics.
_OTHERS = ("seeds.py", "study/features.py", "stats/student.py", "stats/checks.py", "stats/metrics.py")
_CARRY_OUT = (*_OTHERS, "tasks", "knowledge", "learner", "run", "methods/_method.py", "methods/_penalty.py")
_PREDICTORS = (
    "stats/similarity.py",
    "stats/metrics.py",
    "analysis/scores.py",
    "execute/probes.py",
    "execute/selecting.py",
)


def code_digest(methods: Iterable[str]) -> str:
    """Digest of the code that carries out a run.

    The rooms below, the environments that are stepped side by side, what tasks say of given transitions, and the files
    of its methods and no others.
    """
    return _digest((*_CARRY_OUT, *(f"methods/{name}.py" for name in methods)))


def predictor_digest() -> str:
    """Digest of the code that computes the predictors of a source's worth."""
    return _digest(_PREDICTORS)


@cache
def _digest(places: tuple[str, ...]) -> str:
    package, digest = Path(__file__).parent.parent, hashlib.sha256()
    of_envs = [Path(str(module.__file__)).parent for module in (rl_transfer_envs.vector, rl_transfer_envs.outcomes)]
    for path in (*(package / place for place in places), *of_envs):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            name = file.relative_to(package if file.is_relative_to(package) else path.parent)
            digest.update(name.as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def library_versions(learner: LearnerConfig) -> dict[str, str]:
    """Versions of the interpreter and of the libraries that a run with this learner depends on."""
    names = [*_LIBRARIES]
    if learner.algorithm in _CONTRIB:
        names.append("sb3-contrib")
    if isinstance(learner.features, ResNetConfig):
        names.append("transformers")
    return {"python": python_version()} | {name: _version(name) for name in names}


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # refused where the learner is built, with the extra that brings it
        return "none"
