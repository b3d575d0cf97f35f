import json

import numpy as np
import pytest

from rl_transfer.analysis import load_study
from rl_transfer.errors import RLTransferError


def test_a_study_is_read_whole(full_study):
    data = load_study(full_study.save(), "small")
    (pair,) = data.pairs
    assert (data.manifest.alpha, pair.name, len(pair.runs), len(pair.sources), pair.missing) == (
        0.05,
        "pole",
        20,
        2,
        (),
    )
    run = pair.of_arm("fine_tune")[1]
    assert (run.seed, run.path, run.outcome, run.failed) == (1, "runs/pole/fine_tune/seed1-abc", "completed", False)
    assert run.return_T.tolist() == [20, 108, 108, 108, 108]
    assert run.score_T == pytest.approx([0, 0.88, 0.88, 0.88, 0.88])
    assert not run.floored_T.any()
    assert run.costs == {"target_steps": 40, "wall_seconds": 1.5}
    source = pair.sources[0]
    assert (source.step_T.tolist(), source.return_T.tolist()) == (
        [0, 1000],
        [pytest.approx(14 / 3), pytest.approx(1199 / 3)],
    )


def test_returns_below_the_worst_anchor_are_floored_and_marked(study):
    study.add_run("scratch", 0, [20, 5, 10, 11, 12])
    (run,) = load_study(study.save(), "small").pairs[0].runs
    assert run.score_T == pytest.approx([0, -0.1, -0.1, -0.09, -0.08])
    assert run.floored_T.tolist() == [False, True, False, False, False]
    assert run.return_T[1] == 5


@pytest.mark.parametrize("outcome", ["diverged", "environment_failed"])
def test_a_failed_run_stays_at_the_worst_score(study, outcome):
    study.add_run("scratch", 0, [20, 80], steps=[0, 10], outcome=outcome, failed_at_step=17, message="NaN loss")
    (run,) = load_study(study.save(), "small").pairs[0].runs
    assert (run.outcome, run.failed, run.message) == (outcome, True, "NaN loss")
    assert run.return_T.tolist() == [20, 80, 10, 10, 10]
    assert run.score_T == pytest.approx([0, 0.6, -0.1, -0.1, -0.1])


def test_a_failed_run_loses_what_comes_after_or_is_no_number(study):
    study.add_run("scratch", 0, [20, 80, 90], steps=[0, 10, 20], outcome="diverged", failed_at_step=15)
    study.add_run("scratch", 1, [20, np.nan], steps=[0, 10], outcome="diverged")
    study.add_run("scratch", 2, [], steps=[], outcome="diverged", failed_at_step=0)
    study.add_run("source", 0, [1.0, np.nan], steps=[0, 7], outcome="diverged")
    (pair,) = load_study(study.save(), "small").pairs
    assert [run.return_T.tolist() for run in pair.runs] == [[20, 80, 10, 10, 10], [20, 10, 10, 10, 10], [10] * 5]
    assert pair.sources[0].step_T.tolist() == [0]


@pytest.mark.parametrize("status", [None, "{", '{"status": "running"}', "[]"])
def test_a_folder_without_a_finished_status_is_missing(study, status):
    folder = study.add_run("scratch", 0, [20, 30, 40, 50, 60])
    (folder / "status.json").unlink()
    if status is not None:
        (folder / "status.json").write_text(status)
    (pair,) = load_study(study.save(), "small").pairs
    assert (len(pair.runs), pair.missing_of_arm("scratch"), pair.missing[0].seed) == (0, 1, 0)


def damage_columns(study, folder):
    study.write_curve(folder, [], header=("step", "return"))


def damage_row(study, folder):
    study.write_curve(folder, [(0, 0, "much", 7)])


def damage_short_row(study, folder):
    study.write_curve(folder, [(0, 0)])


def repeat_episode(study, folder):
    study.write_curve(folder, [(0, 0, 1.0, 7), (0, 0, 1.0, 7)])


