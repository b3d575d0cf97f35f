"""What breaks when Stable-Baselines3 agents are transferred: each line of SB3.md, and the test that it does not here.

Networks, schedules and statistics (lines 1 to 17). Where a test stands with its subject, this is the table:

| line | what breaks | test |
|---|---|---|
| 1 | other bounds are other spaces | here; tests/tasks/test_mapping.py, tests/knowledge/test_translate.py |
| 2 | shape mismatches | here; test_fine_tune.py::test_other_architectures_are_refused_and_nothing_is_copied |
| 3 | log_std is listed first | here; test_learner_contract.py::test_loading_is_by_name_with_box_actions |
| 4 | load makes another model | here |
| 5 | log_ent_coef is not restored | here; test_learner_contract.py::test_a_round_trip_is_exact (sac, tqc) |
| 6 | optimizers come along | test_learner_contract.py::test_the_optimizer_is_fresh_after_loading_a_trained_agent, |
|   |   | test_fine_tune.py::test_the_optimizer_s_state_is_carried_or_fresh |
| 7 | rates are overwritten | test_fine_tune_training.py::TestLearningRates, with the mutations that must fail |
| 8 | running statistics of frozen layers move | test_warm_start.py::TestRunningStatistics |
| 9 | target networks lag | test_learner_contract.py::test_target_networks_follow_every_load, |
|   |   | test_warm_start.py::test_an_old_dqn_file_with_target_parameters_is_read |
| 10 | a random critic destroys the policy | test_fine_tune_training.py::TestCriticWarmUp |
| 11 | log_std travels unasked | test_fine_tune_training.py::TestExploration::test_its_tensors_are_carried_or_left |
| 12 | epsilon restarts at 1 | here; test_fine_tune_training.py::TestExploration, |
|   |   | test_learner_contract.py::test_epsilon_continues_over_segments |
| 13 | random steps are repeated | here; test_fine_tune_training.py::TestExploration |
| 14 | schedules restart | here; test_learner_contract.py::TestSchedules |
| 15 | VecNormalize is left behind | here; test_fine_tune.py::TestStatistics |
| 16 | replay is not checked, its actions are scaled | here; test_learner_replay.py::TestAdding, |
|   |   | test_translate.py::TestTransitions::test_other_bounds_alone_change_stored_actions |
| 17 | returns are dropped by pickle | here; test_run_repeatability.py (ppo-normalized, sac-normalized) |
"""

import gymnasium
import numpy as np
import pytest
from builders import (
    BOX_WALK,
    arm_spec,
    as_bytes,
    carry_out,
    curve,
    learner,
    ppo,
    run_spec,
    source_spec,
    task_of,
    tiny,
    train,
)
from gymnasium import spaces
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

import rl_transfer
from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Statistics
from rl_transfer.study import TaskConfig


class Bounded(gymnasium.Env):
    """Box observations and actions with bounds as given."""

    def __init__(self, observation=1.0, action=1.0, features=2):
        self.observation_space = spaces.Box(-observation, observation, (features,), np.float32)
        self.action_space = spaces.Box(-action, action, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.random(self.observation_space.shape, np.float32), {}

    def step(self, action):
        return self.np_random.random(self.observation_space.shape, np.float32), 1.0, False, False, {}


def model(cls=PPO, env=None, seed=0, net_arch=(8,), **more):
    more = {"n_steps": 16, "batch_size": 16} | more if cls is PPO else {"buffer_size": 100} | more
    policy = {"net_arch": list(net_arch)}
    return cls("MlpPolicy", env or Bounded(), policy_kwargs=policy, seed=seed, device="cpu", **more)


def tensors(model):
    return {name: tensor.detach().numpy().tobytes() for name, tensor in model.policy.state_dict().items()}


@pytest.mark.parametrize("cls", [PPO, SAC])
@pytest.mark.parametrize("bounds", [{"observation": 5.0}, {"action": 3.0}])
def test_line_1_other_bounds_are_no_reason_to_refuse(cls, bounds, tmp_path):
    theirs = model(cls, seed=1)
    theirs.save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match="spaces do not match"):
        cls.load(tmp_path / "model.zip", env=Bounded(**bounds), device="cpu")
    for source in (theirs, tmp_path / "model.zip"):
        ours = model(cls, env=Bounded(**bounds))
        rl_transfer.warm_start(ours, source)
        assert tensors(ours) == tensors(theirs)


