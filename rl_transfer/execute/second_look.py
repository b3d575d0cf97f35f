"""Seeds added to runs that have been judged before."""

from collections.abc import Iterable, Mapping

from rl_transfer.analysis.manifest import BASELINE, SOURCES
from rl_transfer.store import Store, read_json

ArmKeys = Mapping[tuple[str, str], frozenset[str]]


def arm_keys(runs: Iterable[tuple[str, str, str]]) -> ArmKeys:
    """The keys of each arm's runs; baselines and sources serve many studies and are left out.

    Args:
        runs: Pair, arm and key of each run.
    """
    keys: dict[tuple[str, str], set[str]] = {}
    for pair, arm, key in runs:
        if arm != BASELINE and arm not in SOURCES:
            keys.setdefault((pair, arm), set()).add(key)
    return {place: frozenset(found) for place, found in keys.items()}


def judged_before(study: str, arms: ArmKeys, store: Store) -> dict[str, int]:
    """Other studies that have been judged on some, but not all, of the runs of one of a study's arms.

    Seeds that are added after a verdict was seen make a second look, which a study's error level does not cover.

    Args:
        study: The study's name.
        arms: The keys of its arms' runs.
        store: Where the others lie.

    Returns:
        By the other study's name how many runs it shares with this one.
    """
    found = {}
    for path in sorted(store.root.glob("studies/*/verdicts.json")):
        pairs = read_json(path.with_name("study.json"))["pairs"]
        seen = {run for verdict in read_json(path) for run in verdict["runs"]}
        others = arm_keys(
            (name, run["arm"], run["key"])
            for name, pair in pairs.items()
            for run in pair["runs"]
            if run["path"] in seen
        )
        shared = [keys & there for keys in arms.values() for there in others.values() if keys & there and keys - there]
        if shared and path.parent.name != study:
            found[path.parent.name] = len(frozenset().union(*shared))
    return found


def second_looks(judged: Mapping[str, int]) -> list[str]:
    """What is said of studies that were judged before on some of the same runs."""
    return [
        f"{study} has been judged on {runs} of these runs: adding seeds after that is a second look, which the error "
        "level does not cover (first_seed gives fresh seeds; seeds: {looks: ...} plans several looks)"
        for study, runs in judged.items()
    ]
