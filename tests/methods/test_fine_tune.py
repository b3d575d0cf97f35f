"""Fine-tuning in detail."""

import numpy as np
import pytest
from builders import as_bytes, dqn, learner, ppo

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import ROLES, Knowledge
from rl_transfer.methods import build_methods
from rl_transfer.study import Named, TaskConfig


def fine_tune(algorithm="ppo", **settings):
    return build_methods([Named(name="fine_tune", settings=settings)], algorithm)[0]


@pytest.fixture
def agents():
    made = [learner(ppo(), seed=seed) for seed in (0, 1)]
    yield made
    for agent in made:
        agent.close()


def test_everything_is_copied_by_default(agents):
    target, source = agents
    fates = fine_tune().transfer(target, Knowledge(networks=source.networks()))
    assert as_bytes(target.networks()) == as_bytes(source.networks())
    assert {fate.fate for fate in fates} == {"copied"}
    assert {fate.frozen for fate in fates} == {"no"}


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("features", "exploration")])
def test_only_the_named_role_is_copied(agents, role):
    target, source = agents
    before, theirs = as_bytes(target.networks()), as_bytes(source.networks())
    fates = fine_tune(roles=[role]).transfer(target, Knowledge(networks=source.networks()))
    after = as_bytes(target.networks())
    for name in after:
        assert after[name] == (theirs if name.startswith(f"{role}/") else before)[name], name
    assert {fate.role for fate in fates if fate.fate == "copied"} == {role}


@pytest.mark.parametrize(
    ("algorithm", "freeze", "loss"),
    [
        ("ppo", ["policy_body", "policy_head"], "policy"),
        ("ppo", ["value_head", "value_body"], "value"),
        ("ppo", list(ROLES), "policy"),
        ("dqn", ["value_body", "value_head"], "value"),
    ],
)
def test_freezing_all_that_a_loss_trains_is_refused(algorithm, freeze, loss):
    with pytest.raises(ConfigError, match=f"{algorithm}'s {loss} loss nothing to train.*thaw") as caught:
        fine_tune(algorithm, freeze=freeze)
    assert caught.value.key == "0.fine_tune.freeze"


@pytest.mark.parametrize("setting", ["roles", "freeze"])
def test_an_unknown_role_is_named(setting):
    with pytest.raises(ConfigError, match="policy_bdy") as caught:
        fine_tune(**{setting: ["policy_bdy"]})
    assert caught.value.key == f"0.fine_tune.{setting}.0"


@pytest.mark.parametrize(
    ("net_arch", "says"),
    [([8, 8], "policy_body has the tensors .*2.weight.*architecture"), ([4], r"policy_body/0\.\w+ has shape \(4")],
)
def test_other_architectures_are_refused_and_nothing_is_copied(agents, net_arch, says):
    target = agents[0]
    source = learner(ppo(net_arch=net_arch), seed=1)
    before = as_bytes(target.networks())
    with pytest.raises(ConfigError, match=says):
        fine_tune().transfer(target, Knowledge(networks=source.networks()))
    assert as_bytes(target.networks()) == before
    source.close()


def test_heads_of_other_architectures_fit_if_their_inputs_do(agents):
    target = agents[0]
    source = learner(ppo(net_arch=[4, 8]), seed=1)
    fine_tune(roles=["policy_head"]).transfer(target, Knowledge(networks=source.networks()))
    assert np.array_equal(target.networks()["policy_head"]["weight"], source.networks()["policy_head"]["weight"])
    source.close()


def test_continuous_and_discrete_agents_share_no_exploration(agents):
    source = learner(ppo(), TaskConfig(id="probes:Walk-v0", kwargs={"continuous": True}))
    with pytest.raises(ConfigError, match="exploration has the tensors log_std, the target's none"):
        fine_tune().transfer(agents[0], Knowledge(networks=source.networks()))
    source.close()


def test_another_algorithm_is_refused(agents):
    source = learner(dqn())
    with pytest.raises(ConfigError, match="policy_body has the tensors none"):
        fine_tune().transfer(agents[0], Knowledge(networks=source.networks()))
    source.close()
