"""When a source has paid off, and what was forgotten of its task."""

import json

import pytest
from scipy.stats import ttest_1samp

from rl_transfer.analysis import compare, load_study, payoff, retention

SLOW, FAST = [20.0, 20.0, 20.0, 120.0, 120.0], [120.0, 120.0, 120.0, 120.0, 120.0]
EARLY = [20.0, 120.0, 120.0, 120.0, 120.0]
COSTS = {"target_steps": 40, "wall_seconds": 1.5}
LOOKS = [{"seeds": 4, "baseline_seeds": 4, "alpha": 0.03}, {"seeds": 6, "baseline_seeds": 6, "alpha": 0.02}]


@pytest.fixture
def study_of(study):
    """A study of an arm whose sources took 80 steps and got 200 on their task; returns it as it is read."""

    def read(arm_curves, *, retained=(), source_steps=80, planned=0, scratch=(SLOW,) * 4, source_seeds=range(8)):
        """The study.

        Args:
            arm_curves: Returns of each run of the arm; None for one that diverged at once.
            retained: Return of each final agent on the source task; None where that could not be evaluated.
            source_steps: What the source's training took; None where that is not known.
            planned: Runs of the arm that were planned beyond those.
            scratch: Returns of each run from scratch.
            source_seeds: From which source each run of the arm started.
        """
        study.add_arm("warm", placebo=False)
        for seed in range(8):
            study.add_run("source", seed, [100.0, 110.0, 150.0, 180.0, 200.0 + seed])
        for seed, curve in enumerate(scratch):
            study.add_run("scratch", seed, curve)
        for seed, curve in enumerate(arm_curves):
            failure = {"outcome": "diverged", "failed_at_step": 0} if curve is None else {}
            folder = study.add_run("warm", seed, SLOW if curve is None else curve, **failure)
            study.pair["runs"][-1]["source_path"] = f"runs/pole/source/seed{source_seeds[seed]}-abc"
            known = {} if source_steps is None else {"source_steps": source_steps}
            (folder / "costs.json").write_text(json.dumps(COSTS | known))
        for seed in range(planned):
            study.plan("warm", len(arm_curves) + seed)
        for seed, return_ in enumerate(retained):
            if return_ is not None:
                rows = f"episode,return\n0,{return_ - 3}\n1,{return_ + 3}\n"
                (study.root / f"runs/pole/warm/seed{seed}-abc/retention.csv").write_text(rows)
        return load_study(study.save(), "small")

    return read


def paid(study):
    """What the arm of a study is worth."""
    (total,) = compare(study)
    return payoff(study.manifest, study.pairs[0], total)


def kept(study):
    """What the arm's agents kept of the source task."""
    return retention(study.pairs[0], "warm")


def test_a_source_has_paid_off_once_targets_saved_its_steps(study_of):
    found = paid(study_of([FAST] * 4))
    assert found.steps_saved == 40.0, "from scratch never held the threshold: its time is the budget"
    assert found.interval == (40.0, 40.0)
    assert (found.source_steps, found.total_steps) == (80.0, 120.0)
    assert found.targets == 2.0
    assert found.targets_interval == (2.0, 2.0)


def test_the_interval_of_targets_goes_with_that_of_the_steps(study_of):
    found = paid(study_of([FAST, FAST, FAST, EARLY]))
    assert found.steps_saved == 37.5
    assert 0.0 < found.interval.low < 37.5 < found.interval.high
    assert found.targets == pytest.approx(80 / 37.5)
    assert found.targets_interval == pytest.approx((80 / found.interval.high, 80 / found.interval.low))


@pytest.mark.parametrize(
    ("curves", "source_steps"), [([SLOW] * 4, 80), ([FAST] * 4, 0), ([FAST, SLOW, SLOW, SLOW], 80)]
)
def test_nothing_pays_off_where_no_saving_is_shown_or_no_source_was_trained(study_of, curves, source_steps):
    assert paid(study_of(curves, source_steps=source_steps)).targets is None


