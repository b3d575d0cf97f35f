"""What several pairs say together: which runs count as one, what is claimed, and what is left open."""

import copy
import csv
import json

import numpy as np
import pytest
from scipy.stats import trim_mean

from rl_transfer.analysis import (
    Anchors,
    JudgeSettings,
    across_pairs,
    compare,
    foreign_study,
    load_study,
    read_csv,
    write_results,
)
from rl_transfer.stats import ShiftTest, StratifiedTest

GRID = [0, 10, 20, 30, 40]


class Pairs:
    """A study on disk whose pairs are written one after the other; levels are returns held from step 10 on."""

    def __init__(self, study):
        self.study = study
        self.empty = {**study.pair, "arms": {}, "runs": []}
        study.manifest["pairs"] = {}

    def add(self, name, levels, *, arms=("fine_tune",), placebo=False, sources=None, shared=(), **entry):
        pair = self.study.manifest["pairs"][name] = copy.deepcopy({**self.empty, **entry})
        self.study.pair = pair
        for arm in arms:
            self.study.add_arm(arm, placebo=placebo)
        for arm, of_seed in levels.items():
            for seed, level in enumerate(of_seed):
                self.run(pair, name if arm not in shared else "shared", arm, seed, level, sources)

    def run(self, pair, folder, arm, seed, level, sources):
        path = f"runs/{folder}/{arm}/seed{seed}-abc"
        entry = {"arm": arm, "seed": seed, "key": "abc", "path": path}
        if sources is not None and arm != "scratch":
            entry["source_path"] = sources[seed]
        pair["runs"].append(entry)
        if level is None:
            return
        target = self.study.root / path
        target.mkdir(parents=True, exist_ok=True)
        rows = [(step, episode, 20.0 if step == 0 else level, 7) for step in GRID for episode in range(2)]
        self.study.write_curve(target, rows)
        (target / "costs.json").write_text(json.dumps({"target_steps": 40}))
        status = {"status": "finished", "outcome": "completed", "message": "", "failed_at_step": None}
        (target / "status.json").write_text(json.dumps(status))

    def across(self):
        data = load_study(self.study.save(), "small")
        return across_pairs(data, compare(data))


@pytest.fixture
def pairs(study):
    return Pairs(study)


def scores(levels):
    """Mean scores over the budget of runs that hold a return from step 10 on, after random's at step 0."""
    return (np.array(levels) - 20.0) / 100.0 * 35 / 40


FIRST = {"scratch": [60, 62, 64, 58, 56], "fine_tune": [110, 108, 112, 114, 100]}
SECOND = {"scratch": [80, 85, 78, 90, 83], "fine_tune": [84, 88, 90, 95, 91]}


def test_independent_pairs_are_the_strata(pairs):
    pairs.add("pole", FIRST)
    pairs.add("car", SECOND)
    (found,) = pairs.across()
    test = StratifiedTest(*([scores(one[arm]) for one in (FIRST, SECOND)] for arm in ("scratch", "fine_tune")))
    assert found.pairs == ("pole", "car")
    assert found.blocks == (("pole",), ("car",))
    assert found.difference == pytest.approx(test.difference)
    assert found.p == pytest.approx(test.p_value())
    assert found.interval == pytest.approx(test.interval(0.05))
    assert (found.verdict, found.n, found.n_baseline) == ("positive", (5, 5), (5, 5))
    assert found.text.startswith("Positive on average: over 2 pairs the arm scores more than its baseline, by 0.")


def test_what_is_displayed_is_about_all_runs(pairs):
    pairs.add("pole", FIRST)
    pairs.add("car", SECOND)
    (found,) = pairs.across()
    for place, arm in enumerate(("fine_tune", "scratch")):
        pooled = np.concatenate([scores(FIRST[arm]), scores(SECOND[arm])])
        assert found.interquartile_mean[place] == pytest.approx(trim_mean(pooled, 0.25))
        low, high = found.interquartile_band[place]
        assert low < found.interquartile_mean[place] < high
    wins = [[a > b for a in one["fine_tune"] for b in one["scratch"]] for one in (FIRST, SECOND)]
    ties = sum(a == b for a in SECOND["fine_tune"] for b in SECOND["scratch"]) / 50
    assert found.probability_of_improvement == pytest.approx((np.mean(wins[0]) + np.mean(wins[1]) + ties) / 2, abs=0.01)


