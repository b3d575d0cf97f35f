"""Where runs and studies lie in the store, and how a run's key is made."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from rl_transfer.errors import ConfigError, StoreError, nearest
from rl_transfer.store.files import read_json, write_json
from rl_transfer.study import RunSpec

FORMAT = 1
REMOVE_AND_RERUN = "remove the run with 'rl-transfer rm RUN --force' and run the study again"
_RUN_FOLDER = re.compile(r"^seed\d+-(?P<key>[0-9a-f]{12})$")


def run_key(spec: RunSpec) -> str:
    """Twelve hexadecimal digits that stand for all that determines a run's result."""
    unset: dict[str, Any] = {
        name: True for name in ("horizon_steps", "references", "other_sources", "anchors") if not getattr(spec, name)
    }
    if spec.source is not None and spec.source.name is None:
        unset["source"] = {"name"}
    text = json.dumps(spec.model_dump(mode="json", exclude=unset), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def retention_file(source: str = "") -> str:
    """The file of a run's folder that says what its agent still gets on a source's task.

    Args:
        source: What a further source is called; nothing for a run's first or only one.
    """
    return f"retention.{source}.csv" if source else "retention.csv"


def read_spec(folder: Path) -> RunSpec:
    """The specification of the run in a folder.

    Raises:
        StoreError: If it is missing, damaged or of another release.
    """
    try:
        return RunSpec.model_validate_json(json.dumps(read_json(folder / "spec.json")["spec"]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        unknown = first.get("ctx", {}).get("key")
        place = ".".join(map(str, ["spec", *first["loc"], *([unknown] if unknown else [])]))
        raise spec_error(folder, f"{place}: {first['msg']}") from error
    except (KeyError, TypeError) as error:
        raise spec_error(folder, "it has no 'spec'") from error


def spec_error(folder: Path, wrong: str) -> StoreError:
    """The error that a run's specification can't be used."""
    return StoreError(f"{folder / 'spec.json'}: no run of this release: {wrong}: {REMOVE_AND_RERUN}")


def folder_key(folder: Path) -> str:
    """The key in the name of a run's folder."""
    return folder.name.rpartition("-")[2]


def write_spec(folder: Path, key: str, spec: RunSpec) -> None:
    """Write the specification of a run."""
    write_json(folder / "spec.json", {"key": key, "spec": spec.model_dump(mode="json")})


class Store:
    """A folder of runs and studies.

    A run is looked up by its key, wherever it lies: a from-scratch baseline or a source agent that one
    pair or study has trained serves every other that needs the same.

    Args:
        root: The folder; made on first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def runs(self) -> Path:
        """Folder of all runs: ``pair/arm/seedN-key``."""
        return self.root / "runs"

    def study(self, name: str) -> Path:
        """Folder of one study's results."""
        return self.root / "studies" / name

    def lock(self, key: str) -> Path:
        """The lock file of one run: it has one owner at a time, whoever started it."""
        return self.root / "locks" / f"{key}.lock"

    def is_locked(self, key: str) -> bool:
        """Whether a process holds a run's lock: it is being trained."""
        return _is_held(self.lock(key))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Say to other programs that this one carries out runs, also while none of them has its lock."""
        lock = FileLock(self.lock(f"program-{uuid.uuid4().hex}"))
        with lock:
            try:
                yield
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)

    def programs_at_work(self) -> int:
        """How many programs carry out runs in this store now."""
        return sum(_is_held(lock) for lock in self.root.glob("locks/program-*.lock"))

    @property
    def _marker(self) -> Path:
        return self.root / "store.json"

    def check(self) -> None:
        """Check that this is a store that this release can use, or nothing yet.

        Raises:
            StoreError: If it is no folder, or was made by another release's format.
        """
        if self.root.exists() and not self.root.is_dir():
            raise StoreError(f"{self.root}: is no folder: choose another --store")
        if self._marker.exists():
            found = read_json(self._marker)
            form = found.get("format") if isinstance(found, dict) else None
            if form != FORMAT:
                raise StoreError(f"{self._marker}: format {form!r}, this release reads {FORMAT}: use another --store")

    def check_made(self) -> None:
        """Check that this is a store already, one that this release can use.

        Raises:
            ConfigError: If there is none.
            StoreError: If it was made by another release's format.
        """
        self.check()
        if not self._marker.exists() and not self.index():
            beside = [marker.parent.name for marker in self.root.parent.glob("*/store.json")]
            inside = [f"{self.root.name}/{marker.parent.name}" for marker in self.root.glob("*/store.json")]
            hint = f"; {nearest(self.root.name, beside + inside)}" if beside or inside else ""
            raise ConfigError(
                f"is no store of runs: give one by --store FOLDER; 'rl-transfer run' makes one{hint}", file=self.root
            )

    def open(self) -> None:
        """Make the store where there is none, and check it.

        Raises:
            StoreError: If it can't be written to, is no folder, or was made by another release's format.
        """
        self.check()
        if not self._marker.exists():
            write_json(self._marker, {"format": FORMAT})
        locks = self.lock("x").parent
        try:
            locks.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{locks}: can't be made ({error.strerror}): choose another --store") from error

    def index(self) -> dict[str, Path]:
        """All run folders by key; one without a specification (killed while it was made) is none."""
        found = {}
        for path in sorted(self.runs.glob("*/*/seed*/spec.json")):
            if match := _RUN_FOLDER.match(path.parent.name):
                found[match["key"]] = path.parent
        return found

    def run_folder(self, pair: str, arm: str, seed: int, key: str) -> Path:
        """The folder for a run that is not in the store yet."""
        return self.runs / pair / arm / f"seed{seed}-{key}"

    def status(self, folder: Path) -> dict[str, Any] | None:
        """A run's status, or None if it never finished."""
        path = folder / "status.json"
        if not path.exists():
            return None
        try:
            status = read_json(path)
        except StoreError:
            return None
        return status if isinstance(status, dict) and status.get("status") == "finished" else None

    def relative(self, folder: Path) -> str:
        """A path inside the store as it is written into result files."""
        return folder.relative_to(self.root).as_posix()


def _is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a store that can only be read: nobody trains there
        return False
