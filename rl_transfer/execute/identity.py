"""What a run's identity says about code: this project's own, and the libraries' versions."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version

_LIBRARIES = ("rl-transfer", "gymnasium", "numpy", "stable-baselines3", "torch")
_CARRY_OUT = ("seeds.py", "tasks", "knowledge", "learner", "run", "methods/_method.py")


def code_digest(methods: Iterable[str]) -> str:
    """Digest of the code that carries out a run: the rooms below, and the files of its methods and no others."""
    return _digest((*_CARRY_OUT, *(f"methods/{name}.py" for name in methods)))


@cache
def _digest(places: tuple[str, ...]) -> str:
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for place in places:
        path = package / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def library_versions() -> dict[str, str]:
    """Versions of the interpreter and of the libraries that every run depends on; not to be changed."""
    return {"python": python_version()} | {name: version(name) for name in _LIBRARIES}
