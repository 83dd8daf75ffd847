"""Lineage of a whole run, as OpenLineage's own client sends it: into a file, and over HTTP."""

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector import config, loop, watching
from connector.errors import ConfigError
from connector.lineage.settings import destination
from connector.warehouse import runs
from connector.warehouse.connection import Warehouse
from tests.properties.quick_loop import QuickLoop
from tests.receiver import Receiver, receiving

PAGE = (Path(__file__).parents[2] / "docs/lineage.md").read_text("utf-8")
CRM = ("crm://convoso", "convoso")


@pytest.fixture(autouse=True)
def _nobody_else() -> Iterator[None]:
    yield
    watching.close()
    config.reload()


def completed(events: list[Any], job: str) -> Any:
    """The last COMPLETE event of a job."""
    return [each for each in events if each["job"]["name"] == job and each["eventType"] == "COMPLETE"][-1]


def names(datasets: list[Any]) -> set[tuple[str, str]]:
    return {(each["namespace"], each["name"]) for each in datasets}


@pytest.mark.long_if("postgres")
def test_a_whole_run(quick: QuickLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the CRM to the CRM there is a way without a gap, and each field knows the column that it is set from."""
    crm = quick.begin()
    lead = crm.book.ids()[0]
    quick.write("insert into inputs.wanted values (:lead, 'diamond', 'Timbuktu')", lead=lead)
    monkeypatch.setenv("LINEAGE__URL", "file:lineage.jsonl")
    with watching.watching(quick.warehouse):
        ran = loop.run(quick.warehouse, first=True)
    assert ran.exit_code == 0
    text = Path("lineage.jsonl").read_text("utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert {each["job"]["namespace"] for each in events} == {"leadloop"}
    reached, before = {CRM}, set[tuple[str, str]]()
    while reached != before:
        before = set(reached)
        for event in events:
            if not event["job"]["name"].startswith("push.") and names(event["inputs"]) & reached:
                reached |= names(event["outputs"])
    push = completed(events, "push.scores")
    ours = "postgres://" if quick.warehouse.kind == "postgres" else "duckdb://"
    assert names(push["outputs"]) == {CRM}
    assert {
        name.rpartition(".")[2] for namespace, name in names(push["inputs"]) if namespace.startswith(ours)
    } == {
        "scores",
        "wanted",
    }
    assert {name.rpartition(".")[2] for _, name in reached} >= {"convoso", "lead_versions", "leads", "scores"}
    columns = push["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert {
        field: [(each["name"].rpartition(".")[2], each["field"]) for each in of["inputFields"]]
        for field, of in columns.items()
    } == {"title": [("wanted", "tier")], "city": [("wanted", "town")]}
    assert push["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 1
    raw = completed(events, "extract.convoso")["outputs"]
    assert {
        each["name"].rpartition(".")[2]: each["outputFacets"]["outputStatistics"]["rowCount"] for each in raw
    }["lead_versions"] == quick.leads
    assert completed(events, "run")["run"]["runId"] == push["run"]["facets"]["parent"]["run"]["runId"]
    for secret in ("diamond", "Timbuktu", crm.token, lead):
        assert f'"{secret}' not in text


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    """A service on loopback."""
    monkeypatch.chdir(tmp_path)
    with receiving() as receiver:
        yield receiver


@pytest.mark.parametrize("how", ["LINEAGE__URL", "OPENLINEAGE_URL"])
def test_over_http(
    service: Receiver, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Each event is posted when it happens; a failure is one, with the kind of the error and no more."""
    monkeypatch.setenv(how, f"http://127.0.0.1:{service.port}")
    config.reload()
    with watching.watching(warehouse), pytest.raises(ConfigError), runs.recording(warehouse, "run", {}):
        raise ConfigError("lead 4711: 555-0199")
    assert {path for path, _ in service.posted} == {"/api/v1/lineage"}
    start, end = service.documents
    assert (start["eventType"], end["eventType"]) == ("START", "FAIL")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert "ConfigError, exit code 2" in end["run"]["facets"]["errorMessage"]["message"]
    assert "4711" not in json.dumps(end)


def test_a_runs_id_follows_from_its_row(
    service: Receiver, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/lineage.md says it."""
    monkeypatch.setenv("LINEAGE__URL", f"http://127.0.0.1:{service.port}")
    config.reload()
    with watching.watching(warehouse), runs.recording(warehouse, "run", {}):
        run_id = runs.current_id()
    assert "`leadloop:<run_id>:`" in PAGE
    assert service.documents[0]["run"]["runId"] == str(uuid.uuid5(uuid.NAMESPACE_URL, f"leadloop:{run_id}:"))


def test_a_service_that_is_gone_harms_nothing(
    service: Receiver, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends as it would have, and says once that something was lost."""
    service.status = 400
    monkeypatch.setenv("LINEAGE__URL", f"http://127.0.0.1:{service.port}")
    config.reload()
    said: list[str] = []
    with watching.watching(warehouse, said.append), runs.recording(warehouse, "run", {}):
        pass
    assert said == ["Some lineage could not be sent: nothing takes it at the address in lineage.url."]


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own, a wrong address, a key in the open file, and OpenLineage's switch."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    file = tmp_path / ".dlt/config.toml"
    file.write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.S)[0])
    config.reload()
    found = destination()
    assert found is not None
    assert (found.address, found.namespace) == ("http://localhost:5000", "leadloop")
    file.write_text('[lineage]\nurl = "http://localhost:5000"\napi_key = "x"\n')
    config.reload()
    with pytest.raises(ConfigError, match=r"Move it to .dlt/secrets.toml"):
        destination()
    file.write_text('[lineage]\nurl = "localhost:5000"\n')
    config.reload()
    with pytest.raises(ConfigError, match="must be an address"):
        destination()
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert destination() is None


def test_nothing_is_imported_without_the_setting() -> None:
    """Whoever wants no lineage has nothing of it."""
    program = "import sys; from connector import watching, loop; assert 'openlineage' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
