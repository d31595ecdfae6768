"""The names, kinds of values and errors of transformers-interpret 0.10, and what a library does not do to a model."""

import copy
import pickle
import string

import numpy as np
import pytest
import torch
import transformers

from explainers import classic
from explainers.classic import (
    BaseExplainer,
    MultiLabelClassificationExplainer,
    PairwiseSequenceClassificationExplainer,
    QuestionAnsweringExplainer,
    SequenceClassificationExplainer,
    TokenClassificationExplainer,
    ZeroShotClassificationExplainer,
)
from explainers.classic.errors import (
    AttributionsNotCalculatedError,
    AttributionTypeNotSupportedError,
    InputIdsNotCalculatedError,
)
from explainers.errors import ExplainerError
from explainers.settings import Settings, lift_limits, settings
from tests.support.nli import make_named
from tests.support.tiny import tiny

TEXT, OTHER = "The lake was quiet.", "The birds had the sky."
CALLS = {
    SequenceClassificationExplainer: (lambda: tiny("bert"), (TEXT,)),
    PairwiseSequenceClassificationExplainer: (lambda: tiny("bert"), (TEXT, OTHER)),
    MultiLabelClassificationExplainer: (lambda: tiny("bert"), (TEXT,)),
    ZeroShotClassificationExplainer: (lambda: make_named("bert"), (TEXT, ["home", "music"])),
    QuestionAnsweringExplainer: (lambda: tiny("bert", task="question_answering"), ("What has holes?", TEXT)),
    TokenClassificationExplainer: (lambda: tiny("bert", task="token_classification"), (TEXT,)),
}
KINDS = pytest.mark.parametrize("kind", list(CALLS), ids=lambda kind: kind.__name__)


def make(kind, **options):
    model_of, inputs = CALLS[kind]
    return kind(*model_of(), **options), inputs


@KINDS
def test_every_explainer_states_its_model_and_settings_before_a_call(kind):
    made, _ = make(kind)
    model, tokenizer = CALLS[kind][0]()
    assert isinstance(made, BaseExplainer)
    assert (made.model, made.tokenizer, made.device) == (model, tokenizer, model.device)
    assert (made.attribution_type, made.n_steps, made.internal_batch_size) == ("lig", 50, None)
    assert made.attributions in (None, [])
    assert len(made.input_ids) == 0
    assert made.word_embeddings is model.get_input_embeddings()
    assert made.position_embeddings is model.bert.embeddings.position_embeddings
    assert made.token_type_embeddings is model.bert.embeddings.token_type_embeddings
    assert (made.cls_token_id, made.sep_token_id) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert made.ref_token_id == tokenizer.pad_token_id
    assert made.accepts_position_ids
    assert made.accepts_token_type_ids
    if kind is not QuestionAnsweringExplainer:
        assert (made.id2label, made.label2id) == (model.config.id2label, model.config.label2id)


@KINDS
def test_after_a_call_the_inputs_are_the_tokenizers_and_the_baseline_keeps_special_tokens(kind):
    made, inputs = make(kind)
    made(*inputs, n_steps=1)
    texts = inputs[:2] if kind is not ZeroShotClassificationExplainer else (TEXT, "this text is about music .")
    rows = made.tokenizer(*texts, return_tensors="pt", return_special_tokens_mask=True)
    assert torch.equal(made.input_ids, rows["input_ids"])
    assert torch.equal(made.token_type_ids, rows["token_type_ids"])
    assert torch.equal(made.attention_mask, rows["attention_mask"])
    special = rows["special_tokens_mask"].bool()
    assert torch.equal(made.ref_input_ids, rows["input_ids"].where(special, made.tokenizer.pad_token_id))
    assert made.decode(made.input_ids) == made.tokenizer.convert_ids_to_tokens(rows["input_ids"][0])
    assert made.encode(TEXT) == made.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert made.position_ids.tolist() == [list(range(len(special[0])))]
    assert not made.ref_position_ids.any()
    assert not made.ref_token_type_ids.any()


