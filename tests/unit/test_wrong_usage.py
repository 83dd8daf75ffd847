"""Every argument and option of the command, given wrongly: exit code 2 and one message that names it and says what would do."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., tuple[int, str]]

WRONG: list[tuple[str, str]] = [
    # command line, words of the message
    ("extrct", "No such command"),
    ("extract --strat 2026-11-01", "--start"),
    ("extract --start yesterday", "--start must be a date or a time such as 2026-11-01"),
    ("extract --start 2026-02-30", "--start must be a date"),
    ("extract --start 2026-13-01", "--start must be a date"),
    ("extract --start 2026-11-01T25:00", "--start must be a date"),
    ("extract --start 2026-11-01T09:30_Europe/Berlin", "+01:00"),
    ("extract --start 2026-11-01T09:30PST", "+01:00"),
    ("extract --start 0001-01-01T00:00+14:00", "between 1970 and 2100"),
    ("extract --end 9999-12-31T23:59-14:00", "between 1970 and 2100"),
    ("extract --end tomorrow", "--end must be a date"),
    ("extract --start 2026-11-02 --end 2026-11-01", "--start 2026-11-02 must lie before --end 2026-11-01"),
    (
        "extract --start 2026-11-01 --end 2026-11-01",
        "they are the same moment, and nothing lies between. Leave both out",
    ),
    ("extract --start 2026-11-01T10:00+02:00 --end 2026-11-01T08:00", "must lie before"),
    ("extract --start 2099-01-01", "lies in the future"),
    ("extract --filter list_id", "--filter must be name=value"),
    ("extract --filter =333", "--filter must be name=value"),
    ("extract --filter lst_id=333", "did you mean 'list_id'"),
    ("extract --crm convosso", "did you mean 'convoso'"),
    ("extract --crm", "--crm"),
    ("extract more", "more"),
    ("-C nowhere status", "-C nowhere: can't go to that folder"),
    ("-C a_file status", "-C a_file: can't go to that folder"),
    ("build --dbt-project nowhere", "nowhere is no dbt project"),
    ("init new --into .", "Name one folder"),
    ("init --into nowhere", "nowhere is no dbt project"),
    ("plan", "PUSH"),
    ("plan p --limit 0", "--limit"),
    ("plan p --limit -3", "--limit"),
    ("plan p --limit ten", "--limit"),
    ("plan p --limit 1.5", "--limit"),
    ("plan p --dbt-project nowhere", "nowhere is no dbt project"),
    ("push", "PUSH"),
    ("push p --plan nowhere.json", "--plan nowhere.json is not a plan"),
    ("push p --plan .", "--plan . is not a plan"),
    ("push p --limit -1", "--limit"),
    ("push p --dbt-project nowhere", "nowhere is no dbt project"),
    ("run --limit 0", "--limit"),
    ("run --start yesterday", "--start must be a date or a time such as 2026-11-01"),
    ("run --start 2026-11-02 --end 2026-11-01", "--start 2026-11-02 must lie before --end 2026-11-01"),
    ("run --start 2026-11-01 --end 2026-11-01", "CronDataIntervalTimetable"),
    ("run --start 2099-01-01", "lies in the future"),
    ("run --end tomorrow", "--end must be a date"),
    ("run --restored --start 2026-11-01", "--restored needs everything"),
    ("run --dbt-project nowhere", "nowhere is no dbt project"),
    ("status more", "more"),
    ("status --max-age soon", "--max-age must be a time such as 90m, 26h or 2d"),
    ("status --dbt-project packaged", "--dbt-project goes with --max-age"),
    ("run --log-format xml", "'text', 'json'"),
    ("run --wait -1", "--wait"),
    ("resolve p --take mine", "'ours', 'theirs'"),
    ("resolve p --dbt-project nowhere", "nowhere is no dbt project"),
    ("resolve p --take ours", "--lead ID or --field NAME (both repeatable), or --all"),
    ("undo", "Say what is to be taken back"),
    ("undo --push p", "Say what is to be taken back"),
    ("undo r --since 2026-11-01", "Say what is to be taken back"),
    ("undo --push p --since tomorrow", "--since must be a date"),
    ("undo r --limit 0", "--limit"),
    ("undo r --on-conflict mine", "'crm_wins', 'warehouse_wins'"),
    ("undo --plan nowhere.json", "--plan nowhere.json is not a plan"),
    ("undo r --dbt-project nowhere", "nowhere is no dbt project"),
    (
        "undo r --delete-inserted --on-conflict warehouse_wins",
        "never deletes a lead that anybody has touched",
    ),
    ("release", "PUSH"),
    ("release p --dbt-project nowhere", "nowhere is no dbt project"),
    ("preview", "--against"),
    ("preview --against nowhere", "--against nowhere: there is no such folder or file"),
    ("preview --against a_file", "--against a_file is not a plan"),
    ("preview --against . --dbt-project nowhere", "nowhere is no dbt project"),
    ("preview --against . --dbt-project packaged", "--against . is no dbt project"),
    ("preview --against . --samples -1", "--samples"),
    ("preview --against . --markdown --json", "give one of them"),
    (
        "preview --against . --show-values",
        "--show-values shows values of leads, and nobody sits at a terminal",
    ),
    ("approve", "FILE"),
    ("approve nowhere.json", "nowhere.json is not a plan"),
    ("move", "one of the two: --to ENGINE, or --cancel"),
    ("move --to postgres --cancel", "one of the two: --to ENGINE, or --cancel"),
    ("move --to postgre", "did you mean 'postgres'"),
    ("move --to duckdb", "so there is nothing to move"),
    ("move --to duckdb --to-env nowhere", "There are no settings for --to-env nowhere"),
    ("move --to duckdb --to-env No/where", "--to-env can't be 'No/where'"),
    ("move --to postgres", "destination.postgres.credentials"),
    ("move --to ducklake --dbt-project nowhere", "nowhere is no dbt project"),
    ("move --cancel", "was not moved away"),
    ("check --sample 5", "--sample goes with --reconcile"),
    ("check --repair", "--repair goes with --reconcile"),
    ("check --reconcile --sample 0", "--sample"),
    ("check --reconcile --sample -1", "--sample"),
    ("check --reconcile --sample 5 --window 2026-11-01..2026-11-02", "exclude each other"),
    ("check --reconcile --window 2026-11-01", "--window must be two times"),
    ("check --reconcile --window 2026-11-01..2026-02-30", "--window must be a date"),
    ("check --reconcile --window 2026-11-02..2026-11-01", "must start before it ends"),
    ("check --reconcile --window 2099-01-01..2099-01-02", "lies in the future"),
    ("check --reconcile --crm convosso", "did you mean 'convoso'"),
    ("sandbox --port 70000", "--port"),
    ("sandbox --leads -1", "--leads"),
    ("sandbox --seed x", "--seed"),
    ("sandbox --latency -1", "--latency"),
    ("sandbox --edits-per-second -0.5", "--edits-per-second"),
    ("sandbox --timezone Mars/Olympus", "Mars/Olympus"),
    ("sandbox --envelope dead", "dead"),
    ("sandbox --precision hour", "hour"),
    ("sandbox --older pollybott", "did you mean 'pollybot'? Available: leadping, pollybot"),
    ("sandbox --older convoso", "No CRM with two generations named 'convoso'"),
    ("sandbox --fault teapot", "teapot"),
    ("sandbox --fault status=teapot", "teapot"),
    ("sandbox --fault status=503:2", "probability"),
    ("sandbox --fault status=503:0.1:often=3", "often=3"),
    ("extract --shard 0/8", "--shard must be a part and the number of parts"),
    ("extract --shard 9/8", "not '9/8'"),
    ("extract --shard eight", "not 'eight'"),
    ("serve --env staging", "There are no settings for --env staging"),
    ("serve --dbt-project nowhere", "nowhere is no dbt project"),
    ("serve --database nowhere.duckdb", "nowhere.duckdb: there is no such file"),
    ("serve --host 0.0.0.0", "page.token is not set"),
    ("serve --port 0", "--port"),
    ("serve --send", "ledger.approval_key, by which approvals are signed, is not set"),
    ("demo --leads 3", "--leads"),
    ("demo --leads many", "--leads"),
    ("init a_file", "a_file is a file"),
    ("notebook a_file", "a_file is there already, and nothing was written"),
    ("notebook nowhere/leads.ipynb", "nowhere/leads.ipynb can't be written"),
    ("init new --name pollybot", "can't be called pollybot"),
    ("init new --name Office", "can't be called 'Office'"),
    ("init new --crm convosso", "did you mean 'convoso'"),
    *(
        (f"{command} --wait {seconds}", "--wait")
        for command in (
            "extract",
            "build",
            "plan p",
            "push p",
            "run",
            "resolve p",
            "check",
            "status",
            "move --cancel",
            "maintain",
        )
        for seconds in ("-1", "long")
    ),
    *(
        (f"{command} --env staging", "There are no settings for --env staging")
        for command in (
            "extract",
            "build",
            "plan p",
            "push p",
            "run",
            "resolve p",
            "check",
            "status",
            "move --cancel",
            "maintain",
            "snapshot",
            "undo r",
            "release p",
            "preview --against .",
            "approve f",
            "serve",
        )
    ),
    *(
        row
        for command in (
            "build",
            "plan p",
            "push p",
            "run",
            "resolve p",
            "check",
            "undo r",
            "release p",
            "preview --against .",
            "move --cancel",
            "serve",
        )
        for row in (
            (f"{command} --dbt-profiles-dir nowhere", "there is no profiles.yml in"),
            (f"{command} --dbt-vars region=east", "a JSON object such as"),
        )
    ),
]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command's entry point in an empty folder with everything set; gives exit code and message."""
    from connector import cli, config

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, text in {
        "AUTH_TOKEN": "tok-4711",
        "TIMEZONE": "UTC",
        "BASE_URL": "http://127.0.0.1:9/v1",
    }.items():
        monkeypatch.setenv(f"CRM__CONVOSO__{name}", text)
    config.reload()
    (tmp_path / "a_file").touch()
    umask, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)

    def run(*argv: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["leadloop", *argv])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        assert shown.out == ""
        return int(ended.value.code or 0), re.sub(r"\s+", " ", re.sub("[│╭╮╰╯─]", " ", shown.err))

    yield run
    os.umask(umask)
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_usage(command: Command, tmp_path: Path, line: str, words: str) -> None:
    """It is told before anything is opened, called or written."""
    code, message = command(*line.split())
    assert code == 2, message
    assert words in message
    assert "tok-4711" not in message
    assert "Traceback" not in message
    assert not (tmp_path / "leads.duckdb").exists()


