"""Other programs' curves: how they are read, checked against each other, and judged by source."""

import json
import re
from dataclasses import fields

import numpy as np
import pytest
from foreign_curves import ANCHORS, CLOSE, level_rows, two_arms, write_csv

from rl_transfer.analysis import (
    Anchors,
    Comparison,
    JudgeSettings,
    across_pairs,
    compare,
    foreign_study,
    judge,
    load_study,
    read_csv,
    read_folder,
    write_results,
)
from rl_transfer.errors import ConfigError, RLTransferError

ELSEWHERE = {"failed_runs"}
"""What is counted otherwise once curves have left their store."""


def made(curves, **settings):
    anchors = Anchors(**{**ANCHORS, **settings.pop("anchors", {})})
    return foreign_study(curves, JudgeSettings("ppo", anchors, **settings), name="mine", command="judge")


def judged(tmp_path, rows, **settings):
    return {(c.arm, c.family): c for c in compare(made(read_csv(write_csv(tmp_path / "c.csv", rows)), **settings))}


def area(level):
    """Mean score of a curve of `level_rows`, in which the first of two intervals climbs."""
    return (level - 20) / 100 * 0.75


class TestReading:
    def test_columns_may_come_in_any_order_with_spaces_a_mark_and_others(self, tmp_path):
        file = tmp_path / "c.csv"
        file.write_text("\ufeffstep, wall ,return,seed,arm\n0,1,20,0,ppo\n\n10.0,1, 60.5 ,0,ppo\n", encoding="utf-8")
        found = read_csv(file)
        (run,) = found.runs
        assert (run.arm, run.seed, run.return_by_step) == ("ppo", 0, {0: 20.0, 10: 60.5})
        assert (run.pair, run.source, run.episodes, run.path) == (None, None, None, "ppo/seed0")
        assert found.notes == ("columns that are not read: wall",)

    def test_a_compressed_file_is_the_same(self, tmp_path):
        plain, packed = (read_csv(write_csv(tmp_path / name, two_arms())) for name in ("c.csv", "c.csv.gz"))
        assert [run.return_by_step for run in plain.runs] == [run.return_by_step for run in packed.runs]

    def test_episodes_are_averaged(self, tmp_path):
        rows = [row | {"episode": e, "return": row["return"] + e} for row in two_arms() for e in (0, 1, 2)]
        (first, *_) = read_csv(write_csv(tmp_path / "c.csv", rows)).runs
        assert (first.return_by_step, first.episodes) == ({0: 21.0, 10: 61.0, 20: 61.0}, 3)
        curves = read_csv(write_csv(tmp_path / "c.csv", rows[:-1]))
        assert curves.runs[-1].episodes is None
        assert "different numbers of episodes" in curves.notes[0]

    def test_large_seeds_stay_apart(self, tmp_path):
        rows = [row | {"seed": 2**63 + row["seed"]} for row in two_arms()]
        assert len(read_csv(write_csv(tmp_path / "c.csv", rows)).runs) == 10


