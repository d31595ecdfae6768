"""`SequenceClassificationExplainer`: the examples of transformers-interpret and Captum's scores, without its bugs."""

import copy
import warnings
from functools import wraps

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from explainers import ExplainerError
from explainers.classic import SequenceClassificationExplainer
from explainers.errors import BadRequest
from tests.support.captum_reference import attribute_with_captum
from tests.support.explanations import ParsedHtml
from tests.support.sentences import SENTENCES
from tests.support.tiny import CONFIGS, tiny

TEXT = SENTENCES[0]
STEPS = 12  # for tests that ask about something else than the numbers


def explainer(kind="bert", **options):
    return SequenceClassificationExplainer(*tiny(kind), **options)


def captums(kind, text, target, steps):
    """The reference: Captum on the word embeddings, pads between the special tokens, L2-normalised."""
    model, tokenizer = tiny(kind)
    inputs = tokenizer(text, return_tensors="pt")
    special = torch.tensor(tokenizer(text, return_special_tokens_mask=True)["special_tokens_mask"], dtype=torch.bool)
    ids = inputs.pop("input_ids")

    def score(ids):
        return model(ids, **{name: rows.expand(len(ids), -1) for name, rows in inputs.items()}).logits.softmax(-1)

    baseline = torch.where(special, ids, torch.full_like(ids, tokenizer.pad_token_id))
    scores = attribute_with_captum(model, score, ids, baseline, target, steps)[0]
    return (scores / scores.norm()).tolist()


def test_the_example_of_transformers_interprets_readme_gives_each_token_a_score():
    model, tokenizer = tiny("bert")
    cls_explainer = SequenceClassificationExplainer(model, tokenizer)
    word_attributions = cls_explainer("I love you, I like you")
    assert [token for token, _ in word_attributions] == tokenizer.convert_ids_to_tokens(tokenizer(TEXT)["input_ids"])
    assert word_attributions[0] == ("[CLS]", 0.0)
    assert word_attributions[-1] == ("[SEP]", 0.0)
    assert all(type(token) is str and type(score) is float for token, score in word_attributions)
    assert abs(np.linalg.norm([score for _, score in word_attributions]) - 1) < 1e-6
    assert cls_explainer.word_attributions == word_attributions


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_scores_are_captums_at_the_same_steps_on_every_architecture(kind):
    made = explainer(kind)
    for text, target in ((TEXT, 0), (SENTENCES[2], 2)):
        scores = [score for _, score in made(text, index=target)]
        np.testing.assert_allclose(scores, captums(kind, text, target, 50), atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3, 20])
def test_n_steps_is_remembered_as_in_transformers_interpret(steps):
    made = explainer()
    usual = made(TEXT, index=1)
    assert made.n_steps == 50
    asked = made(TEXT, index=1, n_steps=steps)
    np.testing.assert_allclose([score for _, score in asked], captums("bert", TEXT, 1, steps), atol=1e-5)
    assert dict(made.explanation.request.params)["steps"] == str(steps)
    assert asked != usual
    assert made.n_steps == steps
    assert made(TEXT, index=1) == asked
    made.n_steps = 50
    assert made(TEXT, index=1) == usual


def test_more_steps_than_a_page_offers_are_possible():
    made = explainer()
    assert made(TEXT, index=1, n_steps=2_500)
    assert float(made.explanation.relative_error[0]) < 1e-4


def test_internal_batch_size_is_honoured_and_changes_no_score(monkeypatch):
    made, sizes = explainer(), []
    forward = made._bundle.model.forward

    @wraps(forward)
    def counted(*args, **inputs):
        sizes.append(len(inputs["input_ids"]))
        return forward(*args, **inputs)

    made(TEXT, index=1)
    monkeypatch.setattr(made._bundle.model, "forward", counted)
    whole = made(TEXT, index=1, n_steps=STEPS)
    assert max(sizes) == STEPS
    sizes.clear()
    small = made(TEXT, index=1, n_steps=STEPS, internal_batch_size=4)
    assert max(sizes) == 4
    np.testing.assert_allclose([s for _, s in small], [s for _, s in whole], atol=1e-5)
    assert made.internal_batch_size == 4
    sizes.clear()
    made(TEXT, index=1, n_steps=STEPS)
    assert max(sizes) == 4


