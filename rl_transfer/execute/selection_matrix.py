"""A finished study's matrix: its cells as candidates, and the total effects that it measured as the truth."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from rl_transfer.analysis import StudyData, compare
from rl_transfer.analysis import load_study as load_results
from rl_transfer.analysis.manifest import BASELINE
from rl_transfer.errors import ConfigError, RLTransferError, nearest
from rl_transfer.execute.manifest import pair_settings
from rl_transfer.execute.plan import plan_runs
from rl_transfer.store import Store, read_json
from rl_transfer.study import Cell, LoadedStudy, load_study, parse_overrides

_MATRIX = "--matrix"


@dataclass(frozen=True)
class Matrix:
    """The cells of a finished study.

    Attributes:
        study: The study as it was run, with its cells alone.
        truth: By cell the arm's total effect.
        next_seed: The first seed after those of its baselines and arms.
    """

    study: LoadedStudy
    truth: dict[str, float]
    next_seed: int


def load_matrix(store: Store, text: str, arm: str) -> Matrix:
    """Read a finished study with a matrix.

    Args:
        store: Where it was run.
        text: Its name, or the path of its file.
        arm: The arm whose total effect is the truth.

    Raises:
        ConfigError: If the store has no such study, it is not finished, has no matrix or no such arm.
    """
    data = load_results(store.root, _known(store, text))
    name = data.manifest.name
    matrix = {pair.name: pair.entry.arms for pair in data.pairs if pair.entry.cell is not None}
    if not matrix:
        raise ConfigError(f"the study {name} has no matrix: give one that has", key=_MATRIX)
    cells = {cell for cell, arms in matrix.items() if arm in arms}
    if not cells:
        arms = list(dict.fromkeys(known for arms in matrix.values() for known in arms))
        raise ConfigError(f"the study {name} has no arm {arm!r}; {nearest(arm, arms)}", key="--arm")
    truth = _truth(data, cells, arm)
    study = _as_it_was_run(data.manifest.command)
    wanted = (pair for pair in study.pairs if isinstance(pair.place, Cell))
    pairs = tuple(pair for pair in wanted if arm in study.config.arms_on(pair.name))
    _refuse_other_settings(replace(study, pairs=pairs), store, name, cells)
    seeds = (run.seed for pair in data.pairs for run in pair.entry.runs if run.arm in (BASELINE, *pair.entry.arms))
    return Matrix(replace(study, name=name, pairs=pairs), truth, max(seeds) + 1)


def _refuse_other_settings(study: LoadedStudy, store: Store, name: str, cells: set[str]) -> None:
    """Refuse a study's file that was changed since it was run: the early runs would be another study's."""
    there = read_json(store.study(name) / "study.json")["pairs"]
    differs = {"cells"} if {pair.name for pair in study.pairs} != cells else set[str]()
    if not differs:
        plan = plan_runs(study, store)
        for pair in study.pairs:
            here = json.loads(json.dumps(pair_settings(plan, pair)))
            differs |= {key for key in here if here[key] != there[pair.name].get(key)}
    if differs:
        what = f"the file of the study {name} has other {' and '.join(sorted(differs))} than what was run"
        raise ConfigError(f"{what}: restore it, or run it under another --name", file=study.draft.file)


def _known(store: Store, text: str) -> str:
    store.check()
    name = Path(text).stem if text.endswith((".yaml", ".yml")) else text
    studies = sorted(file.parent.name for file in store.root.glob("studies/*/study.json"))
    if name not in studies:
        hint = nearest(name, studies) if studies else "it has none yet"
        what = f"{store.root} has no study {name!r}; {hint}; 'rl-transfer run {text}' carries it out"
        raise ConfigError(what, key=_MATRIX)
    return name


def _truth(data: StudyData, cells: set[str], arm: str) -> dict[str, float]:
    found = {
        one.pair: one.difference
        for one in compare(data)
        if one.pair in cells and one.transfer_arm == arm and one.family == "total"
    }
    name = data.manifest.name
    truth = {pair: difference for pair, difference in found.items() if difference is not None}
    if missing := sorted(cells - truth.keys()):
        what = f"the study {name} is not finished: {len(missing)} of {len(cells)} cells lack runs, such as {missing[0]}"
        raise ConfigError(f"{what}: 'rl-transfer run' goes on with it", key=_MATRIX)
    return truth


def _as_it_was_run(command: str) -> LoadedStudy:
    """The study that a command carried out, with its overrides."""
    words: Sequence[str] = shlex.split(command)
    if words[:2] != ["rl-transfer", "run"] or len(words) < 3:
        raise RLTransferError(f"{command!r} is no command that carries out a study")
    texts = [value for option, value in pairwise(words[3:]) if option == "--set"]
    return load_study(words[2], parse_overrides(texts))
