import math

import numpy as np
import pytest

from stages.methods.deduplicate.semantic import (
    MOST_BANDS,
    MOST_ROWS,
    STRAY,
    Banding,
    agreement,
    cosine,
    cosine_banding,
    semantic_keys,
)


def scaled(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.rint(unit * 10_000).astype(np.int16)


def pairs(similarity, count, dimensions=128):
    """Two arrays of vectors, row by row of this cosine."""
    random = np.random.default_rng(5)
    one, other = random.standard_normal((2, count, dimensions))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other -= (one * other).sum(axis=1, keepdims=True) * one
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    return scaled(one), scaled(similarity * one + math.sqrt(1 - similarity**2) * other)


def test_keys_and_cosines_are_these_numbers_on_every_machine():
    vectors = np.array([[10_000, 0, 0], [6_000, -8_000, 0], [-5_774, 5_774, 5_773]], np.int16)
    keys = semantic_keys(vectors, Banding(2, 3))
    assert [[hex(key) for key in row] for row in keys.tolist()] == [
        ["0x661b9000161a7ccc", "0xcac6a0c06a85d756"],
        ["0x661b9000161a7ccc", "0xcac6a0c06a85d756"],
        ["0xcfd2468c0d0db9be", "0x52de6f320f29672d"],
    ]
    assert cosine(vectors[0], vectors).tolist() == [1.0, 0.6, -0.577384]


@pytest.mark.parametrize("threshold", [0.51, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("recall", [0.6, 0.9, 0.98, 0.999])
def test_bands_reach_the_recall_at_the_threshold_with_no_band_to_spare(threshold, recall):
    cut = cosine_banding(threshold, recall)
    assert cut.proposes(agreement(threshold)) >= recall
    assert cut.bands == 1 or Banding(cut.bands - 1, cut.rows).proposes(agreement(threshold)) < recall
    assert cut.bands <= MOST_BANDS
    assert cut.rows <= MOST_ROWS


@pytest.mark.parametrize("threshold", [0.95, 0.97, 0.99])
def test_few_pairs_far_below_a_high_threshold_are_proposed(threshold):
    cut = cosine_banding(threshold, 0.98)
    assert cut.proposes(agreement(threshold / 2)) <= STRAY
    assert cut.proposes(agreement(0)) < 1e-4


def test_planes_part_two_vectors_as_often_as_their_angle_says():
    assert agreement(1) == 1
    assert agreement(0) == 0.5
    assert agreement(-1) == pytest.approx(0)
    assert agreement(0.5) == pytest.approx(2 / 3)


@pytest.mark.parametrize("similarity", [0.475, 0.9, 0.95, 0.97])
def test_pairs_are_proposed_as_often_as_expected(similarity):
    cut = cosine_banding(0.95, 0.98)
    one, other = pairs(similarity, 2000)
    met = (semantic_keys(one, cut) == semantic_keys(other, cut)).any(axis=1)
    expected = cut.proposes(agreement(similarity))
    assert met.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 2000))


def test_one_plane_parts_a_pair_as_often_as_expected_for_sparse_vectors_too():
    one, other = pairs(0.5, 500, dimensions=2)
    met = semantic_keys(one, Banding(512, 1)) == semantic_keys(other, Banding(512, 1))
    assert met.mean() == pytest.approx(agreement(0.5), abs=0.03)


def test_a_vectors_keys_do_not_depend_on_its_company_or_on_the_number_of_bands():
    vectors, _ = pairs(0.5, 40)
    together = semantic_keys(vectors, Banding(8, 10))
    assert np.array_equal(
        np.concatenate([semantic_keys(vectors[i : i + 1], Banding(8, 10)) for i in range(40)]), together
    )
    assert np.array_equal(semantic_keys(vectors, Banding(3, 10)), together[:, :3])


def test_equal_vectors_share_all_keys_and_bands_share_none():
    vectors = np.full((3, 16), 2_500, np.int16)
    keys = semantic_keys(vectors, Banding(20, 6))
    assert np.array_equal(keys[0], keys[1])
    assert len(np.unique(keys)) == 20


def test_keys_do_not_depend_on_the_length_of_a_vector():
    vectors, _ = pairs(0.5, 40)
    assert np.array_equal(semantic_keys(vectors, Banding(9, 7)), semantic_keys(vectors * np.int16(3), Banding(9, 7)))


def test_cosine_is_exact_at_the_limits_of_its_numbers():
    largest = np.full(4096, -32_768, np.int16)
    others = np.stack((largest, np.full(4096, 32_767, np.int16), np.zeros(4096, np.int16)))
    assert cosine(largest, others).tolist() == [1.0, -1.0, 0.0]
    assert cosine(np.zeros(4096, np.int16), others).tolist() == [0.0, 0.0, 0.0]


def test_cosine_agrees_with_whole_number_arithmetic():
    one, other = pairs(0.8, 20)
    for a, b, found in zip(one.tolist(), other.tolist(), [cosine(a, other)[i] for i, a in enumerate(one)], strict=True):
        product = sum(x * y for x, y in zip(a, b, strict=True))
        norms = math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
        assert found == round(product / norms, 6)


def test_no_vectors_give_no_keys_and_no_cosines():
    none = np.empty((0, 8), np.int16)
    assert semantic_keys(none, Banding(2, 3)).shape == (0, 2)
    assert cosine(np.ones(8, np.int16), none).shape == (0,)


def test_of_records_with_several_vectors_the_least_similar_counts():
    one, other = np.array([[1, 0], [0, 1]], np.int16), np.array([[1, 0], [1, 1]], np.int16)
    assert cosine(one, np.stack([one, other])).tolist() == [1.0, 0.707107]
