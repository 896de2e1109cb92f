import json
import shutil

import pytest
from ruamel.yaml import YAML

from stages.core.dvc_files import DvcCache, md5_of
from stages.core.errors import DataError, UsageError
from stages.core.versions import versions
from tests.repository import commit, git, store


def write_stage(root, name, files):
    """Write a stage folder."""
    folder = root / "data" / name
    shutil.rmtree(folder, ignore_errors=True)
    for file, content in {"manifest.json": json.dumps({"stage": name}), **files}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content, encoding="utf-8")


@pytest.fixture
def project(tmp_path):
    """A project below a repository's root, with two tagged versions; what stands there is a third."""
    root = tmp_path / "team/a project"
    (root / "reports").mkdir(parents=True)
    git(tmp_path, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text("/data/\n/.dvc/\n", encoding="utf-8")
    for number in (1, 2, 3):
        write_stage(root, "ingest", {"rows é.txt": f"rows {number}", "deep/er/x": "same"})
        (root / "params.yaml").write_text(f"seed: {number}\nlr: 2e-05\n", encoding="utf-8")
        (root / "reports/ingest.json").write_text(f'{{"rows": {number}}}', encoding="utf-8")
        if number < 3:
            store(root)
            git(root, "tag", f"v{number}")
    return root


def rows(version):
    return version.files("ingest")["rows é.txt"].read_text(encoding="utf-8")


def test_versions_are_read_side_by_side_and_the_workspace_stays_as_it_is(project):
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    found = versions("v1", "v2", "workspace", root=project)
    assert [rows(one) for one in found] == ["rows 1", "rows 2", "rows 3"]
    assert [one.params for one in found] == [{"seed": number, "lr": 2e-05} for number in (1, 2, 3)]
    assert [one.metrics("ingest") for one in found] == [{"rows": number} for number in (1, 2, 3)]
    assert [one.name for one in found] == ["v1", "v2", "workspace"]
    assert [one.commit for one in found] == [*(git(project, "rev-parse", name) for name in ("v1", "v2")), None]
    for one in found:
        assert set(one.files("ingest")) == {"manifest.json", "rows é.txt", "deep/er/x"}
        assert one.files("ingest")["deep/er/x"].read_text(encoding="utf-8") == "same"
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_an_object_that_is_gone_is_named_and_without_the_list_nothing_is(project):
    (one,) = versions("v1", root=project)
    one.files("ingest")["rows é.txt"].unlink()
    assert not one.files("ingest")["rows é.txt"].exists()
    assert one.files("ingest")["manifest.json"].exists()
    DvcCache(project).place(one.out("ingest").md5).unlink()
    assert one.files("ingest") == {}
    assert one.metrics("ingest") == {"rows": 1}


def test_a_stage_that_a_version_does_not_have_has_no_files(project):
    for one in versions("v1", "workspace", root=project):
        assert one.files("audit") == {}
        assert one.metrics("audit") == {}
        assert one.read("none.txt") is None
        assert one.out("audit") is None


def test_an_experiment_is_a_version(project):
    base = git(project, "rev-parse", "HEAD")
    write_stage(project, "ingest", {"rows é.txt": "tried"})
    git(project, "checkout", "-q", "--detach")
    made = store(project)
    git(project, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/noble-mole", made)
    git(project, "checkout", "-q", "main")
    (one,) = versions("noble-mole", root=project)
    assert (one.commit, rows(one)) == (made, "tried")


def test_a_version_without_a_lock_file_is_told_with_all_others_like_it(project):
    git(project, "checkout", "-q", "--orphan", "empty")
    git(project, "rm", "-q", "-f", "dvc.lock")
    commit(project)
    git(project, "tag", "also")
    with pytest.raises(DataError) as caught:
        versions("empty", "also", "v1", root=project)
    assert [fault.place for fault in caught.value.faults] == ["revision empty", "revision also"]


def test_a_name_that_means_nothing_is_told(project):
    with pytest.raises(UsageError, match="none"):
        versions("v1", "none", root=project)


def test_a_broken_lock_file_is_told_with_its_version(project):
    (project / "dvc.lock").write_text("<<<<<<<", encoding="utf-8")
    commit(project)
    with pytest.raises(DataError, match=r"dvc\.lock of main"):
        versions("main", root=project)
    (one,) = versions("workspace", root=project)
    with pytest.raises(DataError, match=r"dvc\.lock of workspace"):
        one.lock  # noqa: B018 - it is read when it is asked for


def test_a_workspace_before_the_first_run_has_no_lock_and_the_folders_that_are_there(project):
    (project / "dvc.lock").unlink()
    (project / "data/half").mkdir()
    (project / "data/half/rows").write_text("", encoding="utf-8")
    (one,) = versions("workspace", root=project)
    assert one.lock == {}
    assert len(one.files("ingest")) == 3
    assert one.files("half") == {}


@pytest.mark.parametrize("content", ["[1]", "3", "{", "\x00"])
def test_figures_and_params_that_cannot_be_read_count_as_none(project, content):
    (project / "reports/ingest.json").write_text(content, encoding="utf-8")
    (project / "params.yaml").write_text(content if content != "{" else "a: [", encoding="utf-8")
    (one,) = versions("workspace", root=project)
    assert one.metrics("ingest") == {}
    assert one.params == {}


def test_a_list_with_a_path_out_of_its_folder_is_refused(project):
    (one,) = versions("v1", root=project)
    place = DvcCache(project).place(one.out("ingest").md5)
    for evil in ("../../evil", "/evil"):
        listed = [{"md5": "0" * 32, "relpath": evil}]
        place.write_text(json.dumps(listed), encoding="utf-8")
        with pytest.raises(DataError, match="outside its folder"):
            one.files("ingest")


def test_an_output_that_is_a_file_is_no_folder(project):
    (project / "data/ingest/manifest.json").unlink()
    lock = YAML(typ="safe").load((project / "dvc.lock").read_text(encoding="utf-8"))
    md5 = md5_of(project / "data/ingest/deep/er/x")
    lock["stages"]["ingest"]["outs"] = [{"path": "data/ingest", "md5": md5}]
    with (project / "dvc.lock").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(lock, file)
    commit(project)
    (one,) = versions("main", root=project)
    assert one.files("ingest") == {}