def test_index_comes_before_class_name_and_class_name_before_the_prediction():
    made = explainer(custom_labels=["bad", "fine", "good"])
    made(TEXT, n_steps=STEPS)
    assert made.selected_index == made.predicted_class_index
    for index in range(3):
        made(TEXT, index=index, class_name="good", n_steps=STEPS)
        assert made.selected_index == index
    made(TEXT, class_name="bad", n_steps=STEPS)
    assert made.selected_index == 0
    logits = tiny("bert")[0](**tiny("bert")[1](TEXT, return_tensors="pt")).logits.detach()
    assert made.pred_probs == pytest.approx(float(logits[0].softmax(0)[0]), abs=1e-6)


def test_an_unknown_class_name_warns_and_the_predicted_class_is_explained():
    made = explainer()
    with pytest.warns(UserWarning, match="no class 'nonsense'") as warned:
        made(TEXT, class_name="nonsense", n_steps=STEPS)
    assert made.selected_index == made.predicted_class_index
    assert warned[0].filename == __file__


def test_an_index_that_does_not_exist_is_refused_with_the_classes():
    with pytest.raises(BadRequest, match="LABEL_0, LABEL_1, LABEL_2"):
        explainer()(TEXT, index=3)


def test_custom_labels_name_the_classes_by_their_index_and_must_be_as_many():
    made = explainer(custom_labels=["bad", "fine", "good"])
    made(TEXT, n_steps=STEPS)
    assert made.predicted_class_name == ["bad", "fine", "good"][made.predicted_class_index]
    usual = explainer()
    usual(TEXT, n_steps=STEPS)
    assert usual.predicted_class_name == f"LABEL_{made.predicted_class_index}"
    for wrong in (["bad", "good"], [], ["a", "b", "c", "d"]):
        with pytest.raises(ValueError, match=f"{len(wrong)} labels were given for a model with 3 classes"):
            explainer(custom_labels=wrong)


def test_the_prediction_is_the_models_whatever_class_is_explained():
    made = explainer()
    right = int(tiny("bert")[0](**tiny("bert")[1](TEXT, return_tensors="pt")).logits.argmax())
    for index in range(3):
        made(TEXT, index=index, n_steps=STEPS)
        assert made.predicted_class_index == right
        assert made.predict(TEXT).targets[0].index == right


def test_positions_are_explained_by_embedding_type_1():
    made = explainer()
    words, places = made(TEXT, index=1, n_steps=STEPS), made(TEXT, index=1, embedding_type=1, n_steps=STEPS)
    assert dict(made.explanation.request.params)["embedding"] == "position"
    assert [token for token, _ in words] == [token for token, _ in places]
    assert np.abs(np.subtract([s for _, s in words], [s for _, s in places])).max() > 0.01
    assert made(TEXT, index=1, embedding_type=7, n_steps=STEPS) == words


@pytest.mark.parametrize("kind", ["deberta-v2", "bart"])
def test_without_position_embeddings_the_words_are_explained_with_one_warning(kind):
    model, tokenizer = tiny(kind, position_biased_input=False) if kind == "deberta-v2" else tiny(kind)
    made = SequenceClassificationExplainer(model, tokenizer)
    with pytest.warns(UserWarning, match="explained") as warned:
        found = made(TEXT, class_name="nonsense", embedding_type=1, n_steps=STEPS)
    about_class, about_positions = (str(one.message) for one in warned)
    assert about_class == "The model has no class 'nonsense': the predicted class is explained."
    assert about_positions.endswith(" The words are explained instead.")
    assert {one.filename for one in warned} == {__file__}
    assert found == made(TEXT, n_steps=STEPS)


@pytest.mark.parametrize("name", ["word_attributions", "predicted_class_index", "predicted_class_name", "visualize"])
def test_properties_before_a_call_raise_errors(name):
    made = explainer()
    with pytest.raises(ValueError, match="call the explainer first"):
        getattr(made, name) and made.visualize()


def test_lig_is_the_only_attribution_type_for_text():
    assert explainer(attribution_type="lig")(TEXT, n_steps=STEPS)
    with pytest.raises(ValueError, match="no attribution type 'lgxa'"):
        explainer(attribution_type="lgxa")


@pytest.mark.parametrize(
    ("name", "written"), [("map.html", "map.html"), ("map", "map.html"), ("my.map", "my.map.html")]
)
def test_visualize_writes_the_page_that_it_returns(tmp_path, name, written):
    made = explainer()
    made(TEXT, n_steps=STEPS)
    page = made.visualize(str(tmp_path / name), true_class="<b>fine</b>")
    assert [path.name for path in tmp_path.iterdir()] == [written]
    assert (tmp_path / written).read_text("utf-8") == page == page._repr_html_()
    shown = ParsedHtml(page)
    assert shown.text("wf-map") == TEXT
    assert "True label: <b>fine</b>." in shown.text()
    assert "True label" not in made.visualize()


