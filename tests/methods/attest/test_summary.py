from stages.methods.attest.statement import Evidence, Material, make_statement
from stages.methods.attest.summary import summary

BARE = Evidence({"data/finetune/model/m": "a" * 64}, [], {}, [], "1" * 64)


def test_what_an_attestation_does_not_say_is_told_as_not_said():
    lines = summary(make_statement(BARE), [])
    assert "signed by    nobody" in lines
    assert "finished     not said" in lines
    assert "params       not said" in lines
    assert "stages       none" in lines
    assert not any(line.startswith("commit") for line in lines)


def test_what_an_attestation_says_cannot_write_on_the_terminal():
    evil = Material("\x1b[2Jx", "source", "3" * 64)
    statement = make_statement(Evidence({"a": "a" * 64}, [evil], {"task": "\x1b]0;"}, ["\x07"], "1" * 64))
    statement["predicate"]["runDetails"] = "\x1b"
    statement["predicate"]["buildDefinition"]["internalParameters"] = {"uncommitted": 3}
    lines = summary(statement, ["\x1b[0m"])
    assert all(line.isprintable() for line in lines)
    assert "builder      not said" in lines


def test_files_that_are_not_as_in_the_commit_are_counted_in_good_english():
    commit = Material(".", "commit", "2" * 40)
    one, two = (
        summary(make_statement(Evidence({"a": "a" * 64}, [commit], {}, names, "1" * 64)), [])
        for names in (["x"], ["x", "y"])
    )
    assert "             and 1 file not as in the commit: x" in one
    assert "             and 2 files not as in the commit: x, y" in two
