"""The wheel, installed where no checkout is near."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
RUN = "import sys; sys.argv[0] = 'leadloop'; from connector.cli import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: Any) -> Any:
    """A folder with what the wheel holds, and an environment in which only it and its dependencies are found."""
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = wheels.glob("leadloop-*.whl")
    install = [
        "uv",
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-deps",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run([sys.executable, "-m", *install], check=True, capture_output=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CRM__", "DESTINATION__", "LEADLOOP_"))}
    # -I keeps the checkout's own entries out; what the wheel depends on is found where it is installed.
    code = f"import sys; sys.path[:0] = [{str(target)!r}]; sys.path.append({sysconfig.get_path('purelib')!r}); {RUN}"
    return target, [sys.executable, "-I", "-S", "-c", code], env


@pytest.mark.long
def test_the_wheel_works_in_an_empty_folder(installed: Any, tmp_path: Path) -> None:
    """leadloop --help, a sandbox, a whole run with the packaged dbt project, and the sandbox's end by a signal."""
    target, leadloop, env = installed
    assert (target / "connector" / "dbt_models" / "dbt_project.yml").is_file()
    assert (target / "connector" / "notebooks" / "leads.ipynb").is_file()
    assert (target / "connector" / "render" / "page" / "plan_file.html").is_file()
    assert (target / "connector" / "web" / "templates" / "plan.html").is_file()
    assert list((target / "connector" / "web" / "static").glob("htmx-*.min.js"))
    assert (target / "bin" / "leadloop").is_file()

    def run(*argv: Any, **settings: Any) -> Any:
        done = subprocess.run(
            [*leadloop, *argv], cwd=tmp_path, env={**env, **settings}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "resolve" in run("--help")
    assert "Wrote leads.ipynb" in run("notebook")
    sandbox = subprocess.Popen(
        [*leadloop, "sandbox", "--leads", "100", "--port", "0"],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sandbox.stdout is not None
    try:
        settings: dict[str, str] = {}
        while len(settings) < 3:
            line = sandbox.stdout.readline()
            assert line, "the sandbox ended"
            found = re.fullmatch(r"\s*export (\w+)=(\S+)\n", line)
            if found:
                settings[found[1]] = found[2]
        settings |= {"CRM__CONVOSO__SETTLE": "0", "CRM__CONVOSO__RATE": "1000", "DBT__PROJECT": "packaged"}
        told = run("run", "--yes", **settings)
        assert "convoso: 100 rows" in told
        assert "15 of 15 leads applied" in told
        assert (tmp_path / "leads.duckdb").is_file()
        run("plan", "lead_scores_to_convoso", "--html", "plan.html", **settings)
        assert "<html" in (tmp_path / "plan.html").read_text()
    finally:
        sandbox.send_signal(signal.SIGTERM)
        assert sandbox.wait(20) in (0, 130)
    sandbox.stdout.close()
