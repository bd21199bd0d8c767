// The device tree as the client found it, and what the client did with it.

const browser = { trees: [], boot: 0, list: null, rows: [], open: new Set([0]), found: null, format: new Map(), chosen: 0 };
const READERS = new Set(["getprop", "getproplen"]);

function setUpTree() {
  const { data } = app;
  if (data.boots.length > 1) {
    fill(byId("tree-boot"), data.boots.map((boot, index) => make("option", { value: index }, "boot " + (index + 1))));
    byId("tree-boot").hidden = false;
    byId("tree-boot").oninput = () => showTree(Number(byId("tree-boot").value));
  }
  browser.list = new LongList({
    element: byId("tree"), rowHeight: () => (innerWidth < 640 ? 32 : 25), role: "treeitem", draw: drawNode, key: pressTree,
    choose: (index, event) => {
      const { node } = browser.rows[index];
      if (event.type === "click" && (event.target.closest(".twist") || browser.chosen === node)) toggle(node);
      if (event.key === "Enter") toggle(node);
      showNode(node);
    },
  });
  const search = nextFrame(searchTree);
  byId("tree-search").addEventListener("input", search);
  byId("tree-mark").addEventListener("input", search);
  byId("tree-filters").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("tree").focus();
    if (browser.found) nextMatch();
  });
  when("tab", (name) => {
    if (name === "tree" && data.boots.length && !browser.trees.length) showTree(0);
    else browser.list.update();
  });
  if (!data.boots.length) fill(byId("node"), make("p", { class: "quiet" }, "No firmware was started in this recording, so there is no tree."));
}

// A tree with what the calls of its boot did to it.
function treeOf(boot) {
  if (browser.trees[boot]) return browser.trees[boot];
  const { data, calls } = app;
  const table = data.boots[boot];
  const nodes = [];
  const paths = new Map();
  for (let at = 0; at < table.nodes.length; at += 3) addNode(nodes, paths, table.nodes[at], data.strings[table.nodes[at + 1]], table.nodes[at + 2], "");
  for (let at = 0; at < table.properties.length; at += 4) {
    const [node, name, value, size] = table.properties.slice(at, at + 4);
    propertyOf(nodes[node], data.strings[name], { value: data.strings[value], size, came: "" });
  }
  const tree = { nodes, paths };
  for (let call = 0; call < calls.count; call += 1) if (calls.boot[call] === boot) note(tree, call);
  browser.trees[boot] = tree;
  return tree;
}

function addNode(nodes, paths, parent, name, phandle, came) {
  const path = parent < 0 ? "/" : (parent ? nodes[parent].path : "") + "/" + name;
  const node = { id: nodes.length, parent, name: parent < 0 ? "/" : name, path, phandle, came, level: parent < 0 ? 1 : nodes[parent].level + 1,
    children: [], properties: new Map(), reads: 0, sets: 0, misses: 0, calls: [] };
  nodes.push(node);
  paths.set(path, node.id);
  if (parent >= 0) nodes[parent].children.push(node.id);
  return node;
}

function propertyOf(node, name, found) {
  let property = node.properties.get(name);
  if (!property) {
    property = { name, value: "", size: 0, came: "asked", reads: [], sets: [], misses: [], ...found };
    node.properties.set(name, property);
  }
  return property;
}

// The path of the node that a call is about; "" if it is about none.
function nodePathOf(calls, call) {
  const row = calls.row(call);
  const place = row.args.findIndex(([, kind]) => kind === "package" || kind === "instance");
  const args = calls.args(call);
  const result = row.results[0] && row.results[0][1] === "package" ? calls.results(call)[0] : undefined;
  const path = result !== undefined && row.name === "finddevice" ? calls.path(call, result) : place >= 0 && place < args.length ? calls.path(call, args[place]) : "";
  return nodeName(path || "");
}

// An instance's path may have arguments, which its node's has not.
const nodeName = (path) => path.replace(/:[^/]*$/, "") || (path ? "/" : "");

const NODES_LIMIT = 25000;

// A node by its path; made, as one that was not there at the start, if it is missing.
function nodeAt(tree, path, came) {
  const known = tree.paths.get(path);
  if (known !== undefined) return tree.nodes[known];
  if (!path.startsWith("/") || tree.nodes.length > NODES_LIMIT) return null;
  let parent = 0;
  let so = "";
  for (const name of path.split("/").filter(Boolean).slice(0, 32)) {
    so += "/" + name;
    const next = tree.paths.get(so);
    parent = next === undefined ? addNode(tree.nodes, tree.paths, parent, name, 0, came).id : next;
  }
  return tree.nodes[parent];
}

