import pytest

from stages.core.errors import UsageError
from stages.methods.scrub_pii.detection.findings import NER
from stages.methods.scrub_pii.detection.ner import load_ner

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-MISC", "B-GIVENNAME", "B-SURNAME", "B-STREET", "I-STREET")
WORDS = {
    "O": ["the", "and", "met", "in", "on", "of", "##s", "##er", "-", ".", ",", "'", "s", "(", ")", "是"],
    "B-PER": ["anna", "bruno", "yu", "李"],
    "I-PER": ["smith", "jones", "明"],
    "B-LOC": ["paris", "京"],
    "I-LOC": ["north"],
    "B-MISC": ["german"],
    "B-GIVENNAME": ["clara"],
    "B-SURNAME": ["brandt"],
    "B-STREET": ["elm"],
    "I-STREET": ["st", ";", "york"],
}
WANTED = frozenset({"PERSON", "LOCATION", "STREET_ADDRESS"})


def save_classifier(folder, labels=LABELS, words=WORDS, architecture="BertForTokenClassification", positions=32):
    """A BERT whose label for a token is the one under which the token stands in `words`."""
    import torch
    import transformers

    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(word for some in words.values() for word in some)]
    size = max(8, len(labels))
    config = transformers.BertConfig(
        vocab_size=len(vocab), hidden_size=size, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=positions, id2label=dict(enumerate(labels)),
    )  # fmt: skip
    torch.manual_seed(0)
    model = getattr(transformers, architecture)(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(0.1)  # what the layer adds stays small beside the embeddings, and is not nothing
        embeddings = model.bert.embeddings.word_embeddings.weight
        embeddings[:5, 0] += 3
        for i, label in enumerate(labels):
            for word in words[label]:
                embeddings[vocab.index(word), i] += 3
        model.classifier.weight += 1.5 * torch.eye(len(model.classifier.weight), size)
    model.save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return load_ner(save_classifier(tmp_path_factory.mktemp("models") / "names"), "en", WANTED)


def found(finder, text):
    (findings,) = finder.find([text])
    return [(one.entity, text[one.start : one.end]) for one in findings]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the Anna Smith and Bruno in Paris.", [("PERSON", "Anna Smith"), ("PERSON", "Bruno"), ("LOCATION", "Paris")]),
        ("Anna Bruno", [("PERSON", "Anna"), ("PERSON", "Bruno")]),
        ("Clara Brandt", [("PERSON", "Clara Brandt")]),
        ("Brandt, Clara", [("PERSON", "Brandt"), ("PERSON", "Clara")]),
        ("Anna\nSmith", [("PERSON", "Anna"), ("PERSON", "Smith")]),
        ("on Elm St;\nYork; and", [("STREET_ADDRESS", "Elm St;\nYork")]),
        ("Annas Parisers", [("PERSON", "Annas"), ("LOCATION", "Parisers")]),
        ("Smith-Jones, (Anna's)", [("PERSON", "Smith-Jones"), ("PERSON", "Anna")]),
        ("the German and the Paris", [("LOCATION", "Paris")]),
        ("北京是 李明", [("LOCATION", "京"), ("PERSON", "李明")]),
        ("Zoe 😀 Änna  Smith", [("PERSON", "Änna  Smith")]),
        ("A\u0308nna \u200b\ud800 and Bruno\x00", [("PERSON", "A\u0308nna"), ("PERSON", "Bruno")]),
        ("[SEP] Anna [SEP] Smith", [("PERSON", "Anna"), ("PERSON", "Smith")]),
        ("the and", []),
        ("", []),
        (" \n\t", []),
        ("\u200b", []),
    ],
)
def test_names_have_exact_bounds(classifier, text, names):
    assert found(classifier, text) == names


def test_the_full_stop_of_an_abbreviation_belongs_to_it_where_the_model_says_so(tmp_path):
    words = {"O": ["the"], "PERSON": ["anna", "dr", "jr", "smith", "."]}
    finder = load_ner(save_classifier(tmp_path, tuple(words), words), "en", WANTED)
    assert found(finder, "the Dr. Anna Smith.") == [("PERSON", "Dr. Anna Smith")]
    assert found(finder, "Anna Smith Jr.") == [("PERSON", "Anna Smith Jr.")]


def test_the_score_is_a_probability_of_the_entity(classifier):
    ((anna, bruno, paris),) = classifier.find(["Anna Smith, Bruno, Paris"])
    assert 0.5 < anna.score < 1
    assert len({anna.score, bruno.score, paris.score}) > 1
    assert (anna.recognizer, anna.strength) == ("TransformersRecognizer", NER)


def test_a_text_longer_than_the_model_takes_is_searched_to_its_end(classifier):
    words = ["the"] * 997
    places = [*range(0, 997, 17), *range(500, 530, 3)]
    for place in places:
        words[place] = "Anna"
    assert found(classifier, " ".join(words)) == [("PERSON", "Anna")] * len(set(places))


def test_a_text_gives_the_same_whatever_its_company(classifier):
    import torch

    texts = ["Anna Smith and Bruno", "", "the Paris", "met " * 90 + "Clara", "Anna"]
    together = list(classifier.find(texts))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert [next(classifier.find([text])) for text in texts] == together
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert list(classifier.find(texts[::-1]))[::-1] == together


def test_only_the_wanted_are_given(tmp_path):
    finder = load_ner(save_classifier(tmp_path), "en", frozenset({"LOCATION"}))
    assert found(finder, "Anna in Paris") == [("LOCATION", "Paris")]


def test_labels_without_a_scheme_make_one_name_of_neighbours(tmp_path):
    words = {"O": ["the", "in"], "PERSON": ["anna", "smith"], "GPE": ["paris"]}
    finder = load_ner(save_classifier(tmp_path, tuple(words), words), "en", WANTED)
    assert found(finder, "the Anna Smith in Paris") == [("PERSON", "Anna Smith"), ("LOCATION", "Paris")]


def test_the_identity_changes_with_the_weights_and_with_what_is_wanted(tmp_path):
    one = load_ner(save_classifier(tmp_path / "a"), "en", WANTED).identity
    assert load_ner(save_classifier(tmp_path / "b"), "de", WANTED).identity == one
    assert load_ner(save_classifier(tmp_path / "b"), "en", frozenset({"PERSON"})).identity != one
    changed = WORDS | {"B-LOC": ["京", "paris"], "O": WORDS["O"][::-1]}
    assert load_ner(save_classifier(tmp_path / "c", words=changed), "en", WANTED).identity != one


def test_what_is_no_token_classifier_is_a_fault(tmp_path):
    place = save_classifier(tmp_path, architecture="BertForSequenceClassification")
    with pytest.raises(UsageError, match="no token classifier, but BertForSequenceClassification"):
        load_ner(place, "en", WANTED)


def test_a_model_that_finds_none_of_the_wanted_is_a_fault(tmp_path):
    with pytest.raises(UsageError, match=r"scrub_pii\.ner\.en: .* finds none of NRP \(its labels: B-GIVENNAME, B-LOC"):
        load_ner(save_classifier(tmp_path), "en", frozenset({"NRP"}))


def test_weights_that_are_not_safetensors_are_a_fault(tmp_path):
    place = save_classifier(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UsageError, match="no weights as safetensors"):
        load_ner(place, "en", WANTED)


def test_broken_weights_are_a_fault(tmp_path):
    place = save_classifier(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UsageError, match="weights cannot be loaded"):
        list(load_ner(place, "en", WANTED).find(["Anna"]))
