"""The order of imports: a module imports its own package, or one left of its bar, however far the imports lead."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = (
    "errors | progress | settings registry | request | inputs | results models | problem visualization"
    " | methods tasks export | attacks evaluation | engine | analyses serving cli classic"
)
RANK = {name: rank for rank, bar in enumerate(ORDER.split("|")) for name in bar.split()}
PUBLIC = {"explainers", "explainers.__main__"}  # they gather the public names
ALIASES = {"explainers.loading": "models"}  # a public address of a module that lives elsewhere
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.glob("explainers/**/*.py"))
}


def package_of(module: str) -> str:
    return ALIASES.get(module) or module.split(".")[1]


@cache
def imported(module: str) -> frozenset[str]:
    """The modules that a module imports, with the packages that Python imports on the way to each."""
    path, found = MODULES[module], set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names} & MODULES.keys()
    above = {".".join(name.split(".")[:end]) for name in found for end in range(1, name.count(".") + 1)}
    return frozenset((found | above) - {"explainers", module})


@cache
def closure(module: str) -> frozenset[str]:
    """All modules that importing this one imports."""
    seen, left = set(), [module]
    while left:
        new = imported(left.pop()) - seen
        seen |= new
        left += [name for name in new if name in MODULES]
    return frozenset(seen)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - PUBLIC))
def test_a_module_reaches_its_own_package_and_those_left_of_its_bar(module):
    own = package_of(module)
    others = {name for name in closure(module) & MODULES.keys() if package_of(name) != own}
    assert {name for name in others if RANK[package_of(name)] >= RANK[own]} == set()


@pytest.mark.parametrize("module", sorted(MODULES.keys() - PUBLIC))
def test_what_is_drawn_or_saved_reaches_no_torch_and_the_library_reaches_no_streamlit(module):
    reached = {name.split(".")[0] for name in closure(module)}
    assert "streamlit" not in reached
    if package_of(module) in ("results", "visualization", "export"):
        assert "torch" not in reached


def test_only_pages_import_streamlit_and_only_their_html_module_draws():
    sources = {p: p.read_text("utf-8") for name in ("pages", "bench", "training") for p in ROOT.glob(f"{name}/**/*.py")}
    drawing = ("st.html", "st.plotly_chart", "st.download_button", "st.dataframe")
    assert {p.relative_to(ROOT).parts[0] for p, text in sources.items() if "import streamlit" in text} == {"pages"}
    assert {p.name for p, text in sources.items() if any(call in text for call in drawing)} == {"html.py"}