@KINDS
def test_the_attributions_hold_the_word_attributions(kind):
    made, inputs = make(kind)
    found = made(*inputs, n_steps=3)
    attributions = made.attributions
    if kind is TokenClassificationExplainer:
        attributions = list(attributions.values())
        found = [entry["attribution_scores"] for entry in found.values()]
    found = list(found.values()) if isinstance(found, dict) else found
    attributions = attributions if isinstance(attributions, list) else [attributions]
    found = found if isinstance(found[0], list) else [found]
    assert [one.word_attributions for one in attributions] == found
    for one, scores in zip(attributions, found, strict=True):
        assert isinstance(one, classic.LIGAttributions)
        assert one.tokens == [token for token, _ in scores]
        assert one.attributions_sum.tolist() == pytest.approx([score for _, score in scores])
        assert one.delta.shape == (1,)


@KINDS
def test_errors_are_those_of_transformers_interpret_value_errors_and_ours(kind):
    made, inputs = make(kind)
    with pytest.raises(AttributionTypeNotSupportedError) as unsupported:
        make(kind, attribution_type="unsupported")
    with pytest.raises(ValueError, match="call the explainer first") as early:
        made.word_attributions  # noqa: B018
    with pytest.raises(ValueError, match="is empty") as empty:
        made("", *inputs[1:])
    for caught in (unsupported, early, empty):
        assert isinstance(caught.value, ExplainerError)
    assert isinstance(unsupported.value, RuntimeError)
    assert issubclass(InputIdsNotCalculatedError, RuntimeError)
    assert issubclass(AttributionsNotCalculatedError, RuntimeError)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (SequenceClassificationExplainer, "predicted_class_index"),
        (QuestionAnsweringExplainer, "start_pos"),
        (QuestionAnsweringExplainer, "end_pos"),
        (QuestionAnsweringExplainer, "predicted_answer"),
        (TokenClassificationExplainer, "predicted_class_indexes"),
    ],
)
def test_predictions_before_a_call_raise_the_error_of_missing_ids(kind, name):
    with pytest.raises(InputIdsNotCalculatedError):
        getattr(make(kind)[0], name)


def test_predictions_are_arrays_and_tensors_as_the_readme_prints_them():
    made, inputs = make(SequenceClassificationExplainer)
    made(*inputs, n_steps=1)
    with torch.no_grad():
        logits = made.model(**made.tokenizer(TEXT, return_tensors="pt")).logits[0]
    assert repr(made.predicted_class_index) == f"array({int(logits.argmax())})"
    assert made.predicted_class_index.item() == made.selected_index == int(logits.argmax())
    assert made.pred_probs.item() == pytest.approx(float(logits.softmax(0).max()), abs=1e-6)
    tokens, inputs = make(TokenClassificationExplainer)
    tokens(*inputs, n_steps=1)
    assert isinstance(tokens.predicted_class_indexes, np.ndarray)
    assert tokens.pred_probs.argmax(-1).tolist() == tokens.predicted_class_indexes.tolist()
    many, inputs = make(MultiLabelClassificationExplainer)
    many(*inputs, n_steps=1)
    assert [one.item() for one in many.pred_probs_list] == pytest.approx(logits.sigmoid().tolist(), abs=1e-6)


def test_a_class_without_a_name_is_named_by_its_index():
    made, inputs = make(SequenceClassificationExplainer)
    made.id2label = {"other": "names"}
    made(*inputs, n_steps=1)
    assert made.predicted_class_name == made.predicted_class_index
    assert made.visualize()
    tokens, inputs = make(TokenClassificationExplainer)
    tokens.id2label = {"other": "names"}
    tokens(*inputs, n_steps=1)
    assert tokens.predicted_class_names == tokens.predicted_class_indexes.tolist()


def test_custom_labels_are_on_the_page():
    made, inputs = make(SequenceClassificationExplainer, custom_labels=["sad", "calm", "happy"])
    made(*inputs, n_steps=1)
    page = made.visualize()
    assert made.predicted_class_name in page.data
    assert "LABEL_" not in page.data.split("<details>")[0]
    assert page.data == page == page._repr_html_() == page.__html__()


