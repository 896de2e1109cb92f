import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from stages.commands.attest import check_attestation
from stages.commands.attest_evidence import public_url
from tests.commands.attesting import build, write, write_lock
from tests.repository import commit, git

DOCS = Path(__file__).parents[2] / "docs/attest.md"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("ROWTRAIL_ATTEST_PASSPHRASE", raising=False)
    root = build(tmp_path / "project")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def key(tmp_path, project, ask):
    path = tmp_path / "key.pem"
    assert ask("attest", "--new-key", path)[0] == 0
    return path


def public(key):
    return key.with_name(f"{key.name}.pub")


def statement_of(path):
    return json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))


def materials_of(statement):
    listed = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {(one["annotations"]["rowtrail_kind"], one["name"]): one["digest"] for one in listed}


def test_what_was_attested_and_signed_is_found_sound(project, key, ask):
    code, told, error = ask("attest", "--key", key)
    assert (code, error) == (0, "")
    assert "wrote attestation.intoto.jsonl" in told
    assert "note:" not in told
    assert check_attestation(project / "attestation.intoto.jsonl", public(key), project) == []


def test_the_same_project_gives_the_same_bytes(project, key, ask):
    for name in ("one.intoto.jsonl", "other.intoto.jsonl"):
        assert ask("attest", "--key", key, "--out", project.parent / name)[0] == 0
    one, other = ((project.parent / name).read_bytes() for name in ("one.intoto.jsonl", "other.intoto.jsonl"))
    assert one == other
    assert one.count(b"\n") == 1


def test_a_statement_names_model_manifests_reports_and_documents_and_what_they_were_made_from(project, key, ask):
    assert ask("attest", "--key", key)[0] == 0
    statement = statement_of(project / "attestation.intoto.jsonl")
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    names = [one["name"] for one in statement["subject"]]
    assert names == sorted(names)
    stages = ("document", "evaluate", "finetune", "ingest", "plan")
    assert set(names) == {
        *(f"data/{name}/manifest.json" for name in stages),
        *(f"reports/{name}.json" for name in stages),
        "data/finetune/model/config.json",
        "data/finetune/model/model.safetensors",
        "data/document/index.html",
        "data/document/cards/model card.md",
        "reports/index.html",
    }
    found = materials_of(statement)
    assert found["commit", "."] == {"gitCommit": git(project, "rev-parse", "HEAD")}
    assert found["base_model", "base/model.safetensors"] == {"sha256": "0b" * 32}
    assert {name for kind, name in found if kind == "file"} == {"dvc.lock", "data/erasure.csv", "requirements/lock.txt"}
    assert {name for kind, name in found if kind == "source"} == {"data/raw/rows.csv"}
    assert {name for kind, name in found if kind == "code"} == {f"code of {name}" for name in stages}
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["seed"] == 7
    assert definition["externalParameters"]["lr"] == 5e-05
    assert "engine" not in definition["externalParameters"]
    assert definition["internalParameters"] == {"uncommitted": []}
    details = statement["predicate"]["runDetails"]
    lock = found["file", "dvc.lock"]["sha256"]
    assert details == {"builder": {"id": "urn:rowtrail:local"}, "metadata": {"invocationId": f"sha256:{lock}"}}
    assert "planted words" not in json.dumps(statement)


def test_files_that_do_not_fit_their_records_are_not_attested(project, key, ask):
    (project / "data/finetune/model/model.safetensors").write_text("other weights", encoding="utf-8")
    (project / "data/plan/plan.json").unlink()
    (project / "stages/evaluate.py").write_text("# changed", encoding="utf-8")
    code, told, error = ask("attest", "--key", key)
    assert (code, told) == (1, "")
    for place in ("data/finetune/model/model.safetensors", "data/plan/plan.json", "stages/evaluate.py"):
        assert place in error
    assert not (project / "attestation.intoto.jsonl").exists()


def test_a_broken_chain_is_not_attested_even_when_the_lock_file_fits_it(project, key, ask):
    manifest = project / "data/plan/manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    write_lock(project)
    code, _, error = ask("attest", "--key", key)
    assert code == 1
    assert "data/plan/manifest.json" in error


def test_a_project_without_a_model_is_not_attested(project, key, ask):
    for file in (project / "data/finetune/model").iterdir():
        file.unlink()
    code, _, error = ask("attest", "--key", key)
    assert code == 1
    assert "there is no model to attest" in error


