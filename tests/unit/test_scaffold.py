"""What ``leadloop init`` writes for a CRM comes from what the CRM declares."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from connector import config, crm, scaffold
from connector.errors import ConfigError

EVERY_CRM = pytest.mark.parametrize("name", crm.names())


def written(name: str) -> tuple[str, str]:
    """config.toml and secrets.toml."""
    files = scaffold.files("mine", crm.vendor(name))
    return files[".dlt/config.toml"], files[".dlt/secrets.toml"]


def section(text: str, name: str) -> str:
    """The settings of the CRM, whether or not they stand behind ``#``."""
    return text.partition(f"[crm.{name}]")[2].partition("\n[")[0]


def uncommented(text: str) -> str:
    """As somebody leaves it who takes the ``#`` from every setting."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)


@EVERY_CRM
def test_every_setting_is_there_and_every_secret_in_the_private_file(name: str) -> None:
    settings, secrets = written(name)
    found = {
        spec.name: (secret, default)
        for spec in fields(crm.vendor(name).settings_class)
        for secret, text in ((False, settings), (True, secrets))
        if re.search(rf"^(# )?{spec.name} = ", section(text, name), re.MULTILINE)
        for default in [re.search(rf"^# {spec.name} = ", text, re.MULTILINE) is not None]
    }
    assert found == {
        spec.name: (spec.metadata["secret"], not config.is_required(spec))
        for spec in fields(crm.vendor(name).settings_class)
    }


@EVERY_CRM
def test_what_stands_behind_a_comment_is_the_default(name: str) -> None:
    """Whoever takes away every # changes nothing."""
    settings, secrets = (tomllib.loads(uncommented(text))["crm"][name] for text in written(name))
    declared: Any = crm.vendor(name).settings_class
    for spec in fields(declared):
        given = {**settings, **secrets}[spec.name]
        if config.is_required(spec):
            assert given == ""
        elif given != "":
            assert spec.metadata["parse"](given) == config.default(spec)
        else:
            assert config.default(spec) is None


@EVERY_CRM
def test_the_push_sets_a_field_that_it_may_set(name: str) -> None:
    vendor = crm.vendor(name)
    push = scaffold.files("mine", vendor)[f"dbt_models/models/pushes/tiers_to_{name}.sql"]
    (field,) = re.findall(r"fields = \{'(.+?)': 'tier'\}", push)
    vendor.capabilities.check_protected([field])
    assert f"crm = '{name}'" in push


def test_without_a_name_it_is_the_first_crm(tmp_path: Path) -> None:
    scaffold.write(tmp_path)
    assert f"[crm.{crm.DEFAULT}]" in (tmp_path / ".dlt/config.toml").read_text()


def test_nothing_is_written_for_a_crm_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No CRM named 'leadsquare'"):
        scaffold.write(tmp_path / "new", "leadsquare")
    assert not (tmp_path / "new").exists()


def test_a_crm_whose_section_is_empty_is_the_one_that_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh project of LeadSquared isn't told what Convoso lacks."""
    monkeypatch.chdir(tmp_path)
    config.reload()
    assert crm.registry.begun() == [crm.DEFAULT]
    scaffold.write(tmp_path, "leadsquared")
    config.reload()
    assert crm.registry.begun() == ["leadsquared"]
