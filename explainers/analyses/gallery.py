"""The gallery of the home page: surprising predictions of the bundled models, each with a claim that tests verify."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..request import Request, Target

Inputs = Mapping[str, str]
MUSEUM_SYSTEM = "You work in a museum. The museum is closed on {}. Tickets cost six euros. Answer in one sentence."


@dataclass(frozen=True)
class Claim:
    """What is true of a request: the `prediction`, its least `probability`, and the word with the `strongest` score.

    The prediction is the same for the inputs `same`, and another one, `other_prediction` if given, for the inputs
    `different`. A generated text begins with `prediction`, and `token` is the one that the request explains.
    """

    prediction: str
    strongest: str
    probability: float = 0.0
    same: tuple[Inputs, ...] = ()
    different: tuple[Inputs, ...] = ()
    other_prediction: str = ""
    token: str = ""


@dataclass(frozen=True)
class GalleryItem:
    """A request with a result worth seeing, and two sentences about it for readers who do not program."""

    title: str
    text: str
    request: Request
    claim: Claim


ROPE_CONTEXT = (
    "Nils stood below and did not dare to look. In 1931 his sister Greta Holm climbed the tower without a rope."
)
GALLERY = (
    GalleryItem(
        title="Fooled by “best”",
        text="This is no praise, but the model calls it POSITIVE, because “best” outweighs every other word. Without "
        "“best” it predicts NEGATIVE.",
        request=Request("text_classification", "sentiment", {"text": "The best part was when it ended."}),
        claim=Claim(
            "POSITIVE", "best", 0.9, different=({"text": "The part was when it ended."},), other_prediction="NEGATIVE"
        ),
    ),
    GalleryItem(
        title="Judged by half of the question",
        text="Does the second sentence contradict the first? The model predicts so here, and again after sentences "
        "about bread, a train, a sum and a letter: “sleeping” is enough for it, whatever the first sentence is.",
        request=Request(
            "pair_classification", "nli", {"text_a": "The museum opens at nine.", "text_b": "A man is sleeping."}
        ),
        claim=Claim(
            "contradiction",
            "sleeping",
            0.8,
            same=tuple(
                {"text_a": first, "text_b": "A man is sleeping."}
                for first in (
                    "Bread is made of flour and water.",
                    "My train was late this morning.",
                    "Three plus four is seven.",
                    "The tax office sent a letter.",
                )
            ),
        ),
    ),
    GalleryItem(
        title="After “I live in”, anything is a place",
        text="The word “zumble” does not exist, and yet the model takes it for a place, as it does with eight more "
        "words that we made up. It decides by the “in” before the word: after “They ate” it finds no place.",
        request=Request("token_classification", "entities", {"text": "I live in zumble."}),
        claim=Claim(
            "LOC",
            "in",
            0.9,
            same=tuple(
                {"text": f"I live in {word}."}
                for word in ("blorp", "florn", "krast", "snarf", "gromp", "vrill", "wob", "plink")
            ),
            different=({"text": "They ate zumble."},),
        ),
    ),
    GalleryItem(
        title="As old as her bicycle",
        text="The mayor has lived for 51 years, and yet the model answers 9, because “old” is in the question as well "
        "as in “9 years old”. If the bicycle “was bought 9 years ago”, it answers “51 years”.",
        request=Request(
            "question_answering",
            "questions",
            {
                "question": "How old is the mayor?",
                "context": "The mayor has lived for 51 years. Her bicycle is 9 years old.",
            },
        ),
        claim=Claim(
            "9 years old",
            "old",
            0.5,
            same=tuple(
                {"question": "How old is the mayor?", "context": context}
                for context in (
                    "Her bicycle is 9 years old. The mayor has lived for 51 years.",
                    "The mayor has celebrated 51 birthdays. Her bicycle is 9 years old.",
                    "The mayor of our town was born 51 years ago. Her bicycle is 9 years old.",
                )
            ),
            different=(
                {
                    "question": "How old is the mayor?",
                    "context": "The mayor has lived for 51 years. Her bicycle was bought 9 years ago.",
                },
            ),
            other_prediction="51 years",
        ),
    ),
    GalleryItem(
        title="Praise out of two odd words",
        text="With “The soup was cold” and “the bill was a joke” the model predicts NEGATIVE, as it should. Replace "
        "“cold” by “charm” and “joke” by “keen”, which makes no sense, and it predicts POSITIVE, in spite of the "
        "rude waiter.",
        request=Request(
            "text_classification",
            "sentiment",
            {"text": "The soup was charm, the waiter was rude, and the bill was a keen."},
        ),
        claim=Claim(
            "POSITIVE",
            "charm",
            0.8,
            different=({"text": "The soup was cold, the waiter was rude, and the bill was a joke."},),
            other_prediction="NEGATIVE",
        ),
    ),
    GalleryItem(
        title="Sure of an empty word",
        text="Remove every word of “The best part was when it ended.” except “it”, and the model is still sure that "
        "this is POSITIVE. A person would say that there is nothing left to judge.",
        request=Request("text_classification", "sentiment", {"text": "it"}),
        claim=Claim("POSITIVE", "it", 0.8, same=({"text": "The best part was when it ended."},)),
    ),
    GalleryItem(
        title="One word of a question",
        text="Shorten “Who climbed the tower without a rope?” to “Who”, and the model answers “Greta Holm” with almost"
        " the same probability. A person would ask what is meant.",
        request=Request("question_answering", "questions", {"question": "Who", "context": ROPE_CONTEXT}),
        claim=Claim(
            "Greta Holm",
            "Who",
            0.85,
            same=({"question": "Who climbed the tower without a rope?", "context": ROPE_CONTEXT},),
        ),
    ),
    GalleryItem(
        title="He is pregnant",
        text="Turkish “o” means both he and she, and the model translates it as “He” for a doctor, a lawyer, a "
        "teacher, a singer, and here even for somebody who is pregnant. In this explanation, the word “O” itself "
        "speaks most for “He” rather than “She”.",
        request=Request(
            "translation",
            "tr-en",
            {"source": "O hamile."},
            "integrated_gradients",
            Target(foil="She's pregnant."),
            params={"tolerance": 0.02},
        ),
        claim=Claim(
            "He",
            "O",
            0.4,
            same=tuple({"source": f"O bir {who}."} for who in ("doktor", "avukat", "öğretmen", "şarkıcı")),
            token="He",
        ),
    ),
    GalleryItem(
        title="Where the Colosseum is, and why not Paris",
        text="The model continues with “Rome”, as it should, and not with “Paris”. One word makes the difference, "
        "“Colosseum”: after “The Eiffel Tower is in the city of” it continues with “Paris”.",
        request=Request(
            "text_generation",
            "smollm2",
            {"prompt": "The Colosseum is in the city of"},
            "integrated_gradients",
            Target(foil="Paris"),
            params={"most_new_tokens": 1},
        ),
        claim=Claim(
            "Rome",
            "Colosseum",
            0.8,
            different=({"prompt": "The Eiffel Tower is in the city of"},),
            other_prediction="Paris",
            token="Rome",
        ),
    ),
    GalleryItem(
        title="An answer out of its instructions",
        text="The instructions of a chat model mention that the museum is closed on Monday, and so it answers a guest."
        " Its “Monday” depends most on the “Monday” of the instructions: with Friday there, it answers Friday.",
        request=Request(
            "text_generation",
            "smollm2",
            {"system": MUSEUM_SYSTEM.format("Monday"), "prompt": "When is the museum closed?"},
            "saliency",
            params={"most_new_tokens": 7, "start": 6, "end": 6},
        ),
        claim=Claim(
            "The museum is closed on Monday.",
            "Monday",
            0.4,
            different=({"system": MUSEUM_SYSTEM.format("Friday"), "prompt": "When is the museum closed?"},),
            other_prediction="Friday",
            token="Monday",
        ),
    ),
)
