"""Translation, and whatever else turns a source into a target: summaries, answers, corrections.

Knows no method and no page.
"""

from ..data import Prediction
from ..generation.drafts import prefixed
from ..generation.openings import PREFIX, SOURCE, TARGET, WITHOUT, Opening, source
from ..generation.problem import prediction, problem
from ..generation.writing import Writing
from ..models.loading import Bundle
from ..problem import Problem
from ..progress import Run
from ..registry import params_of
from ..request import Request
from ..task import Example, Field, Task


class Translation(Task):
    """Which words of the source and of the target so far made the model write this word?"""

    key = "translation"
    kind = "generation"
    label = "Translation"
    question = "Which words of the source, and of the target so far, made the model write each word?"
    fields = (
        Field(SOURCE, "Source", "Type or paste the text to translate."),
        Field(TARGET, "Target", "Leave this empty and the model writes it.", optional=True),
        Field(PREFIX, "The target begins with", "The model goes on from these words.", optional=True, aside=True),
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
    params = params_of(Writing)

    def encode(self, bundle: Bundle, request: Request, run: Run) -> Problem:
        texts = self.texts(request)
        bare = source(bundle, texts[WITHOUT]) if texts[WITHOUT].strip() else None
        return problem(bundle, request, run, _opening(bundle, texts), bare)

    def predict(self, bundle: Bundle, request: Request) -> Prediction:
        texts = self.texts(request)
        return prediction(bundle, request, _opening(bundle, texts))


def _opening(bundle: Bundle, texts: dict[str, str]) -> Opening:
    return prefixed(bundle, source(bundle, texts[SOURCE]), texts[PREFIX])
