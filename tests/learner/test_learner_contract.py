"""What every learner owes to methods and runs, whatever its algorithm."""

import random
import re

import numpy as np
import pytest
import torch
from builders import (
    BOX_WALK,
    as_bytes,
    dqn,
    failing,
    flat,
    learner,
    ppo,
    task_of,
    tasks_of,
    tiny,
    train,
)
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from sb3_contrib import QRDQN, TQC, TRPO
from scripted_env import Scripted
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3

from rl_transfer.errors import ConfigError, DivergedError, EnvironmentFailedError, StoreError
from rl_transfer.knowledge import ROLES
from rl_transfer.learner import LOSS_PATHS, refuse_frozen_paths, refuse_unsuitable_spaces
from rl_transfer.learner.sb3.roles import assign_roles
from rl_transfer.study import TaskConfig
from rl_transfer.tasks import inspect_task
from rl_transfer_envs.wrappers import wrapper_class

ALGORITHMS = sorted(LOSS_PATHS)
QUICK = ("ppo", "dqn", "sac")
"""One of each kind, in every test run."""
LIBRARY = {cls.__name__.lower(): cls for cls in (PPO, A2C, TRPO, DQN, QRDQN, SAC, TQC, TD3, DDPG)}
TASKS = [
    pytest.param(
        algorithm,
        task,
        id=f"{algorithm}-{'box' if task is BOX_WALK else 'discrete'}",
        marks=() if algorithm in QUICK else pytest.mark.slow,
    )
    for algorithm in ALGORITHMS
    for task in tasks_of(algorithm)
]
ON_POLICY = {
    "policy_body/0.weight": "mlp_extractor.policy_net.0.weight",
    "policy_head/weight": "action_net.weight",
    "value_body/0.bias": "mlp_extractor.value_net.0.bias",
    "value_head/bias": "value_net.bias",
}
STOCHASTIC_ACTOR = {
    "policy_body/0.weight": "actor.latent_pi.0.weight",
    "policy_head/weight": "actor.mu.weight",
    "exploration/log_std.weight": "actor.log_std.weight",
}
DETERMINISTIC_ACTOR = {"policy_body/0.bias": "actor.mu.0.bias", "policy_head/weight": "actor.mu.2.weight"}
CRITIC = {"value_body/qf0.0.weight": "critic.qf0.0.weight", "value_head/qf0.weight": "critic.qf0.2.weight"}
SECOND_CRITIC = {"value_body/qf1.0.bias": "critic.qf1.0.bias", "value_head/qf1.bias": "critic.qf1.2.bias"}
LAYERS = {
    "ppo": ON_POLICY,
    "a2c": ON_POLICY,
    "trpo": ON_POLICY,
    "dqn": {
        "value_body/0.weight": "q_net.q_net.0.weight",
        "value_head/weight": "q_net.q_net.2.weight",
        "value_head/bias": "q_net.q_net.2.bias",
    },
    "qrdqn": {
        "value_body/0.weight": "quantile_net.quantile_net.0.weight",
        "value_head/bias": "quantile_net.quantile_net.2.bias",
    },
    "sac": STOCHASTIC_ACTOR | CRITIC | SECOND_CRITIC,
    "tqc": STOCHASTIC_ACTOR | CRITIC | SECOND_CRITIC,
    "td3": DETERMINISTIC_ACTOR | CRITIC | SECOND_CRITIC,
    "ddpg": DETERMINISTIC_ACTOR | CRITIC,
}
"""By algorithm: names within the roles, and the library's names of the same tensors."""
NO_PART_OF_THE_POLICY = {"sac": {"exploration/log_ent_coef"}, "tqc": {"exploration/log_ent_coef"}}
FOLLOWING = {"dqn": ["q_net"], "qrdqn": ["quantile_net"], "sac": ["critic"], "tqc": ["critic"]}
FOLLOWING |= {"td3": ["actor", "critic"], "ddpg": ["actor", "critic"]}
"""By algorithm: the networks that a target network follows."""
OBSERVATIONS = np.linspace(-2, 2, 40, dtype=np.float32).reshape(20, 2)


@pytest.fixture(params=[pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ALGORITHMS])
def algorithm(request):
    return request.param


