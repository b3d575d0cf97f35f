import csv
import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from rl_transfer.analysis import Comparison, compare, judge, load_study, plain_words, write_results
from rl_transfer.errors import RLTransferError

DECISIONS = ("positive", "negative", "equivalent", "inconclusive")


def compared(study):
    return {comparison.family: comparison for comparison in compare(load_study(study.save(), "small"))}


def area(level):
    """Mean score of a curve at 0 before the first step and at the level from step 10 of 40 on."""
    return (level - 20) / 100 * 35 / 40


def test_an_arm_is_compared_with_scratch_placebo_and_sham(full_study):
    found = compared(full_study)
    assert {family: (c.arm, c.baseline, c.verdict) for family, c in found.items()} == {
        "total": ("fine_tune", "scratch", "positive"),
        "knowledge": ("fine_tune", "fine_tune.placebo", "positive"),
        "initialisation": ("fine_tune.placebo", "scratch", "equivalent"),
        "sham": ("fine_tune", "fine_tune.sham", "positive"),
    }
    total = found["total"]
    arm, baseline = ([area(level) for level in levels] for levels in ([110, 108, 112, 114, 106], [60, 62, 64, 58, 56]))
    alone = judge(baseline, arm, final_baseline=[0.4] * 5, final_arm=[0.9] * 5, worst=-0.1)
    assert (total.text, total.p, total.interval) == (alone.text, alone.p, pytest.approx(alone.interval))
    assert total.difference == pytest.approx(area(110) - area(60))
    assert total.transfer_ratio == pytest.approx(area(110) / area(60) - 1)
    assert total.asymptotic_score == pytest.approx((0.9, 0.4))
    assert (total.jumpstart, total.steps_to_threshold, total.reached_fraction) == ((0, 0), (10, 40), (1, 0))
    assert (total.floored_share, total.failed_runs, total.missing_runs) == ((0, 0), (0, 0), (0, 0))
    assert (total.n, total.n_baseline, total.comparisons, total.level) == (5, 5, 1, 0.05)
    assert total.runs[0] == "runs/pole/fine_tune/seed0-abc"
    assert total.runs[5] == "runs/pole/scratch/seed0-abc"


def test_the_level_is_divided_by_the_planned_arms(full_study):
    full_study.add_arm("replay", placebo=False)
    found = compare(load_study(full_study.save(), "small"))
    assert {(c.comparisons, c.level) for c in found} == {(2, 0.025)}
    (replay,) = [c for c in found if c.arm == "replay"]
    assert (replay.family, replay.verdict, replay.text) == (
        "total",
        "inconclusive",
        "Inconclusive: no run of replay was planned.",
    )


def test_p_over_the_study_counts_all_cells_of_a_family(full_study):
    alone = compared(full_study)
    assert {c.p_study == c.p is not None for c in alone.values()} == {True}
    full_study.add_arm("replay", placebo=False)
    full_study.add_arm("lost", placebo=False)
    full_study.add_level_runs("replay", [60, 70, 80, 65, 50])
    full_study.plan("lost", 0)
    found = {(c.arm, c.family): c for c in compare(load_study(full_study.save(), "small"))}
    fine_tune, replay = found["fine_tune", "total"], found["replay", "total"]
    assert fine_tune.p < replay.p < 0.5
    assert (fine_tune.p_study, replay.p_study) == pytest.approx((3 * fine_tune.p, 2 * replay.p))
    assert (found["lost", "total"].p, found["lost", "total"].p_study) == (None, None)
    assert found["fine_tune", "knowledge"].p_study == alone["knowledge"].p


def test_missing_runs_leave_no_numbers(full_study):
    full_study.plan("fine_tune", 5)
    full_study.plan("scratch", 5)
    found = compared(full_study)
    total = found["total"]
    assert total.text == ("Inconclusive: 1 of 6 runs of fine_tune are missing and 1 of 6 runs of scratch are missing.")
    assert (total.verdict, total.n, total.n_baseline, total.missing_runs) == ("inconclusive", 5, 5, (1, 1))
    assert {total.difference, total.interval, total.p, total.effect, total.jumpstart, total.transfer_ratio} == {None}
    assert found["initialisation"].verdict == "inconclusive"
    assert found["knowledge"].missing_runs == (1, 0)


def test_failed_runs_count_with_the_worst_score(full_study):
    full_study.add_run("fine_tune", 5, [20, 5], steps=[0, 10], outcome="diverged", failed_at_step=11)
    total = compared(full_study)["total"]
    assert (total.n, total.failed_runs) == (6, (1, 0))
    assert total.floored_share == pytest.approx((1 / 30, 0))
    expected = np.mean([area(level) for level in (110, 108, 112, 114, 106)] + [-0.1 * 35 / 40]) - area(60)
    assert total.difference == pytest.approx(expected)


def test_nobody_learned_is_not_equivalent(study):
    study.add_arm("fine_tune", placebo=False)
    study.add_level_runs("scratch", [22, 23, 24, 21, 22])
    study.add_level_runs("fine_tune", [22, 23, 24, 21, 22])
    total = compared(study)["total"]
    assert total.verdict == "inconclusive"
    assert "nobody learned" in total.text


