"""What the dbt package offers to other projects: each public macro alone in its file, told in a header and to ``dbt docs``."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MACROS = ROOT / "dbt_models/macros"
PUBLIC = sorted(path.stem for path in MACROS.glob("*.sql"))
"""Those that lie in ``macros/`` itself. In the folders below are the inner ones, which change from one day to the next."""
DEFINED = re.compile(r"{%-? macro (\w+)\((.*?)\) -?%}", re.DOTALL)
REQUIRED = object()


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def defined(path: Path) -> dict[str, list[str]]:
    """Name -> parameters of each macro in a file; ``kwargs`` is one where the macro takes whatever is named."""
    found = {}
    for name, parameters in DEFINED.findall(text(path)):
        names = [each.partition("=")[0].strip() for each in parameters.split(",") if each.strip()]
        found[name] = names + (["kwargs"] if "kwargs" in text(path) else [])
    return found


def described(name: str) -> dict[str, Any]:
    """What ``dbt docs`` says of a macro; its file has nothing else."""
    (found,) = yaml.safe_load(text(MACROS / f"{name}.yml"))["macros"]
    assert found["name"] == name
    return dict(found)


def push_defaults() -> dict[str, Any]:
    """Option of a push -> its default, as push/options.sql completes what was given; ``REQUIRED``: it has to be given."""
    returned = re.search(
        r"macro push_defaults\(\).*?return\((\{.*?\})\)", text(MACROS / "push/options.sql"), re.DOTALL
    )
    assert returned
    found = ast.literal_eval(re.sub(r"\bnone\b(?!')", "None", returned[1]))
    return {name: REQUIRED if name in ("crm", "key", "fields") else value for name, value in found.items()}


def called(source: str) -> set[str]:
    return set(re.findall(r"leadloop\.(\w+)\(", source))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_macro_stands_alone_under_its_own_name(name: str) -> None:
    """One macro to a file, after a header that says what it is and shows a call of it."""
    assert list(defined(MACROS / f"{name}.sql")) == [name]
    header, _, _ = text(MACROS / f"{name}.sql").partition("#}")
    assert header.startswith("{# ")
    assert name in called(header)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_macro_has_its_page_in_dbt_docs(name: str) -> None:
    """A description with an example that dbt doesn't run, and each argument of the signature with its type and meaning."""
    macro = described(name)
    example = re.search(r"{% raw %}(.*){% endraw %}", macro["description"], re.DOTALL)
    assert example
    assert name in called(example[1])
    assert all(each["type"] and each["description"] for each in macro["arguments"])
    taken = defined(MACROS / f"{name}.sql")[name]
    if "kwargs" in taken:
        assert name == "push"
        taken = [each for each in taken if each != "kwargs"] + list(push_defaults())
    assert sorted(each["name"] for each in macro["arguments"]) == sorted(taken)


def test_every_option_of_a_push_is_told_with_its_default() -> None:
    """In ``dbt docs`` at the end of its meaning, and in the header on a line of its own."""
    header, _, _ = text(MACROS / "push.sql").partition("#}")
    lines = dict(re.findall(r"^   (\w+) {2,}(.*)$", header, re.MULTILINE))
    assert lines.keys() == {"desired", *push_defaults()}
    arguments = {each["name"]: each["description"] for each in described("push")["arguments"]}
    for name, default in push_defaults().items():
        if default is REQUIRED:
            assert "Required" in arguments[name]
        else:
            told = "none" if default is None else repr(default)
            assert arguments[name].strip().endswith(f"Default `{told}`.")
            assert lines[name].startswith(told), name


def test_what_other_projects_are_shown_calls_public_macros_alone() -> None:
    """Pages, notebooks, examples and the project that ``init`` writes call no inner macro, and every public one is shown."""
    shown = [ROOT / "README.md", ROOT / "connector/scaffold.py", *(ROOT / "docs").glob("*.md")]
    shown += [
        path
        for folder in ("examples", "pushes")
        for path in (ROOT / "dbt_models/models" / folder).glob("*.sql")
    ]
    cells = [
        "".join(cell["source"])
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in json.loads(text(path))["cells"]
    ]
    without_python = re.sub(r"```python\n.*?```", "", "\n".join(map(text, shown)), flags=re.DOTALL)
    assert called("\n".join([without_python, *cells])) == set(PUBLIC)


def test_no_macro_is_defined_twice() -> None:
    """dbt finds macros by their names alone, whatever folder they are in."""
    names = [name for path in MACROS.rglob("*.sql") for name in defined(path)]
    assert len(names) > 60
    assert sorted(set(names)) == sorted(names)
