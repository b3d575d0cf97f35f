"""The gate: a small version of docs/calibration.md that fails where the verdict's rule is broken."""

from functools import cache

import calibrate
import numpy as np
import pytest
import scipy.stats
from calibration_pools import drawn_groups, drawn_scores, known_effects, read_pool, unequal_shapes
from calibration_rules import (
    EQUIVALENT,
    Rate,
    fragile,
    intervals_apart,
    iqm_bootstrap,
    mann_whitney,
    mean_bootstrap,
    ratio_rule,
    student,
    this_rule,
    verdicts,
    welch,
    welch_intervals,
    wilson_interval,
)
from calibration_tables import (
    ALLOWED,
    ALPHA,
    Design,
    Study,
    effect_row,
    family_alarms,
    pool_row,
    same_pool_row,
    shape_row,
    stopped,
)
from make_pools import POOLS

from rl_transfer.analysis import judge, judge_family
from rl_transfer.errors import RLTransferError
from rl_transfer.stats import ShiftTest, interquartile_mean
from rl_transfer.stats.arrangements import arrangements
from rl_transfer.study import LooksConfig

CODES = {"positive": 1, "negative": -1, "equivalent": EQUIVALENT, "inconclusive": 0}
LOOKS = Design.of(LooksConfig(looks=(5, 6, 8))).looks
GATE = [
    *((name, Design.of(5), 4000) for name in POOLS),
    *((name, Design.of(5, baseline_factor=2, arms=3), 2500) for name in POOLS),
    *((name, Design.of(LooksConfig(looks=(5, 7), alphas=(0.02, 0.03))), 4000) for name in POOLS),
]

pool = cache(read_pool)


def shape(name, of="acrobot"):
    return next(arm for arm in unequal_shapes(pool(of), [pool("cartpole")]) if arm.name == name)


def misses(rule):
    """Families of the gate's designs with more false alarms than they may have."""
    for place, (name, design, splits) in enumerate(GATE):
        study = Study.drawn(np.random.default_rng([7, place]), splits, pool(name).mean_R, design)
        for family, comparisons in study.families().items():
            rate = Rate.of(family_alarms(comparisons, design, family, rule))
            if rate.high > ALLOWED:
                yield f"{name}, {design.cells()}, {family}: {rate} %"


def raw_permutation(baseline_SN, arm_SM, level):
    """A permutation test on the difference of means."""
    n, m = arm_SM.shape[1], baseline_SN.shape[1]
    pooled_SP = np.concatenate([arm_SM, baseline_SN], axis=1)
    dealt_PA = np.zeros((n + m, arrangements(n, m).shape[1]))
    dealt_PA[arrangements(n, m), np.arange(dealt_PA.shape[1])] = 1 / n + 1 / m
    difference_SA = pooled_SP @ dealt_PA - pooled_SP.sum(axis=1, keepdims=True) / m
    extreme_SA = np.abs(difference_SA) >= np.abs(difference_SA[:, :1]) * (1 - 1e-9)
    return np.where(extreme_SA.mean(axis=1) <= level, np.sign(difference_SA[:, 0]), 0)


def test_where_nothing_differs_false_alarms_stay_within_the_level():
    assert list(misses(this_rule)) == []


@pytest.mark.parametrize("rule", [iqm_bootstrap, mean_bootstrap])
def test_the_gate_fails_with_the_percentile_bootstrap(rule):
    assert next(misses(rule), None) is not None


@pytest.mark.parametrize("rule", [raw_permutation, student])
def test_with_unequal_spread_and_unequal_numbers_others_fail_where_the_rule_does_not(rule):
    baseline, arm = pool("cartpole"), shape("3 times the spread", of="cartpole")
    drawn = drawn_scores(np.random.default_rng(3), 2000, baseline.mean_R, 10, arm, 5)
    assert Rate.of(rule(*drawn, ALPHA) != 0).low > ALLOWED + 0.02
    assert Rate.of(this_rule(*drawn, ALPHA) != 0).high < ALLOWED + 0.02


