"""Text generation: a prompt, and how a model goes on with it, by itself or as somebody wants it to.

Knows no method and no page.
"""

from dataclasses import dataclass
from typing import Annotated

from ..data import Prediction
from ..generation import prediction, problem
from ..loading import Bundle
from ..method import knobs, settings_of
from ..openings import CONTINUATION, PROMPT, SYSTEM, Opening, chat, plain
from ..problem import Problem, Run
from ..request import Request
from ..settings import settings
from ..task import Example, Field, Task
from ..writing import Writing

WITHOUT = "without_context"


@dataclass(frozen=True, kw_only=True)
class Chatting:
    """The setting of this task alone."""

    chat: Annotated[bool, "Put the prompt into the words that the model was trained to answer in a chat."] = False


class TextGeneration(Task):
    """Which words made the model go on like this?"""

    key = "text_generation"
    label = "Text generation"
    question = "Which words made the model go on like this?"
    fields = (
        Field(PROMPT, "Prompt", "Type how the text begins."),
        Field(CONTINUATION, "Continuation", "Leave this empty and the model writes it.", optional=True),
        Field(
            SYSTEM,
            "System prompt",
            "What a chat model is told first. With it the prompt becomes a chat.",
            optional=True,
            aside=True,
        ),
        Field(WITHOUT, "Prompt without its context", "To measure what the context adds.", optional=True, aside=True),
    )
    examples = (
        Example("A capital", ((PROMPT, "The capital of France is"),)),
        Example(
            "Two capitals",
            ((PROMPT, "The capital of France is Paris. The capital of Italy is"), (CONTINUATION, " Rome")),
        ),
        Example("A recipe", ((PROMPT, "To make a good soup, first boil the"),)),
        Example("He or she", ((PROMPT, "The nurse took off her coat because"),)),
        Example(
            "A chat",
            (
                (PROMPT, "Where should I go this summer?"),
                (SYSTEM, "You are a travel guide. Your guest loves mountains and does not like the sea."),
            ),
        ),
    )
    method = "input_x_gradient"
    choices, foils = "all", "text"
    params = (*knobs(Writing), *knobs(Chatting))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = self.texts(request, settings().text_characters)
        bare = _opening(bundle, request, texts[WITHOUT], texts[SYSTEM]) if texts[WITHOUT].strip() else None
        return problem(bundle, request, run, _opening(bundle, request, texts[PROMPT], texts[SYSTEM]), bare)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request, settings().text_characters)
        return prediction(bundle, request, _opening(bundle, request, texts[PROMPT], texts[SYSTEM]))


def _opening(bundle: Bundle, request: Request, prompt: str, system: str) -> Opening:
    chatting = Chatting(**settings_of(request.options, knobs(Chatting)))  # type: ignore[arg-type]
    return chat(bundle, prompt, system) if chatting.chat or system.strip() else plain(bundle, prompt)
