"""When a source has paid off, and what was forgotten of its task."""

import json

import pytest

from rl_transfer.analysis import load_study, payoff, retention

SLOW, FAST = [20.0, 20.0, 20.0, 120.0, 120.0], [120.0, 120.0, 120.0, 120.0, 120.0]


@pytest.fixture
def pair_of(study):
    """A study of an arm whose sources took 80 steps and got 200 on their task; returns the pair as it is read."""

    def read(arm_curves, *, retained=(), source_steps=80):
        study.add_arm("warm", placebo=False)
        for seed in range(4):
            study.add_run("source", seed, [100.0, 110.0, 150.0, 180.0, 200.0 + seed])
            study.add_run("scratch", seed, SLOW)
        for seed, curve in enumerate(arm_curves):
            folder = study.add_run("warm", seed, curve)
            study.pair["runs"][-1]["source_path"] = f"runs/pole/source/seed{seed}-abc"
            costs = {"target_steps": 40, "source_steps": source_steps, "wall_seconds": 1.5}
            (folder / "costs.json").write_text(json.dumps(costs))
            if seed < len(retained):
                (folder / "retention.csv").write_text(
                    f"episode,return\n0,{retained[seed] - 3}\n1,{retained[seed] + 3}\n"
                )
        return load_study(study.save(), "small").pairs[0]

    return read


def test_a_source_has_paid_off_once_targets_saved_its_steps(pair_of):
    found = payoff(pair_of([FAST] * 4), "warm")
    assert found.steps_saved == 40.0, "from scratch never held the threshold: its time is the budget"
    assert found.interval == (40.0, 40.0)
    assert (found.source_steps, found.total_steps) == (80.0, 120.0)
    assert found.targets == 2.0
    assert found.targets_interval == (2.0, 2.0)


def test_the_interval_of_targets_goes_with_that_of_the_steps(pair_of):
    found = payoff(pair_of([FAST, FAST, FAST, [20.0, 120.0, 120.0, 120.0, 120.0]]), "warm")
    assert found.steps_saved == 37.5
    assert 0.0 < found.interval.low < 37.5 < found.interval.high
    assert found.targets == pytest.approx(80 / 37.5)
    assert found.targets_interval == pytest.approx((80 / found.interval.high, 80 / found.interval.low))


@pytest.mark.parametrize(
    ("curves", "source_steps"), [([SLOW] * 4, 80), ([FAST] * 4, 0), ([FAST, SLOW, SLOW, SLOW], 80)]
)
def test_nothing_pays_off_where_no_saving_is_shown_or_no_source_was_trained(pair_of, curves, source_steps):
    assert payoff(pair_of(curves, source_steps=source_steps), "warm").targets is None


def test_what_was_forgotten_is_told_seed_by_seed(pair_of):
    found = retention(pair_of([FAST] * 4, retained=[150.0, 151.0, 152.0, 149.0]), "warm")
    assert (found.before, found.after) == (201.5, 150.5)
    assert found.difference == -51.0
    differences = [-50.0, -50.0, -50.0, -54.0]
    from scipy.stats import ttest_1samp

    expected = ttest_1samp(differences, 0.0).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))


def test_runs_without_an_evaluation_on_the_source_task_are_left_out(pair_of):
    pair = pair_of([FAST] * 4, retained=[150.0])
    assert retention(pair, "warm").interval == (-float("inf"), float("inf"))
    assert retention(pair, "scratch") is None
