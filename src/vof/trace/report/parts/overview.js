// The overview: how it ended, what failed and why, phases, services, and what was run.

const REASONS_SHOWN = 60;
const GROUPS_SHOWN = 100;

function setUpOverview() {
  const { data, calls } = app;
  const { header } = data;
  const title = [header.machine, header.engine, header.trap].filter(Boolean);
  document.title = clean(data.name + " · " + header.machine);
  fill(byId("title"), clean(data.name));
  byId("title").textContent = clean(data.name);
  byId("subtitle").textContent = clean([...title, header.created.replace(/T(\d\d:\d\d):.*/, " $1 UTC")].filter(Boolean).join(" · "));
  showEnding(data);
  showTotals(data, calls);
  showParting(data);
  showFailures(calls);
  showPhases(data);
  showStatistics(calls);
  showAbout(data);
}

function showEnding(data) {
  const end = data.happenings.filter(([, kind]) => kind === "end").at(-1);
  const parts = [end ? end[3] || end[2] : "", data.complete ? "" : "the recording has no end: vof was ended, or still runs"];
  if (data.leftOut) parts.push(number(data.leftOut) + " calls and pieces of output more are in the recording than a page can hold");
  byId("ending").textContent = clean(parts.filter(Boolean).join(" · ") || "ended");
  byId("ending").className = data.complete && !data.leftOut ? "" : "warning";
}

function showTotals(data, calls) {
  let inside = 0;
  for (let call = 0; call < calls.count; call += 1) if (!calls.depth[call]) inside += calls.took[call];
  const totals = [
    ["calls", number(calls.count)],
    ["failed", number(calls.failures.length)],
    ["in the firmware", time(inside)],
    ["whole run", time(data.span)],
    ["claimed at most", bytes(mostClaimed(data.claims))],
  ];
  fill(byId("totals"), totals.map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, value))));
}

