"""Looks: a comparison stands as of the look that decided it, and what comes later changes nothing."""

import pytest

from rl_transfer.analysis import write_results
from rl_transfer.analysis.comparisons import compare
from rl_transfer.analysis.load import load_study

LOOKS = [{"seeds": 5, "baseline_seeds": 5, "alpha": 0.02}, {"seeds": 8, "baseline_seeds": 8, "alpha": 0.03}]
LOW, MIDDLE, HIGH = ([level + 2 * seed for seed in range(8)] for level in (30.0, 50.0, 90.0))
NOISY = [30.0, 90.0, 35.0, 85.0, 40.0, 95.0, 31.0, 92.0]


@pytest.fixture
def looking(study):
    study.manifest["looks"] = LOOKS
    study.add_arm("warm")

    def judged(runs, planned=8):
        """Comparisons by family of runs at these levels; what is left out was planned and is not there."""
        for arm, levels in runs.items():
            study.add_level_runs(arm, levels)
            for seed in range(len(levels), planned):
                study.plan(arm, seed)
        results = write_results(study.save(), "small")
        return {one.family: one for one in results.comparisons}, results.data.pairs[0]

    return judged


def test_an_arm_that_is_decided_gets_no_more_seeds(looking):
    found, pair = looking({"scratch": LOW[:5], "warm": HIGH[:5], "warm.placebo": LOW[:5]})
    total, knowledge = found["total"], found["knowledge"]
    assert (total.verdict, knowledge.verdict) == ("positive", "positive")
    assert (total.look, total.looks, total.n, total.alpha) == (1, 2, 5, 0.02)
    assert total.missing_runs == (0, 0)
    assert "look 1 of 2" in total.text
    assert pair.unneeded == 9
    assert pair.missing == ()


def test_an_open_arm_is_judged_again_at_the_next_looks_level(looking):
    found, pair = looking({"scratch": LOW, "warm": NOISY, "warm.placebo": LOW})
    assert (found["total"].look, found["total"].n, found["total"].alpha) == (2, 8, 0.03)
    assert pair.unneeded == 0


def test_a_decision_stands_though_the_arm_goes_on_for_its_placebo(looking):
    found, _ = looking({"scratch": LOW[:5] + HIGH[:3], "warm": HIGH, "warm.placebo": NOISY})
    assert (found["total"].verdict, found["total"].look, found["total"].n) == ("positive", 1, 5)
    assert (found["knowledge"].look, found["knowledge"].n) == (2, 8)


def test_runs_that_another_study_left_behind_change_no_decision(looking):
    found, pair = looking({"scratch": LOW[:5] + [200.0] * 3, "warm": HIGH, "warm.placebo": LOW})
    assert {one.verdict for family, one in found.items() if family != "initialisation"} == {"positive"}
    assert found["total"].n == 5
    assert len(pair.of_arm("warm")) == len(pair.of_arm("scratch")) == 5


def test_an_open_arm_without_the_next_looks_runs_is_missing_them(looking):
    found, pair = looking({"scratch": LOW[:5], "warm": NOISY[:5], "warm.placebo": LOW[:5]})
    assert (found["total"].verdict, found["total"].look) == ("inconclusive", 2)
    assert found["total"].missing_runs == (3, 3)
    assert len(pair.missing) == 9


def test_an_arm_with_a_gap_goes_no_further(looking):
    found, _ = looking({"scratch": LOW, "warm": [*NOISY[:4]], "warm.placebo": LOW})
    assert (found["total"].look, found["total"].missing_runs) == (1, (1, 0))


def test_p_over_the_study_weighs_a_look_by_its_share(study):
    study.manifest["looks"] = LOOKS
    study.add_arm("warm", placebo=False)
    for arm, levels in {"scratch": LOW, "warm": HIGH}.items():
        study.add_level_runs(arm, levels)
    (total,) = compare(load_study(study.save(), "small"))
    assert total.look == 1
    assert total.p_study == pytest.approx(total.p * 0.05 / 0.02)


def test_the_report_says_what_stopping_saved(looking, study):
    from rl_transfer.report import write_html

    looking({"scratch": LOW[:5], "warm": HIGH[:5], "warm.placebo": LOW[:5]})
    page = write_html(study.root, write_results(study.root, "small")).read_text()
    assert "stopping arms once they were decided saved 9 runs" in page
    assert "up to 8 seeds in 2 looks" in page
    assert "0.02 / 1 = 0.02 at look 1; 0.03 / 1 = 0.03 at look 2" in page
