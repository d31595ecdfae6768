"""Requests about written text on tiny models, and the same model by plain calls, for the tests of both tasks."""

import copy

import torch

from explainers import Bundle, Request
from tests.support.tiny import DECODERS, TRANSLATORS, tiny

WRITERS = (*DECODERS, *TRANSLATORS)
BEFORE, AFTER = "the soup was cold", "and the waiter rude"


def task_of(kind):
    return "translation" if kind in TRANSLATORS else "text_generation"


def bundle_of(kind, wide=0.4, **changes):
    """A tiny model for its task with the attention that every loaded model has; less jagged if less `wide`."""
    model, reader = tiny(kind, wide=wide, task=task_of(kind), **changes)
    model = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    return Bundle.of(model, reader)


def request_of(kind, written=AFTER, method="saliency", before=BEFORE, **more):
    names = ("source", "target") if kind in TRANSLATORS else ("prompt", "continuation")
    return Request(task_of(kind), "tiny", dict(zip(names, (before, written), strict=True)), method, **more)


def ids_of(explanation):
    return [target.index for target in explanation.targets]


class Prefix:
    """The text before one written token, read by plain calls on embeddings: `points` are (1, N, D), one or two of them.

    Two for a model with two halves: its source, and what it has written so far.
    """

    def __init__(self, bundle, written, t, before=BEFORE):
        self.model, ids = bundle.model, bundle.tokenizer(before, return_tensors="pt")["input_ids"]
        so_far = torch.tensor([written[:t]], dtype=torch.long)
        self.two = self.model.config.is_encoder_decoder
        if self.two:
            start = torch.tensor([[self.model.generation_config.decoder_start_token_id]])
            self.ids = (ids, torch.cat([start, so_far], dim=1))
            modules = (self.model.get_encoder().embed_tokens, self.model.get_decoder().embed_tokens)
        else:
            self.ids, modules = (torch.cat([ids, so_far], dim=1),), (self.model.get_input_embeddings(),)
        self.embed = [lambda ids, module=module: module(ids).detach() for module in modules]
        self.points = tuple(embed(ids) for embed, ids in zip(self.embed, self.ids, strict=True))

    def blank(self, token, kept):
        """The same with every token but the `kept` ones replaced."""
        filled = [torch.where(torch.isin(ids, torch.tensor(kept)), ids, token) for ids in self.ids]
        return tuple(embed(ids) for embed, ids in zip(self.embed, filled, strict=True))

    def logits(self, *points):
        """The logits (B, V) of the token that comes next."""
        if self.two:
            return self.model(inputs_embeds=points[0], decoder_inputs_embeds=points[1]).logits[:, -1]
        return self.model(inputs_embeds=points[0]).logits[:, -1]
