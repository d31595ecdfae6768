"""The cases of the recorder on the twelve bundled models, whose weights must have been fetched."""

import contextlib
import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from explainers import CARDS, METHODS, Explanation, Request, Target, attack, evaluate, explain, predict
from explainers import classic as two_line
from explainers.__main__ import main
from explainers.loading import load
from tests.support.recorder import Case, Suite, drop_ignored, order_methods

PHOTOS = Path(__file__).parent.parent.parent / "assets" / "photos"
TEXT = "A wonderful cast, though the story is told far too slowly."
FEW = {"samples": 6, "orders": 3, "steps": 4, "upscale": 3}


def limit_params(method: str, **more: object) -> dict[str, object]:
    """Return small values for the settings that decide how often a method runs the model."""
    return {param.name: FEW[param.name] for param in METHODS[method].params if param.name in FEW} | more


def make_explain_case(
    task: str,
    model: str,
    inputs: dict[str, Any],
    method: str = "integrated_gradients",
    target: Target | str | None = None,
    seed: int = 0,
    **params: object,
) -> Case:
    """Return a case that explains."""
    return lambda: explain(
        Request(task, model, inputs, method, Target.of(target), limit_params(method, **params), seed)
    )


def make_evaluate_case(explanation: Case, row: int = 0) -> Case:
    """Return a case that evaluates an explanation."""

    def case() -> Any:
        found: Explanation = explanation()
        return evaluate(found, row=row)

    return case


def make_attack_case(key: str, task: str, model: str, inputs: dict[str, str], seed: int = 0, **more: Any) -> Case:
    """Return a case that attacks."""
    return lambda: attack(key, Request(task, model, inputs, seed=seed), **more)


def make_predict_case(task: str, model: str, inputs: dict[str, Any], **params: object) -> Case:
    """Return a case that predicts."""
    return lambda: predict(Request(task, model, inputs, params=params))


def make_command_case(*words: str, kinds: tuple[str, ...] = ("json", "csv"), table: str = "") -> Case:
    """Return a case that runs a command for each kind of file, and reads them."""

    def case() -> Any:
        found: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            for kind in kinds:
                out = Path(folder) / f"out.{kind}"
                given = [*words, "--out", str(out)]
                if table:
                    (Path(folder) / "in.csv").write_text(table, "utf-8")
                    given += ["--input", str(Path(folder) / "in.csv")]
                found[f"exit {kind}"] = main(given)
                found[kind] = read_json(out) if kind == "json" else read_csv(out)
        return found

    return case


def read_json(file: Path) -> Any:
    read = json.loads(file.read_text("utf-8"))
    if isinstance(read, list):
        return [drop_ignored(item | {"error": bool(item["error"])} if "error" in item else item) for item in read]
    return drop_ignored(read)