def test_line_2_another_shape_is_refused_in_words_and_nothing_is_half_copied():
    ours, theirs = model(), model(net_arch=[8, 8], seed=1)
    before = tensors(ours)
    with pytest.raises(RuntimeError, match=r"Unexpected key|size mismatch|Missing key"):
        model().set_parameters(theirs.get_parameters(), exact_match=True)
    with pytest.raises(ConfigError, match=r"policy_body has the tensors .*give both the same architecture"):
        rl_transfer.warm_start(ours, theirs)
    narrow = model(env=Bounded(features=3), seed=1)
    with pytest.raises(RuntimeError, match="size mismatch"):
        model().set_parameters(narrow.get_parameters(), exact_match=False)
    with pytest.raises(ConfigError, match=r"source and target have different observation spaces"):
        rl_transfer.warm_start(ours, narrow)
    assert tensors(ours) == before


def test_line_3_position_would_shift_every_layer_by_one():
    ours, theirs = model(), model(seed=1)
    assert next(iter(dict(theirs.policy.named_parameters()))) == "log_std"
    first = [name for name, _ in list(theirs.policy.named_parameters())[:3]]
    assert first[1:] != ["mlp_extractor.policy_net.0.bias", "mlp_extractor.policy_net.2.weight"]
    before, source = tensors(ours), tensors(theirs)
    rl_transfer.warm_start(ours, theirs, roles=["policy_body"])
    changed = {name for name, content in tensors(ours).items() if content != before[name]}
    assert changed == {"mlp_extractor.policy_net.0.weight"}  # biases are 0 in both
    assert all(tensors(ours)[name] == source[name] for name in changed)


def test_line_4_the_model_itself_is_started_with_its_own_environments(tmp_path):
    model(seed=1).save(tmp_path / "model.zip")
    env = make_vec_env(Bounded, n_envs=3)
    ours = model(env=env)
    policy, optimizer = ours.policy, ours.policy.optimizer
    before = tensors(ours)
    assert PPO.load(tmp_path / "model.zip", device="cpu") is not ours
    rl_transfer.warm_start(ours, tmp_path / "model.zip")
    assert (ours.policy, ours.policy.optimizer, ours.env) == (policy, optimizer, env)
    assert ours.n_envs == ours.rollout_buffer.n_envs == 3
    assert tensors(ours) != before
    ours.learn(48)


def test_line_5_the_entropy_coefficient_is_restored(tmp_path):
    theirs = model(SAC, seed=1)
    theirs.log_ent_coef.data.fill_(-1.25)
    theirs.save(tmp_path / "model.zip")
    library = model(SAC)
    library.set_parameters(tmp_path / "model.zip")
    assert float(library.log_ent_coef.detach()) == 0.0  # what breaks
    for source in (theirs, tmp_path / "model.zip"):
        ours = model(SAC)
        rl_transfer.warm_start(ours, source)
        assert float(ours.log_ent_coef.detach()) == -1.25
        rl_transfer.warm_start(fresh := model(SAC), source, roles=["policy_body", "policy_head"])
        assert float(fresh.log_ent_coef.detach()) == 0.0
    agent = learner(tiny("sac"))
    train(agent, 64)
    agent.save_state(tmp_path, 0)
    agent.close()
    again = learner(tiny("sac"), seed=9)
    again.load_state(tmp_path, 0)
    again.close()
    kept, found = (float(one.networks()["exploration"]["log_ent_coef"][0]) for one in (agent, again))
    assert found == kept != 0.0


