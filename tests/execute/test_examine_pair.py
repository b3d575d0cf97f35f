"""A pair's examination: its numbers against the environment, its smoke run, what is printed, the exit code."""

import json
import re
import time

import gymnasium
import numpy as np
import probes  # noqa: F401
import pytest
from torch.optim.optimizer import register_optimizer_step_post_hook

from rl_transfer.cli import main
from rl_transfer.execute import examine_pair, plan_study
from rl_transfer.store import Store
from rl_transfer.study import load_study

# Two actions, ten steps, a reward of 1 for the right one: random actions get 5.
PAIR = {
    "source": {"id": "probes:Walk-v0", "kwargs": {"quits": 0.0}},
    "target": {"id": "probes:Walk-v0", "kwargs": {"quits": 0.0, "goal": 0}},
    "learner": {"algorithm": "ppo", "n_envs": 2, "n_steps": 512, "batch_size": 512, "n_epochs": 1, "net_arch": [8]},
    "budget": {"source": 2048, "target": 2048},
    "evaluation": {"points": 3, "episodes": 1},
    "score": {"random": 5.0, "reference": 10.0, "worst": 0.0},
    "threshold_score": 0.8,
    "source_threshold_return": 9.0,
}


class Slow(gymnasium.Env):
    """Ten steps, each of which takes so many seconds of the class's own time and prints a line; reward: the action."""

    time = 0.0

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def look(self):
        return self.np_random.uniform(-1, 1, 2).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.look(), {}

    def step(self, action):
        print("a step")
        Slow.time += self.seconds
        return self.look(), float(action), False, False, {}


if "examined_pair/Slow-v0" not in gymnasium.registry:
    gymnasium.register("examined_pair/Slow-v0", Slow, max_episode_steps=10)


def write(tmp_path, **changes):
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps(PAIR | changes))
    return str(file)


def examined(tmp_path, clock=time.monotonic, **changes):
    planned = plan_study(load_study(write(tmp_path, **changes)), Store(tmp_path / "runs"))
    return examine_pair(planned, clock=clock)


def problems(found):
    return {(one.about, one.check): one.text for one in found.problems}


@pytest.mark.slow
def test_a_pair_in_order_has_no_problem_and_a_time(tmp_path):
    found = examined(tmp_path)
    assert found.problems == []
    assert found.minutes is not None and found.minutes > 0
    smoke = [one for one in found.findings if "steps of ppo" in one.check]
    assert [(one.about, one.check, one.outcome) for one in smoke] == [
        ("source", "1,024 steps of ppo", "good"),
        ("target", "1,024 steps of ppo", "good"),
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "about", "says"),
    [
        ({"score": {"random": 1.0, "reference": 10.0, "worst": 0.0}}, "target", r"score.random is 1: write [45]\.\d"),
        ({"score": {"random": 2.0, "reference": 3.0, "worst": 0.0}}, "target", "score.reference is 3, which random"),
        ({"source_threshold_return": 4.0}, "source", "source_threshold_return is 4, which random actions reach"),
    ],
)
def test_numbers_that_the_environment_contradicts_are_problems(tmp_path, changes, about, says):
    assert re.search(says, problems(examined(tmp_path, **changes))[about, "anchors"])


@pytest.mark.slow
def test_a_worst_that_is_not_the_worst_and_a_threshold_beyond_the_reference_are_notes(tmp_path):
    found = examined(tmp_path, score={"random": 5.0, "reference": 10.0, "worst": 4.9}, threshold_score=1.5)
    notes = {one.check: one.text for one in found.findings if one.outcome == "note"}
    assert "below score.worst (4.9)" in notes["anchors"]
    assert "threshold_score is 1.5" in notes["threshold"]
    assert "threshold" in {check for _, check in problems(examined(tmp_path, threshold_score=-1.0))}


@pytest.mark.slow
def test_twins_are_worth_a_note(tmp_path):
    found = examined(tmp_path, target=PAIR["source"])
    (note,) = [one.text for one in found.findings if one.outcome == "note"]
    assert "identity pair" in note


