// The timeline: phases, calls in lanes by their depth, and output; above it the whole boot in one strip.

const RULER = 18;
const BAND = 18;
const LANE = 20;
const LANES_SHOWN = 5;
const TICKS = 8;

const timeline = { lanes: null, map: null, density: null, phases: [], pointers: new Map(), drag: null };

function setUpTimeline() {
  const { data, calls } = app;
  timeline.lanes = byId("lanes");
  timeline.map = byId("map");
  timeline.phases = data.happenings.filter(([, kind]) => kind === "phase" || kind === "run");
  timeline.marks = data.happenings.filter(([, kind]) => !["phase", "run", "end"].includes(kind));
  const lanes = Math.min(calls.deepest + 1, LANES_SHOWN);
  timeline.lanes.style.height = RULER + BAND + lanes * LANE + TICKS + 6 + "px";
  fill(byId("legend"), [...GROUPS.map(([name, title]) => [name, title]), ["fail", "failed"]].map(([name, title]) =>
    make("li", null, make("i", { class: "swatch " + name }), title)));
  app.to = data.span || 1;
  const draw = nextFrame(drawTimeline);
  for (const name of ["window", "select", "theme"]) when(name, draw);
  when("theme", () => (timeline.density = null));
  when("select", ({ call, from }) => {
    if (call >= 0 && from !== "timeline") lookAt(call);
  });
  new ResizeObserver(() => {
    timeline.density = null;
    draw();
  }).observe(timeline.lanes);
  byId("zoom-in").onclick = () => zoom(0.5, centre());
  byId("zoom-out").onclick = () => zoom(2, centre());
  byId("zoom-all").onclick = () => look(0, data.span);
  byId("zoom-calls").onclick = lookAtCalls;
  listenToLanes(timeline.lanes);
  listenToMap(timeline.map);
  draw();
}

// What zooming by a button or a key goes around: the chosen call where it is seen.
function centre() {
  const at = app.selected < 0 ? -1 : app.calls.started[app.selected];
  return at >= app.from && at <= app.to ? at : (app.from + app.to) / 2;
}

function lookAtCalls() {
  const { calls } = app;
  if (!calls.count) return;
  const from = calls.started[0];
  const to = calls.end(calls.count - 1);
  look(from - (to - from) * 0.02, to + (to - from) * 0.02);
}

function listenToLanes(canvas) {
  const at = (x) => app.from + ((x - canvas.getBoundingClientRect().left) / canvas.clientWidth) * (app.to - app.from);
  const { pointers } = timeline;
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const wide = app.to - app.from;
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) look(app.from + (sideways / canvas.clientWidth) * wide, app.to + (sideways / canvas.clientWidth) * wide);
    else zoom(Math.exp(clamp(event.deltaY, -240, 240) * 0.003), at(event.clientX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event.clientX);
    timeline.drag = { from: app.from, to: app.to, x: event.clientX, moved: false };
    if (pointers.size === 2) timeline.drag.pinch = [...pointers.values()].map(at);
  });
  canvas.addEventListener("pointermove", (event) => {
    const { drag } = timeline;
    if (!pointers.has(event.pointerId)) {
      hover(event, at(event.clientX));
      return;
    }
    pointers.set(event.pointerId, event.clientX);
    hideTooltip();
    const left = canvas.getBoundingClientRect().left;
    if (pointers.size === 2 && drag.pinch) {
      const [x1, x2] = [...pointers.values()].map((x) => x - left);
      const [t1, t2] = drag.pinch;
      const each = (t2 - t1) / (x2 - x1);
      if (Number.isFinite(each) && each > 0) look(t1 - x1 * each, t1 - x1 * each + canvas.clientWidth * each);
      drag.moved = true;
    } else if (pointers.size === 1 && (drag.moved || Math.abs(event.clientX - drag.x) > 4)) {
      drag.moved = true;
      const by = ((drag.x - event.clientX) / canvas.clientWidth) * (drag.to - drag.from);
      look(drag.from + by, drag.to + by);
    }
  });
  const release = (event) => {
    const tapped = event.type === "pointerup" && pointers.size === 1 && timeline.drag && !timeline.drag.moved;
    pointers.delete(event.pointerId);
    if (pointers.size === 1) timeline.drag = { from: app.from, to: app.to, x: [...pointers.values()][0], moved: true };
    if (!tapped) return;
    const call = callNear(event, at);
    if (call >= 0) select(call, "timeline");
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", hideTooltip);
  canvas.addEventListener("keydown", (event) => {
    const wide = app.to - app.from;
    const { key } = event;
    if (key === "+" || key === "=") zoom(0.5, centre());
    else if (key === "-") zoom(2, centre());
    else if (key === "0") look(0, app.data.span);
    else if (key === "ArrowLeft" || key === "ArrowRight") {
      const step = key === "ArrowLeft" ? -1 : 1;
      if (event.shiftKey) look(app.from + (step * wide) / 5, app.to + (step * wide) / 5);
      else select(app.selected < 0 ? Math.max(0, lastAtMost(app.calls.started, app.from)) : app.selected + step, "keys");
    } else if (key === "Enter" && app.selected >= 0) openCall(app.selected);
    else return;
    event.preventDefault();
  });
}