def test_line_12_a_carried_dqn_does_not_start_at_random():
    env = gymnasium.make("probes:Walk-v0", disable_env_checker=True)
    theirs = model(DQN, env=env, seed=1, learning_starts=10).learn(50)
    again = model(DQN, env=env)
    again.set_parameters(theirs.get_parameters())
    assert [again.exploration_schedule(left) for left in (1.0, 0.95)] == pytest.approx([1.0, 0.525])  # what breaks
    ours = model(DQN, env=env)
    rl_transfer.warm_start(ours, theirs)
    assert ours.exploration_rate == 0.05
    ours.learn(20)
    assert ours.exploration_rate == 0.05
    rl_transfer.warm_start(fresh := model(DQN, env=env), theirs, roles=["value_body", "value_head"])
    assert fresh.exploration_schedule(1.0) == 1.0


@pytest.mark.parametrize("algorithm", ["dqn", "sac", "td3"])
def test_line_13_random_steps_open_the_training_once_not_every_segment(algorithm, tmp_path):
    config = tiny(algorithm, learning_starts=40, learning_rate=1e-9)
    agent = learner(config)
    part = "value_head" if algorithm == "dqn" else "policy_head"
    values = {name: np.zeros_like(array) for name, array in agent.networks()[part].items()}
    values["bias"][:] = [0.0, 9.0] if algorithm == "dqn" else 4.0
    agent.load_networks({part: values})
    if algorithm == "sac":
        log_std = agent.networks()["exploration"]
        agent.load_networks({"exploration": {"log_std.weight": 0 * log_std["log_std.weight"],
                                             "log_std.bias": 0 * log_std["log_std.bias"] - 5}})  # fmt: skip
    agent.save_state(tmp_path, 0)
    train(agent, 96, horizon=160)
    agent.save_state(tmp_path, 1)
    agent.close()
    again = learner(config, seed=3)
    again.load_state(tmp_path, 1)
    train(again, 160, horizon=160, seed=2)
    again.close()
    time, action = again.experience().time_N, again.experience().action_N
    rows = 160 // 2  # of two environments; the buffer holds the newest 50
    step = time + rows - 50
    later = action[step >= 96 // 2]
    assert len(later) == 2 * (rows - 48)
    assert (np.mean(later == 1) > 0.8) if algorithm == "dqn" else (np.median(later) > 0.9)
    first = learner(config)
    train(first, 40, horizon=160)
    first.close()
    assert np.std(first.experience().action_N) > 0.4  # those that open it are random


def test_line_14_a_schedule_falls_once_over_all_segments(tmp_path):
    agent, rates = None, []
    for segment in range(4):
        agent = learner(ppo(learning_rate="lin_0.08"))
        if segment:
            agent.load_state(tmp_path, segment - 1)
        train(agent, 32 * (segment + 1), horizon=128)
        rates.append(agent._model.policy.optimizer.param_groups[0]["lr"])
        agent.save_state(tmp_path, segment)
        agent.close()
    assert rates == pytest.approx([0.06, 0.04, 0.02, 0.0])
    env = gymnasium.make("probes:Walk-v0", disable_env_checker=True)
    library, found = model(env=env, learning_rate=lambda left: 0.08 * left), []
    for _ in range(2):
        library.learn(32)
        found.append(library.policy.optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([0.0, 0.0])  # what breaks: two falls


TWO_A_STEP = TaskConfig(id="probes:Walk-v0", kwargs={"continuous": True, "quits": 0.0, "reward": 2.0})


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A normalising source that gets 2 a step."""
    return carry_out(source_spec(ppo(normalize=True), task=TWO_A_STEP), tmp_path_factory.mktemp("source"))


class TestLine15:
    """Running statistics travel with the networks, and evaluating leaves them and the rewards alone."""

    def test_the_curve_shows_rewards_as_they_are(self, source):
        assert {value for values in curve(source).values() for value in values} == {20.0}

    @pytest.mark.parametrize("algorithm", ["ppo", "sac", "dqn"])
    def test_acting_does_not_move_them(self, algorithm):
        agent = learner(tiny(algorithm, normalize=True))
        train(agent, 64)

        def numbers():
            found = agent.statistics()
            return [(m.mean.tolist(), m.var.tolist(), m.count) for m in (found.observation[""], found.reward)]

        before = numbers()
        with agent.isolated(1):
            for deterministic in (True, False):
                agent.act(np.full((5, 2), 7.0, np.float32), deterministic=deterministic)
        assert numbers() == before
        agent.close()

    def test_they_are_stored_and_carried_with_the_networks(self, source, tmp_path):
        theirs = Statistics.read(source / "agent" / "statistics.safetensors")
        assert theirs.observation[""].count > 100
        spec = run_spec(ppo(normalize=True, learning_rate=1e-12), task=TWO_A_STEP)
        arm = carry_out(arm_spec(spec, source, "fine_tune"), tmp_path, source)
        ours = Statistics.read(arm / "agent" / "statistics.safetensors")
        # Its own samples, resets included, on top of the source's.
        assert ours.observation[""].count > theirs.observation[""].count + 128

    def test_at_step_0_the_target_acts_as_the_source_at_its_end(self, tmp_path):
        task = TaskConfig(id="probes:Dial-v0")
        source = carry_out(source_spec(ppo(normalize=True), task=task), tmp_path)
        arm = carry_out(arm_spec(run_spec(ppo(normalize=True), task=task), source, "fine_tune"), tmp_path, source)
        # To the last digit: it is measured before the training environments are reset, which statistics would count.
        assert curve(arm)[0] == curve(source)[128]
        assert curve(source)[128] != pytest.approx(curve(source)[0], rel=1e-3)

    def test_a_zip_s_own_are_given_by_name_never_looked_up(self, tmp_path):
        env = VecNormalize(make_vec_env(Bounded))
        theirs = model(env=env, seed=1).learn(64)
        theirs.save(tmp_path / "model.zip")
        env.save(str(tmp_path / "vecnormalize.pkl"))
        ours = model(env=VecNormalize(make_vec_env(Bounded)))
        rl_transfer.warm_start(ours, tmp_path / "model.zip", source_statistics=tmp_path / "vecnormalize.pkl")
        assert ours.env.obs_rms.mean.tolist() == env.obs_rms.mean.tolist()
        assert ours.env.ret_rms.var == env.ret_rms.var
        with pytest.raises(ConfigError, match=r"saw normalised observations"):
            rl_transfer.warm_start(model(), tmp_path / "model.zip", source_statistics=tmp_path / "vecnormalize.pkl")


def test_line_16_transitions_of_another_shape_are_refused_and_actions_are_in_units_of_the_bounds():
    wide = learner(tiny("sac"), TaskConfig(id="probes:Walk-v0", kwargs={"continuous": True}))
    train(wide, 24)
    wide.close()
    kept = wide.experience()
    assert np.abs(kept.action_N).max() <= 1.0
    flat = kept.map(lambda array: array)
    object.__setattr__(flat, "observation_N", kept.observation_N[:, :1])
    target = learner(tiny("sac"), BOX_WALK)
    with pytest.raises(ConfigError, match=r"observations have shape \(1,\), the target's \(2,\)"):
        target.add_experience(flat)
    assert len(target.experience()) == 0
    target.close()


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_line_17_a_checkpoint_brings_the_statistics_back_to_the_last_bit(algorithm, tmp_path):
    config = tiny(algorithm, normalize=True)
    agent = learner(config)
    train(agent, 64, horizon=128)
    agent.save_state(tmp_path, 0)
    agent.close()
    results = []
    for seed in (1, 2):
        again = learner(config, task_of(config), seed=seed)
        again.load_state(tmp_path, 0)
        for ours, theirs in zip(
            (again._normalizer.obs_rms, again._normalizer.ret_rms),
            (agent._normalizer.obs_rms, agent._normalizer.ret_rms),
            strict=True,
        ):
            assert np.array_equal(ours.mean, theirs.mean)
            assert np.array_equal(ours.var, theirs.var)
            assert ours.count == theirs.count > 64
        train(again, 128, seed=5)
        again.close()
        found = again.statistics()
        results.append((as_bytes(again.networks()), found.observation[""].mean.tolist(), found.reward.var.tolist()))
    assert results[0] == results[1]
