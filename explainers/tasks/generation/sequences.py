"""Drafts: an opening and what is written after it, as one text for one pass of the model.

Knows no method, and nothing of what is read out of the pass.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...models.loading import Bundle
from ...request import Pairs
from ...results.explanation import Feature, Segments
from ..tokenization import Encoded
from .decoding import Continuation, force_decode
from .prompts import PREFIX, Prompt

ASSISTANT = "assistant"


@dataclass(frozen=True, eq=False)
class TokenSequence:
    """The model's inputs for an opening and what is written after it, and where each written token is told.

    `columns` (W,) are the places of their logits, `places` (W,) those of their own features.
    """

    opening: Prompt
    written: Continuation
    encoded: Encoded
    columns: Tensor
    places: Tensor

    @property
    def segments(self) -> Segments:
        """Whose words the texts are, where the opening says so."""
        written = (self.opening.field, 0, len(self.written.text), ASSISTANT)
        return (*self.opening.segments, written) if self.opening.segments else ()


def join(bundle: Bundle, opening: Prompt, written: Continuation) -> TokenSequence:
    """Both as one text."""
    before, row, features = opening.encoded, written.ids[None], [*opening.encoded.features]
    if opening.start:
        own = opening.start[: len(opening.start) - len(opening.prefix)]
        names = bundle.tokenizer.convert_ids_to_tokens(list(own))
        features += [*(Feature(name, opening.field, special=True) for name in names), *opening.prefix]
        inputs = before.inputs | {"decoder_input_ids": torch.cat([torch.tensor([opening.start]), row], dim=1)}
    else:
        more = {name: own[:, -1:].expand_as(row) for name, own in before.inputs.items()} | {"input_ids": row}
        inputs = {name: torch.cat([own, more[name]], dim=1) for name, own in before.inputs.items()}
    places, columns = (torch.arange(row.shape[1]) + first for first in (len(features), len(opening.ids) - 1))
    features += written.features
    special = torch.tensor([feature.special for feature in features])
    encoded = Encoded(inputs, tuple(features), special, before.notices, {"use_cache": False})
    return TokenSequence(opening, written, encoded, columns, places)


def add_prefix(bundle: Bundle, opening: Prompt, text: str) -> Prompt:
    """The opening with words after it, in the field PREFIX, that what is written goes on from; none change nothing."""
    if not text.strip():
        return opening
    lead = force_decode(bundle, replace(opening, field=PREFIX), text)
    segments = ((PREFIX, 0, len(lead.text), ASSISTANT),) if opening.segments else ()
    whole = replace(
        opening,
        texts=opening.texts | {PREFIX: lead.text},
        before=opening.before + lead.text,
        segments=(*opening.segments, *segments),
    )
    if opening.start:
        return replace(whole, start=(*opening.start, *lead.ids.tolist()), prefix=lead.features)
    return replace(whole, encoded=join(bundle, opening, lead).encoded)


def collect_texts(draft: TokenSequence) -> Pairs:
    """The whole texts by field, as they are shown."""
    return (*draft.opening.texts.items(), (draft.opening.field, draft.written.text))
