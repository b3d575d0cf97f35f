"""Who needs which runs: the studies and selections of a store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_transfer.errors import StoreError
from rl_transfer.store.files import read_json
from rl_transfer.store.folders import Store


@dataclass(frozen=True)
class User:
    """A study or a selection that is made of runs.

    Attributes:
        kind: "study" or "selection".
        name: Its name.
        finished: Whether its results are written.
        keys: Keys of its runs, sources and references included.
        pairs: A study's pairs, as its ``study.json`` has them.
    """

    kind: str
    name: str
    finished: bool
    keys: frozenset[str]
    pairs: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """Its folder, seen from the store's."""
        return f"{'studies' if self.kind == 'study' else 'selections'}/{self.name}"

    def anchors_of(self, key: str) -> Mapping[str, float] | None:
        """The score anchors of the pair that one of its runs belongs to; None if it is none of them."""
        for pair in self.pairs.values():
            if any(run["key"] == key for run in pair["runs"]):
                anchors: Mapping[str, float] = pair["score"]
                return anchors
        return None


def users(store: Store) -> list[User]:
    """All studies and selections of a store, by name.

    Raises:
        StoreError: If one of them can't be read: what it needs is unknown then.
    """
    studies = [_study(file) for file in sorted(store.root.glob("studies/*/study.json"))]
    return studies + [_selection(file) for file in sorted(store.root.glob("selections/*/selection.json"))]


def _study(file: Path) -> User:
    try:
        content = read_json(file)
        keys = frozenset(key for pair in content["pairs"].values() for run in pair["runs"] for key in _keys(run))
        return User("study", file.parent.name, file.with_name("verdicts.json").exists(), keys, content["pairs"])
    except (StoreError, AttributeError, KeyError, TypeError) as error:
        raise _unknown(file, "study") from error


def _keys(run: Mapping[str, Any]) -> Iterator[str]:
    yield run["key"]
    paths = [run.get("source_path"), *run.get("other_source_paths", ()), *run.get("reference_paths", ())]
    yield from (path.rpartition("-")[2] for path in paths if path is not None)


def _selection(file: Path) -> User:
    try:
        content = read_json(file)
        keys = frozenset(content["selection"]["identity"]["runs"].values())
    except (StoreError, AttributeError, KeyError, TypeError) as error:
        raise _unknown(file, "selection") from error
    return User("selection", file.parent.name, True, keys, {})


def _unknown(file: Path, kind: str) -> StoreError:
    return StoreError(
        f"{file}: no {kind} of this release, so nobody knows which runs it needs: repair it, or move its folder out of "
        f"{file.parent.parent}"
    )