@pytest.fixture
def agent(algorithm):
    made = learner(tiny(algorithm))
    yield made
    made.close()


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def generator_states(agent):
    space = agent._model.action_space
    return (
        random.getstate(),
        str(np.random.get_state()),  # noqa: NPY002
        torch.get_rng_state().tolist(),
        space.np_random.bit_generator.state,
    )


class TestRoles:
    def test_every_role_is_present_and_in_order(self, agent):
        assert tuple(agent.networks()) == ROLES

    def test_every_tensor_has_a_role_or_is_a_copy_that_follows_one(self, agent):
        state = agent._model.policy.state_dict()
        assigned = assign_roles(agent.algorithm, state)
        assert assigned.keys() == state.keys()
        without = {name for name, place in assigned.items() if place is None}
        targets = "|".join(FOLLOWING.get(agent.algorithm, ()))
        assert all(re.match(rf"({targets})_target\.", name) for name in without)
        places = [f"{role}/{name}" for role, name in filter(None, assigned.values())]
        assert len(places) == len(set(places))
        beside = NO_PART_OF_THE_POLICY.get(agent.algorithm, set())
        assert flat(agent.networks()).keys() == set(places) | beside

    def test_the_roles_hold_the_tensors_of_the_layers_they_name(self, agent):
        state = {name: tensor.numpy() for name, tensor in agent._model.policy.state_dict().items()}
        networks = agent.networks()
        for ours, theirs in LAYERS[agent.algorithm].items():
            assert np.array_equal(flat(networks)[ours], state[theirs]), ours

    def test_an_unknown_tensor_is_an_error_not_a_loss(self, algorithm):
        with pytest.raises(KeyError, match="brand_new"):
            assign_roles(algorithm, ["brand_new.weight"])

    def test_box_actions_have_an_exploration_role(self):
        agent = learner(ppo(), BOX_WALK)
        assert list(agent.networks()["exploration"]) == ["log_std"]
        assert next(iter(dict(agent._model.policy.named_parameters()))) == "log_std"  # why position would be wrong
        agent.close()


class TestLoading:
    def test_networks_are_copies(self, agent):
        before = as_bytes(agent.networks())
        for array in flat(agent.networks()).values():
            array += 1.0
        assert as_bytes(agent.networks()) == before

    def test_what_is_loaded_is_there_and_is_a_copy(self, agent):
        other = learner(tiny(agent.algorithm), seed=5)
        theirs = other.networks()
        expected = as_bytes(theirs)
        assert changed(as_bytes(agent.networks()), expected)
        agent.load_networks(theirs)
        for array in flat(theirs).values():
            array += 1.0
        assert as_bytes(agent.networks()) == expected
        other.close()

    def test_loaded_agents_act_like_their_source(self, agent):
        other = learner(tiny(agent.algorithm), seed=5)
        train(other, 128)
        agent.load_networks(other.networks())
        with agent.isolated(3):
            ours = agent.act(OBSERVATIONS, deterministic=True)
        with other.isolated(3):
            theirs = other.act(OBSERVATIONS, deterministic=True)
        assert ours.tolist() == theirs.tolist()
        other.close()

    def test_part_of_a_role_changes_that_part_alone(self, agent):
        name, array = list(agent.networks()["value_head"].items())[-1]
        before = as_bytes(agent.networks())
        agent.load_networks({"value_head": {name: array + 1}})
        assert changed(before, as_bytes(agent.networks())) == {f"value_head/{name}"}

    def test_loading_is_by_name_with_box_actions(self):
        source, target = learner(ppo(), BOX_WALK, seed=4), learner(ppo(), BOX_WALK)
        source.load_networks({"exploration": {"log_std": np.full(2, -1.5, np.float32)}})
        target.load_networks(source.networks())
        assert as_bytes(target.networks()) == as_bytes(source.networks())
        assert target.networks()["exploration"]["log_std"].tolist() == [-1.5, -1.5]
        source.close()
        target.close()

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"value_head": {"WEIGHT": np.zeros((7, 7), np.float32)}}, r"value_head/\S*weight .*\(7, 7\)"),
            ({"value_head": {"wieght": np.zeros(1, np.float32)}}, "no tensor 'wieght'.*weight"),
            ({"features": {"weight": np.zeros(1, np.float32)}}, "features has no tensor.*none"),
        ],
    )
    def test_all_or_nothing(self, agent, wrong, says):
        before = as_bytes(agent.networks())
        weight = next(name for name in agent.networks()["value_head"] if name.endswith("weight"))
        wrong = {role: {name.replace("WEIGHT", weight): array for name, array in tensors.items()}
                 for role, tensors in wrong.items()}  # fmt: skip
        good = {"value_body": {name: array + 1 for name, array in agent.networks()["value_body"].items()}}
        with pytest.raises(ConfigError, match=says):
            agent.load_networks(good | wrong)
        assert as_bytes(agent.networks()) == before

    @pytest.mark.parametrize("algorithm", FOLLOWING)
    def test_target_networks_follow_every_load(self, algorithm):  # SB3.md 9
        agent, other = learner(tiny(algorithm)), learner(tiny(algorithm), seed=5)
        agent.load_networks(other.networks())
        for name in FOLLOWING[algorithm]:
            ours, theirs = (getattr(agent._model.policy, one).state_dict() for one in (name, f"{name}_target"))
            assert ours
            assert all(torch.equal(ours[tensor], theirs[tensor]) for tensor in ours), name
            source = getattr(other._model.policy, name).state_dict()
            assert all(torch.equal(ours[tensor], source[tensor]) for tensor in ours), name
        agent.close()
        other.close()

    def test_the_optimizer_is_fresh_after_loading_a_trained_agent(self, agent):
        other = learner(tiny(agent.algorithm), seed=5)
        train(other, 128)
        assert other.optimizer_state()
        agent.load_networks(other.networks())
        assert agent.optimizer_state() == {}
        other.close()


