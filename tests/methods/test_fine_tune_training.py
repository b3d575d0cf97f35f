"""How fine-tuning trains on: what stays, what moves and how fast, over algorithm x setting."""

import numpy as np
import pytest
import torch
from builders import BOX_WALK, as_bytes, flat, knowledge_of, learner, task_of, tiny, train
from sb3_contrib import QRDQN, TQC, TRPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3

from rl_transfer.knowledge import ROLES, Knowledge
from rl_transfer.learner import LOSS_PATHS
from rl_transfer.learner.sb3.regime import Regime, optimizers
from rl_transfer.methods import build_methods
from rl_transfer.study import LEARNERS, Named

pytestmark = pytest.mark.slow

ALGORITHMS = sorted(LOSS_PATHS)
LIBRARY = {cls.__name__.lower(): cls for cls in (PPO, A2C, TRPO, DQN, QRDQN, SAC, TQC, TD3, DDPG)}
NO_POLICY = ["dqn", "qrdqn"]
WARMED = [name for name in ALGORITHMS if name not in (*NO_POLICY, "trpo")]
ONE_UPDATE = {"ppo": {"n_epochs": 1, "batch_size": 32}, "trpo": {"n_critic_updates": 1, "batch_size": 32}}
ONE_UPDATE |= {"td3": {"policy_delay": 1}}
"""What makes each algorithm's first training phase one step of each of its optimizers."""


def fine_tune(algorithm, **settings):
    return build_methods([Named(name="fine_tune", settings=settings)], algorithm)[0]


def build(algorithm, seed=0, **changes):
    config = tiny(algorithm, **changes)
    return learner(config, task_of(config) if algorithm in NO_POLICY else BOX_WALK, seed=seed)


def trainable(algorithm):
    """Roles that an optimizer moves, which TRPO's policy has none of."""
    roles = [role for path in LOSS_PATHS[algorithm].values() for role in path]
    if algorithm in ("ppo", "a2c", "sac", "tqc"):
        roles.append("exploration")
    return [role for role in roles if algorithm != "trpo" or role.startswith("value")]


@pytest.fixture(scope="module")
def sources():
    """A trained source of each algorithm."""
    found = {}
    for algorithm in ALGORITHMS:
        agent = build(algorithm, seed=1)
        train(agent, 96)
        agent.close()
        found[algorithm] = knowledge_of(agent)
    return found


def trained(algorithm, source, until, *, horizon=None, changes=None, **settings):
    """A learner trained under the method, and its networks after all updates that used so many steps."""
    agent = build(algorithm, **(changes or {}))
    seen = {}
    if settings or source is not None:
        method = fine_tune(algorithm, **settings)
        method.transfer(agent, source)
        method.attach(agent, Knowledge(), np.random.default_rng(0))

    def watch(charged, after):
        seen[charged] = flat(agent.networks())

    train(agent, until, horizon=horizon, watch=watch)
    seen[until] = flat(agent.networks())
    agent.close()
    return agent, seen