class TestAStudyOfThem:
    def test_it_is_judged_like_numbers_given_by_hand(self, tmp_path):
        total = judged(tmp_path, two_arms())["warm", "total"]
        baseline, arm = ([area(low + x) for x in CLOSE] for low in (60, 110))
        alone = judge(baseline, arm, worst=0.0)
        assert (total.verdict, total.baseline, total.n, total.n_baseline) == ("positive", "ppo", 5, 5)
        assert (total.difference, total.p) == pytest.approx((alone.difference, alone.p))
        assert total.interval == pytest.approx(alone.interval)
        assert total.jumpstart == (0.0, 0.0)

    def test_arms_share_the_level_and_controls_do_not(self, tmp_path):
        rows = [*two_arms(), *level_rows("warm.placebo", [60 + x for x in CLOSE])]
        rows += [*level_rows("v0.1", [61 + x for x in CLOSE]), *level_rows("random", [60 + x for x in CLOSE])]
        found = judged(tmp_path, rows, placebos={"v0.1": "random"})
        assert set(found) == {
            *(("warm", family) for family in ("total", "knowledge")),
            *(("v0.1", family) for family in ("total", "knowledge")),
            *((f"{arm}.placebo", "initialisation") for arm in ("warm", "v0.1")),
        }
        assert {one.comparisons for one in found.values()} == {2}

    def test_a_curve_without_step_0_has_no_jumpstart_and_says_so(self, tmp_path):
        curves = read_csv(write_csv(tmp_path / "c.csv", two_arms(steps=(100, 110, 120))))
        study = made(curves)
        (total,) = compare(study)
        assert total.jumpstart is None
        assert total.difference == pytest.approx(area(110) - area(60))
        assert "the first is at step 100" in study.manifest.curves.notes[0]

    def test_the_floor_is_random_or_the_lowest_return(self, tmp_path):
        assert made(read_csv(write_csv(tmp_path / "c.csv", two_arms()))).pairs[0].entry.score.worst == 20.0
        rows = two_arms()
        rows[2]["return"] = 3.0
        assert made(read_csv(write_csv(tmp_path / "c.csv", rows))).pairs[0].entry.score.worst == 3.0

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
    def test_a_failed_run_counts_with_the_worst_return_from_there_on(self, tmp_path, value):
        rows = two_arms()
        rows[-2]["return"] = rows[-1]["return"] = value
        study = made(read_csv(write_csv(tmp_path / "c.csv", rows)), anchors={"worst": 10.0})
        run = study.pairs[0].of_arm("warm")[-1]
        assert run.return_T.tolist() == [20.0, 10.0, 10.0]
        assert (run.failed, run.message) == (True, f"return is {value} from step 10 on")
        (total,) = compare(study)
        assert (total.failed_runs, total.n) == ((1, 0), 5)
        whole = [area(110 + x) for x in CLOSE[:4]]
        assert total.difference == pytest.approx(np.mean([*whole, area(10)]) - area(62))

    def test_sources_of_our_own_studies_are_left_out(self, tmp_path):
        rows = [*two_arms(), *level_rows("source", [400.0], steps=(0, 5000))]
        study = made(read_csv(write_csv(tmp_path / "c.csv", rows)))
        assert {run.arm for run in study.pairs[0].runs} == {"ppo", "warm"}
        assert "1 source runs are left out" in study.manifest.curves.notes[0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "settings", "match"),
        [
            (
                lambda rows: rows[4].update(seed=0),
                {},
                r"c\.csv:6: step: ppo, seed 0, step 10 stands twice .first in line 3.*'episode'",
            ),
            (lambda rows: rows.pop(4), {}, r"c\.csv:5: ppo/seed1 is not on the grid of most runs: it lacks step 10"),
            (lambda rows: rows[4].update(step=11), {}, r"it lacks step 10 and has beside them step 11"),
            (
                lambda rows: rows.pop(5),
                {},
                r"c\.csv:5: ppo/seed1 ends at step 10, most runs end at 20 .unequal budgets",
            ),
            (
                lambda rows: rows[5].update({"return": "nan"}),
                {},
                r"c\.csv:5: return: ppo/seed1 is nan at step 20.*give --worst",
            ),
            (
                lambda rows: rows[4].update({"return": "nan"}),
                {"anchors": {"worst": 0.0}},
                "nan at step 10, but finite again at step 20",
            ),
            (lambda rows: rows[:] == rows.clear(), {}, "is empty"),
            (lambda rows: None, {"anchors": {"worst": 30.0}}, "--worst: must be at most --random, 20, not 30"),
            (lambda rows: None, {"anchors": {"reference": 20.0}}, "--reference: must be above --random, 20, not 20"),
            (lambda rows: None, {"anchors": {"random": float("nan")}}, "--random: must be a finite return, not nan"),
            (lambda rows: None, {"anchors": {"random": {"min": 1.0}}}, "--random: no pair 'min'; did you mean 'mine'"),
            (lambda rows: None, {"alpha": 1.0}, "--alpha: must lie strictly between 0 and 1, not 1"),
            (lambda rows: None, {"margin": 0.0}, "--margin: must be a finite score above 0"),
            (lambda rows: None, {"threshold_score": float("inf")}, "--threshold-score: must be a finite score"),
            (lambda rows: None, {"alpha": 1e-9}, "no number of seeds can reach it: raise --alpha"),
            (lambda rows: None, {"placebos": {"worm": "ppo"}}, "--placebo: ppo can't be a placebo and the baseline"),
            (lambda rows: None, {"placebos": {"worm": "x"}}, "--placebo: no arm 'worm'; did you mean 'warm'"),
            (
                lambda rows: rows.extend(level_rows("cold.placebo", [1, 2, 3, 4, 5])),
                {},
                "cold.placebo is the placebo of a transfer arm 'cold' that is not in pair mine",
            ),
        ],
    )
    def test_what_does_not_fit_together_is_named(self, tmp_path, change, settings, match):
        rows = two_arms()
        change(rows)
        file = write_csv(tmp_path / "c.csv", rows, ["arm", "seed", "step", "return"])
        if not rows:
            file.write_text("")
        with pytest.raises(ConfigError, match=match):
            made(read_csv(file), **settings)

    def test_too_few_runs_say_how_many_would_do(self, tmp_path):
        rows = [row for row in two_arms() if row["arm"] == "ppo" or row["seed"] < 2]
        rows += [*level_rows("cold", [60 + x for x in CLOSE])]
        expected = (
            "pair mine: 2 runs of warm against 5 runs of ppo can't decide anything (total): the smallest p they can "
            "reach is 0.0476, the level is 0.025 (alpha 0.05 shared by 2 arms): at least 5 a side are needed"
        )
        with pytest.raises(ConfigError, match=re.escape(expected)):
            judged(tmp_path, rows)

    @pytest.mark.parametrize(("arm", "line"), [("warm", 17), ("ppo", 2)])
    def test_a_source_for_some_runs_of_an_arm_is_no_source(self, tmp_path, arm, line):
        rows = [row | {"source": "a" if row["arm"] == arm and row["seed"] else ""} for row in two_arms()]
        expected = rf"c\.csv:{line}: source: is missing for {arm}/seed0, but {arm}/seed4 has one"
        with pytest.raises(ConfigError, match=expected):
            judged(tmp_path, rows)

    def test_a_run_has_one_source(self, tmp_path):
        rows = [row | {"source": row["step"]} for row in two_arms()]
        with pytest.raises(ConfigError, match=r"c\.csv:3: source: '10', but line 2 says '0': all rows of a run say"):
            judged(tmp_path, rows)

    @pytest.mark.parametrize("name", ["", "..", "/etc", "a\nb", "x/../y"])
    def test_names_that_can_be_no_folder_are_refused(self, tmp_path, name):
        rows = [*two_arms(), *level_rows(name, [1, 2, 3, 4, 5])]
        with pytest.raises(ConfigError, match="arm: "):
            judged(tmp_path, rows)

    def test_a_damaged_archive_is_no_traceback(self, tmp_path):
        file = write_csv(tmp_path / "c.csv.gz", two_arms())
        for content in (file.read_bytes()[:-20], b"no archive"):
            file.write_bytes(content)
            with pytest.raises(ConfigError, match=r"c\.csv\.gz: can't be read as a CSV file"):
                read_csv(file)


