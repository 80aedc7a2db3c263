"""Shares of batches: against all batches of small sets, one by one, and against seeded draws of larger ones."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest

from shapecheck.preflight import Batches
from shapecheck.preflight.batches import quantile, share_with_any, share_with_at_least


def every_batch(lengths: list[int], batch_size: int) -> list[tuple[int, ...]]:
    return list(combinations(range(len(lengths)), batch_size))


@pytest.mark.parametrize("seed", range(12))
def test_shares_are_those_of_all_batches(seed: int) -> None:
    drawn = random.Random(seed)
    lengths = [drawn.randint(1, 9) for _ in range(drawn.randint(3, 9))]
    batch_size = drawn.randint(1, len(lengths))
    fatal = [position for position in range(len(lengths)) if drawn.random() < 0.2]
    batches = every_batch(lengths, batch_size)
    spared = [batch for batch in batches if not set(batch) & set(fatal)]
    counted = Counter(min(lengths[position] for position in batch) for batch in spared)
    found = Batches(lengths, batch_size, fatal)
    assert found.shortest() == {length: Fraction(count, len(batches)) for length, count in counted.items()}
    outcomes = found.outcomes(lambda length: 3 <= length <= 5, lambda length: length == 2)
    assert outcomes.crash == Fraction(len(batches) - len(spared) + counted[2], len(batches))
    assert outcomes.dropped == Fraction(counted[3] + counted[4] + counted[5], len(batches))
    assert outcomes.fine + outcomes.crash + outcomes.dropped == 1
    enough = sum(sum(lengths[position] >= 6 for position in batch) >= 2 for batch in batches)
    assert found.share_with_enough(6, 2) == Fraction(enough, len(batches))


def test_shares_are_those_of_seeded_shuffles() -> None:
    drawn = random.Random(1)
    lengths = [drawn.choice((60, 70, *range(100, 400))) for _ in range(203)]
    found = Batches(lengths, 8)
    shares = found.outcomes(lambda length: length < 82, lambda _: False)
    dropped, batches = 0, 0
    for _ in range(400):
        order = drawn.sample(lengths, len(lengths))
        for start in range(0, 8 * found.per_epoch, 8):
            dropped += min(order[start : start + 8]) < 82
            batches += 1
    assert (found.per_epoch, found.left_over) == (25, 3)
    assert dropped / batches == pytest.approx(float(shares.dropped), abs=4 * (0.25 / batches) ** 0.5)


def test_five_percent_of_short_clips() -> None:
    assert float(share_with_any(1000, 50, 8)) == pytest.approx(0.34, abs=0.005)
    assert float(share_with_any(1000, 50, 16)) == pytest.approx(0.56, abs=0.005)


def test_fewer_clips_than_a_batch() -> None:
    small = Batches([5, 6], 4)
    assert (small.per_epoch, small.left_over) == (0, 2)
    assert small.shortest() == {}
    assert small.bucketed() == ()
    assert share_with_at_least(2, 1, 4, 1) == 0


def test_batches_of_like_length() -> None:
    assert Batches([5, 9, 1, 7, 3, 2], 2).bucketed() == (7, 3, 1)
    assert Batches([5, 9, 1], 2).bucketed() == (5,)  # the shortest one is left over


def test_quantiles_of_the_shortest() -> None:
    shares = {4: Fraction(1, 4), 6: Fraction(1, 2), 9: Fraction(1, 4)}
    assert [quantile(shares, level) for level in (0, 0.25, 0.26, 0.75, 0.8, 1)] == [4, 4, 6, 6, 9, 9]
    assert quantile({}, 0.5) is None


def test_a_batch_has_a_clip() -> None:
    with pytest.raises(ValueError, match="batch_size 0: expected 1 or more"):
        Batches([1], 0)


def test_a_dropped_batch_ends_no_run_later() -> None:
    """Lengths 1 are dropped, before anything refuses them; the clip of length 8 ends the run where none is."""
    found = Batches([1, 7, 8, 9], 2, late=[2])
    outcomes = found.outcomes(lambda length: length < 2, lambda length: length < 3)
    assert (outcomes.dropped, outcomes.crash) == (Fraction(3, 6), Fraction(2, 6))