function note(tree, call) {
  const { calls } = app;
  const name = calls.name(call);
  if (name === "finddevice") {
    const asked = calls.text(call, 0);
    if (calls.failed(call) && asked && asked.startsWith("/")) {
      const node = nodeAt(tree, nodeName(asked), "missing");
      if (node) {
        node.misses += 1;
        node.calls.push(call);
      }
      return;
    }
  }
  const path = nodePathOf(calls, call);
  const node = path && nodeAt(tree, path, "later");
  if (!node) return;
  if (node.came === "missing") node.came = "later";
  node.calls.push(call);
  const property = calls.text(call, 1);
  if (property === undefined || !(READERS.has(name) || name === "setprop")) return;
  if (calls.failed(call)) {
    if (!READERS.has(name)) return;
    propertyOf(node, property).misses.push(call);
    node.misses += 1;
  } else if (name === "setprop") {
    const gift = calls.gift(call);
    const changed = propertyOf(node, property, { came: "later" });
    changed.sets.push(call);
    node.sets += 1;
    if (gift) [changed.value, changed.size] = [gift.head, gift.size];
  } else {
    const [wrote] = calls.writes(call);
    const read = propertyOf(node, property, { came: "later" });
    if (read.came !== "") {
      read.came = "later";
      if (wrote && name === "getprop") [read.value, read.size] = [wrote.head, wrote.size];
    }
    if (name === "getprop") {
      read.reads.push(call);
      node.reads += 1;
    }
  }
}

function showTree(boot) {
  browser.boot = boot;
  browser.open = new Set([0]);
  const tree = treeOf(boot);
  if (tree.nodes.length < 60) tree.nodes.forEach((node) => browser.open.add(node.id));
  byId("tree-boot").value = boot;
  searchTree();
  browser.list.activate(0);
  showNode(0);
}

function searchTree() {
  const tree = browser.trees[browser.boot];
  if (!tree) return;
  const word = byId("tree-search").value.trim().toLowerCase();
  const mark = byId("tree-mark").value;
  browser.found = null;
  browser.within = null;
  if (word || mark) {
    browser.found = new Set();
    browser.within = new Set();
    for (const node of tree.nodes) {
      if ((mark && !node[mark]) || (word && !matches(node, word))) continue;
      browser.found.add(node.id);
      for (let each = node.id; each >= 0 && !browser.within.has(each); each = tree.nodes[each].parent) browser.within.add(each);
    }
  }
  byId("tree-count").textContent = browser.found ? number(browser.found.size) + " of " + plural(tree.nodes.length, "node") : plural(tree.nodes.length, "node");
  listRows();
  const first = browser.found && browser.found.size ? browser.rows.findIndex(({ node }) => browser.found.has(node)) : -1;
  if (first >= 0) {
    browser.list.move(first);
    showNode(browser.rows[first].node);
  }
}

function matches(node, word) {
  if (node.path.toLowerCase().includes(word)) return true;
  for (const property of node.properties.values()) {
    if (property.name.toLowerCase().includes(word) || property.value.toLowerCase().includes(word)) return true;
  }
  return false;
}

function nextMatch() {
  const { rows, found, list } = browser;
  const after = rows.findIndex(({ node }, index) => index > list.active && found.has(node));
  const place = after < 0 ? rows.findIndex(({ node }) => found.has(node)) : after;
  if (place < 0) return;
  list.move(place);
  showNode(rows[place].node);
}

// The rows that are seen: what is open, or what was found with all that is around it.
function listRows() {
  const { nodes } = browser.trees[browser.boot];
  const rows = [];
  const stack = [0];
  while (stack.length) {
    const node = stack.pop();
    if (browser.within && !browser.within.has(node)) continue;
    rows.push({ node });
    if (isOpen(node)) for (let index = nodes[node].children.length - 1; index >= 0; index -= 1) stack.push(nodes[node].children[index]);
  }
  browser.rows = rows;
  browser.list.resize(rows.length);
}

const isOpen = (node) => (browser.within ? browser.within.has(node) : browser.open.has(node));

function toggle(node, open = !browser.open.has(node)) {
  if (browser.within) return;
  if (open) browser.open.add(node);
  else browser.open.delete(node);
  listRows();
}

function pressTree(event) {
  const { nodes } = browser.trees[browser.boot] || { nodes: [] };
  const row = browser.rows[browser.list.active];
  const steps = { ArrowLeft: 1, ArrowRight: 1, "/": 1 };
  if (!(event.key in steps)) return false;
  if (event.key === "/") byId("tree-search").focus();
  else if (row) {
    const node = nodes[row.node];
    const open = isOpen(node.id) && node.children.length;
    if (event.key === "ArrowRight" && node.children.length) {
      if (!open) toggle(node.id, true);
      else browser.list.move(browser.list.active + 1);
    } else if (event.key === "ArrowLeft") {
      if (open && !browser.within) toggle(node.id, false);
      else if (node.parent >= 0) browser.list.move(browser.rows.findIndex((each) => each.node === node.parent));
    }
    showNode(browser.rows[browser.list.active].node);
  }
  return true;
}

