// Calls and memory as text: the same letters that `vof trace` prints, which a test compares.

const FAILED = 0xffffffff;
const NEGATIVE = 0xfffff000;
const LARGE = 0x10000;
const SHOWN = 32; // bytes of a string or of data
const PIECES = 4; // of written memory
const WHOLE = new Set(["bootspec", "device-specifier"]); // arguments that are shown whole

const signed = (cell) => (cell >= NEGATIVE ? cell - 0x100000000 : cell);

function quoted(text, limit = SHOWN, size = text.length) {
  const cut = size > limit || size > text.length;
  const shown = text.slice(0, limit).replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/gu, (letter) => escapeOf(letter.codePointAt(0)));
  return '"' + shown + '"' + (cut ? "..." : "");
}

// A cell that is not declared.
const further = (cell) => (cell >= NEGATIVE || cell < LARGE ? String(signed(cell)) : hex(cell));

const KINDS = {
  address: (cell) => hex(cell),
  cell: (cell) => String(signed(cell)),
  instance: handleText,
  package: handleText,
  pointer: pointerText,
  size: (cell) => (cell === FAILED ? "-1" : String(cell)),
  string: pointerText,
};

function pointerText(cell) {
  return cell ? hex(cell) : "NULL";
}

function handleText(cell, calls, call) {
  return calls.path(call, cell) || (cell > 0 && cell < FAILED ? hex(cell) : String(signed(cell)));
}

function argumentTexts(calls, call) {
  const { name, args } = calls.row(call);
  const gift = calls.gift(call);
  return calls.args(call).map((cell, place) => {
    if (place >= args.length) return further(cell);
    const [word, kind] = args[place];
    if (gift && GIVEN[name] === place) return memoryText(gift);
    const text = kind === "string" ? calls.text(call, place) : undefined;
    return text === undefined ? KINDS[kind](cell, calls, call) : quoted(text, WHOLE.has(word) ? Infinity : SHOWN);
  });
}

// The argument that points to what a service is given.
const GIVEN = { chain: 3, setprop: 2, write: 1 };

function resultTexts(calls, call) {
  const [declared] = calls.row(call).results;
  return calls.results(call).map((cell, place) => (place || !declared ? further(cell) : KINDS[declared[1]](cell, calls, call)));
}

// What follows the equals sign, but for the reason: the answer, and the data that was written.
function answerText(calls, call) {
  const { status, outcome, hook } = calls.notes.get(call) || { status: 0 };
  const results = calls.results(call);
  let text = "";
  if (outcome) text = "? " + outcome;
  else if (calls.failed(call)) text = results.map(further).join(", ") || String(status);
  else text = resultTexts(calls, call).join(", ") || String(status);
  const pieces = calls.writes(call);
  const parts = [text, ...pieces.slice(0, PIECES).map(memoryText), pieces.length > PIECES ? "..." : ""];
  return { text: parts.filter(Boolean).join(" "), why: reasonText(calls, call, status), hook: hook ? " [" + hook + "]" : "" };
}

function reasonText(calls, call, status) {
  if (!calls.failed(call)) return "";
  return status && calls.results(call).length ? " (r3 = -1: " + calls.reason(call) + ")" : " (" + calls.reason(call) + ")";
}

// The whole call in a line.
function callText(calls, call) {
  const { text, why, hook } = answerText(calls, call);
  return clean(calls.name(call) + "(" + argumentTexts(calls, call).join(", ") + ") = " + text + why + hook);
}

// A piece of memory: text in quotes, other data as cells in hexadecimal.
function memoryText({ head, size }) {
  if (isStrings(head)) return quoted(head, SHOWN, size);
  return "[" + cellWords(head.slice(0, SHOWN)) + (size > SHOWN ? "..." : "") + "]";
}

// Whether data is strings, each but the last with a NUL at its end.
function isStrings(head) {
  return /^[\t\n\r\x1b\x20-\x7e][\t\n\r\x1b\x20-\x7e\0]*$/.test(head) && !head.includes("\0\0");
}

// Printable strings, each with its NUL.
function looksLikeText(value) {
  return /^[\x20-\x7e\n\r\t\x1b]+(\0[\x20-\x7e\n\r\t]+)*\0?$/.test(value);
}

function byteText(value) {
  return [...value].map((letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}

function cellWords(value) {
  return (byteText(value).replaceAll(" ", "").match(/.{1,8}/g) || []).join(" ");
}

// The value of a property: "text", "cells" or "bytes", and which of them it looks like.
function formatOf(value, size) {
  if (looksLikeText(value) || (size > value.length && looksLikeText(value + "\0"))) return "text";
  return size % 4 ? "bytes" : "cells";
}

function valueText(value, size, format) {
  if (!size) return "";
  const more = size > value.length ? " … (" + bytes(size) + ")" : "";
  if (format === "text") return value.replace(/\0$/, "").split("\0").map((text) => quoted(text, 4096)).join(", ") + more;
  if (format === "cells") return "<" + cellWords(value) + ">" + more;
  return "[" + byteText(value) + "]" + more;
}

// Bytes with their addresses and letters, eight a line.
function dump({ address, head, size }) {
  const lines = [];
  for (let at = 0; at < head.length; at += 8) {
    const row = head.slice(at, at + 8);
    const letters = row.replace(/[^\x20-\x7e]/g, "·");
    lines.push((address + at).toString(16).padStart(8, "0") + "  " + byteText(row).padEnd(23) + "  " + letters);
  }
  if (size > head.length) lines.push("… " + number(size - head.length) + " bytes more");
  return lines.join("\n");
}
