"""Target models with answers that can be computed by hand: a score that is linear in the words' embeddings."""

from collections.abc import Sequence

import torch

from explainers.attacks.target_model import AttackState, TargetModel, WordGradients
from explainers.models.vocabulary import Vocabulary
from explainers.request import Target
from explainers.results.edited_text import AttackedText
from explainers.results.explanation import Feature
from explainers.tasks.answer_check import Judgement

WORDS = tuple(f"{one}{other}" for one in "bdfgklmn" for other in ("ab", "eb", "ib", "ob"))


def make_attacked_text(text: str) -> AttackedText:
    """Split a text into words, each a token."""
    features, end = [], 0
    for i, word in enumerate(text.split()):
        start = text.index(word, end)
        end = start + len(word)
        features.append(Feature(word, "text", start, end, i))
    return AttackedText.of(text, features)


def make_linear_model(
    text: str, towards: bool = False, protected: Sequence[int] = (), seed: int = 5
) -> tuple[TargetModel, dict[str, float]]:
    """Make a model whose score is the sum of its words' values, and those values. It answers yes to this text."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(len(WORDS), 6, generator=generator)
    weight = torch.randn(6, generator=generator)
    embeddings = dict(zip(WORDS, table, strict=True))
    weight *= torch.stack([embeddings[word] for word in text.split()]).sum(0).dot(weight).sign()
    values = {word: float(embedding @ weight) for word, embedding in embeddings.items()}

    def evaluate(texts: Sequence[AttackedText]) -> list[AttackState]:
        return [AttackState(text, judge_score(sum(values[word.text] for word in text.pieces))) for text in texts]

    def compute_gradients(text: AttackedText) -> WordGradients:
        own = torch.stack([embeddings[word.text] for word in text.pieces])
        return WordGradients(weight.expand(len(own), 6), own @ weight, own)

    start = evaluate([make_attacked_text(text)])[0]
    vocabulary = Vocabulary(torch.arange(len(WORDS)), WORDS, ("LATIN",) * len(WORDS), True)
    model = TargetModel(start, towards, evaluate, compute_gradients, vocabulary, table, frozenset(protected))
    return model, values


def judge_score(score: float) -> Judgement:
    """Answer yes from a score of 0 on, with the probability of a logistic model."""
    probability = float(torch.tensor(score).sigmoid())
    return Judgement(Target("yes"), "yes" if score >= 0 else "no", probability, score >= 0)
