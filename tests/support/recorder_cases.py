"""The cases of the recorder on tiny models: every task, method, attack and architecture; permalinks and saved files."""

import base64
import contextlib
import copy
import io
import json
import tempfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import torch
from PIL import Image

from explainers import METHODS, Bundle, Request, Target, attack, evaluate, explain, predict
from explainers import classic as two_line
from explainers.__main__ import main
from tests.support.recorder import FOLDER, SAVED, Case, Suite, list_parts, order_methods
from tests.support.recorder_bundled import make_command_case
from tests.support.tiny import DECODERS, EVERY, IMAGES, TRANSLATORS, WORDS, tiny

TEXT = "A wonderful cast and a clever story."
LONGER = "The soup was cold, the waiter was rude, and the bill was a joke."
NLI = ("entailment", "neutral", "contradiction")
ENCODERS = tuple(kind for kind in EVERY if kind not in (*DECODERS, *TRANSLATORS, *IMAGES))
FEW = {"samples": 6, "orders": 3, "steps": 3, "upscale": 2, "patch": 8}
QUICK = ("input_x_gradient", "saliency", "occlusion", "smooth_grad", "lime", "integrated_gradients")
INPUTS: dict[str, dict[str, str]] = {
    "text_classification": {"text": TEXT},
    "pair_classification": {"text_a": TEXT, "text_b": "The cast was fine."},
    "multi_label_classification": {"text": TEXT},
    "zero_shot_classification": {"text": TEXT, "labels": "cooking, sport"},
    "question_answering": {"question": "What was cold?", "context": "The soup was cold, the waiter was rude."},
    "token_classification": {"text": TEXT},
    "fill_mask": {"text": "The soup was [MASK] and the waiter was rude."},
    "text_generation": {"prompt": "The lake was quiet in the"},
    "translation": {"source": "The lake was quiet."},
}


@cache
def model(kind: str, task: str, **changes: object) -> tuple[Any, Any]:
    """Make a tiny model for a task, and its tokenizer or processor; no weight is zero, as in a trained one."""
    head = None if task in ("pair_classification", "multi_label_classification", "zero_shot_classification") else task
    if task == "multi_label_classification":
        changes |= {"problem_type": task}
    made, reader = tiny(kind, wide=0.2, task=head, attn_implementation="eager", **changes)
    made = copy.deepcopy(made)
    if task in ("pair_classification", "zero_shot_classification") and "labels" not in changes:
        made.config.id2label = dict(enumerate(NLI))
        made.config.label2id = {name: i for i, name in enumerate(NLI)}
    generator = torch.Generator().manual_seed(9)
    for weight in made.parameters():
        if not weight.any():
            weight.data.normal_(0, 0.2, generator=generator)
    return made, reader


@cache
def picture() -> bytes:
    """Make an image as BMP: no other format is written alike by every library."""
    file = io.BytesIO()
    Image.fromarray((np.arange(40 * 48 * 3) * 7 % 251).astype(np.uint8).reshape(40, 48, 3)).save(file, "BMP")
    return file.getvalue()


def request(
    task: str,
    method: str = "integrated_gradients",
    target: Any = None,
    seed: int = 0,
    given: Any = None,
    **params: object,
) -> Request:
    """Return a request about the inputs of its task."""
    few = {param.name: FEW[param.name] for param in METHODS[method].params if param.name in FEW}
    inputs = given or ({"image": picture()} if task == "image_classification" else INPUTS[task])
    if task in ("text_generation", "translation"):
        few |= {"most_new_tokens": 3}
    return Request(task, "tiny", inputs, method, Target.of(target), few | params, seed)


def make_explain_case(kind: str, task: str, *how: Any, **params: Any) -> Case:
    """Return a case that explains."""
    return lambda: explain(request(task, *how, **params), bundle=Bundle.of(*model(kind, task)))


def make_predict_case(kind: str, task: str, **params: Any) -> Case:
    """Return a case that predicts."""
    return lambda: predict(request(task, **params), bundle=Bundle.of(*model(kind, task)))