def same(one, other, *roles):
    names = [name for name in one if not roles or name.startswith(tuple(f"{role}/" for role in roles))]
    assert names
    return all(one[name].tobytes() == other[name].tobytes() for name in names)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestNeutrality:
    """Settings of no strength train exactly as if they had not been given."""

    def test_nothing_carried_is_scratch(self, algorithm, sources):
        agent = build(algorithm)
        train(agent, 96)
        agent.close()
        expected = as_bytes(agent.networks())
        more = {"shrink": 0.3, "perturb": 0.2, "optimizer": "carry", "statistics": "blend", "new_heads": True}
        for settings in ({"roles": []}, {"roles": [], **more}):
            found, _ = trained(algorithm, sources[algorithm], 96, **settings)
            assert as_bytes(found.networks()) == expected, settings

    def test_every_other_zero_is_plain_fine_tuning(self, algorithm, sources):
        plain, _ = trained(algorithm, sources[algorithm], 96)
        zeros = [
            {"shrink": 1.0, "perturb": 0.0},
            {"learning_rate_scale": dict.fromkeys(trainable(algorithm), 1.0)},
            {"freeze": [], "critic_warmup_steps": 0, "optimizer": "fresh", "new_heads": False},
            {"statistics": "blend", "blend_steps": 1},  # nothing is normalised here
        ]
        for settings in zeros:
            found, _ = trained(algorithm, sources[algorithm], 96, **settings)
            assert as_bytes(found.networks()) == as_bytes(plain.networks()), settings

    def test_blending_with_more_weight_than_there_is_is_carrying(self, algorithm):
        source = build(algorithm, seed=1, normalize=True)
        train(source, 64)
        source.close()
        blends = [{"statistics": "blend", "blend_steps": steps} for steps in (10**9, 5)]
        results = [
            trained(algorithm, knowledge_of(source), 96, changes={"normalize": True}, **settings)[0]
            for settings in ({}, *blends)
        ]
        networks = [as_bytes(agent.networks()) for agent in results]
        assert networks[0] == networks[1] != networks[2]

    def test_the_optimizer_of_a_source_without_updates_is_a_fresh_one(self, algorithm):
        source = build(algorithm, seed=1)
        source.close()
        fresh, _ = trained(algorithm, knowledge_of(source), 64)
        carried, _ = trained(algorithm, knowledge_of(source), 64, optimizer="carry")
        assert as_bytes(carried.networks()) == as_bytes(fresh.networks())

    def test_and_that_of_one_with_updates_is_not(self, algorithm, sources):
        fresh, _ = trained(algorithm, sources[algorithm], 64)
        carried, _ = trained(algorithm, sources[algorithm], 64, optimizer="carry")
        assert as_bytes(carried.networks()) != as_bytes(fresh.networks())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestFreezing:
    def test_for_ever(self, algorithm, sources):
        for role in trainable(algorithm):
            _, seen = trained(algorithm, sources[algorithm], 128, freeze=[role])
            theirs = flat(sources[algorithm].networks)
            assert all(same(networks, {**networks, **theirs}, role) for networks in seen.values())
            others = [name for name in theirs if not name.startswith(f"{role}/")]
            assert all(seen[128][name].tobytes() != theirs[name].tobytes() for name in others), role

    @pytest.mark.parametrize("what", ["one by one", "all"])
    def test_until_a_step(self, algorithm, what, sources):
        roles = trainable(algorithm)
        rollout = tiny(algorithm).rollout_steps
        for freeze in [[role] for role in roles] if what == "one by one" else [roles]:
            _, seen = trained(algorithm, sources[algorithm], 160, freeze=freeze, freeze_steps=64)
            start = seen[0]
            assert all(same(start, networks, *freeze) for step, networks in seen.items() if step <= 64)
            # Thawed by the first minibatch after it, moved by the second at the latest.
            delayed = 2 if algorithm == "td3" else 1
            moved = seen[64 + 2 * delayed * rollout]
            names = [name for name in start if name.startswith(tuple(f"{role}/" for role in freeze))]
            assert all(moved[name].tobytes() != start[name].tobytes() for name in names), freeze

    def test_gradually_from_the_heads_to_the_input(self, algorithm, sources):
        source = build(algorithm, seed=1, net_arch=[8, 8])
        source.close()
        part = "value" if algorithm in (*NO_POLICY, "trpo") else "policy"
        _, seen = trained(
            algorithm,
            knowledge_of(source),
            192,
            changes={"net_arch": [8, 8]} | ONE_UPDATE.get(algorithm, {}),
            freeze=[f"{part}_body", f"{part}_head"],
            freeze_steps=96,
            gradual_unfreezing=True,
        )
        ours = [name for name in seen[0] if name.startswith(part)]
        first = {name: min(s for s, n in seen.items() if n[name].tobytes() != seen[0][name].tobytes()) for name in ours}
        rollout = tiny(algorithm).rollout_steps
        for name, step in first.items():
            until = 32 if "_head/" in name else 64 if "2." in name else 96
            assert until < step <= until + 2 * rollout, (name, step)
        assert len(ours) >= 6


