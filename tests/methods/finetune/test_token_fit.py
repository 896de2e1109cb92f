import pytest

from stages.methods.finetune.token_fit import Term, TokenFit


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import BertTokenizer

    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "heart",
        "beats",
        "my",
        "##o",
        "##card",
        "##itis",
    ]
    return BertTokenizer(vocab={word: i for i, word in enumerate(vocabulary)})


def fitted(texts, tokenizer):
    fit = TokenFit()
    fit.add(texts, tokenizer)
    return fit


def test_tokens_words_and_unknown_tokens_are_counted(tokenizer):
    fit = fitted(["the heart beats", "the zebra"], tokenizer)
    assert (fit.pieces, fit.words, fit.unknown) == (5, 5, 1)


def test_a_term_that_falls_apart_is_listed_with_its_records(tokenizer):
    texts = ["Myocarditis, myocarditis: the heart", *["the myocarditis"] * 9]
    assert fitted(texts, tokenizer).terms(tokenizer) == [Term("myocarditis", 10, 4)]


def test_a_word_of_few_records_is_not_shown(tokenizer):
    assert fitted(["the myocarditis"] * 9, tokenizer).terms(tokenizer) == []
