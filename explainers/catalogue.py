"""The models that Wherefore knows by name: a Card each, the bundled ones first.

Knows nothing of how a model is loaded.
"""

from .card import CONVOLUTIONS, TEXT, Card
from .hub_cards import HUB

BUNDLED = (
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
        key="nli",
        source="bundled",
        tasks=("pair_classification", "zero_shot_classification"),
        label="Does one sentence follow from another (MiniLM, bundled)",
        languages=("en",),
        megabytes=91,
        licence="Apache-2.0",
        labels=("entailment", "neutral", "contradiction"),
        score="80.3 % right on 2,000 held-out pairs of SNLI, 67.4 % on MultiNLI's 9,815 matched ones",
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
        key="entities",
        source="bundled",
        tasks=("token_classification",),
        label="Names of people, places and organisations (MiniLM, bundled)",
        languages=("en",),
        megabytes=90,
        licence="Apache-2.0",
        labels=("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-MISC", "I-MISC"),
        score="F1 0.7094 on 366 held-out sentences of WikiGold",
        wheel="minilm",
    ),
    Card(
        key="smollm2",
        source="bundled",
        tasks=("text_generation",),
        label="Next word (SmolLM2, bundled)",
        languages=("en",),
        megabytes=538,
        licence="Apache-2.0",
        score="22.3 % of 202 facts completed rightly",
        wheel="smollm2",
    ),
    Card(
        key="efficientnet-lite0",
        source="bundled",
        tasks=("image_classification",),
        label="ImageNet's 1,000 classes (EfficientNet-Lite0, bundled)",
        megabytes=21,
        licence="Apache-2.0",
        provides=CONVOLUTIONS,
        score="74.2 % right on 574 Caltech-101 pictures of 41 classes",
        wheel="efficientnet-lite0",
    ),
)

CARDS = {card.key: card for card in (*BUNDLED, *HUB)}

__all__ = ["BUNDLED", "CARDS", "TEXT", "Card"]
