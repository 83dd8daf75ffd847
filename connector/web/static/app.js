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
