"""The runs that a study compares one with: its source, from scratch, the arm and its placebo."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rl_transfer.errors import ConfigError
from rl_transfer.store import Store, User, run_name, users


def siblings(folder: Path, store: Store) -> tuple[list[Path], list[Path]]:
    """The runs of the same pair and seed that a run of an arm is compared with, itself among them.

    Args:
        folder: The run's folder.
        store: Where its study lies.

    Returns:
        Folders: the first source, from scratch, the arm, its placebo, and the run itself if it is another control;
        then those of them that are left out because they have not finished.

    Raises:
        ConfigError: If no study of the store has the run, or it is no arm's.
    """
    key, name = folder.name.rpartition("-")[2], run_name(store, folder)
    runs = _runs_beside(key, users(store))
    if runs is None:
        raise ConfigError(f"no study in {store.root} has this run: name the others with --compare", file=name)
    entry = next(run for run in runs if run["key"] == key)
    arm = str(entry["arm"]).partition(".")[0]
    if arm in ("source", "scratch"):
        raise ConfigError("is no arm's run: give an arm's, or name the others with --compare", file=name)
    by_arm = {run["arm"]: run for run in runs if run["seed"] == entry["seed"]}
    wanted = [by_arm.get(arm, entry).get("source_path")]
    arms = dict.fromkeys(("scratch", arm, f"{arm}.placebo", entry["arm"]))
    wanted += [by_arm[one]["path"] for one in arms if one in by_arm]
    found = [store.root / path for path in wanted if path is not None]
    left_out = [one for one in found if store.status(one) is None and one.name != folder.name]
    return [one for one in found if one not in left_out], left_out


def _runs_beside(key: str, known: Iterable[User]) -> list[Mapping[str, Any]] | None:
    """The planned runs of the pair that a run belongs to."""
    for user in known:
        for pair in user.pairs.values():
            if any(run["key"] == key for run in pair["runs"]):
                return list(pair["runs"])
    return None