# The library overwrites each group's rate before each update (SB3.md 7), so this asks what each step really did.
class Steps:
    """Watches each optimizer step: how far each tensor moved for the rate that the schedule alone would give."""

    def __init__(self, agent, scales, rate):
        self.agent, self.rate, self.count = agent, rate, {}
        self.scale = {
            id(tensor): (role, scales.get(role, 1.0))
            for role, tensors in agent_tensors(agent).items()
            for tensor in tensors
        }
        for optimizer in optimizers(agent._model):
            optimizer.register_step_pre_hook(self.before)
            optimizer.register_step_post_hook(self.after)

    def before(self, optimizer, *_):
        self.kept = {id(p): p.detach().clone() for group in optimizer.param_groups for p in group["params"]}

    def after(self, optimizer, *_):
        (group,) = optimizer.param_groups  # as the library knows it
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            role, scale = self.scale[id(parameter)]
            expected = -self.rate() * scale * direction(optimizer, group, parameter)
            moved = parameter.detach() - self.kept[id(parameter)]
            assert torch.allclose(moved, expected, rtol=2e-3, atol=3e-7), (role, scale, moved, expected)
            self.count[role] = self.count.get(role, 0) + 1


def agent_tensors(agent):
    from rl_transfer.learner.sb3.networks import by_role

    return {role: list(tensors.values()) for role, tensors in by_role(agent._model).items()}


def direction(optimizer, group, parameter):
    """What a step of rate 1 moves against, from what the optimizer keeps."""
    kept = optimizer.state[parameter]
    if "exp_avg" in kept:
        first, second = group["betas"]
        mean = kept["exp_avg"] / (1 - first ** float(kept["step"]))
        square = kept["exp_avg_sq"] / (1 - second ** float(kept["step"]))
        return mean / (square.sqrt() + group["eps"])
    return parameter.grad / (kept["square_avg"].sqrt() + group["eps"])


def steps_go_as_scaled(algorithm, scales, folder, learning_rate):
    """Three segments, each in a learner of its own that goes on from the last one's checkpoint."""
    horizon, counts = 192, {}
    for segment in range(3):
        agent = build(algorithm, learning_rate=learning_rate)
        method = fine_tune(algorithm, learning_rate_scale=scales)
        if segment:
            agent.load_state(folder, segment)
        else:
            agent.save_state(folder, 0)
        method.attach(agent, Knowledge(), np.random.default_rng(0))

        def rate(model=agent._model):
            return 0.01 * (1 - model.num_timesteps / horizon) if learning_rate == "lin_0.01" else 0.01

        steps = Steps(agent, scales, rate)
        train(agent, 64 * (segment + 1), horizon=horizon, seed=segment)
        agent.save_state(folder, segment + 1)
        agent.close()
        for role, count in steps.count.items():
            counts[role] = counts.get(role, 0) + count
    return counts