@pytest.mark.parametrize(
    "line", ["run --yes", "build", "plan p", "push p --yes", "resolve p", "resolve p --take ours --all"]
)
def test_without_a_project_nothing_is_begun(command: Command, tmp_path: Path, line: str) -> None:
    """In a folder without a dbt project it is told where one was looked for and how to go on, and nothing is made there."""
    code, message = command(*line.split())
    assert code == 2, message
    assert f"neither {tmp_path}/dbt_models/dbt_project.yml nor {tmp_path}/dbt_project.yml" in message
    assert all(way in message for way in ("leadloop init", "-C DIR", "--dbt-project", "dbt.project"))
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


def test_the_folder_is_the_one_that_is_named(command: Command, tmp_path: Path) -> None:
    """-C goes there before anything is looked for, each further one from where the one before led, as with git."""
    (tmp_path / "one" / "two").mkdir(parents=True)
    assert f"neither {tmp_path}/one/two/dbt_models" in command("-C", "one", "-C", "two", "run")[1]


def test_status_makes_no_warehouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is none it says so, and there is none afterwards."""
    from connector.cli.status import status

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "leads.duckdb")
    status(as_json=True)
    assert '"crms": []' in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_every_option_is_given_wrongly_at_least_once() -> None:
    """An option that takes a value and is new has to be added to the table above."""
    import typer.main

    from connector.cli import app

    free = {
        "--html",
        "--select",
        "--push",
        "--lead",
        "--token",
        "--folder",
        "--dbt-profile",
        "--dbt-target",
        "--to-dbt-target",
        "--save",
        "--field",
        "--only-field",
        "--not-lead",
        "--note",
    }
    """Any text will do, or what is wrong about it shows only when it is used."""
    same = {"--log-format", "--wait"}
    """The same in every command."""
    for name, each in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        for option in each.params:
            long = max(option.opts, key=len)
            if option.param_type_name != "option" or option.is_flag or long in free:
                continue
            # For check, a wrong project is one of its findings.
            given = any(
                (long in same or line.startswith(f"{name} ")) and f" {long}" in line for line, _ in WRONG
            )
            assert given or (name, long) == ("check", "--dbt-project"), f"{name} {long}"