class TestFolders:
    def test_damaged_files_are_named(self, tmp_path):
        file = tmp_path / "ppo" / "seed1" / "evaluations.npz"
        file.parent.mkdir(parents=True)
        for content, match in [
            ({"timesteps": [1, 2], "result": [[1.0], [2.0]]}, "results: is missing; did you mean 'result'"),
            (
                {"timesteps": [1, 2], "results": [1.0, 2.0]},
                r"needs timesteps \(evaluations,\).*not timesteps \(2,\) and",
            ),
            ({"timesteps": [1, 1], "results": [[1.0], [2.0]]}, "two evaluations at step 1"),
            ({"timesteps": [1, 2], "results": np.array([[1], None], dtype=object)}, "can't be read as EvalCallback's"),
        ]:
            np.savez(file, **content)
            with pytest.raises(ConfigError, match=match):
                read_folder(tmp_path, None)
        file.write_bytes(b"PK no archive")
        with pytest.raises(ConfigError, match="can't be read as EvalCallback's"):
            read_folder(tmp_path, None)

    @pytest.mark.parametrize(
        ("files", "match"),
        [
            ([], "holds neither; expected one of ARM/SEED/evaluations.npz or ARM/SEED/events.out.tfevents"),
            (["ppo/1/evaluations.npz", "ppo/1/events.out.tfevents.1"], "holds both"),
            (["ppo/evaluations.npz"], r"ppo/evaluations\.npz: is not at ARM/SEED"),
            (["ppo/1/evaluations.npz", "ppo/1/logs/evaluations.npz"], r"logs/evaluations\.npz: is not at ARM/SEED"),
            (["ppo/best/evaluations.npz"], "ppo/best: the folder's name tells no seed"),
            (["ppo/PPO_3/evaluations.npz", "ppo/A2C_3/evaluations.npz"], "arm ppo has another run of seed 3, A2C_3"),
        ],
    )
    def test_other_layouts_are_refused(self, tmp_path, files, match):
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            np.savez(tmp_path / "x.npz", timesteps=[1, 2], results=[[1.0], [2.0]])
            (tmp_path / file).write_bytes((tmp_path / "x.npz").read_bytes())
        with pytest.raises(ConfigError, match=match):
            read_folder(tmp_path, None)

    def test_seeds_come_from_the_folders_names(self, tmp_path):
        for name in ("seed7-0abc12", "PPO_3", "12", "CartPole-v1_2"):
            (tmp_path / "ppo" / name).mkdir(parents=True)
            np.savez(tmp_path / "ppo" / name / "evaluations.npz", timesteps=[1, 2], results=[[1.0, 2.0], [2.0, 4.0]])
        found = read_folder(tmp_path, None).runs
        assert [(run.seed, run.path) for run in found] == [
            (2, "ppo/CartPole-v1_2"),
            (3, "ppo/PPO_3"),
            (7, "ppo/seed7-0abc12"),
            (12, "ppo/12"),
        ]
        assert (found[0].return_by_step, found[0].episodes) == ({1: 1.5, 2: 3.0}, 2)


