"""Our learners' defaults are the library's, field by field: a study that sets nothing trains what its users know."""

import inspect

import pytest
import torch
from builders import BOX_WALK, WALK, learner, task_of, tiny
from sb3_contrib import QRDQN, TQC, TRPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3

from rl_transfer.learner.sb3.build import model_class
from rl_transfer.study import ALGORITHMS, LEARNERS

LIBRARY = {cls.__name__.lower(): cls for cls in (PPO, A2C, TRPO, DQN, QRDQN, SAC, TQC, TD3, DDPG)}
OURS = {"algorithm", "n_envs", "features", "normalize", "noise_type", "noise_std"}
"""Fields that the library has not, or calls otherwise; each has a test below."""
OF_THE_POLICY = {"ortho_init", "log_std_init", "share_features_extractor", "n_critics", "n_quantiles"}
NET_ARCH = {"sac": (256, 256), "tqc": (256, 256), "td3": (400, 300), "ddpg": (400, 300)}
CASES = [(algorithm, field) for algorithm in ALGORITHMS for field in LEARNERS[algorithm].model_fields]


def signature(cls):
    return {name: parameter.default for name, parameter in inspect.signature(cls.__init__).parameters.items()}


def policy_of(algorithm):
    return signature(LIBRARY[algorithm].policy_aliases["MlpPolicy"])


def frequency(value):
    """The library also takes (4, "step") for 4."""
    return value[0] if isinstance(value, tuple) else value


@pytest.mark.parametrize(("algorithm", "field"), [case for case in CASES if case[1] not in OURS])
def test_a_default_is_the_library_s(algorithm, field):
    ours = LEARNERS[algorithm](algorithm=algorithm)
    value, theirs, policy = getattr(ours, field), signature(LIBRARY[algorithm]), policy_of(algorithm)
    if field == "net_arch":
        assert value == NET_ARCH.get(algorithm, (64, 64))
        assert policy["net_arch"] is None
    elif field == "activation":
        assert {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[value] is policy["activation_fn"]
    elif (algorithm, field) == ("ddpg", "n_critics"):
        assert value == 1  # set in its constructor, over TD3's policy's 2: see below
    elif field in OF_THE_POLICY:
        assert value == policy[field]
    elif field == "n_step_returns":
        assert value == theirs["n_steps"]
    else:
        assert value == frequency(theirs[field])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_model_of_defaults_has_the_library_s_networks_and_settings(algorithm):
    more = {"buffer_size": 100} if LEARNERS[algorithm].off_policy else {}
    config = LEARNERS[algorithm](algorithm=algorithm, **more)
    agent = learner(config)
    agent.close()
    assert model_class(algorithm) is LIBRARY[algorithm]
    theirs = LIBRARY[algorithm]("MlpPolicy", agent._env, seed=0, device="cpu", **more)
    ours, library = agent._model, theirs
    shapes = [{name: tuple(t.shape) for name, t in m.policy.state_dict().items()} for m in (ours, library)]
    assert shapes[0] == shapes[1]
    states = [m.policy.state_dict() for m in (ours, library)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])  # initialised alike, from one seed
    skipped = {"policy_kwargs", "seed", "env", "policy", "device", "verbose", "_init_setup_model", "tensorboard_log"}
    simple = (int, float, str, bool, type(None))
    for name in signature(LIBRARY[algorithm]).keys() - skipped:
        if hasattr(library, name) and isinstance(getattr(library, name), simple):
            assert getattr(ours, name) == getattr(library, name), name
    assert type(ours.policy.actor.optimizer if hasattr(ours, "actor") else ours.policy.optimizer) is type(
        library.policy.actor.optimizer if hasattr(library, "actor") else library.policy.optimizer
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_fields_of_our_own_do_nothing_by_default(algorithm):
    config = LEARNERS[algorithm](algorithm=algorithm)
    assert config.n_envs == 1
    assert config.features is None
    assert not config.normalize.observation
    assert not config.normalize.reward
    assert getattr(config, "noise_type", None) is None


def test_normalisation_s_limits_are_vecnormalize_s():
    from stable_baselines3.common.vec_env import VecNormalize

    theirs, ours = signature(VecNormalize), tiny("ppo", normalize=True).normalize
    assert (ours.clip_observation, ours.clip_reward) == (theirs["clip_obs"], theirs["clip_reward"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_field_arrives(algorithm):
    """What is set in a study is what the library's model has."""
    others = {
        "gamma": 0.5, "batch_size": 32, "tau": 0.3, "gae_lambda": 0.3, "ent_coef": 0.3, "vf_coef": 0.3,
        "max_grad_norm": 0.3, "gradient_steps": 3, "learning_starts": 7, "target_update_interval": 33,
        "exploration_fraction": 0.3, "exploration_initial_eps": 0.9, "exploration_final_eps": 0.2, "n_epochs": 3,
        "target_kl": 0.3, "policy_delay": 3, "target_policy_noise": 0.3, "target_noise_clip": 0.3, "n_steps": 32,
        "cg_max_steps": 3, "cg_damping": 0.3, "line_search_shrinking_factor": 0.3, "line_search_max_iter": 3,
        "n_critic_updates": 3, "sub_sampling_factor": 2, "top_quantiles_to_drop_per_net": 1, "buffer_size": 60,
        "sde_sample_freq": 3, "learning_rate": 0.5,
    }  # fmt: skip
    task = BOX_WALK if task_of(tiny(algorithm)) == BOX_WALK else WALK
    for field, value in others.items():
        if field not in LEARNERS[algorithm].model_fields:
            continue
        agent = learner(tiny(algorithm, **{field: value}), task)
        agent.close()
        found = getattr(agent._model, field)
        expected = value // 2 if field == "buffer_size" else value  # rows of two environments
        if field == "buffer_size":
            found = agent._model.replay_buffer.buffer_size
        if field == "target_update_interval" and algorithm in ("dqn", "qrdqn"):
            expected = value
        assert found == expected, field
