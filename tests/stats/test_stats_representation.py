"""What a layer still tells apart, against numbers worked by hand."""

import numpy as np
import pytest
from scipy.stats import entropy

from rl_transfer.stats import dead_share, effective_rank


class TestDeadShare:
    def test_units_that_never_change_are_dead_at_whatever_level(self):
        relu_off, saturated, alive, barely = [0, 0, 0], [0.999, 0.999, 0.999], [0, 1, 2], [0.001, 0.0, 0.002]
        output_BU = np.array([relu_off, saturated, alive, barely]).T
        # Ranges 0, 0, 2, 0.002; 1 % of their mean is 0.005005.
        assert dead_share(output_BU) == 0.75

    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
    def test_the_layer_s_scale_does_not_matter(self, scale):
        output_BU = np.random.default_rng(0).normal(size=(20, 4)) * [1, 1, 1, 0.001]
        assert dead_share(scale * output_BU) == 0.25

    def test_of_a_layer_that_never_changes_all_are(self):
        assert dead_share(np.ones((5, 3))) == 1.0


class TestEffectiveRank:
    def test_worked_by_hand(self):
        # Singular values 3 and 1: shares 3/4 and 1/4, entropy 0.5623 nats.
        assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(0.75 * np.log(4 / 3) + 0.25 * np.log(4)))
        assert effective_rank(np.eye(7)) == pytest.approx(7)
        assert effective_rank(np.outer([1.0, 2.0, 3.0], [1.0, -1.0])) == pytest.approx(1)

    def test_it_is_scipy_s_entropy(self):
        output_BU = np.random.default_rng(1).normal(size=(30, 5))
        found = np.exp(entropy(np.linalg.svd(output_BU)[1]))
        assert effective_rank(output_BU) == pytest.approx(found)

    def test_of_zeros_there_is_none(self):
        assert np.isnan(effective_rank(np.zeros((4, 2))))
