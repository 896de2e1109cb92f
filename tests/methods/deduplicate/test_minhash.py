import numpy as np
import pytest

from stages.methods.deduplicate.minhash import MOST_HASHES, Banding, band_keys, banding, signatures
from stages.methods.deduplicate.shingles import shingles, words


def test_signatures_and_keys_are_these_numbers_on_every_machine():
    fox = "the quick brown fox jumps over the lazy dog"
    values, starts = shingles(words([fox, " ".join(fox.split()[:5])]), 3)
    signature = signatures(values, starts, 4)
    assert [[hex(value) for value in row] for row in signature.tolist()] == [
        ["0x2755141b", "0xa75f053c"],
        ["0xbb6c9fa", "0xbb6c9fa"],
        ["0xfebb82", "0xfebb82"],
        ["0x6b961ac", "0x6b961ac"],
    ]
    keys = band_keys(signature, Banding(2, 2), np.array([1, 2], np.uint64))
    assert [[hex(key) for key in row] for row in keys.tolist()] == [
        ["0xea9b2a26612ca79c", "0x7c76a5ede03f3cbf"],
        ["0x34c22735ec8cf970", "0x3e76c8e12e248f5"],
    ]


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("recall", [0.6, 0.9, 0.98, 0.999])
def test_bands_reach_the_recall_at_the_threshold_with_no_band_to_spare(threshold, recall):
    cut = banding(threshold, recall)
    assert cut.proposes(threshold) >= recall
    assert cut.bands == 1 or Banding(cut.bands - 1, cut.rows).proposes(threshold) < recall
    assert cut.hashes <= MOST_HASHES or cut.rows == 1


def test_the_default_proposes_few_pairs_far_below_the_threshold():
    cut = banding(0.8, 0.98)
    assert cut == Banding(13, 6)
    assert cut.proposes(0.4) < 0.06
    assert cut.proposes(0.1) < 2e-5


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8])
def test_two_sets_agree_in_a_share_of_hashes_equal_to_their_similarity(similarity):
    rng = np.random.default_rng(7)
    shared, total = int(400 * similarity), 400
    agreements = []
    for _ in range(20):
        universe = rng.integers(0, 2**64, total, dtype=np.uint64)
        rest = (total - shared) // 2
        one, other = universe[: shared + rest], np.concatenate((universe[:shared], universe[shared + rest :]))
        both = signatures(np.concatenate((one, other)), np.array([0, len(one)]), 256)
        agreements.append(np.mean(both[:, 0] == both[:, 1]))
    assert np.mean(agreements) == pytest.approx(similarity, abs=0.03)


def test_equal_bands_meet_only_in_the_same_band_and_with_the_same_salt():
    signature = np.full((4, 3), 5, np.uint32)
    keys = band_keys(signature, Banding(2, 2), np.array([1, 1, 2], np.uint64))
    assert keys[0].tolist() == keys[1].tolist()
    assert len(np.unique(keys)) == 4
