from stages.core.cache import Cache


def test_what_was_put_comes_back_and_what_was_not_does_not(tmp_path):
    cache = Cache("kind", tmp_path / "cache")
    assert cache.get(["a"]) == {}
    cache.put({"a": b"1", "b": b"2"})
    assert cache.get(["b", "a", "c", "a"]) == {"a": b"1", "b": b"2"}


def test_a_value_that_is_there_stays_and_kinds_do_not_mix(tmp_path):
    cache = Cache("kind", tmp_path)
    cache.put({"a": b"1"})
    cache.put({"a": b"2"})
    assert cache.get(["a"]) == {"a": b"1"}
    assert Cache("other", tmp_path).get(["a"]) == {}


def test_more_names_than_one_query_takes_are_all_found(tmp_path):
    values = {f"{i:04x}": bytes([i % 256]) for i in range(1201)}
    Cache("kind", tmp_path).put(values)
    assert Cache("kind", tmp_path).get(values) == values


def test_a_broken_cache_is_an_empty_one_and_works_again_afterwards(tmp_path):
    cache = Cache("kind", tmp_path)
    cache.path.write_bytes(b"not a database, and long enough to be looked at" * 20)
    assert cache.get(["a"]) == {}
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {"a": b"1"}


def test_a_value_that_was_damaged_is_not_there_and_can_be_put_again(tmp_path):
    cache = Cache("kind", tmp_path)
    cache.put({"a": b"a value of some length", "b": b"1"})
    content = cache.path.read_bytes()
    cache.path.write_bytes(content.replace(b"a value of some", b"a value of same"))
    assert cache.get(["a", "b"]) == {"b": b"1"}
    cache.put({"a": b"2"})
    assert cache.get(["a"]) == {"a": b"2"}


def test_a_cache_that_cannot_be_written_never_fails(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = Cache("kind", tmp_path / "file")
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {}


def test_the_cache_lies_beside_the_key_of_the_project_and_others_cannot_enter(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    cache = Cache("kind")
    cache.put({"a": b"1"})
    assert cache.path == tmp_path / ".rowtrail" / "cache" / "kind.sqlite"
    assert cache.path.parent.stat().st_mode & 0o077 == 0
