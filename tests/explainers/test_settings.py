"""The settings of a server: two profiles, one variable per limit, and an error for every invalid value."""

import os
from dataclasses import fields
from pathlib import Path

import pytest

from explainers.errors import BadRequest
from explainers.settings import PROFILES, Settings, read_settings

VARIABLES = [field.name for field in fields(Settings)[1:]]
NUMBERS = [name for name in VARIABLES if type(getattr(Settings(), name)) is int]


def test_the_local_profile_is_the_default():
    assert read_settings({}) == read_settings({"WHEREFORE_PROFILE": "local"}) == Settings() == PROFILES["local"]
    assert read_settings({"PATH": "/bin", "SECONDS": "3", "wherefore_seconds": "3"}) == Settings()


def test_the_public_profile_offers_only_the_catalogue_and_has_smaller_limits():
    local, public = read_settings({}), read_settings({"WHEREFORE_PROFILE": "public"})
    assert (public.profile, public.any_model, public.threads) == ("public", False, 1)
    for name in set(NUMBERS) - {"threads"}:
        assert 0 < getattr(public, name) < getattr(local, name)


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("name", NUMBERS)
def test_each_limit_has_its_variable_and_changes_nothing_else(profile, name):
    found = read_settings({"WHEREFORE_PROFILE": profile, f"WHEREFORE_{name.upper()}": "12345"})
    assert getattr(found, name) == 12345
    assert [other for other in VARIABLES if getattr(found, other) != getattr(PROFILES[profile], other)] == [name]


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_any_model_is_true_or_false(text, value):
    assert read_settings({"WHEREFORE_PROFILE": "public", "WHEREFORE_ANY_MODEL": text}).any_model is value


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "many", " 7", "0x10", "true", "1_000"])
def test_a_value_that_is_not_a_whole_number_is_refused_with_its_variable(name, text):
    with pytest.raises(BadRequest) as caught:
        read_settings({f"WHEREFORE_{name.upper()}": text})
    assert str(caught.value) == f"WHEREFORE_{name.upper()} is {text!r}. Give a whole number."


@pytest.mark.parametrize("text", ["", "True", "yes", "1", "0"])
def test_a_value_that_is_neither_true_nor_false_is_refused_with_its_variable(text):
    with pytest.raises(BadRequest, match=f"WHEREFORE_ANY_MODEL is '{text}'. Give true or false."):
        read_settings({"WHEREFORE_ANY_MODEL": text})


@pytest.mark.parametrize("profile", ["", "Public", "production"])
def test_an_unknown_profile_is_refused_with_the_known_ones(profile):
    with pytest.raises(BadRequest, match=f"WHEREFORE_PROFILE is '{profile}'. Give local or public."):
        read_settings({"WHEREFORE_PROFILE": profile})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("WHEREFORE_MODEL_MEGABYTE", "WHEREFORE_MODEL_MEGABYTES"),
        ("WHEREFORE_MODELS_MEGABYTES", "WHEREFORE_MODEL_MEGABYTES"),
        ("WHEREFORE_PROFIL", "WHEREFORE_PROFILE"),
        ("WHEREFORE_ANYMODEL", "WHEREFORE_ANY_MODEL"),
        ("WHEREFORE_THREAD", "WHEREFORE_THREADS"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_most_similar_one(name, nearest):
    with pytest.raises(BadRequest, match=f"^There is no setting {name}. Did you mean {nearest}\\?$"):
        read_settings({"WHEREFORE_PROFILE": "public", name: "1"})


def test_a_variable_unlike_any_other_is_refused_with_a_known_one():
    with pytest.raises(BadRequest, match=r"There is no setting WHEREFORE_ẞ9. Did you mean WHEREFORE_[A-Z_]+\?"):
        read_settings({"WHEREFORE_ẞ9": ""})


def test_the_cache_folder_is_the_configured_one_or_the_users(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert read_settings({}).cache_path == Path("/home/ada/.cache/wherefore")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert read_settings({}).cache_path == Path("/var/cache/wherefore")
    assert read_settings({"WHEREFORE_CACHE_FOLDER": "/data"}).cache_path == Path("/data")
    assert read_settings({"WHEREFORE_CACHE_FOLDER": "~/data"}).cache_path == Path("/home/ada/data")


@pytest.mark.parametrize(
    ("cores", "threads", "each", "slots"), [(8, 0, 8, 1), (8, 1, 1, 8), (8, 3, 3, 2), (2, 4, 4, 1), (1, 0, 1, 1)]
)
def test_slots_are_cores_divided_by_threads_and_at_least_one(monkeypatch, cores, threads, each, slots):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    found = read_settings({"WHEREFORE_THREADS": str(threads)})
    assert (found.cores, found.threads_each, found.slots) == (cores, each, slots)


def test_without_cpu_affinity_the_cores_are_counted(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for count, cores in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert read_settings({}).cores == cores
