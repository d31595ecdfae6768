"""Chat templates: render messages by the model's own template, and find each of them in the result.

A template is foreign code: it may refuse a role, want messages in parts, change them, repeat them, or leave one out.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError

from ...errors import BadRequest, ExplainerError, Incompatible, LimitReached

FIRST_MARK, LAST_MARK = 0xE000, 0xF8FF  # Unicode's private characters, which a template has no rule for
LONGEST = 200_000  # characters that a template may add
SYSTEM_ROLE = "system"
Marks = tuple[tuple[int, str], tuple[int, str]]
"""The places of an opening and a closing mark in a text, each with its sign."""


@dataclass(frozen=True)
class Message:
    """A message in a rendered chat, from `start` to `end`; the text of its role has `offset` more characters before."""

    role: str
    start: int
    end: int
    offset: int

    def find_span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the part of the role's text that a token of the chat contains, or None for a token of the template."""
        if not ((start < self.end and end > self.start) or self.start <= start == end < self.end):
            return None
        shift = self.offset - self.start
        return max(start, self.start) + shift, min(end, self.end) + shift


def render_chat(tokenizer: Any, label: str, texts: Mapping[str, str]) -> tuple[str, tuple[Message, ...]]:
    """Render the text of each role as a chat that the model answers next, and find the texts in it.

    A second rendering, with marks at both ends of each text, shows where they are. Raises BadRequest if the template
    refuses or changes a text, Incompatible if it cannot be used at all.
    """
    _check_template(tokenizer, label)
    refusals: list[ExplainerError] = []
    for in_parts in (False, True):
        try:
            chat = _render(tokenizer, label, texts, in_parts)
            for marks in _place_marks(texts):
                marked = {role: _insert(text, marks[role]) for role, text in texts.items()}
                messages = _find_messages(_render(tokenizer, label, marked, in_parts), chat, texts, marks)
                if messages:
                    return chat, messages
        except ExplainerError as refusal:
            refusals.append(refusal)
    if refusals:
        raise refusals[0]
    raise BadRequest(
        f"The chat template of {label} changes the {' or the '.join(texts)} message, or leaves it out, so its tokens "
        f"cannot be found. {_advise(texts)}"
    )


def _check_template(tokenizer: Any, label: str) -> None:
    """Raise Incompatible if there is no template, or none that is the default."""
    template = tokenizer.chat_template
    if not template:
        raise Incompatible(f"{label} has no chat template. Switch chat off, or choose a chat model.")
    if isinstance(template, Mapping) and "default" not in template:
        raise Incompatible(
            f"{label} has several chat templates ({', '.join(sorted(template))}), and none of them is the default. "
            "Switch chat off, or set tokenizer.chat_template to one of them."
        )


def _render(tokenizer: Any, label: str, texts: Mapping[str, str], in_parts: bool) -> str:
    """Render the texts, each as a string or in the parts that multimodal models have, and translate what is raised."""
    messages = [
        {"role": role, "content": [{"type": "text", "text": text}] if in_parts else text}
        for role, text in texts.items()
    ]
    try:
        chat = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except MemoryError:
        raise
    except TemplateSyntaxError as error:
        raise Incompatible(
            f"The chat template of {label} cannot be read: {error.message} (line {error.lineno}). "
            "Switch chat off, or correct tokenizer.chat_template."
        ) from None
    except Exception as error:  # a template runs foreign code
        logging.getLogger(__name__).info("The chat template of %s refuses a chat", label, exc_info=error)
        why = str(error) if isinstance(error, TemplateError) else type(error).__name__
        raise BadRequest(
            f"The chat template of {label} refuses this chat: {why[:200].rstrip('.')}. {_advise(texts)}"
        ) from None
    if not isinstance(chat, str) or len(chat) > sum(map(len, texts.values())) + LONGEST:
        raise LimitReached(f"The chat template of {label} adds more than {LONGEST:,} characters. Switch chat off.")
    return chat


def _advise(texts: Mapping[str, str]) -> str:
    return "Leave the system prompt empty, or choose another model." if SYSTEM_ROLE in texts else "Switch chat off."


def _place_marks(texts: Mapping[str, str]) -> Iterator[dict[str, Marks]]:
    """Iterate over places of two marks in each text: outside the space around it, and inside for what strips it."""
    used = set("".join(texts.values()))
    signs = (sign for code in range(FIRST_MARK, LAST_MARK) if (sign := chr(code)) not in used)
    choices = []
    for text in texts.values():
        opening, closing = next(signs), next(signs)
        starts = dict.fromkeys((0, len(text) - len(text.lstrip())))
        ends = dict.fromkeys((len(text), len(text.rstrip())))
        choices.append([((start, opening), (end, closing)) for start, end in product(starts, ends)])
    for places in product(*choices):
        yield dict(zip(texts, places, strict=True))


def _insert(text: str, marks: Marks) -> str:
    (start, opening), (end, closing) = marks
    return text[:start] + opening + text[start:end] + closing + text[end:]


def _find_messages(
    rendered: str, chat: str, texts: Mapping[str, str], marks: Mapping[str, Marks]
) -> tuple[Message, ...] | None:
    """Find the texts in the chat by the marks in its other rendering, which must not differ in anything else."""
    opened = {opening: role for role, ((_, opening), _) in marks.items()}
    closed = {closing: role for role, (_, (_, closing)) in marks.items()}
    starts: dict[str, int] = {}
    messages, place = [], 0
    for sign in rendered:
        if sign in opened:
            starts[opened[sign]] = place
        elif (role := closed.get(sign)) is not None:
            (first, _), (last, _) = marks[role]
            if (start := starts.pop(role, None)) is None or chat[start:place] != texts[role][first:last]:
                return None
            messages.append(Message(role, start, place, first))
        else:
            place += 1
    plain = "".join(sign for sign in rendered if sign not in opened and sign not in closed)
    complete = {message.role for message in messages} == set(texts) and not starts
    return tuple(messages) if complete and plain == chat else None
