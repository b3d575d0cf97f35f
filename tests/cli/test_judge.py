"""The command ``judge``: files that other programs made, what it writes, and bad input in one line."""

import json
import re

import numpy as np
import pytest
from foreign_curves import CLOSE, level_rows, two_arms, write_csv

from rl_transfer import judge_curves
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError

ANCHORS = ["--random", "20", "--reference", "120"]
GIVEN = ["--baseline", "ppo", *ANCHORS]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """What Stable-Baselines3's own EvalCallback leaves of two arms with two runs each: npz files, and events."""
    import gymnasium
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import EvalCallback
    from stable_baselines3.common.monitor import Monitor

    root = tmp_path_factory.mktemp("logs")
    for arm in ("ppo", "warm"):
        for number in (1, 2):
            evaluations = Monitor(gymnasium.make("CartPole-v1"))
            folder = root / "npz" / arm / f"CartPole-v1_{number}"
            callback = EvalCallback(evaluations, n_eval_episodes=3, eval_freq=64, log_path=str(folder), verbose=0)
            model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=64, n_epochs=1, seed=number, device="cpu")
            model.tensorboard_log = str(root / "events" / arm)
            model.learn(256, callback=callback)
    return root


def test_one_command_prints_and_writes_what_a_study_does(here, capsys):
    write_csv(here / "curves.csv", two_arms(wall=1))
    assert main(["judge", "curves.csv", *GIVEN]) == 0
    out = capsys.readouterr().out
    assert re.search(r"vs ppo \(total\) +positive +\+0\.375", out)
    assert "faster than ppo, with no placebo to say why" in out.replace(" (fragile)", "")
    assert "Note: columns that are not read: wall" in out
    assert "Report: judged/curves/report.html" in out
    folder = here / "judged" / "curves"
    (total,) = json.loads((folder / "verdicts.json").read_text())
    assert (total["verdict"], total["baseline"], total["runs"][0]) == ("positive", "ppo", "warm/seed0")
    header, first, *_ = (folder / "curves.csv").read_text().splitlines()
    assert header == "pair,arm,seed,step,return,score,source,run"
    assert first == "curves,ppo,0,0,20.0,0.0,,ppo/seed0"


@pytest.mark.slow
def test_the_report_has_no_section_that_only_our_own_runs_can_fill(here):
    rows = two_arms(steps=(5, 10, 20))
    write_csv(here / "curves.csv", rows)
    assert main(["judge", "curves.csv", *GIVEN, "--threshold-score", "0.7"]) == 0
    html = (here / "judged" / "curves" / "report.html").read_text()
    for word in ("<h2>Costs", "What was carried", "<h2>Sources", "ensor[Bb]oard", "log.txt", "scratch", "placebo</em>"):
        assert not re.search(word, html), word
    for word in ("the first at step 5", "vs ppo", "the curves can&#39;t tell|the curves can't tell", "score 0.7"):
        assert re.search(word, html), word
    assert f"rl-transfer judge {here / 'curves.csv'} --baseline ppo --random 20.0 --reference 120.0" in html
    assert "None" not in html


@pytest.mark.slow
def test_our_own_studies_curves_are_read_as_they_are(full_columns, here, capsys):
    assert main(["judge", str(full_columns), "--baseline", "scratch", *ANCHORS, "--worst", "10"]) == 0
    out = capsys.readouterr().out
    assert "columns that are not read: score" in out
    assert "1 source runs are left out" in out
    assert "faster than scratch" in out


@pytest.fixture
def full_columns(here):
    """A file with the columns of a study's curves.csv."""
    rows = [*level_rows("scratch", [60 + x for x in CLOSE]), *level_rows("fine_tune", [110 + x for x in CLOSE])]
    rows += level_rows("source", [400.0], steps=(0, 5000))
    found = [
        {"pair": "pole", **row, "score": "", "source": "", "run": f"runs/pole/{row['arm']}/{row['seed']}"}
        for row in rows
    ]
    return write_csv(here / "own.csv", found, [*found[0]])