def test_results_are_written(full_study):
    full_study.plan("fine_tune.sham", 5)
    results = write_results(full_study.save(), "small")
    written = json.loads(results.verdicts_path.read_text())
    assert written == [comparison.to_dict() for comparison in results.comparisons]
    assert (written[0]["interval"], written[0]["runs"]) == (
        list(results.comparisons[0].interval),
        list(results.comparisons[0].runs),
    )
    assert results.words["pole"]["fine_tune"] == (
        "faster than scratch (fragile) and than the same knowledge scrambled; undecided against its sham"
    )
    with results.curves_path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["pair", "arm", "seed", "step", "return", "score", "source", "run"]
    assert len(rows) == 20 * 5 + 2 * 2
    assert rows[1] == ["pole", "scratch", "0", "10", "60.0", "0.4", "", "runs/pole/scratch/seed0-abc"]
    assert {row[5] for row in rows if row[1].startswith("source")} == {""}
    assert {path.name for path in results.verdicts_path.parent.iterdir()} == {
        "study.json",
        "verdicts.json",
        "curves.csv",
    }
    before = results.verdicts_path.read_bytes(), results.curves_path.read_bytes()
    write_results(full_study.root, "small")
    assert (results.verdicts_path.read_bytes(), results.curves_path.read_bytes()) == before


def test_infinite_intervals_are_null_in_json(study):
    study.add_arm("fine_tune", placebo=False)
    study.add_level_runs("scratch", [60, 61])
    study.add_level_runs("fine_tune", [80, 81])
    (written,) = json.loads(write_results(study.save(), "small").verdicts_path.read_text())
    assert written["interval"] == written["interval_95"] == [None, None]


def say(total, knowledge=None, initialisation=None, sham=None):
    families = {"total": total, "knowledge": knowledge, "initialisation": initialisation, "sham": sham}
    return plain_words([stub(family, verdict) for family, verdict in families.items() if verdict])


def stub(family, verdict, arm="fine_tune"):
    return Comparison(
        pair="pole",
        arm=f"{arm}.placebo" if family == "initialisation" else arm,
        baseline="scratch",
        family=family,
        verdict=verdict,
        text="",
        level=0.05,
        alpha=0.05,
        look=1,
        looks=1,
        comparisons=1,
        n=5,
        n_baseline=5,
        missing_runs=(0, 0),
        failed_runs=(0, 0),
        runs=(),
    )


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (("positive", "positive", "equivalent"), "faster than scratch and than the same knowledge scrambled"),
        (
            ("positive", "positive", "positive", "positive"),
            "faster than scratch and than the same knowledge scrambled, because of what it learned about the task",
        ),
        (
            ("positive", "equivalent", "positive"),
            "faster than scratch, but so is its placebo: not the content of what was carried",
        ),
        (
            ("positive", "inconclusive", "positive"),
            "faster than scratch, but so is its placebo: whether the content of what was carried adds to that is "
            "undecided",
        ),
        (
            ("positive", "negative", "positive"),
            "faster than scratch, but slower than its placebo: the content of what was carried hurts",
        ),
        (("positive",), "faster than scratch, with no placebo to say why"),
        (("positive", "inconclusive", "inconclusive"), "faster than scratch, but undecided against its placebo"),
        (("negative", "negative", "equivalent"), "slower than scratch and than the same knowledge scrambled"),
        (
            ("negative", "equivalent", "negative"),
            "slower than scratch, but so is its placebo: not the content of what was carried",
        ),
        (
            ("negative", "positive", "negative", "positive"),
            "slower than scratch, but faster than its placebo: the content of what was carried helps; faster than its "
            "sham",
        ),
        (
            ("inconclusive", "positive", "negative", "positive"),
            "undecided against scratch, but faster than its placebo: the content of what was carried helps; faster "
            "than its sham",
        ),
        (
            ("positive", "inconclusive", "positive", "positive"),
            "faster than scratch, but so is its placebo: whether the content of what was carried adds to that is "
            "undecided; faster than its sham",
        ),
        (
            ("positive", None, None, "positive"),
            "faster than scratch, with no placebo to say why; faster than its sham",
        ),
        (("equivalent", "equivalent", "equivalent"), "no different from scratch, and no different from its placebo"),
        (("equivalent",), "no different from scratch"),
        (
            ("positive", "positive", "positive", "equivalent"),
            "faster than scratch and than the same knowledge scrambled; no different from its sham",
        ),
    ],
)
def test_plain_words(verdicts, words):
    assert say(*verdicts) == words


def test_plain_words_never_claim_more_than_the_comparisons_do():
    for total, knowledge, initialisation, sham in product(DECISIONS, (None, *DECISIONS), DECISIONS, (None, *DECISIONS)):
        words = say(total, knowledge, initialisation, sham)
        assert words.startswith("faster than scratch") == (total == "positive")
        if "because of what it learned" in words:
            assert total == knowledge == sham
            assert sham in ("positive", "negative")
        if "and than the same knowledge scrambled" in words:
            assert knowledge == total
        if ": not the content" in words:
            assert (knowledge, initialisation) == ("equivalent", total)


@pytest.mark.parametrize(
    ("remarks", "words"),
    [
        ({"negligible": True}, "faster than scratch (negligible) and than the same knowledge scrambled"),
        ({"fragile": True}, "faster than scratch (fragile) and than the same knowledge scrambled"),
        (
            {"negligible": True, "fragile": True},
            "faster than scratch (negligible, fragile) and than the same knowledge scrambled",
        ),
    ],
)
def test_plain_words_say_what_weakens_the_total(remarks, words):
    knowledge = replace(stub("knowledge", "positive"), negligible=True, fragile=True)
    assert plain_words([replace(stub("total", "positive"), **remarks), knowledge]) == words


def test_plain_words_need_one_arm_and_its_total():
    for group in (
        [],
        [stub("knowledge", "positive")],
        [stub("total", "positive"), stub("total", "positive")],
        [stub("total", "positive"), stub("knowledge", "positive", arm="replay")],
    ):
        with pytest.raises(RLTransferError, match="one arm"):
            plain_words(group)
