"""The languages of a translator of many: NLLB, M2M100, mBART and their kin take them as codes of their tokenizer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from ...errors import BadRequest
from ...models.loading import Bundle
from ...request import ValidRequest

# fra_Latn (NLLB), fr_XX (mBART), __fr__ and __fra__ (M2M100, SeamlessM4T)
CODE = re.compile(r"[a-z]{2,3}_[A-Z][A-Za-z]{1,3}|__([a-z]{2,3})__")
MULTILINGUAL = ("m2m_100", "mbart", "nllb-moe", "plbart", "seamless_m4t", "seamless_m4t_v2")  # in a config's words
SHOWN = 8  # codes in an error


@dataclass(frozen=True, kw_only=True)
class LanguageParams:
    """The settings that only translation has."""

    source_language: Annotated[
        str, "For a model of many languages: the code of the source's, as its tokenizer has it, such as eng_Latn."
    ] = ""
    target_language: Annotated[
        str, "For a model of many languages: the code of the one to translate into, such as fra_Latn."
    ] = ""


@dataclass(frozen=True)
class Languages:
    """The id that the target begins with, None for what the model's own settings say, and notices."""

    forced_id: int | None
    notices: tuple[str, ...]


@contextmanager
def set_languages(bundle: Bundle, request: ValidRequest) -> Iterator[Languages]:
    """Read the source in the request's language inside this context. Call under the model's lock.

    As transformers' translation does it: `src_lang` of the tokenizer, which is restored, and `forced_bos_token_id`.
    Raises BadRequest for a language that the model does not know.
    """
    params, tokenizer = request.read(LanguageParams), bundle.tokenizer
    source, target = params.source_language.strip(), params.target_language.strip()
    codes = list_languages(tokenizer)
    reads_languages = isinstance(getattr(type(tokenizer), "src_lang", None), property)
    if source and not reads_languages:
        raise BadRequest(
            f"The tokenizer of {bundle.card.label} has no source language to set. Leave Source language empty."
        )
    forced = codes[_find_code(bundle, codes, target, "Target")] if target else None
    notices = _describe_missing(bundle, codes, source, target, reads_languages)
    if not source:
        yield Languages(forced, notices)
        return
    before = tokenizer.src_lang
    try:
        tokenizer.src_lang = _find_code(bundle, codes, source, "Source")
        yield Languages(forced, notices)
    finally:
        tokenizer.src_lang = before


def list_languages(tokenizer: Any) -> dict[str, int]:
    """List the codes of a tokenizer's languages with the ids of their tokens, none for a tokenizer without."""
    if own := getattr(tokenizer, "lang_code_to_id", None):
        return dict(own)
    added = tokenizer.get_added_vocab()
    return {match[1] or token: added[token] for token in added if (match := CODE.fullmatch(token))}


def _find_code(bundle: Bundle, codes: dict[str, int], wanted: str, which: str) -> str:
    """Return the tokenizer's own form of a language's code, which may be given with its underscores."""
    for code in (wanted, wanted.strip("_"), f"__{wanted}__"):
        if code in codes:
            return code
    if not codes:
        raise BadRequest(f"{bundle.card.label} has no languages to choose from. Leave {which} language empty.")
    near = get_close_matches(wanted, codes, n=SHOWN, cutoff=0.4) or sorted(codes)[:SHOWN]
    raise BadRequest(
        f"{which} language cannot be {wanted[:40]!r}. {bundle.card.label} knows {len(codes)} codes, such as "
        f"{', '.join(near)}."
    )


def _describe_missing(
    bundle: Bundle, codes: dict[str, int], source: str, target: str, reads_languages: bool
) -> tuple[str, ...]:
    """Return a notice for each language that a model of many is not told."""
    if not codes and bundle.model.config.model_type not in MULTILINGUAL:
        return ()
    generation, notices = bundle.model.generation_config, []
    told = generation.forced_bos_token_id is not None or generation.decoder_start_token_id in codes.values()
    if not target and not told:
        example = f", such as {sorted(codes)[0]}" if codes else " to a code of its tokenizer"
        notices.append(f"No target language is set, so the model chooses one itself. Set Target language{example}.")
    if not source and reads_languages:
        notices.append(f"The source is read as {bundle.tokenizer.src_lang}. Set Source language if it is another.")
    return tuple(notices)