@pytest.mark.slow
def test_rare_failures_are_a_known_limit_and_most_are_called_fragile():
    baseline, arm = pool("cartpole"), shape("20% of runs fail", of="cartpole")
    drawn = drawn_scores(np.random.default_rng(4), 600, baseline.mean_R, 12, arm, 6)
    alarm_S = this_rule(*drawn, ALPHA) != 0
    assert np.mean(alarm_S) > 0.1
    assert fragile(*(side[alarm_S] for side in drawn), ALPHA, baseline.worst).mean() > 0.5


@pytest.mark.parametrize(
    ("arm", "sizes"), [("skewed", (5, 5)), ("20% of runs fail", (6, 12)), ("runs of cartpole", (5, 10))]
)
@pytest.mark.slow
def test_the_screens_are_exact(arm, sizes):
    baseline, population = pool("acrobot"), shape(arm)
    baseline_SN, arm_SM = drawn_scores(np.random.default_rng(5), 40, baseline.mean_R, sizes[1], population, sizes[0])
    # Rounded, so that some runs tie and a failure may leave the arm without spread; moved, so that all verdicts occur.
    arm_SM = np.round(arm_SM, 2) + np.linspace(0.0, 0.6, 40)[:, None]
    judged = [
        judge(group_N, arm_M, worst=baseline.worst)
        for group_N, arm_M in zip(np.round(baseline_SN, 2), arm_SM, strict=True)
    ]
    code_S = verdicts(np.round(baseline_SN, 2), arm_SM, ALPHA)
    assert code_S.tolist() == [CODES[one.verdict] for one in judged]
    assert len(set(code_S.tolist())) > 1
    called_S = (code_S == 1) | (code_S == -1)
    found = fragile(np.round(baseline_SN, 2)[called_S], arm_SM[called_S], ALPHA, baseline.worst)
    assert found.tolist() == [one.fragile for one, called in zip(judged, called_S, strict=True) if called]
    assert this_rule(np.round(baseline_SN, 2), arm_SM, ALPHA).tolist() == np.where(called_S, code_S, 0).tolist()


@pytest.mark.slow
def test_equivalence_is_screened_exactly():
    generator = np.random.default_rng(6)
    baseline_SN, arm_SM = generator.normal(0.5, 0.08, (40, 8)), generator.normal(0.5, 0.08, (40, 8))
    arm_SM[:5], baseline_SN[:3] = 0.5, 0.5  # no spread on a side, or on both
    arm_SM[0] = 0.55
    code_S = verdicts(baseline_SN, arm_SM, ALPHA)
    assert code_S.tolist() == [CODES[judge(*sides).verdict] for sides in zip(baseline_SN, arm_SM, strict=True)]
    assert {0, EQUIVALENT} <= set(code_S.tolist()) and code_S[0] == 1


