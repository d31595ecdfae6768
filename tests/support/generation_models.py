"""Requests for generated text on tiny models, and the same model by plain calls, for the tests of both tasks."""

import copy

import torch

from explainers import Bundle, Request
from tests.support.tiny import DECODERS, TRANSLATORS, tiny

WRITERS = (*DECODERS, *TRANSLATORS)
BEFORE, AFTER = "the soup was cold", "and the waiter rude"


def task_of(kind):
    """Return the task of a tiny model."""
    return "translation" if kind in TRANSLATORS else "text_generation"


def bundle_of(kind, wide=0.4, **changes):
    """Make a tiny model with eager attention, as every loaded model has it; a smaller `wide` makes it smoother."""
    model, tokenizer = tiny(kind, wide=wide, task=task_of(kind), **changes)
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    return Bundle.of(model, tokenizer)


def request_of(kind, continuation=AFTER, method="saliency", before=BEFORE, **more):
    """Make a request for a tiny model; an empty continuation lets the model generate it."""
    names = ("source", "target") if kind in TRANSLATORS else ("prompt", "continuation")
    return Request(task_of(kind), "tiny", dict(zip(names, (before, continuation), strict=True)), method, **more)


def ids_of(explanation):
    """Return the token id of each target."""
    return [target.index for target in explanation.targets]


class Prefix:
    """The text before generated token `t`, run by plain calls on embeddings: `points` are (1, N, D), one or two.

    There are two for an encoder-decoder: its source, and the target so far.
    """

    def __init__(self, bundle, generated, t, before=BEFORE):
        self.model, ids = bundle.model, bundle.tokenizer(before, return_tensors="pt")["input_ids"]
        so_far = torch.tensor([generated[:t]], dtype=torch.long)
        self.has_encoder = self.model.config.is_encoder_decoder
        if self.has_encoder:
            start = torch.tensor([[self.model.generation_config.decoder_start_token_id]])
            self.ids = (ids, torch.cat([start, so_far], dim=1))
            modules = (self.model.get_encoder().embed_tokens, self.model.get_decoder().embed_tokens)
        else:
            self.ids, modules = (torch.cat([ids, so_far], dim=1),), (self.model.get_input_embeddings(),)
        self.embed = [lambda ids, module=module: module(ids).detach() for module in modules]
        self.points = tuple(embed(ids) for embed, ids in zip(self.embed, self.ids, strict=True))

    def make_baseline(self, token, kept):
        """Embed the same ids with every token but the `kept` ones replaced."""
        replaced = [torch.where(torch.isin(ids, torch.tensor(kept)), ids, token) for ids in self.ids]
        return tuple(embed(ids) for embed, ids in zip(self.embed, replaced, strict=True))

    def logits(self, *points):
        """Compute the logits (B, V) of the next token."""
        if self.has_encoder:
            return self.model(inputs_embeds=points[0], decoder_inputs_embeds=points[1]).logits[:, -1]
        return self.model(inputs_embeds=points[0]).logits[:, -1]
