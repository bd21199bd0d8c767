// What the reader looks at: a call, a window of time, a view. The parts of the page tell each other of changes here.

const app = { data: null, calls: null, selected: -1, from: 0, to: 1, tab: "overview" };
const told = new Map();

function when(name, action) {
  told.set(name, [...(told.get(name) || []), action]);
}

function tell(name, value) {
  for (const action of told.get(name) || []) action(value);
}

// Choose a call. `from` says which part did: the others follow.
function select(call, from = "") {
  if (call < 0 || call >= app.calls.count) return;
  app.selected = call;
  remember("#call=" + call);
  tell("select", { call, from });
}

function deselect() {
  app.selected = -1;
  remember("#");
  tell("select", { call: -1, from: "" });
}

// Have the page's address say what is chosen, a while after the last change: a browser counts the changes.
let remembering = 0;

function remember(hash) {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    try {
      history.replaceState(null, "", hash);
    } catch {
      // a page without an address of its own
    }
  }, 250);
}

const NARROWEST = 1000; // nanoseconds

function look(from, to) {
  const { span } = app.data;
  const width = clamp(to - from, NARROWEST, Math.max(span, NARROWEST));
  app.from = clamp(from, 0, Math.max(0, span - width));
  app.to = app.from + width;
  tell("window");
}

function zoom(factor, around = (app.from + app.to) / 2) {
  look(around - (around - app.from) * factor, around + (app.to - around) * factor);
}

// See that a call is in the window, and wide enough to be seen.
function lookAt(call) {
  const { started, took } = app.calls;
  const width = app.to - app.from;
  const end = started[call] + took[call];
  if (started[call] < app.from || end > app.to) look(started[call] - width / 2, started[call] + width / 2);
}

// The views.

const TABS = [["overview", "Overview"], ["calls", "Calls"], ["tree", "Tree"], ["memory", "Memory"], ["console", "Console"]];

function showTabs() {
  fill(byId("tabs"), TABS.map(([name, title]) => make("button", {
    type: "button", role: "tab", id: "tab-" + name, "aria-controls": "panel-" + name, onclick: () => openTab(name),
  }, title)));
  byId("tabs").addEventListener("keydown", (event) => {
    const place = TABS.findIndex(([name]) => name === app.tab);
    const next = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    openTab(TABS[(next + TABS.length) % TABS.length][0]);
    byId("tab-" + app.tab).focus();
  });
  openTab("overview");
}

function openTab(name) {
  app.tab = name;
  for (const [each] of TABS) {
    const chosen = each === name;
    byId("tab-" + each).setAttribute("aria-selected", String(chosen));
    byId("tab-" + each).tabIndex = chosen ? 0 : -1;
    byId("panel-" + each).hidden = !chosen;
  }
  tell("tab", name);
}
