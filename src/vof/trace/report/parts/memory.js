// The claim map: which memory was claimed when. Across it is the timeline's window, down it are the addresses.

const LEFT = 92;
const claimMap = { edges: [], chosen: -1, drawn: [] };
const ROWS_SHOWN = 300;

function setUpMemory() {
  const { data } = app;
  claimMap.claims = data.claims.map(([address, size, since, until, call, released, owner]) => ({ address, size, since, until, call, released, owner }));
  claimMap.areas = data.boots.flatMap((boot, index) => boot.areas.map(([name, address, size]) => ({
    name, address, size, since: boot.at, until: index + 1 < data.boots.length ? data.boots[index + 1].at : data.span,
  })));
  claimMap.top = Math.max(1, ...data.boots.map((boot) => boot.memory).slice(0, 1000), ...claimMap.areas.map(({ address, size }) => address + size));
  for (const { address, size } of claimMap.claims) claimMap.top = Math.max(claimMap.top, address + size);
  fill(byId("memory-legend"), [["memory", "claimed"], ["virtual", "claimed by a package's method"], ["area", "there from the start"]]
    .map(([name, title]) => make("li", null, make("i", { class: "swatch " + name }), title)));
  layOut();
  byId("to-scale").oninput = () => {
    layOut();
    draw();
  };
  const draw = nextFrame(drawMemory);
  for (const name of ["window", "theme", "select"]) when(name, draw);
  when("tab", (name) => {
    if (name !== "memory") return;
    if (!byId("memory-table").childElementCount) showClaims(ROWS_SHOWN);
    draw();
  });
  new ResizeObserver(draw).observe(byId("memory-map"));
  listenToMemory(byId("memory-map"));
}

// The addresses at which something begins or ends, and how far down each is drawn: 0 to 1. Gaps are short, unless the
// addresses are to scale.
function layOut() {
  const { claims, areas, top } = claimMap;
  const marks = new Set([0, top]);
  for (const { address, size } of [...claims.slice(0, 5000), ...areas.slice(0, 500)]) marks.add(address).add(address + size);
  const edges = [...marks].sort((a, b) => a - b);
  const used = [...claims, ...areas].map(({ address, size }) => [address, address + size]).sort((a, b) => a[0] - b[0]);
  const scale = byId("to-scale").checked;
  const places = [0];
  let next = 0;
  let reach = 0;
  for (let index = 1; index < edges.length; index += 1) {
    for (; next < used.length && used[next][0] < edges[index]; next += 1) reach = Math.max(reach, used[next][1]);
    const size = edges[index] - edges[index - 1];
    const weight = scale ? size : reach > edges[index - 1] ? 2 + Math.log2(size + 1) : 2.5;
    places.push(places[index - 1] + weight);
  }
  claimMap.edges = edges;
  claimMap.starts = new Set([...claims, ...areas].map(({ address }) => address));
  claimMap.places = places.map((place) => place / places.at(-1));
}

// How far down an address is.
function depthOf(address) {
  const { edges, places } = claimMap;
  const index = clamp(lastAtMost(edges, address), 0, edges.length - 2);
  return places[index] + ((address - edges[index]) / (edges[index + 1] - edges[index] || 1)) * (places[index + 1] - places[index]);
}

function drawMemory() {
  const canvas = byId("memory-map");
  if (!canvas.clientWidth) return;
  const [context, width, height] = prepare(canvas);
  const { from, to, data } = app;
  const tall = height - RULER - 4;
  const x = (at) => LEFT + clamp((at - from) / (to - from), 0, 1) * (width - LEFT);
  const y = (address) => RULER + depthOf(address) * tall;
  const each = step(to - from, width - LEFT);
  context.fillStyle = colour("--field");
  context.fillRect(LEFT, RULER, x(data.span) - LEFT, tall);
  for (let at = Math.ceil(from / each) * each; at <= to; at += each) {
    context.fillStyle = colour("--line");
    context.fillRect(x(at), RULER - 3, 1, tall);
    context.fillStyle = colour("--quiet");
    const text = ruled(at, unitOf(to - from));
    if (x(at) + context.measureText(text).width + 4 < width) context.fillText(text, x(at) + 4, 8);
  }
  labelEdges(context, width, height, tall);
  claimMap.drawn = [];
  const box = (range, ink, index) => {
    if (range.until < from || range.since > to) return null;
    const rect = [x(range.since), y(range.address), Math.max(x(range.until) - x(range.since), 2), Math.max(y(range.address + range.size) - y(range.address), 2)];
    context.fillStyle = ink;
    context.fillRect(...rect);
    claimMap.drawn.push([rect, range, index]);
    return rect;
  };
  for (const area of claimMap.areas) {
    const rect = box(area, colour("--area"), -1);
    if (!rect || rect[3] < 12 || rect[2] < 50) continue;
    context.fillStyle = colour("--quiet");
    context.fillText(area.name, rect[0] + 6, rect[1] + rect[3] / 2);
  }
  claimMap.claims.forEach((claim, index) => {
    const rect = box(claim, colour(claim.owner ? "--virtual" : "--memory"), index);
    if (!rect) return;
    context.strokeStyle = colour("--card");
    context.lineWidth = 0.5;
    context.strokeRect(...rect);
    if (index !== claimMap.chosen && app.selected !== claim.call) return;
    context.strokeStyle = colour("--text");
    context.lineWidth = 2;
    context.strokeRect(rect[0] - 1, rect[1] - 1, rect[2] + 2, rect[3] + 2);
  });
}