class TestFreezing:
    def test_exactly_the_frozen_role_stays_every_other_tensor_moves(self, algorithm):
        for role in (role for path in LOSS_PATHS[algorithm].values() for role in path):
            if algorithm == "trpo" and role.startswith("policy"):
                with pytest.raises(ConfigError, match=f"trpo's policy uses no optimizer, so {role} can't be frozen"):
                    refuse_frozen_paths(algorithm, [role])
                continue
            agent = learner(tiny(algorithm))
            agent.freeze([role])
            before = as_bytes(agent.networks())
            train(agent, 128)
            stays = {name for name in before if name.startswith(f"{role}/")}
            assert stays
            assert changed(before, as_bytes(agent.networks())) == before.keys() - stays, (algorithm, role)
            agent.close()

    @pytest.mark.parametrize("algorithm", ["ppo", "a2c", "sac", "tqc"])
    def test_exploration_can_be_frozen(self, algorithm):
        agent = learner(tiny(algorithm), BOX_WALK)
        agent.freeze(["exploration"])
        before = as_bytes(agent.networks())
        train(agent, 128)
        stays = {name for name in before if name.startswith("exploration/")}
        assert stays
        assert changed(before, as_bytes(agent.networks())) == before.keys() - stays
        agent.close()

    def test_freezing_nothing_changes_nothing(self, algorithm):
        results = []
        for freeze in (False, True):
            agent = learner(tiny(algorithm))
            if freeze:
                agent.freeze([])
            train(agent, 64)
            results.append(as_bytes(agent.networks()))
            agent.close()
        assert results[0] == results[1]

    def test_a_whole_loss_path_is_refused(self, algorithm):
        for loss, roles in LOSS_PATHS[algorithm].items():
            with pytest.raises(ConfigError, match=f"{loss} loss nothing to train"):
                refuse_frozen_paths(algorithm, roles)
            if (algorithm, loss) != ("trpo", "policy"):
                refuse_frozen_paths(algorithm, roles[:-1])


