import pytest

from stages.core.records import Record, Span
from stages.methods.finetune.counterfactual import swapped
from stages.methods.finetune.identity_words import LEXICONS
from stages.methods.finetune.synthetic import synthesise
from stages.tasks import load_task

CLASSIFICATION, TOKENS = load_task("classification"), load_task("token_labels")


def record(text, language="en", id="ab12", schema=CLASSIFICATION.schema, **values):
    own = {"label": "x"} if schema is CLASSIFICATION.schema else {}
    return Record(id, "s", "1", schema, {"text": text, **own, **values}, split="train", language=language)


def other(text, language="en", number=1):
    made = swapped(record(text, language), ["text"], number, 7)
    return made and made.values["text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He said his card was taken from him.", "She said her card was taken from her."),
        ("The card is hers, and nobody told her why.", "The card is his, and nobody told him why."),
        ("HIS mother, a widow, asked her brother.", "HER father, a widower, asked his sister."),
        ("I met an uncle and a man.", "I met an aunt and a woman."),
        ("she's late", "he's late"),
    ],
)
def test_gender_changes_with_all_its_pronouns_and_keeps_the_case(text, expected):
    assert other(text) == expected


def test_a_noun_and_an_adjective_of_the_same_group_take_the_form_that_the_place_asks_for():
    made = {other("I met a Muslim; my Muslim friend is Muslim.", number=n) for n in range(1, 5)}
    assert "I met a Jew; my Jewish friend is Jewish." in made
    assert "I met a Christian; my Christian friend is Christian." in made
    assert len(made) == 4


def test_the_article_before_a_word_follows_its_sound():
    made = {other("my colleague is a Mexican", number=n) for n in range(1, 7)}
    assert {"my colleague is an American", "my colleague is an Indian", "my colleague is a Kenyan"} <= made


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("de", "die türkischen Kundinnen", {"die deutschen Kundinnen", "die polnischen Kundinnen"}),
        ("es", "mi vecina musulmana", {"mi vecina cristiana", "mi vecina judía"}),
        ("fr", "mes voisins chrétiens", {"mes voisins musulmans", "mes voisins juifs"}),
    ],
)
def test_inflected_words_keep_their_ending(language, text, words):
    assert words <= {other(text, language, n) for n in range(1, 6)}


def test_words_with_another_meaning_and_languages_without_a_list_are_left_alone():
    assert other("Konto bei der Deutschen Bank", "de") is None
    assert other("she is here", "nl") is None
    assert other("nothing to see") is None
    assert other("she is here", None) == "he is here"


def test_a_name_goes_to_another_origin_and_changes_gender_with_the_pronouns():
    male = {name for row in LEXICONS["en"].names[0] for name in row}
    made = [other("Hannah lost her card.", number=n) for n in (1, 2)]
    assert made[0].split()[0] in male
    assert made[0].endswith("lost his card.")
    assert made[1].split()[0] not in male
    assert made[1].endswith("lost her card.")


def test_copies_differ_until_all_groups_have_had_their_turn_and_then_there_are_none():
    made = [other("my Hindu friend", number=n) for n in range(1, 7)]
    assert len({*made[:4]}) == 4
    assert "my Hindu friend" not in made
    assert made[4:] == [None, None]


def test_every_group_is_some_records_first_choice():
    found = {swapped(record("my Hindu friend", id=f"{i:04x}"), ["text"], 1, 7).values["text"] for i in range(60)}
    assert len(found) == 4


def test_the_copy_has_its_own_id_its_parents_label_and_is_the_same_every_time():
    parent = record("she is here")
    one, again = (swapped(parent, ["text"], 1, 7) for _ in range(2))
    assert one == again
    assert (one.values["label"], one.split, one.source_row) == ("x", "train", "synthetic:ab12:1")
    assert one.id != parent.id


def test_spans_move_along_and_a_word_across_the_edge_of_one_makes_no_copy():
    text = "yesterday Hannah came to Rome"
    spans = (Span(10, 16, "PER"), Span(25, 29, "LOC"))
    made = swapped(record(text, schema=TOKENS.schema, spans=spans), ["text"], 1, 7)
    assert [made.values["text"][span.start : span.end] for span in made.values["spans"]] == [
        made.values["text"].split()[1],
        "Rome",
    ]
    cut = (Span(10, 13, "PER"),)
    assert swapped(record(text, schema=TOKENS.schema, spans=cut), ["text"], 1, 7) is None


def test_what_is_to_be_answered_changes_with_what_is_given():
    task = load_task("seq2seq")
    parent = Record("ab12", "s", "1", task.schema, {"source_text": "He left.", "target_text": "He is gone."})
    options = {"method": "counterfactual", "copies": 1, "share": 1.0, "balance": False}
    [(id, made)] = synthesise([parent], task, {"ab12": ()}, options, 7)
    assert id == "ab12"
    assert set(made.values.values()) == {"She left.", "She is gone."}


@pytest.mark.parametrize("language", LEXICONS)
def test_no_word_stands_in_two_places_of_a_role_and_every_row_has_all_groups(language):
    lexicon = LEXICONS[language]
    for attribute, roles in lexicon.rows.items():
        assert {len(row) for rows in roles.values() for row in rows} == {lexicon.sizes[attribute]}
    for role in ("any", "modifier", "noun"):
        words = [w for roles in lexicon.rows.values() for row in roles.get(role, ()) for w in row]
        assert len(words) == len(set(words))
    names = [name for rows in lexicon.names for row in rows for name in row]
    assert len(names) == len(set(names)) == len(lexicon.named)
    assert {len(row) for rows in lexicon.names for row in rows} == {lexicon.sizes["name"]}
