"""The command that tunes."""

import pytest
from tiny_study import write_study

from rl_transfer.cli import main
from rl_transfer.study import load_study


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cartpole_heavy_pol"], "did you mean 'cartpole_heavy_pole'"),
        (["quickstart"], "has 2 pairs (cartpole_heavy_pole, cartpole_reversed), tuning takes one at a time"),
        (["matrix"], "has ladders or a matrix: tune one pair alone"),
        (["cartpole_heavy_pole", "--trials", "0"], "--trials: must be at least 2"),
        (["cartpole_heavy_pole", "--store", "file"], "is no folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["tune", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and message in error
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_a_pair_alone_is_tuned_for_fine_tuning(tmp_path, monkeypatch, capsys):
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    options = ["--trials", "2", "--seeds", "1", "--out", "tuned", "--name", "mine_2"]
    assert main(["tune", "mine.yaml", *options]) == 0
    out, error = capsys.readouterr()
    assert "rl-transfer run tuned/mine_2.yaml" in out
    rows = {line.split()[1]: line.split()[3] for line in out.splitlines() if line.startswith("│ ") and line[2] != " "}
    assert rows == {"scratch": "2", "fine_tune": "2"}
    assert "5 runs, 0 stored, 5 to go" in error
    assert load_study("tuned/mine_2.yaml").config.tuning.trials == 2
