"""Curves, verdicts and runs as Parquet are those of the other files."""

import csv
import json
import sys

import pytest

from rl_transfer.cli import main
from rl_transfer.errors import ConfigError
from rl_transfer.report import check_parquet, write_parquet

parquet = pytest.importorskip("pyarrow.parquet")


def test_it_holds_what_the_other_files_hold(build):
    _, results = build(events=False, left_out=("cartpole_reversed/fine_tune.placebo/seed3",))
    files = {file.stem: parquet.read_table(file).to_pylist() for file in write_parquet(results)}
    assert list(files) == ["curves", "verdicts", "runs"]
    with results.curves_path.open() as file:
        written = list(csv.DictReader(file))
    assert [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in files["curves"]
    ] == written
    verdicts = json.loads(results.verdicts_path.read_text())
    for row, verdict in zip(files["verdicts"], verdicts, strict=True):
        assert [row["low"], row["high"]] == (verdict["interval"] or [None, None])
        kept = {name: value for name, value in verdict.items() if not name.startswith("interval")}
        assert {name: row[name] for name in kept} == kept
    finished = [run for pair in results.data.pairs for run in pair.finished]
    assert [row["run"] for row in files["runs"]] == [run.path for run in finished]
    assert [row["target_steps"] for row in files["runs"]] == [run.costs["target_steps"] for run in finished]


@pytest.mark.slow
def test_the_command_says_which_files_it_wrote(build, capsys):
    store, _ = build(events=False, pairs={"pair": {"scratch": 150.0, "arm": 300.0}}, arms={"arm": {}}, seeds=2)
    assert main(["report", "quick", "--parquet", "--store", str(store)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Parquet:")]
    files = line.removeprefix("Parquet:").strip().split(", ")
    assert files == [str(store / f"studies/quick/{name}.parquet") for name in ("curves", "verdicts", "runs")]
    assert main(["report", "quick", "--store", str(store)]) == 0
    assert "Parquet" not in capsys.readouterr().out


def test_what_is_missing_for_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"--parquet.*pip install 'rl-transfer\[parquet\]'"):
        check_parquet()