def test_a_source_of_unknown_training_is_not_one_without_training(study_of):
    found = paid(study_of([FAST] * 4, source_steps=None))
    assert (found.source_steps, found.total_steps, found.targets) == (None, None, None)
    assert found.steps_saved == 40.0


def test_nothing_is_said_to_pay_off_while_runs_are_missing(study_of):
    assert paid(study_of([FAST] * 2, planned=4)) is None


def test_a_run_that_failed_saved_nothing(study_of):
    assert paid(study_of([FAST, FAST, FAST, None])).steps_saved == 30.0


def test_runs_that_share_a_source_save_steps_as_one(study_of):
    """Four early runs of one source and one fast run of another: the mean over sources, and two numbers' spread."""
    found = paid(study_of([EARLY] * 4 + [FAST], scratch=[SLOW] * 5, source_seeds=[0, 0, 0, 0, 1]))
    assert found.steps_saved == 35.0
    assert found.interval.low < 0.0
    assert found.targets is None


def test_an_arm_is_compared_with_scratch_as_of_its_own_look(study, study_of):
    """The arm was decided by four seeds; the baseline's later ones are another arm's."""
    study.manifest["looks"] = LOOKS
    found = paid(study_of([FAST] * 6, scratch=[SLOW] * 4 + [FAST] * 2))
    assert found.steps_saved == 40.0


def test_what_was_forgotten_is_told_seed_by_seed(study_of):
    found = kept(study_of([FAST] * 4, retained=[150.0, 151.0, 152.0, 149.0]))
    assert (found.before, found.after) == (201.5, 150.5)
    assert found.difference == -51.0
    expected = ttest_1samp([-50.0, -50.0, -50.0, -54.0], 0.0).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert (found.side.failed, len(found.evaluated.runs)) == (0, 4)


def test_runs_without_an_evaluation_on_the_source_task_are_left_out(study_of):
    study = study_of([FAST] * 4, retained=[150.0])
    assert kept(study).interval == (-float("inf"), float("inf"))
    assert retention(study.pairs[0], "scratch") is None


def test_agents_that_failed_are_counted_beside_those_that_were_evaluated(study_of):
    found = kept(study_of([FAST] * 3 + [None] * 3, retained=[190.0, 191.0, 192.0]))
    assert found.difference == -10.0
    assert (len(found.evaluated.runs), len(found.side.runs), found.side.failed) == (3, 6, 3)


def test_an_arm_of_which_every_agent_failed_is_not_passed_over(study_of):
    found = kept(study_of([None] * 4))
    assert (found.before, found.after, found.difference, found.interval) == (None,) * 4
    assert found.side.failed == 4


def test_some_failures_are_no_retention_where_no_agent_can_play_the_source_task(study_of):
    assert kept(study_of([FAST, FAST, FAST, None])) is None


def test_nothing_is_said_to_be_forgotten_while_runs_are_missing(study_of):
    found = kept(study_of([FAST] * 2, retained=[150.0, 150.0], planned=4))
    assert (found.difference, found.interval) == (None, None)
    assert found.side.gap() == "4 of 6 runs of warm are missing"


def test_runs_that_share_a_source_forgot_as_one(study_of):
    retained = [100.0, 110.0, 120.0, 191.0]
    found = kept(study_of([FAST] * 4, retained=retained, source_seeds=[0, 0, 0, 1]))
    assert (found.before, found.after, found.difference) == (200.5, 150.5, -50.0)
    expected = ttest_1samp([-90.0, -10.0], 0.0).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.evaluated.unit == "sources"


def test_survivors_of_one_source_are_about_this_source(study_of):
    """The other source's runs failed: what is left started from a single agent."""
    found = kept(study_of([FAST, FAST, None, None], retained=[150.0, 160.0], source_seeds=[0, 0, 1, 1]))
    assert found.evaluated.one_source
    assert not found.side.one_source