function mostClaimed(claims) {
  const changes = claims.flatMap(([, size, since, until]) => [[since, size], [until, -size]]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0;
  let most = 0;
  for (const [, change] of changes) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

// Where this run parts from another; a line's first character says whose it is.
function showParting({ parting }) {
  if (!parting) return;
  const kinds = { "-": "theirs", "+": "ours", "@": "place" };
  byId("parting").hidden = false;
  byId("parting-title").textContent = clean("Against " + parting.name);
  fill(byId("parting-lines"), parting.lines.map((line) => make("p", { class: kinds[line[0]] ?? null }, line)));
  if (parting.call >= 0) fill(byId("parting-call"), button("Show the call", () => openCall(parting.call), { class: "chip", "data-call": parting.call }));
}

// Reasons that differ only in names, paths and numbers are of one kind.
function kindOf(reason) {
  return reason.replace(/"[^"]*"/g, '"…"').replace(/(^|\s)\/[^\s:,]*/g, "$1/…").replace(/\b0x[0-9a-f]+\b|\b\d+\b/g, "…");
}

function showFailures(calls) {
  if (!calls.failures.length) {
    fill(byId("failures"), make("p", { class: "quiet" }, calls.count ? "No call failed." : "There are no calls in this recording."));
    return;
  }
  const kinds = new Map();
  for (const call of calls.failures) {
    const reason = calls.reason(call);
    const key = calls.name(call) + "\0" + kindOf(reason);
    if (!kinds.has(key)) kinds.set(key, { name: calls.name(call), kind: kindOf(reason), calls: [], reasons: new Map() });
    const group = kinds.get(key);
    group.calls.push(call);
    if (!group.reasons.has(reason)) group.reasons.set(reason, []);
    group.reasons.get(reason).push(call);
  }
  const groups = [...kinds.values()].sort((a, b) => b.calls.at(-1) - a.calls.at(-1));
  fill(byId("failures"),
    make("p", { class: "quiet" }, plural(calls.failures.length, "call") + " failed for " + plural(groups.length, "kind") + " of reason, the latest first."),
    groups.slice(0, GROUPS_SHOWN).map((group, index) => failureGroup(group, index === 0)));
}

function failureGroup(group, open) {
  const body = make("ul", { class: "reasons" });
  const [only] = group.reasons.keys();
  const kind = group.reasons.size === 1 ? only : group.kind;
  const details = make("details", { class: "failure" },
    make("summary", null, make("span", { class: "count" }, number(group.calls.length)), make("b", null, group.name), make("span", { class: "reason" }, kind)), body);
  const build = () => {
    if (!details.open || body.childElementCount) return;
    const rows = [...group.reasons].slice(0, REASONS_SHOWN).map(([reason, found]) => make("li", null,
      button(reason, () => openCall(found[0]), { class: "link reason-link", "data-call": found[0] }),
      found.length > 1 && button("all " + number(found.length), () => showOnly(found, group.name + ": " + reason), { class: "chip" })));
    if (group.reasons.size > REASONS_SHOWN) rows.push(make("li", { class: "quiet" }, "and " + number(group.reasons.size - REASONS_SHOWN) + " reasons more"));
    if (group.reasons.size > 1) rows.push(make("li", null, button("show all " + number(group.calls.length) + " in the list", () => showOnly(group.calls, group.name + ": " + group.kind), { class: "chip" })));
    fill(body, rows);
  };
  details.addEventListener("toggle", build);
  if (open) {
    details.open = true;
    build();
  }
  return details;
}

function table(headings, rows, attributes) {
  return make("table", attributes,
    make("thead", null, make("tr", null, headings.map(([name, kind]) => make("th", { scope: "col", class: kind }, name)))),
    make("tbody", null, rows));
}

function showPhases(data) {
  const shown = data.happenings.slice(0, 500);
  const rows = shown.map(([at, kind, name, detail], index) => {
    const after = shown.slice(index + 1).find(([, other]) => other === "phase" || other === "end");
    const lasts = kind === "phase" && after ? time(after[0] - at) : "";
    return make("tr", { class: kind },
      make("td", { class: "number" }, button(moment(at), () => look(at, after && kind === "phase" ? after[0] : at + 1e6), { class: "link", title: "Show on the timeline" })),
      make("td", null, make("b", null, kind === "phase" ? name : kind === "end" ? "end: " + name : name), " ", make("span", { class: "quiet" }, detail)),
      make("td", { class: "number" }, lasts));
  });
  fill(byId("phases"), table([["at (s)", "number"], ["what"], ["lasted", "number"]], rows));
}

function showStatistics(calls) {
  const rows = calls.services.map((row) => ({ name: row.name, summary: row.summary, group: row.group, calls: 0, failed: 0, total: 0, times: [] }));
  for (let call = 0; call < calls.count; call += 1) {
    const row = rows[calls.service[call]];
    row.calls += 1;
    row.failed += calls.failed(call) ? 1 : 0;
    row.total += calls.took[call];
    row.times.push(calls.took[call]);
  }
  for (const row of rows) {
    const sorted = Float64Array.from(row.times).sort();
    row.median = sorted[sorted.length >> 1];
    row.most = sorted.at(-1);
    delete row.times;
  }
  const order = { key: "total", down: true };
  const columns = [["service", "name"], ["calls", "calls"], ["failed", "failed"], ["total", "total"], ["median", "median"], ["longest", "most"]];
  const draw = () => {
    rows.sort((a, b) => (order.down ? -1 : 1) * (order.key === "name" ? -(a.name < b.name ? -1 : 1) : a[order.key] - b[order.key]));
    const head = columns.map(([title, key]) => make("th", {
      scope: "col", class: { name: "", most: "number wide" }[key] ?? "number",
      "aria-sort": order.key === key ? (order.down ? "descending" : "ascending") : "none",
    }, button(title, () => {
      order.down = order.key === key ? !order.down : true;
      order.key = key;
      draw();
      byId("statistics").querySelector('[data-key="' + key + '"]').focus();
    }, { class: "sort", "data-key": key })));
    const body = rows.map((row) => make("tr", null,
      make("td", null, make("button", { type: "button", class: "link", title: row.summary || null, onclick: () => showService(row.name) },
        make("i", { class: "swatch " + GROUPS[row.group][0] }), row.name)),
      make("td", { class: "number" }, number(row.calls)),
      make("td", { class: "number" + (row.failed ? " failed" : " none") }, number(row.failed)),
      make("td", { class: "number" }, time(row.total)),
      make("td", { class: "number" }, time(row.median)),
      make("td", { class: "number wide" }, time(row.most))));
    fill(byId("statistics"), make("table", { class: "statistics" }, make("thead", null, make("tr", null, head)), make("tbody", null, body)));
  };
  draw();
}

function showAbout(data) {
  const { header } = data;
  const facts = [
    ["machine", header.machine], ["engine", header.engine], ["trap", header.trap], ["runs as", header.running],
    ...header.options.map(([name, value]) => ["option " + name, value]),
    ["recorded", header.created], ["by", "vof " + header.vof + ", " + header.host],
    ...data.boots.map((boot, index) => [data.boots.length > 1 ? "boot " + (index + 1) : "memory", bytes(boot.memory)]).slice(0, 20),
  ].filter(([, value]) => value);
  const rows = facts.flatMap(([name, value]) => [make("dt", null, name), make("dd", null, value)]);
  if (header.command.length) rows.push(make("dt", null, "command"), make("dd", { class: "mono" }, header.command.join(" ")));
  fill(byId("about"), rows);
}
