"""Small random models of every type that transformers knows, with a fitting tokenizer or image processor.

Configurations are shrunk by the names of their fields. Weights are drawn wide, so that differences between inputs show.
"""

import copy
import dataclasses
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from transformers.models.auto import image_processing_auto, modeling_auto, tokenization_auto

from tests.support.tiny import tokenizer_for

WIDE = 0.3  # standard deviation of weights
SIDE = 32  # of an image, in pixels
LABELS = 3
TASKS = {  # the tasks by their keys, with the suffix of transformers' mapping and the class that loads their models
    "text_classification": ("SEQUENCE_CLASSIFICATION", "AutoModelForSequenceClassification"),
    "token_classification": ("TOKEN_CLASSIFICATION", "AutoModelForTokenClassification"),
    "question_answering": ("QUESTION_ANSWERING", "AutoModelForQuestionAnswering"),
    "fill_mask": ("MASKED_LM", "AutoModelForMaskedLM"),
    "text_generation": ("CAUSAL_LM", "AutoModelForCausalLM"),
    "translation": ("SEQ_TO_SEQ_CAUSAL_LM", "AutoModelForSeq2SeqLM"),
    "image_classification": ("IMAGE_CLASSIFICATION", "AutoModelForImageClassification"),
}

SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "emb_dim", "embed_dim", "d_latents"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_encoder_layers", "num_decoder_layers", "num_self_attends_per_block"), 2),
    **dict.fromkeys(("l_layers", "x_layers", "r_layers"), 1),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("num_encoder_attention_heads", "num_decoder_attention_heads"), 4),
    **dict.fromkeys(("num_self_attention_heads", "num_cross_attention_heads", "swa_num_attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "swa_num_key_value_heads", "num_kv_heads", "kv_n_heads"), 2),
    **dict.fromkeys(("head_dim", "d_kv", "swa_head_dim", "kv_channels", "global_head_dim", "dim_head"), 8),
    **dict.fromkeys(
        ("intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "d_ff", "dff", "dim_ff"), 48
    ),
    **dict.fromkeys(("n_inner", "hidden_dim", "d_inner", "ffn_hidden_size", "intermediate_size_mlp", "mlp_dim"), 48),
    **dict.fromkeys(("dense_intermediate_size", "feed_forward_size", "block_ff_dim"), 48),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length"), 128),
    **dict.fromkeys(("max_encoder_position_embeddings", "max_decoder_position_embeddings"), 128),
    **dict.fromkeys(("max_source_positions", "max_target_positions"), 128),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(
        ("num_experts_per_tok", "moe_topk", "moe_top_k", "moe_k", "top_k_experts", "num_experts_per_token"), 2
    ),
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts", "num_shared_experts", "moe_num_shared_experts"), 1),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "expert_ffn_hidden_size"), 16),
    **dict.fromkeys(("moe_shared_expert_intermediate_size", "shared_intermediate_size"), 16),
    **dict.fromkeys(("shared_experts_intermediate_size", "embedding_size", "embedding_rank", "emb_size"), 16),
    **dict.fromkeys(("kv_lora_rank", "q_lora_rank", "o_lora_rank", "laurel_rank", "gated_norm_rank"), 16),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "rotary_dim"), 8),
    **dict.fromkeys(("linear_num_key_heads", "linear_num_heads", "index_n_heads", "o_groups"), 2),
    **dict.fromkeys(("linear_num_value_heads",), 4),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "linear_head_dim", "index_head_dim"), 8),
    **dict.fromkeys(("mamba_d_state", "state_size", "ssm_state_size", "mamba_n_heads", "mamba_num_heads"), 8),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim", "mamba_headdim"), 8),
    **dict.fromkeys(("mamba_chunk_size", "chunk_size"), 8),
    **dict.fromkeys(("sliding_window", "index_topk", "attention_window_size", "max_patch_length"), 64),
    **dict.fromkeys(("first_k_dense_replace", "num_dense_layers"), 1),
    "num_kv_shared_layers": 0,
    "attn_layer_period": 2,
    "attn_layer_offset": 1,
    "image_size": SIDE,
    "patch_size": 8,
    "input_size": SIDE,
    "vocab_size_per_layer_input": 512,
    "hidden_size_per_layer_input": 8,
    "encoder_hash_byte_group_vocab": 64,
    "entity_vocab_size": 16,
    "entity_emb_size": 16,
    "projection_dim": 16,
    "num_latents": 8,
    "initializer_range": WIDE,
    "init_std": WIDE,
    "layer_scale_init_value": 1.0,
}