SCALES = dict(zip(ROLES, (1.0, 0.1, 2.0, 0.5, 0.03, 3.0), strict=True))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestLearningRates:
    @pytest.mark.parametrize("learning_rate", [0.01, "lin_0.01"])
    def test_every_step_of_every_role_moves_as_scaled(self, algorithm, learning_rate, tmp_path):
        scales = {role: SCALES[role] for role in trainable(algorithm)}
        counts = steps_go_as_scaled(algorithm, scales, tmp_path, learning_rate)
        assert counts.keys() >= scales.keys()
        assert all(counts[role] >= 6 for role in scales)

    def test_the_first_step_of_a_role_is_the_scale_times_an_unscaled_one(self, algorithm, sources):
        until = 32 if not LEARNERS[algorithm].off_policy else 16
        changes = ONE_UPDATE.get(algorithm, {})
        for role in trainable(algorithm):
            _, plain = trained(algorithm, sources[algorithm], until, changes=changes)
            settings = {"learning_rate_scale": {role: 0.25}}
            _, scaled = trained(algorithm, sources[algorithm], until, changes=changes, **settings)
            for name in (name for name in plain[0] if name.startswith(f"{role}/")):
                far, near = plain[until][name] - plain[0][name], scaled[until][name] - scaled[0][name]
                assert np.abs(far).max() > 1e-3, name
                assert np.allclose(near, 0.25 * far, rtol=1e-3, atol=2e-7), name

    def test_the_test_fails_where_the_library_s_own_schedule_wins(self, algorithm, tmp_path, monkeypatch):
        scales = {role: SCALES[role] for role in trainable(algorithm)}
        with monkeypatch.context() as patch:
            patch.setattr(Regime, "_before_step", lambda *_: None)
            with pytest.raises(AssertionError, match="tensor"):
                steps_go_as_scaled(algorithm, scales, tmp_path / "unhooked", 0.01)

        def once(self, scales):
            """Groups with rates of their own, set once: what the library's threads advise, and what it undoes."""
            scale = {id(tensor): scales[role] for role, _, tensor in self._tensors() if role in scales}
            for optimizer in optimizers(self._model):
                (group,) = optimizer.param_groups
                optimizer.param_groups = [
                    group | {"params": [tensor], "lr": group["lr"] * scale.get(id(tensor), 1.0)}
                    for tensor in group["params"]
                ]

        with monkeypatch.context() as patch:
            patch.setattr(Regime, "scale_learning_rate", once)
            patch.setattr(Steps, "after", ungrouped(Steps.after))
            with pytest.raises(AssertionError, match="tensor"):
                steps_go_as_scaled(algorithm, scales, tmp_path / "once", 0.01)


def ungrouped(after):
    """The watcher, for an optimizer with many groups."""

    def wrapped(self, optimizer, *_):
        groups = optimizer.param_groups
        optimizer.param_groups = [groups[0] | {"params": [p for group in groups for p in group["params"]]}]
        after(self, optimizer)
        optimizer.param_groups = groups

    return wrapped


class TestCriticWarmUp:
    @pytest.mark.parametrize("algorithm", WARMED)
    def test_the_policy_stays_as_carried_while_the_value_learns(self, algorithm, sources):  # SB3.md 10
        _, seen = trained(algorithm, sources[algorithm], 192, critic_warmup_steps=64)
        policy = ("features", "policy_body", "policy_head", "exploration")
        assert all(same(seen[0], networks, *policy) for step, networks in seen.items() if step <= 64)
        values = [name for name in seen[0] if name.startswith("value")]
        assert all(seen[64][name].tobytes() != seen[0][name].tobytes() for name in values)
        assert not any(seen[192][name].tobytes() == seen[0][name].tobytes() for name in seen[0])

    def test_without_it_the_policy_moves_at_once(self, sources):
        _, seen = trained("ppo", sources["ppo"], 64)
        assert not same(seen[0], seen[32], "policy_body")

    def test_it_goes_together_with_freezing(self, sources):
        _, seen = trained("ppo", sources["ppo"], 192, critic_warmup_steps=96, freeze=["policy_body"], freeze_steps=32)
        assert same(seen[0], seen[96], "policy_body", "policy_head")
        assert not same(seen[96], seen[192], "policy_body")


def greedy(algorithm, networks):
    """The source's networks, changed to one action whatever is seen: 1, or the upper bound."""
    changed = {role: {name: array.copy() for name, array in tensors.items()} for role, tensors in networks.items()}
    for name, array in changed["policy_head" if "policy" in LOSS_PATHS[algorithm] else "value_head"].items():
        array[:] = 0.0
        if name == "bias" and "policy" in LOSS_PATHS[algorithm]:
            array[:] = 4.0
        elif name == "bias":
            array.reshape(-1, 2)[:, 1] = 100.0  # (quantiles x) actions
    for name, array in changed["exploration"].items():
        if name.startswith("log_std"):
            array[:] = 0.0 if name.endswith("weight") else -5.0
    return Knowledge(algorithm=algorithm, networks=changed)


OFF_POLICY = [name for name in ALGORITHMS if LEARNERS[name].off_policy]
WITHOUT = [role for role in ROLES if role != "exploration"]


