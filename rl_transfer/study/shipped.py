"""Finding study and pair files: by path, or by the name of a shipped one from any folder."""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from rl_transfer.errors import ConfigError, nearest

Kind = Literal["studies", "pairs"]


def _folder(kind: Kind) -> Path:
    return Path(str(files("rl_transfer_configs"))) / kind


def shipped_names(kind: Kind) -> list[str]:
    """Names of the shipped studies or pairs, sorted."""
    return sorted(file.stem for file in _folder(kind).glob("*.yaml"))


def schema_address(of: Literal["pair", "study"]) -> str:
    """The address of the shipped JSON Schema, for the line by which editors find it from any folder."""
    return (Path(str(files("rl_transfer_configs"))) / "schema" / f"{of}.schema.json").as_uri()


def looks_like_path(text: str) -> bool:
    """Whether a user who wrote this meant a file and not a shipped name."""
    return text.endswith((".yaml", ".yml")) or "/" in text or "\\" in text or set(text) == {"."}


def find_file(text: str, kinds: tuple[Kind, ...], *, base: Path | None = None) -> tuple[Path, Kind | None]:
    """Find the file that a name or path means.

    Args:
        text: A path (relative to ``base``, else to the current folder) or a shipped name.
        kinds: Where shipped names are looked up, in order.
        base: Folder that relative paths start from.

    Returns:
        The file, and the kind it was found under; None for a path, whose content has to tell.

    Raises:
        ConfigError: If there is no such file or shipped name.
    """
    if not text.isprintable() or len(text) > 1000:
        raise ConfigError(f"this can't be a name or a path: {text[:60]!r}")
    if looks_like_path(text):
        return _existing(text, base or Path.cwd()), None
    for kind in kinds:
        if text in shipped_names(kind):
            return _folder(kind) / f"{text}.yaml", kind
    names = [name for kind in kinds for name in shipped_names(kind)]
    what = " or ".join({"studies": "study", "pairs": "pair"}[kind] for kind in kinds)
    hint = f"{nearest(text, names)} (a file is given as a path, ./{text or 'name'}.yaml)"
    raise ConfigError(f"no shipped {what} is called {text!r}; {hint}")


def _existing(text: str, base: Path) -> Path:
    path = base / text
    try:
        path = base / Path(text).expanduser()
        if path.is_file():
            return path
        problem = "is a folder, not a file" if path.is_dir() else "no such file"
    except (OSError, RuntimeError) as error:  # a name too long, a closed folder; '~' without a home folder
        problem = f"can't be found: {getattr(error, 'strerror', None) or error}"
    raise ConfigError(problem, file=path)
