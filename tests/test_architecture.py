"""The shape of the code: what may be imported."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "explainers"
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
def test_no_file_of_the_library_imports_streamlit_and_none_that_draws_or_writes_imports_torch(path):
    roots = {module.split(".")[0] for module in imported(path)}
    assert "streamlit" not in roots
    if name_of(path).split(".")[0] in ("data", "request", "views", "export", "standalone"):
        assert "torch" not in roots


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_first_what_it_is_for(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_only_the_pages_import_streamlit():
    users = {path for path in SOURCES if "streamlit" in {module.split(".")[0] for module in imported(path)}}
    assert {path.relative_to(ROOT).parts[0] for path in users} <= {"pages", "tests"}
    drawing = ("st.html", "st.plotly_chart", "st.download_button", "st.dataframe")
    drawers = {p.name for p in ROOT.glob("pages/**/*.py") if any(call in p.read_text() for call in drawing)}
    assert drawers == {"drawn.py"}
