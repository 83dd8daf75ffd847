"""Who may see the pages, and what a page elsewhere can't do with them."""

import re
from urllib.parse import urlsplit

import pytest

from connector.web.keys import Keys
from connector.web.server import HOST
from tests.integration.conftest import PUSH, Past
from tests.integration.web.conftest import KEYS, Browser, Text

TOKEN = "a-long-random-text"


def test_another_name_for_this_machine_is_refused(browser: Browser) -> None:
    """A page whose own name is made to mean this machine can't read along; the names of this machine, at any port, are fine."""
    for host in (
        f"rebound.example:{browser.port}",
        "192.168.1.9",
        "localhost.evil.example",
        "",
        "[::1].evil",
    ):
        assert browser.get("/", Host=host).status in (400, 403), host
    for host in (f"localhost:{browser.port}", f"127.0.0.1:{browser.port}", "[::1]:1", "localhost"):
        assert browser.get("/", Host=host).status == 200, host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://{HOST}:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": None, "Sec-Fetch-Site": None},
        {"Content-Type": "text/plain"},
    ],
)
def test_another_site_can_send_nothing(browser: Browser, headers: dict[str, str | None]) -> None:
    """A form or a script elsewhere, or a program that doesn't say from where, is refused before anything is read."""
    for address in ("/leads", "/conflicts", f"/pushes/{PUSH}/rows"):
        assert browser.post(address, {}, **headers).status in (403, 415), (address, headers)


def test_a_form_that_is_not_ours_is_refused(browser: Browser) -> None:
    """The word that our forms carry is asked for besides, and it is another one in each project."""
    for word in ("", "wrong", Keys(b"other" * 8).form):
        assert browser.post("/leads", {"form": word}).status == 403
    assert browser.post("/leads", {}).status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_do_nothing(browser: Browser, method: str) -> None:
    """The pages know GET and POST."""
    assert browser.ask(method, "/").status == 405


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_a_page(
    browser: Browser, past: Past
) -> None:
    """Strict content security policy; every file comes from this server; no inline script, style or handler."""
    for address in (
        "/",
        f"/pushes/{PUSH}",
        "/leads",
        f"/leads/{KEYS.lead('convoso', past.renamed)}",
        "/conflicts",
        "/runs",
    ):
        page = browser.get(address)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        found = Text(page.body)
        assert "style" not in found.tags
        assert not [
            name for _, name, _ in found.attributes if name == "style" or name.startswith(("on", "hx-on"))
        ]
        assert re.findall(r"<script[^>]*>[^<]", page.body) == []
        for tag, name, value in found.attributes:
            if name in ("src", "href", "action", "hx-get", "hx-post"):
                assert not urlsplit(value or "").netloc, (tag, value)
    for name, kind in (
        ("page.css", "text/css"),
        ("htmx.js", "text/javascript"),
        ("app.js", "text/javascript"),
        ("htmx-LICENSE.txt", "text/plain"),
    ):
        file = browser.get(f"/static/{name}")
        assert file.status == 200
        assert file.headers["content-type"].startswith(kind)
        assert not re.search(r"@import|url\(", file.body) or name == "htmx.js"


def test_a_browser_has_to_say_the_token_once(fresh: object) -> None:
    """Without it nothing is shown, whatever the host; with it a cookie that scripts and other sites can't use."""
    with fresh(token=TOKEN) as browser:  # type: ignore[operator]
        for address in ("/", "/runs", "/leads", "/fresh"):
            assert browser.get(address).status == 401
        assert browser.get("/enter?token=wrong").status == 401
        entered = browser.get(f"/enter?token={TOKEN}")
        assert (entered.status, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        said = cookie.partition(";")[0]
        assert browser.get("/", Cookie=said).status == 200
        assert browser.get("/", Cookie=said, Host="leads.example").status == 200
        assert browser.get("/", Cookie="leadloop_page=guess").status == 401
        assert browser.post("/leads", {}, Origin="https://evil.example", Cookie=said).status == 403


def test_no_address_and_no_log_names_a_lead(browser: Browser, past: Past) -> None:
    """Not a lead's id, not its name, not what somebody searched for: only routes are logged, and addresses are sealed."""
    browser.post("/leads", {"text": "Renée"})
    browser.get(f"/leads/{KEYS.lead('convoso', past.renamed)}")
    browser.post(f"/pushes/{PUSH}/rows", {"text": past.renamed}, htmx=True)
    for body in (browser.post("/leads", {"text": "Renée"}).body, browser.get("/conflicts").body):
        for _, name, value in Text(body).attributes:
            if name in ("href", "action", "hx-get", "hx-post"):
                assert past.renamed not in (value or "")
                assert past.edited_after_push[0] not in (value or "")
    log = "\n".join(browser.log)
    assert "GET /leads/{key} 200" in log
    assert past.renamed not in log
    assert KEYS.lead("convoso", past.renamed) not in log
    assert "Ren" not in log


def test_private_values_are_masked_unless_the_server_was_told_to_show_them(fresh: object, past: Past) -> None:
    """Phone numbers and mail addresses leave two characters; names don't, so that people know the lead; a setting says which."""
    import duckdb

    with duckdb.connect(str(past.path), read_only=True) as connection:
        row = connection.execute(
            "select phone_number, email, first_name from analytics.leads where lead_id = ?", [past.renamed]
        ).fetchone()
    assert row is not None
    phone, email, name = row
    address = f"/leads/{KEYS.lead('convoso', past.renamed)}"
    with fresh() as browser:  # type: ignore[operator]
        masked = browser.get(address).body
    assert phone not in masked
    assert f"•••• {phone[-2:]}" in masked
    assert not email or email not in masked
    assert name in masked
    with fresh(show_values=True) as browser:  # type: ignore[operator]
        assert phone in browser.get(address).body
    with fresh(private=("*",)) as browser:  # type: ignore[operator]
        everything = browser.get(address).body
    assert name not in everything
    assert "“100”" not in everything


def test_what_is_masked_can_not_be_found_out_by_searching(fresh: object, past: Past) -> None:
    """A search looks at what is shown, so that nobody learns a hidden value letter by letter."""
    with fresh("update analytics.lead_scores set tier = 'secretword'", private=("title",)) as browser:  # type: ignore[operator]
        form = {"list": "leads", "text": "secretword"}
        assert "Nothing matches" in browser.post(f"/pushes/{PUSH}/rows", form, htmx=True).text
        assert "secretword" not in browser.get(f"/pushes/{PUSH}").body
    with fresh("update analytics.lead_scores set tier = 'secretword'") as browser:  # type: ignore[operator]
        assert "Nothing matches" not in browser.post(f"/pushes/{PUSH}/rows", form, htmx=True).text