def remove_curve(study, folder):
    (folder / "curve.csv").unlink()


def garble_curve(study, folder):
    (folder / "curve.csv").write_bytes(b"\xff\xfe\x00")


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (damage_columns, r"curve\.csv: needs the columns"),
        (damage_row, r"curve\.csv:2: needs"),
        (damage_short_row, r"curve\.csv:2: needs"),
        (repeat_episode, r"curve\.csv:3: episode 0"),
        (remove_curve, r"curve\.csv: can't be read"),
        (garble_curve, r"curve\.csv: can't be read"),
    ],
)
@pytest.mark.parametrize("arm", ["scratch", "source"])
def test_damaged_curves_are_refused_by_name(study, damage, match, arm):
    damage(study, study.add_run(arm, 0, [20, 30, 40, 50, 60]))
    with pytest.raises(RLTransferError, match=match):
        load_study(study.save(), "small")


@pytest.mark.parametrize(
    ("run", "match"),
    [
        ({"return_T": [20, 30, 40, 50], "steps": [0, 10, 20, 30]}, "step 40 needs 2 episodes"),
        ({"return_T": [20, 30, 40, 50, 60], "steps": [0, 10, 20, 30, 41]}, "step 41 is not on"),
        ({"return_T": [20, 30, 40, 50, 60], "episodes": 1}, "step 0 needs 2 episodes"),
        ({"return_T": [20, 30, np.nan, 50, 60]}, "step 20 needs 2 episodes with finite"),
        ({"return_T": [20, 40], "steps": [0, 20], "outcome": "diverged"}, "step 10 needs"),
    ],
)
def test_curves_that_miss_the_grid_are_refused(study, run, match):
    study.add_run("scratch", 0, **run)
    with pytest.raises(RLTransferError, match=rf"curve\.csv: .*{match}"):
        load_study(study.save(), "small")


def test_a_completed_source_must_be_finite(study):
    study.add_run("source", 0, [1.0, np.nan], steps=[0, 7])
    with pytest.raises(RLTransferError, match="not finite"):
        load_study(study.save(), "small")


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("status.json", {"status": "finished", "outcome": "fine"}, r"status\.json: outcome"),
        ("status.json", {"status": "finished", "outcome": "diverged", "failed_at_step": "x"}, "failed_at_step"),
        ("costs.json", {"steps": "many"}, r"costs\.json"),
        ("costs.json", {"steps": float("nan")}, r"costs\.json"),
        ("costs.json", [], r"costs\.json"),
    ],
)
def test_damaged_run_files_are_refused_by_name(study, name, content, match):
    folder = study.add_run("scratch", 0, [20, 30, 40, 50, 60])
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(RLTransferError, match=match):
        load_study(study.save(), "small")


@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        (("format",), 2, "format 2"),
        (("alpha",), 2.0, "alpha"),
        (("pairs", "pole", "grid"), [0, 20, 10, 40], "grid must rise"),
        (("pairs", "pole", "grid"), [0, 20], "grid must rise"),
        (("pairs", "pole", "score"), {"random": 1, "reference": 0, "worst": 0}, "worst <= random"),
        (("pairs", "pole", "runs", 0, "arm"), "fine_tone", "fine_tone"),
        (("pairs", "pole", "runs", 0, "seed"), 1, "two runs of seed 1"),
        (("pairs", "pole", "runs", 0, "path"), "../elsewhere", "inside the store"),
        (("pairs", "pole", "runs", 0, "path"), "/etc", "inside the store"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(full_study, place, value, match):
    part = full_study.manifest
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(RLTransferError, match=rf"study\.json.*{match}"):
        load_study(full_study.save(), "small")


@pytest.mark.parametrize("name", ["other", "", "..", "../small", "a/b"])
def test_a_study_that_is_not_there_is_refused(study, name):
    with pytest.raises(RLTransferError):
        load_study(study.save(), name)
