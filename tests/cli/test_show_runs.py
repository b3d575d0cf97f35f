"""Listing and showing runs whose files are damaged."""

import pytest
from builders import run_spec

from rl_transfer.cli import main
from rl_transfer.store import Store, run_key, write_csv, write_json, write_spec
from rl_transfer.study import ScoreConfig

KEY = run_key(run_spec())
HINT = "remove the run with 'rl-transfer rm RUN --force' and run the study again"


@pytest.fixture
def folder(tmp_path):
    """A finished run of a study, and another run beside it."""
    store = Store(tmp_path / "runs")
    store.open()
    for arm, seed in (("scratch", 0), ("other", 1)):
        folder = store.run_folder("pair", arm, seed, f"{seed:012x}" if seed else KEY)
        write_spec(folder, KEY, run_spec())
        write_json(folder / "status.json", {"status": "finished", "outcome": "completed", "message": None})
        write_json(folder / "costs.json", {"target_steps": 1234, "wall_seconds": 5.0})
        write_csv(folder / "curve.csv", ["step", "episode", "return", "length"], [[0, 0, 1.5, 3], [64, 0, 2.5, 3]])
    score = ScoreConfig(random=0, reference=5, worst=0).model_dump()
    study = {"pairs": {"pair": {"runs": [{"arm": "scratch", "key": KEY}], "score": score}}}
    write_json(store.study("done") / "study.json", study)
    return store.run_folder("pair", "scratch", 0, KEY)


def said(capsys, folder, *command):
    assert main([*command, "--store", str(folder.parents[3])]) == 0
    return capsys.readouterr().out


def test_a_run_is_shown(folder, capsys):
    assert "damaged" not in said(capsys, folder, "runs")
    shown = said(capsys, folder, "show", "pair/scratch/seed0")
    for text in (
        "status    completed",
        "target steps 1,234",
        "1.5 at first, 2.5 at last",
        "score     mean",
        "study done",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("file", "content", "shown"),
    [
        ("status.json", '{"status": "finished"}', "status    damaged: "),
        ("status.json", "{", "status    damaged: "),
        ("costs.json", "[]", "cost      damaged: "),
        ("costs.json", "{", "cost      damaged: "),
        ("costs.json", '{"target_steps": "many", "wall_seconds": null}', "cost      damaged: "),
        ("curve.csv", "step\n", "return    damaged: "),
    ],
)
def test_a_damaged_run_is_one_row_and_its_other_facts_are_shown(folder, capsys, file, content, shown):
    (folder / file).write_text(content)
    rows = {line.split()[0]: line.split()[1:] for line in said(capsys, folder, "runs").splitlines()[1:]}
    assert rows == {
        f"pair/scratch/seed0-{KEY}": ["damaged"],
        f"pair/other/seed1-{1:012x}": ["completed", "1,234", "2.5"],
    }
    text = said(capsys, folder, "show", "pair/scratch/seed0")
    (line,) = [line for line in text.splitlines() if "damaged: " in line]
    assert line.startswith(f"{shown}{folder / file}: ")
    assert line.endswith(HINT)
    assert "needed by study done" in text


def test_a_damaged_specification_hides_only_what_it_says(folder, capsys):
    (folder / "spec.json").write_text('{"spec": {}}')
    text = said(capsys, folder, "show", "pair/scratch/seed0")
    assert "spec.role: Field required" in text
    assert "target steps 1,234" in text


def test_a_study_that_can_t_be_read_hides_only_who_needs_the_run(folder, capsys):
    (folder.parents[3] / "studies" / "done" / "study.json").write_text("{}")
    text = said(capsys, folder, "show", "pair/scratch/seed0")
    assert "needed by unknown: " in text
    assert "move its folder out of" in text
    assert "1.5 at first, 2.5 at last" in text


def test_returns_that_are_not_finite_are_no_damage(folder, capsys):
    (folder / "curve.csv").write_text("step,episode,return,length\n0,0,1.5,3\n64,0,nan,3\n")
    assert "1.5 at first, nan at last" in said(capsys, folder, "show", "pair/scratch/seed0")
    assert "damaged" not in said(capsys, folder, "runs")


def test_nobody_knows_who_needs_a_run_of_another_store(folder, capsys, tmp_path):
    assert main(["show", str(folder), "--store", str(tmp_path / "nope")]) == 0
    assert "needed by unknown: it lies outside the store" in capsys.readouterr().out
