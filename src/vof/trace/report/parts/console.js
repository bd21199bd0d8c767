// What the console showed, line by line, beside the calls that made it.

const terminal = { lines: null, rows: [], list: null, columns: 0 };
const LINE = 20;

function setUpConsole() {
  terminal.list = new LongList({
    element: byId("console"), rowHeight: LINE, draw: drawLine, choose: (index, event) => {
      const line = terminal.lines[terminal.rows[index][0]];
      showScreen(terminal.rows[index][0]);
      const call = callThen(line.at);
      if (call >= 0) select(call, "console");
      if (event.key === "Enter") byId("details").focus();
    },
  });
  new ResizeObserver(breakLines).observe(byId("console"));
  when("tab", (name) => {
    if (name !== "console") return;
    breakLines();
    requestAnimationFrame(() => app.selected >= 0 && showLine(app.selected));
  });
  when("select", ({ call, from }) => {
    if (app.tab === "console" && from !== "console" && call >= 0) showLine(call);
  });
}

// Make the lines when they are first wanted.
function readConsole() {
  if (terminal.lines) return;
  terminal.moves = app.data.outputs.text.some((text) => /\x1b\[\d*;\d*[Hf]/.test(app.data.strings[text])) || movesLetterByLetter(app.data);
  // Of a menu's frame, the screen tells.
  terminal.lines = linesOf(app.data).filter((line) => !terminal.moves || /[^\s|+-]/.test(line.text));
  const { length } = terminal.lines;
  byId("screen").hidden = !terminal.moves;
  showScreen(length - 1);
  byId("console-count").textContent = length ? plural(length, "line") + "; choose one to see the call that was at work" : "The console showed nothing.";
}

// The call that was at work at a moment, or else the last before it.
function callThen(at) {
  const inside = app.calls.at(at);
  return inside >= 0 ? inside : Math.max(0, lastAtMost(app.calls.started, at));
}

const SEQUENCE = /\x1b\[([0-9;?]*)([A-Za-z@`])|\x1b[()][A-Za-z0-9]|\x1b./g;
const ELSEWHERE = "\uffff";

// Lines, each with the moment of its first letter. Where a program moves the cursor, what follows is a line of its own;
// what else it says to a terminal is left out.
function linesOf(data) {
  const lines = [];
  let line = null;
  let kept = "";
  const { at, text, typed } = data.outputs;
  const keys = new Set(typed);
  const end = () => {
    if (line && line.text.trimEnd()) lines.push(line);
    line = null;
  };
  at.forEach((moment, index) => {
    const isTyped = keys.has(index);
    if (line && line.typed !== isTyped) end();
    let piece = kept + data.strings[text[index]];
    kept = "";
    const open = /\x1b(\[[0-9;?]*)?$/.exec(piece);
    if (open && piece.length - open.index < 24) {
      kept = open[0];
      piece = piece.slice(0, open.index);
    }
    piece = piece.replace(SEQUENCE, (_, _numbers, letter) => (letter && "HfJABd".includes(letter) ? ELSEWHERE : ""));
    for (const letter of piece) {
      if (letter === "\n" || letter === ELSEWHERE) end();
      else if (letter === "\r") continue;
      else if (letter === "\b") {
        if (line) line.text = line.text.slice(0, -1);
      } else {
        if (!line) line = { at: moment, text: "", typed: isTyped, last: index };
        line.last = index;
        if (line.text.length < 2000) line.text += letter === "\t" ? "    " : letter;
      }
    }
  });
  end();
  return lines;
}

// Whether the cursor is placed, by a program that writes each letter by a call of its own.
function movesLetterByLetter({ outputs, strings }) {
  let all = "";
  for (let index = 0; index < outputs.text.length && all.length < 20000; index += 1) all += strings[outputs.text[index]];
  return /\x1b\[\d*;\d*[Hf]/.test(all);
}

// The screen as it was when a line was whole.
function showScreen(line) {
  if (!terminal.moves || line < 0) return;
  const { at, text } = app.data.outputs;
  const keys = new Set(app.data.outputs.typed);
  const next = terminal.lines[line + 1];
  const end = next ? terminal.lines[line].last + 1 : at.length;
  const shown = new Screen();
  for (let index = 0; index < end; index += 1) if (!keys.has(index)) shown.write(app.data.strings[text[index]]);
  byId("screen-told").textContent = "The screen " + (next ? "at " + moment(terminal.lines[line].at) + " s" : "at the end");
  fill(byId("screen-rows"), shown.show());
}

// Long lines take more than one row of the list.
function breakLines() {
  const element = byId("console");
  if (!element.clientWidth) return undefined;
  readConsole();
  const letter = make("span", { class: "probe" }, "0".repeat(40));
  element.append(letter);
  const width = letter.getBoundingClientRect().width / 40 || 7;
  letter.remove();
  const columns = Math.max(16, Math.floor((element.clientWidth - 118) / width));
  if (columns === terminal.columns) return terminal.list.update();
  terminal.columns = columns;
  const rows = [];
  terminal.lines.forEach((line, index) => {
    for (let start = 0; start === 0 || start < line.text.length; start += columns) rows.push([index, start]);
  });
  terminal.rows = rows;
  return terminal.list.resize(rows.length);
}

function drawLine(element, index) {
  const [place, start] = terminal.rows[index];
  const line = terminal.lines[place];
  if (line.typed) element.classList.add("typed");
  element.append(
    make("span", { class: "at" }, start ? "" : moment(line.at)),
    make("span", { class: "output" }, (line.typed && !start ? "⌨ " : "") + line.text.slice(start, start + terminal.columns)));
}

function showLine(call) {
  const end = app.calls.end(call);
  const found = lastAtMost(terminal.lines.map((line) => line.at), end);
  const row = terminal.rows.findIndex(([line]) => line === Math.max(0, found));
  if (row < 0) return;
  showScreen(terminal.rows[row][0]);
  terminal.list.activate(row);
  terminal.list.reveal(row, true);
}

function openConsole(call) {
  openTab("console");
  showLine(call);
  byId("console").focus({ preventScroll: true });
}
