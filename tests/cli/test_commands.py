"""The command line: exit codes, one-line errors without tracebacks, quick help, what the lists show."""

import json
import os
import re
import subprocess
import sys
import time
from statistics import median

import pytest

from rl_transfer.cli import main
from rl_transfer.study import shipped_names

BAD = [
    (["run", "quickstar"], r"no shipped .*'quickstar'.*did you mean 'quickstart'"),
    (["run", "./missing.yaml"], r"missing\.yaml"),
    (["run", "quickstart", "--set", "seed=5"], r"--set: seed: .*did you mean 'seeds'"),
    (["run", "quickstart", "--set", "seeds=three"], r"--set: seeds: .*whole number"),
    (["run", "quickstart", "--set", "seeds"], r"--set: write key=value"),
    (["run", "quickstart", "--set", "learner.gamma=.nan"], r"learner\.gamma.*finite"),
    (["run", "quickstart", "--set", "budget.target=1000"], r"budget\.target.*768 or 1024"),
    (["run", "quickstart", "--set", "seeds=3"], r"seeds: .*at least 4 seeds"),
    (["run", "quickstart", "--set", "alpha=0.000001"], r"alpha.*no number of seeds can"),
    (["run", "quickstart", "--name", "../x"], r"--name: '\.\./x'"),
    (["check", "quickstart", "--workers", "-4"], r"--workers: must be at least 1"),
    (["check", "quickstart", "--set", "learner.algorithm=dqn", "--set", "evaluation.deterministic=false"], r"greedy"),
    (["run", "quickstart", "--workers", "0"], r"--workers: must be at least 1"),
    (["check", "quickstart", "--set", "arms.fine_tune.methods=[fine_tun]"], r"did you mean 'fine_tune'"),
    (["check", "cartpole_heavy_pol"], r"did you mean 'cartpole_heavy_pole'"),
    (["report", "quickstart"], r"no study 'quickstart' in this store.*rl-transfer run quickstart"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert error.startswith("rl-transfer: ")
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert out == ""
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", [["run", "smoke"], ["check", "smoke"], ["report", "smoke"], ["runs"], ["gc"]])
def test_a_store_that_is_no_folder_is_said(tmp_path, capsys, command):
    (tmp_path / "file").write_text("")
    assert main([*command, "--store", str(tmp_path / "file")]) == 2
    assert f"{tmp_path / 'file'}: is no folder" in capsys.readouterr().err


def test_an_unknown_command_or_option_is_exit_code_2(capsys):
    for arguments in (["rum", "quickstart"], ["run", "quickstart", "--wokers", "2"], ["list", "pears"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_check_lists_runs_cost_and_whether_seeds_can_decide(tmp_path, capsys):
    assert main(["check", "quickstart", "--store", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "35 runs to train, 640,000 environment steps (5 runs are shared between pairs)" in out
    assert "total, knowledge: 5 against 5 seeds can reach p = 0.0079; the level is 0.05" in " ".join(out.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param("pairs", "cartpole_heavy_pole", marks=pytest.mark.slow),
        ("methods", "fine_tune"),
        ("methods", "of several sources: the mean of their values is the potential"),
        ("methods", "of several sources: takes one"),
        ("envs", "transfer/CartPole-v0"),
        ("envs", "reverse_actions"),
        ("studies", "quickstart"),
    ],
)
def test_lists(monkeypatch, capsys, what, expected):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["list", what]) == 0
    assert expected in capsys.readouterr().out


@pytest.mark.slow
def test_pairs_are_readable_in_eighty_columns(monkeypatch, capfd):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["list", "pairs"]) == 0
    out, error = capfd.readouterr()
    lines = out.splitlines()
    assert error == ""
    assert max(map(len, lines)) <= 80
    assert not any(line != line.rstrip() for line in lines)
    assert len(lines) < 4 * len(shipped_names("pairs"))
    # Family, names of columns, then for each pair what can be compared, and below it what it is.
    start = lines.index("modalities")
    assert lines[start + 1].split() == ["pair", "learner", "sees", "does", "steps", "min"]
    name, learner, *_, steps, minutes = lines[start + 2].split()
    assert (name, learner) == ("catch_state_to_pixels", "ppo")
    assert int(steps.replace(",", "")) > 0 and float(minutes) > 0
    assert "5 -> 4x10x10" in lines[start + 2]
    assert lines[start + 3].startswith("    Catch seen as a vector of its state")


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_run_report_and_runs(tiny, monkeypatch, capsys):
    folder, _, _ = tiny
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(folder)
    assert main(["run", "tiny.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "runs/studies/tiny/report.html" in printed
    assert re.search(r"TensorBoard: .*rl-transfer tensorboard tiny$", printed, re.MULTILINE)
    report = folder / "runs/studies/tiny/report.html"
    first = report.read_bytes()
    report.unlink()
    assert main(["report", "tiny"]) == 0
    assert report.read_bytes() == first
    capsys.readouterr()
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("completed") >= 8
    assert "mine/fine_tune.placebo/seed1" in listed
    assert main(["runs", "*/scratch", "--status", "completed"]) == 0
    assert {line.split("/")[1] for line in capsys.readouterr().out.splitlines()[1:]} == {"scratch"}
    assert main(["runs", "--status", "failed"]) == 0
    assert capsys.readouterr().out == "no runs that are failed in runs\n"
    assert main(["show", "mine/fine_tune.placebo/seed1"]) == 0
    shown = capsys.readouterr().out
    for fact in ("status    completed", "methods   fine_tune", "scrambled", "score     mean", "needed by study tiny"):
        assert fact in shown


@pytest.mark.xdist_group("tiny")
def test_events_for_programs_are_all_there_is_on_standard_output(tiny, monkeypatch, capsys):
    monkeypatch.chdir(tiny[0])
    assert main(["run", "tiny.yaml", "--progress", "jsonl"]) == 0
    out, error = capsys.readouterr()
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["begin"]
    assert "Verdicts of tiny" in error
    assert main(["run", "tiny.yaml", "--progress", "quiet"]) == 0
    out, error = capsys.readouterr()
    assert "Verdicts of tiny" in out
    assert error == ""


def test_help_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys\nfrom rl_transfer.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'gymnasium', 'stable_baselines3', 'pydantic', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_help_answers_in_0_3_seconds():
    seconds = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-m", "rl_transfer.cli", "--help"], capture_output=True, check=True)
        after = os.times()
        seconds.append(after.children_user - before.children_user + after.children_system - before.children_system)
        time.sleep(0.1)
    assert median(seconds) < 0.3
