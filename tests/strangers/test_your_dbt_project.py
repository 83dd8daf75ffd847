"""docs/your-dbt-project.md, word by word: from a dbt project to a plan, and the places that the package can come from."""

import http.server
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest
import yaml

from connector.sandbox import Sandbox
from connector.warehouse.models import packaged_project
from tests.acceptance.conftest import WITHOUT_SETTINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-dbt-project.md").read_text("utf-8")
BIN = Path(sys.executable).parent

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


def project(folder: Path) -> Path:
    """As ``dbt init`` leaves one, with its profile in the home folder."""
    made = folder / "my_dbt_project"
    (made / "models").mkdir(parents=True)
    (made / "dbt_project.yml").write_text("name: my_dbt_project\nversion: 1.0.0\nprofile: my_dbt_project\n")
    (made / "models" / "mine.sql").write_text("select 1 as id")
    (folder / ".dbt").mkdir()
    (folder / ".dbt" / "profiles.yml").write_text(
        "my_dbt_project:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n      path: dev.duckdb\n      threads: 2\n"
    )
    return made


def environment(home: Path) -> dict[str, str]:
    return {
        **WITHOUT_SETTINGS,
        "HOME": str(home),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }


def test_the_eight_lines(tmp_path: Path) -> None:
    """In a clean folder, as they stand there: only pip finds leadloop installed, and the token is the sandbox's."""
    made = project(tmp_path)
    found = re.search(r"```\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    lines = found[1].strip().splitlines()
    assert len(lines) == 8
    assert lines[0] == "pip install ./leadloop"
    with Sandbox(leads=60) as crm:
        env = {**environment(tmp_path), "CRM__CONVOSO__BASE_URL": f"{crm.base_url}/v1"}
        script = "\n".join(["set -e", *lines[1:]]).replace("your-token", crm.token)
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 leads of 60 would change" in done.stdout
    assert (made / "dev.duckdb").stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("*.duckdb"))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize("kind", ["git", "tarball"])
def test_the_package_from_somewhere_else(tmp_path: Path, kind: str) -> None:
    """dbt installs and builds it where no leadloop is."""
    made = project(tmp_path)
    package = tmp_path / "published" / "dbt_models"
    shutil.copytree(
        packaged_project(), package, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages")
    )
    entries = yaml.safe_load(re.findall(r"```yaml\n(packages:.*?)```", PAGE, re.DOTALL)[0])["packages"]
    (entry,) = (each for each in entries if kind in each)
    if kind == "git":
        git = ["git", "-c", "user.email=a@example.com", "-c", "user.name=a"]
        steps = [["init", "-q"], ["add", "-A"], ["commit", "-qm", "published"], ["tag", entry["revision"]]]
        for step in steps:
            subprocess.run([*git, *step], cwd=package.parent, check=True)
        entry["git"] = f"file://{package.parent}"
    else:
        with tarfile.open(package.parent / "leadloop.tar.gz", "w:gz") as archive:
            archive.add(package, "dbt_models")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(package.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if kind == "tarball":
        entry["tarball"] = f"http://127.0.0.1:{server.server_port}/leadloop.tar.gz"
    (made / "packages.yml").write_text(yaml.safe_dump({"packages": [entry]}))
    try:
        for command in ("deps", "build"):
            dbt = [sys.executable, "-m", "dbt.cli.main", command]
            done = subprocess.run(dbt, cwd=made, env=environment(tmp_path), capture_output=True, text=True)
            assert done.returncode == 0, done.stdout
    finally:
        server.shutdown()
        server.server_close()
    assert "lead_history" in done.stdout
    assert "lead_scores_to_convoso" not in done.stdout
