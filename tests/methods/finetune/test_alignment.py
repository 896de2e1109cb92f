import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import UsageError
from stages.core.records import Span
from stages.methods.finetune.alignment import bio, spans_of, tags_of, types_of, units, windows, words

TEXT = "Ann-Marie O'Neil's flat, 東京都 हिन्दी naïve 😀 costs $5.50 in foo_bar.\n\nWe left."
TOKENIZERS = ("wordpiece", "bytes", "bytes_after_space", "sentencepiece", "no_words")


def _tokenizer(kind):
    """A tokenizer of each family, trained on a line or two."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[CLS]", "[SEP]", "[PAD]", "[UNK]"]
    lines = [TEXT, "Ann lives in the flat in Tokyo. Marie costs us naïve Neil", "football barfoo"]
    if kind == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    elif kind.startswith("bytes"):
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=kind == "bytes_after_space")
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    else:
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        if kind == "sentencepiece":
            made.pre_tokenizer = pre_tokenizers.Metaspace()
        else:  # Gemma's way: spaces become a letter, and the whole text is one word
            made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        trainer = trainers.UnigramTrainer(
            vocab_size=90, special_tokens=special, unk_token="[UNK]", show_progress=False,
            initial_alphabet=list(string.ascii_lowercase),
        )  # fmt: skip
    made.train_from_iterator(lines, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, made.token_to_id(name)) for name in special[:2]]
    )
    made.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(request):
    return _tokenizer(request.param)


def _shown(text, bounds):
    return [text[start:end] for start, end in bounds]


def test_words_are_runs_of_letters_and_every_other_visible_character():
    assert _shown(TEXT, words(TEXT)) == [
        "Ann", "-", "Marie", "O", "'", "Neil", "'", "s", "flat", ",", "東", "京", "都", "हिन्दी", "naïve", "😀", "costs",
        "$", "5", ".", "50", "in", "foo", "_", "bar", ".", "We", "left", ".",
    ]  # fmt: skip


def test_an_accent_or_a_choice_of_looks_stays_with_its_character():
    text = "Zoe\u0308 ❤\ufe0f $"
    assert _shown(text, words(text)) == ["Zoe\u0308", "❤\ufe0f", "$"]


@given(st.text())
def test_words_hold_every_visible_character_once_and_in_order(text):
    assert "".join(_shown(text, words(text))) == "".join(text.split())


def test_each_word_is_read_at_a_token_that_covers_its_beginning(tokenizer):
    (some,) = windows([TEXT], tokenizer, 512, 32)
    for unit in units(TEXT, some):
        start, end = some[unit.window].offsets[unit.token]
        assert start <= unit.start < end


def test_no_two_words_share_a_token_and_no_word_is_lost(tokenizer):
    (some,) = windows([TEXT], tokenizer, 512, 32)
    found = units(TEXT, some)
    assert len({(unit.window, unit.token) for unit in found}) == len(found)
    covered = {place for unit in found for place in range(unit.start, unit.end)}
    assert covered >= {place for start, end in words(TEXT) for place in range(start, end)}


def test_spans_of_words_are_the_same_after_they_were_tags_of_tokens(tokenizer):
    names = {"Ann-Marie O'Neil": "person", "東京都": "place", "$5.50": "price"}
    spans = [Span(TEXT.index(name), TEXT.index(name) + len(name), label) for name, label in names.items()]
    (some,) = windows([TEXT], tokenizer, 512, 32)
    bounds = [(unit.start, unit.end) for unit in units(TEXT, some)]
    assert spans_of(tags_of(spans, bounds), bounds) == tuple(spans)


@pytest.mark.parametrize("max_length", [8, 9, 16, 24])
def test_windows_show_every_word_and_count_every_token_once(tokenizer, max_length):
    (whole,) = windows([TEXT], tokenizer, 512, 32)
    (some,) = windows([TEXT], tokenizer, max_length, 5)
    assert len(some) > 1
    assert all(len(window.inputs["input_ids"]) <= max_length for window in some)
    assert sum(window.new for window in some) == len(whole[0].inputs["input_ids"])
    one, many = units(TEXT, whole), units(TEXT, some)
    assert [(unit.start, unit.end) for unit in one] == [(unit.start, unit.end) for unit in many]
    tokens = [some[unit.window].offsets[unit.token] for unit in many]
    assert tokens == [whole[0].offsets[unit.token] for unit in one]


def test_a_word_is_read_in_the_window_that_shows_most_around_it():
    text = " ".join("flat" for _ in range(30))
    (some,) = windows([text], _tokenizer("wordpiece"), 12, 4)
    for unit in units(text, some):
        last = len(some[unit.window].offsets) - 1
        around = min(unit.token if unit.window else last, last - unit.token if unit.window < len(some) - 1 else last)
        assert around >= 2


def test_texts_keep_their_own_windows(tokenizer):
    texts = ["in", TEXT, "We left."]
    together = windows(texts, tokenizer, 16, 4)
    assert together == [windows([text], tokenizer, 16, 4)[0] for text in texts]


def test_a_text_whose_words_the_tokenizer_removes_has_none(tokenizer):
    assert windows([], tokenizer, 16, 4) == []
    (some,) = windows(["\u200d"], _tokenizer("wordpiece"), 16, 4)
    assert units("\u200d", some) == []


def test_a_tokenizer_that_does_not_tell_characters_is_refused():
    from transformers import ByT5Tokenizer

    with pytest.raises(UsageError, match=r"tokenizer\.json"):
        windows(["in"], ByT5Tokenizer(), 16, 4)


# --- spans and tags ---------------------------------------------------------------------------------------------------


def test_tags_come_in_the_usual_order_and_name_their_types():
    tags = bio(["b", "a-c"])
    assert tags == ["O", "B-b", "I-b", "B-a-c", "I-a-c"]
    assert types_of(tags) == ["b", "a-c"]


def test_neighbours_of_one_type_stay_two_spans():
    bounds = words("Ann Bob Cy")
    spans = (Span(0, 3, "person"), Span(4, 10, "person"))
    assert tags_of(spans, bounds) == ["B-person", "B-person", "I-person"]
    assert spans_of(tags_of(spans, bounds), bounds) == spans


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["O", "I-a", "I-a", "O"], [(1, 3, "a")]),
        (["B-a", "I-b", "I-b", "O"], [(0, 1, "a"), (1, 3, "b")]),
        (["I-a", "B-a", "O", "I-a"], [(0, 1, "a"), (1, 2, "a"), (3, 4, "a")]),
        (["O", "O", "O", "O"], []),
    ],
)
def test_tags_that_cannot_follow_are_read_as_conlleval_reads_them(tags, found):
    bounds = [(place, place + 1) for place in range(4)]
    assert spans_of(tags, bounds) == tuple(Span(*one) for one in found)


@pytest.mark.parametrize(
    ("text", "span", "widened"),
    [
        ("the Parisians", Span(4, 9, "place"), "Parisians"),
        ("unNATOlike it", Span(2, 6, "group"), "unNATOlike"),
        ("a New York-er", Span(2, 10, "place"), "New York"),
    ],
)
def test_a_span_that_ends_inside_a_word_is_widened_to_it(text, span, widened):
    bounds = words(text)
    (found,) = spans_of(tags_of([span], bounds), bounds)
    assert text[found.start : found.end] == widened


def test_a_word_belongs_to_the_span_that_covers_most_of_it():
    assert tags_of([Span(0, 2, "a"), Span(2, 6, "b"), Span(6, 7, "a")], words("abcdefg")) == ["B-b"]


@given(st.data())
def test_spans_of_whole_words_survive_as_tags(data):
    text = data.draw(st.text(alphabet="ab .-", min_size=1, max_size=30))
    bounds = words(text)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(bounds)), max_size=6)))
    pairs = [(first, last) for first, last in pairwise(cuts) if data.draw(st.booleans())]
    spans = tuple(
        Span(bounds[first][0], bounds[last - 1][1], data.draw(st.sampled_from("xy"))) for first, last in pairs
    )
    assert spans_of(tags_of(spans, bounds), bounds) == spans
