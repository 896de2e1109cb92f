"""A private training's certificate reaches the page, the model card and the bill of materials."""

import json

import pytest

from stages.core.params import DocumentParams
from stages.core.stage import Context
from stages.core.storage import StageFolder
from stages.document import build
from tests.certificates import attacks, certificate
from tests.fabricated import fabricate


@pytest.fixture
def documents(tmp_path, classification):
    """All documents by name, for fabricated folders, with or without a certificate."""

    def write(name, found=None, report=None):
        folders = fabricate(tmp_path / name / "data", {"audit": report or {}})
        for folder in folders if found else ():
            if folder.name in ("finetune", "audit"):
                (folder / "privacy.json").write_text(json.dumps(found), encoding="utf-8")
        context = Context(
            "document", DocumentParams(title="R"), {}, classification, None, tuple(map(StageFolder, folders))
        )
        out = tmp_path / name / "out"
        out.mkdir()
        build(context, out)
        return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}

    return write


def test_a_certificate_is_told_in_every_document_that_speaks_of_privacy(documents):
    found = documents("private", certificate(), attacks())
    for name in ("index.html", "model_card.md", "record_of_processing.md", "technical_documentation.md"):
        assert "at most 7.993 for a record and at most 27.4 for a subject" in found[name], name
    for name in ("index.html", "model_card.md"):
        assert "looks at several rows: the guarantee is for what it left" in found[name]
        assert attacks()["canary_sentence"] in found[name]
    assert 'data-key="epsilon">7.993<' in found["index.html"]
    properties = json.loads(found["ml_bom.cdx.json"])["metadata"]["component"]["modelCard"]["properties"]
    known = {one["name"]: one["value"] for one in properties}
    assert known["rowtrail:privacy:epsilon_subject"] == "27.41"
    assert known["rowtrail:privacy:ledger_runs"] == "3"


def test_known_noise_is_called_not_private_in_every_document(documents):
    found = documents("test", certificate(private=False, not_private_because="test_seed"))
    for name in ("index.html", "model_card.md", "record_of_processing.md", "ml_bom.cdx.json"):
        assert "This model is not private" in found[name], name
        assert "Epsilon is at most" not in found[name]


def test_without_a_certificate_no_document_promises_anything(documents):
    found = documents("usual")
    assert not [name for name, text in found.items() if "psilon" in text.partition('<script type="app')[0]]
    assert "What this does not cover" not in found["index.html"]
    assert "It was trained without differential privacy" in found["model_card.md"]
    assert "rowtrail:privacy" not in found["ml_bom.cdx.json"]
