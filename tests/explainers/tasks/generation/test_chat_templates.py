"""Messages are found in a chat where the template puts them; what a template refuses is said in plain words."""

import copy

import pytest

from explainers import Bundle, Request, explain
from explainers.errors import BadRequest, Incompatible, LimitReached
from explainers.tasks.generation.chat_templates import render_chat
from explainers.visualization.text.generation_html import render_view
from tests.support.generation_models import bundle_of

LOOP = "{% for m in messages %}"
PLAIN = LOOP + "<s>{{ m['role'] }} {{ m['content'] }}</s>{% endfor %}<s>assistant "
OWN_WORDS = "you are a helpful assistant. the user says: " + PLAIN
BEHIND = (
    LOOP + "{% if m['role'] == 'user' %}{{ m['content'] }} {% endif %}{% endfor %}{{ messages[0]['content'] }} [model]"
)
TWICE = LOOP + "{{ m['content'] }} again: {{ m['content'] }}\n{% endfor %}"
BREAKS = LOOP + "[{{ m['role'] }}]\n\n{{ m['content'] | trim }}\n{% endfor %}"
PARTS = LOOP + "<s>{% for c in m['content'] %}{{ c['text'] }}{% endfor %}</s>{% endfor %}"
NEEDS_PARTS = LOOP + "<s>{{ m['content'][0]['text'].strip() }}</s>{% endfor %}"
NO_SYSTEM = (
    LOOP + "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "[{{ m['role'] }}] {{ m['content'] }} {% endfor %}[model]"
)
TEMPLATES = [PLAIN, OWN_WORDS, BEHIND, TWICE, BREAKS, PARTS, NEEDS_PARTS]


def chatty(template, kind="llama"):
    bundle = bundle_of(kind)
    tokenizer = copy.deepcopy(bundle.tokenizer)
    tokenizer.chat_template = template
    return Bundle.of(bundle.model, tokenizer)


def ask(bundle, prompt, system="", **params):
    inputs = {"prompt": prompt, "continuation": "the waiter"} | ({"system": system} if system else {})
    return explain(
        Request("text_generation", "tiny", inputs, "saliency", params={"chat": True} | params), bundle=bundle
    )


def read(explanation, field):
    """Return what the tokens of an input stand for, in their order; ▁ stands for the letter after it, too."""
    text = explanation.source_texts[field]
    spans = [(f.start, f.end) for f in explanation.features if f.field == field and not f.special]
    return "".join(text[slice(*span)] for span, after in zip(spans, [*spans[1:], None], strict=True) if span != after)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_message_is_found_where_the_template_puts_it_and_all_else_is_special(template, kind):
    bundle, times = chatty(template, kind), 2 if template == TWICE else 1
    for prompt, system in (
        ("user", "assistant"),
        ("you are", "user"),
        ("an a", "an a"),
        (" the soup\n", "\n be kind "),
    ):
        explanation = ask(bundle, prompt, system)
        assert read(explanation, "prompt") == prompt.strip().replace(" ", "") * times
        assert read(explanation, "system") == system.strip().replace(" ", "") * times
        chat, messages = render_chat(bundle.tokenizer, "x", {"system": system, "user": prompt})
        ids = bundle.tokenizer(chat, add_special_tokens=False)["input_ids"]
        assert len(ids) + len(explanation.targets) == len(explanation.features)
        assert render_view(explanation)
        for message in messages:
            text = {"system": system, "user": prompt}[message.role]
            assert text[message.offset :].startswith(chat[message.start : message.end])


def test_the_templates_line_break_beside_a_message_is_special():
    explanation = ask(chatty(BREAKS, "gpt2"), "\nthe soup")
    before, first = next((explanation.features[i - 1], f) for i, f in enumerate(explanation.features) if not f.special)
    assert (first.text, first.start) == ("t", 1)
    assert before.special


def test_a_message_that_looks_like_a_mark_is_found():
    prompt = "the \ue000soup\ue001"
    assert read(ask(chatty(PLAIN, "gpt2"), prompt), "prompt") == prompt.replace(" ", "")


@pytest.mark.parametrize(
    ("template", "error", "why"),
    [
        (NO_SYSTEM, BadRequest, "refuses this chat: System role not supported. Leave the system prompt empty"),
        ({"tool_use": PLAIN, "rag": PLAIN}, Incompatible, r"several chat templates \(rag, tool_use\)"),
        (LOOP + "{{ m['content'] }", Incompatible, r"cannot be read: unexpected '}' \(line 1\)"),
        (LOOP + "{{ m['content'] | upper }}{% endfor %}", BadRequest, "changes the system or the user message"),
        ("{{ messages[-1]['content'] }}", BadRequest, "changes the system or the user message, or leaves it out"),
        (PLAIN + "{{ place.name }}", BadRequest, "refuses this chat: 'place' is undefined"),
        (PLAIN + "{{ documents[0].title }}", BadRequest, "refuses this chat: None has no element 0"),
        ("{{ messages[0]['content'] + 1 }}", BadRequest, "refuses this chat: TypeError"),
        (PLAIN + "{{ 'a' * 300000 }}", LimitReached, "adds more than 200,000 characters"),
    ],
)
def test_a_template_that_cannot_be_used_is_named_with_its_reason(template, error, why):
    with pytest.raises(error, match=why):
        ask(chatty(template), "where is the soup", "be kind")


def test_a_template_without_a_system_role_takes_a_message_alone():
    assert read(ask(chatty(NO_SYSTEM), "where is the soup"), "prompt") == "whereisthesoup"


def test_the_default_of_several_templates_is_used():
    assert read(ask(chatty({"default": PLAIN, "rag": NO_SYSTEM}), "soup", "be kind"), "prompt") == "soup"
