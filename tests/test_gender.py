"""The benchmark of gender prints the bundled translator's probabilities for each profession."""

from bench import gender
from bench.gender import format_range, names_profession
from explainers import Request, predict
from explainers.results.substitution import Substitution


def test_the_table_has_the_models_own_probabilities_for_each_profession(monkeypatch):
    monkeypatch.setattr(gender, "PROFESSIONS", {"lawyer": "avukat", "nurse": "hemşire"})
    printed = gender.make_report("tr-en", "O bir {}.")
    lines = {cells[2]: cells for row in printed.splitlines()[4:] if (cells := [c.strip() for c in row.split("|")])[1:]}
    assert set(lines) == {"avukat", "hemşire"}
    said = predict(Request("translation", "tr-en", {"source": "O bir avukat."}))
    he = next(other.probability for other in said.alternatives[0] if other.label == "He")
    assert lines["avukat"][3] == f"{100 * he:.0f} %"
    assert lines["avukat"][6:8] == ["yes", said.text]
    assert "with 2 professions" in printed


def test_a_profession_is_known_if_the_translation_contains_it_and_the_range_is_of_both_shares():
    assert names_profession("cook", Substitution("aşçı", 0.1, 0.1, "He's a Cook."))
    assert not names_profession("cook", Substitution("aşçı", 0.1, 0.1, "It's a book."))
    assert format_range([Substitution("a", 0.1, 0.3, ""), Substitution("b", 0.3, 0.1, "")]) == "25 % to 75 %"
    assert format_range([]) == "nothing"
