"""What one gets without a pretrained model."""

from stages.methods.evaluate.baselines import tfidf_logistic, tfidf_logistics

TEXTS = ["late again", "late and broken", "broken glass", "thank you", "thank you so much", "glass was late"]
LATE = ["yes", "yes", "no", "no", "no", "yes"]
BROKEN = ["no", "yes", "yes", "no", "no", "no"]
ASKED = ["so late", "all broken", "thank you"]


def test_several_labellings_get_what_each_would_get_alone():
    both = tfidf_logistics(TEXTS, {"late": LATE, "broken": BROKEN}, ASKED, 13)
    assert both == {
        "late": tfidf_logistic(TEXTS, LATE, ASKED, 13),
        "broken": tfidf_logistic(TEXTS, BROKEN, ASKED, 13),
    }
    assert both["late"][0]["yes"] > 0.5 > both["late"][2]["yes"]


def test_the_texts_are_read_once_for_all_labellings(monkeypatch):
    from sklearn.feature_extraction.text import TfidfVectorizer

    read, fit = [], TfidfVectorizer.fit_transform
    monkeypatch.setattr(
        TfidfVectorizer, "fit_transform", lambda self, texts: read.append(len(texts)) or fit(self, texts)
    )
    tfidf_logistics(TEXTS, {"late": LATE, "broken": BROKEN, "never": ["no"] * 6}, ASKED, 13)
    assert read == [6]


def test_without_a_word_or_with_one_class_the_shares_are_all_there_is_to_say():
    assert tfidf_logistic(["", " "], ["yes", "no"], ["what"], 13) == [{"no": 0.5, "yes": 0.5}]
    assert tfidf_logistic(TEXTS, ["no"] * 6, ASKED, 13) == [{"no": 1.0}] * 3
    assert tfidf_logistic(TEXTS, LATE, [], 13) == []
