"""The shape of the code: who may import whom, and how long a file may be."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "explainers"
# A file imports only from lines above its own; files of one line never import each other.
LEVELS = [
    set(names.split())
    for names in (
        "errors generation.professions generation.swap",
        "links",
        "request",
        "data card showcases",
        "hub_cards generation.dropout faithfulness edits",
        "generation.alignment generation.steps settings catalogue conversions method gate chance problem readout"
        " anatomy registry vocabulary wheels",
        "folders attention metric pieces pictures views.palette views.text",
        "hub capability generation.result knobs trial",
        "sources metrics.aopc metrics.infidelity metrics.leave_one_out",
        "loading metrics views.segments difference generation.grouping views.maps views.regions views.verdict"
        " checked_file views.gaps",
        "checking encoding imaging eyes presence views.cards views.drawings views.entities views.meter views.sentence"
        " views.quote views.spans views.telling views.table",
        "task inside generation.openings wording",
        "hearing",
        "textual opponent comparison rewriting generation.writing views.bars views.curves views.generation"
        " views.reliance views.swaps views.matrix views.computed views.images",
        "views.image_page views.agreement views.ranking answers entities windows classification generation.drafts"
        " views.crosstab views.rewriting masks views.diff tactic",
        "generation.problem views.generation_page views.heads siege attacks.greedy views.attack",
        "export views.sanity views.path hypotheses tasks.fill_mask tasks.text_classification tasks.pair_classification",
        "tasks.multi_label_classification tasks.zero_shot_classification tasks.image_classification"
        " methods.captum_adapter",
        "tasks.question_answering tasks.token_classification methods.gradients methods.integrated_gradients",
        "methods.layer_integrated_gradients methods.noise_tunnel methods.occlusion methods.grad_cam",
        "methods.attention methods.layer_gradient tasks.text_generation tasks.translation",
        "methods.smooth_grad methods.gradient_shap methods.lime methods.shapley methods.allennlp",
        "methods.sequential_integrated_gradients methods.discretized_integrated_gradients",
        "attacks.hotflip attacks.input_reduction attacks.random_swap",
        "tasks methods attacks standalone",
        "engine variants",
        "backend sanity generation.context heads generation.swapping classic.session commands.terminal commands.sheet",
        "commands.verb",
        "commands.fetching commands.files commands.explaining commands.attacking",
        "commands.evaluating",
        "commands.asking",
        "commands.arguments",
        "commands",
        "__main__",
        "classic.classifier",
        "classic.sequence_classification classic.pair_classification classic.multi_label_classification",
        "classic.zero_shot_classification classic.token_classification classic.image_classification",
        "classic.question_answering",
        "classic",
    )
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
FREE = {"", "views", "generation"}  # the public names, and packages that import nothing
SOURCES = sorted(
    path for folder in ("explainers", "pages", "tests", "bench", "training") for path in ROOT.glob(f"{folder}/**/*.py")
)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def imported(path: Path) -> set[str]:
    """The modules that a file imports, ours without the package's name and with a leading dot."""
    package = [*path.relative_to(ROOT).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names} if not node.module else {module}
    return found


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("**/*.py")), ids=name_of)
def test_a_file_of_the_library_imports_only_from_lower_levels(path):
    name = name_of(path)
    if name in FREE:
        return
    ours = {module.removeprefix("explainers.") for module in imported(path) if module.startswith("explainers")}
    assert name in LEVEL, f"{name} has no level yet: add it to LEVELS"
    own = {module for module in ours if module.startswith(f"{name}.")}  # a package gathers its own files
    assert {module for module in ours - own if LEVEL[module] >= LEVEL[name]} == set()


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("**/*.py")), ids=name_of)
def test_no_file_of_the_library_imports_streamlit_and_none_that_draws_or_writes_imports_torch(path):
    roots = {module.split(".")[0] for module in imported(path)}
    assert "streamlit" not in roots
    if name_of(path).split(".")[0] in ("data", "request", "views", "export", "standalone"):
        assert "torch" not in roots


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_at_most_300_lines_and_says_first_what_it_is_for(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_only_the_pages_import_streamlit():
    users = {path for path in SOURCES if "streamlit" in {module.split(".")[0] for module in imported(path)}}
    assert {path.relative_to(ROOT).parts[0] for path in users} <= {"pages", "tests"}
    drawing = ("st.html", "st.plotly_chart", "st.download_button", "st.dataframe")
    drawers = {p.name for p in ROOT.glob("pages/**/*.py") if any(call in p.read_text() for call in drawing)}
    assert drawers == {"drawn.py"}