class TestRoundTrip:
    def test_our_own_curves_give_the_same_numbers(self, full_study, tmp_path):
        full_study.add_run("fine_tune", 5, [20, 5], steps=[0, 10], outcome="diverged", failed_at_step=11)
        self.check(full_study, tmp_path)

    def test_shared_sources_stay_shared(self, study, tmp_path):
        share_sources(study, [0, 0, 1, 1, 2, 2])
        self.check(study, tmp_path)

    def check(self, study, tmp_path):
        written = write_results(study.save(), "small")
        anchors = Anchors(20.0, 120.0, 10.0)
        settings = JudgeSettings("scratch", anchors, threshold_score=0.5)
        again = compare(foreign_study(read_csv(written.curves_path), settings, name="x", command=""))
        assert [plain(one) for one in again] == [plain(one) for one in written.comparisons]


def plain(comparison):
    return {f.name: getattr(comparison, f.name) for f in fields(Comparison) if f.name not in ELSEWHERE}


def share_sources(study, sources):
    """An arm whose runs start from these sources, and scratch."""
    study.add_arm("fine_tune", placebo=False)
    study.add_level_runs("scratch", [60, 62, 64, 58, 56, 61])
    study.add_level_runs("fine_tune", [110, 112, 70, 74, 90, 88])
    for run, source in zip(study.pair["runs"][6:], sources, strict=True):
        run["source_path"] = f"runs/other/source/seed{source}-abc"


class TestRunsOfSeveralPairs:
    def test_a_name_makes_runs_of_two_pairs_one(self, tmp_path):
        rows = [{"pair": pair, **row, "run": f"{row['arm']}{row['seed']}"} for pair in "ab" for row in two_arms()]
        for row in rows:
            if row["arm"] == "warm":
                row["run"] += row["pair"]
        study = made(read_csv(write_csv(tmp_path / "c.csv", rows)))
        assert [run.path for run in study.pairs[1].of_arm("ppo")] == [f"ppo{seed}" for seed in range(5)]
        (across,) = across_pairs(study, compare(study))
        assert across.blocks == (("a", "b"),)
        (note,) = study.manifest.curves.notes
        assert note == "5 runs stand under several pairs, as the column 'run' says: each counts as one run"

    def test_names_keep_equal_curves_apart(self, tmp_path):
        rows = [{"pair": p, **row, "run": f"{p}/{row['arm']}{row['seed']}"} for p in "ab" for row in two_arms()]
        study = made(read_csv(write_csv(tmp_path / "c.csv", rows)))
        (across,) = across_pairs(study, compare(study))
        assert across.blocks == (("a",), ("b",))
        assert study.manifest.curves.notes == ()

    def test_equal_curves_of_other_seeds_or_arms_are_other_runs(self, tmp_path):
        later = [row | {"pair": "b", "seed": row["seed"] + 5} for row in two_arms()]
        study = made(read_csv(write_csv(tmp_path / "c.csv", [*({"pair": "a", **row} for row in two_arms()), *later])))
        assert {run.path for run in study.pairs[1].of_arm("ppo")} == {f"b/ppo/seed{seed}" for seed in range(5, 10)}
        assert study.manifest.curves.notes == ()

    def test_a_pair_counts_a_run_once(self, tmp_path):
        rows = [{**row, "run": row["seed"]} for row in two_arms()]
        expected = r"c\.csv:17: run: '0' is ppo, seed 0 already: a run counts once in a pair; give every run a name"
        with pytest.raises(ConfigError, match=expected):
            judged(tmp_path, rows)

    def test_a_run_has_one_name(self, tmp_path):
        rows = [row | {"run": row["step"]} for row in two_arms()]
        with pytest.raises(ConfigError, match=r"c\.csv:3: run: '10', but line 2 says '0': all rows of a run say"):
            judged(tmp_path, rows)

    def test_a_name_that_can_be_no_folder_is_refused(self, tmp_path):
        rows = [row | {"run": f"../{row['arm']}{row['seed']}"} for row in two_arms()]
        with pytest.raises(ConfigError, match=r"c\.csv:2: run: '\.\./ppo0' can't be the name of a folder: rename"):
            judged(tmp_path, rows)


