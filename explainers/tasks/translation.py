"""Translation, and any other task that turns a source into a target: summaries, answers, corrections."""

from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import list_params
from ..request import ValidRequest
from ..results.explanation import Prediction
from .base import Example, Field, Task
from .generation.decoding import GenerationParams
from .generation.languages import LanguageParams, Languages, set_languages
from .generation.problem import make_prediction, make_problem
from .generation.prompts import PREFIX, SOURCE, TARGET, WITHOUT, Prompt, encode_source
from .generation.sequences import add_prefix


class Translation(Task):
    """Each generated token of the target is explained by the source and the target before it."""

    key = "translation"
    auto_class = "AutoModelForSeq2SeqLM"
    kind = "generation"
    label = "Translation"
    question = "Which words of the source, and of the target so far, made the model generate each word?"
    fields = (
        Field(SOURCE, "Source", "Type or paste the text to translate."),
        Field(TARGET, "Target", "Leave this empty to let the model generate it.", optional=True),
        Field(PREFIX, "The target begins with", "The model continues these words.", optional=True, aside=True),
        Field(WITHOUT, "Source without its context", "To measure what the context adds.", optional=True, aside=True),
    )
    examples = tuple(
        Example(label, ((SOURCE, text),))
        for label, text in (
            ("A doctor", "O bir doktor."),
            ("A teacher", "O bir öğretmen."),
            ("A book", "Bu kitabı dün okudum."),
            ("Tomorrow", "Yarın geri geleceğim."),
        )
    )
    method = "input_x_gradient"
    choices, foils = "all", "text"
    params = (*list_params(GenerationParams), *list_params(LanguageParams))

    def encode(self, bundle: Bundle, request: ValidRequest, run: Run) -> Problem:
        texts = self.texts(request)
        with set_languages(bundle, request) as languages:
            without = encode_source(bundle, texts[WITHOUT], languages) if texts[WITHOUT].strip() else None
            return make_problem(bundle, request, run, _encode_prompt(bundle, request, texts, languages), without)

    def predict(self, bundle: Bundle, request: ValidRequest) -> Prediction:
        with set_languages(bundle, request) as languages:
            return make_prediction(bundle, request, _encode_prompt(bundle, request, self.texts(request), languages))


def _encode_prompt(bundle: Bundle, request: ValidRequest, texts: dict[str, str], languages: Languages) -> Prompt:
    """Encode the source, and the first words of the target if they are given."""
    space = request.read(GenerationParams).space_before
    return add_prefix(bundle, encode_source(bundle, texts[SOURCE], languages), texts[PREFIX], space)