FILLED = (  # even where None is the default
    "vocab_size",
    "head_dim",
    "num_experts_per_tok",
    "num_experts_per_token",
    "n_routed_experts",
    "n_shared_experts",
)
LISTS = ("layer_types", "mlp_layer_types", "layers_block_type")  # the kind of each layer
SIDES = {"mobilevitv2": 64}  # of an image, where SIDE is too small
PATCHES = {"use_relative_position_bias": True, "layer_scale_init_value": 1.0}
WINDOWS = {"patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4}
CHANGES: dict[str, dict[str, Any]] = {  # by type, where the names of its fields do not tell
    "bailing_hybrid": {"layer_group_size": 2},
    "bamba": {"attn_layer_indices": [1]},
    "deepseek_v2": {"n_group": 1, "topk_group": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "layoutlmv3": {"coordinate_size": 4, "shape_size": 8},
    "lilt": {"hidden_size": 48},
    "dbrx": {"attn_config": {"kv_n_heads": 2, "rope_theta": 10_000.0}},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "led": {"attention_window": 8},
    "longt5": {"local_radius": 7, "global_block_size": 4},
    "longformer": {"attention_window": [8, 8]},
    "mamba2": {"num_heads": 8},
    "nemotron": {"num_key_value_heads": 2},
    "pegasus_x": {"block_size": 8, "num_global_tokens": 4},
    "neomme": {"head_dim": 16},
    "recurrent_gemma": {"num_hidden_layers": 3},
    "beit": PATCHES,
    "bit": {"hidden_sizes": [16, 32], "depths": [1, 1], "num_groups": 8},
    "canine": {"local_transformer_stride": 16, "num_hash_buckets": 64},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10_000.0}}},
    "convnext": {"hidden_sizes": [8, 16], "num_stages": 2, "depths": [1, 1]},
    "convnextv2": {"hidden_sizes": [8, 16], "num_stages": 2, "depths": [1, 1]},
    "data2vec-vision": PATCHES,
    "deit": {"architectures": ["DeiTForImageClassification"]},
    "donut-swin": WINDOWS,
    "efficientnet": {"width_coefficient": 0.1, "depth_coefficient": 0.1, "hidden_dim": 128},
    "focalnet": {"embed_dim": 16, "hidden_sizes": [16, 16, 32, 32]},
    "hiera": {"image_size": [SIDE, SIDE]},
    "imagegpt": {"n_positions": SIDE * SIDE, "vocab_size": 17},
    "hgnet_v2": {
        "stem_channels": [3, 8, 8],
        "stage_in_channels": [8, 8, 16, 16],
        "stage_mid_channels": [8, 8, 8, 8],
        "stage_out_channels": [8, 16, 16, 32],
        "stage_num_blocks": [1, 1, 1, 1],
        "stage_numb_of_layers": [1, 1, 1, 1],
        "hidden_sizes": [8, 16, 16, 32],
    },
    "levit": {"architectures": ["LevitForImageClassification"], "patch_size": 16},
    "mobilevit": {"patch_size": 2},
    "mobilevitv2": {"patch_size": 2},
    "perceiver": {"architectures": ["PerceiverForImageClassificationLearned"]},
    "poolformer": {"hidden_sizes": [8, 16, 16, 32]},
    "regnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "groups_width": 4},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    "swin": WINDOWS,
    "swinv2": WINDOWS,
    "zamba": dict.fromkeys(("layers_block_type", "layer_types"), ["mamba", "hybrid"] * 2) | {"num_hidden_layers": 4},
    "zaya": {"num_experts_per_tok": 1},
    "reformer": {
        "axial_pos_embds_dim": (16, 16),
        "axial_pos_shape": (8, 16),
        "attn_layers": ["local", "local"],
        "attention_head_size": 8,
    },
    "squeezebert": {"embedding_size": 32},
    "xmod": {"default_language": "en_XX"},
}
TASK_CHANGES: dict[tuple[str, str], dict[str, Any]] = {  # by type and task
    ("xlm", "text_generation"): {"causal": True},  # else they look ahead
    ("flaubert", "text_generation"): {"causal": True},
}