class TestIsolation:
    @pytest.mark.parametrize(("algorithm", "task"), TASKS)
    def test_acting_disturbs_no_generator(self, algorithm, task):
        agent = learner(tiny(algorithm), task)
        before = generator_states(agent)
        with agent.isolated(7):
            agent.act(OBSERVATIONS, deterministic=False)
            random.random()
            np.random.random()  # noqa: NPY002
            agent._model.action_space.sample()
        assert generator_states(agent) == before
        agent.close()

    def test_generators_are_put_back_after_an_error(self, agent):
        before = generator_states(agent)
        with pytest.raises(ZeroDivisionError), agent.isolated(7):
            agent.act(OBSERVATIONS, deterministic=False)
            raise ZeroDivisionError
        assert generator_states(agent) == before

    def test_acting_is_reproducible_and_follows_the_seed(self):
        agent = learner(ppo(), BOX_WALK)

        def acted(seed):
            with agent.isolated(seed):
                return agent.act(OBSERVATIONS, deterministic=False).tobytes()

        assert acted(3) == acted(3)
        assert acted(3) != acted(4)
        agent.close()

    def test_evaluating_between_updates_does_not_change_training(self, algorithm):
        results = []
        for evaluate in (False, True):
            agent = learner(tiny(algorithm))

            def watch(charged, after, agent=agent, evaluate=evaluate):
                if evaluate:
                    with agent.isolated(99):
                        agent.act(OBSERVATIONS, deterministic=False)

            train(agent, 128, watch=watch)
            results.append(as_bytes(agent.networks()))
            agent.close()
        assert results[0] == results[1]


class TestTraining:
    def test_the_meter_ends_exactly_at_until_and_watch_is_told_every_rollout(self, agent):
        rollout = tiny(agent.algorithm).rollout_steps
        seen = []
        train(agent, 96, horizon=128, watch=lambda charged, after: seen.append((charged, after)))
        assert agent.meter.steps == 96
        assert seen == [(step, step + rollout) for step in range(0, 96, rollout)]
        train(agent, 128, watch=lambda charged, after: seen.append((charged, after)))
        assert agent.meter.steps == 128
        assert seen == [(step, step + rollout) for step in range(0, 128, rollout)]

    def test_a_rollout_that_would_cross_until_is_not_used(self):
        agent = learner(ppo())
        train(agent, 32, horizon=40)
        before = as_bytes(agent.networks())
        train(agent, 40)
        assert as_bytes(agent.networks()) == before
        agent.close()

    def test_the_seed_determines_training(self, algorithm):
        def trained(seed):
            agent = learner(tiny(algorithm))
            train(agent, 64, seed=seed)
            agent.close()
            return as_bytes(agent.networks())

        assert trained(1) == trained(1)
        assert trained(1) != trained(2)

    def test_random_actions_do_not_follow_the_draws_of_the_environment(self):
        # Stable-Baselines3 gives one seed to both, and both draw from the same kind of generator.
        agent = learner(dqn(n_envs=1, learning_starts=1000), TaskConfig(id="probes:SeenReward-v0"))
        train(agent, 96)
        kept = agent.experience()
        together = np.mean((kept.observation_N[:, 0] > 0) == (kept.action_N[:, 0] == 1))
        assert 0.3 < together < 0.7
        agent.close()

    def test_the_initial_networks_follow_the_seed(self, algorithm):
        def initial(seed):
            agent = learner(tiny(algorithm), seed=seed)
            agent.close()
            return as_bytes(agent.networks())

        assert initial(1) == initial(1)
        assert initial(1) != initial(2)

    def test_weights_that_stop_being_finite_are_an_error(self, agent):
        networks = agent.networks()
        bad = {name: np.full_like(array, np.nan) for name, array in networks["value_head"].items()}
        agent.load_networks({"value_head": bad})
        with pytest.raises(DivergedError, match="finite"):
            train(agent, 128)

    def test_outputs_that_stop_being_finite_before_the_weights_are_an_error_too(self):
        # After the first update the weights are huge, and what they add up to is infinity minus infinity.
        agent = learner(ppo(learning_rate=1e20, activation="relu"))
        with pytest.raises(DivergedError, match="outputs are no longer finite at step") as caught:
            train(agent, 512)
        assert "\n" not in str(caught.value)
        agent.refuse_divergence()
        agent.close()

    @pytest.mark.parametrize("deterministic", [False, True])
    def test_acting_on_outputs_that_are_not_finite_is_an_error(self, agent, deterministic):
        def huge(name, array):
            # TD3's and DDPG's actor ends in a tanh, which makes 1 of infinity: there, infinity minus infinity.
            signs = np.where(np.arange(array.size) % 2, -1, 1) if squashed and name == "weight" else np.ones(array.size)
            return (3e38 * signs).reshape(array.shape).astype(array.dtype)

        squashed = agent.algorithm in ("td3", "ddpg")
        roles = ("policy_body", "policy_head", "value_head") if squashed else ("policy_head", "value_head")
        networks = agent.networks()
        changes = {role: {name: huge(name, array) for name, array in networks[role].items()} for role in roles}
        agent.load_networks(changes)
        agent.refuse_divergence()
        with pytest.raises(DivergedError, match=r"outputs are no longer finite at step 0$"), agent.isolated(1):
            agent.act(OBSERVATIONS, deterministic=deterministic)

    def test_a_finite_learner_is_not_refused(self, agent):
        train(agent, 64)
        agent.refuse_divergence()

    @pytest.mark.parametrize("how", ["raise", "nan observation", "nan reward", "no reward", "no observation"])
    def test_a_failing_environment_is_an_error_that_says_what(self, algorithm, how):
        agent = learner(tiny(algorithm), failing(tiny(algorithm), at=20, how=how))
        with pytest.raises(EnvironmentFailedError, match="step"):
            train(agent, 128)
        agent.close()

    @pytest.mark.parametrize("epochs", [1, 3])
    @pytest.mark.parametrize("batch", [8, 32])
    def test_ppo_counts_epochs_times_minibatches(self, epochs, batch):
        agent = learner(ppo(n_epochs=epochs, batch_size=batch))
        train(agent, 96)
        assert agent.gradient_steps == 3 * epochs * 32 // batch
        agent.close()

    def test_ppo_counts_no_update_that_the_kl_limit_stopped(self, tmp_path):
        agent = learner(ppo(n_epochs=5, target_kl=1e-6))
        train(agent, 96)
        agent.save_state(tmp_path, 0)
        state = torch.load(tmp_path / "learner-0000.pt", weights_only=True)
        made = {int(entry["step"]) for entry in state["parameters"]["policy.optimizer"]["state"].values()}
        assert made == {agent.gradient_steps}  # Adam's own count
        assert 0 < agent.gradient_steps < 3 * 5 * 2
        agent.close()

    @pytest.mark.parametrize("each", [1, 3])
    def test_dqn_counts_updates_after_its_learning_starts(self, each):
        agent = learner(dqn(gradient_steps=each))
        train(agent, 64)
        assert agent.gradient_steps == each * len([step for step in range(8, 65, 8) if step > 10])
        agent.close()


