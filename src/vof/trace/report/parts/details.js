// The chosen call in full: beside the views, or on a phone below them.

function setUpDetails() {
  byId("details").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    closeDetails();
  });
  when("select", ({ call }) => showDetails(call));
  showDetails(-1);
}

function closeDetails() {
  deselect();
  const list = { calls: "calls", tree: "tree", memory: "memory-map", console: "console" }[app.tab] || "tab-overview";
  byId(list).focus();
}

function showDetails(call) {
  const aside = byId("details");
  document.body.classList.toggle("chosen", call >= 0);
  if (call < 0) return;
  const { calls } = app;
  const row = calls.row(call);
  fill(aside,
    make("div", { class: "bar" },
      make("h2", null, make("i", { class: "swatch " + GROUPS[row.group][0] }), row.name),
      make("div", { class: "buttons" },
        button("‹", () => select(call - 1, "details"), { "aria-label": "The call before" }),
        button("›", () => select(call + 1, "details"), { "aria-label": "The call after" }),
        button("×", closeDetails, { "aria-label": "Close" }))),
    row.summary && make("p", { class: "quiet" }, row.summary),
    make("p", { class: "mono line" }, callText(calls, call)),
    calls.failed(call) && make("p", { class: "why" }, calls.reason(call)),
    cells("Arguments", calls, call, calls.args(call), row.args, argumentTexts(calls, call)),
    cells("Results", calls, call, calls.results(call), row.results, resultTexts(calls, call)),
    notes(calls, call),
    [["It was given", calls.gift(call)], ...calls.writes(call).map((piece) => ["It wrote", piece])].map(([title, piece]) => piece && memoryOf(title, piece)),
    make("dl", { class: "facts" }, factsOf(calls, call).flatMap(([name, value]) => [make("dt", null, name), make("dd", null, value)])),
    make("div", { class: "links" }, linksOf(calls, call)));
}

function cells(title, calls, call, values, declared, texts) {
  if (!values.length) return null;
  const rows = values.map((cell, place) => make("tr", null,
    make("th", { scope: "row" }, declared[place] ? declared[place][0] : "cell " + place),
    make("td", { class: "mono" }, texts[place]),
    make("td", { class: "mono quiet" }, texts[place] === hex(cell) ? "" : hex(cell))));
  return [make("h3", null, title), make("table", { class: "cells" }, make("tbody", null, rows))];
}

function notes(calls, call) {
  const note = calls.notes.get(call);
  if (!note) return null;
  const said = [
    note.status && "r3 was " + note.status,
    note.outcome && "it came to: " + note.outcome,
    note.hook && "a hook answered (" + note.hook + ")",
  ].filter(Boolean);
  return make("p", null, said.join("; "));
}

function memoryOf(title, piece) {
  const pre = make("pre", { class: "mono", tabindex: 0, role: "region", "aria-label": title });
  pre.textContent = dump(piece);
  return [make("h3", null, title + " " + plural(piece.size, "byte")), pre];
}

function factsOf(calls, call) {
  const phase = lastAtMost(timeline.phases.map(([at]) => at), calls.started[call]);
  const parent = calls.parent(call);
  return [
    ["number", number(call + 1) + " of " + number(calls.count)],
    ["began at", moment(calls.started[call]) + " s"],
    ["took", time(calls.took[call])],
    ["phase", phase < 0 ? "" : timeline.phases[phase][2]],
    ["inside of", parent < 0 ? "" : calls.name(parent)],
  ].filter(([, value]) => value);
}

function linksOf(calls, call) {
  const parent = calls.parent(call);
  const path = nodePathOf(calls, call);
  const claim = app.data.claims.findIndex((row) => row[4] === call || row[5] === call);
  return [
    app.tab !== "calls" && button("In the list", () => openCall(call), { class: "chip" }),
    button("On the timeline", () => {
      const { started, took } = calls;
      look(started[call] - Math.max(took[call] * 8, 50000), calls.end(call) + Math.max(took[call] * 8, 50000));
    }, { class: "chip" }),
    path && button("Node " + path, () => openNode(calls.boot[call], path), { class: "chip" }),
    app.data.outputs.at.length && button("Console then", () => openConsole(call), { class: "chip" }),
    claim >= 0 && button("Claim map", () => openClaim(claim), { class: "chip" }),
    parent >= 0 && button("The call around it", () => select(parent, "details"), { class: "chip" }),
  ];
}
