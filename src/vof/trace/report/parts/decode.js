// Calls and memory as text, in the manner of `vof trace`.

const FAILED = 0xffffffff;
const TEXT_SHOWN = 48;

const signed = (cell) => (cell > 0x7fffffff ? cell - 0x100000000 : cell);

function quoted(text, limit = TEXT_SHOWN) {
  const cut = text.length > limit;
  const shown = (cut ? text.slice(0, limit) : text).replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/g, (letter) => escapeOf(letter.charCodeAt(0)));
  return '"' + shown + '"' + (cut ? "…" : "");
}

// A cell by its kind; `text` is the string that it points to, if there is one.
function cellText(calls, call, cell, kind, text) {
  if (text !== undefined) return quoted(text);
  if (kind === "package" || kind === "instance") return calls.path(call, cell) || (cell === FAILED ? "-1" : cell ? hex(cell) : "0");
  if (kind === "size") return cell === FAILED ? "-1" : String(cell);
  if (kind === "cell") return Math.abs(signed(cell)) < 0x10000 ? String(signed(cell)) : hex(cell);
  return cell === FAILED ? "-1" : hex(cell);
}

function argumentTexts(calls, call) {
  const row = calls.row(call);
  return calls.args(call).map((cell, place) => {
    const declared = row.args[place];
    return cellText(calls, call, cell, declared ? declared[1] : "cell", calls.text(call, place));
  });
}

function resultTexts(calls, call) {
  const row = calls.row(call);
  return calls.results(call).map((cell, place) => {
    const declared = row.results[place];
    return cellText(calls, call, cell, declared ? declared[1] : "cell");
  });
}

// What follows the equals sign: the answer, and the data that was written.
function answerText(calls, call) {
  const note = calls.notes.get(call);
  const results = resultTexts(calls, call);
  const shown = note && note.status ? [String(signed(note.status >>> 0))] : results;
  const parts = [shown.length ? shown.join(", ") : note && note.outcome ? "?" : "0"];
  if (note && note.outcome) parts.push(note.outcome);
  if (note && note.hook) parts.push("[" + note.hook + "]");
  for (const piece of calls.writes(call)) parts.push(memoryText(piece));
  return parts.join(" ");
}

// The whole call in a line.
function callText(calls, call) {
  const gift = calls.gift(call);
  const args = argumentTexts(calls, call);
  const shown = gift && args.length > 1 ? args.concat("/* " + memoryText(gift) + " */") : args;
  const reason = calls.failed(call) ? " (" + calls.reason(call) + ")" : "";
  return calls.name(call) + "(" + shown.join(", ") + ") = " + answerText(calls, call) + reason;
}

// A piece of memory in a few words.
function memoryText({ head, size }) {
  if (looksLikeText(head) && size <= head.length) return quoted(head.replace(/\0$/, ""));
  if (looksLikeText(head)) return quoted(head) + "…";
  const cut = size > 24;
  return "[" + (size % 4 ? byteText(head.slice(0, 24)) : cellWords(head.slice(0, 24))) + (cut ? " …" : "") + "]";
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