class TestHowManyOfEach:
    @pytest.mark.parametrize(("arm", "baseline"), [(5, 5), (5, 10), (6, 9)])
    def test_usual_numbers_need_no_word(self, tmp_path, arm, baseline):
        assert self.notes(tmp_path, arm, baseline) == ()

    @pytest.mark.parametrize(("arm", "baseline"), [(3, 40), (5, 11), (6, 5)])
    def test_others_are_said(self, tmp_path, arm, baseline):
        (note,) = self.notes(tmp_path, arm, baseline)
        assert f"mine: {arm} runs of warm against {baseline} runs of ppo: nothing was calibrated for it" in note

    def notes(self, tmp_path, arm, baseline):
        rows = [*level_rows("warm", [110 + x for x in range(arm)]), *level_rows("ppo", range(60, 60 + baseline))]
        return made(read_csv(write_csv(tmp_path / "c.csv", rows))).manifest.curves.notes


class TestHugeReturns:
    @pytest.mark.parametrize("value", ["1e300", "-1e300", "1e308", "1e55"])
    def test_they_are_refused_in_one_line(self, tmp_path, value):
        rows = two_arms()
        rows[-1]["return"] = value
        with pytest.raises(ConfigError, match=r"c\.csv:29: return: warm/seed4: return -?1e.* a score beyond .*--worst"):
            judged(tmp_path, rows)

    def test_the_floor_catches_those_below_it(self, tmp_path):
        rows = two_arms()
        rows[-1]["return"] = -1e300
        assert judged(tmp_path, rows, anchors={"worst": 0.0})["warm", "total"].floored_share[0] > 0.0

    def test_up_to_there_all_is_computed(self, tmp_path):
        rows = two_arms()
        for row in rows:
            row["return"] = row["return"] * 1e49
        total = judged(tmp_path, rows)["warm", "total"]
        assert (total.verdict, total.p) == ("positive", pytest.approx(2 / 252))

    def test_a_stored_run_of_that_size_is_refused_too(self, full_study):
        folder = full_study.add_run("fine_tune", 5, [20, 60, 1e300, 60, 60])
        with pytest.raises(RLTransferError, match=rf"{folder.name}/curve\.csv: return 1e\+300 is a score beyond"):
            load_study(full_study.save(), "small")

    def test_numbers_given_by_hand_are_refused_too(self):
        with pytest.raises(RLTransferError, match="arm: holds scores beyond"):
            judge([1.0, 2.0, 3.0], [1e300, 1.0, 2.0])
        with pytest.raises(RLTransferError, match="worst must be a finite score inside"):
            judge([1.0, 2.0, 3.0], [3.0, 1.0, 2.0], worst=-1e300)


