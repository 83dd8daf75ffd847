"""leadloop for a dbt project that is there: what ``leadloop init --into`` adds to it, and that it changes nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from connector import crm, scaffold
from connector.errors import ConfigError, LeadloopError
from connector.scaffold import Scaffold
from connector.texts import listed
from connector.warehouse import dbt, models
from connector.warehouse.engines import ENGINES, of_profile

GITIGNORE = "secrets.toml\n"
PACKAGES_FILES = ("packages.yml", "dependencies.yml")
PROJECT_FILE = "dbt_project.yml"
_MODEL_PATHS = re.compile(r"^model-paths: *\[ *['\"]?([^'\",\]]+)", re.MULTILINE)
_PACKAGES = re.compile(r"^packages: *(?:\[ *\] *)?(?:#[^\n]*)?\n", re.MULTILINE)
_ITEM = re.compile(r"^( *)- ", re.MULTILINE)
_VARS = re.compile(r"^vars: *(?:\{ *\} *)?(#[^\n]*)?\n", re.MULTILINE)
_VARIABLE = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*( +)[^\s#]")
_READ = re.compile(r"^( *leadloop_read: *\[)([^\]\n]*)\]", re.MULTILINE)


def add(project: Path, crm_name: str = crm.DEFAULT, account: str | None = None) -> Scaffold:
    """Adds settings, the dbt package and a push to the dbt project in this folder; a file that is there keeps all that it has.

    ``ConfigError`` where there is no project. The warehouse is the one that dbt's profile names.
    """
    vendor = scaffold.vendor_of(crm_name, account)
    if not (project / PROJECT_FILE).is_file():
        raise ConfigError(
            f"{project} is no dbt project: it has no {PROJECT_FILE}.",
            "Name the folder of your dbt project, or write a new one: leadloop init",
        )
    words = scaffold.words(scaffold.project_name(project), vendor)
    if _models_called(project, words["tiers"]):
        words["tiers"] = "leadloop_tiers"
    work = _Work(project)
    work.append(".dlt/config.toml", f"[crm.{vendor.name}]", Template(scaffold.CRM).substitute(words))
    work.append(".dlt/secrets.toml", f"[crm.{vendor.name}]", Template(scaffold.SECRETS).substitute(words))
    work.write(".dlt/.gitignore", GITIGNORE)
    _add_package(work)
    remark = _add_source(work, vendor.kind)
    for path, text in scaffold.MODELS.items():
        below = f"{_models_folder(project)}/leadloop/{Template(path).substitute(words)}"
        work.write(below, Template(text).substitute(words))
    dbt.link_package(project, models.packaged_project())
    remark = " ".join(filter(None, (remark, _add_warehouse(work, project, words))))
    return Scaffold(project, tuple(work.written), tuple(work.kept), tuple(work.changed), remark)


class _Work:
    """Writes files, and remembers what it did to each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: list[str] = []
        self.changed: list[str] = []
        self.kept: list[str] = []

    def text(self, path: str) -> str | None:
        file = self._folder / path
        try:
            return file.read_text(encoding="utf-8") if file.exists() else None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} can't be read: {error}.") from None

    def write(self, path: str, text: str) -> None:
        """A file that was not there."""
        if self.text(path) is not None:
            self._did(self.kept, path)
            return
        scaffold.write_file(self._folder / path, text)
        self._did(self.written, path)

    def change(self, path: str, text: str) -> None:
        (self._folder / path).write_text(text, encoding="utf-8")
        self._did(self.changed, path)

    def append(self, path: str, heading: str, text: str) -> None:
        """Adds a table to a TOML file, unless it has it."""
        there = self.text(path)
        if there is None:
            self.write(path, text)
        elif re.search(rf"^\s*{re.escape(heading)}", there, re.MULTILINE):
            self._did(self.kept, path)
        else:
            self.change(path, f"{there.rstrip()}\n\n{text}")

    def _did(self, what: list[str], path: str) -> None:
        """Each file once, by the most that was done to it."""
        if path in self.written or path in self.changed:
            return
        if path in self.kept:
            self.kept.remove(path)
        what.append(path)


