"""``leadloop sandbox``."""

import sys
from dataclasses import fields
from typing import Annotated, Any

import typer

from connector.cli.app import app
from connector.cli.output import out
from connector.errors import ConfigError
from connector.parsing import no_such

GENERATION = "_generation"
"""The end of the name of each option of the sandbox that chooses one."""


@app.command(epilog="Example: leadloop sandbox --leads 5000 --port 8765 --edits-per-second 5")
def sandbox(
    leads: Annotated[int, typer.Option(min=0, help="How many leads the sandbox has.")] = 5000,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any free one.")
    ] = 8765,
    seed: Annotated[int, typer.Option(help="The same seed makes the same leads.")] = 7,
    timezone: Annotated[str, typer.Option(help="The account's time zone.")] = "America/Los_Angeles",
    token: Annotated[str, typer.Option(help="The token that the sandbox accepts.")] = "sandbox-token",  # noqa: S107 - not a secret
    envelope: Annotated[
        str, typer.Option(help="The shape of Convoso's answers: live or community.")
    ] = "live",
    precision: Annotated[
        str,
        typer.Option(
            help="How exactly searches take the time: second, or day for a server that ignores the time of day."
        ),
    ] = "second",
    older: Annotated[
        list[str] | None,
        typer.Option(
            help="Answer as the older generation of this CRM's API: pollybot with metadata, leadping with customer. "
            "Repeatable."
        ),
    ] = None,
    edits_per_second: Annotated[
        float, typer.Option(min=0, help="Edits per second that the sandbox makes by itself.")
    ] = 0.0,
    touch_on_api_edit: Annotated[
        bool, typer.Option(help="Whether an edit through the API moves the lead's modification time.")
    ] = False,
    latency: Annotated[float, typer.Option(min=0, help="Seconds to add to every answer.")] = 0.0,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="Add a fault and its share of calls, such as status=503:0.1. Repeatable."),
    ] = None,
) -> None:
    """Serve made-up CRMs on this machine, to rehearse with. They answer what the vendors document, and nothing leaves the machine."""
    from connector.sandbox import serve

    try:
        serve(
            leads=leads,
            port=port,
            seed=seed,
            timezone=timezone,
            token=token,
            envelope=envelope,
            precision=precision,
            **_generations(older or []),
            edits_per_second=edits_per_second,
            touch_on_api_edit=touch_on_api_edit,
            latency=latency,
            faults=fault or [],
            on_ready=_announce,
        )
    except (ValueError, OSError) as error:
        raise ConfigError(f"leadloop sandbox: {error}") from None


def _generations(older: list[str]) -> dict[str, str]:
    """The options with which these CRMs answer as the older generation of their API."""
    from connector.sandbox import Options

    known = [each.name.removesuffix(GENERATION) for each in fields(Options) if each.name.endswith(GENERATION)]
    for name in older:
        if name not in known:
            raise ConfigError(f"--older: {no_such('CRM with two generations', name, known)}")
    return {f"{name}{GENERATION}": "older" for name in older}


def _announce(running: Any) -> None:
    for place, (vendor, settings) in enumerate(running.settings().items()):
        leads = ", the same people" if place else f" with {len(running.book):,} leads"
        name = type(running.vendors[vendor]).__name__
        out.print(f"{name} at {settings['base_url']}{leads}", markup=False)
    out.print("Point leadloop at one or more of them, in another terminal:", markup=False)
    for vendor, settings in running.settings().items():
        for name, value in settings.items():
            out.print(f"  export CRM__{vendor.upper()}__{name.upper()}={value}", markup=False)
    sys.stdout.flush()