@pytest.mark.slow
def test_an_environment_that_fails_late_is_found_and_nothing_is_trained(tmp_path):
    late = {"id": "probes:Fails-v0", "kwargs": {"at": 1900}}
    found = examined(tmp_path, target=late)
    assert any("the floor gave way" in text for text in problems(found).values())
    assert found.minutes is None


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "code"), [({}, 0), ({"source_threshold_return": 1.0}, 2)])
def test_it_is_printed_on_one_screen_with_its_exit_code(tmp_path, monkeypatch, capsys, changes, code):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["check", write(tmp_path, **changes), "--store", str(tmp_path / "runs")]) == code
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= 40
    assert max(map(len, out.splitlines())) <= 80
    assert ("1 problem to mend" in out) == (code == 2)


@pytest.mark.parametrize("wrong", [["--workers", "0"], ["--store", "mine.yaml"]])
def test_a_wrong_option_is_refused_before_anything_is_examined(tmp_path, monkeypatch, capsys, wrong):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rl_transfer.cli.show.examine_pair", lambda _: pytest.fail("examined"))
    assert main(["check", write(tmp_path), *wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_same_defect_in_both_tasks_is_one_row_and_one_problem(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    broken = {"id": "probes:Fails-v0", "kwargs": {"at": 7}}
    assert main(["check", write(tmp_path, source=broken, target=broken), "--store", str(tmp_path / "runs")]) == 2
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("the floor gave way") == 1
    assert "problem both" in out
    assert "1 problem to mend" in out


@pytest.mark.slow
def test_a_wrong_anchor_of_a_slow_task_is_not_called_good(tmp_path):
    # An episode takes 3 of the 4 seconds that random actions have.
    slow = {"id": "examined_pair/Slow-v0", "kwargs": {"seconds": 0.3}}
    wrong = {"score": {"random": 900.0, "reference": 1000.0, "worst": 0.0}, "source_threshold_return": 1.0}
    # That threshold is a problem too, so that nothing is trained.
    found = examined(tmp_path, lambda: Slow.time, source=slow, target=slow, threshold_score=-1.0, **wrong)
    anchors = [one for one in found.findings if one.check == "anchors"]
    assert [(one.about, one.outcome) for one in anchors] == [("target", "note"), ("source", "note")]
    assert all(one.text.startswith("too slow to check: 2 episodes of random actions in 20,000 st") for one in anchors)
    assert not any("inf" in one.text for one in found.findings)


@pytest.mark.slow
def test_the_time_has_all_episodes_of_all_points(tmp_path):
    slow = {"id": "examined_pair/Slow-v0", "kwargs": {"seconds": 2**-10}}
    evaluation = {"points": 3, "episodes": 1000}
    found = examined(tmp_path, lambda: Slow.time, source=slow, target=slow, evaluation=evaluation)
    assert found.minutes * 60 == pytest.approx((2048 + 3 * 1000 * 10) / 1024)


@pytest.mark.slow
def test_the_time_does_not_depend_on_when_learning_starts(tmp_path):
    """A step of the optimizer takes as long as ten of the environment."""
    learner = {"algorithm": "dqn", "buffer_size": 2000, "net_arch": [8], "train_freq": 4, "gradient_steps": 2}
    slow = {"id": "examined_pair/Slow-v0", "kwargs": {"seconds": 2**-10}}

    def learn(*_):
        Slow.time += 10 * 2**-10

    hook = register_optimizer_step_post_hook(learn)
    try:
        early, late = (
            examined(tmp_path, lambda: Slow.time, learner=learner | starts, source=slow, target=slow).minutes
            for starts in ({"learning_starts": 0}, {"learning_starts": 1900})
        )
    finally:
        hook.remove()
    # Half a step of the optimizer for each of the environment, and three episodes of ten. The late one warms up a bit.
    assert early * 60 == pytest.approx((2048 * (1 + 0.5 * 10) + 3 * 10) / 1024, rel=0.01)
    assert late == pytest.approx(early, rel=0.06)


@pytest.mark.slow
def test_what_environments_print_does_not_bury_the_findings(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    prints = {"id": "examined_pair/Slow-v0"}
    main(["check", write(tmp_path, source=prints, target=prints), "--store", str(tmp_path / "runs")])
    out = capsys.readouterr().out
    assert "a step" not in out
    assert len(out.splitlines()) <= 40
    assert "prints while it runs" in " ".join(out.split())
