// What the pages of `leadloop serve` do besides htmx: times in the reader's zone, the word of our forms, "/" for the search.
(() => {
  "use strict";
  const word = document.querySelector('meta[name="leadloop-form"]')?.content ?? "";
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-Leadloop-Form"] = word;
  });

  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const local = (root) => {
    for (const each of root.querySelectorAll("time[datetime]:not([data-ago]):not([data-local])")) {
      const at = new Date(each.dateTime);
      if (!Number.isNaN(at.valueOf())) {
        each.textContent = shown.format(at);
        each.dataset.local = "";
      }
    }
  };
  local(document);
  document.addEventListener("htmx:afterSwap", (event) => local(event.detail.target.parentNode ?? document));
  document.addEventListener("htmx:load", (event) => local(event.detail.elt.parentNode ?? document));

  // Leads that are to be left out stay so while their rows come and go with searches and pages.
  const left = new Map();
  const list = document.getElementById("left-out");
  const boxes = (root, value) =>
    [...root.querySelectorAll('input[name="left"][type="checkbox"]')].filter((box) => value === undefined || box.value === value);
  const leave = (value, name, out) => {
    if (out === left.has(value)) return;
    if (out) {
      const item = document.createElement("li");
      const kept = document.createElement("input");
      kept.type = "hidden";
      kept.name = "left";
      kept.value = value;
      const back = document.createElement("button");
      back.type = "button";
      back.textContent = `${name} ✕`;
      back.setAttribute("aria-label", `Send ${name} after all`);
      back.addEventListener("click", () => {
        leave(value, name, false);
        list.closest("fieldset").querySelector('input[type="text"]').focus();
      });
      item.append(kept, back);
      list.append(item);
      left.set(value, item);
    } else {
      left.get(value).remove();
      left.delete(value);
    }
    for (const box of boxes(document, value)) box.checked = out;
  };
  if (list) {
    const take = (root) => {
      for (const box of boxes(root)) {
        if (left.has(box.value)) box.checked = true;
        else if (box.checked) leave(box.value, box.dataset.name, true);
      }
    };
    document.addEventListener("change", (event) => {
      if (event.target.matches?.('input[name="left"][type="checkbox"]')) {
        leave(event.target.value, event.target.dataset.name, event.target.checked);
      }
    });
    document.addEventListener("htmx:load", (event) => take(event.detail.elt.parentNode ?? document));
    take(document);
  }

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });
})();