def test_str_of_an_explainer_names_its_class_model_and_tokenizer():
    model, tokenizer = tiny("bert")
    parts = [f"model={type(model).__name__}", f"tokenizer={type(tokenizer).__name__}", "attribution_type='lig'"]
    assert str(explainer()) == "SequenceClassificationExplainer(" + "".join(f"\n\t{part}," for part in parts) + ")"


# What transformers-interpret 0.10 gets wrong.


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_the_model_explained_is_the_model_deployed(kind):
    """Its last [SEP] had type 1, and its positions began at 0 for every kin of RoBERTa but one."""
    made = explainer(kind)
    for index in range(3):
        made(TEXT, index=index, n_steps=2)
        model, tokenizer = tiny(kind)
        right = model(**tokenizer(TEXT, return_tensors="pt")).logits.detach().softmax(-1)[0, index]
        assert float(made.explanation.values[0]) == pytest.approx(float(right), abs=1e-6)


def test_a_model_with_one_token_type_works():
    model, _ = tiny("xlm-roberta", type_vocab_size=1)
    made = SequenceClassificationExplainer(*tiny("xlm-roberta", type_vocab_size=1))
    assert model.config.type_vocab_size == 1
    assert len(made(TEXT, n_steps=STEPS)) == len(made.explanation.features)


def test_the_convergence_error_is_the_residual_of_the_sum():
    made = explainer()
    made(TEXT, index=1, n_steps=100)
    found = made.explanation
    assert float(found.delta[0]) == pytest.approx(
        float(found.scores.sum() - found.values[0] + found.baselines[0]), abs=1e-6
    )
    assert float(found.relative_error[0]) < 0.02


def test_the_request_and_the_page_keep_every_character():
    made = explainer()
    made("U.S.A  3.14 (really?)", n_steps=STEPS)
    assert made.explanation.request.texts == {"text": "U.S.A  3.14 (really?)"}
    (map_of_text,) = [ParsedHtml(made.visualize()).text("wf-map")]
    assert map_of_text == "U.S.A  3.14 (really?)"


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_is_refused(text):
    with pytest.raises(ExplainerError, match="Text is empty"):
        explainer()(text)


def test_a_text_that_is_too_long_is_cut_and_the_page_says_so():
    made = explainer()
    found = made(" ".join(SENTENCES * 3), n_steps=2)
    assert len(found) == 128
    assert found[-1][0] == "[SEP]"
    assert "128 tokens" in ParsedHtml(made.visualize()).text("wf-note")


def gpt2():
    """A GPT-2 as it is published: byte-level pieces, an end of text, and no pad."""
    signs = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<|endoftext|>"]
    tokenizer = Tokenizer(models.BPE({sign: i for i, sign in enumerate(signs)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    ends = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **ends)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "initializer_range": 0.4}
    config = AutoConfig.for_model("gpt2", **sizes, vocab_size=len(signs), num_labels=3, pad_token_id=None)
    config.bos_token_id = config.eos_token_id = fast.eos_token_id
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return AutoModelForSequenceClassification.from_config(config).eval(), fast


@pytest.mark.parametrize("batch", [None, 8])
def test_a_model_without_a_padding_token_uses_its_end_of_text_as_baseline(batch):
    model, tokenizer = gpt2()
    made = SequenceClassificationExplainer(model, tokenizer)
    scores = [score for _, score in made("Not bad", index=1, n_steps=80, internal_batch_size=batch)]
    assert len(scores) == len("Not bad")
    assert np.linalg.norm(scores) == pytest.approx(1)
    assert float(made.explanation.relative_error[0]) < 0.05
    with torch.no_grad():
        ends = torch.full((1, len("Not bad")), tokenizer.eos_token_id)
        assert float(made.explanation.baselines[0]) == pytest.approx(
            float(model(ends).logits.softmax(-1)[0, 1]), abs=1e-6
        )


def test_a_model_in_training_mode_stays_trainable():
    model, tokenizer = tiny("bert")
    expected = SequenceClassificationExplainer(model, tokenizer)(TEXT)
    model = copy.deepcopy(model).requires_grad_(True).train()
    made = SequenceClassificationExplainer(model, tokenizer)
    for _ in range(2):
        assert all(module.training for module in model.modules())
        model(**tokenizer("a", return_tensors="pt"), labels=torch.tensor([1])).loss.backward()
        assert made(TEXT) == expected


def test_a_usual_call_raises_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explainer("roberta")(TEXT, class_name="LABEL_1", n_steps=STEPS)
