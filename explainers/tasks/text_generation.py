"""Text generation: a prompt, and how a model goes on with it, by itself or as somebody wants it to.

Knows no method and no page.
"""

from dataclasses import dataclass
from typing import Annotated

from ..data import Prediction
from ..generation.drafts import prefixed
from ..generation.openings import CONTINUATION, PREFIX, PROMPT, SYSTEM, WITHOUT, Opening, chat, plain
from ..generation.problem import prediction, problem
from ..generation.writing import Writing
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import params_of, read_params
from ..request import Request
from ..task import Example, Field, Task


@dataclass(frozen=True, kw_only=True)
class Chatting:
    """The setting of this task alone."""

    chat: Annotated[bool, "Put the prompt into the words that the model was trained to answer in a chat."] = False


class TextGeneration(Task):
    """Which words made the model go on like this?"""

    key = "text_generation"
    kind = "generation"
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
        Field(PREFIX, "It begins with", "The model goes on from these words.", optional=True, aside=True),
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
    params = (*params_of(Writing), *params_of(Chatting))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = self.texts(request)
        prompt, system, without = texts[PROMPT], texts[SYSTEM], texts[WITHOUT]
        talks = _chats(request, system)
        # Where the prompt is all that is left without the context, the system prompt was the context.
        left = "" if without == prompt else system
        bare = _opening(bundle, without, left, talks) if without.strip() else None
        opening = prefixed(bundle, _opening(bundle, prompt, system, talks), texts[PREFIX])
        return problem(bundle, request, run, opening, bare)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        prompt, system = texts[PROMPT], texts[SYSTEM]
        opening = _opening(bundle, prompt, system, _chats(request, system))
        return prediction(bundle, request, prefixed(bundle, opening, texts[PREFIX]))


def _chats(request: Request, system: str) -> bool:
    """Whether the prompt is put into the words of a chat."""
    return read_params(Chatting, request.options).chat or bool(system.strip())


def _opening(bundle: Bundle, prompt: str, system: str, talks: bool) -> Opening:
    return chat(bundle, prompt, system) if talks else plain(bundle, prompt)
