"""Writes what the documentation says about commands and settings from what the code declares.

``make docs`` writes the files; ``make check`` runs this with ``--check``, which writes nothing and ends with 1 where a
file is not what it would be. A page is generated whole (``docs/cli.md``), or only between ``<!-- generated: NAME -->``
and ``<!-- end -->`` (``docs/settings.md``), with what people write around it.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, fields
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
MADE = "<!-- generated: made by `make docs`; edits here are lost -->"
PART = re.compile(r"(<!-- generated: (?P<name>[^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """0: done, or nothing to do; 1: with ``--check``, a file is not what the code declares."""
    stale = {path: text for path, text in pages().items() if not path.exists() or read(path) != text}
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"docs/{path.name} is not what the code declares: run `make docs`.\n")
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"Wrote docs/{path.name}.\n")
    return 1 if stale and "--check" in arguments else 0


def pages() -> dict[Path, str]:
    """Each generated page with the whole text that it should have."""
    return {
        DOCS / "cli.md": commands(),
        DOCS / "settings.md": filled(read(DOCS / "settings.md"), settings_parts()),
    }


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def filled(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """The page with its generated parts made anew; ``ValueError`` where page and parts don't name the same."""
    names = [found["name"] for found in PART.finditer(text)]
    if sorted(names) != sorted(parts):
        raise ValueError(f"The page has the parts {names}, and the generator makes {list(parts)}.")
    return PART.sub(lambda found: f"{found[1]}\n{parts[found['name']]().strip()}\n\n{found[3]}", text)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; a bar within a cell is escaped."""
    lines = [head, ("---",) * len(head), *rows]
    joined = [" | ".join(cell.replace("|", r"\|") for cell in line) for line in lines]
    joined[1] = "|".join(lines[1])
    return "".join(f"| {line} |\n" if n != 1 else f"|{line}|\n" for n, line in enumerate(joined))


# docs/settings.md


SETTINGS_HEAD = ("in a file", "in the environment", "default", "meaning")


def settings_parts() -> dict[str, Callable[[], str]]:
    from connector import config

    vendors = {f"crm.{vendor}": partial(vendor_settings, vendor) for vendor in config.SETTINGS}
    return {**vendors, "warehouse and dbt": shared_settings}


def vendor_settings(vendor: str) -> str:
    """The address and what has to be set first, the rest as declared."""
    from connector import config

    cls = config.settings_class(vendor)
    ordered = sorted(fields(cls), key=lambda spec: spec.name != "base_url" and not required(spec))
    rows = [
        setting(f"crm.{vendor}.{spec.name}", default(spec), config.meaning(cls, spec)) for spec in ordered
    ]
    return table(SETTINGS_HEAD, rows)


def shared_settings() -> str:
    from connector import config

    return table(SETTINGS_HEAD, [setting(name, *told) for name, told in config.SHARED_SETTINGS.items()])


def setting(name: str, default: str, meaning: str) -> tuple[str, ...]:
    from connector import config

    return f"`{name}`", f"`{config.env_name(name)}`", default, meaning


def required(spec: "Field[Any]") -> bool:
    return spec.default is MISSING and spec.default_factory is MISSING


def default(spec: "Field[Any]") -> str:
    """As a person would write it into a file, or that there is none."""
    secret = ", secret" if spec.metadata["secret"] else ""
    if required(spec):
        return f"required{secret}"
    if spec.default is MISSING or spec.default is None:
        return f"none{secret}"
    if isinstance(spec.default, bool):
        return f"`{str(spec.default).lower()}`"
    return f"`{spec.default.isoformat() if isinstance(spec.default, date) else spec.default}`"


# docs/cli.md


def commands() -> str:
    """The page of the command ``leadloop``."""
    import typer.main

    from connector.cli import EXIT_CODES, app

    group: Any = typer.main.get_command(app)
    top = group.make_context("leadloop", ["status"], resilient_parsing=True)
    codes = "".join(f"- **{code}**: {meaning}\n" for code, meaning in EXIT_CODES.items())
    parts = [
        f"# The command `leadloop`\n\n{MADE}\n\n{group.help}",
        "Options that stand before the command:\n\n" + options(group, top),
        f"Exit codes:\n\n{codes}\nA command that is interrupted ends with 130.\n",
    ]
    return "\n\n".join(part.strip() for part in [*parts, *command_parts(group, top)]) + "\n"


def command_parts(group: Any, top: Any) -> Iterator[str]:
    from connector.cli import ENDS_WITH

    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=top, resilient_parsing=True)
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        yield f"## `leadloop {name}`\n\n{command.help}"
        usage = " ".join(argument_name(each) for each in arguments)
        yield f"```text\n{f'leadloop {name} {usage}'.strip()} [OPTIONS]\n```"
        if arguments:
            rows = [(f"`{argument_name(each)}`", option_default(each), each.help) for each in arguments]
            yield table(("argument", "default", "meaning"), rows)
        yield options(command, context)
        *others, last = map(str, ENDS_WITH[name])
        yield f"Exits with {', '.join(others)} or {last}."
        yield example(command.epilog or "")


def argument_name(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper()
    return str(name if argument.required else f"[{name}]")


def options(command: Any, context: Any) -> str:
    """A table of a command's options, as its own help names them."""
    rows = []
    for each in command.get_params(context):
        if each.param_type_name == "option" and each.name != "help":
            name = each.get_help_record(context)[0].replace(" range>", ">")
            name = re.sub(r"<list\[(.+)\]>", r"<\1>", name)  # "repeatable" is in its meaning
            rows.append((f"`{name}`", option_default(each), f"{each.help}{bounds(each)}"))
    return table(("option", "default", "meaning"), rows)


def option_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False:
        return "none" if parameter.default is None else "off"
    return f"`{parameter.default}`"


def bounds(option: Any) -> str:
    low, high = getattr(option, "min", None), getattr(option, "max", None)
    if low is None:
        return ""
    return f" At least {low:,}." if high is None else f" {low:,} to {high:,}."


def example(epilog: str) -> str:
    """``Example, from cron: leadloop run --yes`` as a block with its sentence."""
    says, _, line = epilog.partition(": ")
    return f"{says}:\n\n```\n{line}\n```" if line else epilog


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