// Where ranges begin is said first, and where they end if there is room.
function labelEdges(context, width, height, tall) {
  const { edges, places, starts } = claimMap;
  const taken = [];
  context.textAlign = "right";
  for (const first of [true, false]) {
    edges.forEach((address, index) => {
      const place = RULER + places[index] * tall;
      context.fillStyle = colour("--line");
      if (first && edges.length < 200) context.fillRect(LEFT - 4, place, width, 0.5);
      const at = clamp(place, RULER + 5, height - 7);
      if (starts.has(address) !== first || taken.length > 99 || taken.some((other) => Math.abs(other - at) < 13)) return;
      taken.push(at);
      context.fillStyle = colour("--quiet");
      context.fillText(hex(address), LEFT - 8, at);
    });
  }
  context.textAlign = "left";
}

function claimWords(claim) {
  const end = claim.address + claim.size;
  const last = claim.released >= 0 ? "released at " + moment(claim.until) + " s" : "kept to the end";
  return [hex(claim.address) + " to " + hex(end) + " (" + bytes(claim.size) + ")",
    claim.name ? claim.name + ", there from the start" : "claimed at " + moment(claim.since) + " s, " + last];
}

function listenToMemory(canvas) {
  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    return claimMap.drawn.findLast(([[left, top, width, height]]) => x >= left - 2 && x <= left + width + 2 && y >= top - 2 && y <= top + height + 2);
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event);
    if (found) showTooltip(event.clientX, event.clientY, claimWords(found[1]));
    else hideTooltip();
  });
  canvas.addEventListener("pointerleave", hideTooltip);
  canvas.addEventListener("click", (event) => {
    const found = at(event);
    if (found) chooseClaim(found[2], found[1]);
  });
  canvas.addEventListener("keydown", (event) => {
    const next = { ArrowUp: claimMap.chosen - 1, ArrowDown: claimMap.chosen + 1, Home: 0, End: claimMap.claims.length - 1 }[event.key];
    if (event.key === "Enter" && claimMap.chosen >= 0) openCall(claimMap.claims[claimMap.chosen].call);
    else if (next !== undefined && claimMap.claims.length) chooseClaim(clamp(next, 0, claimMap.claims.length - 1));
    else return;
    event.preventDefault();
  });
}

function chooseClaim(index, range = claimMap.claims[index]) {
  claimMap.chosen = index;
  byId("memory-told").textContent = clean(claimWords(range).join(": "));
  if (index >= 0) select(range.call, "memory");
  else drawMemory();
}

function openClaim(index) {
  openTab("memory");
  chooseClaim(index);
  byId("memory-map").focus();
}

function showClaims(limit) {
  const { claims } = claimMap;
  if (!claims.length) {
    fill(byId("memory-table"), make("p", { class: "quiet" }, "Nothing was claimed."));
    return;
  }
  const rows = claims.slice(0, limit).map((claim, index) => make("tr", null,
    make("td", { class: "number mono" }, button(hex(claim.address), () => chooseClaim(index), { class: "link", "data-claim": index })),
    make("td", { class: "number" }, bytes(claim.size)),
    make("td", { class: "number" }, button(moment(claim.since), () => openCall(claim.call), { class: "link", title: "The call that claimed it" })),
    make("td", { class: "number" }, claim.released >= 0 ? button(moment(claim.until), () => openCall(claim.released), { class: "link", title: "The call that released it" }) : "–"),
    make("td", { class: "wide" }, claim.owner ? app.calls.path(claim.call, claim.owner) || hex(claim.owner) : "claim")));
  fill(byId("memory-table"), table([["address", "number"], ["size", "number"], ["claimed (s)", "number"], ["released (s)", "number"], ["by", "wide"]], rows),
    claims.length > limit && make("p", null, button("show " + number(Math.min(claims.length - limit, 3000)) + " more", () => showClaims(limit + 3000), { class: "chip" })));
}
