"""Runs that have been judged before, with other seeds, arms or settings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl_transfer.analysis.manifest import BASELINE, is_judged
from rl_transfer.store import Store, read_json
from rl_transfer.study import StudyConfig


@dataclass(frozen=True)
class Judged:
    """One arm of a pair as a study judges it.

    Attributes:
        runs: Keys of the arm's runs, or of a control's.
        baseline: Keys of the runs from scratch that it is compared with.
        arms: The pair's arms, among which the error level is shared.
        settings: What else the verdict depends on.
    """

    runs: frozenset[str]
    baseline: frozenset[str]
    arms: frozenset[str]
    settings: str


def verdict_settings(config: StudyConfig) -> dict[str, Any]:
    """What a study's verdicts depend on besides its runs, as its manifest has it."""
    looks = [look.model_dump(mode="json") for look in config.looks]
    return {"alpha": config.alpha, "margin": config.margin, "looks": looks}


def judged_arms(runs: Iterable[tuple[str, str, str]], settings: Mapping[str, Any]) -> list[Judged]:
    """What a study judges.

    Args:
        runs: Pair, arm and key of each run.
        settings: What its verdicts depend on besides.
    """
    keys: dict[str, dict[str, set[str]]] = {}
    for pair, arm, key in runs:
        if is_judged(arm):
            keys.setdefault(pair, {}).setdefault(arm, set()).add(key)
    return [
        Judged(frozenset(found), frozenset(arms.get(BASELINE, ())), frozenset(arms), repr(sorted(settings.items())))
        for arms in keys.values()
        for arm, found in arms.items()
        if arm != BASELINE
    ]


def judged_before(study: str, arms: Sequence[Judged], store: Store) -> dict[str, int]:
    """Other studies that have been judged on runs of a study's arms, but not on all the same terms.

    Seeds that are added after a verdict was seen, arms that are dropped or settings that are changed make a second
    look, which a study's error level does not cover. Baselines alone may serve many studies.

    Args:
        study: The study's name.
        arms: What it judges.
        store: Where the others lie.

    Returns:
        By the other study's name how many runs of arms it shares with this one.
    """
    own = store.study(study)
    if (own / "verdicts.json").exists():  # judged already: what came later does not change that
        return dict(read_json(own / "study.json").get("judged_before", {}))
    found = {}
    for name, others, seen in _finished(store):
        shared = [
            here.runs & there.runs & seen
            for here in arms
            for there in others
            if here != there and here.runs & there.runs
        ]
        if any(shared):
            found[name] = len(frozenset().union(*shared))
    return found


def _finished(store: Store) -> Iterator[tuple[str, list[Judged], frozenset[str]]]:
    """The store's finished studies: name, what they judge, and the keys of the runs that a verdict has seen."""
    for path in sorted(store.root.glob("studies/*/verdicts.json")):
        manifest = read_json(path.with_name("study.json"))
        runs = [(pair, run) for pair, entry in manifest["pairs"].items() for run in entry["runs"]]
        folders = {folder for verdict in read_json(path) for folder in verdict["runs"]}
        settings = {name: manifest.get(name) for name in ("alpha", "margin", "looks")}
        judged = judged_arms(((pair, run["arm"], run["key"]) for pair, run in runs), settings)
        yield path.parent.name, judged, frozenset(run["key"] for _, run in runs if run["path"] in folders)


def second_looks(judged: Mapping[str, int]) -> list[str]:
    """What is said of studies that were judged before on some of the same runs."""
    return [
        f"{study} has been judged on {runs} of these runs, with other seeds, arms or settings: this is a second look, "
        "which the error level does not cover (first_seed gives fresh seeds; seeds: {looks: ...} plans several looks)"
        for study, runs in judged.items()
    ]
