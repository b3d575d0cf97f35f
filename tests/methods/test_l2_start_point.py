"""The penalty towards the source's parameters: its gradient by hand, its clipping, what it does not touch."""

import numpy as np
import pytest
from builders import BOX_WALK, first_gradients, flat, knowledge_of, learner, task_of, tiny, train

from rl_transfer.errors import ConfigError
from rl_transfer.learner import LOSS_PATHS
from rl_transfer.methods import build_methods, method_class
from rl_transfer.study import LEARNERS, Named

ALGORITHMS = sorted(method_class("l2_start_point").algorithms)
CLIPPING = [name for name in ALGORITHMS if LEARNERS[name].model_fields.get("max_grad_norm")]


def method(algorithm, **settings):
    return build_methods([Named(name="l2_start_point", settings=settings)], algorithm)[0]


def build(algorithm, seed=0, **changes):
    config = tiny(algorithm, **changes)
    return learner(config, task_of(config) if algorithm in ("dqn", "qrdqn") else BOX_WALK, seed=seed)


def gradients_of(algorithm, source=None, limit=1e9, **settings):
    """Gradients by role/name just before the first step of each optimizer, and the parameters then."""
    agent = build(algorithm, **({"max_grad_norm": limit} if algorithm in CLIPPING else {}))
    if source is not None:
        method(algorithm, **settings).attach(agent, source, np.random.default_rng(0))
    return first_gradients(agent)


@pytest.fixture(scope="module")
def sources():
    """Fresh agents of another seed."""
    found = {}
    for algorithm in ALGORITHMS:
        agent = build(algorithm, seed=5)
        found[algorithm] = knowledge_of(agent)
        agent.close()
    return found


@pytest.mark.parametrize("part", ["policy", "value"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_gradient_is_the_strength_times_the_distance(algorithm, part, sources):
    if part not in LOSS_PATHS[algorithm]:
        return
    source, roles = sources[algorithm], LOSS_PATHS[algorithm][part]
    plain, values = gradients_of(algorithm)
    drawn, _ = gradients_of(algorithm, source, coefficient=0.25, roles=list(roles))
    theirs, found = flat(source.networks), 0
    for name, gradient in drawn.items():
        if name.startswith(roles):
            found += 1
            pull = 0.25 * (values[name] - theirs[name])
            assert gradient - plain[name] == pytest.approx(pull, abs=2e-5), name
        elif LEARNERS[algorithm].off_policy is False or part == "policy":  # a critic's step changes the actor's loss
            assert gradient == pytest.approx(plain[name], abs=2e-5), name
    assert found >= 4


@pytest.mark.parametrize("algorithm", CLIPPING)
def test_it_is_clipped_together_with_the_loss(algorithm, sources):
    gradients, _ = gradients_of(algorithm, sources[algorithm], limit=0.5, coefficient=1000.0)
    norm = np.sqrt(sum(float((gradient.astype(np.float64) ** 2).sum()) for gradient in gradients.values()))
    assert norm == pytest.approx(0.5, rel=1e-4)


@pytest.mark.slow
def test_a_strong_pull_ends_at_the_source():
    agent, source = build("ppo", learning_rate=0.05, n_epochs=20), build("ppo", seed=5)
    knowledge = knowledge_of(source)
    source.close()
    method("ppo", coefficient=1000.0).attach(agent, knowledge, np.random.default_rng(0))
    before = flat(agent.networks())
    train(agent, 128)
    agent.close()
    for name, array in flat(knowledge.networks).items():
        if "_body/" in name:
            far, near = (np.abs(found[name] - array).mean() for found in (before, flat(agent.networks())))
            assert near < 0.5 * far + 1e-3, name


def test_roles_that_do_not_fit_are_drawn_to_0():
    wide = build("ppo", net_arch={"pi": [9], "vf": [8]}, seed=5)
    knowledge = knowledge_of(wide)
    wide.close()
    found = method("ppo", other_coefficient=0.5)
    agent = build("ppo")
    fates = {fate.role: (fate.fate, fate.why) for fate in found.transfer(agent, knowledge)}
    agent.close()
    assert fates["value_body"] == ("copied", "drawn to the source's with strength 0.1")
    assert fates["policy_body"][0] == "dropped"
    assert fates["policy_body"][1].startswith("drawn to 0 with strength 0.5: ")
    plain, values = gradients_of("ppo")
    drawn, _ = gradients_of("ppo", knowledge, coefficient=0.0, other_coefficient=0.5)
    for name, gradient in drawn.items():
        pull = 0.5 * values[name] if name.startswith("policy_") else 0.0 * values[name]
        assert gradient - plain[name] == pytest.approx(pull, abs=2e-5), name


def test_frozen_roles_stay_as_they_are(sources):
    agent = build("ppo")
    before = flat(agent.networks())
    method("ppo", coefficient=10.0).attach(agent, sources["ppo"], np.random.default_rng(0))
    agent.freeze(["policy_body"])
    train(agent, 64)
    agent.close()
    after = flat(agent.networks())
    for name, array in before.items():
        assert np.array_equal(after[name], array) == name.startswith("policy_body/"), name


def test_nothing_that_fits_is_refused():
    other = build("ppo", net_arch=[9], seed=5)
    knowledge = knowledge_of(other)
    other.close()
    agent = build("ppo")
    with pytest.raises(
        ConfigError, match=r"no role of the source fits the target: policy_body/0\.weight has"
    ) as caught:
        method("ppo", roles=["policy_body", "value_body"]).transfer(agent, knowledge)
    agent.close()
    assert caught.value.key == "roles"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"coefficient": -0.1}, "coefficient"), ({"roles": []}, "roles"), ({"roles": ["policy_bdy"]}, "roles.0")],
)
def test_bad_settings_are_named(settings, expected):
    with pytest.raises(ConfigError) as caught:
        method("ppo", **settings)
    assert caught.value.key == f"0.l2_start_point.{expected}"


def test_trpo_is_refused():
    assert "trpo" in LOSS_PATHS
    with pytest.raises(ConfigError, match="l2_start_point is not defined for trpo"):
        method("trpo")