WORDPIECES = ("Bert", "Electra", "Funnel", "LayoutLMv2", "Lxmert", "MobileBert", "ProphetNet", "RoCBert", "Splinter")
READERS = {  # a kind of tests.support.tiny with such a tokenizer, by the beginning of the name of the type's own
    **dict.fromkeys((*WORDPIECES, "RoFormer", "CpmAnt", "Esm"), "bert"),
    **dict.fromkeys(("Roberta", "Mvp", "LED", "LayoutLMv3", "Luke", "MarkupLM", "Deberta", "Blenderbot"), "roberta"),
    **dict.fromkeys(
        ("XLM", "Albert", "BigBird", "Camembert", "FNet", "RemBert", "Reformer", "Flaubert"), "xlm-roberta"
    ),
    **dict.fromkeys(("MBart", "Nllb", "PLBart", "Seamless"), "mbart"),
    **dict.fromkeys(("T5", "Pegasus", "FSMT"), "t5"),
    **dict.fromkeys(("GPT2", "GPTNeoX", "Qwen", "Whisper", "OpenAIGPT", "CTRL"), "gpt2"),
    **dict.fromkeys(("MPNet", "Tapas"), "mpnet"),
}
READERS_OF_TYPES = {
    **dict.fromkeys(("modernbert", "nystromformer", "neomme", "modernvbert", "ultrabert", "ultravbert"), "bert"),
    **dict.fromkeys(("eurobert", "openai_privacy_filter"), "bert"),
    "xlm-roberta-xl": "xlm-roberta",
    **dict.fromkeys(("emu3", "whisper"), "llama"),
    **dict.fromkeys(("umt5", "longt5", "t5gemma", "t5gemma2", "marian", "bigbird_pegasus", "pegasus_x"), "t5"),
    **dict.fromkeys(("m2m_100",), "mbart"),
}


@dataclass(frozen=True)
class RandomModel:
    """A random model and its tokenizer or image processor."""

    model: Any
    reader: Any


def list_types(task: str) -> tuple[str, ...]:
    """List the model types of transformers' own mapping for a task."""
    return tuple(getattr(modeling_auto, f"MODEL_FOR_{TASKS[task][0]}_MAPPING_NAMES"))


def make_random_model(kind: str, task: str) -> RandomModel:
    """Make a small random model of a type with a task's head. Raises what transformers raises if it cannot be made."""
    auto = getattr(transformers, TASKS[task][1])
    reader = make_processor(kind) if task == "image_classification" else copy.deepcopy(make_tokenizer(kind, task))
    config = make_config(kind, task, reader)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = auto.from_config(config, attn_implementation="eager").eval().float()
        widen(model)
        if task == "image_classification":
            settle(model, reader)
    if task != "image_classification":
        taken = inspect.signature(model.forward).parameters
        reader.model_input_names = [name for name in reader.model_input_names if name in taken]
    return RandomModel(model, reader)


def make_config(kind: str, task: str, reader: Any) -> Any:
    """Make a small configuration of a type for a task and a tokenizer."""
    cls = transformers.CONFIG_MAPPING[kind]
    sizes = dict(SIZES)
    if task != "image_classification":
        sizes |= dict.fromkeys(("vocab_size", "decoder_vocab_size", "src_vocab_size", "tgt_vocab_size"), len(reader))
        sizes |= {f"{name}_token_id": getattr(reader, f"{name}_token_id") for name in ("pad", "bos", "eos")}
        sizes |= {"forced_eos_token_id": None}
    changes = CHANGES.get(kind, {}) | TASK_CHANGES.get((kind, task), {})
    labels = {"num_labels": 2 if task == "question_answering" else LABELS}
    if task == "text_generation" and "is_decoder" in {field.name for field in dataclasses.fields(cls)}:
        labels["is_decoder"] = True  # as their documentation asks for; else they look ahead
    if cls.is_encoder_decoder or task == "translation":
        labels["decoder_start_token_id"] = reader.eos_token_id if reader.pad_token_id is None else reader.pad_token_id
    return cls(**shrink(cls, sizes) | labels | changes)