class TestExploration:
    """Kept or reset, as one says (SB3.md 11, 12, 13)."""

    def played(self, algorithm, sources, folder, **settings):
        """The actions that were stored before learning started; and the file loads."""
        agent = build(algorithm, learning_starts=1000)
        method = fine_tune(algorithm, **settings)
        fates = method.transfer(agent, greedy(algorithm, sources[algorithm].networks))
        method.attach(agent, Knowledge(), np.random.default_rng(0))
        train(agent, 80, horizon=2000)
        agent.close()
        agent.save_agent(folder)
        theirs = LIBRARY[algorithm].load(folder / "model.zip", device="cpu")
        observations = np.linspace(-2, 2, 8, dtype=np.float32).reshape(4, 2)
        ours = agent.act(observations, deterministic=True)
        assert ours.tolist() == theirs.predict(observations, deterministic=True)[0].tolist()
        rows = {fate.tensor: fate.fate for fate in fates if fate.role == "exploration" and fate.to_shape is None}
        return agent, agent.experience().action_N, rows

    @pytest.mark.parametrize("algorithm", OFF_POLICY)
    def test_kept_the_carried_policy_acts_from_the_first_step(self, algorithm, sources, tmp_path):
        agent, actions, rows = self.played(algorithm, sources, tmp_path)
        if algorithm in NO_POLICY:
            assert np.mean(actions == 1) > 0.9  # epsilon is at its final value
            assert agent._model.exploration_rate == tiny(algorithm).exploration_final_eps
        else:
            assert np.median(actions) > 0.9
        assert set(rows.values()) == {"copied"}
        assert ("epsilon schedule" in rows) == (algorithm in NO_POLICY)
        assert "random start steps" in rows

    @pytest.mark.parametrize("algorithm", OFF_POLICY)
    def test_reset_random_actions_open_the_training(self, algorithm, sources, tmp_path):
        agent, actions, rows = self.played(algorithm, sources, tmp_path, roles=WITHOUT)
        if algorithm in NO_POLICY:
            assert 0.25 < np.mean(actions == 1) < 0.75
            assert agent._model.exploration_rate > 0.9
        else:
            assert abs(np.mean(actions)) < 0.3
            assert 0.4 < np.std(actions) < 0.75  # uniform on [-1, 1]: 0.58
        assert set(rows.values()) == {"reinitialised"}

    @pytest.mark.parametrize("algorithm", NO_POLICY)
    def test_epsilon_stays_over_checkpoints(self, algorithm, sources, tmp_path):
        agent = build(algorithm)
        method = fine_tune(algorithm)
        method.transfer(agent, sources[algorithm])
        agent.save_state(tmp_path, 0)
        for segment in (0, 1):
            agent = build(algorithm)
            agent.load_state(tmp_path, segment)
            method.attach(agent, Knowledge(), np.random.default_rng(0))
            seen = []

            def watch(*_, agent=agent, seen=seen):
                seen.append(agent._model.exploration_rate)

            train(agent, 64 * (segment + 1), horizon=256, watch=watch)
            assert set(seen) == {tiny(algorithm).exploration_final_eps}
            agent.save_state(tmp_path, segment + 1)
            agent.close()

    @pytest.mark.parametrize("algorithm", ["ppo", "a2c", "trpo", "sac", "tqc"])
    def test_its_tensors_are_carried_or_left(self, algorithm, sources):
        theirs = as_bytes(sources[algorithm].networks)
        for roles, kept in ((list(ROLES), True), (WITHOUT, False)):
            agent = build(algorithm)
            before = as_bytes(agent.networks())
            fine_tune(algorithm, roles=roles).transfer(agent, sources[algorithm])
            after = as_bytes(agent.networks())
            names = [name for name in after if name.startswith("exploration/")]
            assert names
            assert {name: after[name] for name in names} == {name: (theirs if kept else before)[name] for name in names}
            assert any(theirs[name] != before[name] for name in names)
            agent.close()
