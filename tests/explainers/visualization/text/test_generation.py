"""What the interactive view is given: the whole text in pieces, scores that survive their packing, few bytes."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from explainers.export.html import to_html
from explainers.request import Request, Target
from explainers.results.explanation import Feature, Prediction
from explainers.results.granularity import Grouping, aggregate
from explainers.visualization.charts.generation_matrix import describe_matrix, draw_matrix, list_targets, round_scores
from explainers.visualization.summaries.generation import describe_generation, find_strongest_row, list_sources
from explainers.visualization.summaries.provenance import list_provenance
from explainers.visualization.text.generation import CSS, SCRIPT, make_payload, name_target, pack_scores
from tests.support.explanations import EVIL, ParsedHtml
from tests.support.generations import NAN, features_of, generation

SCORES = [[0.1, 0.2, -0.3, 0.9, 0.5], [0.25, 0, 0.1, -0.2, 0.1, 0.8], [0.1, 0.1, 0.1, 0.1, 0.1, -0.2, 0.6]]


def unpacked(drawn):
    """The scores as the script computes them."""
    whole = np.frombuffer(base64.b64decode(drawn["scores"]), "<i2").reshape(-1, drawn["width"])
    limits = np.array([row["limit"] for row in drawn["rows"]])[:, None]
    return np.where(whole == -32768, NAN, whole / 32767 * limits)


def parts(drawn):
    return [part for field in drawn["fields"] for block in field["blocks"] for part in block["parts"]]


def test_the_texts_are_whole_and_each_piece_knows_its_feature_and_its_row():
    drawn = make_payload(generation())
    prompt, continuation = drawn["fields"]
    assert "".join(part[0] for part in prompt["blocks"][0]["parts"]) == "The capital of France is"
    assert continuation["blocks"][0]["parts"] == [[" ", -1, -1, 0], ["Par", 5, 0, 0], ["is", 6, 1, 0], [".", 7, 2, 0]]
    assert [field["title"] for field in drawn["fields"]] == ["Prompt", "Continuation"]


def test_scores_come_back_within_a_30000th_of_the_strongest_and_hidden_ones_hidden():
    explanation = generation()
    back = unpacked(make_payload(explanation))
    assert_allclose(np.isnan(back), np.isnan(explanation.scores))
    limits = np.nanmax(np.abs(explanation.scores), axis=1, keepdims=True)
    assert np.nanmax(np.abs(back - explanation.scores) / limits) < 1 / 30_000
    zeros, _ = pack_scores(np.zeros((1, 3), np.float32))
    assert zeros.tolist() == [0.0]


def test_200_tokens_written_after_200_take_less_than_300_kilobytes():
    given, made = ([f"{kind}{i}" for i in range(200)] for kind in "wo")
    big = generation(given, made, texts=(" ".join(given), " " + " ".join(made)))
    assert len(json.dumps(make_payload(big))) < 300_000
    assert len(draw_matrix(big).to_json()) < 700_000


def test_a_row_tells_its_probability_its_contrast_what_could_have_been_and_its_step_scores():
    explanation = generation(steps=(("cross_entropy", (1.23456, 0.0, 2.0)),))
    first = explanation.targets[0]
    others = ((first, Target("Lon", 7, probability=0.2)), (), ())
    explanation = replace(
        explanation,
        targets=(replace(first, foil="Lon"), *explanation.targets[1:]),
        prediction=Prediction(explanation.targets, "x", others),
    )
    row = make_payload(explanation)["rows"][0]
    assert (row["name"], row["share"], row["foil"]) == ("Par", "50 %", "Lon")
    assert row["instead"] == ["Lon 20 %"]
    assert row["steps"] == ["cross entropy 1.235"]


def test_what_could_have_been_belongs_to_the_same_token_when_words_are_shown():
    explanation = generation()
    others = ((Target("Lon", 7, probability=0.2),), (Target("don", 8, probability=0.1),), (Target("!", 9),))
    explanation = replace(explanation, prediction=Prediction(explanation.targets, " Paris.", others))
    paris, dot = make_payload(aggregate(explanation, Grouping("word")))["rows"]
    assert "instead" not in paris
    assert dot["instead"] == ["! 0 %"]


def test_the_words_of_each_role_are_a_block_and_no_letter_is_lost_between_them():
    segments = (("prompt", 12, 24, "user"), ("prompt", 0, 11, "system"), ("continuation", 0, 7, "assistant"))
    drawn = make_payload(generation(segments=segments))
    blocks = [(block["role"], "".join(part[0] for part in block["parts"])) for block in drawn["fields"][0]["blocks"]]
    assert blocks == [("Instructions", "The capital"), ("You", "of France is")]
    assert drawn["fields"][1]["blocks"][0]["role"] == "Model"


def test_a_token_of_space_is_a_mark_and_one_that_the_text_does_not_hold_is_told_apart():
    explanation = generation()
    features = list(explanation.features)
    features[0] = Feature("<s>", "prompt", special=True)
    features[4] = replace(features[4], text="␣", start=22, end=22)
    drawn = make_payload(replace(explanation, features=tuple(features)))
    assert drawn["unseen"] == [[0, "<s>"]]
    assert [part for part in parts(drawn) if part[1] >= 0 and part[3]] == [["␣", 4, -1, 1]]
    assert "".join(part[0] for part in parts(drawn) if part[1] < 0 or not part[3]) == "The capital of France is Paris."


def test_words_before_the_first_piece_and_behind_the_last_were_not_read_and_say_so():
    shown = generation(texts=("x y The capital of\u200b France is left out ", " Paris."))
    first, *rest = make_payload(shown)["fields"][0]["blocks"][0]["parts"]
    assert first == ["x y ", -1, -1, 1]
    assert rest[-1] == [" left out ", -1, -1, 1]
    assert not any(part[3] for part in rest[:-1])  # what a tokenizer leaves out between two pieces was read
    assert 'element("span", "wf-unread", text)' in SCRIPT
    assert ".wf-unread" in CSS


def test_scores_that_have_no_sign_are_drawn_from_zero_on():
    scores = [[1.0] * 5, [2.0] * 6, [3.0] * 7]
    plain, signed = (draw_matrix(generation(scores=scores, signed=sign)).data[0] for sign in (False, True))
    assert (plain.zmin, plain.zmax, signed.zmin, signed.zmax) == (0, 3, -3, 3)
    assert plain.colorscale[-1] == signed.colorscale[-1]
    assert plain.colorscale[0][1] == signed.colorscale[2][1]


def test_equal_results_have_equal_names_and_others_do_not():
    assert make_payload(generation())["id"] == make_payload(generation())["id"]
    assert make_payload(generation())["id"] != make_payload(generation(scores=SCORES))["id"]


def test_pieces_of_a_grouped_result_carry_all_of_its_text():
    drawn = make_payload(aggregate(generation(), Grouping("word")))
    assert "".join(part[0] for part in parts(drawn)) == "The capital of France is Paris."
    assert [row["name"] for row in drawn["rows"]] == ["Paris", "."]


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_tokens_reach_the_script_as_text_and_the_sentence_and_figure_escaped(evil):
    explanation = generation((evil, "b"), (evil, "c"), texts=(f"{evil} b", f" {evil} c"))
    assert json.loads(json.dumps(make_payload(explanation)))["rows"][0]["name"]
    assert "\u202e" not in json.dumps(make_payload(explanation), ensure_ascii=False)
    assert not {"img", "script", "style"} & {tag for tag, _ in ParsedHtml(describe_generation(explanation)).elements}
    figure = draw_matrix(explanation).to_json()
    assert "<img" not in figure
    assert "<script" not in figure
    assert "innerHTML" not in SCRIPT


def test_the_lead_names_the_token_that_stands_out_and_what_it_was_made_from():
    explanation = generation(scores=SCORES)
    assert find_strongest_row(explanation) == 0
    said = ParsedHtml(describe_generation(explanation)).text()
    assert said == "In this text, the model predicts Par (50 %). “France” and “is” push hardest towards it."
    free = replace(explanation, request=replace(explanation.request, inputs={"prompt": "The capital of France is"}))
    assert ParsedHtml(describe_generation(free)).text().startswith("The model generated Par (50 %). “France”")


def test_the_lead_of_a_contrast_names_both_and_what_pushed_against():
    against = [[0.1, 0.2, -0.8, 0.9, 0.1], *SCORES[1:]]
    explanation = generation(scores=against)
    explanation = replace(explanation, targets=(replace(explanation.targets[0], foil="Lon"), *explanation.targets[1:]))
    said = ParsedHtml(describe_generation(explanation)).text()
    assert "rather than Lon. “France” pushes hardest towards it; “of” pushes against it. Blue pushes" in said


def test_the_lead_prefers_what_pushed_towards_a_token_and_says_if_nothing_did():
    mixed = generation(scores=[[0.1, 0.2, -0.9, 0.5, 0.1], [0] * 6, [0] * 7])
    assert (
        "“France” pushes hardest towards it; “of” pushes against it." in ParsedHtml(describe_generation(mixed)).text()
    )
    against = generation(scores=[[0, 0, -0.9, 0, 0], [0] * 6, [0] * 7])
    assert "Par (50 %). “of” pushes against it." in ParsedHtml(describe_generation(against)).text()


def test_a_chat_that_nobody_forced_was_written():
    free = generation(request=Request("text_generation", "m", {"prompt": "The capital of France is", "system": "Hi"}))
    assert describe_generation(free).startswith("The model generated")


def test_the_lead_counts_the_maps_that_are_sketches():
    explanation = generation(scores=SCORES)
    assert "sketch" not in describe_generation(explanation)
    assert "1 of 3 explanations are only sketches" in describe_generation(
        replace(explanation, converged=(True, False, True))
    )
    baselines = explanation.baselines + np.array([0, 0, 5], np.float32)
    assert "2 of 3 explanations are only" in describe_generation(
        replace(explanation, baselines=baselines, converged=(True, False, True))
    )


def test_the_lead_of_a_method_without_signs_names_weights_and_of_zeros_says_that_nothing_moves():
    assert (
        "“France” and “is” have the largest score"
        in ParsedHtml(describe_generation(generation(scores=SCORES, signed=False))).text()
    )
    nothing = generation(scores=[[0] * 5, [0] * 6, [0] * 7])
    assert "has the score 0" in ParsedHtml(describe_generation(nothing)).text()


def test_punctuation_and_template_tokens_are_named_only_if_nothing_else_can_be():
    explanation = generation(("Hi", "!"), ("yes",), [[0.1, 0.9]], texts=("Hi!", " yes"))
    assert [explanation.tokens[place] for place, _ in list_sources(explanation, 0)] == ["Hi"]
    silent = generation(("?", "!"), ("yes",), [[0.1, 0.9]], texts=("?!", " yes"))
    assert [silent.tokens[place] for place, _ in list_sources(silent, 0)] == ["!", "?"]


def test_the_heatmap_has_a_column_a_token_a_row_a_source_and_gaps_where_nothing_was_visible():
    explanation = generation(scores=SCORES, steps=(("entropy", (1.0, 2.0, 3.0)),))
    heatmap, steps = draw_matrix(explanation).data
    assert_allclose(heatmap.z, explanation.scores[:, :7].T, rtol=0.01)
    assert np.isnan(heatmap.z[5, 0])
    assert list(heatmap.x) == ["1 Par", "2 is", "3 ."]
    assert heatmap.y[3] == "4 France"
    assert (heatmap.zmin, heatmap.zmax) == (pytest.approx(-0.9), pytest.approx(0.9))
    assert not heatmap.hoverongaps
    assert_allclose(steps.z, [[0, 0.5, 1]])
    assert_allclose(steps.customdata, [[1, 2, 3]])


def test_a_few_large_scores_do_not_leave_all_others_of_a_long_text_pale():
    given, made = ([f"{kind}{i}" for i in range(20)] for kind in "wo")
    long = generation(given, made, texts=(" ".join(given), " " + " ".join(made)))
    scores = np.where(np.isnan(long.scores), NAN, 1).astype(np.float32)
    scores[7, 3] = -50
    heatmap = draw_matrix(replace(long, scores=scores)).data[0]
    assert (heatmap.zmin, heatmap.zmax) == (-1, 1)
    assert np.nanmin(heatmap.z) == -50, "the pointer still tells the number"
    assert heatmap.colorbar.title.text == "probability (larger scores have the same colour)"
    scores[7, 3] = 1
    assert draw_matrix(replace(long, scores=scores)).data[0].colorbar.title.text == "probability"


def test_numbers_are_rounded_to_three_digits_and_nothing_else_is_lost():
    given = np.array([[1234.5, -0.00012345, 0.0, NAN]], np.float32)
    assert_allclose(round_scores(given), [[1230, -0.000123, 0, NAN]], rtol=1e-6)


def test_the_figure_in_words_and_the_table_name_the_strongest_source_of_each():
    explanation = generation(scores=SCORES, steps=(("entropy", (1.0, 2.0, 3.0)),))
    assert describe_matrix(explanation).startswith(
        "Heatmap of 3 generated tokens and their sources. Strongest in each column: Par: France +0.90; is: Par"
    )
    first = list_targets(explanation)[0]
    assert first["sources"].startswith("France +0.90, is +0.50, of −0.30")
    assert (first["text"], first["probability"], first["entropy"]) == ("Par", 0.5, 1.0)


def test_a_name_is_that_of_the_text_and_never_empty():
    explanation = generation()
    features = (*explanation.features[:5], replace(explanation.features[5], text=" \n"), *explanation.features[6:])
    assert name_target(replace(explanation, features=features), 0) == "␣"
    assert features_of("prompt", "a b", ("a", "b"))[1].word == 1


def test_nothing_moves_and_colours_are_those_of_every_map():
    assert not re.search("transition|animation", CSS + SCRIPT)
    assert ".wf-p" in CSS


def test_the_file_runs_one_script_of_ours_that_its_policy_knows_and_fetches_nothing():
    html = to_html(generation(scores=SCORES))
    page = ParsedHtml(html)
    (policy,) = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
    (script,) = [data for path, data in page.texts if path and path[-1] == ("script", {})]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; ")
    assert not re.search(r"https?://|fetch\(|import\(|XMLHttp|WebSocket", html)
    names = {name for _, attributes in page.elements for name in attributes}
    assert not names & {"src", "href", "srcset", "action", "formaction"}
    assert not [name for name in names if name.startswith("on")]


def test_the_file_has_every_written_word_with_its_sources_without_a_script_too():
    page = ParsedHtml(to_html(generation(scores=SCORES)))
    text = page.text(without=("style", "script"))
    assert "In this text, the model predicts Paris (12 %). “France” and" in text
    assert "Paris12 %France +0.70" in text
    assert ".17 %Paris +0.40" in text
    assert page.text("wf-map").startswith("The capital of France is")


def test_how_it_was_computed_says_that_every_written_token_was_explained():
    assert dict(list_provenance(generation()))["Explained"] == "each of 3 generated tokens, here Par, in probability"


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_text_cannot_leave_the_data_of_a_file(evil):
    explanation = generation((evil, "b"), (f"{evil}</script>", "c"), texts=(f"{evil} b", f" {evil}</script> c"))
    page = ParsedHtml(to_html(explanation))
    assert not page.open
    assert len([1 for tag, _ in page.elements if tag == "script"]) == 2
    assert "img" not in {tag for tag, _ in page.elements}
    (data,) = [data for path, data in page.texts if path and path[-1][1].get("type") == "application/json"]
    assert json.loads(data) == make_payload(aggregate(explanation, Grouping("word")))
