"""What a whole run did, as the document of ``run --json``; a terminal is shown what each of its stages shows."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.build import Build, built
from connector.render.document import VERSION, Part, part
from connector.render.extract import Extraction, extraction
from connector.render.plan_document import Problem, problem
from connector.render.push import PushDocument, Recovered, push_document, recovery_text

if TYPE_CHECKING:
    from connector.loop import Ran


class RunDocument(Part, kw_only=True):
    """What each stage did, as `run --json` prints it."""

    kind: Annotated[Literal["run"], Meta(description="`run`")] = "run"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    extracted: Annotated[
        dict[str, Extraction],
        Meta(description="CRM → the fields of `extract`, without `kind`, `version` and `crm`"),
    ]
    built: Annotated[Build, Meta(description="as `build`, without `kind` and `version`")]
    pushed: Annotated[dict[str, PushDocument], Meta(description="push → as `push`")]
    failed: Annotated[
        dict[str, Problem],
        Meta(
            description="push → why it was stopped or failed; `extract CRM` → why that CRM could not be read"
        ),
    ]
    recovered: Annotated[
        dict[str, Recovered],
        Meta(
            description="push → what it found out about the leads that earlier runs had left open, if there were any; also of a push that "
            "then stopped or failed"
        ),
    ]
    exit_code: Annotated[int, Meta(description="the worst of all")]


def run_document(ran: "Ran") -> RunDocument:
    return RunDocument(
        extracted={name: extraction(each) for name, each in ran.extracted.items()},
        built=built(ran.built),
        pushed={name: push_document(each.summary, each.recovery) for name, each in ran.pushed.items()},
        failed={name: problem(error) for name, error in ran.failed.items()},
        recovered={name: part(Recovered, each) for name, each in ran.recovered.items()},
        exit_code=ran.exit_code,
    )


def recovered_text(ran: "Ran") -> list[str]:
    """A line for each push without a result of its own that would say it."""
    return [
        f"{name}: {recovery_text(each)}" for name, each in ran.recovered.items() if name not in ran.pushed
    ]
