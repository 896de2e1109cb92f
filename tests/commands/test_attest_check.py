import base64
import json
import shutil

import pytest

from stages.__main__ import main
from stages.commands.attest import check_attestation
from stages.methods.attest.envelope import MAX_BYTES
from tests.commands.attesting import build, write_lock
from tests.repository import commit, git

SUBJECTS = (
    *(f"{name}.json" for name in ("reports/ingest", "reports/finetune", "reports/evaluate")),
    *(f"data/{name}/manifest.json" for name in ("ingest", "plan", "finetune", "evaluate", "document")),
    *(f"data/finetune/model/{name}" for name in ("config.json", "model.safetensors")),
    *("data/document/index.html", "data/document/cards/model card.md", "reports/index.html"),
)
OTHERS = ("dvc.lock", "requirements/lock.txt", "data/erasure.csv", "data/raw/rows.csv")
FILE = "attestation.intoto.jsonl"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a project, two keys, and an attestation by each."""
    folder = tmp_path_factory.mktemp("attest")
    root = build(folder / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ROWTRAIL_ATTEST_PASSPHRASE", raising=False)
        patch.chdir(root)
        for name in ("key", "other"):
            assert main(["attest", "--new-key", str(folder / name)]) == 0
            assert main(["attest", "--key", str(folder / name), "--out", f"{name}.jsonl"]) == 0
    (root / "key.jsonl").rename(root / FILE)
    return folder


@pytest.fixture
def signed(made, tmp_path, monkeypatch):
    """The root of a project of one's own, with a signed attestation in it."""
    shutil.copytree(made, tmp_path / "made")
    monkeypatch.chdir(tmp_path / "made/project")
    return tmp_path / "made/project"


def faults_of(root, key="key.pub"):
    return check_attestation(root / FILE, root.parent / key, root)


def places(root, key="key.pub"):
    return [fault.place.replace(f"{root}/", "") for fault in faults_of(root, key)]


def change(root, edit, *, payload=False):
    """Edit the envelope, or the statement in it without signing it again."""
    envelope = json.loads((root / FILE).read_bytes())
    if payload:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        edit(statement)
        envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    else:
        edit(envelope)
    (root / FILE).write_text(json.dumps(envelope), encoding="utf-8")


def resign(root, edit):
    """Edit the statement and sign it again with the right key."""
    from stages.commands.attest_keys import load_signer
    from stages.methods.attest.envelope import sign

    statement = json.loads(base64.b64decode(json.loads((root / FILE).read_bytes())["payload"]))
    edit(statement)
    (root / FILE).write_bytes(sign(json.dumps(statement).encode(), load_signer(root.parent / "key")))