class TestBySource:
    def test_a_source_counts_once_with_the_mean_of_its_runs(self, study):
        share_sources(study, [0, 0, 0, 1, 2, 2])
        (total,) = compare(load_study(study.save(), "small"))

        def score(level):
            return (level - 20) / 100 * 35 / 40

        means = [np.mean([score(level) for level in of]) for of in ([110, 112, 70], [74], [90, 88])]
        alone = judge([score(level) for level in (60, 62, 64, 58, 56, 61)], means, worst=-0.1)
        assert (total.p, total.difference) == pytest.approx((alone.p, alone.difference))
        assert total.interval == pytest.approx(alone.interval)
        assert (total.n, total.n_baseline, total.units) == (3, 6, ("sources", "runs"))
        assert (total.by_source, total.conditional) == (True, False)
        assert "3 sources against 6 runs" in total.text
        assert total.text.endswith("by source: the 6 runs of fine_tune count as their 3 sources.")
        assert total.asymptotic_score[0] == pytest.approx(
            np.mean([(np.array(of).mean() - 20) / 100 for of in ([110, 112, 70], [74], [90, 88])])
        )

    @pytest.mark.parametrize(("sources", "units"), [([0, 1, 2, 3, 4, 5], "runs"), ([0] * 6, "runs")])
    def test_one_source_a_run_or_one_for_all_is_by_run(self, study, sources, units):
        share_sources(study, sources)
        (total,) = compare(load_study(study.save(), "small"))
        assert (total.units, total.n, total.by_source) == ((units, "runs"), 6, False)
        assert total.conditional == (len(set(sources)) == 1)
        assert "by source" not in total.text

    def test_copies_of_a_sources_run_prove_nothing_more(self, tmp_path):
        """Twenty runs from two sources tell no more than two: the same runs once more change no p-value."""

        def p(copies):
            levels = [level for level in (104.0, 112.0) for _ in range(copies)]
            sources = [source for source in "ab" for _ in range(copies)]
            rows = [*level_rows("warm", levels, sources=sources)]
            rows += [*level_rows("ppo", [60 + x for x in (*CLOSE, 5, 6)], source="")]
            return judged(tmp_path, rows)["warm", "total"]

        many, few = p(10), p(2)
        assert many.p == pytest.approx(few.p)
        assert many.p >= 1 / 36
        assert (many.n, many.n_baseline) == (2, 7)

    @pytest.mark.slow
    def test_it_holds_its_level_where_counting_runs_does_not(self, tmp_path):
        """No difference but what sources make: by source one is seen rarely, by run often."""
        rng = np.random.default_rng(3)
        false = {"by source": 0, "by run": 0}
        for _ in range(60):
            shifts = rng.normal(0, 10, 2)
            warm = [60 + shifts[i // 5] + rng.normal(0, 2) for i in range(10)]
            ppo = [60 + rng.normal(0, 10) + rng.normal(0, 2) for _ in range(6)]
            for kind, sources in (("by source", list("aaaaabbbbb")), ("by run", [*range(10)])):
                rows = [*level_rows("warm", warm, sources=sources), *level_rows("ppo", ppo, source="")]
                verdict = judged(tmp_path, rows)["warm", "total"].verdict
                false[kind] += verdict in ("positive", "negative")
        assert false["by source"] <= 6
        assert false["by run"] >= 9

    def test_a_baseline_that_has_sources_counts_by_source_too(self, tmp_path):
        """Ten runs of a baseline from two checkpoints tell no more than two."""
        warm = [*level_rows("warm", [110 + x for x in (*CLOSE, 5)], source="")]
        means = [area(60.0), area(70.0)]
        levels, sources = [60.0 + 10 * (i % 2) + i // 2 - 2 for i in range(10)], ["a", "b"] * 5
        total = judged(tmp_path, [*warm, *level_rows("ppo", levels, sources=sources)])["warm", "total"]
        assert (total.n, total.n_baseline, total.units) == (6, 2, ("runs", "sources"))
        assert total.p == pytest.approx(judge(means, [area(110 + x) for x in (*CLOSE, 5)], worst=0.0).p)
        assert total.text.endswith("by source: the 10 runs of ppo count as their 2 sources.")

    def test_a_baseline_from_one_checkpoint_is_conditional_on_it(self, tmp_path):
        rows = [row | {"source": "zoo.zip" if row["arm"] == "ppo" else ""} for row in two_arms()]
        total = judged(tmp_path, rows)["warm", "total"]
        assert (total.conditional, total.units) == (True, ("runs", "runs"))

    def test_too_few_sources_are_too_few_however_many_runs(self, tmp_path):
        rows = [*level_rows("warm", [110 + i for i in range(20)], sources=["a", "b"] * 10)]
        rows += [*level_rows("ppo", [60 + x for x in CLOSE], source="")]
        with pytest.raises(ConfigError, match="2 sources of warm against 5 runs of ppo can't decide anything"):
            judged(tmp_path, rows, alpha=0.04)


def test_verdicts_can_be_written_as_json(tmp_path):
    assert json.dumps([one.to_dict() for one in judged(tmp_path, two_arms()).values()])