def test_what_is_not_as_in_the_commit_is_named(project, key, ask):
    (project / "README.md").write_text("new", encoding="utf-8")
    (project / "data/erasure.csv").write_text("kind,value\nid,0a\n", encoding="utf-8")
    (project / ".gitignore").write_text((project / ".gitignore").read_text() + "/stages/plan.py\n", encoding="utf-8")
    git(project, "rm", "-q", "--cached", "stages/plan.py")
    commit(project, "plan.py is no longer in git")
    (project / "data/erasure.csv").write_text("kind,value\nid,0b\n", encoding="utf-8")
    write_lock(project)
    code, told, _ = ask("attest", "--key", key)
    uncommitted = ["data/erasure.csv", "dvc.lock", "stages/plan.py"]
    assert code == 0
    assert f"note: not as in the commit, and named as such: {', '.join(uncommitted)}" in told
    definition = statement_of(project / "attestation.intoto.jsonl")["predicate"]["buildDefinition"]
    assert definition["internalParameters"]["uncommitted"] == uncommitted


def test_without_git_no_commit_is_named(project, key, ask):
    (project / ".git").rename(project.parent / "elsewhere")
    code, told, _ = ask("attest", "--key", key)
    assert code == 0
    assert "it names no commit" in told
    assert check_attestation(project / "attestation.intoto.jsonl", public(key), project) == []


def test_credentials_in_urls_do_not_enter_a_statement(project, key, ask):
    git(project, "remote", "add", "origin", "https://robot:hunter2@git.example.org/team/it.git?token=hunter2")
    params = json.loads((project / "params.yaml").read_text(encoding="utf-8"))
    params["ingest"]["sources"][0]["uri"] = "s3://robot:hunter2@bucket/rows.csv"
    write(project / "params.yaml", json.dumps(params))
    write_lock(project)
    assert ask("attest", "--key", key)[0] == 0
    statement = statement_of(project / "attestation.intoto.jsonl")
    assert "hunter2" not in json.dumps(statement)
    assert "git+https://git.example.org/team/it.git" in json.dumps(statement)
    source = statement["predicate"]["buildDefinition"]["externalParameters"]["ingest"]["sources"][0]
    assert source["uri"] == "s3://bucket/rows.csv"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/a/b.git", "git+https://host/a/b.git"),
        ("https://token@host/a", "git+https://host/a"),
        ("ssh://git@host:22/a/b", "git+ssh://host:22/a/b"),
        ("git@host:a/b.git", "git+ssh://host/a/b.git"),
        ("host:/a/b", "git+ssh://host/a/b"),
        ("/srv/a.git", None),
        ("../a", None),
        ("file:///srv/a", None),
        ("", None),
    ],
)
def test_a_remote_is_named_so_that_it_means_something_elsewhere(url, shown):
    assert public_url(url) == shown


def test_without_a_key_the_bare_statement_is_written_and_nobody_has_signed_it(project, ask):
    code, told, _ = ask("attest")
    assert code == 0
    assert "Nobody has signed it" in told
    assert json.loads((project / "statement.json").read_bytes())["predicateType"] == "https://slsa.dev/provenance/v1"
    (fault,) = check_attestation(project / "statement.json", None, project)
    assert "is not signed" in fault.problem


def test_the_end_of_the_run_is_told_only_when_asked_for(project, key, ask):
    assert ask("attest", "--key", key, "--times", "--builder", "https://ci.example.org/job/7")[0] == 0
    details = statement_of(project / "attestation.intoto.jsonl")["predicate"]["runDetails"]
    assert details["builder"]["id"] == "https://ci.example.org/job/7"
    assert details["metadata"]["finishedOn"].endswith("Z")


@pytest.mark.parametrize("builder", ["nobody", "https://me:secret@host", "urn:two words"])
def test_a_builder_is_a_uri_without_a_user(project, ask, builder):
    code, _, error = ask("attest", "--builder", builder)
    assert code == 2
    assert "--builder" in error


def test_an_attestation_is_not_written_over_another_kind_of_file_or_among_the_attested(project, key, ask):
    before = key.read_bytes()
    for out in (key, project / "data/finetune/a.json", project / "reports/a.json", project / "dvc.yaml"):
        code, _, error = ask("attest", "--key", key, "--out", out)
        assert code == 2
        assert str(out) in error
    assert key.read_bytes() == before
    for _ in range(2):
        assert ask("attest", "--key", key, "--out", project.parent / "new/a.json")[0] == 0


def test_a_key_is_made_once_and_only_its_owner_can_read_it(project, key, ask):
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"BEGIN PRIVATE KEY" in key.read_bytes()
    assert b"BEGIN PUBLIC KEY" in public(key).read_bytes()
    before = key.read_bytes()
    code, told, error = ask("attest", "--new-key", key)
    assert code == 2
    assert "only copy" in error
    assert key.read_bytes() == before
    public(key).rename(key.with_name("new.pem.pub"))
    assert ask("attest", "--new-key", key.with_name("new.pem"))[0] == 2
    assert not key.with_name("new.pem").exists()
    assert before.splitlines()[1].decode() not in told + error


