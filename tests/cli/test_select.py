"""The command that ranks sources, and that rates rankings."""

import re

import pytest
import yaml
from tiny_study import PAIR

from rl_transfer.analysis import PREDICTORS, Candidate, Costs, Prediction, Selection
from rl_transfer.cli import main
from rl_transfer.cli.show_selection import show_records, show_selection

TARGET = ["--target", "cartpole_heavy_pole"]
TWO = ["--sources", "answer_identity", "cartpole_reversed"]
BAD = [
    ([], r"give either --target PAIR with --sources, or --matrix STUDY"),
    ([*TARGET, *TWO, "--matrix", "matrix"], r"give either --target PAIR"),
    (TARGET, r"--sources: a ranking needs two sources or more, not 0"),
    ([*TARGET, "--sources", "answer_identity"], r"--sources: a ranking needs two sources or more, not 1"),
    ([*TARGET, "--sources", "answer_identity", "answer_identity"], r"--sources: 'answer_identity' is given twice"),
    ([*TARGET, "--sources", "answer_identity", "cartpole_revers"], r"--sources: .*did you mean 'cartpole_reversed'"),
    (["--target", "cartpole_heavy_pol", *TWO], r"--target: .*did you mean 'cartpole_heavy_pole'"),
    ([*TARGET, "--sources", "answer_identity", "pendulum_long"], r"--sources: only 1 of these .*Box\(3\) of float32"),
    ([*TARGET, *TWO, "--share", "1.5"], r"--share: must lie between 0 and 1, not 1\.5"),
    ([*TARGET, *TWO, "--seeds", "1"], r"--seeds: must be at least 2, not 1"),
    ([*TARGET, *TWO, "--set", "seeds=5"], r"--set: seeds: can't be set here: give --seeds"),
    ([*TARGET, *TWO, "--arm", "fine_tune"], r"--arm: belongs to --matrix"),
    ([*TARGET, *TWO, "--name", "../x"], r"--name: '\.\./x'"),
    (["--matrix", "matrix", "--sources", "answer_identity"], r"--sources: belongs to --target"),
    (["--matrix", "matrix", "--set", "budget.target=64"], r"--set: belongs to --target"),
    (["--matrix", "matrix"], r"--matrix: .*has no study 'matrix'; it has none yet; 'rl-transfer run matrix'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) or "nothing" for arguments, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["select", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert re.search(message, error)
    assert list(tmp_path.iterdir()) == []


COSTS = Costs(source_steps=None, target_steps=128, probe_steps=300, evaluation_steps=9)


def candidate(source, value, target="t", truth=None, why_not=""):
    predictions = [
        Prediction(seed=seed, predictor=name, value=value + seed)
        for name in ("zero_shot", "early_learning", "representation", "value_agreement")
        for seed in (0, 1)
    ]
    predictions += [
        Prediction(seed=0, predictor="dynamics", value=None, why_not=why_not or "images"),
        Prediction(seed=1, predictor="dynamics", value=None if why_not else -0.25, why_not=why_not),
    ]
    pair = f"{source}_to_{target}"
    return Candidate(source=source, target=target, pair=pair, predictions=tuple(predictions), costs=COSTS, truth=truth)


def selection(*candidates, **changes):
    settings = {"name": "x", "identity": {}, "arm": "fine_tune", "seeds": (0, 1), "share": 0.05, "excluded": {}}
    settings |= {"baseline_costs": COSTS, "judge_from": 2}
    return Selection(candidates=candidates, **settings | changes)


def test_the_ranking_says_what_it_is_and_is_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    found = selection(candidate("worse", 0.1), candidate("better", 0.3, why_not="no rows"), excluded={"far": "no way"})
    assert show_selection(found, tmp_path, ["arms.fine_tune.methods=[fine_tune]", "budget.target=64"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("try better first: mean rank 1.0 of 2, first by 4 of 4 predictors")
    assert "zero_shot │ +0.800 (1) │ +0.600 (2)" in out
    assert "dynamics │ not defined │ -0.250* (-)" in out
    assert "source steps │ unknown │ unknown" in out
    assert "far can't be carried: no way" in out
    assert "dynamics is not defined for better: no rows" in out
    assert "dynamics is not defined for worse with 1 of 2 seeds (*): images" in out
    assert "dynamics is not part of the mean rank" in out
    assert "heuristics: none has an error rate" in out
    command = r"rl-transfer run \S*/selections/x/better_to_t\.yaml --store \S+ --set 'arms\.\S+ --set first_seed=2 "
    assert re.search(command, out)
    assert out.endswith("the choice has used seeds 0 to 1, on which its verdict would be biased.")


def test_without_a_ranking_no_source_is_suggested(tmp_path, capsys):
    found = selection(*(candidate(name, 0.1) for name in ("one", "other")))
    unknown = tuple(Prediction(seed=0, predictor=name, value=None, why_not="x") for name in PREDICTORS)
    bare = tuple(one.model_copy(update={"predictions": unknown}) for one in found.candidates)
    assert show_selection(found.model_copy(update={"candidates": bare}), tmp_path, []) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("no predictor is defined for every source: there is no ranking")
    assert "A verdict: rl-transfer run" not in out
    assert re.search(r"Every source's pair file is in \S*/selections/x: 'rl-transfer run' judges any of them", out)
    assert out.endswith("on which its verdict would be biased.")


@pytest.mark.parametrize(("changes", "said"), [({}, "share no run with"), ({"shares_seeds": True}, "are not")])
def test_records_say_what_they_are_about(tmp_path, monkeypatch, capsys, changes, said):
    monkeypatch.setenv("COLUMNS", "120")
    cells = [
        candidate(source, value, target, truth=sign * value)
        for target, sign in (("t", 1), ("u", 1))
        for source, value in zip("abcdef", (0.3, 0.5, 0.1, 0.2, 0.6, 0.4), strict=True)
    ]
    assert show_records(selection(*cells, study="s", **changes), tmp_path) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("ranks sources better than chance here: zero_shot, ")
    assert "│ zero_shot │ +1.00 │" in out
    assert re.search(r"│ dynamics │ - │ -1\.00 to \+1\.00 │ 12 │ 17% of 2 │ 0\.250 │", out)
    assert re.search(r"│ random choice │ - │ - │ - │ 17% of 2 │ 0\.250 │", out)
    assert said in out


def test_a_predictor_that_ranks_backwards_is_named(tmp_path, capsys):
    cells = [
        candidate(source, value, target, truth=-value)
        for target in ("t", "u")
        for source, value in zip("abcdef", (0.3, 0.5, 0.1, 0.2, 0.6, 0.4), strict=True)
    ]
    show_records(selection(*cells, study="s"), tmp_path)
    assert capsys.readouterr().out.startswith("ranks sources worse than chance: zero_shot, ")


@pytest.mark.slow
def test_a_small_selection_from_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name, kwargs in (("mine", {"masspole": 1.0}), ("near", {}), ("far", {"force_mag": 1.0})):
        pair = PAIR | {"target": {"id": "transfer/CartPole-v0", "kwargs": kwargs}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(pair))
    arguments = ["select", "--target", "mine.yaml", "--sources", "near.yaml", "far.yaml", "--seeds", "2"]
    arguments += ["--set", "budget.source=64", "--set", "evaluation.episodes=1"]
    assert main(arguments) == 0
    out, error = capsys.readouterr()
    assert "probes: 4 runs" in error
    command = re.search(r"A verdict: rl-transfer run (\S+) --set evaluation|A verdict: rl-transfer run (\S+)", out)
    assert command is not None
    assert (tmp_path / (command[1] or command[2])).is_file()
    assert main(arguments) == 0
    again, error = capsys.readouterr()
    assert again == out and error == ""
