"""Opponents whose right answer is known on paper: a score that is linear in the words' vectors."""

from collections.abc import Sequence

import torch

from explainers.attacks.target_model import AttackState, TargetModel, WordGradients
from explainers.models.vocabulary import Vocabulary
from explainers.request import Target
from explainers.results.edited_text import AttackedText
from explainers.results.explanation import Feature
from explainers.tasks._answer_check import Judgement

WORDS = tuple(f"{one}{other}" for one in "bdfgklmn" for other in ("ab", "eb", "ib", "ob"))


def worded(text: str) -> AttackedText:
    """A text in words, each a token."""
    features, end = [], 0
    for i, word in enumerate(text.split()):
        start = text.index(word, end)
        end = start + len(word)
        features.append(Feature(word, "text", start, end, i))
    return AttackedText.of(text, features)


def linear(text: str, towards: bool = False, protected: Sequence[int] = (), seed: int = 5) -> tuple[TargetModel, dict]:
    """An opponent that adds up the worth of the words, and their worths. It says yes from 0 on, and to this text."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(len(WORDS), 6, generator=generator)
    weight = torch.randn(6, generator=generator)
    vectors = dict(zip(WORDS, rows, strict=True))
    weight *= torch.stack([vectors[word] for word in text.split()]).sum(0).dot(weight).sign()
    worth = {word: float(vector @ weight) for word, vector in vectors.items()}

    def tried(wordings: Sequence[AttackedText]) -> list[AttackState]:
        return [AttackState(wording, verdict(sum(worth[p.text] for p in wording.words))) for wording in wordings]

    def slopes(wording: AttackedText) -> WordGradients:
        own = torch.stack([vectors[piece.text] for piece in wording.words])
        return WordGradients(weight.expand(len(own), 6), own @ weight, own)

    start = tried([worded(text)])[0]
    known = Vocabulary(torch.arange(len(WORDS)), WORDS, ("LATIN",) * len(WORDS), True)
    return TargetModel(start, towards, tried, slopes, known, rows, frozenset(protected)), worth


def verdict(score: float) -> Judgement:
    """Yes from 0 on, as a logistic model says it."""
    probability = float(torch.tensor(score).sigmoid())
    return Judgement(Target("yes"), "yes" if score >= 0 else "no", probability, score >= 0)
