"""The character lesson: the yardstick is right, and the network gets below it by looking further back."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_edu.lessons import characters
from tinygrad_edu.lessons.characters import CharacterModel, bigram_entropy, encode, sample, text_loss, train


def test_bigram_entropy_is_the_loss_of_a_reader_who_has_counted_all_pairs():
    text = characters.page()
    alphabet = sorted(set(text))
    numbers = encode(text, "".join(alphabet))
    counts = np.zeros((len(alphabet), len(alphabet)))
    np.add.at(counts, (numbers[:-1], numbers[1:]), 1)
    chances = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    assert bigram_entropy(text) == pytest.approx(-np.log(chances[numbers[:-1], numbers[1:]]).mean(), rel=1e-12)


def test_bigram_entropy_of_random_letters_is_that_of_the_letters():
    text = "".join(np.random.default_rng(0).choice(list("abcd"), 100_000))
    assert bigram_entropy(text) == pytest.approx(math.log(4), abs=1e-3)
    with pytest.raises(ValueError, match="at least two"):
        bigram_entropy("a")


def test_the_page_is_plain_text_of_a_page():
    assert 5_000 < len(characters.page()) < 10_000
    assert characters.page().isascii()


def test_text_loss_of_a_network_that_knows_nothing():
    model = CharacterModel("abcd", width=8, heads=2, blocks=1, rng=0)
    model.head.weight.data *= 0
    model.head.bias.data *= 0
    for length in (2, 64, 65, 66, 200):
        assert text_loss(model, "abcd" * 50 + "a"[: length % 2]) == pytest.approx(math.log(4), rel=1e-12)


def test_text_loss_averages_over_all_characters():
    """Against the chances that the network gives, character after character."""
    model = CharacterModel("ab", width=8, heads=2, blocks=1, rng=3)
    text = "abbabaaab" * 10
    numbers = encode(text, "ab")
    nats = []
    for i in range(1, len(numbers)):
        start = (i - 1) // characters.CONTEXT * characters.CONTEXT
        logits = model(numbers[start:i]).data[-1]
        nats.append(np.log(np.exp(logits).sum()) - logits[numbers[i]])
    assert text_loss(model, text) == pytest.approx(np.mean(nats), rel=1e-12)


def test_the_network_does_not_look_ahead():
    model = CharacterModel("abc", width=8, heads=2, rng=0)
    one, other = encode("abcabcabc", "abc"), encode("abcabaaaa", "abc")
    np.testing.assert_array_equal(model(one).data[:5], model(other).data[:5])
    assert (model(one).data[5:] != model(other).data[5:]).any()


def test_what_cannot_be_read_is_refused():
    model = CharacterModel("ab", width=8, heads=2, blocks=1, rng=0)
    with pytest.raises(ValueError, match="never seen 'c'"):
        sample(model, "abc")
    with pytest.raises(ValueError, match="prompt is empty"):
        sample(model, "")
    with pytest.raises(ValueError, match="a piece alone takes 65"):
        train("too short")


def test_samples_repeat_with_their_seed_and_follow_the_network():
    model = CharacterModel("ab", width=8, heads=2, blocks=1, rng=0)
    assert sample(model, "a", 80, rng=1) == sample(model, "a", 80, rng=np.random.default_rng(1))
    assert set(sample(model, "a", 80, rng=1)) == {"a", "b"}
    model.head.weight.data *= 0
    model.head.bias.data = [0.0, math.log(3)]  # b three times as probable as a
    written = sample(model, "a", 400, rng=0)[1:]
    assert written.count("b") / 400 == pytest.approx(0.75, abs=5 * math.sqrt(0.75 * 0.25 / 400))


def test_training_repeats_with_its_seed():
    runs = [train("to be or not to be, " * 8, steps=3, seed=seed) for seed in (1, 1, 2)]
    assert runs[0].losses == runs[1].losses != runs[2].losses
    assert runs[0].loss == runs[1].loss


SCRIPT = """
import json
from tinygrad_edu.lessons.characters import sample, train
result = train(steps=200)
print(json.dumps({
    "parameters": sum(p.size for p in result.model.parameters()),
    "loss": result.loss, "entropy": result.entropy, "looks_back": result.looks_back,
    "dtypes": sorted({str(p.dtype) for p in result.model.parameters()}),
    "written": sample(result.model, "The network ", 100, rng=0),
}))
"""


def test_it_gets_below_the_bigram_entropy():
    # One thread: with more, BLAS waits in vain on a machine where other tests run.
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", SCRIPT]
    run = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert found["parameters"] <= 100_000
    assert found["dtypes"] == ["float32"]
    assert found["entropy"] == bigram_entropy(characters.page())
    assert found["loss"] < found["entropy"] - 0.1
    assert found["looks_back"]
    assert len(found["written"]) == 112