def make_evaluate_case(kind: str, task: str, *how: Any, row: int = 0, **params: Any) -> Case:
    """Return a case that evaluates an explanation."""

    def case() -> Any:
        held = Bundle.of(*model(kind, task))
        return evaluate(explain(request(task, *how, **params), bundle=held), row=row, bundle=held)

    return case


def make_attack_case(key: str, kind: str, task: str, given: Any = None, seed: int = 0, **more: Any) -> Case:
    """Return a case that attacks."""
    return lambda: attack(key, request(task, given=given, seed=seed), bundle=Bundle.of(*model(kind, task)), **more)


def make_classic_case(name: str, kind: str, task: str, *inputs: Any, read: tuple[str, ...] = (), **more: Any) -> Case:
    """Return a case that calls a two-line class, and reads some of its properties."""

    def case() -> Any:
        explainer = getattr(two_line, name)(*model(kind, task))
        answer = explainer(*inputs, **more)
        return {"answer": answer} | {attribute: getattr(explainer, attribute) for attribute in read}

    return case


@contextlib.contextmanager
def change_to_model_folder() -> Iterator[None]:
    """Change to a folder with tiny models, so that files name them by relative paths."""
    with tempfile.TemporaryDirectory() as folder:
        for task in ("text_classification", "question_answering", "token_classification"):
            for part in model("bert", task):
                part.save_pretrained(f"{folder}/{task}")
        for part in model("gpt2", "text_generation"):
            part.save_pretrained(f"{folder}/text_generation")
        for part in model("vit", "image_classification"):
            part.save_pretrained(f"{folder}/image_classification")
        Path(folder, "picture.bmp").write_bytes(picture())
        with contextlib.chdir(folder):
            yield


def make_command_line_case(*words: str, **how: Any) -> Case:
    """Return a case that runs a command beside tiny models."""

    def case() -> Any:
        with change_to_model_folder():
            return make_command_case(*words, **how)()

    return case


