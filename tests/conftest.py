"""Settings that all tests share."""

import hypothesis
import numpy as np
import pytest

# The same examples on every machine and at every run: a red test must stay red until it is mended.
hypothesis.settings.register_profile("book", deadline=None, derandomize=True, max_examples=60)
hypothesis.settings.load_profile("book")


@pytest.fixture
def rng():
    return np.random.default_rng(20)