def test_the_vectorised_welch_interval_is_that_of_the_package():
    generator = np.random.default_rng(8)
    baseline_SN, arm_SM = generator.normal(0, 1, (20, 6)), generator.normal(0.3, 2, (20, 11))
    low_S, high_S = welch_intervals(baseline_SN, arm_SM, 0.02)
    for split in range(20):
        expected = ShiftTest(baseline_SN[split], arm_SM[split]).welch_interval(0.02)
        assert (low_S[split], high_S[split]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_a_family_alarms_where_any_of_its_arms_is_judged_to_differ():
    design = Design.of(6, baseline_factor=2, arms=3)
    study = Study.drawn(np.random.default_rng(9), 20, pool("acrobot").mean_R, design)
    arm_KSN = study.arm_KSN + np.array([0.0, 0.2, -0.2])[:, None, None]
    moved = Study(study.baseline_SB, arm_KSN, study.placebo_KSN)
    alarm_S = family_alarms(moved.families()["total"], design, "total", this_rule)
    for split in range(20):
        arms = {str(k): moved.arm_KSN[k, split] for k in range(3)}
        judged = judge_family(moved.baseline_SB[split], arms).values()
        assert alarm_S[split] == any(one.verdict in ("positive", "negative") for one in judged)
    assert 0 < alarm_S.sum() < 20


def test_an_alarm_at_any_look_counts_and_knowledge_has_as_many_placebos_as_arms():
    seen = []

    def spy(baseline_SN, arm_SM, level):
        seen.append((baseline_SN.shape, arm_SM.shape, round(level, 6)))
        return (np.arange(len(arm_SM)) == 0).astype(np.int8)  # always the first of those that are left

    design = Design.of(LooksConfig(), baseline_factor=2, arms=1)
    study = Study.drawn(np.random.default_rng(0), 10, pool("cartpole").mean_R, design)
    families = study.families()
    assert family_alarms(families["total"], design, "total", spy).sum() == 3
    assert seen == [((10, 12), (10, 6), 0.01), ((9, 24), (9, 12), 0.015), ((8, 40), (8, 20), 0.025)]
    seen.clear()
    family_alarms(families["knowledge"], design, "knowledge", spy)
    assert [shapes[0][1] for shapes in seen] == [6, 12, 20]


def test_where_every_split_has_raised_its_alarm_nothing_is_left_to_ask():
    design = Design.of(LooksConfig())
    study = Study.drawn(np.random.default_rng(0), 5, pool("cartpole").mean_R, design)
    moved = [(study.baseline_SB, study.arm_KSN[0] + 9.0)]
    assert family_alarms(moved, design, "total", this_rule).all()


def stopped_by_judge(baseline_N, arm_N, placebo_N):
    """What a study does: each comparison keeps the look that decided it, the arm stops when both are decided."""
    total = knowledge = "inconclusive"
    for look in LOOKS:
        seen = slice(look.seeds)
        if total == "inconclusive":
            total = judge(baseline_N[seen], arm_N[seen], alpha=look.alpha).verdict
        if knowledge == "inconclusive":
            knowledge = judge(placebo_N[seen], arm_N[seen], alpha=look.alpha).verdict
        if "inconclusive" not in (total, knowledge):
            break
    return CODES[total], look.seeds


def test_looks_stop_where_a_study_would():
    generator = np.random.default_rng(10)
    shift_S1 = np.repeat([0.0, 0.1, 0.5], 10)[:, None]
    groups = [generator.normal(0.5, 0.06, (30, 8)) for _ in range(3)]
    groups[1] += shift_S1
    code_S, seeds_S = stopped(*groups, LOOKS)
    expected = [stopped_by_judge(*sides) for sides in zip(*groups, strict=True)]
    assert list(zip(code_S.tolist(), seeds_S.tolist(), strict=True)) == expected
    assert {5, 6, 8} == set(seeds_S.tolist()) and {EQUIVALENT, 1} <= set(code_S.tolist())


def test_groups_of_a_split_are_disjoint_and_drawn_evenly():
    groups = drawn_groups(np.random.default_rng(11), 3000, 30, (5, 7, 4))
    together_SN = np.concatenate(groups, axis=1)
    assert [group.shape for group in groups] == [(3000, 5), (3000, 7), (3000, 4)]
    assert all(len(set(split)) == 16 for split in together_SN.tolist())
    share_R = np.bincount(groups[1].ravel(), minlength=30) / 3000
    assert share_R == pytest.approx(7 / 30, abs=0.04)
    with pytest.raises(ValueError, match="need more than 15 runs"):
        drawn_groups(np.random.default_rng(0), 1, 15, (8, 8))


@pytest.mark.parametrize(("hits", "trials"), [(0, 50), (3, 50), (500, 20_000), (50, 50)])
def test_wilson_interval(hits, trials):
    expected = scipy.stats.binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("name", POOLS)
def test_a_huge_known_shift_is_always_found_and_never_on_the_wrong_side(name):
    value_R = pool(name).mean_R
    baseline_SN, arm_SN = (value_R[picked] for picked in drawn_groups(np.random.default_rng(12), 40, 200, (6, 6)))
    assert verdicts(baseline_SN, arm_SN + 5.0, ALPHA).tolist() == [1] * 40
    assert verdicts(baseline_SN, arm_SN - 5.0, ALPHA).tolist() == [-1] * 40


@pytest.mark.parametrize("name", POOLS)
def test_unequal_shapes_have_equal_means(name):
    arms = unequal_shapes(pool(name), [pool(other) for other in POOLS if other != name])
    assert len(arms) == 8
    for arm in arms:
        assert arm.mean == pytest.approx(pool(name).mean_R.mean(), abs=1e-12)
        drawn = arm.take(np.random.default_rng(13), np.tile(np.arange(len(arm.value_R)), (2000, 1)))
        assert drawn.mean() == pytest.approx(arm.mean, abs=0.01)


def test_known_effects_are_what_they_say():
    cartpole = pool("cartpole")
    mean = cartpole.mean_R.mean()
    arms = {arm.name: arm.mean - mean for arm in known_effects(cartpole)}
    assert arms["nothing differs"] == 0.0
    assert arms["+0.10 in every run"] == pytest.approx(0.10)
    assert arms["20% of runs collapse"] == pytest.approx(0.2 * (cartpole.worst - mean))
    assert 0.0 < arms["learns 1.5 times as fast"] < 0.5
    assert 0.0 < arms["a jumpstart that is lost"] <= 0.2


OTHERS = {
    student: lambda a, b: scipy.stats.ttest_ind(b, a).pvalue <= 0.05,
    welch: lambda a, b: scipy.stats.ttest_ind(b, a, equal_var=False).pvalue <= 0.05,
    mann_whitney: lambda a, b: scipy.stats.mannwhitneyu(b, a).pvalue <= 0.05,
    ratio_rule: lambda a, b: not 0.9 <= b.mean() / a.mean() <= 1 / 0.9,
    intervals_apart: lambda a, b: _t_interval(b)[0] > _t_interval(a)[1] or _t_interval(a)[0] > _t_interval(b)[1],
    iqm_bootstrap: lambda a, b: _bootstrap_excludes_0(a, b, lambda group: interquartile_mean([group])),
    mean_bootstrap: lambda a, b: _bootstrap_excludes_0(a, b, np.mean),
}


@pytest.mark.parametrize("rule", OTHERS)
@pytest.mark.slow
def test_other_rules_agree_with_their_sources(rule):
    generator = np.random.default_rng(14)
    baseline_SN, arm_SM = generator.normal(1.0, 0.2, (30, 9)), generator.normal(1.2, 0.3, (30, 6))
    found = rule(baseline_SN, arm_SM, 0.05)
    expected = np.array([OTHERS[rule](*sides) for sides in zip(baseline_SN, arm_SM, strict=True)])
    # Other resamples may decide a close call in another way.
    assert np.count_nonzero((found != 0) != expected) <= (2 if rule in (iqm_bootstrap, mean_bootstrap) else 0)
    assert 0 < np.count_nonzero(found) < 30
    assert (found[found != 0] == np.sign(arm_SM.mean(axis=1) - baseline_SN.mean(axis=1))[found != 0]).all()


def _t_interval(values):
    return scipy.stats.t.interval(0.95, len(values) - 1, values.mean(), scipy.stats.sem(values))


def _bootstrap_excludes_0(baseline, arm, statistic):
    generator = np.random.default_rng(15)
    drawn = [[statistic(generator.choice(group, len(group))) for _ in range(1000)] for group in (baseline, arm)]
    low, high = np.quantile(np.subtract(drawn[1], drawn[0]), [0.025, 0.975])
    return low > 0 or high < 0


def test_a_run_that_diverged_has_the_worst_score_from_there_on(tmp_path):
    steps = [2048 * point for point in range(11)]
    rows = [f"scratch,0,{step},{'nan' if step > 10_000 else 500}" for step in steps]
    rows += [f"scratch,1,{step},22.2" for step in steps[:4]]
    file = tmp_path / "cartpole.csv"
    file.write_text("\n".join(["arm,seed,step,return", *rows]))
    read = read_pool("cartpole", tmp_path)
    assert read.worst == pytest.approx((8.0 - 22.2) / (500.0 - 22.2))
    assert read.score_RT[0].tolist() == [1.0] * 5 + [read.worst] * 6
    assert read.score_RT[1].tolist() == [0.0] * 4 + [read.worst] * 7
    assert read.step_T.tolist() == steps
    file.write_text(file.read_text() + f"\nscratch,1,{steps[-1]},30")
    with pytest.raises(RLTransferError, match="evaluations after a missing one, at step 8192"):
        read_pool("cartpole", tmp_path)
    file.write_text("arm,seed,step,return\nscratch,0,5,1")
    with pytest.raises(RLTransferError, match="step 5 is not on the evaluation grid"):
        read_pool("cartpole", tmp_path)
    with pytest.raises(RLTransferError, match=r"acrobot\.csv is missing: `python scripts/make_pools\.py acrobot`"):
        read_pool("acrobot", tmp_path)


def test_a_design_that_can_not_reach_its_level_is_said_so():
    design = Design.of(3, arms=1)
    assert not design.reaches_its_level and Design.of(5, arms=3).reaches_its_level
    assert same_pool_row(pool("cartpole"), design, 10, (0,))[:7] == ["cartpole", "3", "3", "1", *["out of reach"] * 3]


@pytest.mark.slow
def test_the_program_fills_the_marks_of_a_document(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(calibrate, "_PLANS", (5,))
    monkeypatch.setattr(calibrate, "_SHAPE_SIZES", ((5, 5),))
    monkeypatch.setattr(calibrate, "_EFFECT_PLANS", (6,))
    document = tmp_path / "page.md"
    marks = [f"<!-- table: {name} -->\n<!-- end: {name} -->\n" for name in calibrate._COLUMNS]
    document.write_text("begin\n" + "between\n".join(marks) + "end\n")
    few = ["--splits", "20", "--shape-splits", "20", "--effect-splits", "20", "--workers", "2"]
    calibrate.main([*few, "--write", str(document)])
    written = document.read_text()
    assert written.startswith("begin\n<!-- table: pools -->\n\n| pool |") and written.endswith("end\n")
    rows = [line.split(" | ") for line in written.splitlines() if line.startswith("| ")]
    assert len(rows) == 4 * 2 + 3 + 3 * 4 + 3 * 8 + 3 * 9
    widths = {len(columns): name for name, columns in calibrate._COLUMNS.items()}
    assert {len(row) for row in rows} == set(widths)
    capsys.readouterr()


def test_other_rules_stand_beside_a_known_effect_at_one_look():
    cartpole = pool("cartpole")
    effects = {arm.name: arm for arm in known_effects(cartpole)}
    names = dict(
        zip(
            calibrate._COLUMNS["effects"],
            effect_row(cartpole, effects["+0.30 in every run"], 6, 200, (3,)),
            strict=True,
        )
    )
    for rule in ("Student's t", "Welch's t", "0.9 x baseline"):
        right, wrong = map(float, names[rule].split(" / "))
        assert right > 80 and wrong == 0.0
    same = effect_row(cartpole, effects["nothing differs"], 6, 200, (3,))
    assert 30 < float(same[-1]) < 60, "where nothing differs every call is wrong"
    assert effect_row(cartpole, effects["nothing differs"], LooksConfig(), 5, (3,))[-1] == ""


def test_rows_are_the_same_every_time():
    cartpole, arm = pool("cartpole"), shape("skewed", of="cartpole")
    rows = [
        (
            pool_row(cartpole, POOLS["cartpole"]),
            shape_row(cartpole, arm, (5, 5), 50, (1, 2)),
            effect_row(cartpole, known_effects(cartpole)[3], LooksConfig(), 10, (1, 2)),
        )
        for _ in range(2)
    ]
    assert rows[0] == rows[1]


def test_the_page_has_the_marks():
    page = (calibrate.FOLDER.parents[1] / "docs" / "calibration.md").read_text(encoding="utf-8")
    assert all(f"<!-- table: {name} -->\n" in page for name in calibrate._COLUMNS)