def list_cases() -> Suite:
    """Return all cases on tiny models, by the name of their file."""
    classify, pair, image = "text_classification", "pair_classification", "image_classification"
    zero, many, question = "zero_shot_classification", "multi_label_classification", "question_answering"
    tokens, mask, generate, translate = "token_classification", "fill_mask", "text_generation", "translation"
    methods = {
        method: make_explain_case("bert", classify, method, seed=i)
        for i, method in enumerate(order_methods())
        if "conv" not in METHODS[method].needs
    }
    heads = {
        f"{task} {kind}": make_explain_case(kind, task, QUICK[i % len(QUICK)])
        for i, (kind, task) in enumerate(
            [
                *[(kind, classify) for kind in EVERY if kind not in (*IMAGES, "marian")],
                *[(kind, (question, tokens)[i % 2]) for i, kind in enumerate(ENCODERS)],
                *[(kind, generate) for kind in DECODERS],
                *[(kind, translate) for kind in TRANSLATORS],
            ]
        )
    }
    tasks = {
        "classify contrast": make_explain_case("bert", classify, "saliency", Target("LABEL_0", foil="LABEL_2")),
        "classify logit": make_explain_case("roberta", classify, "integrated_gradients", "LABEL_1", unit="logit"),
        "classify log odds": make_explain_case("distilbert", classify, "occlusion", unit="log_odds", level="token"),
        "classify own baseline": make_explain_case(
            "bert", classify, "integrated_gradients", baseline="text", baseline_text="A dull cast"
        ),
        "classify zeros": make_explain_case("electra", classify, "integrated_gradients", baseline="zeros"),
        "classify positions": make_explain_case("bert", classify, "integrated_gradients", embedding="position"),
        "classify emoji": make_explain_case(
            "roberta", classify, "kernel_shap", given={"text": "I love 👍🏽 很好 films"}
        ),
        "pair": make_explain_case("bert", pair),
        "pair contrast": make_explain_case("roberta", pair, "input_x_gradient", Target("neutral", foil="entailment")),
        "labels": make_explain_case("bert", many, "gradient_shap", labels=2),
        "labels one": make_explain_case("distilbert", many, "integrated_gradients", "LABEL_2"),
        "zero-shot": make_explain_case("bert", zero),
        "zero-shot shown": make_explain_case("bert", zero, "occlusion", "sport", hypothesis="shown", multi_label=True),
        "question": make_explain_case("bert", question),
        "question logit": make_explain_case("bert", question, "attention", unit="logit"),
        "tokens": make_explain_case("bert", tokens, "saliency", grouping="token"),
        "tokens entities": make_explain_case("bert", tokens, "integrated_gradients", ignored_labels=""),
        "mask": make_explain_case("bert", mask),
        "mask contrast": make_explain_case("bert", mask, "lime", Target(WORDS[3], foil=WORDS[8])),
        "generation": make_explain_case("gpt2", generate, "integrated_gradients", tolerance=0.05),
        "generation forced": make_explain_case(
            "gpt2", generate, "saliency", given=INPUTS[generate] | {"continuation": " morning and"}
        ),
        "generation contrast": make_explain_case(
            "gpt2",
            generate,
            "input_x_gradient",
            Target(foil=" birds had"),
            given=INPUTS[generate] | {"continuation": " morning and"},
        ),
        "generation sample": make_explain_case(
            "llama", generate, "saliency", None, 5, strategy="sample", unit="entropy"
        ),
        "generation context": make_explain_case(
            "gpt2",
            generate,
            "input_x_gradient",
            given={
                "prompt": "The soup was cold. The waiter",
                "without_context": "The waiter",
                "continuation": " was rude",
            },
            unit="p_cxmi",
        ),
        "generation value zeroing": make_explain_case("gpt2", generate, "value_zeroing"),
        "translation": make_explain_case("marian", translate, "integrated_gradients", tolerance=0.05),
        "translation forced": make_explain_case(
            "bart", translate, "attention", given=INPUTS[translate] | {"target": "the lake is cold"}
        ),
        "says classify": make_predict_case("bert", classify),
        "says question": make_predict_case("bert", question),
        "says generation": make_predict_case("gpt2", generate),
        "says image": make_predict_case("vit", image),
    }
    images = {
        "vit integrated": make_explain_case("vit", image, "integrated_gradients", unit="logit"),
        "vit rollout": make_explain_case("vit", image, "attention_rollout"),
        "deit attention": make_explain_case("deit", image, "attention", layer=1, head=2),
        "beit occlusion": make_explain_case("beit", image, "occlusion"),
        "swin saliency": make_explain_case("swin", image, "saliency"),
        "convnext grad_cam": make_explain_case("convnext", image, "grad_cam"),
        "resnet grad_cam": make_explain_case("resnet", image, "grad_cam", Target("LABEL_0", foil="LABEL_1")),
        "resnet lime": make_explain_case("resnet", image, "lime"),
        "convnext tunnel": make_explain_case("convnext", image, "noise_tunnel", baseline="blurred"),
    }
    checks = {
        "classify": make_evaluate_case("bert", classify, "input_x_gradient", given={"text": LONGER}),
        "classify unsigned": make_evaluate_case("bert", classify, "saliency"),
        "pair": make_evaluate_case("bert", pair, "occlusion"),
        "question": make_evaluate_case("bert", question, "input_x_gradient", row=1),
        "generation": make_evaluate_case("gpt2", generate, "saliency"),
        "image": make_evaluate_case("resnet", image, "occlusion"),
    }
    longer = {"text": LONGER}
    attacks = {
        "hotflip": make_attack_case("hotflip", "bert", classify, longer),
        "hotflip wanted": make_attack_case("hotflip", "bert", classify, longer, target="LABEL_0", params={"flips": 2}),
        "hotflip wanted other": make_attack_case("hotflip", "roberta", classify, longer, target="LABEL_1"),
        "hotflip pair": make_attack_case(
            "hotflip", "bert", pair, field="text_b", protected="cast", params={"tries": 8}
        ),
        "hotflip mask": make_attack_case(
            "hotflip", "bert", mask, params={"flips": 1, "tries": 8, "common_words": True}
        ),
        "reduction": make_attack_case("input_reduction", "bert", classify, longer),
        "reduction question": make_attack_case("input_reduction", "bert", question, params={"beam": 2}),
        "reduction labels": make_attack_case("input_reduction", "bert", many),
        "random": make_attack_case("random_swap", "bert", classify, longer, seed=3),
        "random tokens": make_attack_case("random_swap", "bert", tokens, params={"flips": 1, "tries": 6}),
    }
    held = ("--model", "./text_classification")
    commands = {
        "explain": make_command_line_case(
            "explain", classify, f"text={TEXT}", *held, "--set", "unit=logit", "--target", "LABEL_1"
        ),
        "explain table": make_command_line_case(
            "explain", classify, *held, "--method", "occlusion", table='text\n"Dull, and long."\n" "\n"Kind people."\n'
        ),
        "explain image": make_command_line_case(
            "explain",
            image,
            "image=picture.bmp",
            "--model",
            "./image_classification",
            "--method",
            "attention_rollout",
            kinds=("json",),
        ),
        "attack": make_command_line_case("attack", "hotflip", classify, f"text={LONGER}", *held, "--set", "flips=2"),
        "attack reduction": make_command_line_case(
            "attack", "input_reduction", classify, f"text={LONGER}", *held, "--protect", "soup", kinds=("json",)
        ),
        "evaluate": make_command_line_case("evaluate", classify, f"text={LONGER}", *held, "--method", "occlusion"),
    }
    classes = {
        "sequence": make_classic_case(
            "SequenceClassificationExplainer",
            *("bert", classify, TEXT),
            n_steps=10,
            read=("predicted_class_name", "predicted_class_index", "pred_probs", "word_attributions"),
        ),
        "sequence positions": make_classic_case(
            "SequenceClassificationExplainer", "bert", classify, TEXT, index=1, embedding_type=1, n_steps=5
        ),
        "pair": make_classic_case(
            "PairwiseSequenceClassificationExplainer",
            "bert",
            pair,
            TEXT,
            "A dull cast.",
            n_steps=5,
            class_name="neutral",
        ),
        "labels": make_classic_case(
            "MultiLabelClassificationExplainer", "bert", many, TEXT, n_steps=5, read=("label_probs_dict",)
        ),
        "zero-shot": make_classic_case(
            "ZeroShotClassificationExplainer",
            *("bert", zero, TEXT, ["cooking", "sport"]),
            n_steps=20,
            read=("predicted_label", "pred_probs"),
        ),
        "question": make_classic_case(
            "QuestionAnsweringExplainer",
            *("bert", question, *INPUTS[question].values()),
            n_steps=5,
            read=("start_pos", "end_pos", "predicted_answer"),
        ),
        "tokens": make_classic_case(
            "TokenClassificationExplainer",
            *("bert", tokens, "The soup was cold."),
            n_steps=5,
            read=("predicted_class_names", "predicted_class_indexes"),
        ),
        "image": make_classic_case(
            "ImageClassificationExplainer",
            *("vit", image, picture()),
            n_steps_noise_tunnel=2,
            noise_tunnel_n_samples=2,
            read=("predicted_class_name", "pred_probs"),
        ),
    }
    return {
        "methods": methods,
        "architectures": heads,
        "tasks": tasks,
        "images": images,
        "checks": checks,
        "attacks": attacks,
        "commands": commands,
        "classes": classes,
    }