def test_positions_are_not_explained_if_the_explainer_says_that_the_model_takes_none():
    made, inputs = make(SequenceClassificationExplainer)
    made.accepts_position_ids = False
    with pytest.warns(UserWarning, match="The words are explained instead"):
        found = made(*inputs, embedding_type=1, n_steps=3)
    assert found == made(*inputs, n_steps=3)


@KINDS
def test_the_model_is_left_as_it_was_while_an_explainer_is_made_and_called(kind):
    model, tokenizer = CALLS[kind][0]()
    model = copy.deepcopy(model).train().requires_grad_(True)
    model.base_model.embeddings.eval()
    modes = [module.training for module in model.modules()]
    made = kind(model, tokenizer)
    for _ in range(2):
        assert [module.training for module in model.modules()] == modes
        assert all(weight.requires_grad for weight in model.parameters())
        made(*CALLS[kind][1], n_steps=1)


@KINDS
def test_an_explainer_can_be_pickled_and_copied(kind):
    made, inputs = make(kind)
    found = made(*inputs, n_steps=2)
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), copy.copy(made)):
        assert other.word_attributions == found
        assert other(*inputs) == found


def test_the_limits_of_a_server_do_not_bound_a_call(monkeypatch):
    small = Settings(text_characters=3, passes=2, labels=1)
    monkeypatch.setattr("explainers.settings._read_environment", lambda: small)
    for kind in CALLS:
        made, inputs = make(kind)
        assert made(*inputs, n_steps=2)
    assert settings().passes == 2
    with lift_limits():
        assert settings().passes > 1_000_000
    assert settings().passes == 2


class Own(BaseExplainer):
    """A subclass as the documentation of transformers-interpret shows it."""

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def decode(self, input_ids):
        return self.tokenizer.convert_ids_to_tokens(input_ids[0])

    @property
    def word_attributions(self):
        return []


def test_the_base_class_makes_ids_types_and_positions_for_subclasses():
    model, tokenizer = tiny("bert")
    own = Own(model, tokenizer)
    ids, reference, count = own._make_input_reference_pair(TEXT)
    assert ids.tolist() == [tokenizer(TEXT)["input_ids"]]
    assert reference.tolist() == [[tokenizer.cls_token_id, *[tokenizer.pad_token_id] * count, tokenizer.sep_token_id]]
    types, zeros = own._make_input_reference_token_type_pair(ids, 2)
    assert types.tolist() == [[int(i > 2) for i in range(count + 2)]]
    assert not zeros.any()
    assert own._make_input_reference_position_id_pair(ids)[0].tolist() == [list(range(count + 2))]
    assert own._make_attention_mask(ids).tolist() == [[1] * (count + 2)]
    assert str(own).startswith("Own(\n\tmodel=BertForSequenceClassification,\n\ttokenizer=")


def test_the_public_names_are_those_of_transformers_interpret():
    names = set(classic.__all__)
    assert names >= {"Attributions", "LIGAttributions", "BaseExplainer", "AttributionType", "NoiseTunnelType"}
    assert {name for name in names if name.endswith("Explainer")} == {kind.__name__ for kind in CALLS} | {
        "BaseExplainer",
        "ImageClassificationExplainer",
    }
    assert all(name[0] in string.ascii_uppercase for name in names)


def test_what_is_inside_a_wrapper_or_a_pipeline_is_explained():
    model, tokenizer = tiny("bert")
    right = SequenceClassificationExplainer(model, tokenizer)(TEXT)
    pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    for given in (torch.nn.DataParallel(model), pipe):
        explainer = SequenceClassificationExplainer(given, tokenizer)
        assert explainer.model is model
        assert explainer(TEXT) == right
    with pytest.raises(ExplainerError, match="first"):
        SequenceClassificationExplainer(tokenizer, model)
