"""Ctrl-C: what it says, that everything finished is kept, and that the named command goes on."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_study import write_study

from rl_transfer.execute.stopping import what_is_kept
from rl_transfer.store import write_json

CHECKPOINT = {"rows": [], "events": [], "episodes": [], "wall_seconds": 1.0}
CHECKPOINT |= {"teacher_calls": 0, "reviews": 0, "fell_back_at": None}


def test_runs_on_their_way_go_on_from_their_checkpoints(tmp_path):
    spec = SimpleNamespace(segment_steps=5000, budget_steps=20_000)
    runs = [SimpleNamespace(name=f"pair/arm/seed{seed}", key=str(seed), spec=spec) for seed in range(10)]
    folders = {run.key: tmp_path / run.key for run in runs}
    write_json(folders["0"] / "checkpoints" / "run-0003.json", CHECKPOINT)
    write_json(folders["1"] / "checkpoints" / "run-0000.json", CHECKPOINT)
    (folders["2"] / "checkpoints").mkdir(parents=True)
    (folders["2"] / "checkpoints" / "run-0001.json").write_text("{")
    said = what_is_kept(4, 35, runs, folders, "look 1 of 2").splitlines()
    assert said[0] == "look 1 of 2: finished and kept: 4 of 35 runs"
    assert said[1] == "  pair/arm/seed0 goes on from step 15,000 of 20,000"
    assert all(line.endswith("begins again: no checkpoint yet") for line in said[2:9])
    assert said[9:] == ["  and 2 more that were on their way"]


@pytest.mark.slow
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path):
    write_study(tmp_path, pair={"budget": {"source": 128, "target": 12_800}})
    command = ["run", "tiny.yaml", "--progress", "plain", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "rl_transfer.cli", *command], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if line.startswith("finished 3/"):
                program.send_signal(signal.SIGINT)
                break
        said = program.stderr.read()
    assert program.returncode == 130
    kept = re.search(r"rl-transfer: stopped; finished and kept: (\d) of 8 runs\n", said)
    assert re.search(r"  mine/\S+ (begins again|goes on from step)", said)
    assert said.endswith("To go on: rl-transfer run tiny.yaml --progress plain --workers 2\n")
    assert len(list(Path(tmp_path).glob("runs/runs/*/*/*/status.json"))) >= int(kept[1]) >= 3
