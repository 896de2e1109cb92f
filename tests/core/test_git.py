import os

import pytest

from stages.core.errors import UsageError
from stages.core.git import Git, Ref
from tests.repository import commit, git

NAMES = ["plain.txt", "with space.txt", "ünïcode 日本.txt", "a*b.txt", "[x].txt", ":(top)odd.txt", "-dash.txt"]


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    commit(tmp_path)
    return tmp_path


def test_a_folder_outside_git_and_no_folder_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match="is not in a git repository"):
        Git(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        Git(tmp_path / "none")


def test_a_commit_is_found_by_each_of_its_names(repository):
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "light")
    git(repository, "tag", "-a", "heavy", "-m", "words")
    git(repository, "tag", "-a", "nested", "heavy", "-m", "words")
    git(repository, "branch", "side/branch")
    second = commit(repository, "second")
    ours = Git(repository)
    for name in (first, first[:10], "light", "heavy", "nested", "side/branch", "HEAD~1", "refs/tags/light"):
        assert ours.commit(name) == first
    assert ours.commit("HEAD") == ours.commit("main") == second


@pytest.mark.parametrize(
    "name", ["", "none", "--all", "-x", "HEAD:a.txt", "HEAD^{tree}", "a b", "0" * 40, "..", "HEAD..HEAD"]
)
def test_a_name_that_means_no_commit_is_told(repository, name):
    with pytest.raises(UsageError, match="is no commit"):
        Git(repository).commit(name)


def experiment(root, base, name, message="tried"):
    """A commit that only a ref of DVC's experiments holds."""
    tree = git(root, "rev-parse", f"{base}^{{tree}}")
    made = git(root, "commit-tree", tree, "-p", base, "-m", message)
    git(root, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", made)
    return made


def test_experiments_of_dvc_are_found_by_name(repository):
    base = git(repository, "rev-parse", "HEAD")
    made = experiment(repository, base, "fair-hare")
    for own in ("refs/exps/exec/EXEC_HEAD", "refs/exps/stash", "refs/exps/celery/stash", "refs/exps/temp/x/y"):
        git(repository, "update-ref", own, made)
    ours = Git(repository)
    assert ours.commit("fair-hare") == made
    assert [ref for ref in ours.refs() if ref.kind == "experiment"] == [Ref("fair-hare", made, "experiment")]
    assert ours.containing(made) == ["fair-hare"]
    assert set(ours.containing(base)) == {"main", "fair-hare"}


def test_a_name_of_two_experiments_is_not_guessed_and_of_one_commit_is_no_riddle(repository):
    first = git(repository, "rev-parse", "HEAD")
    (repository / "a.txt").write_text("two", encoding="utf-8")
    second = commit(repository)
    made = experiment(repository, first, "twin", "one")
    experiment(repository, second, "twin", "other")
    with pytest.raises(UsageError, match="means 2 experiments"):
        Git(repository).commit("twin")
    git(repository, "update-ref", f"refs/exps/{second[:2]}/{second[2:]}/twin", made)
    assert Git(repository).commit("twin") == made


def test_all_refs_are_listed_with_the_commits_they_mean(repository):
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "v1", "-m", "words")
    git(repository, "tag", "of-a-file", git(repository, "rev-parse", "HEAD:a.txt"))
    git(repository, "branch", "ünï/zwei\u2028")
    git(repository, "update-ref", "refs/remotes/origin/main", head)
    git(repository, "update-ref", "refs/notes/x", head)
    found = {(ref.kind, ref.name) for ref in Git(repository).refs()}
    assert found == {("branch", "main"), ("branch", "ünï/zwei\u2028"), ("tag", "v1"), ("remote", "origin/main")}
    assert {ref.commit for ref in Git(repository).refs()} == {head}


@pytest.mark.parametrize("name", NAMES)
def test_files_are_read_as_they_were_under_any_name(repository, name):
    content = b"\r\nbytes \xff\x00\n"
    (repository / name).write_bytes(content)
    made = commit(repository)
    (repository / name).write_bytes(b"later")
    ours = Git(repository)
    assert ours.read(made, name) == content
    assert ours.changed(name)
    assert ours.uncommitted() == [name]
    commit(repository)
    assert not ours.changed(name)
    assert len(ours.history(name)) == 2
    assert name in ours.files()
    assert name in ours.files(made)
    assert ours.read(f"{made}~1", name) is None


def test_a_path_with_a_star_is_not_a_pattern(repository):
    (repository / "ab.txt").write_text("x", encoding="utf-8")
    (repository / "a*.txt").write_text("x", encoding="utf-8")
    commit(repository)
    (repository / "ab.txt").write_text("y", encoding="utf-8")
    commit(repository)
    assert len(Git(repository).history("a*.txt")) == 1
    (repository / "ab.txt").write_text("z", encoding="utf-8")
    assert not Git(repository).changed("a*.txt")


def test_a_folder_is_no_file(repository):
    (repository / "folder").mkdir()
    (repository / "folder/a.txt").write_text("x", encoding="utf-8")
    assert Git(repository).read(commit(repository), "folder") is None


