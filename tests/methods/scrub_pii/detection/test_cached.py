import sqlite3
import subprocess
import sys

import pytest

from stages.core.cache import Cache
from stages.core.errors import UsageError
from stages.core.keys import Keys
from stages.core.params import ScrubPiiParams
from stages.methods.scrub_pii.detection import cached
from stages.methods.scrub_pii.detection.cached import find_cached
from stages.methods.scrub_pii.detection.findings import NER, PATTERN, Finding

KEYS = Keys(b"a secret of the tests, 32 bytes!!", frozenset())
PARAMS = ScrubPiiParams()


class Detector:
    """Finds the first word, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def find(self, texts, languages):
        self.asked.append([*zip(texts, languages, strict=True)])
        return [
            [Finding(0, len(text.split()[0]), "PERSON", 0.85, "X", NER), Finding(0, 1, "URL", 0.1 + 0.2, "Y", PATTERN)]
            if text
            else []
            for text in texts
        ]


@pytest.fixture
def detector(monkeypatch):
    made = Detector()
    monkeypatch.setattr(cached, "make_detector", lambda params: made)
    return made


def find(tmp_path, texts, languages=None, keys=KEYS):
    return find_cached(texts, languages, params=PARAMS, keys=keys, cache=Cache("pii", tmp_path))


def test_what_comes_from_the_cache_is_what_was_found(tmp_path, detector):
    texts = ["Alice was here", "", "Bob", "Alice was here"]
    first = find(tmp_path, texts)
    assert first == detector.find(texts, [None] * 4)
    detector.asked.clear()
    assert find(tmp_path, texts) == first
    assert detector.asked == []


def test_only_new_texts_are_looked_at_and_equal_ones_once(tmp_path, detector):
    find(tmp_path, ["Alice was here", "Bob"])
    find(tmp_path, ["Carol", "Alice was here", "Carol"])
    assert detector.asked == [[("Alice was here", "en"), ("Bob", "en")], [("Carol", "en")]]


def test_the_same_text_in_another_language_is_another_text(tmp_path, detector):
    find(tmp_path, ["Alice", "Alice"], ["fr", None])
    find(tmp_path, ["Alice"], ["en"])
    assert detector.asked == [[("Alice", "fr"), ("Alice", "en")]]


def test_another_key_finds_nothing_in_the_cache(tmp_path, detector):
    find(tmp_path, ["Alice"])
    find(tmp_path, ["Alice"], keys=Keys(None, frozenset({"public"})))
    assert len(detector.asked) == 2


def test_no_text_is_in_the_cache(tmp_path, detector):
    find(tmp_path, ["Quuxbert was here"])
    (file,) = tmp_path.glob("*.sqlite")
    assert b"Quuxbert" not in file.read_bytes()
    assert sqlite3.connect(file).execute("SELECT count(*) FROM cache").fetchone() == (1,)


def test_settings_that_change_findings_make_another_cache_and_others_do_not():
    def kind(**changes):
        return cached._kind(cached.settings(ScrubPiiParams(**changes)))

    assert kind() == kind(probe=0, entities=dict.fromkeys(PARAMS.entities, "tag"))
    others = [kind(min_score=0.5), kind(regions=["FR"]), kind(entities={"PERSON": "tag"}), kind(ner={})]
    assert len({kind(), *others}) == 5


def test_another_model_makes_another_cache(tmp_path):
    (tmp_path / "meta.json").write_text("{}")
    settings = cached.settings(ScrubPiiParams(ner={"en": str(tmp_path)}))
    before = cached._kind(settings)
    (tmp_path / "meta.json").write_text('{"name": "another"}')
    cached._kind.cache_clear()
    assert cached._kind(settings) != before


def test_nothing_heavy_is_imported_before_a_text_is_new():
    code = (
        "import sys; from stages.methods.scrub_pii.detection.cached import _kind, settings;"
        "from stages.core.params import ScrubPiiParams; _kind(settings(ScrubPiiParams()));"
        "print(sorted({'presidio_analyzer', 'spacy', 'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_model_matters_only_where_an_entity_needs_one():
    def kind(*entities):
        params = ScrubPiiParams(entities=dict.fromkeys(entities, "tag"), ner={"de": "no_such_pipeline"})
        return cached._kind(cached.settings(params))

    assert kind("IP_ADDRESS")
    with pytest.raises(UsageError, match="no_such_pipeline") as caught:
        kind("PERSON")
    assert caught.value.faults[0].place == "scrub_pii.ner.de"
