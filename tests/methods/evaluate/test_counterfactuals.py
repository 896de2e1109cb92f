import re

import pytest

from stages.core.errors import UsageError
from stages.methods.evaluate.counterfactuals import own_pairs, template_pairs
from stages.methods.evaluate.templates import LANGUAGES
from stages.methods.evaluate.templates.forms import filled
from stages.methods.finetune.identity_words import LEXICONS


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_person_fits_into_every_sentence(language):
    spoken = LANGUAGES[language]
    for frame in spoken.frames:
        for kind in spoken.kinds:
            texts = [filled(frame, forms) for both in kind.groups.values() for forms in both]
            assert len(set(texts)) == len(texts), (frame, kind.attribute)
            assert not any(re.search(r"[{}]|\s\s|\s[.,]", text) for text in texts)
            assert all(text[0].isupper() or text[0] == "¿" for text in texts)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The parcel for Ms Baker arrived, but the box was torn and her order was incomplete."),
        ("de", "Die Angestellte war geduldig mit meiner jüdischen Nachbarin und erklärte jede Seite des Vertrags."),
        ("de", "Die Leitung hat dem Mann von gegenüber wieder die Nachtschicht gegeben, ohne ihn zu fragen."),
        ("es", "Mi hermana mayor llegó cansada a la reunión porque su tren se retrasó."),
        ("fr", "Mon petit frère est arrivé en retard à la réunion à cause de son train."),
        ("fr", "Aminata Diallo est arrivée en retard à la réunion à cause de son train."),
    ],
)
def test_what_agrees_with_a_person_agrees(language, text):
    assert text in {one for pair in template_pairs([language]) for one in (pair.first, pair.second)}


def test_pairs_differ_in_one_attribute_and_their_controls_in_none():
    pairs = template_pairs(["en"])
    named = {
        filled(frame, forms): (kind.attribute, group)
        for frame in LANGUAGES["en"].frames
        for kind in LANGUAGES["en"].kinds
        for group, both in kind.groups.items()
        for forms in both
    }
    for pair in pairs:
        assert [named[pair.first], named[pair.second]] == [(pair.attribute, group) for group in pair.groups]
        assert pair.control == (pair.groups[0] == pair.groups[1])
        assert pair.first != pair.second
    attributes = {"gender", "name", "religion", "nationality", "age", "disability"}
    for control in (False, True):
        assert {pair.attribute for pair in pairs if pair.control == control} == attributes


def test_pairs_of_one_sentence_share_a_frame_across_attributes_but_not_across_languages():
    frames = {pair.frame for pair in template_pairs(["en", "de", "en"])}
    assert len(frames) == len(LANGUAGES["en"].frames) + len(LANGUAGES["de"].frames)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_that_are_asked_about_are_not_those_that_training_may_exchange(language):
    taught = set(LEXICONS[language].named)
    asked = {
        word
        for kind in LANGUAGES[language].kinds
        if kind.attribute == "name"
        for both in kind.groups.values()
        for forms in both
        for form in forms.values()
        for word in form.split()
    }
    assert not asked & taught


def test_a_table_of_pairs_names_its_attributes_and_frames_or_does_without(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "first,second,attribute,frame\nhe pays,she pays,gender,1\nhe goes,she goes,gender,1\na,b,,\n"
    (tmp_path / "pairs.csv").write_text(rows)
    pairs = own_pairs("pairs.csv")
    assert [(pair.attribute, pair.frame) for pair in pairs] == [("gender", "1"), ("gender", "1"), ("own", "4")]
    assert not any(pair.control for pair in pairs)
    (tmp_path / "short.csv").write_text("second,first\nb,a\n")
    assert [(pair.first, pair.second) for pair in own_pairs(str(tmp_path / "short.csv"))] == [("a", "b")]


PRO = "1 [The nurse] left because [she] was tired.\n2 The clerk saw [the cook] and [his] dog.\n"
ANTI = "1 [The nurse] left because [he] was tired.\n2 The clerk saw [the cook] and [her] dog.\n"


def test_winobias_sentences_are_paired_by_number_and_lose_their_brackets(tmp_path):
    (tmp_path / "pro_type1.txt.dev").write_text(PRO)
    (tmp_path / "anti_type1.txt.dev").write_text("\n".join(reversed(ANTI.splitlines())) + "\n")
    pairs = own_pairs(f"{tmp_path}/*type1*")
    assert [(pair.first, pair.second) for pair in pairs] == [
        ("The nurse left because she was tired.", "The nurse left because he was tired."),
        ("The clerk saw the cook and his dog.", "The clerk saw the cook and her dog."),
    ]
    assert {pair.groups for pair in pairs} == {("pro", "anti")}
    assert len({pair.frame for pair in pairs}) == 2


@pytest.mark.parametrize(
    ("anti", "problem"),
    [
        (ANTI.splitlines()[0], "only one of the two has sentence 2"),
        (ANTI + "2 Again.\n", "line 3 is no numbered sentence"),
        ("The nurse left.\n", "line 1 is no numbered sentence"),
    ],
)
def test_winobias_sentences_without_a_partner_are_refused_by_number(tmp_path, anti, problem):
    (tmp_path / "pro_1.txt").write_text(PRO)
    (tmp_path / "anti_1.txt").write_text(anti)
    with pytest.raises(UsageError, match=problem) as error:
        own_pairs(f"{tmp_path}/*_1.txt")
    assert "nurse" not in str(error.value)


@pytest.mark.parametrize("names", [("pro_1.txt",), ("anti_1.txt",), ("pro_1.txt", "anti_2.txt"), ("other.txt",)])
def test_a_winobias_file_without_its_partner_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text(PRO)
    with pytest.raises(UsageError, match="has no partner"):
        own_pairs(f"{tmp_path}/*.txt")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("first,second\n", "holds no pair"),
        ("first,second\nonly one,\n", "line 2: lacks one of the two texts"),
    ],
)
def test_a_table_without_a_pair_is_refused(tmp_path, content, problem):
    (tmp_path / "pairs.csv").write_text(content)
    with pytest.raises(UsageError, match=problem):
        own_pairs(str(tmp_path / "pairs.csv"))


@pytest.mark.parametrize("uri", ["../pairs.csv", "data/../../pairs.csv", "https://example.org/pairs.csv", "hf://pairs"])
def test_pairs_are_read_from_this_machine_and_not_from_outside_the_project_unseen(uri):
    with pytest.raises(UsageError, match="no path inside the project"):
        own_pairs(uri)
