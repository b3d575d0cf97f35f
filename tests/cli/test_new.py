"""The command that writes a pair's file: its options reach the file, its errors are one line."""

import sys

import pytest

from rl_transfer.cli import main
from rl_transfer.study import load_study

MODULE = """
import gymnasium
import numpy as np


class Here(gymnasium.Env):
    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, gain=1.0):
        self.gain = gain

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), self.gain * float(action), False, False, {}


gymnasium.register("new_here/Here-v0", Here)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new_here_envs.py").write_text(MODULE)
    return tmp_path


ARGUMENTS = ["new", "pair", "mine", "--source", "new_here_envs:new_here/Here-v0", "--target"]
ARGUMENTS += ["new_here_envs:new_here/Here-v0", "--target-kwargs", "gain=3.0", "--wrapper", "reverse_actions"]


@pytest.mark.slow
def test_an_environment_of_the_current_folder_with_every_option(here, capsys):
    assert main([*ARGUMENTS, "--max-episode-steps", "4", "--reference", "11.5", "--out", "a folder"]) == 0
    out = capsys.readouterr().out
    config = load_study(str(here / "a folder" / "mine.yaml")).pairs[0].config
    assert (config.target.kwargs, config.source.kwargs) == ({"gain": 3.0}, {})
    assert [wrapper.name for wrapper in config.source.wrappers] == ["reverse_actions"]
    assert config.source.max_episode_steps == config.target.max_episode_steps == 4
    assert (config.score.reference, config.score.worst) == (11.5, 0.0)
    assert "mine.yaml" in out
    assert "guess" not in out
    assert not (here / "runs").exists()


def test_a_reference_that_is_a_guess_is_called_one(here, capsys):
    assert main([*ARGUMENTS, "--max-episode-steps", "4"]) == 0
    assert "score.reference, 12, is a guess: the luckiest episode" in " ".join(capsys.readouterr().out.split())
    assert "a guess, since no threshold is known" in (here / "mine.yaml").read_text()


def test_what_is_wrong_is_one_line_and_exit_code_2(here, capsys):
    assert main(ARGUMENTS) == 2
    error = capsys.readouterr().err
    assert error.startswith("rl-transfer: --source: ")
    assert "(--max-episode-steps)" in error
    assert error.count("\n") == 1
    assert not (here / "mine.yaml").exists()
