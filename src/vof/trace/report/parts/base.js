// Words that all parts share: elements, texts and numbers.

const byId = (id) => document.getElementById(id);

// Control characters and those that turn the direction of writing are shown as what they are.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function clean(text) {
  return String(text).replace(UNSEEN, (letter) => escapeOf(letter.charCodeAt(0)));
}

function escapeOf(code) {
  if (code === 0) return "\\0";
  if (code === 10) return "\\n";
  if (code === 13) return "\\r";
  if (code === 9) return "\\t";
  if (code < 256) return "\\x" + code.toString(16).padStart(2, "0");
  return "\\u" + code.toString(16).padStart(4, "0");
}

// An element. What a recording holds becomes text here, never markup.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(4)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : clean(child));
  }
  return element;
}

function button(text, action, attributes) {
  return make("button", { type: "button", ...attributes, onclick: action }, text);
}

function fill(element, ...children) {
  element.replaceChildren(...children.flat(4).filter((child) => child));
}

const NUMBERS = new Intl.NumberFormat("en");
const number = (value) => NUMBERS.format(value);
const hex = (value) => "0x" + value.toString(16);
const plural = (count, word) => number(count) + " " + word + (count === 1 ? "" : "s");

// Nanoseconds, with three digits that count.
function time(nanoseconds) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    if (nanoseconds >= size) return digits(nanoseconds / size) + " " + unit;
  }
  return nanoseconds ? digits(nanoseconds) + " ns" : "0";
}

function digits(value) {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

// A moment: seconds since the start, to the microsecond.
const moment = (nanoseconds) => (nanoseconds / 1e9).toFixed(6);

function bytes(size) {
  let unit = 0;
  while (size >= 1024 && unit < 4) {
    size /= 1024;
    unit += 1;
  }
  return (unit && size % 1 ? digits(size) : number(size)) + " " + ["bytes", "KiB", "MiB", "GiB", "TiB"][unit];
}

// The place of the last of ascending values that is at most this; -1 if none is.
function lastAtMost(values, value, count = values.length) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// Have an action done once before the next frame, however often it is asked for.
function nextFrame(action) {
  let asked = 0;
  return () => {
    if (asked) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      action();
    });
  };
}

// A canvas as sharp as the screen; returns its context, and its size in the page's pixels.
function prepare(canvas) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const scale = window.devicePixelRatio || 1;
  const wide = Math.round(width * scale);
  const high = Math.round(height * scale);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px " + colour("--sans");
  context.textBaseline = "middle";
  return [context, width, height];
}

// What the style sheet says; asked for again when the theme changes.
const colours = new Map();

function colour(name) {
  let value = colours.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    colours.set(name, value);
  }
  return value;
}

function showTooltip(x, y, lines) {
  const tooltip = byId("tooltip");
  fill(tooltip, ...lines.filter(Boolean).map((line) => make("div", null, line)));
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  tooltip.style.left = clamp(x + 12, 4, Math.max(4, innerWidth - box.width - 4)) + "px";
  tooltip.style.top = (y + 18 + box.height > innerHeight ? Math.max(4, y - box.height - 10) : y + 18) + "px";
}

function hideTooltip() {
  byId("tooltip").hidden = true;
}
