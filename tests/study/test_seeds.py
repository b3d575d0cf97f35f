from itertools import product
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rl_transfer import seeds

BRANCHES = get_args(seeds.Branch)
roles = st.sampled_from(["source", "target"])
indices = st.integers(0, 2**32 - 1)
branches = st.sampled_from(BRANCHES)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("source", 0, "initial"), 1010276040),
        (("target", 0, "initial"), 1724725649),
        (("target", 7, "segment"), 1814892285),
        (("target", 7, "scramble"), 1859066734),
    ],
)
def test_numbers_stay_as_they_are(arguments, number):
    assert seeds.integer(*arguments) == number


def test_no_two_branches_share_a_stream():
    everything = list(product(["source", "target"], range(20), BRANCHES, range(5)))
    states = {tuple(seeds.sequence(*arguments).generate_state(4)) for arguments in everything}
    assert len(states) == len(everything)


def test_a_branch_and_its_first_counter_share_no_stream():
    assert seeds.integer("source", 0, "initial") != seeds.integer("source", 0, "initial", 0)


@given(role=roles, seed=indices, branch=branches, place=st.lists(indices, max_size=3))
def test_the_same_arguments_give_the_same_stream(role, seed, branch, place):
    first, second = (seeds.generator(role, seed, branch, *place) for _ in range(2))
    assert np.array_equal(first.random(4), second.random(4))
    number = seeds.integer(role, seed, branch, *place)
    assert type(number) is int and 0 <= number < 2**31
