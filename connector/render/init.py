"""What ``leadloop init`` wrote: for a terminal, and as the document of ``init --json``."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part

if TYPE_CHECKING:
    from connector.scaffold import Scaffold


class InitDocument(Part, kw_only=True):
    """Which files a new project has, as `init --json` prints it."""

    kind: Annotated[Literal["init"], Meta(description="`init`")] = "init"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    folder: Annotated[str, Meta(description="where the project is")]
    written: Annotated[list[str], Meta(description="files that were written, relative to `folder`")]
    changed: Annotated[
        list[str], Meta(description="files that were there and to which lines were added; only with `--into`")
    ]
    kept: Annotated[list[str], Meta(description="files that were there and were left alone")]
    remark: Annotated[str | None, Meta(description="what a person has to know besides, if anything")] = None


def init_document(done: "Scaffold") -> InitDocument:
    return InitDocument(
        folder=str(done.folder),
        written=list(done.written),
        changed=list(done.changed),
        kept=list(done.kept),
        remark=done.remark or None,
    )


def init_text(done: "Scaffold") -> str:
    """A line for each file, named as seen from where the command was started, and what comes next."""
    lines = [f"  wrote  {done.folder / path}" for path in done.written]
    lines += [f"  added  to {done.folder / path}" for path in done.changed]
    lines += [f"  kept   {done.folder / path} (it was there)" for path in done.kept]
    settings = f"{done.folder / '.dlt/secrets.toml'} and {done.folder / '.dlt/config.toml'}"
    lines += [done.remark] if done.remark else []
    return "\n".join([*lines, f"Next: fill in {settings}, then run `leadloop check` there."])