function listenToMap(canvas) {
  let held = false;
  const go = (event) => {
    const box = canvas.getBoundingClientRect();
    const middle = ((event.clientX - box.left) / box.width) * app.data.span;
    const half = (app.to - app.from) / 2;
    look(middle - half, middle + half);
  };
  canvas.addEventListener("pointerdown", (event) => {
    held = true;
    canvas.setPointerCapture(event.pointerId);
    go(event);
  });
  canvas.addEventListener("pointermove", (event) => held && go(event));
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (held = false));
}

// The call under the pointer, or within a few pixels of it: the deepest at its height or above.
function callNear(event, at) {
  const { calls } = app;
  const box = timeline.lanes.getBoundingClientRect();
  const lane = Math.floor((event.clientY - box.top - RULER - BAND) / LANE);
  const slack = ((app.to - app.from) / box.width) * 3;
  const moment = at(event.clientX);
  let best = -1;
  let distance = slack;
  for (let call = lastAtMost(calls.started, moment + slack); call >= 0; call -= 1) {
    const far = Math.max(calls.started[call] - moment, moment - calls.end(call), 0);
    const here = lane < 0 || lane >= LANES_SHOWN || Math.min(calls.depth[call], LANES_SHOWN - 1) === lane;
    if (here && far < distance) [best, distance] = [call, far];
    if (!calls.depth[call] && calls.end(call) < moment - slack) break;
    if (best >= 0 && !distance) break;
  }
  return best;
}

function hover(event, moment) {
  if (event.pointerType === "touch") return;
  const box = timeline.lanes.getBoundingClientRect();
  const y = event.clientY - box.top;
  if (y >= RULER && y < RULER + BAND) {
    const place = lastAtMost(timeline.phases.map(([at]) => at), moment);
    if (place < 0) return hideTooltip();
    const [at, , name, detail] = timeline.phases[place];
    return showTooltip(event.clientX, event.clientY, [name, detail, "at " + atMoment(at)]);
  }
  const call = callNear(event, () => moment);
  if (call < 0) return hideTooltip();
  return showTooltip(event.clientX, event.clientY, [callText(app.calls, call), "at " + atMoment(app.calls.started[call]) + ", took " + time(app.calls.took[call])]);
}

const atMoment = (at) => moment(at) + " s";

function drawTimeline() {
  const { calls, from, to } = app;
  const wide = to - from;
  const inside = calls.count ? lastAtMost(calls.started, to) - lastAtMost(calls.started, from) : 0;
  const exact = wide >= 2e8 ? 3 : wide >= 2e5 ? 6 : 9;
  const ends = [from, to].map((at) => (at / 1e9).toFixed(exact));
  byId("time-window").textContent = ends.join(" – ") + " s · " + plural(inside, "call");
  const [context, width, height] = prepare(timeline.lanes);
  const x = (at) => ((at - from) / wide) * width;
  drawRuler(context, width, height, x);
  drawPhases(context, width, x);
  drawCalls(context, width, x);
  drawOutput(context, width, height, x);
  for (const [at, kind] of timeline.marks) {
    if (at < from || at > to) continue;
    context.fillStyle = colour(kind === "injected" ? "--fail" : "--accent");
    context.fillRect(x(at) - 0.5, RULER, 1.5, height - RULER);
  }
  drawSelected(context, x);
  drawMap();
}

// Steps of 1, 2 or 5 and noughts, not too close.
function step(wide, width) {
  const least = (wide / Math.max(width, 1)) * 96;
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least);
}

// What a ruler over so much time counts in.
function unitOf(wide) {
  return wide >= 1e9 ? [1e9, "s"] : wide >= 1e6 ? [1e6, "ms"] : [1e3, "µs"];
}

const ruled = (at, [size, name]) => NUMBERS.format(Number((at / size).toFixed(3))) + " " + name;

function drawRuler(context, width, height, x) {
  const { from, to } = app;
  const each = step(to - from, width);
  const unit = unitOf(to - from);
  context.lineWidth = 1;
  for (let at = Math.ceil(from / each) * each; at <= to; at += each) {
    const place = Math.round(x(at)) + 0.5;
    context.fillStyle = colour("--line");
    context.fillRect(place, RULER - 4, 1, height);
    context.fillStyle = colour("--quiet");
    const text = ruled(at, unit);
    if (place + context.measureText(text).width + 4 < width) context.fillText(text, place + 4, 8);
  }
}

