"""Fine-tuning: what is copied, what is refused, and the account of it."""

from dataclasses import replace

import numpy as np
import pytest
from builders import BOX_WALK, TINY, as_bytes, dqn, flat, knowledge_of, learner, ppo, task_of, tiny, train

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Knowledge, Moments, Statistics
from rl_transfer.learner import LOSS_PATHS, Copying, copy_roles
from rl_transfer.methods import build_methods
from rl_transfer.study import LEARNERS, Named

ALGORITHMS = sorted(LOSS_PATHS)
NO_POLICY = ["dqn", "qrdqn"]


def fine_tune(algorithm="ppo", **settings):
    return build_methods([Named(name="fine_tune", settings=settings)], algorithm)[0]


def task(config):
    """With Box actions wherever the algorithm can: there, exploration has tensors."""
    return task_of(config) if config.algorithm in NO_POLICY else BOX_WALK


def made(algorithm, seed=0, **changes):
    config = tiny(algorithm, **changes)
    agent = learner(config, task(config), seed=seed)
    agent.close()
    return agent


@pytest.fixture(scope="module")
def sources():
    """A trained, normalising source of each algorithm."""
    found = {}
    for algorithm in ALGORITHMS:
        agent = learner(config := tiny(algorithm, normalize=True), task(config), seed=1)
        train(agent, 96)
        agent.close()
        found[algorithm] = knowledge_of(agent)
    return found


def content(knowledge):
    """All of it, byte for byte."""
    statistics = knowledge.statistics
    moments = {} if statistics is None else {**statistics.observation, "reward": statistics.reward}
    return (
        as_bytes(knowledge.networks),
        {k: (m.mean.tobytes(), m.var.tobytes(), m.count) for k, m in moments.items() if m is not None},
        {f"{k}|{n}": a.tobytes() for k, kept in (knowledge.optimizer or {}).items() for n, a in kept.items()},
    )


def tensors_of(names, *roles):
    return {name for name in names if name.startswith(tuple(f"{role}/" for role in roles))}