@pytest.mark.parametrize("name", [*SUBJECTS, *OTHERS])
def test_a_flipped_bit_in_any_attested_file_is_found_at_its_place(signed, name):
    content = bytearray((signed / name).read_bytes())
    content[len(content) // 2] ^= 1
    (signed / name).write_bytes(content)
    assert name in places(signed)
    assert set(places(signed)) == {name}


@pytest.mark.parametrize("name", [*SUBJECTS, *OTHERS[:3]])
def test_a_missing_file_is_found_at_its_place(signed, name):
    (signed / name).unlink()
    (fault,) = faults_of(signed)
    assert fault.place.endswith(name)
    assert "is missing" in fault.problem


def test_raw_data_that_did_not_travel_along_is_no_fault(signed):
    (signed / "data/raw/rows.csv").unlink()
    assert faults_of(signed) == []


@pytest.mark.parametrize("name", ["data/finetune/model/adapter.bin", "data/audit/manifest.json", "data/document/x.md"])
def test_a_file_beside_the_attested_ones_is_found(signed, name):
    (signed / name).parent.mkdir(exist_ok=True)
    (signed / name).write_text("{}", encoding="utf-8")
    (fault,) = faults_of(signed)
    assert fault.place.endswith(name)
    assert "nobody attested it" in fault.problem


def test_a_later_report_is_no_fault(signed):
    (signed / "reports/later.json").write_text("{}", encoding="utf-8")
    assert faults_of(signed) == []


def test_other_code_is_found_by_stage(signed):
    code = signed / "stages/plan.py"
    code.write_text("# other", encoding="utf-8")
    write_lock(signed)
    problems = [fault.problem for fault in faults_of(signed)]
    assert len(problems) == 2
    assert any("the code of plan" in problem for problem in problems)


def test_all_faults_are_told_at_once(signed):
    (signed / "dvc.lock").unlink()
    (signed / "reports/plan.json").unlink()
    (signed / "data/finetune/model/config.json").write_text("x", encoding="utf-8")
    change(signed, lambda said: said["subject"].pop(0), payload=True)
    assert len(faults_of(signed)) == 5


def test_a_broken_lock_file_is_told_and_does_not_stop_the_check(signed):
    (signed / "dvc.lock").write_text("<<<<<<< ours", encoding="utf-8")
    assert len(faults_of(signed)) == 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda said: said["subject"][0]["digest"].update(sha256="0" * 64),
        lambda said: said["subject"].pop(),
        lambda said: said["predicate"]["buildDefinition"]["externalParameters"].update(seed=8),
        lambda said: said["predicate"]["runDetails"]["builder"].update(id="https://ci.example.org"),
    ],
)
def test_a_changed_statement_does_not_fit_its_signature(signed, edit):
    change(signed, edit, payload=True)
    assert f"{FILE}: signatures" in places(signed)


def test_the_signature_of_another_statement_does_not_fit(signed, ask):
    (signed / "reports/plan.json").write_text('{"records": {"in": 2}}', encoding="utf-8")
    write_lock(signed)
    assert ask("attest", "--key", signed.parent / "key", "--out", "second.jsonl")[0] == 0
    second = json.loads((signed / "second.jsonl").read_bytes())
    assert check_attestation(signed / "second.jsonl", signed.parent / "key.pub", signed) == []
    change(signed, lambda said: said.update(signatures=second["signatures"]))
    assert "does not fit" in faults_of(signed)[0].problem


def test_a_signature_by_another_key_is_told_with_both_keys(signed):
    fault = faults_of(signed, "other.pub")[0]
    assert "is signed by another key" in fault.problem
    assert len(faults_of(signed, "other.pub")) == 1


def test_a_key_id_is_only_a_hint(signed):
    change(signed, lambda said: said["signatures"][0].pop("keyid"))
    assert faults_of(signed) == []
    keyid = json.loads((signed / "other.jsonl").read_bytes())["signatures"][0]["keyid"]
    change(signed, lambda said: said["signatures"][0].update(keyid=keyid))
    assert faults_of(signed) == []
    assert "does not fit" in faults_of(signed, "other.pub")[0].problem


def test_one_fitting_signature_of_several_is_enough(signed):
    other = json.loads((signed / "other.jsonl").read_bytes())["signatures"]
    change(signed, lambda said: said["signatures"].extend(other))
    assert faults_of(signed) == faults_of(signed, "other.pub") == []


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda said: said.update(payloadType="application/json"), f"{FILE}: payloadType"),
        (lambda said: said.update(signatures=[]), FILE),
        (lambda said: said["signatures"][0].update(sig=""), f"{FILE}: signatures"),
        (lambda said: said["signatures"][0].update(sig="AAAA"), f"{FILE}: signatures"),
        (lambda said: said["signatures"][0].update(sig=7), FILE),
        (lambda said: said.update(signatures=[7]), FILE),
        (lambda said: said.update(signatures={"a": 1}), FILE),
        (lambda said: said.update(payload="@"), FILE),
        (lambda said: said.update(payload=None), FILE),
        (lambda said: said.pop("payloadType"), FILE),
    ],
)
def test_a_broken_envelope_is_told_by_its_part(signed, edit, place):
    change(signed, edit)
    assert place in places(signed)


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda said: said.update(_type="https://in-toto.io/Statement/v0.1"), "_type"),
        (lambda said: said.update(predicateType="https://slsa.dev/provenance/v0.2"), "predicateType"),
        (lambda said: said.update(predicate=[]), "predicate.buildDefinition.buildType"),
        (lambda said: said["predicate"]["buildDefinition"].update(buildType="urn:x"), "buildDefinition.buildType"),
        (lambda said: said.update(subject=[]), "subject"),
        (lambda said: said.update(subject={}), "subject"),
        (lambda said: said["subject"].append(said["subject"][0]), "subject"),
        (lambda said: said["subject"][1].update(digest={}), "subject[1]"),
        (lambda said: said["subject"][1].update(digest={"sha256": "0" * 63}), "subject[1]"),
        (lambda said: said["subject"].append(5), "subject[15]"),
        (lambda said: said["predicate"]["buildDefinition"].pop("resolvedDependencies"), "resolvedDependencies"),
        (lambda said: said["predicate"]["buildDefinition"]["resolvedDependencies"].append({}), "Dependencies[11]"),
    ],
)
def test_a_signed_statement_of_another_form_is_told_by_its_part(signed, edit, place):
    resign(signed, edit)
    assert any(place in found for found in places(signed))


