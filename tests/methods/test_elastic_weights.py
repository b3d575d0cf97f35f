"""Elastic weights: the penalty's gradient by hand, what is estimated when, placebo, mappings, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from builders import (
    BOX_WALK,
    arm_spec,
    carry_out,
    dqn,
    first_gradients,
    flat,
    handmade_source,
    knowledge_of,
    learner,
    outputs,
    ppo,
    run_spec,
    source_spec,
    task_of,
    tiny,
    train,
)

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES
from rl_transfer.methods import FisherEstimate, build_methods, method_class
from rl_transfer.run.fisher import estimate_fisher
from rl_transfer.run.transfer import for_target
from rl_transfer.store import write_json
from rl_transfer.study import MappingConfig, Named, TaskConfig
from rl_transfer.tasks import inspect_task, map_spaces

ALGORITHMS = sorted(method_class("elastic_weights").algorithms)
SEEN = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)


def method(algorithm, **settings):
    return build_methods([Named(name="elastic_weights", settings=settings)], algorithm)[0]


def build(algorithm, seed=0, **changes):
    config = tiny(algorithm, **changes)
    return learner(config, task_of(config) if algorithm in ("dqn", "qrdqn") else BOX_WALK, seed=seed)


def knowledge(algorithm, **changes):
    """A fresh agent of another seed, and what mattered to it."""
    agent = build(algorithm, seed=5, **changes)
    found = replace(knowledge_of(agent), fisher=agent.fisher(SEEN, np.random.default_rng(1)))
    agent.close()
    return found


def gradients_of(algorithm, source=None, **settings):
    """Gradients by role/name just before the first step of each optimizer, and the parameters then."""
    limited = algorithm in ("ppo", "a2c", "dqn", "qrdqn")
    agent = build(algorithm, **({"max_grad_norm": 1e9} if limited else {}))
    if source is not None:
        method(algorithm, **settings).attach(agent, source, np.random.default_rng(0))
    return first_gradients(agent)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_gradient_is_coefficient_times_fisher_times_distance(algorithm):
    source = knowledge(algorithm)
    roles = ["value_body", "value_head"]  # a critic's step changes the actor's loss, so one side alone
    plain, values = gradients_of(algorithm)
    drawn, _ = gradients_of(algorithm, source, coefficient=3.0, roles=roles)
    theirs, fisher = flat(source.networks), flat(source.fisher)
    found = [name for name in drawn if name.startswith(tuple(roles))]
    assert len(found) >= 4
    for name in found:
        pull = 3.0 * fisher[name] * (values[name] - theirs[name])
        assert drawn[name] - plain[name] == pytest.approx(pull, abs=3e-5), name
    assert any(np.abs(3.0 * fisher[name] * (values[name] - theirs[name])).max() > 1e-3 for name in found)


@pytest.mark.slow
def test_what_mattered_more_stays_nearer():
    source = knowledge("ppo")
    strong = {role: {name: np.zeros_like(array) for name, array in source.networks[role].items()} for role in ROLES}
    strong["policy_body"]["0.weight"][:, 0] = 1.0
    agent = build("ppo", learning_rate=0.02, n_epochs=20)
    method("ppo", coefficient=1000.0).attach(agent, replace(source, fisher=strong), np.random.default_rng(0))
    before = np.abs(agent.networks()["policy_body"]["0.weight"] - source.networks["policy_body"]["0.weight"])
    train(agent, 128)
    after = np.abs(agent.networks()["policy_body"]["0.weight"] - source.networks["policy_body"]["0.weight"])
    agent.close()
    assert after[:, 0].mean() < 0.3 * before[:, 0].mean()
    assert after[:, 1].mean() > 0.5 * before[:, 1].mean()


class TestAccount:
    def test_what_fits_is_drawn_and_the_rest_left_alone(self):
        source = knowledge("ppo", net_arch={"pi": [9], "vf": [8]})
        agent = build("ppo")
        found = method("ppo")
        fates = {fate.role: (fate.fate, fate.why) for fate in found.transfer(agent, source)}
        assert fates["value_head"][0] == "copied"
        assert fates["value_head"][1].startswith("drawn to the source's with strength 400 times Fisher information (")
        assert fates["policy_body"][0] == "dropped"
        assert fates["policy_body"][1].startswith("left alone: policy_body/0.weight has shape (9, 2)")
        before = flat(agent.networks())
        found.attach(agent, source, np.random.default_rng(0))
        train(agent, 64)
        agent.close()
        plain = build("ppo")
        train(plain, 64)
        assert not np.array_equal(flat(plain.networks())["policy_body/0.weight"], before["policy_body/0.weight"])
        plain.close()

    def test_nothing_that_fits_is_refused(self):
        agent = build("ppo")
        with pytest.raises(ConfigError, match="no role of the source fits the target") as caught:
            method("ppo", roles=["policy_body"]).transfer(agent, knowledge("ppo", net_arch=[9]))
        agent.close()
        assert caught.value.key == "roles"


class TestPlacebo:
    def test_parameters_and_what_they_mattered_are_permuted_together(self):
        source = knowledge("ppo")
        facts = inspect_task(BOX_WALK)
        agent = build("ppo")
        found = for_target(source, agent, map_spaces(None, facts, facts), np.random.default_rng(2))
        agent.close()
        for name, array in flat(source.networks).items():
            theirs, mattered = flat(found.networks)[name].ravel(), flat(found.fisher)[name].ravel()
            pairs = sorted(zip(array.ravel().tolist(), flat(source.fisher)[name].ravel().tolist(), strict=True))
            if array.size > 1:
                assert sorted(zip(theirs.tolist(), mattered.tolist(), strict=True)) == pairs, name
            else:
                assert mattered.tolist() == [pairs[0][1]], name
        assert not np.array_equal(found.fisher["policy_body"]["0.weight"], source.fisher["policy_body"]["0.weight"])


class TestMappings:
    def mapped(self, mapping, source_task, target_task):
        source_agent, agent = learner(ppo(), source_task, seed=5), learner(ppo(), target_task)
        shape = source_agent.networks()
        fisher = {role: {name: np.abs(array) + 1 for name, array in shape[role].items()} for role in ROLES}
        found = replace(knowledge_of(source_agent), fisher=fisher)
        spaces = map_spaces(MappingConfig(**mapping), inspect_task(source_task), inspect_task(target_task))
        try:
            return fisher, for_target(found, agent, spaces, None).fisher
        finally:
            agent.close()
            source_agent.close()

    CARTPOLE, ACROBOT = TaskConfig(id="CartPole-v1"), TaskConfig(id="Acrobot-v1")

    def test_picking_picks_and_what_is_new_has_never_mattered(self):
        mapping = {"observation": [None, 2, None, None, 3, None], "action": [0, None, 1]}
        theirs, ours = self.mapped(mapping, self.CARTPOLE, self.ACROBOT)
        columns = ours["policy_body"]["0.weight"]
        assert np.array_equal(columns[:, [1, 4]], theirs["policy_body"]["0.weight"][:, [2, 3]])
        assert not columns[:, [0, 2, 3, 5]].any()
        assert np.array_equal(ours["policy_head"]["bias"], theirs["policy_head"]["bias"][[0, 0, 1]] * [1, 0, 1])
        assert np.array_equal(ours["value_head"]["weight"], theirs["value_head"]["weight"])

    def test_what_is_turned_round_matters_as_much(self):
        mapping = {"observation": [{"index": 0, "scale": -1.0}, 1, 2, 3], "action": [0, 1]}
        theirs, ours = self.mapped(mapping, self.CARTPOLE, self.CARTPOLE)
        assert np.array_equal(ours["policy_body"]["0.weight"], theirs["policy_body"]["0.weight"])

    @pytest.mark.parametrize(
        ("mapping", "key", "message"),
        [
            ({"observation": [{"index": 0, "scale": 2.0}, 1, 2, 3]}, "mapping.observation", "where they are scaled"),
            ({"observation": [0, 0, 2, 3]}, "mapping.observation", "where several of the target's indices are one"),
            ({"action": [1, 1]}, "mapping.action", "where several of the target's indices are one"),
        ],
    )
    def test_more_than_that_is_refused(self, mapping, key, message):
        with pytest.raises(ConfigError, match=message) as caught:
            self.mapped(mapping, self.CARTPOLE, self.CARTPOLE)
        assert caught.value.key == key


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    return {config.algorithm: carry_out(source_spec(config), root) for config in (ppo(), dqn())}


class TestEstimates:
    @pytest.mark.slow
    def test_experience_is_used_where_there_is_some(self, sources):
        found = estimate_fisher(sources["dqn"], FisherEstimate(30, 1.0), np.random.default_rng(0))
        assert found.costs == {"fisher_samples": 30, "fisher_steps": 0}
        more = estimate_fisher(sources["dqn"], FisherEstimate(10**6, 1.0), np.random.default_rng(0))
        assert more.samples == 100, "all that the buffer holds"

    def test_without_it_the_source_plays(self, sources):
        found, again, other = (
            estimate_fisher(sources["ppo"], FisherEstimate(35, 1.0), np.random.default_rng(seed)) for seed in (0, 0, 1)
        )
        assert found.costs == {"fisher_samples": 35, "fisher_steps": 35}
        for name, array in flat(found.fisher).items():
            assert np.array_equal(array, flat(again.fisher)[name])
        assert (flat(found.fisher)["policy_body/0.weight"] != flat(other.fisher)["policy_body/0.weight"]).any()

    @pytest.mark.slow
    def test_runs_count_it_once_however_often_they_are_killed(self, sources, tmp_path):
        spec = arm_spec(run_spec(), sources["ppo"], ("elastic_weights", {"samples": 20}))
        costs = outputs(carry_out(spec, tmp_path / "a", sources["ppo"]))["costs"]
        assert (costs["fisher_samples"], costs["fisher_steps"]) == (20, 20)
        carry_out(spec, tmp_path / "b", sources["ppo"], stop_after_segment=1)
        assert outputs(carry_out(spec, tmp_path / "b", sources["ppo"]))["costs"] == costs
        others = outputs(carry_out(arm_spec(run_spec(), sources["ppo"], "fine_tune"), tmp_path, sources["ppo"]))
        assert "fisher_steps" not in others["costs"]

    def test_an_unfinished_source_is_refused(self, tmp_path):
        spec = source_spec()
        agent = learner(spec.learner)
        folder = handmade_source(tmp_path, spec, agent.networks())
        agent.close()
        with pytest.raises(ConfigError, match="this run is not finished"):
            estimate_fisher(folder, FisherEstimate(5, 1.0), np.random.default_rng(0))
        write_json(folder / "status.json", {"status": "finished", "outcome": "completed"})
        assert estimate_fisher(folder, FisherEstimate(5, 1.0), np.random.default_rng(0)).samples == 5


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"coefficient": -0.1}, "coefficient"),
        ({"roles": []}, "roles"),
        ({"roles": ["policy_bdy"]}, "roles.0"),
        ({"samples": 0}, "samples"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_bad_settings_are_named(settings, expected):
    with pytest.raises(ConfigError) as caught:
        method("ppo", **settings)
    assert caught.value.key == f"0.elastic_weights.{expected}"


def test_trpo_is_refused():
    with pytest.raises(ConfigError, match="elastic_weights is not defined for trpo"):
        method("trpo")
