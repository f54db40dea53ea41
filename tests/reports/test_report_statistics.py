import pytest

from reports.statistics import clopper_pearson, quantile


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.30850),
        (1, 2, 0.01258, 0.98742),
        (3, 125, 0.00498, 0.06854),
        (5, 10, 0.18709, 0.81291),
        (10, 10, 0.69150, 1.0),
        (34, 39, 0.72570, 0.95703),
    ],
)
def test_known_intervals(k, n, low, high):
    """A published exact interval would come out differently, and every rate would mislead."""
    assert clopper_pearson(k, n) == pytest.approx((low, high), abs=5e-6)


def test_zero_of_n_has_the_closed_form():
    """The limit for no failures in n would not be the one auditors size their samples by."""
    for n in (1, 29, 59, 299, 100_000):
        low, high = clopper_pearson(0, n)
        assert low == 0
        assert high == pytest.approx(1 - 0.025 ** (1 / n), rel=1e-9)


def test_limits_are_where_the_tails_are():
    """An interval would not be exact: the binomial tail beyond each limit would not be 2.5%."""
    from math import comb

    for k, n in ((1, 7), (12, 66), (33, 46), (89, 90)):
        low, high = clopper_pearson(k, n)
        above = sum(comb(n, i) * low**i * (1 - low) ** (n - i) for i in range(k, n + 1))
        below = sum(comb(n, i) * high**i * (1 - high) ** (n - i) for i in range(k + 1))
        assert above == pytest.approx(0.025, abs=1e-9)
        assert below == pytest.approx(0.025, abs=1e-9)


def test_nothing_observed_says_nothing():
    """A rate without observations would pretend to know something."""
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_large_counts_stay_inside():
    """An interval over many decisions would not contain the share itself."""
    for k, n in ((99_000, 100_000), (1, 1_000_000), (500_000, 1_000_000)):
        low, high = clopper_pearson(k, n)
        assert 0 < low < k / n < high < 1


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(k, n):
    """More successes than trials would be given an interval."""
    with pytest.raises(ValueError, match="count out of a total"):
        clopper_pearson(k, n)


def test_quantiles_interpolate():
    """A median of an even number of times would depend on who computes it."""
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([1.0, 2.0, 3.0, 4.0], 0) == 1.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 1) == 4.0
    assert quantile([7.0], 0.95) == 7.0
    with pytest.raises(ValueError, match="quantile of 0 values"):
        quantile([], 0.5)