@pytest.mark.parametrize(
    "name", ["../secret.txt", "/etc/passwd", "data/../../secret.txt", "a\nb", ".", "", "a//b", "c\\d"]
)
def test_a_statement_cannot_make_anyone_read_files_elsewhere(signed, name, monkeypatch):
    (signed.parent / "secret.txt").write_text("x", encoding="utf-8")
    read = []
    monkeypatch.setattr("stages.commands.attest_check.sha256_of", read.append)
    resign(signed, lambda said: said["subject"][0].update(name=name))
    (fault,) = faults_of(signed)
    assert "is no path inside the project" in fault.problem
    assert read == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"{}",
        b"[" * 100_000,
        b'{"payload": "e30=", "payloadType": "x", "signatures": []}',
    ],
)
def test_what_is_no_attestation_is_told_so(signed, content):
    (signed / FILE).write_bytes(content)
    assert places(signed)[0].startswith(FILE)


def test_a_giant_file_is_not_read(signed):
    with (signed / FILE).open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (fault,) = faults_of(signed)
    assert "is larger than" in fault.problem


def test_a_bundle_of_several_is_told_so(signed):
    (signed / FILE).write_bytes((signed / FILE).read_bytes() * 2)
    (fault,) = faults_of(signed)
    assert "a bundle of several attestations" in fault.problem


def test_no_changed_byte_of_the_file_makes_another_statement_sound(signed):
    content = (signed / FILE).read_bytes()
    payload = json.loads(content)["payload"]
    for at in range(0, len(content), 97):
        changed = bytearray(content)
        changed[at] ^= 4
        (signed / FILE).write_bytes(changed)
        if not faults_of(signed):  # blanks, or the key id
            said = json.loads((signed / FILE).read_bytes())
            assert base64.b64decode(said["payload"]) == base64.b64decode(payload)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("key", "is a private key"), ("none.pub", "cannot be read"), ("project/dvc.yaml", "is not a public key")],
)
def test_a_wrong_public_key_file_is_told_so(signed, name, problem):
    (fault,) = faults_of(signed, name)
    assert problem in fault.problem


def test_a_commit_that_is_not_here_is_told(signed):
    digest = git(signed, "rev-parse", "HEAD")
    (signed / ".git").rename(signed.parent / "gone")
    git(signed, "init", "-q")
    assert places(signed) == [f"commit {digest}"]
    commit(signed, "another history")
    assert places(signed) == [f"commit {digest}"]


def test_a_commit_that_no_branch_or_tag_holds_is_told(signed):
    digest = git(signed, "rev-parse", "HEAD")
    git(signed, "checkout", "-q", "--detach")
    git(signed, "branch", "-q", "-D", "main")
    assert faults_of(signed) == []
    git(signed, "commit", "-q", "--amend", "--allow-empty", "-m", "other words")
    (fault,) = faults_of(signed)
    assert "git may delete it" in fault.problem
    git(signed, "tag", "v1", digest)
    assert faults_of(signed) == []
