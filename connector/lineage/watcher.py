"""Makes OpenLineage events of what is extracted, built and pushed: names of tables and columns, and numbers of rows."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
)
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

from connector import crm
from connector.events import Doing, Watcher
from connector.lineage.settings import URL, Destination
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from connector.warehouse.relations import Relation
from connector.warehouse.runs import leadloop_version

SECONDS = 5.0
"""How long a service may take to take an event."""
PRODUCER = f"urn:leadloop:{leadloop_version()}"
COMMANDS = ("run", "extract", "build", "push")
FAILED = (1, 2, 4, 5, 130)


class Lineage(Watcher):
    """Sends an event when a stage begins and one when it ends. What can't be sent is told once, and harms nothing."""

    def __init__(
        self, warehouse: Warehouse, destination: Destination, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._warehouse = warehouse
        self._namespace = destination.namespace
        self._say = say
        self._lost = False
        self._client = (
            OpenLineageClient(transport=transport)
            if (transport := _transport(destination))
            else OpenLineageClient()
        )
        self._read: dict[int, dict[str, int]] = {}
        """Of each extraction under way: stream -> rows."""

    def began(self, doing: Doing) -> None:
        """START: what it reads and writes is known at its end."""
        if doing.kind == "stage" and doing.name in COMMANDS:
            self._emit(doing, RunState.START, (), ())

    def ended(self, doing: Doing) -> None:
        """COMPLETE or FAIL, with what was read and written."""
        if doing.kind == "window" and doing.parent is not None:
            rows = self._read.setdefault(id(doing.parent), {})
            stream = doing.facts["stream"]
            rows[stream] = rows.get(stream, 0) + (doing.facts.get("rows") or 0)
        if doing.kind != "stage" or doing.name not in COMMANDS:
            return
        rows = self._read.pop(id(doing), {})
        if doing.error is not None or doing.facts.get("exit_code") in FAILED:
            self._emit(doing, RunState.FAIL, (), ())
            return
        made: Mapping[str, Callable[[], tuple[Iterable[InputDataset], Iterable[OutputDataset]]]] = {
            "extract": lambda: self._extracted(doing, rows),
            "push": lambda: self._pushed(doing),
        }
        inputs, outputs = made.get(doing.name, lambda: ((), ()))()
        self._emit(doing, RunState.COMPLETE, inputs, outputs)
        if doing.name == "build":
            self._built(doing)

    def close(self) -> None:
        if self._lost:
            self._say(f"Some lineage could not be sent: nothing takes it at the address in {URL}.")

    def _extracted(
        self, doing: Doing, rows: Mapping[str, int]
    ) -> tuple[Iterable[InputDataset], Iterable[OutputDataset]]:
        name = doing.facts["crm"]
        outputs = [
            OutputDataset(
                *self._table(Relation(crm.raw_schema(name), stream)),
                outputFacets={
                    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                        rowCount=number
                    )
                },
            )
            for stream, number in rows.items()
        ]
        return [InputDataset(*account(name))], outputs

    def _built(self, doing: Doing) -> None:
        """A job of its own for each model below a push: what it reads, and what it is."""
        here = {crm.raw_schema(name) for name in crm.names() if not crm.vendor(name).missing()}
        for model in models.known(doing.facts.get("project"), self._warehouse).below_pushes:
            # The sources are all CRMs that leadloop knows; a view of one that isn't set up is empty.
            read = [
                each for each in model.made_from if not each.schema.endswith("_raw") or each.schema in here
            ]
            self._emit(
                doing,
                RunState.COMPLETE,
                [InputDataset(*self._table(each)) for each in read],
                [OutputDataset(*self._table(model.relation))],
                part=model.name,
            )

    def _pushed(self, doing: Doing) -> tuple[Iterable[InputDataset], Iterable[OutputDataset]]:
        """The CRM's fields, and the columns that they are set from."""
        known = models.known(doing.facts.get("project"), self._warehouse)
        spec = known.push(doing.facts["push"])
        (model,) = [each for each in known.below_pushes if each.name == spec.name]
        desired = model.desired
        facets: dict[str, Any] = {}
        if desired is not None and spec.fields:
            facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
                {
                    field: column_lineage_dataset.Fields(
                        [
                            column_lineage_dataset.InputField(
                                *self._table(desired),
                                column,
                                [column_lineage_dataset.Transformation("DIRECT", "IDENTITY")],
                            )
                        ]
                    )
                    for field, column in spec.fields.items()
                }
            )
        summary = getattr(doing.result, "summary", None)
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=summary.by_state.get("applied", 0) if summary is not None else 0
        )
        read = [Relation(spec.schema, spec.identifier), *([desired] if desired is not None else [])]
        return (
            [InputDataset(*self._table(each)) for each in read],
            [OutputDataset(*account(spec.crm), outputFacets={"outputStatistics": statistics}, facets=facets)],
        )

    def _emit(
        self,
        doing: Doing,
        state: RunState,
        inputs: Iterable[InputDataset],
        outputs: Iterable[OutputDataset],
        *,
        part: str | None = None,
    ) -> None:
        """``part``: it is the event of one model of a build."""
        facets: dict[str, Any] = {}
        above = doing if part is not None else doing.parent
        if above is not None:
            facets["parent"] = parent_run.ParentRunFacet(
                parent_run.Run(_run_id(above)), parent_run.Job(self._namespace, _job(above))
            )
        if state is RunState.FAIL:
            kind = type(doing.error).__name__ if doing.error is not None else "leadloop"
            code = doing.facts.get("exit_code")
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                f"{kind}, exit code {code}: see the row of leadloop.runs", "SQL"
            )
        instant = doing.began if state is RunState.START else doing.ended
        event = RunEvent(
            eventType=state,
            eventTime=datetime.fromtimestamp(instant / 1e9, UTC).isoformat(),
            run=Run(_run_id(doing, part), facets),
            job=Job(
                self._namespace,
                part if part is not None else _job(doing),
                {"jobType": job_type_job.JobTypeJobFacet("BATCH", "LEADLOOP", "MODEL" if part else "TASK")},
            ),
            producer=PRODUCER,
            inputs=list(inputs),
            outputs=list(outputs),
        )
        try:
            self._client.emit(event)
        except Exception:
            self._lost = True

    def _table(self, relation: Relation) -> tuple[str, str]:
        """Namespace and name of a table, as OpenLineage names those of the engine."""
        if self._warehouse.path is not None:
            return f"{self._warehouse.kind}://{Path(self._warehouse.label).absolute()}", str(relation)
        url = urlsplit(self._warehouse.label)
        return (
            f"{self._warehouse.kind}://{url.hostname}:{url.port or 5432}",
            f"{url.path.lstrip('/')}.{relation}",
        )


def account(name: str) -> tuple[str, str]:
    """Namespace and name of an account of a CRM: together ``crm://convoso/convoso_east``."""
    return f"crm://{crm.vendor(name).parts.capabilities.name}", name


def _run_id(doing: Doing, part: str | None = None) -> str:
    """OpenLineage wants a UUID; it follows from the id in ``leadloop.runs``, which other tools can so find."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"leadloop:{doing.facts['run_id']}:{part or ''}"))


def _job(doing: Doing) -> str:
    about = doing.facts.get("push") or (doing.facts.get("crm") if doing.name == "extract" else None)
    return f"{doing.name}.{about}" if about else doing.name


def _transport(destination: Destination) -> FileTransport | HttpTransport | None:
    if destination.file is not None:
        return FileTransport(FileConfig(log_file_path=destination.file, append=True))
    if destination.address is None:
        return None
    given: dict[str, Any] = {"url": destination.address, "timeout": SECONDS, "retry": {"total": 1}}
    if destination.key is not None:
        given["auth"] = ApiKeyTokenProvider({"api_key": destination.key.reveal()})
    return HttpTransport(HttpConfig(**given))