def read_csv(file: Path) -> list[list[Any]]:
    """Return the rows of a table; numbers as numbers, wording left out."""
    with open(file, encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    wording = [i for i, name in enumerate(head) if name in ("measure", "change", "error")]
    return [head, *[[read_number(cell) for i, cell in enumerate(row) if i not in wording] for row in rows]]


def read_number(cell: str) -> Any:
    """Parse a cell as an integer, a float, or text."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(cell)
    return cell


def make_classic_case(name: str, model: str, *inputs: Any, read: tuple[str, ...] = (), **more: Any) -> Case:
    """Return a case that calls a two-line class, and reads some of its properties."""

    def case() -> Any:
        bundle = load(CARDS[model])
        explainer = getattr(two_line, name)(bundle.model, bundle.tokenizer or bundle.processor)
        answer = explainer(*inputs, **more)
        return {"answer": answer} | {attribute: getattr(explainer, attribute) for attribute in read}

    return case


def list_bundled_cases() -> Suite:
    """Return the cases of all bundled models, by the name of their file."""
    classify, pair, zero = "text_classification", "pair_classification", "zero_shot_classification"
    nli = {"text_a": "The children are playing football.", "text_b": "Nobody is playing."}
    same = {"text_a": "A child is riding a horse.", "text_b": "A kid rides a horse."}
    asked = {"text_a": "Who designed the bridge?", "text_b": "It was designed by Clara Weiss in 1894."}
    question = {"question": "Who designed the bridge?", "context": "Clara Weiss designed the bridge in 1894."}
    lives = {"text": "Doctor Lee moved from Lima to Oslo for Siemens."}
    mask = {"text": "[MASK] is the capital of England."}
    topics = {"text": "Fold the egg whites in slowly.", "labels": "cooking, travel, finance"}
    thanks = {"text": "Thank you, that was very kind."}
    turkish = {"source": "O bir doktor."}
    capital = {"prompt": "The capital of France is"}
    photo = {name: {"image": PHOTOS / f"{name}.jpg"} for name in ("gull", "stop-sign", "laptop", "pizza")}
    written = {"most_new_tokens": 3}
    texts = {
        f"sentiment {method}": make_explain_case(classify, "sentiment", {"text": TEXT}, method, seed=i)
        for i, method in enumerate(order_methods())
        if method != "grad_cam"
    } | {
        "sentiment contrast": make_explain_case(
            classify, "sentiment", {"text": TEXT}, target=Target("NEGATIVE", foil="POSITIVE")
        ),
        "sentiment log odds": make_explain_case(
            classify, "sentiment", {"text": TEXT}, target="NEGATIVE", unit="log_odds"
        ),
        "sentiment mask": make_explain_case(
            classify, "sentiment", {"text": TEXT}, "occlusion", baseline="mask", level="token"
        ),
        "sentiment own baseline": make_explain_case(
            classify, "sentiment", {"text": TEXT}, baseline="text", baseline_text="A dull cast"
        ),
        "sentiment positions": make_explain_case(classify, "sentiment", {"text": TEXT}, embedding="position"),
        "sentiment unicode": make_explain_case(
            classify, "sentiment", {"text": "Très bien 👍🏽, 很好!"}, "shapley_value_sampling"
        ),
        "emotions": make_explain_case("multi_label_classification", "emotions", thanks),
        "emotions three lime": make_explain_case("multi_label_classification", "emotions", thanks, "lime", labels=3),
        "nli": make_explain_case(pair, "nli", nli),
        "nli contrast": make_explain_case(pair, "nli", nli, "input_x_gradient", Target("neutral", foil="entailment")),
        "similarity": make_explain_case(pair, "similarity", same),
        "similarity lower": make_explain_case(pair, "similarity", same, "saliency", towards="0"),
        "relevance": make_explain_case(pair, "relevance", asked, "occlusion"),
        "zero-shot": make_explain_case(zero, "nli", topics),
        "zero-shot shown": make_explain_case(
            zero, "nli", topics, "smooth_grad", "travel", multi_label=True, hypothesis="shown"
        ),
        "questions": make_explain_case("question_answering", "questions", question),
        "questions attention": make_explain_case("question_answering", "questions", question, "attention_rollout"),
        "entities": make_explain_case("token_classification", "entities", lives),
        "entities tokens": make_explain_case("token_classification", "entities", lives, "saliency", grouping="token"),
        "fill-mask": make_explain_case("fill_mask", "fill-mask", mask),
        "fill-mask contrast": make_explain_case(
            "fill_mask", "fill-mask", mask, "kernel_shap", Target("london", foil="paris")
        ),
    }
    generations = {
        "smollm2": make_explain_case("text_generation", "smollm2", capital, "input_x_gradient", **written),
        "smollm2 integrated": make_explain_case(
            "text_generation", "smollm2", capital | {"continuation": " Paris"}, most_passes=40, tolerance=0.05
        ),
        "smollm2 contrast": make_explain_case(
            "text_generation", "smollm2", capital | {"continuation": " Paris"}, "saliency", Target(foil=" London")
        ),
        "smollm2 sample": make_explain_case(
            "text_generation", "smollm2", capital, "saliency", seed=5, strategy="sample", unit="entropy", **written
        ),
        "smollm2 chat": make_explain_case(
            "text_generation",
            "smollm2",
            {"prompt": "Say hello.", "system": "You are polite."},
            "input_x_gradient",
            **written,
        ),
        "smollm2 context": make_explain_case(
            "text_generation",
            "smollm2",
            {"prompt": "It is cold. I wear a", "without_context": "I wear a", "continuation": " coat"},
            "input_x_gradient",
            unit="p_cxmi",
        ),
        "smollm2 occlusion": make_explain_case(
            "text_generation", "smollm2", capital | {"continuation": " Paris"}, "occlusion"
        ),
        "smollm2 says": make_predict_case("text_generation", "smollm2", capital, **written),
        "tr-en": make_explain_case("translation", "tr-en", turkish),
        "tr-en contrast": make_explain_case(
            "translation", "tr-en", turkish, "saliency", Target(foil="She is a doctor.")
        ),
        "tr-en value zeroing": make_explain_case("translation", "tr-en", turkish, "value_zeroing"),
        "tr-en attention": make_explain_case(
            "translation", "tr-en", turkish | {"target": "She is a doctor."}, "attention"
        ),
        "tr-en sequential": make_explain_case("translation", "tr-en", turkish, "sequential_integrated_gradients"),
    }
    images = {
        "efficientnet grad_cam": make_explain_case(
            "image_classification", "efficientnet-lite0", photo["gull"], "grad_cam"
        ),
        "efficientnet occlusion": make_explain_case(
            "image_classification", "efficientnet-lite0", photo["stop-sign"], "occlusion", patch=56
        ),
        "efficientnet contrast": make_explain_case(
            "image_classification", "efficientnet-lite0", photo["gull"], "saliency", Target(index=146, foil="goose")
        ),
        "efficientnet tunnel": make_explain_case(
            "image_classification", "efficientnet-lite0", photo["gull"], "noise_tunnel"
        ),
        "objects rollout": make_explain_case("image_classification", "objects", photo["pizza"], "attention_rollout"),
        "objects attention": make_explain_case(
            "image_classification", "objects", photo["laptop"], "attention", layer=6, head=2
        ),
        "objects lime": make_explain_case("image_classification", "objects", photo["laptop"], "lime", patch=56),
        "objects shapley": make_explain_case(
            "image_classification", "objects", photo["pizza"], "shapley_value_sampling", patch=112, unit="logit"
        ),
        "objects integrated": make_explain_case(
            "image_classification", "objects", photo["pizza"], most_passes=20, baseline="black", tolerance=0.05
        ),
        "objects says": make_predict_case("image_classification", "objects", photo["pizza"]),
    }
    checks = {
        "sentiment": make_evaluate_case(texts["sentiment integrated_gradients"]),
        "sentiment unsigned": make_evaluate_case(texts["sentiment saliency"]),
        "nli": make_evaluate_case(texts["nli"]),
        "questions": make_evaluate_case(texts["questions"]),
        "entities second": make_evaluate_case(texts["entities"], row=1),
        "tr-en": make_evaluate_case(generations["tr-en"], row=1),
    }
    attacks = {
        "hotflip": make_attack_case("hotflip", classify, "sentiment", {"text": TEXT}),
        "hotflip wanted": make_attack_case(
            "hotflip", pair, "nli", nli, target="neutral", field="text_b", params={"flips": 2, "tries": 12}
        ),
        "hotflip protected": make_attack_case(
            "hotflip",
            classify,
            "sentiment",
            {"text": TEXT},
            protected="wonderful, story",
            params={"similarity": 0.2, "common_words": True},
        ),
        "hotflip fill-mask": make_attack_case(
            "hotflip", "fill_mask", "fill-mask", mask, params={"flips": 1, "tries": 8}
        ),
        "hotflip entities": make_attack_case(
            "hotflip", "token_classification", "entities", lives, params={"flips": 1, "tries": 8}
        ),
        "reduction": make_attack_case("input_reduction", classify, "sentiment", {"text": TEXT}),
        "reduction question": make_attack_case("input_reduction", "question_answering", "questions", question),
        "reduction emotions": make_attack_case("input_reduction", "multi_label_classification", "emotions", thanks),
        "random": make_attack_case("random_swap", classify, "sentiment", {"text": TEXT}, seed=3, params={"tries": 8}),
        "random zero-shot": make_attack_case("random_swap", zero, "nli", topics, params={"flips": 1, "tries": 6}),
    }
    commands = {
        "explain": make_command_case("explain", classify, f"text={TEXT}"),
        "explain table": make_command_case(
            "explain", classify, "--method", "occlusion", table='text\n"Dull, and long."\n" "\n"Kind people."\n'
        ),
        "explain image": make_command_case(
            "explain", "image_classification", f"image={PHOTOS / 'gull.jpg'}", "--method", "grad_cam"
        ),
        "attack": make_command_case("attack", "hotflip", classify, f"text={TEXT}", "--set", "flips=2"),
        "evaluate": make_command_case("evaluate", classify, f"text={TEXT}", "--method", "input_x_gradient"),
    }
    classes = {
        "sequence": make_classic_case(
            "SequenceClassificationExplainer",
            "sentiment",
            TEXT,
            n_steps=10,
            read=("predicted_class_name", "pred_probs", "word_attributions"),
        ),
        "pair": make_classic_case(
            "PairwiseSequenceClassificationExplainer", "nli", *nli.values(), n_steps=10, class_name="neutral"
        ),
        "multi-label": make_classic_case("MultiLabelClassificationExplainer", "emotions", "Thanks!", n_steps=4),
        "zero-shot": make_classic_case(
            "ZeroShotClassificationExplainer",
            "nli",
            topics["text"],
            ["cooking", "travel"],
            n_steps=20,
            read=("predicted_label", "pred_probs"),
        ),
        "question": make_classic_case(
            "QuestionAnsweringExplainer",
            "questions",
            *question.values(),
            n_steps=10,
            read=("start_pos", "end_pos", "predicted_answer"),
        ),
        "tokens": make_classic_case(
            "TokenClassificationExplainer",
            "entities",
            "Lee left Lima.",
            n_steps=6,
            read=("predicted_class_names", "predicted_class_indexes"),
        ),
        "image": make_classic_case(
            "ImageClassificationExplainer",
            "efficientnet-lite0",
            PHOTOS / "gull.jpg",
            noise_tunnel_n_samples=2,
            n_steps_noise_tunnel=3,
            read=("predicted_class_name", "pred_probs"),
        ),
    }
    return {
        "texts": texts,
        "generations": generations,
        "images": images,
        "checks": checks,
        "attacks": attacks,
        "commands": commands,
        "classes": classes,
    }
