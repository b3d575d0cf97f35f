"""Transfers that can't work are refused before anything is trained, with one line each."""

from copy import deepcopy

import pytest
import yaml

from rl_transfer.errors import ConfigError
from rl_transfer.execute import plan_study
from rl_transfer.store import Store
from rl_transfer.study import load_study

SMALL = {"n_envs": 2, "n_steps": 32, "batch_size": 32, "net_arch": [8]}
OFF = {"n_envs": 2, "train_freq": 16, "buffer_size": 100, "learning_starts": 10, "net_arch": [8]}
PAIR = {
    "budget": {"source": 128, "target": 128},
    "evaluation": {"points": 3, "episodes": 2},
    "score": {"random": 20.0, "reference": 500.0, "worst": 8.0},
    "threshold_score": 0.8,
    "source_threshold_return": 300.0,
}
CARTPOLE = {"source": {"id": "CartPole-v1"}, "target": {"id": "CartPole-v1"}}
ACROBOT = {
    "source": {"id": "CartPole-v1"},
    "target": {"id": "Acrobot-v1"},
    "mapping": {"observation": [None, 2, None, None, 3, None], "action": [0, None, 1]},
}
TURNED = {
    "source": {"id": "Pendulum-v1"},
    "target": {"id": "MountainCarContinuous-v0"},
    "mapping": {"observation": [0, 2], "action": [{"index": 0, "scale": 0.25}]},
}


def learner(algorithm, **settings):
    if algorithm == "a2c":
        return {"algorithm": "a2c", "n_envs": 2, "n_steps": 32, "net_arch": [8], **settings}
    return deepcopy({"algorithm": algorithm, **(SMALL if algorithm in ("ppo", "trpo") else OFF), **settings})


def planned(tmp_path, pair, *methods):
    (tmp_path / "pair.yaml").write_text(yaml.safe_dump(PAIR | pair))
    study = {"pairs": ["pair.yaml"], "arms": {"arm": {"methods": list(methods) or ["fine_tune"]}}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    return plan_study(load_study(str(tmp_path / "study.yaml")), Store(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("pair", "method", "says"),
    [
        (
            CARTPOLE | {"learner": learner("ppo"), "source_learner": learner("ppo", net_arch=[4])},
            "fine_tune",
            r"arms\.arm\.methods\.0\.fine_tune\.roles: policy_body/0\.weight has shape \(4, 4\)",
        ),
        (
            TURNED | {"learner": learner("sac"), "mapping": TURNED["mapping"] | {"action": [-1.0]}},
            "fine_tune",
            r"mapping\.action\.0",
        ),
        (TURNED | {"learner": learner("sac")}, "fine_tune", r"mapping\.action\.0: .*scale must be 0\.5 or -0\.5"),
        (
            {"source": {"id": "Pendulum-v1"}, "target": {"id": "Pendulum-v1"}}
            | {"learner": learner("sac"), "source_learner": learner("sac", normalize=True)},
            "fine_tune",
            r"normalised observations.*set learner\.normalize",
        ),
        (
            CARTPOLE | {"learner": learner("dqn"), "source_learner": learner("ppo")},
            {"fine_tune": {"roles": ["policy_body"]}},
            "nothing in policy_body: nothing would be carried",
        ),
        (
            CARTPOLE | {"learner": learner("ppo"), "source_learner": learner("dqn", net_arch=[4])},
            "fine_tune",
            "no role of the source fits the target",
        ),
        (
            ACROBOT | {"learner": learner("qrdqn"), "source_learner": learner("dqn", net_arch=[4])},
            "fine_tune",
            "no role of the source fits the target",
        ),
        (
            CARTPOLE | {"learner": learner("ppo"), "mapping": {"observation": [0, 1, 2, {"index": 3, "scale": 2.0}]}},
            "elastic_weights",
            r"mapping\.observation: Fisher information can't be carried where they are scaled",
        ),
    ],
)
def test_what_does_not_fit_is_refused(pair, method, says, tmp_path):
    with pytest.raises(ConfigError, match=says) as caught:
        planned(tmp_path, pair, method)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("pair", "method", "says"),
    [
        (
            CARTPOLE | {"learner": learner("ppo"), "source_learner": learner("a2c", activation="relu")},
            {"fine_tune": {"roles": ["policy_body"]}},
            r"0\.fine_tune\.roles: .*relu layers, the target's tanh layers",
        ),
        (
            CARTPOLE | {"learner": learner("ppo"), "source_learner": learner("a2c")},
            {"fine_tune": {"optimizer": "carry"}},
            r"0\.fine_tune\.optimizer: .*rmsprop, the target's adam",
        ),
        (CARTPOLE | {"learner": learner("ppo")}, {"fine_tune": {"roles": ["features"]}}, "nothing would be carried"),
        (
            CARTPOLE | {"learner": learner("ppo")},
            {"fine_tune": {"freeze": ["policy_body"], "freeze_steps": 128}},
            r"0\.fine_tune\.freeze_steps: 128 steps are not over before the budget of 128",
        ),
        (
            CARTPOLE | {"learner": learner("ppo")},
            {"fine_tune": {"critic_warmup_steps": 500}},
            r"0\.fine_tune\.critic_warmup_steps: 500 steps",
        ),
    ],
)
def test_what_would_mean_something_else_or_nothing_is_refused(pair, method, says, tmp_path):
    with pytest.raises(ConfigError, match=says):
        planned(tmp_path, pair, method)


def test_an_arm_has_one_estimate_of_the_fisher_information(tmp_path):
    pair = CARTPOLE | {"learner": learner("ppo")}
    policy = {"elastic_weights": {"roles": ["policy_body"], "samples": 50}}
    value = {"elastic_weights": {"roles": ["value_body"], "samples": 50, "coefficient": 1.0}}
    assert planned(tmp_path, pair, policy, value).runs
    value["elastic_weights"]["samples"] = 51
    with pytest.raises(ConfigError, match=r"methods\.1: an arm has one estimate of the Fisher information: give both"):
        planned(tmp_path, pair, policy, value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pair",
    [
        ACROBOT | {"learner": learner("ppo")},
        ACROBOT | {"learner": learner("dqn"), "source_learner": learner("dqn", learning_rate=0.01)},
        ACROBOT | {"learner": learner("qrdqn"), "source_learner": learner("dqn")},
        TURNED | {"learner": learner("sac"), "mapping": TURNED["mapping"] | {"action": [{"index": 0, "scale": -0.5}]}},
        CARTPOLE | {"learner": learner("ppo"), "source_learner": learner("trpo")},
    ],
)
def test_what_fits_is_planned(pair, tmp_path):
    assert planned(tmp_path, pair).runs
    assert planned(tmp_path, pair, {"fine_tune": {"optimizer": "carry"}}).runs  # a fresh source has none yet
    if "scale" not in str(pair):
        assert planned(tmp_path, pair, "elastic_weights" if pair["learner"]["algorithm"] != "trpo" else "replay").runs
