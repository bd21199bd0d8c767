// The list of calls, with its filters.

const ROW = 26;
const view = { list: null, shown: null, texts: [], only: null };

function setUpCalls() {
  const { calls } = app;
  const counts = new Map(calls.services.map((row) => [row.name, 0]));
  for (let call = 0; call < calls.count; call += 1) counts.set(calls.name(call), counts.get(calls.name(call)) + 1);
  const services = [...counts].sort((a, b) => b[1] - a[1]);
  fill(byId("service"), make("option", { value: "" }, "all services"),
    services.map(([name, count]) => make("option", { value: name }, clean(name) + " (" + number(count) + ")")));
  view.list = new LongList({
    element: byId("calls"), rowHeight: () => (innerWidth < 640 ? 44 : ROW), draw: drawCall,
    choose: (index, event) => {
      select(callOf(index), "calls");
      if (event.key === "Enter") byId("details").focus();
    },
    key: (event) => {
      if (event.key !== "/") return false;
      byId("filter").focus();
      return true;
    },
  });
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("calls").focus();
  });
  const filter = nextFrame(applyFilter);
  for (const name of ["filter", "service", "failed"]) byId(name).addEventListener("input", filter);
  byId("only").onclick = () => showOnly(null, "");
  when("select", ({ call, from }) => {
    if (from !== "calls") follow(call);
  });
  when("tab", (name) => {
    if (name === "calls") requestAnimationFrame(() => follow(app.selected));
  });
  applyFilter();
  writeTexts();
}

const callOf = (index) => (view.shown ? view.shown[index] : index);

// Where a call stands in the list; -1 if the filters leave it out.
function placeOf(call) {
  if (!view.shown) return call;
  const place = lastAtMost(view.shown, call);
  return view.shown[place] === call ? place : -1;
}

function follow(call) {
  const place = call < 0 ? -1 : placeOf(call);
  view.list.activate(place);
  if (place >= 0) view.list.reveal(place, true);
}

// The text of a call as the filter sees it; made when nothing else is to do, or when asked for.
function textOf(call) {
  let text = view.texts[call];
  if (text === undefined) {
    text = callText(app.calls, call).toLowerCase();
    view.texts[call] = text;
  }
  return text;
}

function writeTexts() {
  const idle = window.requestIdleCallback || ((action) => setTimeout(() => action({ timeRemaining: () => 8 }), 50));
  let call = 0;
  const some = (deadline) => {
    while (call < app.calls.count && deadline.timeRemaining() > 1) {
      const end = Math.min(call + 200, app.calls.count);
      for (; call < end; call += 1) textOf(call);
    }
    if (call < app.calls.count) idle(some);
  };
  idle(some);
}

function applyFilter() {
  const { calls } = app;
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const service = byId("service").value;
  const wanted = service ? calls.services.findIndex((row) => row.name === service) : -1;
  const failed = byId("failed").checked;
  const from = view.only ? view.only.calls : failed ? calls.failures : null;
  if (!words.length && wanted < 0 && !from) view.shown = null;
  else {
    const shown = [];
    const count = from ? from.length : calls.count;
    for (let index = 0; index < count; index += 1) {
      const call = from ? from[index] : index;
      if (wanted >= 0 && calls.service[call] !== wanted) continue;
      if (failed && !calls.failed(call)) continue;
      if (words.length && !words.every((word) => textOf(call).includes(word))) continue;
      shown.push(call);
    }
    view.shown = shown;
  }
  const count = view.shown ? view.shown.length : calls.count;
  byId("calls-count").textContent = view.shown ? number(count) + " of " + plural(calls.count, "call") : plural(count, "call");
  view.list.resize(count);
  follow(app.selected);
}

// Show just these calls; null for all again.
function showOnly(found, title) {
  view.only = found ? { calls: found } : null;
  byId("only").hidden = !found;
  byId("only").textContent = clean(title) + " ×";
  byId("only").setAttribute("aria-label", "Stop showing only " + clean(title));
  byId("filter").value = "";
  byId("service").value = "";
  byId("failed").checked = false;
  applyFilter();
  if (!found) return;
  openTab("calls");
  byId("calls").focus();
}

function showService(name) {
  showOnly(null, "");
  byId("service").value = name;
  applyFilter();
  openTab("calls");
  byId("calls").focus();
}

// Choose a call and show it in the list; filters that leave it out are lifted.
function openCall(call) {
  if (placeOf(call) < 0) showOnly(null, "");
  openTab("calls");
  select(call, "open");
  byId("calls").focus({ preventScroll: true });
}

function drawCall(element, index) {
  const { calls } = app;
  const call = callOf(index);
  const failed = calls.failed(call);
  const { text, why, hook } = answerText(calls, call);
  const name = make("b", null, make("i", { class: "swatch " + GROUPS[calls.row(call).group][0] }), calls.name(call));
  name.style.paddingLeft = Math.min(calls.depth[call], 8) * 10 + "px";
  if (failed) element.classList.add("failed");
  element.dataset.call = call;
  element.append(
    make("span", { class: "at" }, moment(calls.started[call])),
    name,
    make("span", { class: "arguments" }, argumentTexts(calls, call).join(", ")),
    make("span", { class: "answer" }, "= " + text + why + hook),
    make("span", { class: "took" }, time(calls.took[call])));
}