def test_bytes_are_not_put_through_the_filters_that_git_shows_files_with(repository):
    (repository / ".gitattributes").write_text("a.txt diff=loud\n", encoding="utf-8")
    git(repository, "config", "diff.loud.textconv", "tr a-z A-Z <")
    assert Git(repository).read(commit(repository), "a.txt") == b"one"


def test_a_project_below_the_repository_s_root_sees_its_own_files(repository):
    project = repository / "team/my project"
    project.mkdir(parents=True)
    (project / "in.txt").write_text("x", encoding="utf-8")
    made = commit(repository)
    ours = Git(project)
    assert ours.files() == ours.files(made) == ["in.txt"]
    assert ours.read(made, "in.txt") == b"x"
    assert ours.read(made, "a.txt") is None
    assert ours.history("in.txt") == [made]
    (project / "in.txt").write_text("y", encoding="utf-8")
    (repository / "a.txt").write_text("y", encoding="utf-8")
    assert ours.uncommitted() == ["in.txt"]


def test_the_history_has_each_version_that_any_ref_holds(repository):
    """A version on a side branch whose merge discarded it is held all the same."""
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "-b", "side")
    (repository / "a.txt").write_text("of the side", encoding="utf-8")
    side = commit(repository)
    git(repository, "checkout", "-q", "main")
    (repository / "b.txt").write_text("other", encoding="utf-8")
    commit(repository)
    git(repository, "merge", "-q", "-s", "ours", "side", "-m", "discard")
    git(repository, "branch", "-q", "-D", "side")
    assert {first, side} <= set(Git(repository).history("a.txt"))
    assert {Git(repository).read(one, "a.txt") for one in Git(repository).history("a.txt")} == {b"one", b"of the side"}


def test_the_history_has_a_version_that_only_a_merge_made(repository):
    git(repository, "checkout", "-q", "-b", "side")
    (repository / "a.txt").write_text("side", encoding="utf-8")
    commit(repository)
    git(repository, "checkout", "-q", "main")
    (repository / "a.txt").write_text("main", encoding="utf-8")
    commit(repository)
    git(repository, "merge", "-q", "-s", "ours", "--no-commit", "side")
    (repository / "a.txt").write_text("of the merge", encoding="utf-8")
    merge = commit(repository)
    assert merge in Git(repository).history("a.txt")


def test_the_history_has_no_words_of_settings_in_it(repository):
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "log.follow", "true")
    assert Git(repository).history("a.txt") == [git(repository, "rev-parse", "HEAD")]


def test_a_file_that_is_new_staged_or_gone_counts_as_changed(repository):
    for name, action in (("new", None), ("staged", "add"), ("gone", "rm")):
        (repository / name).write_text("x", encoding="utf-8")
        if action == "rm":
            commit(repository)
            (repository / name).unlink()
        elif action:
            git(repository, "add", name)
    ours = Git(repository)
    commit(repository)
    (repository / "new").write_text("y", encoding="utf-8")
    (repository / "staged").write_text("y", encoding="utf-8")
    git(repository, "add", "staged")
    (repository / "a.txt").unlink()
    (repository / "untracked").write_text("y", encoding="utf-8")
    assert ours.uncommitted() == ["a.txt", "new", "staged"]
    assert all(map(ours.changed, ("a.txt", "new", "staged", "untracked")))


def test_a_repository_without_a_commit_answers_too(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("x", encoding="utf-8")
    ours = Git(tmp_path)
    assert ours.refs() == ours.files() == ours.history("a") == ours.uncommitted() == []
    assert ours.changed("a")
    git(tmp_path, "add", "a")
    assert ours.uncommitted() == ["a"]
    with pytest.raises(UsageError):
        ours.commit("HEAD")


def test_a_repository_within_is_an_entry_and_no_file(repository):
    inner = repository / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "x.txt").write_text("x", encoding="utf-8")
    commit(inner)
    git(repository, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    made = commit(repository)
    ours = Git(repository)
    assert "inner" in ours.files(made)
    assert ours.read(made, "inner") is None
    assert ours.read(made, "inner/x.txt") is None
    assert Git(inner).files() == ["x.txt"]


def test_what_git_ignores_is_known_by_its_rules(repository):
    (repository / ".gitignore").write_text("secret/\n*.key\n!keep.key\n", encoding="utf-8")
    ours = Git(repository)
    assert ours.ignores("secret/x")
    assert ours.ignores("a b.key")
    assert ours.ignores(":(top)x.key")
    assert not ours.ignores("keep.key")
    assert not ours.ignores("a.txt")


def test_the_remote_is_named_as_git_has_it(repository):
    assert Git(repository).remote() is None
    git(repository, "remote", "add", "origin", "https://host/é.git")
    assert Git(repository).remote() == "https://host/é.git"


def test_asking_writes_nothing(repository):
    index = repository / ".git/index"
    os.utime(repository / "a.txt", (1, 1))
    before = index.read_bytes()
    ours = Git(repository)
    assert ours.uncommitted() == []
    assert not ours.changed("a.txt")
    assert index.read_bytes() == before
