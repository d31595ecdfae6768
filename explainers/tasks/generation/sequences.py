"""Token sequences: a prompt and its continuation as one text, for one forward pass."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...models.loading import Bundle
from ...request import Pairs
from ...results.explanation import Feature, Segments
from ..tokenization import Encoded
from .decoding import Continuation, force_decode
from .prompts import PREFIX, Prompt
from .token_ids import name_token

ASSISTANT = "assistant"


@dataclass(frozen=True, eq=False)
class TokenSequence:
    """The model's inputs for a prompt and its continuation of W tokens.

    `logit_positions` (W,) are the positions whose logits predict the tokens, `feature_positions` (W,) their own.
    """

    prompt: Prompt
    continuation: Continuation
    encoded: Encoded
    logit_positions: Tensor
    feature_positions: Tensor

    @property
    def segments(self) -> Segments:
        """The speaker of each text, if the prompt is a chat."""
        generated = (self.prompt.field, 0, len(self.continuation.text), ASSISTANT)
        return (*self.prompt.segments, generated) if self.prompt.segments else ()

    @property
    def texts(self) -> Pairs:
        """The whole texts by field, as they are shown."""
        return (*self.prompt.texts.items(), (self.prompt.field, self.continuation.text))


def join(bundle: Bundle, prompt: Prompt, continuation: Continuation) -> TokenSequence:
    """Join a prompt and its continuation."""
    before, row, features = prompt.encoded, continuation.ids[None], [*prompt.encoded.features]
    if prompt.decoder_ids:
        names = [name_token(bundle.tokenizer, token) for token in prompt.start_ids]
        features += [*(Feature(name, prompt.field, special=True) for name in names), *prompt.prefix]
        inputs = before.inputs | {"decoder_input_ids": torch.cat([torch.tensor([prompt.decoder_ids]), row], dim=1)}
    else:
        more = {name: own[:, -1:].expand_as(row) for name, own in before.inputs.items()} | {"input_ids": row}
        inputs = {name: torch.cat([own, more[name]], dim=1) for name, own in before.inputs.items()}
    steps = torch.arange(row.shape[1])
    logit_positions, feature_positions = steps + len(prompt.ids) - 1, steps + len(features)
    features += continuation.features
    special = torch.tensor([feature.special for feature in features])
    notices = (*before.notices, *continuation.notices)
    encoded = Encoded(inputs, tuple(features), special, notices, {} if bundle.needs_cache else {"use_cache": False})
    return TokenSequence(prompt, continuation, encoded, logit_positions, feature_positions)


def add_prefix(bundle: Bundle, prompt: Prompt, text: str, space: bool) -> Prompt:
    """Return the prompt followed by the first words of the output, as the input PREFIX; unchanged if there are none.

    With `space`, its first word is kept apart from the last one before it.
    """
    if not text:
        return prompt
    prefix = force_decode(bundle, replace(prompt, field=PREFIX), text, space)
    segments = ((PREFIX, 0, len(prefix.text), ASSISTANT),) if prompt.segments else ()
    longer = replace(
        prompt,
        texts=prompt.texts | {PREFIX: prefix.text},
        before=prompt.before + prefix.text,
        segments=(*prompt.segments, *segments),
    )
    if prompt.decoder_ids:
        encoded = replace(prompt.encoded, notices=(*prompt.encoded.notices, *prefix.notices))
        ids = (*prompt.decoder_ids, *prefix.ids.tolist())
        return replace(longer, encoded=encoded, decoder_ids=ids, prefix=prefix.features)
    return replace(longer, encoded=join(bundle, prompt, prefix).encoded)
