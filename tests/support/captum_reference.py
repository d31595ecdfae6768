"""Captum's layer integrated gradients of a text classifier, the reference of ours."""

import warnings

import torch
from captum.attr import LayerIntegratedGradients


def attribute_with_captum(model, score, ids, blank, target, steps):
    """Compute the scores (B, F) of the tokens, on all word embeddings that read the ids (B, F).

    The decoder of a BART that classifies reads the text once more, behind its first token.
    """
    encoder = getattr(model.base_model, "encoder", None)
    if not hasattr(encoder, "embed_tokens"):
        layer = LayerIntegratedGradients(score, model.get_input_embeddings())
        return layer.attribute(ids, blank, target=target, n_steps=steps).sum(-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layers = LayerIntegratedGradients(score, [encoder.embed_tokens, model.base_model.decoder.embed_tokens])
    read, again = (one.sum(-1) for one in layers.attribute(ids, blank, target=target, n_steps=steps))
    return read + torch.nn.functional.pad(again[:, 1:], (0, 1))
