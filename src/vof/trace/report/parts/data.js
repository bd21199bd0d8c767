// The data of the page, as columns.py wrote it: read once, numbers in typed arrays.

async function readData() {
  const letters = atob(byId("data").textContent);
  const packed = new Uint8Array(letters.length);
  for (let index = 0; index < packed.length; index += 1) packed[index] = letters.charCodeAt(index);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());
  byId("data").remove();
  data.calls = new Calls(data);
  return data;
}

// Groups of services, each with a colour of its own: the clause's last number tells.
const GROUPS = [
  ["tree", "device tree", ["peer", "child", "parent", "getprop", "getproplen", "nextprop", "setprop", "canon", "finddevice",
    "instance-to-package", "instance-to-path", "package-to-path"]],
  ["memory", "memory", ["claim", "release"]],
  ["io", "devices", ["open", "close", "read", "write", "seek", "call-method"]],
  ["other", "control and others", []],
];
const OTHER = GROUPS.length - 1;

function groupOf(name) {
  const found = GROUPS.findIndex(([, , names]) => names.includes(name));
  return found < 0 ? OTHER : found;
}

class Calls {
  constructor(data) {
    const table = data.calls;
    this.strings = data.strings;
    this.boots = data.boots.map((boot) => new Map(boot.handles.map((handle, index) => [handle, data.strings[boot.paths[index]]])));
    this.services = table.services.map(([name, summary, args, results, variadic]) => ({
      name, summary, args, results, variadic, group: groupOf(name),
    }));
    this.count = table.service.length;
    this.service = Int32Array.from(table.service);
    this.started = Float64Array.from(table.started);
    this.took = Float64Array.from(table.took);
    this.depth = Uint16Array.from(table.depth);
    this.boot = Int32Array.from(table.boot);
    this.fault = Int32Array.from(table.fault);
    this.deepest = this.depth.reduce((deepest, depth) => Math.max(deepest, depth), 0);
    this.firstArgument = sums(table.counts);
    this.argument = table.arguments;
    this.firstResult = sums(table.resultCounts);
    this.result = table.results;
    this.texts = new Table(table.texts, 3, this.count);
    this.wrote = new Table(table.wrote, 4, this.count);
    this.given = new Table(table.given, 4, this.count);
    this.notes = new Map(table.notes.map(([call, status, outcome, hook]) => [call, { status, outcome, hook }]));
    this.failures = [];
    for (let call = 0; call < this.count; call += 1) if (this.failed(call)) this.failures.push(call);
  }

  name(call) {
    return this.services[this.service[call]].name;
  }

  row(call) {
    return this.services[this.service[call]];
  }

  failed(call) {
    return this.fault[call] !== 0;
  }

  reason(call) {
    return this.strings[this.fault[call]];
  }

  end(call) {
    return this.started[call] + this.took[call];
  }

  args(call) {
    return this.argument.slice(this.firstArgument[call], this.firstArgument[call + 1]);
  }

  results(call) {
    return this.result.slice(this.firstResult[call], this.firstResult[call + 1]);
  }

  // The string that an argument points to; undefined if none is known.
  text(call, place) {
    const { values } = this.texts;
    for (let at = this.texts.first(call); at < values.length && values[at] === call; at += 3) {
      if (values[at + 1] === place) return this.strings[values[at + 2]];
    }
    return undefined;
  }

  path(call, handle) {
    const handles = this.boots[this.boot[call]];
    return handles && handles.get(handle);
  }

  // Memory that the call wrote.
  writes(call) {
    return this.pieces(this.wrote, call);
  }

  // Memory that it was given: what a write writes and setprop sets.
  gift(call) {
    return this.pieces(this.given, call)[0];
  }

  pieces(table, call) {
    const { values } = table;
    const found = [];
    for (let at = table.first(call); at < values.length && values[at] === call; at += 4) {
      found.push({ address: values[at + 1], size: values[at + 2], head: this.strings[values[at + 3]] });
    }
    return found;
  }

  // The call inside of which this one was made; -1 if none.
  parent(call) {
    for (let before = call - 1; before >= 0 && this.depth[call]; before -= 1) {
      if (this.depth[before] < this.depth[call]) return before;
    }
    return -1;
  }

  // The innermost call at a moment; -1 if the guest ran by itself.
  at(moment) {
    let call = lastAtMost(this.started, moment);
    for (let tries = 0; call >= 0 && tries < 64; call -= 1, tries += 1) {
      if (this.end(call) >= moment) return call;
      if (!this.depth[call]) return -1;
    }
    return -1;
  }
}

// Where each call's cells begin; one more, for the end of the last.
function sums(counts) {
  const firsts = new Int32Array(counts.length + 1);
  for (let index = 0; index < counts.length; index += 1) firsts[index + 1] = firsts[index] + counts[index];
  return firsts;
}

// Rows of a fixed width, the first cell of which is a call; in the order of the calls.
class Table {
  constructor(values, width, count) {
    this.values = values;
    this.firsts = new Int32Array(count).fill(values.length);
    for (let at = values.length - width; at >= 0; at -= width) this.firsts[values[at]] = at;
  }

  first(call) {
    return this.firsts[call];
  }
}