@pytest.fixture
def agents():
    return made("ppo"), made("ppo", seed=1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
class TestCopying:
    @pytest.mark.slow
    def test_everything_is_copied_by_default_and_the_source_is_not_touched(self, algorithm, sources):
        source, target = sources[algorithm], made(algorithm, normalize=True)
        before = content(source)
        fates = fine_tune(algorithm).transfer(target, source)
        assert as_bytes(target.networks()) == before[0]
        assert {fate.fate for fate in fates} == {"copied"}
        assert {fate.frozen for fate in fates} == {"no"}
        assert target.optimizer_state() == {}
        assert content(source) == before

    def test_training_the_target_leaves_the_source_alone(self, algorithm, sources):
        source, config = sources[algorithm], tiny(algorithm, normalize=True)
        before, agent = content(source), learner(config, task(config))
        method = fine_tune(algorithm, optimizer="carry", shrink=0.5, perturb=0.1)
        method.transfer(agent, source)
        method.attach(agent, source, np.random.default_rng(0))
        train(agent, 96)
        agent.close()
        assert content(source) == before
        assert content(knowledge_of(agent)) != before

    def test_a_copied_role_is_the_source_s_bytes_every_other_the_target_s(self, algorithm, sources):
        source = sources[algorithm]
        theirs = as_bytes(source.networks)
        for role in ROLES:
            target = made(algorithm, normalize=True)
            before = as_bytes(target.networks())
            fates = fine_tune(algorithm, roles=[role]).transfer(target, source)
            after = as_bytes(target.networks())
            for name in after:
                assert after[name] == (theirs if name.startswith(f"{role}/") else before)[name], name
            rows = {f"{fate.role}/{fate.tensor}": fate for fate in fates}
            for name in after:
                assert rows[name].fate == ("copied" if name.startswith(f"{role}/") else "reinitialised"), name

    def test_new_heads_leave_both_heads_as_the_target_has_them(self, algorithm, sources):
        source, target = sources[algorithm], made(algorithm, normalize=True)
        before, theirs = as_bytes(target.networks()), as_bytes(source.networks)
        fine_tune(algorithm, new_heads=True).transfer(target, source)
        heads = tensors_of(before, "policy_head", "value_head")
        assert heads
        assert as_bytes(target.networks()) == theirs | {name: before[name] for name in heads}

    def test_shrinking_and_perturbing_is_exact_and_spares_exploration_and_statistics(self, algorithm, sources):
        source, target = sources[algorithm], made(algorithm, normalize=True)
        initial, theirs = flat(target.networks()), flat(source.networks)
        fine_tune(algorithm, shrink=0.4, perturb=0.1).transfer(target, source)
        for name, found in flat(target.networks()).items():
            if name.startswith("exploration/"):
                assert found.tobytes() == theirs[name].tobytes()
            else:
                expected = (0.4 * theirs[name] + 0.1 * initial[name]).astype(np.float32)
                assert found.tobytes() == expected.tobytes(), name
        assert target.statistics().observation[""].mean.tolist() == source.statistics.observation[""].mean.tolist()

    def test_the_optimizer_s_state_is_carried_or_fresh(self, algorithm, sources):
        source = sources[algorithm]
        for setting in ("fresh", "carry"):
            target = made(algorithm, normalize=True)
            fates = fine_tune(algorithm, optimizer=setting).transfer(target, source)
            rows = {fate.tensor for fate in fates if fate.role == "optimizer"}
            kept = content(knowledge_of(target))[2]
            assert kept == (content(source)[2] if setting == "carry" else {})
            assert rows == (source.optimizer.keys() if setting == "carry" else set())
        assert source.optimizer.keys() >= tensors_of(as_bytes(source.networks), "value_body", "value_head")

    def test_the_optimizer_s_state_goes_only_with_its_tensor(self, algorithm, sources):
        source, target = sources[algorithm], made(algorithm, normalize=True)
        method = fine_tune(algorithm, optimizer="carry", roles=["value_body"])
        fates = [fate for fate in method.transfer(target, source) if fate.role == "optimizer"]
        carried = tensors_of(as_bytes(source.networks), "value_body")
        assert target.optimizer_state().keys() == carried
        assert {fate.tensor for fate in fates if fate.fate == "copied"} == carried
        assert {fate.tensor for fate in fates if fate.fate == "dropped"} == source.optimizer.keys() - carried
        assert all("not copied as it is" in fate.why for fate in fates if fate.fate == "dropped")


class TestRunningStatisticsOfLayers:
    def test_shrinking_spares_them(self):
        names = ("weight", "bias", "running_mean", "running_var")
        ours = {f"bn.{name}": np.full(2, 10.0, np.float32) for name in names} | {"bn.num_batches_tracked": np.array(3)}
        theirs = {name: array + 10 for name, array in ours.items()}

        class Target:
            def networks(self):
                return {role: ours if role == "features" else {} for role in ROLES}

            def reading(self):
                return {}

            def load_networks(self, networks):
                self.loaded = networks["features"]

        target = Target()
        source = Knowledge(networks={role: theirs if role == "features" else {} for role in ROLES})
        copy_roles(target, source, Copying(["features"], shrink=0.5, perturb=0.1))
        assert target.loaded["bn.weight"].tolist() == target.loaded["bn.bias"].tolist() == [11.0, 11.0]
        assert target.loaded["bn.running_mean"].tolist() == target.loaded["bn.running_var"].tolist() == [20.0, 20.0]
        assert target.loaded["bn.num_batches_tracked"] == 13


class TestOptimizer:
    def test_another_kind_is_refused_and_nothing_of_it_taken(self, sources):
        target = made("ppo", normalize=True)
        says = r"source's optimizer is rmsprop, the target's adam.*use optimizer: fresh"
        with pytest.raises(ConfigError, match=says) as caught:
            fine_tune(optimizer="carry").transfer(target, sources["a2c"])
        assert caught.value.key == "optimizer"
        assert "\n" not in caught.value.message
        assert target.optimizer_state() == {}

    def test_a_source_of_which_none_is_known_is_refused(self, sources):
        source = Knowledge(algorithm="ppo", networks=sources["ppo"].networks)
        with pytest.raises(ConfigError, match=r"left no optimizer state .*use optimizer: fresh"):
            fine_tune(optimizer="carry").transfer(made("ppo"), source)

    def test_a_source_that_never_updated_is_as_fresh(self):
        target = made("ppo")
        fine_tune(optimizer="carry").transfer(target, knowledge_of(made("ppo", seed=1)))
        assert target.optimizer_state() == {}

    def test_a_resized_tensor_s_state_is_dropped_and_listed(self, sources):
        source = sources["ppo"]
        resized = {"policy_body/0.weight": (8, 5)}
        known = Knowledge(**{**vars(source), "resized": resized})
        target = made("ppo", normalize=True)
        fates = fine_tune(optimizer="carry").transfer(target, known)
        rows = {(fate.role, fate.tensor): fate for fate in fates}
        assert rows["optimizer", "policy_body/0.weight"].fate == "dropped"
        assert rows["policy_body", "0.weight"].fate == "resized"
        assert rows["policy_body", "0.weight"].from_shape == (8, 5)
        assert "policy_body/0.weight" not in target.optimizer_state()


class TestStatistics:
    """Carried, estimated anew, blended: the numbers."""

    def moments(self, agent):
        found = agent.statistics()
        return [(m.mean.tolist(), m.var.tolist(), m.count) for m in (found.observation[""], found.reward)]

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize(("choice", "cap"), [("carry", np.inf), ("blend", 7), ("blend", 10**9), ("reestimate", 0)])
    def test_numbers(self, algorithm, choice, cap, sources):
        source, target = sources[algorithm], made(algorithm, normalize=True)
        fresh = self.moments(target)
        more = {"blend_steps": cap} if choice == "blend" else {}
        fates = fine_tune(algorithm, statistics=choice, **more).transfer(target, source)
        rows = {fate.tensor: fate.fate for fate in fates if fate.role == "statistics"}
        taken = choice != "reestimate"
        assert rows == dict.fromkeys(("observation", "reward"), "copied" if taken else "reinitialised")
        theirs = [source.statistics.observation[""], source.statistics.reward]
        expected = [(m.mean.tolist(), m.var.tolist(), min(m.count, cap)) for m in theirs] if taken else fresh
        assert self.moments(target) == expected
        assert fresh != [(m.mean.tolist(), m.var.tolist(), m.count) for m in theirs]

    def test_blended_ones_move_faster(self, sources):
        source = Knowledge(
            algorithm="ppo",
            networks=sources["ppo"].networks,
            statistics=Statistics({"": Moments(np.full(2, 100.0), np.ones(2), 1e6)}),
        )
        found = {}
        for choice in ("carry", "blend", "reestimate"):
            agent = learner(ppo(normalize=True), BOX_WALK)
            fine_tune(statistics=choice, blend_steps=32).transfer(agent, source)
            train(agent, 64)
            agent.close()
            found[choice] = abs(agent.statistics().observation[""].mean).max()
        assert found["carry"] > 99 > 50 > found["blend"] > 10 > 1 > found["reestimate"]

    def test_without_roles_nothing_is_carried(self, sources):
        target = made("ppo", normalize=True)
        fresh = self.moments(target)
        fates = fine_tune(roles=[], optimizer="carry").transfer(target, sources["ppo"])
        assert self.moments(target) == fresh
        assert target.optimizer_state() == {}
        assert {fate.fate for fate in fates} == {"reinitialised"}

    def test_a_source_that_saw_normalised_observations_needs_a_target_that_does(self, sources):
        only_rewards = {"observation": False, "reward": True}
        for normalize in (False, only_rewards):
            with pytest.raises(ConfigError, match=r"saw normalised observations.*set learner\.normalize"):
                fine_tune().transfer(made("ppo", normalize=normalize), sources["ppo"])

    def test_a_source_that_saw_them_as_they_are_needs_a_target_that_does_or_fresh_statistics(self, sources):
        source = replace(sources["ppo"], statistics=None)
        target = made("ppo", normalize=True)
        with pytest.raises(ConfigError, match=r"as they are.*learner\.normalize\.observation: false.*reestimate"):
            fine_tune().transfer(target, source)
        fates = fine_tune(statistics="reestimate").transfer(target, source)
        assert {fate.fate for fate in fates if fate.role == "statistics"} == {"reinitialised"}

    def test_normalised_rewards_alone_may_be_left_behind_and_are_listed(self, sources):
        source = Knowledge(
            algorithm="ppo",
            networks=sources["ppo"].networks,
            statistics=Statistics({}, sources["ppo"].statistics.reward),
        )
        fates = fine_tune().transfer(made("ppo"), source)
        assert [(f.tensor, f.fate) for f in fates if f.role == "statistics"] == [("reward", "dropped")]

    def test_other_shapes_are_refused(self, sources):
        target = made("ppo", normalize=True)
        before = self.moments(target)
        source = Knowledge(
            algorithm="ppo",
            networks=sources["ppo"].networks,
            statistics=Statistics({"": Moments(np.zeros(3), np.ones(3), 5.0)}),
        )
        with pytest.raises(ConfigError, match=r"statistics have shape \(3,\), the target's \(2,\)") as caught:
            fine_tune().transfer(target, source)
        assert caught.value.key == "statistics"
        assert self.moments(target) == before


class TestAcrossAlgorithms:
    def carried(self, source, target, **settings):
        """What was carried of one agent's networks into another's; everything else must be listed with a reason."""
        before, theirs = as_bytes(target.networks()), as_bytes(source.networks())
        fates = fine_tune(target.algorithm, **settings).transfer(target, knowledge_of(source))
        after = as_bytes(target.networks())
        rows = {f"{fate.role}/{fate.tensor}": fate for fate in fates if fate.from_shape or fate.to_shape}
        assert rows.keys() == before.keys() | theirs.keys()
        assert all(fate.why for fate in fates)
        copied = {name for name, fate in rows.items() if fate.fate == "copied"}
        for name in after:
            assert after[name] == (theirs if name in copied else before)[name], name
        for name in rows.keys() - copied:
            assert rows[name].fate == ("reinitialised" if name in before else "dropped")
            assert rows[name].why.startswith("the source's ") or " has shape " in rows[name].why, rows[name].why
        return {fate.role for fate in rows.values() if fate.fate == "copied"}

    def test_dqn_to_qrdqn(self):
        assert self.carried(made("dqn", seed=1), made("qrdqn")) == {"value_body"}

    def test_ppo_to_sac(self):
        # SAC's head gives actions in units of their bounds, PPO's as they are.
        assert self.carried(made("ppo", seed=1), made("sac", activation="tanh")) == {"policy_body"}

    def test_sac_to_ppo(self):
        assert self.carried(made("sac", activation="tanh", seed=1), made("ppo")) == {"policy_body"}

    def test_layers_of_another_activation_do_something_else(self):
        with pytest.raises(ConfigError, match="policy_body has tanh layers, the target's relu layers"):
            fine_tune("sac").transfer(made("sac"), knowledge_of(made("ppo", seed=1)))
        with pytest.raises(ConfigError, match="policy_body has elu layers, the target's tanh layers"):
            fine_tune().transfer(made("ppo"), knowledge_of(made("ppo", activation="elu", seed=1)))

    @pytest.mark.parametrize("pair", [("ppo", "a2c"), ("trpo", "ppo"), ("a2c", "trpo")])
    def test_among_actor_critics_everything_fits(self, pair):
        source, target = made(pair[0], seed=1), made(pair[1])
        roles = {"policy_body", "policy_head", "exploration", "value_body", "value_head"}
        assert self.carried(source, target) == roles
        assert as_bytes(target.networks()) == as_bytes(source.networks())

    def test_ddpg_to_td3_the_actor_alone(self):
        assert self.carried(made("ddpg", seed=1), made("td3")) == {"policy_body", "policy_head"}
        assert self.carried(made("ddpg", seed=1), made("td3", n_critics=1)) == {
            *("policy_body", "policy_head", "value_body", "value_head")
        }

    def test_sac_and_tqc_share_all_but_the_value_head(self):
        roles = {"policy_body", "policy_head", "exploration", "value_body"}
        assert self.carried(made("sac", seed=1), made("tqc")) == roles

    @pytest.mark.parametrize(("theirs", "ours"), [("dqn", "sac"), ("td3", "qrdqn")])
    def test_no_shared_role_is_refused_in_one_line(self, theirs, ours):
        target = made(ours)
        before = as_bytes(target.networks())
        with pytest.raises(ConfigError, match="no role of the source fits the target: ") as caught:
            fine_tune(ours).transfer(target, knowledge_of(made(theirs, seed=1)))
        assert "\n" not in caught.value.message
        assert as_bytes(target.networks()) == before

    def test_a_role_asked_for_by_name_must_fit(self):
        source, target = made("ppo", seed=1), made("sac", activation="tanh")
        says = r"the source's exploration \(ppo\) is for actions as they are, the target's \(sac\) is not: drop"
        with pytest.raises(ConfigError, match=says):
            fine_tune("sac", roles=["policy_body", "exploration"]).transfer(target, knowledge_of(source))


@pytest.mark.parametrize(
    ("algorithm", "freeze", "loss"),
    [
        ("ppo", ["policy_body", "policy_head"], "policy"),
        ("ppo", ["value_head", "value_body"], "value"),
        ("ppo", list(ROLES), "policy"),
        ("dqn", ["value_body", "value_head"], "value"),
        *((algorithm, list(ROLES), LEARNERS[algorithm].parts[0]) for algorithm in ALGORITHMS),
    ],
)
def test_freezing_all_that_a_loss_trains_is_refused(algorithm, freeze, loss):
    with pytest.raises(ConfigError, match=f"{algorithm}'s {loss} loss nothing to train.*thaw") as caught:
        fine_tune(algorithm, freeze=freeze)
    assert caught.value.key == "0.fine_tune.freeze"


@pytest.mark.parametrize(
    ("algorithm", "settings", "key", "says"),
    [
        ("ppo", {"freeze_steps": 10}, "freeze_steps", "nothing is frozen"),
        ("ppo", {"freeze": ["value_body"], "gradual_unfreezing": True}, "gradual_unfreezing", "freeze_steps"),
        ("dqn", {"critic_warmup_steps": 5}, "critic_warmup_steps", "no policy apart from its value"),
        ("qrdqn", {"critic_warmup_steps": 5}, "critic_warmup_steps", "no policy apart from its value"),
        ("trpo", {"critic_warmup_steps": 5}, "critic_warmup_steps", "trpo's policy uses no optimizer"),
        ("trpo", {"freeze": ["policy_body"]}, "freeze", "trpo's policy uses no optimizer"),
        ("trpo", {"freeze": ["features"], "freeze_steps": 9}, "freeze", "trpo's policy uses no optimizer"),
        ("trpo", {"learning_rate_scale": {"exploration": 2}}, "learning_rate_scale", "trpo's policy uses no"),
        ("ppo", {"learning_rate_scale": {"value_body": 0}}, "learning_rate_scale.value_body", "greater than 0"),
        ("ppo", {"shrink": 1.5}, "shrink", "less than or equal to 1"),
        ("ppo", {"perturb": -1}, "perturb", "greater than or equal to 0"),
        ("ppo", {"optimizer": "cary"}, "optimizer", "did you mean 'carry'"),
        ("ppo", {"statistics": "reestimated"}, "statistics", "did you mean 'reestimate'"),
    ],
)
def test_settings_that_can_not_work_are_refused_before_anything_runs(algorithm, settings, key, says):
    with pytest.raises(ConfigError, match=says) as caught:
        fine_tune(algorithm, **settings)
    assert caught.value.key == f"0.fine_tune.{key}"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("setting", ["roles", "freeze"])
def test_an_unknown_role_is_named(setting):
    with pytest.raises(ConfigError, match="'policy_bdy' is not known; did you mean 'policy_body'") as caught:
        fine_tune(**{setting: ["policy_bdy"]})
    assert caught.value.key == f"0.fine_tune.{setting}.0"


@pytest.mark.parametrize(
    ("net_arch", "says"),
    [([8, 8], "policy_body has the tensors .*2.weight.*architecture"), ([4], r"policy_body/0\.\w+ has shape \(4")],
)
def test_other_architectures_are_refused_and_nothing_is_copied(agents, net_arch, says):
    target = agents[0]
    source = made("ppo", seed=1, net_arch=net_arch)
    before = as_bytes(target.networks())
    with pytest.raises(ConfigError, match=says):
        fine_tune().transfer(target, Knowledge(networks=source.networks()))
    assert as_bytes(target.networks()) == before


def test_heads_of_other_architectures_fit_if_their_inputs_do(agents):
    target = agents[0]
    source = made("ppo", seed=1, net_arch=[4, 8])
    fine_tune(roles=["policy_head"]).transfer(target, Knowledge(networks=source.networks()))
    assert np.array_equal(target.networks()["policy_head"]["weight"], source.networks()["policy_head"]["weight"])


def test_continuous_and_discrete_agents_share_no_exploration(agents):
    target = learner(ppo())
    target.close()
    with pytest.raises(ConfigError, match="exploration has the tensors log_std, the target's none"):
        fine_tune().transfer(target, Knowledge(networks=agents[1].networks()))


def test_of_an_unknown_algorithm_everything_must_fit(agents):
    source = learner(dqn())
    source.close()
    with pytest.raises(ConfigError, match="policy_body has the tensors none"):
        fine_tune().transfer(agents[0], Knowledge(networks=source.networks()))


def test_every_algorithm_has_a_tiny_learner():
    assert set(ALGORITHMS) == set(TINY)
