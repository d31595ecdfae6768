"""Token ids that tokenizer and model do not share: a model's table may be larger than its tokenizer, or smaller."""

from collections.abc import Iterable
from typing import Any

from ...errors import Incompatible
from ...models.loading import Bundle

ADVICE = "Leave it out, or give the model its own tokenizer."


def name_token(tokenizer: Any, token: int) -> str:
    """Return the name of a token as the tokenizer has it, or its number if the tokenizer has none."""
    return _find_name(tokenizer, token) or f"[{token}]"


def is_special(tokenizer: Any, token: int) -> bool:
    """Return whether a token stands for no text: a special one, or a row that only fills up the model's table."""
    return token in tokenizer.all_special_ids or _find_name(tokenizer, token) is None


def check_rows(bundle: Bundle, ids: Iterable[int], *, generated: bool = False, advice: str = ADVICE) -> None:
    """Raise Incompatible for a token without a row in the embedding table that reads it.

    The table is that of the prompt, or of the `generated` text if a decoder has another.
    """
    module = (bundle.embeddings.decoder if generated else None) or bundle.embeddings.word
    if count := len(getattr(module, "weight", ())):
        check_count(bundle, ids, count, advice)


def check_count(bundle: Bundle, ids: Iterable[int], count: int, advice: str = ADVICE) -> None:
    """Raise Incompatible for a token that is not among the first `count`, which the model knows."""
    if (missing := next((token for token in ids if token >= count), None)) is not None:
        raise Incompatible(
            f"{bundle.card.label} has no row for the token {name_token(bundle.tokenizer, missing)!r}: its id is "
            f"{missing:,}, and the model has {count:,} rows. {advice}"
        )


def _find_name(tokenizer: Any, token: int) -> str | None:
    name = tokenizer.convert_ids_to_tokens(token)
    return None if name is None else str(name)
