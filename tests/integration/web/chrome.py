"""A real Chromium without a screen, driven over its debugging pipe: no package of others, no port."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PATIENCE = 60.0
AS_3_AND_4 = """
import fcntl, os, sys
one, other = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 50) for each in sys.argv[1:3])
os.dup2(one, 3)
os.dup2(other, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads what it is told from its file 3, and answers in 4."""
KEYS = {"Tab": 9, "Enter": 13, "Space": 32, "Escape": 27}


class Chrome:
    """One page of it."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._number = 0
        self._rest = b""
        self.complaints: list[str] = []
        """What the page or the browser complained of."""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session: str | None = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Accessibility", "DOM"):
            self(f"{domain}.enable")

    _session: str | None = None

    def __call__(self, method: str, **params: Any) -> Mapping[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        while True:
            said = self._next()
            if said.get("id") == self._number:
                assert "error" not in said, (method, said)
                found: Mapping[str, Any] = said["result"]
                return found

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            self._rest += os.read(self._read, 1 << 20)
        line, _, self._rest = self._rest.partition(b"\0")
        said: dict[str, Any] = json.loads(line)
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"].get("text")))
        if said.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])
        return said

    def open(self, address: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Shows a page, and waits until it and its scripts are there."""
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self("Emulation.setEmulatedMedia", features=[scheme])
        self("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")
        self.complaints.clear()
        self("Page.navigate", url=address)
        self.until(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")
        self.until("!document.body.textContent.includes('The plan is being made')")

    def __getitem__(self, expression: str) -> Any:
        """What an expression of JavaScript is."""
        found = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str, seconds: float = PATIENCE) -> None:
        """Waits until an expression is true; a page that is being loaded is asked again."""
        end = time.monotonic() + seconds
        while True:
            try:
                if self[expression]:
                    return
            except AssertionError:
                pass
            assert time.monotonic() < end, expression
            time.sleep(0.1)

    def press(self, key: str) -> None:
        """A key goes down and up."""
        code = KEYS[key]
        text = {"Enter": "\r", "Space": " "}.get(key)
        given = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
        self("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        self("Input.dispatchKeyEvent", type="keyUp", **given)

    def write(self, text: str) -> None:
        """Types into what has the focus."""
        self("Input.insertText", text=text)

    def tab_to(self, selector: str, most: int = 300) -> None:
        """Goes on with Tab until what the selector names has the focus."""
        for _ in range(most):
            if self[f"document.activeElement.matches({json.dumps(selector)})"]:
                return
            self.press("Tab")
        raise AssertionError(f"Tab never reaches {selector}")

    def nodes(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        """(role, name, properties) of everything that a screen reader tells of."""
        found: list[tuple[str, str, Mapping[str, Any]]] = []
        for node in self("Accessibility.getFullAXTree")["nodes"]:
            if not node.get("ignored"):
                more = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
                found.append((node["role"]["value"], node.get("name", {}).get("value", ""), more))
        return found


@contextmanager
def chrome(command: str, flags: tuple[str, ...]) -> Iterator[Chrome]:
    """A browser of its own."""
    out_read, out_write = os.pipe()
    in_read, in_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as own:
        child = subprocess.Popen(
            [
                *(sys.executable, "-S", "-c", AS_3_AND_4, str(in_read), str(out_write), command, *flags),
                *("--remote-debugging-pipe", f"--user-data-dir={own}", "about:blank"),
            ],
            pass_fds=(in_read, out_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(in_read)
        os.close(out_write)
        try:
            yield Chrome(out_read, in_write)
        finally:
            child.terminate()
            child.wait(20)
            os.close(out_read)
            os.close(in_write)


CONTRAST = """(() => {
  const numbers = (colour) => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return found.length > 3 ? found : [...found, 1];
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((each) => {
      const part = each / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, below) => top.slice(0, 3).map((each, place) => each * top[3] + below[place] * (1 - top[3]));
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    return layers.reverse().reduce((below, top) => over(top, below), dark ? [18, 18, 18] : [255, 255, 255]);
  };
  const poor = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const element = walk.currentNode.parentElement;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (!text || !box.width || style.visibility === "hidden" || style.clipPath !== "none" || element.closest(".hidden, .skip, svg")) continue;
    if (element.closest("[disabled]")) continue;
    const below = behind(element);
    const colour = over(numbers(style.color), below);
    const [one, other] = [light(colour), light(below)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.add(`contrast ${ratio.toFixed(2)}: ${element.tagName}.${element.className} "${text.slice(0, 30)}"`);
  }
  return [...poor];
})()"""
STRUCTURE = """(() => {
  const found = [];
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) found.push(`two elements have the id ${id}`);
  if (!document.documentElement.lang) found.push("the page has no language");
  if (!document.title) found.push("the page has no title");
  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((each) => Number(each.tagName[1]));
  if (levels.filter((each) => each === 1).length !== 1) found.push("there is not exactly one h1");
  levels.forEach((level, place) => { if (place && level > levels[place - 1] + 1) found.push(`h${level} follows h${levels[place - 1]}`); });
  for (const table of document.querySelectorAll("table")) {
    if (!table.querySelector("thead th[scope=col]")) found.push("a table has no heads of columns");
    for (const row of table.querySelectorAll("tbody tr:not(.more-row)")) {
      if (row.cells.length !== table.tHead.rows[0].cells.length) { found.push(`a row of ${table.caption?.textContent ?? table.id} has ${row.cells.length} cells`); break; }
    }
  }
  for (const each of document.querySelectorAll("[aria-labelledby]")) {
    if (!document.getElementById(each.getAttribute("aria-labelledby"))) found.push(`nothing has the id ${each.getAttribute("aria-labelledby")}`);
  }
  for (const each of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")) {
    const box = each.getBoundingClientRect();
    const target = each.closest("label") ?? each;
    const size = target.getBoundingClientRect();
    const inline = each.tagName === "A" && getComputedStyle(each).display === "inline";
    if (box.width > 1 && !inline && !each.closest(".skip") && (size.height < 24 || size.width < 24)) found.push(`${each.tagName} ${each.textContent.slice(0, 20)} is ${size.width.toFixed()} × ${size.height.toFixed()}`);
    if (Number(each.tabIndex) > 0) found.push(`${each.tagName} has a tabindex above 0`);
  }
  if (document.scrollingElement.scrollWidth > innerWidth) found.push(`the page is ${document.scrollingElement.scrollWidth} wide, the screen ${innerWidth}`);
  return found;
})()"""
NAMED = {
    *("link", "button", "textbox", "searchbox", "checkbox", "radio", "combobox", "image", "img"),
    *("progressbar", "ProgressIndicator", "DisclosureTriangle", "navigation"),
}


def problems(page: Chrome) -> list[str]:
    """What stands in the way of somebody who sees little, or uses a keyboard or a screen reader; of the page as it is shown."""
    found = [*page[CONTRAST], *page[STRUCTURE]]
    nodes = page.nodes()
    found += [f"a {role} has no name" for role, name, _ in nodes if role in NAMED and not name.strip()]
    for landmark in ("banner", "main", "contentinfo", "navigation"):
        if (number := sum(role == landmark for role, _, _ in nodes)) != 1:
            found.append(f"{number} landmarks are {landmark}")
    return [*found, *page.complaints]


def walk(page: Chrome, most: int = 400) -> list[str]:
    """Goes through the page with Tab: what is wrong with the order, the way or what is seen of it."""
    number = page[
        """(() => { let number = 0; for (const each of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, main"))
        if (each.checkVisibility() && !each.disabled && (each.tabIndex >= 0)) each.dataset.place = number++; return number; })()"""
    ]
    page["document.activeElement.blur()"]
    found: list[str] = []
    reached: list[int] = []
    for _ in range(min(number, most)):
        page.press("Tab")
        place, outline, seen = page[
            """(() => { const now = document.activeElement, style = getComputedStyle(now), box = now.getBoundingClientRect();
            return [Number(now.dataset.place ?? -1), style.outlineStyle, box.width > 0 && box.bottom > 0 && box.top < innerHeight]; })()"""
        ]
        if place < 0:
            break
        reached.append(place)
        if outline == "none":
            found.append(f"the focus on element {place} is not seen")
        if not seen:
            found.append(f"element {place} has the focus and is not on the screen")
    if reached != sorted(reached):
        found.append("Tab goes back and forth")
    if len(reached) < min(number, most):
        found.append(f"Tab reaches {len(reached)} of {number}")
    return found
