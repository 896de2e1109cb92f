"""Questions to git: which commit a name means, what a file said there, and which DVC experiments there are.

It only reads. DVC keeps an experiment as a commit under `refs/exps/`, outside all branches; here its name is as good as
a branch's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.core.errors import Fault, UsageError

_EXPERIMENTS = "refs/exps"
_LITERAL = "--literal-pathspecs"
"""A path is a path, with `*` and `:` in it as well."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A name and the commit it means; `kind` is `branch`, `tag`, `remote` or `experiment`."""

    name: str
    commit: str
    kind: str


class Git:
    """The repository that a folder is in. Raises UsageError when there is none, or no git."""

    def __init__(self, folder: Path = Path()) -> None:
        self.folder = folder
        if self._ask("rev-parse", "--git-dir") is None:
            if below_repository(folder):
                step = "`git status` says why; one of another owner: `git config --global --add safe.directory FOLDER`"
                raise UsageError(Fault(str(folder.absolute()), "git does not read the repository here", step))
            step = "run from the project's folder; a project without git: `git init`, then commit"
            raise UsageError(Fault(str(folder.absolute()), "is not in a git repository", step))

    def commit(self, name: str) -> str:
        """The full hash of the commit that a branch, tag, hash or DVC experiment names. Raises UsageError."""
        found = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found is not None:
            return found.decode().strip()
        commits = {ref.commit for ref in self.refs() if ref.kind == "experiment" and ref.name == name}
        if len(commits) == 1:
            return commits.pop()
        problem = f"means {len(commits)} experiments" if commits else "is no commit, branch, tag or DVC experiment here"
        more = "; this clone has no older commits: `git fetch --unshallow` brings them" if self.shallow() else ""
        step = f"`git log --oneline --all` and `dvc exp show` list them{more}"
        raise UsageError(Fault(f"revision {name!r}", problem, step))

    def shallow(self) -> bool:
        """Whether the clone was made without its older commits (`git clone --depth`)."""
        return (self._ask("rev-parse", "--is-shallow-repository") or b"").strip() == b"true"

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's bytes in a commit; None where the commit has no such file. `path` is relative to the folder."""
        # `git show` would run a filter that the user's attributes name, and list a folder as if that were its content.
        return self._ask("cat-file", "blob", f"{commit}:./{path}")

    def refs(self) -> list[Ref]:
        """All branches, tags, remote branches and DVC experiments."""
        return self._refs()

    def history(self, path: str) -> list[str]:
        """The commits, newest first, of all refs in which a file was changed: each of its versions is in one."""
        # The full history: git else leaves out a side branch whose version a merge discarded.
        return (self._ask(_LITERAL, "rev-list", "--all", "--full-history", "--", path) or b"").decode().split()

    def containing(self, commit: str) -> list[str]:
        """Names of the branches, tags and experiments whose history has a commit."""
        return [ref.name for ref in self._refs("--contains", commit)]

    def files(self, commit: str = "") -> list[str]:
        """Paths that git tracks: in a commit, or now."""
        command = ("ls-tree", "-r", "-z", "--name-only", commit) if commit else ("ls-files", "-z")
        return _names(self._ask(*command) or b"")

    def changed(self, path: str) -> bool:
        """Whether a tracked file differs from the last commit, or is not in it."""
        return self._ask("cat-file", "-e", f"HEAD:./{path}") is None or bool(
            self._ask(_LITERAL, "status", "--porcelain", "--", path)
        )

    def uncommitted(self) -> list[str]:
        """Tracked files of the folder that differ from the last commit, or are not in it."""
        # `git diff` would write the index anew.
        listed = self._ask("status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--", ".") or b""
        below = len((self._ask("rev-parse", "--show-prefix") or b"").decode("utf-8", "surrogateescape").rstrip("\n"))
        return sorted(name[3 + below :] for name in _names(listed))

    def ignores(self, path: str) -> bool:
        """Whether git leaves a file of the folder alone."""
        return self._ask("check-ignore", "--quiet", "--", f"./{path}") is not None

    def remote(self) -> str | None:
        """The URL of the remote `origin`, as git has it: it may hold a password."""
        found = self._ask("remote", "get-url", "origin")
        return None if found is None else found.decode("utf-8", "replace").strip()

    def _refs(self, *conditions: str) -> list[Ref]:
        wanted = "%00".join(
            f"%({name})" for name in ("refname", "objectname", "objecttype", "*objectname", "*objecttype")
        )
        listed = self._ask("for-each-ref", *conditions, f"--format={wanted}") or b""
        # Not splitlines: a name may hold what Python takes for the end of a line and git does not.
        return list(_refs(listed.decode("utf-8", "replace").split("\n")))

    def _ask(self, *arguments: str) -> bytes | None:
        """What git prints; None when it fails."""
        command: Sequence[str] = ("git", "--no-optional-locks", *arguments)
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)  # noqa: S603
        except (FileNotFoundError, NotADirectoryError):
            if not self.folder.is_dir():
                raise UsageError(Fault(str(self.folder), "no such folder", "check the path")) from None
            raise UsageError(Fault("git", "is not installed", "install it: versions are read from it")) from None
        return done.stdout if done.returncode == 0 else None


def below_repository(folder: Path) -> bool:
    """Whether a folder or one above it holds a repository, be it one that git refuses to read."""
    place = folder.absolute()
    return any((above / ".git").exists() for above in (place, *place.parents))


_KINDS = {"heads": "branch", "tags": "tag", "remotes": "remote", "exps": "experiment"}


def _refs(lines: Sequence[str]) -> Iterator[Ref]:
    for line in lines:
        full, commit, kind_of, peeled, peeled_kind = (*line.split("\0"), "", "", "", "", "")[:5]
        if "commit" not in (kind_of, peeled_kind):
            continue  # a tag of a file, say
        kind, _, name = full.removeprefix("refs/").partition("/")
        if full.startswith(f"{_EXPERIMENTS}/"):
            # refs/exps/<2 hex>/<38 hex>/<name>; DVC's own refs (exec/..., stash, celery) are not experiments.
            parts = full.split("/")
            if len(parts) != 5 or len(parts[2]) != 2:
                continue
            name = parts[4]
        if kind in _KINDS:
            yield Ref(name, peeled or commit, _KINDS[kind])


def _names(listed: bytes) -> list[str]:
    """Paths from what git prints with -z."""
    return [name for name in listed.decode("utf-8", "surrogateescape").split("\0") if name]
