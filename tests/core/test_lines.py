import pytest

from stages.core.errors import DataError, UsageError
from stages.core.lines import Line, read_lines


@pytest.fixture
def lines_of(tmp_path):
    def read(data, encoding="utf-8", longest=100):
        path = tmp_path / "file.txt"
        path.write_bytes(data)
        return list(read_lines(path, encoding, longest))

    return read


def test_a_byte_order_mark_is_not_part_of_the_first_line(lines_of):
    assert lines_of(b"\xef\xbb\xbfa\nb") == [Line(1, "a\n"), Line(2, "b")]


def test_only_a_line_feed_ends_a_line(lines_of):
    assert [line.text for line in lines_of("a\u2028b\x0b\x85c\r\nd".encode())] == ["a\u2028b\x0b\x85c\r\n", "d"]


def test_a_carriage_return_ends_lines_where_there_is_no_line_feed(lines_of):
    assert [line.text for line in lines_of(b"a\rb\r")] == ["a\r", "b\r"]


def test_utf_16_is_read_when_it_is_declared(lines_of):
    assert lines_of("é\nb".encode("utf-16"), "utf-16") == [Line(1, "é\n"), Line(2, "b")]


def test_utf_16_is_refused_when_it_is_declared_as_something_else(lines_of):
    with pytest.raises(DataError, match="is UTF-16"):
        lines_of("é".encode("utf-16"))


@pytest.mark.parametrize("encoding", ["klingon", "rot13"])
def test_an_unknown_encoding_is_wrong_use(lines_of, encoding):
    with pytest.raises(UsageError, match=encoding):
        lines_of(b"a", encoding)


def test_bytes_that_do_not_fit_stay_recognisable(lines_of):
    assert lines_of(b"a\xffb\n")[0].text == "a\udcffb\n"
    assert lines_of("a".encode("utf-16-le") + b"\n", "utf-16-le")[0].text == "a\udc0a"


def test_a_line_too_long_becomes_a_digest_and_the_next_line_is_read(lines_of):
    long, next = lines_of(b"x" * 1000 + b"\ny\n", longest=10)
    assert (long.number, long.whole, len(long.text)) == (1, False, 64)
    assert next == Line(2, "y\n")
    assert long.text != lines_of(b"x" * 999 + b"z\n", longest=10)[0].text
