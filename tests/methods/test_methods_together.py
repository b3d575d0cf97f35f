"""Methods in one arm: every two of them run together and both do something, or are refused with the reason."""

from functools import cache
from itertools import combinations

import pytest
from builders import arm_spec, carry_out, handmade_references, outputs, run_spec, source_spec, status, tiny

from rl_transfer.errors import ConfigError
from rl_transfer.methods import build_methods, method_class, method_names
from rl_transfer.study import Named

SETTINGS = {
    # Where its defaults need more than a tiny source has, or would do too much of it.
    "demonstrations": {"steps": 40},
    "elastic_weights": {"samples": 30},
    "jump_start": {"horizon": 6, "variant": "random", "stages": 3},
    "offline_pretrain": {"gradient_steps": 5},
    "replay": {"share": 0.25},
}
FREEZING = ("feature_extraction", "random_features")
REFUSED = {
    **dict.fromkeys([("jump_start", "policy_reuse")], "decides what"),
    **dict.fromkeys([("offline_pretrain", name) for name in FREEZING], "would train what"),
    **dict.fromkeys([("feature_extraction", "offline_pretrain")], "would train what"),
    **dict.fromkeys([(name, "shaping") for name in ("demonstrations", "offline_pretrain", "replay")], "has not shaped"),
}
"""By two methods, in alphabetical order, why they can't be in one arm."""
UNSEEN = {("feature_extraction", "random_features")}
"""One freezes what the other has carried, and carries nothing itself."""
PAIRS = list(combinations(method_names(), 2))


def both_defined(algorithm):
    return [pair for pair in PAIRS if all(algorithm in method_class(name).algorithms for name in pair)]


@pytest.fixture(scope="module")
def arm_of(tmp_path_factory):
    """Carries out arms of an algorithm, each once."""
    root = tmp_path_factory.mktemp("together")
    references = handmade_references(root, [-1e6 - number for number in range(5)])  # which no guard is alarmed by

    @cache
    def carried_out(algorithm, *names):
        source = source_of(algorithm)
        spec = arm_spec(run_spec(tiny(algorithm)), source, *((name, SETTINGS.get(name, {})) for name in names))
        return carry_out(spec, root, source, references=references if "guard" in names else [])

    @cache
    def source_of(algorithm):
        return carry_out(source_spec(tiny(algorithm)), root)

    return carried_out


@pytest.mark.parametrize("names", list(REFUSED), ids="+".join)
def test_what_can_not_go_together_is_refused_whatever_the_order(names):
    for order in (names, names[::-1]):
        with pytest.raises(ConfigError, match=REFUSED[names]) as caught:
            build_methods([Named(name=name) for name in order], "dqn")
        assert caught.value.key.partition(".")[2] in names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "names"),
    [(algorithm, pair) for algorithm in ("ppo", "dqn", "sac") for pair in both_defined(algorithm)],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_all_others_run_and_both_do_something(algorithm, names, arm_of):
    if names in REFUSED:
        return
    together = arm_of(algorithm, *names)
    assert status(together)["outcome"] == "completed"
    found = outputs(together)["networks.safetensors"]
    for name in names:
        alone = outputs(arm_of(algorithm, name))["networks.safetensors"]
        # A guard that is not alarmed leaves training alone.
        assert (found != alone) or "guard" in names or names in UNSEEN, f"{names} is {name} alone"
