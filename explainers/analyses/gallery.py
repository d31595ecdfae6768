"""What the bundled models do that a person would not: a request each, two sentences, and a claim that can be checked.

Knows no model and no page.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..request import Request, Target

Inputs = Mapping[str, str]
MUSEUM = "You work in a museum. The museum is closed on {}. Tickets cost six euros. Answer in one sentence."


@dataclass(frozen=True)
class Claim:
    """What is true of a Showcase's request: what the model `says`, at least how surely, and which word is `strongest`.

    The model says the `same` of other inputs, and something `else_` of others again: `instead`, if that is told. A text
    that it wrote begins with what it `says`, and `told` is the token of it that the request asks about.
    """

    says: str
    strongest: str
    surely: float = 0.0
    same: tuple[Inputs, ...] = ()
    else_: tuple[Inputs, ...] = ()
    instead: str = ""
    told: str = ""


@dataclass(frozen=True)
class GalleryItem:
    """A request whose result is worth a look, and what is to be seen there, for somebody who does not program."""

    title: str
    said: str
    request: Request
    claim: Claim


ROPE = "Nils stood below and did not dare to look. In 1931 his sister Greta Holm climbed the tower without a rope."
SHOWCASES = (
    GalleryItem(
        title="Fooled by “best”",
        said="This is no praise, but the model calls it POSITIVE, because “best” outweighs every other word. "
        "Without “best” it says NEGATIVE.",
        request=Request("text_classification", "sentiment", {"text": "The best part was when it ended."}),
        claim=Claim("POSITIVE", "best", 0.9, else_=({"text": "The part was when it ended."},), instead="NEGATIVE"),
    ),
    GalleryItem(
        title="Judged by half of the question",
        said="Does the second sentence contradict the first? The model says so here, and again after sentences about "
        "bread, a train, a sum and a letter: “sleeping” is enough for it, whatever was said before.",
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
        said="There is no such word as “zumble”, and yet the model takes it for a place, as it does with eight more "
        "words that we made up. What convinces it is the “in” before it: after “They ate” it finds no place.",
        request=Request("token_classification", "entities", {"text": "I live in zumble."}),
        claim=Claim(
            "LOC",
            "in",
            0.9,
            same=tuple(
                {"text": f"I live in {word}."}
                for word in ("blorp", "florn", "krast", "snarf", "gromp", "vrill", "wob", "plink")
            ),
            else_=({"text": "They ate zumble."},),
        ),
    ),
    GalleryItem(
        title="As old as her bicycle",
        said="The mayor has lived for 51 years, and yet the model makes her 9, for “old” stands in the question as "
        "well as in “9 years old”. Say that the bicycle “was bought 9 years ago”, and it answers “51 years”.",
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
            else_=(
                {
                    "question": "How old is the mayor?",
                    "context": "The mayor has lived for 51 years. Her bicycle was bought 9 years ago.",
                },
            ),
            instead="51 years",
        ),
    ),
    GalleryItem(
        title="Praise out of two odd words",
        said="“The soup was cold” and “the bill was a joke” were NEGATIVE to the model, as they should be. Put “charm” "
        "for “cold” and “keen” for “joke”, which makes no sense, and it says POSITIVE, rude waiter and all.",
        request=Request(
            "text_classification",
            "sentiment",
            {"text": "The soup was charm, the waiter was rude, and the bill was a keen."},
        ),
        claim=Claim(
            "POSITIVE",
            "charm",
            0.8,
            else_=({"text": "The soup was cold, the waiter was rude, and the bill was a joke."},),
            instead="NEGATIVE",
        ),
    ),
    GalleryItem(
        title="Sure of an empty word",
        said="Take away every word of “The best part was when it ended.” but “it”, and the model is still sure that "
        "this is POSITIVE. A person would say that there is nothing left to judge.",
        request=Request("text_classification", "sentiment", {"text": "it"}),
        claim=Claim("POSITIVE", "it", 0.8, same=({"text": "The best part was when it ended."},)),
    ),
    GalleryItem(
        title="One word of a question",
        said="Cut “Who climbed the tower without a rope?” down to “Who”, and the model answers “Greta Holm” nearly as "
        "surely as before. A person would ask back what is meant.",
        request=Request("question_answering", "questions", {"question": "Who", "context": ROPE}),
        claim=Claim(
            "Greta Holm",
            "Who",
            0.85,
            same=({"question": "Who climbed the tower without a rope?", "context": ROPE},),
        ),
    ),
    GalleryItem(
        title="He is pregnant",
        said="Turkish “o” is he and she at once, and the model makes “He” of it for a doctor, a lawyer, a teacher, a "
        "singer, and here, of somebody who is pregnant. In this map what speaks for “He” rather than “She” is mostly "
        "the word “O” itself.",
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
            told="He",
        ),
    ),
    GalleryItem(
        title="Where the Colosseum is, and why not Paris",
        said="The model goes on with “Rome”, as it should, and it could have gone on with “Paris”. What makes the "
        "difference is one word, “Colosseum”: after “The Eiffel Tower is in the city of” it is “Paris”.",
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
            else_=({"prompt": "The Eiffel Tower is in the city of"},),
            instead="Paris",
            told="Rome",
        ),
    ),
    GalleryItem(
        title="An answer out of its instructions",
        said="A chat model was told that its museum is closed on Monday, with other things about it, and answers a "
        "guest that it is. Its “Monday” depends most on the “Monday” of its instructions: told Friday, it says Friday.",
        request=Request(
            "text_generation",
            "smollm2",
            {"system": MUSEUM.format("Monday"), "prompt": "When is the museum closed?"},
            "saliency",
            params={"most_new_tokens": 7, "start": 6, "end": 6},
        ),
        claim=Claim(
            "The museum is closed on Monday.",
            "Monday",
            0.4,
            else_=({"system": MUSEUM.format("Friday"), "prompt": "When is the museum closed?"},),
            instead="Friday",
            told="Monday",
        ),
    ),
)
