"""Read a model's numbers of layers and heads from its configuration, which may lack them or consist of several."""

from typing import Any, Literal

from transformers import PreTrainedConfig

Part = Literal["encoder", "decoder"]


def find_text_config(model: Any, part: Part | None = None) -> Any:
    """Return the configuration of the part of the model that reads text, or of its encoder or decoder."""
    config = model.config
    if part is not None and isinstance(own := getattr(config, part, None), PreTrainedConfig):
        return own
    try:
        return config.get_text_config(**({part: True} if part and config.is_encoder_decoder else {}))
    except ValueError:  # several parts read text
        return config


def count_layers(config: Any) -> int:
    """Return the number of layers, 0 if the configuration does not state it."""
    return int(getattr(config, "num_hidden_layers", None) or 0)


def count_heads(config: Any) -> int:
    """Return the number of attention heads of a layer, the largest if layers differ; 0 if it has none, as in Mamba."""
    try:
        heads = getattr(config, "num_attention_heads", None) or 0
    except RuntimeError:  # transformers refuses to name one number where each layer has a configuration of its own
        return max(count_heads(layer) for layer in config.per_layer_config)
    return max(heads) if isinstance(heads, list | tuple) else int(heads)
