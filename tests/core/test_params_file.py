import pytest

from stages.core.errors import UsageError
from stages.core.params import PrivacyParams
from stages.core.params_file import read_params

SOURCE = "ingest: {sources: [{name: a, uri: a.csv, license: MIT}]}\n"


@pytest.fixture
def params(tmp_path):
    def read(text):
        file = tmp_path / "params.yaml"
        file.write_text(SOURCE + text, encoding="utf-8")
        return read_params(file)

    return read


@pytest.mark.parametrize("written", ["2e-5", "2e-05", "2.0e-05", "0.00002"])
def test_every_way_to_write_a_learning_rate_is_a_number(params, written):
    assert params(f"lr: {written}\n").lr == 2e-5


def test_a_number_in_quotes_is_refused_and_the_value_named(params):
    with pytest.raises(UsageError, match=r"lr: .*got the text '2e-5'"):
        params('lr: "2e-5"\n')


@pytest.mark.parametrize("key", ["max_epsilon", "max_grad_norm"])
def test_a_number_that_is_not_finite_is_refused(params, key):
    with pytest.raises(UsageError, match=rf"privacy.{key}: Input should be a finite number, got inf"):
        params(f"privacy: {{{key}: .inf}}\n")


def test_a_column_of_the_source_among_those_of_the_task_is_refused_and_not_left_out(tmp_path):
    file = tmp_path / "params.yaml"
    fields = "fields: {text: body, subject: customer}"
    file.write_text(f"ingest: {{sources: [{{name: a, uri: a.csv, license: MIT, {fields}}}]}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="write `subject: customer` beside `fields`"):
        read_params(file)


def test_a_typo_is_answered_with_the_key_that_was_meant(params):
    with pytest.raises(UsageError, match="did you mean `batch_size`"):
        params("batchsize: 8\n")


def test_all_faults_are_listed_at_once(params):
    with pytest.raises(UsageError) as caught:
        params("epochs: -1\nclean: {min_char: 2}\nsplit: {test: 0.6, validation: 0.5}\nseed: 1.5\n")
    message = str(caught.value)
    assert len(caught.value.faults) == 4
    for place in ("epochs", "clean.min_char", "split", "seed"):
        assert f"params.yaml: {place}" in message
    assert "did you mean `min_chars`" in message


def test_broken_yaml_is_answered_with_its_line(params):
    with pytest.raises(UsageError, match=r"params.yaml:3: not valid YAML"):
        params("lr: 1\nepochs: a: b\n")


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        read_params(tmp_path / "none.yaml")


def test_two_sources_of_one_name_are_refused(tmp_path):
    file = tmp_path / "params.yaml"
    entry = "{name: a, uri: a.csv, license: MIT}"
    file.write_text(f"ingest: {{sources: [{entry}, {entry}]}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="share a name: a"):
        read_params(file)


def test_what_a_switch_turns_off_does_not_count_as_a_change():
    assert PrivacyParams(delta=1e-6).effective() == PrivacyParams(delta=1e-5).effective() == {"enabled": False}
    assert PrivacyParams(enabled=True, delta=1e-6).effective() != PrivacyParams(enabled=True).effective()


def test_a_weight_for_a_source_or_an_attribute_that_no_source_has_is_refused(params):
    with pytest.raises(UsageError, match="weighs b; sources are a"):
        params("finetune: {source_weights: {b: 2}}\n")
    with pytest.raises(UsageError, match=r"attribute_weights is sex; attributes in ingest.sources: none\n"):
        params("finetune: {attribute_weights: sex}\n")


def test_a_fault_of_a_whole_section_does_not_name_its_type_in_python(params):
    with pytest.raises(UsageError) as caught:
        params("finetune: {contrastive: {enabled: true}}\n")
    assert "set head_only to true\n" in str(caught.value)
