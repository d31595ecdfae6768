"""Numbers that a configuration states in several ways."""

import transformers

from bench.random_models import make_config, make_tokenizer
from explainers.models.probes.configuration import count_heads


def test_heads_are_counted_where_each_layer_has_a_configuration_of_its_own():
    kind, task = "dots3_note_text", "text_generation"
    config = make_config(kind, task, make_tokenizer(kind, task))
    assert count_heads(config) == max(config.per_layer_config[i].num_attention_heads for i in range(2)) > 0


def test_a_model_without_attention_has_no_heads():
    assert count_heads(transformers.MambaConfig()) == 0