function drawPhases(context, width, x) {
  const { phases } = timeline;
  phases.forEach(([at, , name], index) => {
    const left = Math.max(x(at), 0);
    const right = Math.min(index + 1 < phases.length ? x(phases[index + 1][0]) : x(app.data.span), width);
    if (right <= 0 || left >= width || right - left < 0.5) return;
    context.fillStyle = colour(index % 2 ? "--band-odd" : "--band-even");
    context.fillRect(left, RULER, right - left, BAND - 3);
    if (right - left < 30) return;
    context.save();
    context.beginPath();
    context.rect(left, RULER, right - left - 4, BAND);
    context.clip();
    context.fillStyle = colour("--text");
    context.fillText(clean(name), left + 5, RULER + 8);
    context.restore();
  });
}

function drawCalls(context, width, x) {
  const { calls, from, to } = app;
  let first = Math.max(0, lastAtMost(calls.started, from));
  while (first > 0 && calls.depth[first]) first -= 1;
  const last = lastAtMost(calls.started, to);
  const drawn = new Float64Array(LANES_SHOWN * 2).fill(-1);
  const fills = [...GROUPS.map(([name]) => colour("--" + name)), colour("--fail")];
  for (let call = first; call <= last; call += 1) {
    const lane = Math.min(calls.depth[call], LANES_SHOWN - 1);
    const failed = calls.failed(call);
    const left = x(calls.started[call]);
    const right = Math.min(Math.max(x(calls.end(call)), left + 1), width);
    const slot = lane * 2 + (failed ? 1 : 0);
    if (right < drawn[slot] + 0.75 || right < 0) continue; // nothing that would be seen
    drawn[slot] = right;
    context.fillStyle = fills[failed ? fills.length - 1 : calls.row(call).group];
    const top = RULER + BAND + lane * LANE;
    context.fillRect(Math.max(left, 0), failed ? top : top + 2, Math.max(right - Math.max(left, 0), 1), failed ? LANE - 2 : LANE - 6);
    if (right - left > 44) drawName(context, calls.name(call), Math.max(left, 0), right, top);
  }
}

function drawName(context, name, left, right, top) {
  context.save();
  context.beginPath();
  context.rect(left, top, right - left - 3, LANE);
  context.clip();
  context.fillStyle = colour("--on-fill");
  context.fillText(clean(name), left + 4, top + LANE / 2 - 1);
  context.restore();
}

function drawOutput(context, width, height, x) {
  const { at } = app.data.outputs;
  const last = lastAtMost(at, app.to);
  let drawn = -2;
  context.fillStyle = colour("--quiet");
  for (let index = Math.max(0, lastAtMost(at, app.from)); index <= last; index += 1) {
    const place = x(at[index]);
    if (place < drawn + 2 || place < 0) continue;
    drawn = place;
    context.fillRect(place, height - TICKS - 1, 1, TICKS - 2);
  }
}

function drawSelected(context, x) {
  const { calls, selected } = app;
  if (selected < 0) return;
  const left = x(calls.started[selected]);
  const top = RULER + BAND + Math.min(calls.depth[selected], LANES_SHOWN - 1) * LANE;
  context.strokeStyle = colour("--text");
  context.lineWidth = 2;
  context.strokeRect(left - 1.5, top - 0.5, Math.max(x(calls.end(selected)) - left, 1) + 3, LANE - 1);
}

// The strip: how many calls each part of the boot has.
function drawMap() {
  const { calls, data, from, to } = app;
  const [context, width, height] = prepare(timeline.map);
  if (!timeline.density) timeline.density = countCalls(Math.max(1, Math.floor(width / 2)));
  const { counts, failures, most } = timeline.density;
  counts.forEach((count, bin) => {
    if (!count) return;
    const tall = Math.max(2, (Math.sqrt(count / most)) * (height - 3));
    context.fillStyle = colour("--tree");
    context.fillRect((bin / counts.length) * width, height - tall, width / counts.length - 0.4, tall);
    if (!failures[bin]) return;
    const part = Math.max(1.5, tall * (failures[bin] / count));
    context.fillStyle = colour("--fail");
    context.fillRect((bin / counts.length) * width, height - part, width / counts.length - 0.4, part);
  });
  const span = Math.max(data.span, 1);
  const [left, right] = [(from / span) * width, (to / span) * width];
  context.fillStyle = colour("--shade");
  context.fillRect(0, 0, left, height);
  context.fillRect(right, 0, width - right, height);
  context.strokeStyle = colour("--accent");
  context.lineWidth = 1.5;
  context.strokeRect(left + 0.75, 0.75, Math.max(right - left, 3) - 1.5, height - 1.5);
}

function countCalls(bins) {
  const { calls, data } = app;
  const counts = new Array(bins).fill(0);
  const failures = new Array(bins).fill(0);
  for (let call = 0; call < calls.count; call += 1) {
    const bin = Math.min(bins - 1, Math.floor((calls.started[call] / Math.max(data.span, 1)) * bins));
    counts[bin] += 1;
    if (calls.failed(call)) failures[bin] += 1;
  }
  return { counts, failures, most: Math.max(1, ...counts) };
}