def test_a_key_is_not_made_where_git_or_dvc_would_take_it_in(project, ask):
    for place, problem in (("key.pem", "git repository"), ("data/ingest/key.pem", "DVC would keep a copy")):
        code, _, error = ask("attest", "--new-key", place)
        assert code == 2
        assert problem in error
        assert not (project / place).exists()
    (project / ".rowtrail").mkdir()
    assert ask("attest", "--new-key", ".rowtrail/key.pem")[0] == 0
    assert ask("attest", "--new-key", "nowhere/key.pem")[0] == 2


def test_a_key_needs_a_file_name(project, ask):
    code, _, error = ask("attest", "--new-key", "")
    assert code == 2
    assert "names no file" in error


def test_outside_a_project_that_alone_is_told(project, key, ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, error = ask("attest", "--key", key)
    assert code == 2
    assert "run `rowtrail attest` in the project's root" in error
    assert "repro" not in error


def test_a_locked_key_signs_with_its_passphrase_only(project, tmp_path, ask, monkeypatch):
    path = tmp_path / "locked.pem"
    monkeypatch.setenv("ROWTRAIL_ATTEST_PASSPHRASE", "correct horse")
    assert ask("attest", "--new-key", path, "--passphrase")[0] == 0
    assert b"ENCRYPTED" in path.read_bytes()
    assert ask("attest", "--key", path)[0] == 0
    assert check_attestation(project / "attestation.intoto.jsonl", public(path), project) == []
    monkeypatch.setenv("ROWTRAIL_ATTEST_PASSPHRASE", "wrong pony")
    code, _, error = ask("attest", "--key", path)
    assert code == 2
    assert "cannot be opened with this passphrase" in error
    assert "try again" in error
    assert "wrong pony" not in error
    monkeypatch.delenv("ROWTRAIL_ATTEST_PASSPHRASE")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, error = ask("attest", "--key", path)
    assert code == 2
    assert "ROWTRAIL_ATTEST_PASSPHRASE" in error


def test_at_a_terminal_the_passphrase_is_asked_for_and_typed_twice(project, tmp_path, ask, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    typed = iter(["one", "two", "", "good", "good", "good"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    path = tmp_path / "typed.pem"
    for code in (2, 2, 0):
        assert ask("attest", "--new-key", path, "--passphrase")[0] == code
    assert ask("attest", "--key", path)[0] == 0
    assert next(typed, None) is None


def test_a_key_that_others_can_read_does_not_sign(project, key, ask):
    key.chmod(0o644)
    code, _, error = ask("attest", "--key", key)
    assert code == 2
    assert "chmod 600" in error


def save_key(key, path):
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    public(path).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_keys_that_other_tools_made_sign_too(project, tmp_path, ask, kind):
    made = ec.generate_private_key(ec.SECP256R1()) if kind == "ecdsa" else rsa.generate_private_key(65537, 2048)
    key = save_key(made, tmp_path / "other.pem")
    assert ask("attest", "--key", key)[0] == 0
    assert check_attestation(project / "attestation.intoto.jsonl", public(key), project) == []


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_told_so(project, tmp_path, ask, content):
    path = tmp_path / "bad.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    code, _, error = ask("attest", "--key", path)
    assert code == 2
    assert "is not a private key in PEM" in error
    assert ask("attest", "--key", tmp_path / "none.pem")[0] == 2


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no OpenSSL here")
def test_openssl_finds_the_signature_sound_by_the_commands_of_the_docs(project, key, ask):
    assert ask("attest", "--key", key)[0] == 0
    shutil.copyfile(public(key), project / "release.pem.pub")
    blocks = DOCS.read_text(encoding="utf-8").split("\n\n")
    (commands,) = (textwrap.dedent(block) for block in blocks if block.startswith("    python - attestation"))
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for code in (0, 1):
        done = subprocess.run(
            ("bash", "-c", commands), cwd=project, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        statement = (project / "attestation.intoto.jsonl").read_text(encoding="utf-8")
        (project / "attestation.intoto.jsonl").write_text(statement.replace("eyJ", "eyA", 1), encoding="utf-8")


def test_an_attestation_is_shown_in_words(project, key, ask):
    assert ask("attest", "--key", key)[0] == 0
    code, told, _ = ask("attest", "--show", "attestation.intoto.jsonl")
    assert code == 0
    for line in (
        "(not checked here)",
        "builder      urn:rowtrail:local",
        "finished     not said",
        f"commit       {git(project, 'rev-parse', 'HEAD')}",
        "source       data/raw/rows.csv, CC0-1.0, sha256 ",
        "base model   base, 1 file",
        "model        model.safetensors, sha256 ",
        "metrics      reports/evaluate.json, sha256 ",
        "params       task classification, ",
        "stages       5: document, evaluate, finetune, ingest, plan",
    ):
        assert line in told
    (project / "other.json").write_text("{}", encoding="utf-8")
    assert ask("attest", "--show", "other.json")[0] == 3


def test_what_does_not_go_together_is_refused(project, key, ask):
    assert ask("attest", "--passphrase")[0] == 2
    with pytest.raises(SystemExit):
        ask("attest", "--key", key, "--show", "x")