class TestSchedules:
    def rates(self, config, folder, boundaries):
        """Learning rates (PPO) or epsilons (DQN) before each rollout, over segments that end at the boundaries."""
        horizon, seen = boundaries[-1], []
        for segment, until in enumerate(boundaries):
            agent = learner(config)
            if segment:
                agent.load_state(folder, segment)

            def watch(charged, after, agent=agent):
                model = agent._model
                is_dqn = agent.algorithm == "dqn"
                seen.append(model.exploration_rate if is_dqn else model.policy.optimizer.param_groups[0]["lr"])

            if not segment:
                agent.save_state(folder, 0)
            train(agent, until, horizon=horizon, seed=segment, watch=watch)
            agent.save_state(folder, segment + 1)
            agent.close()
        return seen

    def test_a_linear_learning_rate_falls_over_the_whole_horizon(self, tmp_path):
        seen = self.rates(ppo(learning_rate="lin_0.01"), tmp_path, [64, 128, 192])
        # The rate set by the update after k of 6 rollouts, seen before the next rollout.
        assert seen[1:] == pytest.approx([0.01 * (1 - k / 6) for k in range(1, 6)])

    def test_epsilon_continues_over_segments(self, tmp_path):
        seen = self.rates(dqn(), tmp_path, [64, 128])
        # From 1 to 0.05 over the first half of 128 steps.
        expected = [max(1 - 0.95 * step / 64, 0.05) for step in range(0, 128, 8)]
        # (The library sets epsilon after its first step; that one is random before learning starts anyway.)
        assert seen[1:] == pytest.approx(expected[1:])

    def test_the_target_network_s_clock_goes_on_over_segments(self, tmp_path):
        config = dqn(target_update_interval=80)  # 40 steps of two environments
        agent = learner(config)
        agent.save_state(tmp_path, 0)
        start = [tensor.clone() for tensor in agent._model.policy.q_net_target.parameters()]
        train(agent, 64, horizon=96)
        agent.save_state(tmp_path, 1)
        agent.close()
        fresh = learner(config, seed=1)
        fresh.load_state(tmp_path, 1)
        targets = list(fresh._model.policy.q_net_target.parameters())
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(targets, start, strict=True))
        train(fresh, 96)
        assert not any(torch.equal(ours, theirs) for ours, theirs in zip(targets, start, strict=True))
        fresh.close()


