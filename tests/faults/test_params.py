"""Whatever stands in params.yaml, it is taken, or refused with one clear message that names the key."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from stages.core import params as models
from stages.core.errors import UsageError
from stages.core.params import Params
from stages.core.params_file import checked, read_params

MINIMAL = {"ingest": {"sources": [{"name": "a", "uri": "a.csv", "license": "MIT"}]}}
NAMES_OF_OURS = re.compile("|".join([*models.__all__, "Augment", "Generation", "Contrastive", "pydantic", "NoneType"]))


def leaves(model: type[BaseModel], place: tuple[str | int, ...] = ()):
    """The place of every key in the file, sections too, and what its model says it is."""
    for name, field in model.model_fields.items():
        here = (*place, name)
        yield here, field
        inner = [one for one in parts_of(field.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
        listed = typing.get_origin(field.annotation) is list
        for one in inner:
            yield from leaves(one, (*here, 0) if listed else here)


def parts_of(annotation):
    """A type and all types inside it."""
    yield annotation
    for one in typing.get_args(annotation):
        yield from parts_of(one)


LEAVES = dict(leaves(Params))


def with_value(place, value):
    """A file that is as short as it can be, with this value at that place."""
    root = {"ingest": {"sources": [dict(MINIMAL["ingest"]["sources"][0])]}}
    at = root
    for part, following in zip(place, (*place[1:], None), strict=True):
        if following is None:
            at[part] = value
        elif isinstance(at, list):
            at = at[part]
        else:
            if part not in at or at[part] is None:
                at[part] = [_needed(place)] if following == 0 else {}
            at = at[part]
    return root


def _needed(place):
    """What an element of a list must have beside the key that is tried."""
    if "patterns" in place:
        return {"entity": "PERSON", "regex": "x"}
    return {"name": "b", "uri": "b.csv", "license": "MIT"}


def bounds(field):
    """Values at the field's bounds, and just beyond them."""
    for part in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            if (bound := getattr(part, name, None)) is not None:
                yield from (bound, bound - 1, bound + 1, bound * 2, -bound, float(bound), bound + 1e-9, bound - 1e-9)


WRONG = [
    None, True, False, 0, 1, -1, 2, 1.5, 10**30, -(10**30), 1e308, -1e-308, float("nan"), float("inf"), "", " ", "1",
    "1e3",
    "yes", "null", "a" * 100_000, "\0", "\ud800", "\u202e", "\x1b[2J", "../../etc", "[", "(a+)+$", "(?P<a>",
    "run://", "pkg://",
    "hf://", "s3://user:pass@h/f", "a/b/c", [], [None], [1], ["a"], [[]], [{}], ["a"] * 2, {}, {"a": 1}, {1: 2},
    {None: None},
    {"a": {"a": {"a": []}}}, {"a": "b"}, [[[[[["deep"]]]]]], list(range(1000)), b"bytes", {"a", "b"},
]  # fmt: skip


def refused(error: UsageError, place=None) -> str:
    """The message, which is as a message must be."""
    said = str(error)
    assert all(fault.place and fault.problem and fault.next_step for fault in error.faults)
    assert not (found := NAMES_OF_OURS.search(said.replace("Params:", ""))), found
    assert len(said) < 30_000
    assert said.isprintable() or set(said) - {"\n"} == {one for one in said if one.isprintable()}
    if place:
        parts = [str(part) for part in place]
        ways = {".".join(parts[:end]) for end in range(1, len(parts) + 1)} | {"(the file)"}
        assert any(f": {way}" in fault.place for fault in error.faults for way in ways), said
    return said


class File:
    """A params file that is written anew for each example."""

    def __init__(self, path):
        self.path = path

    def read(self, text: str | bytes):
        """The params, or the error."""
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        try:
            return read_params(self.path)
        except UsageError as error:
            return error

    def check(self, value, place):
        """What the models say of this value at that place, as a file has it and as it stands in memory."""
        try:
            params = checked(with_value(place, value), "params.yaml")
        except UsageError as error:
            return refused(error, place)
        assert Params.model_validate(params.model_dump(mode="json")) == params
        for section in (getattr(params, name) for name in Params.model_fields):
            if isinstance(section, BaseModel):
                section.effective()
        return None


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return File(tmp_path_factory.mktemp("params") / "params.yaml")


