"""What somebody typed into a CRM stays text, on every page."""

from tests.integration.conftest import PUSH, Past
from tests.integration.web.conftest import KEYS, Browser, Text

HOSTILE = (
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "\u202egnp.exe",
)


def pages(browser: Browser, lead: str) -> dict[str, str]:
    run = browser.site.status().commands[0].run_id
    return {
        "overview": browser.get("/").body,
        "plan": browser.get(f"/pushes/{PUSH}").body,
        "changes": browser.post(f"/pushes/{PUSH}/rows", {"list": "leads", "sort": "after"}).body,
        "rows": browser.post(f"/pushes/{PUSH}/rows", {"list": "leads"}, htmx=True).body,
        "conflicts": browser.get("/conflicts").body,
        "search": browser.post("/leads", {"text": "a"}).body,
        "said": browser.post("/leads", {"text": HOSTILE[1]}).body,
        "lead": browser.get(f"/leads/{KEYS.lead('convoso', lead)}").body,
        "runs": browser.get("/runs").body,
        "run": browser.get(f"/runs/{run}").body,
    }


def test_hostile_values_are_text_on_every_page(fresh: object, past: Past) -> None:
    """In a name, an owner, a status, a field's old, sent and wanted value, a CRM's reason, a run's user: no tag and no attribute comes of it."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in HOSTILE)

    def another(number: int) -> str:
        """Another one for each row, and for each column of a row."""
        return f"([{quoted}])[1 + (rowid + {number}) % {len(HOSTILE)}]"

    sql = f"""
        update analytics.lead_history set first_name = {another(0)}, status_name = {another(1)}, owner_id = {another(2)},
            last_modified_by = {another(3)}, city = {another(4)}, state = {another(5)}, country = {another(6)}, carrier_name = {another(7)};
        update analytics.lead_changes set old_value = {another(1)}, new_value = {another(4)};
        update analytics.lead_scores set tier = {another(0)};
        update leadloop.push_journal set reason = {another(2)}, value = {another(5)} where field = 'title';
        update leadloop.runs set why = {another(0)}, who = {another(3)}, host = {another(6)};
        update leadloop.runs set push_run_id = (select max(run_id) from leadloop.push_runs)
    """
    with fresh(sql, show_values=True) as browser:  # type: ignore[operator]
        found = pages(browser, past.edited_after_push[0])
    for name, body in found.items():
        seen = Text(body)
        whole = body.startswith("<!doctype")
        assert seen.tags.count("script") == (2 if whole else 0), name
        assert "img" not in seen.tags, name
        names = [each for _, each, _ in seen.attributes]
        assert not [each for each in names if each.startswith("on")], name
        assert names.count("autofocus") == (1 if name in ("search", "said") else 0), name
        addresses = [
            each or "" for _, attribute, each in seen.attributes if attribute in ("href", "src", "action")
        ]
        assert all(each == "" or each.startswith(("/", "#")) for each in addresses), name
        assert "\u202e" not in Text(found["lead"]).text
    for value in HOSTILE:
        shown = "".join(Text(found[name]).text for name in ("lead", "changes", "runs", "conflicts", "run"))
        assert value.replace("\u202e", "·") in shown, value
