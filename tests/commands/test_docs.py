from stages.commands.docs import params_page


def test_the_page_gives_type_bounds_default_and_consequence_of_a_knob():
    (line,) = [line for line in params_page().splitlines() if line.startswith("| `threshold` |")]
    assert "number ≥ 0.05, < 1" in line
    assert "`0.8`" in line
    assert "lower removes more" in line


def test_sections_within_sections_have_their_own_table():
    page = params_page()
    assert "### `ingest.sources`" in page
    assert "### `finetune.lora`" in page


def test_the_page_can_be_written_elsewhere(tmp_path, ask):
    assert ask("docs", "--out", tmp_path / "params.md")[0] == 0
    assert (tmp_path / "params.md").read_text(encoding="utf-8") == params_page()