function marksOf(thing) {
  const of = (what) => (Array.isArray(what) ? what.length : what);
  return [["reads", "read", "read"], ["sets", "changed", "set"], ["misses", "asked for, not there", "missed"]]
    .filter(([key]) => of(thing[key]))
    .map(([key, title, kind]) => make("span", { class: "mark " + kind, title: title + " " + plural(of(thing[key]), "time") },
      kind + " ", number(of(thing[key]))));
}

function drawNode(element, index) {
  const { nodes } = browser.trees[browser.boot];
  const node = nodes[browser.rows[index].node];
  const open = isOpen(node.id);
  element.setAttribute("aria-level", node.level);
  if (node.children.length) element.setAttribute("aria-expanded", String(Boolean(open)));
  element.dataset.path = node.path;
  element.classList.toggle("found", Boolean(browser.found && browser.found.has(node.id)));
  if (node.came) element.classList.add(node.came);
  const twist = make("span", { class: "twist", "aria-hidden": "true" }, node.children.length ? (open ? "▾" : "▸") : "·");
  twist.style.marginLeft = Math.min(node.level - 1, 10) * 14 + "px";
  element.append(twist, make("span", { class: "name" }, node.name), make("span", { class: "marks" }, marksOf(node)));
}

function showNode(id) {
  const { nodes } = browser.trees[browser.boot];
  const node = nodes[id];
  browser.chosen = id;
  const came = { later: "not in the tree at the start", missing: "asked for, not there" }[node.came];
  const rows = [...node.properties.values()].slice(0, 2000).map((property) => propertyRow(node, property));
  fill(byId("node"),
    make("h2", { class: "mono path" }, node.path),
    make("p", { class: "quiet" }, [node.phandle && "phandle " + hex(node.phandle), came, plural(node.properties.size, "property").replace("propertys", "properties")].filter(Boolean).join(" · ")),
    node.calls.length && make("p", null, button(plural(node.calls.length, "call"), () => showOnly(node.calls, node.path), { class: "chip" })),
    rows.length && make("table", { class: "properties" }, make("tbody", null, rows)));
}

const FORMATS = ["text", "cells", "bytes"];
const VALUE_SHOWN = 160; // bytes, before the reader asks for all

function propertyRow(node, property) {
  const { name, value, size } = property;
  const key = node.id + " " + name;
  const shown = make("span", { class: "mono value" });
  const usual = formatOf(value, size);
  let whole = value.length <= VALUE_SHOWN * 1.5;
  const draw = () => {
    const format = browser.format.get(key) || usual;
    const seen = whole ? value : value.slice(0, VALUE_SHOWN);
    shown.textContent = property.came === "asked" ? "not there" : size ? valueText(seen, size, format) : "(empty)";
    more.hidden = whole;
    turn.textContent = format;
    turn.setAttribute("aria-label", name + " is shown as " + format + "; show it otherwise");
  };
  const turn = button("", () => {
    const now = browser.format.get(key) || usual;
    browser.format.set(key, FORMATS[(FORMATS.indexOf(now) + 1) % FORMATS.length]);
    draw();
  }, { class: "turn" });
  const more = button("all of it", () => {
    whole = true;
    draw();
  }, { class: "turn" });
  turn.hidden = !size;
  draw();
  const done = [...property.reads, ...property.sets, ...property.misses].sort((a, b) => a - b);
  const marks = marksOf(property);
  return make("tr", { class: property.came || null, "data-property": name },
    make("th", { scope: "row", class: "mono" }, name),
    make("td", null, shown, " ", turn, more,
      done.length > 0 && make("button", {
        type: "button", class: "marks", "aria-label": "Calls that asked for " + clean(name) + " or set it",
        onclick: () => (done.length === 1 ? openCall(done[0]) : showOnly(done, node.path + " " + name)),
      }, marks.length ? marks : "length asked")));
}

// Show a node, from elsewhere.
function openNode(boot, path) {
  if (boot < 0) return;
  openTab("tree");
  if (browser.boot !== boot || !browser.trees[boot]) showTree(boot);
  const { nodes, paths } = browser.trees[boot];
  const id = paths.get(path);
  if (id === undefined) return;
  byId("tree-search").value = "";
  byId("tree-mark").value = "";
  for (let each = nodes[id].parent; each >= 0; each = nodes[each].parent) browser.open.add(each);
  searchTree();
  browser.list.move(browser.rows.findIndex(({ node }) => node === id));
  showNode(id);
  byId("tree").focus({ preventScroll: true });
}