def list_linked_requests() -> list[Request]:
    """Return the requests whose links are recorded."""
    text, capital = {"text": TEXT}, {"prompt": "The capital of France is"}
    return [
        Request("text_classification", "sentiment", text),
        Request("text_classification", "sentiment", text, "saliency", "POSITIVE"),
        Request("text_classification", "sentiment", text, target=Target("POSITIVE", foil="NEGATIVE"), seed=7),
        Request("text_classification", "owner/name", {"text": "你好, wörld 👨‍👩‍👧‍👦 & = ? # + %"}, "lime", 1),
        Request("text_classification", "a folder/ü", text, params={"tolerance": 1e-3, "most_passes": 900}),
        Request("text_classification", "sentiment", {"text": "two\nlines\tand \u202eturn"}, "lime", seed=999_999_999),
        Request("pair_classification", "nli", {"text_a": "One.", "text_b": "Two."}, params={"unit": "log_odds"}),
        Request("pair_classification", "similarity", {"text_a": "a", "text_b": ""}, params={"towards": "0"}),
        Request("multi_label_classification", "emotions", {"text": "Thank you"}, params={"labels": 3}),
        Request(
            "zero_shot_classification",
            "nli",
            {"text": TEXT, "labels": "cooking, travel", "template": "It is {}."},
            params={"multi_label": True, "hypothesis": "shown"},
        ),
        Request("question_answering", "questions", {"question": "Who?", "context": "Lee."}, target=Target(position=5)),
        Request("token_classification", "entities", {"text": "Lee left Lima."}, target=Target(index=0, position=1)),
        Request("token_classification", "entities", text, params={"ignored_labels": "O,B", "special_tokens": True}),
        Request("fill_mask", "fill-mask", {"text": "[MASK] is."}, target=Target("london", position=1, foil="paris")),
        Request("text_generation", "smollm2", capital, "input_x_gradient", params={"most_new_tokens": 5}),
        Request(
            "text_generation",
            "smollm2",
            capital | {"continuation": " Paris", "system": "Be brief.", "prefix": "", "without_context": "It is"},
            "saliency",
            Target(foil=" London"),
            {"unit": "p_cxmi", "alignment": "1:1, 2:3"},
        ),
        Request("translation", "tr-en", {"source": "O bir doktor.", "target": "She is"}, "value_zeroing"),
        Request("image_classification", "objects", {"image": picture()}, "grad_cam", Target(index=3)),
        Request("image_classification", "objects", {"image": b"any bytes"}, "lime", params={"patch": 56, "ridge": 0.5}),
        Request(
            "text_classification",
            "sentiment",
            text,
            "integrated_gradients",
            Target("1", foil="0"),
            {"baseline": "text", "baseline_text": "ähnlich"},
        ),
    ]


