"""Scores of the models in models/<key>, loaded afresh, on data that their training never saw.

python -m training.measure sentiment --data DIR --base DIR
"""

from . import classification, entities, fill_mask, objects, pairs, questions
from .adapter import report, restore
from .command import MODELS, parser_for

JOBS = classification.JOBS | pairs.JOBS | entities.JOBS | objects.JOBS | questions.JOBS | fill_mask.JOBS


def main() -> None:
    """Print the test scores of one model."""
    arguments = parser_for(sorted(JOBS)).parse_args()
    job = JOBS[arguments.key]
    model = restore(job, arguments.out or MODELS / job.key, arguments.base)
    reader = job.base.reader(arguments.base)
    report(f"{job.key}, test:", job.scores(model, reader, arguments.data, "test"))


if __name__ == "__main__":
    main()
