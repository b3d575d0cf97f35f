"""What lies beside an agent for users of the library: agent.json and the running statistics."""

import json
from importlib import import_module

import numpy as np
import pytest
from builders import TINY, learner, task_of, tiny, train
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rl_transfer.study import TaskConfig
from rl_transfer.tasks import make

PICTURE = TaskConfig(id="picture_envs:pictures/Small-v0")


@pytest.mark.parametrize("algorithm", TINY)
def test_agent_json_says_how_to_load_it(algorithm, tmp_path):
    agent = learner(tiny(algorithm))
    agent.keep_exploration()
    agent.save_agent(tmp_path)
    said = json.loads((tmp_path / "agent.json").read_text())
    module, _, name = said["class"].rpartition(".")
    loaded = getattr(import_module(module), name).load(tmp_path / "model.zip", device="cpu")
    assert type(loaded).__name__.lower() == said["algorithm"] == algorithm
    assert said["plain"] and "rl_transfer" not in said["load"]
    assert str(loaded.observation_space) == said["observation_space"]
    assert said["learner"]["net_arch"] == [8]
    assert not said["normalized"] and not (tmp_path / "vecnormalize.pkl").exists()
    agent.close()


def test_the_library_reads_the_running_statistics_and_then_acts_alike(tmp_path):
    config = tiny("ppo", normalize=True)
    agent = learner(config)
    train(agent, 64)
    agent.save_agent(tmp_path)
    assert json.loads((tmp_path / "agent.json").read_text())["normalized"]
    theirs = VecNormalize.load(str(tmp_path / "vecnormalize.pkl"), DummyVecEnv([lambda: make(task_of(config))]))
    model = import_module("stable_baselines3").PPO.load(tmp_path / "model.zip", device="cpu")
    observations = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    ours = agent.act(observations, deterministic=True)
    assert ours.tolist() == model.predict(theirs.normalize_obs(observations), deterministic=True)[0].tolist()
    assert theirs.obs_rms.count > 64
    agent.close()


def test_an_architecture_that_the_library_has_not_says_so(tmp_path):
    for features, plain in ((None, False), ({"name": "flatten"}, True)):
        agent = learner(tiny("ppo", features=features), PICTURE)
        agent.save_agent(tmp_path)
        said = json.loads((tmp_path / "agent.json").read_text())
        assert said["plain"] is plain
        assert ("needs rl_transfer installed" in said["load"]) is not plain
        agent.close()
