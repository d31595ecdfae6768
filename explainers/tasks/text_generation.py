"""Text generation: a prompt, and how a model goes on with it, by itself or as somebody wants it to.

Knows no method and no page.
"""

from dataclasses import dataclass
from typing import Annotated

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import list_params, read_params
from ..request import Request
from ..results.explanation import Prediction
from .base import Example, Field, Task
from .generation.decoding import GenerationParams
from .generation.problem import make_prediction, make_problem
from .generation.prompts import CONTINUATION, PREFIX, PROMPT, SYSTEM, WITHOUT, Prompt, encode_chat, encode_plain
from .generation.sequences import add_prefix


@dataclass(frozen=True, kw_only=True)
class ChatParams:
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
    params = (*list_params(GenerationParams), *list_params(ChatParams))

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = self.texts(request)
        prompt, system, without = texts[PROMPT], texts[SYSTEM], texts[WITHOUT]
        talks = _chats(request, system)
        # Where the prompt is all that is left without the context, the system prompt was the context.
        left = "" if without == prompt else system
        bare = _opening(bundle, without, left, talks) if without.strip() else None
        opening = add_prefix(bundle, _opening(bundle, prompt, system, talks), texts[PREFIX])
        return make_problem(bundle, request, run, opening, bare)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        prompt, system = texts[PROMPT], texts[SYSTEM]
        opening = _opening(bundle, prompt, system, _chats(request, system))
        return make_prediction(bundle, request, add_prefix(bundle, opening, texts[PREFIX]))


def _chats(request: Request, system: str) -> bool:
    """Whether the prompt is put into the words of a chat."""
    return read_params(ChatParams, request.options).chat or bool(system.strip())


def _opening(bundle: Bundle, prompt: str, system: str, talks: bool) -> Prompt:
    return encode_chat(bundle, prompt, system) if talks else encode_plain(bundle, prompt)