def _add_package(work: _Work) -> None:
    """Into the file that names packages, after the line that begins them; else into a new ``packages.yml``."""
    for path in PACKAGES_FILES:
        text = work.text(path)
        if text is None or (path == "dependencies.yml" and not _PACKAGES.search(text)):
            continue
        if re.search(r"leadloop|LEADLOOP_DBT_PACKAGE", text):
            work.write(path, "")
            return
        found = _PACKAGES.search(text if text.endswith("\n") else f"{text}\n")
        if found is None:
            if text.strip():
                raise ConfigError(
                    f"{path} names no packages in a way that leadloop can add to.",
                    f"Add these lines to it yourself:\n\npackages:\n{scaffold.PACKAGE}",
                )
            work.change(path, f"packages:\n{scaffold.PACKAGE}")
            return
        text = text if text.endswith("\n") else f"{text}\n"
        item = _ITEM.search(text, found.end())
        indent = item[1] if item else "  "
        line = f"{indent}{scaffold.PACKAGE.strip()}\n"
        work.change(path, f"{text[: found.start()]}packages:\n{line}{text[found.end() :]}")
        return
    work.write("packages.yml", f"packages:\n{scaffold.PACKAGE}")


def _add_source(work: _Work, kind: str) -> str:
    """The CRM's raw tables as sources of the project: into ``leadloop_read`` among its variables, where the others are not.

    Returns the line to add for a file that is laid out in another way. What the models read does not depend on it.
    """
    text = work.text(PROJECT_FILE) or ""
    text = text if text.endswith("\n") else f"{text}\n"
    if read := _READ.search(text):
        named = [name.strip(" '\"") for name in read[2].split(",") if name.strip()]
        if kind in named:
            work.write(PROJECT_FILE, "")
        else:
            line = f"{read[1]}{', '.join([*named, kind])}]"
            work.change(PROJECT_FILE, text[: read.start()] + line + text[read.end() :])
        return ""
    found = _VARS.search(text)
    if "leadloop_read" in text or (found is None and re.search(r"^vars\b", text, re.MULTILINE)):
        return f"Add {kind} to the list leadloop_read in the vars of {PROJECT_FILE}, so that dbt shows its raw tables."
    if found is None:
        work.change(PROJECT_FILE, f"{text}vars:\n  leadloop_read: [{kind}]\n")
        return ""
    variable = _VARIABLE.match(text, found.end())
    indent = variable[1] if variable else "  "
    begun = "vars:" + (f" {found[1]}" if found[1] else "")
    line = f"{indent}leadloop_read: [{kind}]"
    work.change(PROJECT_FILE, f"{text[: found.start()]}{begun}\n{line}\n{text[found.end() :]}")
    return ""


def _add_warehouse(work: _Work, project: Path, words: Mapping[str, str]) -> str:
    """The settings of the warehouse that dbt's profile names. Returns what dbt says where it can't read the project."""
    remark = ""
    found: Any = None
    try:
        found = models.credentials(project)
    except LeadloopError as error:
        remark = f"{error} Until then the warehouse in .dlt/config.toml is a guess."
    engine = of_profile(found) if found else next(iter(ENGINES.values()))
    if engine is None:
        return f"dbt's profile is for {found.type}, and leadloop knows {listed(list(ENGINES))}: set warehouse.destination."
    address, secret = engine.as_toml(found)
    given = {**words, "engine": engine.name, "address": address}
    work.append(".dlt/config.toml", "[warehouse]", Template(scaffold.WAREHOUSE).substitute(given))
    if secret:
        work.append(".dlt/secrets.toml", secret.partition("\n")[0], secret)
    return remark


def _models_folder(project: Path) -> str:
    found = _MODEL_PATHS.search((project / PROJECT_FILE).read_text(encoding="utf-8"))
    return found[1].strip() if found else "models"


def _models_called(project: Path, name: str) -> list[Path]:
    folder = project / _models_folder(project)
    return [path for path in folder.rglob(f"{name}.*") if path.parent != folder / "leadloop"]