def test_every_key_takes_or_refuses_every_kind_of_wrong_value(file):
    accepted = refusals = 0
    for place, field in LEAVES.items():
        for value in [*WRONG, *bounds(field)]:
            said = file.check(value, place)
            accepted, refusals = accepted + (said is None), refusals + (said is not None)
    assert len(LEAVES) > 200
    assert refusals > accepted


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=8,
)


def test_values_drawn_by_chance_are_taken_or_refused(file, request):
    @seed(request.config.getoption("times"))
    @settings(max_examples=150 * request.config.getoption("times"), deadline=None, database=None)
    @given(st.sampled_from(sorted(LEAVES, key=str)), VALUES)
    def check(place, value):
        note(place)
        file.check(value, place)

    check()


def test_an_unknown_key_in_any_section_is_named(file):
    sections = {place[:-1] for place in LEAVES}
    for place in sections:
        said = file.check(1, (*place, "no_such_key"))
        assert f"{'.'.join([*map(str, place), 'no_such_key'])}: unknown key" in said


SOURCE = "ingest: {sources: [{name: a, uri: a.csv, license: MIT}]}\n"
BROKEN = {
    "an empty file": "", "a word": "hello", "a list": "- a", "bytes": b"\x00\xff\x01",
    "UTF-16": SOURCE.encode("utf-16"),
    "a key twice": SOURCE + "seed: 1\nseed: 2\n", "a tab": SOURCE + "clean:\n\tmin_chars: 1\n",
    "two documents": SOURCE + "---\na: 1",
    "a tag of Python": SOURCE + "seed: !!python/object/apply:os.system ['echo']", "a tag": SOURCE + "seed: !foo 1",
    "aliases of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    + "ingest: {sources: *i}",
    "an alias of itself": SOURCE + "clean: &a {boilerplate: *a}",
    "a list in itself": SOURCE + "clean: {boilerplate: &a [*a]}",
    "lists, open": SOURCE + "clean: " + "[" * 600, "lists": SOURCE + "clean: " + "[" * 600 + "]" * 600,
    "mappings": SOURCE + "clean: " + "{a: " * 600 + "}" * 600,
    "a number of 5,000 digits": SOURCE + "seed: " + "9" * 5000,
    "a number that is none": SOURCE + "seed: !!int abc", "a float that is none": SOURCE + "lr: !!float x",
    "a day that is none": SOURCE + "task: 2020-13-45", "a time that is none": SOURCE + "task: 2020-01-01T99:99:99",
    "a list as a key": SOURCE + "? [a]\n: b", "a mapping as a key": SOURCE + "? {a: 1}\n: b", "no key": SOURCE + "~: 1",
    "a long key": SOURCE + f'"{"x" * 900}": 1', "a long value": SOURCE + f'seed: "{"x" * 90_000}"',
    "3,000 faults": "ingest: {sources: ["
    + ",".join(["1"] * 3000) + "]}", "2 MB": SOURCE + "#" * 2_000_000, "a terminal's words": SOURCE + '"a\\e[2J": 1',
    "sections of other types": "ingest: 1\nclean: [1]\nsplit: x\nfinetune: null\n",
    "half a pair": SOURCE + 'task: "\\ud800"',
    "quotes never closed": SOURCE + 'task: "', "a merge": "x: &a {seed: 1}\n<<: *a\n" + SOURCE,
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_params_file_is_refused_with_one_message(file, name):
    refused(file.read(BROKEN[name]))


def test_bytes_drawn_by_chance_are_no_params_and_raise_nothing_else(file, request):
    whole = (Path(__file__).parents[2] / "params.yaml").read_bytes()

    @seed(request.config.getoption("times"))
    @settings(max_examples=30 * request.config.getoption("times"), deadline=None, database=None)
    @given(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.binary(max_size=3)), min_size=1, max_size=3))
    def check(changes):
        text = bytearray(whole)
        for place, new in changes:
            text[place : place + 2] = new
        found = file.read(bytes(text))
        if isinstance(found, UsageError):
            refused(found)

    check()


def test_a_model_that_is_not_there_is_named_by_the_key_that_asks_for_it():
    from stages.methods.check_labels.embeddings import Encoder

    for key in ("model", "deduplicate.semantic_model", "check_labels.encoder"):
        with pytest.raises(UsageError, match=f"^params.yaml: {key}: pkg://no_such/x: no such package"):
            Encoder("pkg://no_such/x", 8, key).digest()
