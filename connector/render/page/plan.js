// The rows of a plan in a file of its own: searched, filtered, sorted, a hundred at a time. Values are only ever set as text.
(() => {
  "use strict";
  const STEP = 100;
  const data = JSON.parse(document.getElementById("data").textContent);
  const get = (id) => document.getElementById(id);
  const [text, list, field, sort] = ["text", "list", "field", "sort"].map(get);
  const body = get("table").tBodies[0];
  const heads = get("table").tHead;
  const more = get("more");
  const wantedName = get("table").dataset.wanted;
  let rows = [];
  let shown = 0;

  // A lead is [id, name, owner, status, fields]; a field is [name, before, after, base].
  const flat = Object.fromEntries(
    Object.entries(data).map(([name, leads]) => [
      name,
      leads.flatMap((lead, place) => lead[4].map((change) => ({ lead, place, change }))),
    ]),
  );
  const number = (shownAs) => {
    const found = shownAs.startsWith("“") ? shownAs.slice(1, -1).trim() : "";
    return found === "" ? NaN : Number(found);
  };
  const jump = (row) => {
    const size = Math.abs(number(row.change[2]) - (number(row.change[1]) || 0));
    return Number.isNaN(size) ? -1 : size;
  };
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  const orders = {
    lead: (a, b) => a.place - b.place,
    name: (a, b) => compare(a.lead[1], b.lead[1]),
    field: (a, b) => compare(a.change[0], b.change[0]),
    before: (a, b) => compare(a.change[1], b.change[1]),
    after: (a, b) => compare(a.change[2], b.change[2]),
    jump: (a, b) => jump(b) - jump(a),
  };

  const element = (name, kind, content, label) => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (label) made.dataset.label = label;
    made.append(...[content].flat().filter((each) => each !== ""));
    return made;
  };
  const value = (content, kind) =>
    element("bdi", `value ${["(blank)", "(never sent)"].includes(content) ? "blank" : kind}`, content);

  const line = (row, before) => {
    const [id, name, owner, status] = row.lead;
    const [what, now, then, base] = row.change;
    const conflict = list.value === "conflicts";
    const rest = [name ? id : "", status, owner].filter(Boolean).join(" · ");
    const who = element("th", "who", [element("b", "", element("bdi", "", name || id)), element("span", "small soft", element("bdi", "", rest))], "Lead");
    who.scope = "row";
    const made = element(
      "tr",
      before && before.place === row.place && sort.value === "lead" ? "again" : "",
      [
        who,
        element("td", "", what, "Field"),
        ...(conflict ? [element("td", "", value(base, ""), "We sent")] : []),
        element("td", "", value(now, "before"), conflict ? "The CRM shows" : "In the CRM now"),
        element("td", "", value(then, "after"), conflict ? wantedName : "Would become"),
      ],
    );
    return made;
  };

  const show = () => {
    const next = rows.slice(shown, shown + STEP);
    body.append(...next.map((row, place) => line(row, rows[shown + place - 1])));
    shown += next.length;
    more.hidden = shown >= rows.length;
  };

  const find = () => {
    const wanted = text.value.trim().toLowerCase();
    rows = flat[list.value]
      .filter((row) => !field.value || row.change[0] === field.value)
      .filter((row) => !wanted || [...row.lead.slice(0, 4), ...row.change].join("\n").toLowerCase().includes(wanted))
      .sort(orders[sort.value] ?? orders.lead);
    const leads = new Set(rows.map((row) => row.place)).size;
    const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
    get("count").textContent = rows.length ? `${plural(rows.length, "field")} of ${plural(leads, "lead")}` : "Nothing matches.";
    const conflict = list.value === "conflicts";
    heads.querySelector("[data-base]").hidden = !conflict;
    heads.querySelector("[data-now]").textContent = conflict ? "The CRM shows" : "In the CRM now";
    heads.querySelector("[data-then]").textContent = conflict ? wantedName : "Would become";
    body.replaceChildren();
    shown = 0;
    show();
  };

  const fields = () => {
    const names = [...new Set(flat[list.value].map((row) => row.change[0]))].sort(compare);
    field.replaceChildren(field.options[0], ...names.map((name) => new Option(name, name)));
    find();
  };

  let waiting;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 150);
  });
  list.addEventListener("change", fields);
  field.addEventListener("change", find);
  sort.addEventListener("change", find);
  more.firstElementChild.addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT)$/.test(event.target.tagName)) {
      event.preventDefault();
      text.focus();
    }
  });
  get("tools").hidden = false;
  fields();
})();
