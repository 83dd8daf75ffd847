"""What a build made and tested: for a terminal, and as the document of ``build --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, Time, part
from connector.render.plan import kept_otherwise
from connector.texts import count

if TYPE_CHECKING:
    from connector.warehouse.models import BuildResult, OtherForm


class Node(Part, kw_only=True):
    """One dbt model or test."""

    name: Annotated[str, Meta(description="its name in dbt")]
    kind: Annotated[str, Meta(description="dbt's name for it: `model`, `test`, …")]
    status: Annotated[str, Meta(description="`success`, `pass`, `warn`, `error`, `fail` or `skipped`")]
    message: Annotated[str, Meta(description="one line, empty where all went well; never a value of a lead")]
    seconds: Annotated[float, Meta(description="how long it took")]


class Kept(Part, kw_only=True):
    """A field whose value the CRM keeps in another form than the one that was sent."""

    crm: Annotated[str, Meta(description="the CRM")]
    field: Annotated[str, Meta(description="the field, as the CRM's API names it")]
    rule: Annotated[str, Meta(description="the rule of `equal` that would make them equal")]
    leads: Annotated[int, Meta(description="leads in which that was found")]


class Build(Part, kw_only=True):
    """What was made and tested."""

    models: Annotated[int, Meta(description="models made")]
    tests: Annotated[int, Meta(description="tests run")]
    warnings: Annotated[int, Meta(description="tests that warned")]
    seconds: Annotated[float, Meta(description="how long it took")]
    nodes: Annotated[list[Node], Meta(description="one entry per model or test")]
    other_forms: Annotated[
        list[Kept],
        Meta(
            description="one entry per field that was found, for the first time, to be kept in another form than the one that was sent"
        ),
    ]
    unchanged_since: Annotated[
        Time | None,
        Meta(
            description="in `run`, when everything was built, if nothing has changed since and nothing was built; else null"
        ),
    ]


class BuildDocument(Build, kw_only=True):
    """What was made and tested, as `build --json` prints it."""

    kind: Annotated[Literal["build"], Meta(description="`build`")] = "build"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1


def built(done: "BuildResult") -> Build:
    return part(
        Build,
        done,
        warnings=len(done.warnings),
        nodes=[part(Node, each) for each in done.nodes],
        other_forms=[part(Kept, each) for each in done.other_forms],
    )


def build_document(done: "BuildResult") -> BuildDocument:
    return part(BuildDocument, built(done))


def build_text(done: "BuildResult") -> str:
    """One line, and one more per test that warned."""
    if done.unchanged_since is not None:
        return f"nothing built: nothing has changed since the build of {done.unchanged_since:%F %T} UTC"
    lines = [
        f"{count(done.models, 'model')} made, {count(done.tests, 'test')} passed, in {done.seconds:.1f} s"
    ]
    lines += [f"warning: {node.name} ({node.message})" for node in done.warnings]
    return "\n".join([*lines, *map(kept_text, done.other_forms)])


def kept_text(form: "OtherForm") -> str:
    """Which field a CRM keeps in another form, the rule that would make them equal, and in how many leads that is so."""
    told = kept_otherwise(form.crm, form.field, form.rule)
    return f"{told}. Until then it is not sent again; it is so in {count(form.leads, 'lead')}"