def write_links() -> None:
    """Record the links, each as it is and with its texts packed; links that are recorded already stay as they are."""
    file = FOLDER / "permalinks.json"
    if file.exists():
        return
    found = []
    for one in list_linked_requests():
        query = one.to_query()
        texts = {name: value for name, value in query.items() if name.startswith("in.")}
        small = zlib.compress(json.dumps(texts, ensure_ascii=False).encode(), 9)
        packed = {k: v for k, v in query.items() if k not in texts}
        packed["z"] = base64.urlsafe_b64encode(small).decode().rstrip("=")
        links = [urlencode(query), *([urlencode(packed)] if texts else [])]
        found.append({"links": links, "request": list_parts(one), "query": query})
    file.write_text("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in found) + "\n]\n", "utf-8")


def write_saved() -> None:
    """Record explanations as the command writes them; files that are there stay: they stand for those people have."""
    SAVED.mkdir(parents=True, exist_ok=True)
    words = {
        "text": ("text_classification", f"text={TEXT}", "--method", "lime", "--target", "LABEL_0", "--foil", "LABEL_2"),
        "answer": ("question_answering", *(f"{name}={text}" for name, text in INPUTS["question_answering"].items())),
        "tokens": ("token_classification", "text=The soup was cold.", "--set", "grouping=token"),
        "generation": ("text_generation", "prompt=The lake was quiet in the", "--set", "most_new_tokens=3"),
        "image": ("image_classification", "image=picture.bmp", "--method", "saliency"),
    }
    with change_to_model_folder(), contextlib.redirect_stderr(io.StringIO()):
        for name, (task, *more) in words.items():
            out = SAVED / f"{name}.json"
            if not out.exists():
                assert main(["explain", task, *more, "--model", f"./{task}", "--out", str(out)]) == 0
