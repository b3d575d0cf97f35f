"""How often do planned looks call an arm different that is not? Through the comparisons themselves, looks and all."""

import numpy as np
import pytest
from scipy.stats import binom

from rl_transfer.analysis import PairData, PairEntry, RunData, StudyData, compare
from rl_transfer.analysis.manifest import ArmEntry, Manifest, RunEntry
from rl_transfer.study import Look, ScoreConfig

ALPHA = 0.2
SEEDS = (4, 6, 8)
SHARES = (0.06, 0.06, 0.08)
ARMS = ("first", "second")
STUDIES = 400
# Were the rate alpha, so many null studies would have more alarms than this one time in a hundred.
MOST = binom.ppf(0.99, STUDIES, ALPHA)


def finished(arm, seed, score):
    """A run that has one score all along."""
    score_T = np.full(2, score)
    return RunData(
        arm=arm,
        seed=seed,
        path=f"{arm}/{seed}",
        outcome="completed",
        message="",
        step_T=np.array([0, 1]),
        return_T=score_T,
        costs={},
        source_path=None,
        score_T=score_T,
        floored_T=np.zeros(2, dtype=np.bool_),
    )


def null_study(generator, level_L):
    """Two arms and scratch, all alike, at these levels of the looks; nobody learns, so that nothing is equivalent."""
    runs = tuple(
        finished(arm, seed, generator.normal(0.1, 0.02)) for arm in ("scratch", *ARMS) for seed in range(SEEDS[-1])
    )
    entry = PairEntry(
        algorithm=None,
        score=ScoreConfig(random=0.0, reference=1.0, worst=0.0),
        threshold_score=0.8,
        source_threshold_return=None,
        target_steps=1,
        grid=(0, 1),
        episodes=1,
        arms={arm: ArmEntry(placebo=False) for arm in ARMS},
        runs=tuple(RunEntry(arm=run.arm, seed=run.seed, key="", path=run.path) for run in runs),
    )
    manifest = Manifest(
        format=1,
        name="null",
        alpha=ALPHA,
        margin=0.1,
        looks=tuple(
            Look(seeds=seeds, baseline_seeds=seeds, alpha=level) for seeds, level in zip(SEEDS, level_L, strict=True)
        ),
        command="",
        versions={},
        pairs={"pair": entry},
    )
    return StudyData(manifest, (PairData("pair", entry, runs, (), ()),))


def false_alarms(level_L):
    """In how many null studies any arm is called better or worse than scratch."""
    generator = np.random.default_rng(31)
    verdicts = ({one.verdict for one in compare(null_study(generator, level_L))} for _ in range(STUDIES))
    return sum(not found.isdisjoint({"positive", "negative"}) for found in verdicts)


@pytest.mark.slow
def test_looking_early_costs_nothing_of_the_error_level():
    assert false_alarms(SHARES) <= MOST


@pytest.mark.slow
def test_looks_at_the_full_level_would_not_pass():
    assert false_alarms((ALPHA,) * len(SEEDS)) > MOST