def shrink(cls: Any, sizes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a configuration class that have a smaller value, those of its parts included."""
    fields = dataclasses.fields(cls)
    small = {field.name: sizes[field.name] for field in fields if field.name in sizes and _fits(field, sizes)}
    small |= {field.name: [1] * len(field.default) for field in fields if field.name == "depths"}
    if "kv_lora_rank" in small and "num_key_value_heads" in small:
        small["num_key_value_heads"] = sizes["num_attention_heads"]  # keys and values of all heads come from one vector
    small |= mix_layers(cls, small)
    parts = (cls.sub_configs or {}) | (getattr(cls, "sub_configs_defaults", None) or {})
    for name, part in parts.items():
        kind, more = getattr(part, "model_type", None), getattr(part, "init_kwargs", None) or {}
        part = getattr(part, "config_class", part)
        part = transformers.CONFIG_MAPPING[kind] if part is transformers.AutoConfig and kind else part
        if dataclasses.is_dataclass(part) and part is not transformers.AutoConfig:
            small[name] = part(**more | shrink(part, sizes))
    return small


def mix_layers(cls: Any, small: Mapping[str, Any]) -> dict[str, Any]:
    """Return the layers of a configuration class that has layers of several kinds: at least one of each."""
    names = set(LISTS) & {field.name for field in dataclasses.fields(cls)}
    if "num_hidden_layers" not in small or not names:
        return {}
    whole = cls()
    lists = {name: list(dict.fromkeys(getattr(whole, name, None) or ())) for name in names}
    count = max(small["num_hidden_layers"], *map(len, lists.values()))
    kinds = {name: (kinds * count)[:count] for name, kinds in lists.items() if kinds}
    return {"num_hidden_layers": count, **kinds}


def _fits(field: Any, sizes: Mapping[str, Any]) -> bool:
    """Return whether a size can be the value of a field, by its default."""
    if field.name.endswith("token_id") or (field.default is None and field.name in FILLED):
        return True
    numbers = (int, float)
    both = isinstance(field.default, numbers) and isinstance(sizes[field.name], numbers)
    return both and not isinstance(field.default, bool) and isinstance(field.default, type(sizes[field.name]))


def widen(model: torch.nn.Module) -> None:
    """Draw again the weights that a model leaves so small that its inputs would make no difference."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 4:  # of a convolution: deep ones would make numbers without bounds
                weight.normal_(std=1.5 * weight[0].numel() ** -0.5)
            elif weight.dim() > 1 and float(weight.std()) < WIDE / 6:
                weight.normal_(std=min(WIDE, 3 * weight[0].numel() ** -0.5))
            elif weight.dim() <= 1 and float(weight.abs().max()) < WIDE / 100:
                weight.normal_(std=WIDE / 3)


def settle(model: torch.nn.Module, reader: Any) -> None:
    """Measure the statistics of batch normalization on noise, without which deep models shrink every difference."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    noise = list(torch.randint(0, 256, (4, SIDE, SIDE, 3), dtype=torch.uint8).numpy())
    for norm in norms:
        norm.train().momentum = 1.0
    if norms:
        model(**reader(images=noise, return_tensors="pt"))
    model.eval()


def make_tokenizer(kind: str, task: str) -> Any:
    """Make a small tokenizer of the family that the type uses."""
    match kind:
        case "canine":
            return transformers.CanineTokenizer(model_max_length=128)
        case "perceiver":
            return transformers.PerceiverTokenizer(model_max_length=128)
    own = tokenization_auto.TOKENIZER_MAPPING_NAMES.get(kind) or ""
    default = "t5" if task == "translation" else "xlm-roberta" if kind in list_types("fill_mask") else "llama"
    family = next((reader for name, reader in READERS.items() if own.startswith(name)), default)
    return tokenizer_for(READERS_OF_TYPES.get(kind, family))


def make_processor(kind: str) -> Any:
    """Make the image processor of a type, for images of SIDE by SIDE."""
    names = image_processing_auto.IMAGE_PROCESSOR_MAPPING_NAMES.get(kind) or {}
    cls = getattr(transformers, names.get("pil", "ViTImageProcessorPil"))
    length = SIDES.get(kind, SIDE)
    side = {"height": length, "width": length}
    size = getattr(cls, "size", None) or side
    if "shortest_edge" in size:
        size = {"shortest_edge": length}
    elif "height" in size:
        size = side
    if kind == "imagegpt":
        return cls(size=side, clusters=torch.linspace(-1, 1, 16)[:, None].expand(-1, 3).numpy())
    if kind == "siglip2":
        return cls(patch_size=8, max_num_patches=16)
    crop = {"crop_size": side} if getattr(cls, "crop_size", None) else {}
    return cls(size=size, **crop)