@pytest.mark.xdist_group("tiny")
@pytest.mark.slow
def test_a_study_judged_from_its_curves_has_the_same_verdicts(tiny, tmp_path):
    folder, _, _ = tiny
    study = folder / "runs/studies/tiny"
    options = ["--baseline", "scratch", "--random", "20", "--reference", "500", "--worst", "8", "--alpha", "0.5"]
    assert main(["judge", str(study / "curves.csv"), *options, "--out", str(tmp_path / "again")]) == 0
    before, after = (json.loads((place / "verdicts.json").read_text()) for place in (study, tmp_path / "again"))
    assert [len(verdict["runs"]) for verdict in before] == [4, 4, 4]
    assert after == before


@pytest.mark.slow
def test_files_of_evalcallback_are_read(logs, here, capsys):
    assert main(["judge", str(logs / "npz"), "--baseline", "ppo", "--random", "20", "--reference", "500",
                 "--alpha", "0.5"]) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "no evaluation before training, the first is at step 64" in out
    (total,) = json.loads((here / "judged/npz/verdicts.json").read_text())
    assert (total["n"], total["n_baseline"], total["runs"][0]) == (2, 2, "warm/CartPole-v1_1")
    areas = {}
    for arm in ("ppo", "warm"):
        for file in sorted((logs / "npz" / arm).glob("*/evaluations.npz")):
            arrays = np.load(file)
            assert arrays["timesteps"].tolist() == [64, 128, 192, 256]
            returns = np.maximum(arrays["results"].mean(axis=1), min(20.0, total_lowest(logs)))
            areas.setdefault(arm, []).append(np.trapezoid((returns - 20) / 480, arrays["timesteps"]) / 192)
    assert total["difference"] == pytest.approx(np.mean(areas["warm"]) - np.mean(areas["ppo"]))
    assert "3 episodes at each of 4 points" in (here / "judged/npz/report.html").read_text()


def total_lowest(logs):
    return min(np.load(file)["results"].mean(axis=1).min() for file in (logs / "npz").glob("*/*/evaluations.npz"))


@pytest.mark.slow
def test_tensorboard_logs_give_the_same_as_the_files(logs, here):
    settings = {"baseline": "ppo", "random": 20.0, "reference": 500.0, "alpha": 0.5}
    npz, events = (judge_curves(logs / kind, **settings).results.data.pairs[0] for kind in ("npz", "events"))
    assert [(run.arm, run.seed) for run in events.runs] == [(run.arm, run.seed) for run in npz.runs]
    assert events.entry.grid == npz.entry.grid == (64, 128, 192, 256)
    for one, other in zip(events.runs, npz.runs, strict=True):
        assert one.return_T == pytest.approx(other.return_T, rel=1e-6)
    assert events.runs[0].path == "ppo/PPO_1"


@pytest.mark.slow
def test_another_tag_can_be_taken_and_a_missing_one_lists_those_that_are_there(logs, here):
    settings = {"baseline": "ppo", "random": 0.0, "reference": 500.0, "alpha": 0.5}
    outcome = judge_curves(logs / "events", tag="eval/mean_ep_length", **settings)
    assert outcome.results.data.pairs[0].runs[0].return_T.min() > 0
    with pytest.raises(ConfigError, match=r"no scalar 'eval/mean_return'; did you mean 'eval/mean_rew.*train/loss"):
        judge_curves(logs / "events", tag="eval/mean_return", name="x", **settings)
    assert not (here / "judged/x").exists()


@pytest.mark.slow
def test_pairs_share_anchors_unless_given_their_own(here):
    rows = [{"pair": "pole", **row} for row in two_arms()]
    rows += [{"pair": "car", **row, "return": -row["return"] - 100} for row in two_arms()]
    write_csv(here / "c.csv", rows)
    anchors = ["--random", "20", "--random", "car=-215", "--reference", "120", "--reference", "car=-100"]
    assert main(["judge", "c.csv", "--baseline", "ppo", *anchors, "--worst", "0", "--worst", "car=-300"]) == 0
    found = {v["pair"]: v["verdict"] for v in json.loads((here / "judged/c/verdicts.json").read_text())}
    assert found == {"pole": "positive", "car": "negative"}
    scores = json.loads((here / "judged/c/judged.json").read_text())["pairs"]
    assert scores["car"]["score"] == {"random": -215.0, "reference": -100.0, "worst": -300.0}
    assert scores["pole"]["score"] == {"random": 20.0, "reference": 120.0, "worst": 0.0}