def test_pairs_that_share_their_baseline_count_a_seed_once(pairs):
    pairs.add("near", FIRST, shared=("scratch",))
    pairs.add("far", {**SECOND, "scratch": FIRST["scratch"]}, shared=("scratch",))
    (found,) = pairs.across()
    arm = (scores(FIRST["fine_tune"]) + scores(SECOND["fine_tune"])) / 2
    assert found.blocks == (("near", "far"),)
    assert found.p == ShiftTest(scores(FIRST["scratch"]), arm).p_value()


def without_column(file, column):
    """A copy of a table without one of its columns."""
    rows = list(csv.DictReader(file.read_text().splitlines()))
    kept = [name for name in rows[0] if name != column]
    copied = file.with_name("copied.csv")
    with copied.open("w", newline="") as text:
        writer = csv.DictWriter(text, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return copied


@pytest.mark.parametrize("named", [True, False])
def test_a_shared_baseline_stays_one_when_curves_are_judged_again(pairs, named):
    pairs.add("near", FIRST, shared=("scratch",))
    pairs.add("far", {**SECOND, "scratch": FIRST["scratch"]}, shared=("scratch",))
    pairs.add("car", {arm: [level + 1 for level in levels] for arm, levels in SECOND.items()})
    written = write_results(pairs.study.save(), "small")
    file = written.curves_path if named else without_column(written.curves_path, "run")
    settings = JudgeSettings("scratch", Anchors(20.0, 120.0, 10.0), threshold_score=0.5)
    again = foreign_study(read_csv(file), settings, name="x", command="")
    assert across_pairs(again, compare(again)) == written.across
    assert written.across[0].blocks == (("near", "far"), ("car",))
    why = "as the column 'run' says" if named else "by equal curves of one arm and seed"
    assert f"5 runs stand under several pairs, {why}" in again.manifest.curves.notes[1]
    assert ("name them in a column 'run'" in again.manifest.curves.notes[1]) != named


def test_pairs_that_share_their_sources_count_a_seed_once(pairs):
    sources = [f"runs/source/seed{seed}" for seed in range(5)]
    pairs.add("pole", FIRST, sources=sources)
    pairs.add("car", SECOND, sources=sources)
    pairs.add("ant", SECOND, sources=[f"runs/other/seed{seed}" for seed in range(5)])
    (found,) = pairs.across()
    assert found.blocks == (("pole", "car"), ("ant",))
    blocks = [
        [np.stack([scores(FIRST[arm]), scores(SECOND[arm])], axis=1), scores(SECOND[arm])]
        for arm in ("scratch", "fine_tune")
    ]
    assert found.p == pytest.approx(StratifiedTest(*blocks).p_value())


def test_sources_shared_at_other_seeds_keep_pairs_apart(pairs):
    sources = [f"runs/source/seed{seed}" for seed in range(5)]
    pairs.add("pole", FIRST, sources=sources)
    pairs.add("car", SECOND, sources=sources[::-1])
    (found,) = pairs.across()
    assert (found.verdict, found.difference, found.p) == ("inconclusive", None, None)
    assert "pairs share runs or sources of fine_tune, but at different seeds" in found.text


def test_shared_runs_but_other_seeds_keep_pairs_apart(pairs):
    pairs.add("pole", FIRST, shared=("scratch",))
    pairs.add("car", {**FIRST, "scratch": FIRST["scratch"][:4]}, shared=("scratch",))
    (found,) = pairs.across()
    assert found.difference is None
    assert "but don't have the same seeds" in found.text


def test_missing_runs_are_said_and_leave_it_open(pairs):
    pairs.add("pole", FIRST)
    pairs.add("car", {**SECOND, "fine_tune": [84, None, 90, None, 91]})
    (found,) = pairs.across()
    assert (found.verdict, found.difference, found.interquartile_mean) == ("inconclusive", None, None)
    assert found.text == "No statement over all pairs: 2 of 5 runs of fine_tune are missing on car."


def test_every_family_and_arm_at_its_share_of_alpha(pairs):
    levels = {
        **FIRST,
        "fine_tune.placebo": [61, 60, 64, 59, 57],
        "replay": FIRST["scratch"],
        "replay.placebo": [60] * 5,
    }
    pairs.add("pole", levels, arms=("fine_tune", "replay", "alone"), placebo=True)
    pairs.add("car", levels, arms=("fine_tune", "replay"), placebo=True)
    found = pairs.across()
    families = ["total", "knowledge", "initialisation"]
    assert [(one.transfer_arm, one.family) for one in found] == [
        (arm, family) for arm in ("fine_tune", "replay") for family in families
    ]
    # The arm that only one pair has makes no claim over pairs, so it takes no share.
    assert {(one.comparisons, one.level) for one in found} == {(2, 0.025)}


def test_effects_that_cancel_are_not_called_equivalent(pairs):
    low, high = [30, 31, 32, 33, 34], [90, 91, 92, 93, 94]
    pairs.add("helps", {"scratch": low, "fine_tune": high})
    pairs.add("hurts", {"scratch": high, "fine_tune": low})
    (found,) = pairs.across()
    assert found.interval.low > -0.1 and found.interval.high < 0.1
    assert (found.verdict, found.mixed) == ("inconclusive", True)
    assert "only because effects cancel" in found.text
    assert "positive on helps, negative on hurts" in found.text


def test_equivalent_needs_somebody_to_have_learned_on_every_pair(pairs):
    same = {"scratch": [90, 91, 92, 93, 94], "fine_tune": [91, 90, 92, 94, 93]}
    pairs.add("learned", same)
    pairs.add("too", same)
    assert [one.verdict for one in pairs.across()] == ["equivalent"]
    pairs.add("hard", {"scratch": [21, 22, 21, 20, 22], "fine_tune": [22, 21, 21, 20, 21]})
    (found,) = pairs.across()
    assert found.verdict == "inconclusive"
    assert "nobody learned on hard" in found.text


def test_few_runs_say_what_they_can_not_reach(pairs):
    pairs.add("pole", {"scratch": [60], "fine_tune": [100]})
    pairs.add("car", {"scratch": [60, 61, 63], "fine_tune": [100, 101, 104]})
    (found,) = pairs.across()
    assert found.verdict == "inconclusive"
    assert "can't reach error level 0.05, their smallest p-value is 1" in found.text
    assert found.to_dict()["interval"] == [None, None]


def test_one_checkpoint_for_all_is_conditional(pairs):
    pairs.add("pole", FIRST, sources=["runs/imported/agent"] * 5)
    pairs.add("car", SECOND, sources=["runs/imported/agent"] * 5)
    (found,) = pairs.across()
    assert found.conditional
    assert found.difference is not None
    assert found.text.endswith("; conditional on this checkpoint.")


def test_only_the_first_look_counts(pairs):
    """Which pairs go on to the second look depends on what was found at the first."""
    pairs.study.manifest["looks"] = [
        {"seeds": 3, "baseline_seeds": 3, "alpha": 0.02},
        {"seeds": 5, "baseline_seeds": 5, "alpha": 0.03},
    ]
    pairs.add("pole", FIRST)
    pairs.add("car", SECOND)
    (found,) = pairs.across()
    first = [[scores(one[arm][:3]) for one in (FIRST, SECOND)] for arm in ("scratch", "fine_tune")]
    assert (found.n, found.level) == ((3, 3), 0.05)
    assert found.p == pytest.approx(StratifiedTest(*first).p_value())


def test_nothing_is_said_of_arms_with_one_pair(pairs):
    pairs.add("pole", FIRST)
    assert pairs.across() == ()
    pairs.add("car", {"scratch": SECOND["scratch"], "other": SECOND["fine_tune"]}, arms=("other",))
    assert pairs.across() == ()


def test_it_is_written_beside_the_verdicts(pairs):
    pairs.add("pole", {**FIRST, "fine_tune.placebo": FIRST["scratch"]}, placebo=True)
    pairs.add("car", {**SECOND, "fine_tune.placebo": SECOND["scratch"]}, placebo=True)
    store = pairs.study.save()
    results = write_results(store, "small")
    written = json.loads((store / "studies/small/across.json").read_text())
    assert written["statements"] == json.loads(json.dumps([one.to_dict() for one in results.across]))
    own = {(one.pair, one.family): one.verdict for one in results.comparisons}
    assert written["verdicts"] == {
        "fine_tune": {
            pair: {family: own[pair, family] for family in ("total", "knowledge")} for pair in ("pole", "car")
        }
    }
    del pairs.study.manifest["pairs"]["car"]
    pairs.study.save()
    assert write_results(store, "small").across == ()
    assert not (store / "studies/small/across.json").exists()