class TestState:
    def resumed(self, folder, config, task):
        fresh = learner(config, task, seed=77)
        fresh.load_state(folder, 1)
        return fresh

    @pytest.mark.parametrize(("algorithm", "task"), TASKS)
    def test_a_round_trip_is_exact(self, algorithm, task, tmp_path):
        config = tiny(algorithm)
        agent = learner(config, task)
        agent.save_state(tmp_path, 0)
        train(agent, 320, horizon=640)
        agent.save_state(tmp_path, 1)
        fresh = self.resumed(tmp_path, config, task)
        assert as_bytes(fresh.networks()) == as_bytes(agent.networks())
        assert (fresh.meter.steps, fresh.gradient_steps) == (320, agent.gradient_steps)
        ours, theirs = (one._model.policy.state_dict() for one in (fresh, agent))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)  # target networks too
        ours, theirs = (one.optimizer_state() for one in (fresh, agent))
        assert ours.keys() == theirs.keys() != set()
        assert all(ours[k][name].tobytes() == theirs[k][name].tobytes() for k in theirs for name in theirs[k])
        if (kept := agent.experience()) is not None:
            again = fresh.experience()
            for name in vars(kept):
                assert np.array_equal(getattr(again, name), getattr(kept, name)), name
            assert (fresh._model.replay_buffer.pos, fresh._model.replay_buffer.full) == (320 // 2 % 50, True)
        agent.close()
        fresh.close()

    def test_two_learners_from_one_state_go_on_alike(self, algorithm, tmp_path):
        config = tiny(algorithm)
        agent = learner(config)
        agent.save_state(tmp_path, 0)
        train(agent, 128, horizon=256)
        agent.save_state(tmp_path, 1)
        agent.close()
        results = []
        for _ in range(2):
            fresh = self.resumed(tmp_path, config, task_of(config))
            train(fresh, 256, seed=2)
            fresh.close()
            results.append(as_bytes(fresh.networks()))
        assert results[0] == results[1]

    def test_a_damaged_state_is_an_error_that_names_the_file(self, agent, tmp_path):
        agent.save_state(tmp_path, 0)
        path = tmp_path / "learner-0000.pt"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(StoreError, match=r"learner-0000\.pt"):
            agent.load_state(tmp_path, 0)

    def test_a_damaged_replay_is_an_error_that_names_the_file(self, tmp_path):
        agent = learner(dqn())
        train(agent, 64)
        agent.save_state(tmp_path, 0)
        path = tmp_path / "replay-0000.npz"
        for content in (path.read_bytes()[:100], b"", None):
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(StoreError, match=r"replay-0000\.npz"):
                agent.load_state(tmp_path, 0)
            path.touch()
        agent.close()


class TestFiles:
    def test_the_library_loads_the_saved_agent_and_acts_alike(self, agent, tmp_path):
        train(agent, 128)
        agent.save_agent(tmp_path)
        theirs = LIBRARY[agent.algorithm].load(tmp_path / "model.zip", device="cpu")
        ours = agent.act(OBSERVATIONS, deterministic=True)
        assert ours.tolist() == theirs.predict(OBSERVATIONS, deterministic=True)[0].tolist()
        saved, kept = theirs.policy.state_dict(), agent._model.policy.state_dict()
        assert all(torch.equal(saved[name], kept[name]) for name in kept)

    def test_a_frozen_agent_with_a_schedule_loads_too(self, tmp_path):
        agent = learner(ppo(learning_rate="lin_0.01", clip_range="lin_0.2"), BOX_WALK)
        agent.freeze(["policy_body"])
        train(agent, 64)
        agent.save_agent(tmp_path)
        theirs = PPO.load(tmp_path / "model.zip", device="cpu")
        assert np.array_equal(
            agent.act(OBSERVATIONS, deterministic=True), theirs.predict(OBSERVATIONS, deterministic=True)[0]
        )
        agent.close()

    def test_events_go_straight_into_the_folder_given_even_for_two_at_once(self, algorithm, tmp_path):
        agents = [learner(tiny(algorithm), log_folder=tmp_path / name) for name in "ab"]
        for agent in agents:
            train(agent, 128)
            agent.record("eval/mean_return", 1.0, 128)
            agent.close()
        found = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
        assert [str(path.parent) for path in found] == ["a", "b"]
        assert all(path.name.startswith("events.out.tfevents") for path in found)

    def test_without_a_folder_nothing_is_written(self, agent, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        train(agent, 64)
        agent.record("eval/mean_return", 1.0, 64)
        agent.close()
        assert list(tmp_path.iterdir()) == []


class TestSpaces:
    def test_continuous_actions_are_refused_for_dqn_and_the_way_out_is_named(self):
        facts = inspect_task(BOX_WALK)
        with pytest.raises(ConfigError, match=r"dqn can't act in Box.*ppo"):
            refuse_unsuitable_spaces(dqn(), facts.observation_space, facts.action_space)
        refuse_unsuitable_spaces(ppo(), facts.observation_space, facts.action_space)

    def test_spaces_that_do_not_count_from_0_are_refused(self, algorithm):
        # Stable-Baselines3 takes them, and then acts outside them.
        shifted, plain = spaces.Discrete(2, start=1), spaces.Discrete(2)
        actions = inspect_task(task_of(tiny(algorithm))).action_space
        with pytest.raises(ConfigError, match="counts from 0"):
            refuse_unsuitable_spaces(tiny(algorithm), shifted, actions)
        if isinstance(actions, spaces.Discrete):
            with pytest.raises(ConfigError, match="counts from 0"):
                refuse_unsuitable_spaces(tiny(algorithm), plain, shifted)
        refuse_unsuitable_spaces(tiny(algorithm), plain, actions)

    @pytest.mark.parametrize(
        "shifted",
        [
            spaces.Discrete(3, start=1),
            spaces.MultiDiscrete([3, 2], start=[0, 1]),
            spaces.Dict({"a": spaces.Discrete(3, start=1), "b": spaces.Box(-1, 1, (2,))}),
        ],
        ids=["discrete", "multi", "dict"],
    )
    def test_the_wrapper_that_is_advised_helps(self, shifted):
        with pytest.raises(ConfigError, match="counts from 0") as caught:
            refuse_unsuitable_spaces(ppo(), shifted, spaces.Discrete(2))
        advised = wrapper_class(str(caught.value).rpartition("the wrapper ")[2])
        env = advised(Scripted([shifted.sample()] * 2, observation_space=shifted))
        refuse_unsuitable_spaces(ppo(), env.observation_space, env.action_space)
        assert env.reset()[0] in env.observation_space

    @pytest.mark.parametrize("algorithm", ["sac", "tqc", "td3", "ddpg"])
    def test_discrete_actions_are_refused_where_the_actor_has_none(self, algorithm):
        with pytest.raises(ConfigError, match=rf"{algorithm} can't act in Discrete.*ppo"):
            refuse_unsuitable_spaces(tiny(algorithm), spaces.Discrete(2), spaces.Discrete(2))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), stop=st.sampled_from([16, 40, 72]), more=st.sampled_from([8, 104]))
def test_dqn_replay_survives_any_number_of_boundaries(tmp_path_factory, seed, stop, more):
    folder, config = tmp_path_factory.mktemp("state"), dqn(buffer_size=30)
    agent = learner(config)
    agent.save_state(folder, 0)
    for segment, until in enumerate((stop, stop + more, stop + 2 * more), start=1):
        train(agent, until, horizon=1000, seed=seed)
        agent.save_state(folder, segment)
        agent.close()
        fresh = learner(config, seed=segment)
        fresh.load_state(folder, segment)
        kept, again = agent.experience(), fresh.experience()
        assert all(np.array_equal(getattr(again, name), getattr(kept, name)) for name in vars(kept))
        assert fresh._model.replay_buffer.pos == agent._model.replay_buffer.pos
        agent = fresh  # as a run does at every boundary
    agent.close()