@pytest.mark.slow
def test_other_results_are_never_overwritten(here, capsys):
    write_csv(here / "c.csv", two_arms())
    assert main(["judge", "c.csv", *GIVEN]) == 0
    before = {file.name: file.read_bytes() for file in (here / "judged/c").rglob("*.*")}
    assert main(["judge", "c.csv", *GIVEN]) == 0
    capsys.readouterr()
    write_csv(here / "c.csv", [*two_arms()[:-1], {"arm": "warm", "seed": 4, "step": 20, "return": 1.0}])
    for changed in ([], ["--alpha", "0.04"]):
        assert main(["judge", "c.csv", *GIVEN, *changed]) == 2
        assert "holds other results, which are not overwritten: choose another --name" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in (here / "judged/c").rglob("*.*")} == before
    assert main(["judge", "c.csv", *GIVEN, "--name", "second"]) == 0
    (here / "mine").mkdir()
    (here / "mine/thesis.tex").write_text("")
    assert main(["judge", "c.csv", *GIVEN, "--out", "mine"]) == 2
    assert "choose another --out" in capsys.readouterr().err


@pytest.mark.slow
def test_sources_and_placebos_reach_the_table(here, capsys):
    sources = [*"aabbccdd"]
    rows = [*level_rows("warm", [110 + x for x in range(8)], sources=sources)]
    rows += [*level_rows("shuffled", [60 + x for x in range(8)], sources=sources)]
    rows += [*level_rows("ppo", [60 + x for x in range(8)], source="")]
    write_csv(here / "c.csv", rows)
    assert main(["judge", "c.csv", *GIVEN, "--placebo", "warm=shuffled"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"vs placebo \(knowledge\) +positive .* 4/4", out)
    assert re.search(r"vs ppo \(total\) +positive .* 4/8", out)
    assert "by source: runs that started from one source agent count as one" in out
    assert "shuffled is called warm.placebo" in out


@pytest.mark.slow
def test_one_checkpoint_for_all_is_said(here, capsys):
    rows = [row | {"source": "zoo.zip" if row["arm"] == "warm" else ""} for row in two_arms()]
    write_csv(here / "c.csv", rows)
    assert main(["judge", "c.csv", *GIVEN]) == 0
    assert "conditional on this checkpoint" in capsys.readouterr().out


CSV = "arm,seed,step,return\n"
BAD = [
    ("", GIVEN, r"c\.csv: is empty: needs the columns arm, seed, step, return"),
    (CSV, GIVEN, r"c\.csv: has no row below its header"),
    ("arm,seed,steps,return\n", GIVEN, r"c\.csv:1: step: missing; here are arm, seed, steps, return: rename .*'steps'"),
    ("Arm,seed,t,reward\n", GIVEN, r"arm, step, return: missing; .*perhaps 'Arm' to 'arm', 'reward' to 'return'\)"),
    ("arm;seed;step;return\n", GIVEN, r"c\.csv:1: columns are separated by semicolons: separate them by commas"),
    ("arm\tseed\tstep\treturn\n", GIVEN, r"c\.csv:1: columns are separated by tabs: separate them by commas"),
    ("arm,seed,step,return,step\n", GIVEN, r"c\.csv:1: step: the column stands twice"),
    (CSV + "ppo,0,0,high\n", GIVEN, r"c\.csv:2: return: needs a number, not 'high'"),
    (CSV + "ppo,0,0,\n", GIVEN, r"c\.csv:2: return: needs a number, not ''"),
    (CSV + "ppo,1.5,0,1\n", GIVEN, r"c\.csv:2: seed: needs a whole number from 0 on, not '1\.5'"),
    (CSV + "ppo,a,0,1\n", GIVEN, r"c\.csv:2: seed: needs a number, not 'a'"),
    (CSV + "ppo,0,1e30,1\n", GIVEN, r"c\.csv:2: step: needs a number of steps up to 9223372036854775807, not '1e30'"),
    (CSV + "ppo,0,-1,1\n", GIVEN, r"c\.csv:2: step: needs a whole number"),
    (CSV + "ppo,0,1\n", GIVEN, r"c\.csv:2: has 3 cells under 4 columns"),
    (CSV + 'ppo,0,0,"1\n', GIVEN, r"c\.csv: can't be read as a CSV file"),
    (None, ["--baseline", "pppo", *ANCHORS], r"--baseline: no arm 'pppo' in pair c; did you mean 'ppo'"),
    (None, [*GIVEN, "--random", "30"], r"--random: is given twice"),
    (None, ["--baseline", "ppo", "--random", "x", "--reference", "1"], r"--random: needs a return such as 20, or PAIR"),
    (None, ["--baseline", "ppo", "--reference", "1"], r"--random: is needed: give --random RETURN"),
    (None, ["--baseline", "ppo", "--random", "20", "--reference", "d=1"], r"--reference: no pair 'd'; valid: c"),
    (None, ["--baseline", "ppo", "--random", "120", "--reference", "20"], r"--reference: must be above --random, 120"),
    (None, [*GIVEN, "--alpha", "0"], r"--alpha: must lie strictly between 0 and 1, not 0"),
    (None, [*GIVEN, "--alpha", "0.005"], r"can't decide anything \(total\).*at least 6 a side are needed"),
    (None, [*GIVEN, "--placebo", "warm"], r"--placebo: needs ARM=PLACEBO, not 'warm'"),
    (None, [*GIVEN, "--tag", "x"], r"--tag: chooses among TensorBoard's event files"),
    (None, [*GIVEN, "--name", "a/b"], r"--name: 'a/b'"),
]


@pytest.mark.parametrize(("content", "options", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(here, capsys, content, options, message):
    write_csv(here / "c.csv", two_arms()) if content is None else (here / "c.csv").write_text(content)
    assert main(["judge", "c.csv", *options]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert re.search(message, error), error
    assert [file.name for file in here.iterdir()] == ["c.csv"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*level_rows("ppo", [1, 2, 3, 4, 5])], "--baseline: only ppo in pair c: there is nothing to compare it with"),
        (two_arms()[:-1], "c.csv:29: warm/seed4 ends at step 10, most runs end at 20 (unequal budgets)"),
        (two_arms(steps=(10,)), "c.csv:2: ppo/seed0 has one evaluation: a curve needs two"),
    ],
)
def test_curves_that_can_not_be_compared_are_one_line_too(here, capsys, rows, message):
    write_csv(here / "c.csv", rows)
    assert main(["judge", "c.csv", *GIVEN]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_not_there_names_the_nearest(here, capsys):
    write_csv(here / "curves.csv", two_arms())
    assert main(["judge", "curve.csv", *GIVEN]) == 2
    assert "curve.csv: no such file or folder; did you mean 'curves.csv'" in capsys.readouterr().err


@pytest.mark.slow
def test_negative_anchors_can_be_given(here):
    rows = [row | {"return": row["return"] - 500} for row in two_arms()]
    write_csv(here / "c.csv.gz", rows)
    assert main(["judge", "c.csv.gz", "--baseline", "ppo", "--random", "-480", "--reference", "-380"]) == 0
    assert (here / "judged/c/report.html").is_file()


@pytest.mark.slow
def test_judging_imports_no_learning_library(here):
    import subprocess
    import sys

    write_csv(here / "c.csv", two_arms())
    code = (
        f"import sys\nfrom rl_transfer.cli import main\nassert main({['judge', 'c.csv', *GIVEN]}) == 0\n"
        "print(sorted({'torch', 'stable_baselines3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
