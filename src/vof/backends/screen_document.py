"""The page that shows a screen in a browser, and sends what is typed and where the pointer goes."""

from __future__ import annotations

import json
from collections.abc import Iterable

__all__ = ["screen_document"]

_DOCUMENT = """<!doctype html>
<meta charset="utf-8"><title>vof: screen</title>
<style>body { margin: 0; background: #222; color: #ccc; font: 14px sans-serif; text-align: center }
img { margin-top: 1em; image-rendering: pixelated; outline: 1px solid #555; user-select: none; touch-action: none }
</style>
<img id="screen" alt="the machine's screen" draggable="false">
<p><span id="note">What you type goes to the machine.</span>
<button id="capture">Capture the mouse</button></p>
<script>
const hint = "What you type goes to the machine.", free = "Escape gives the mouse back.";
const screen = document.getElementById("screen"), note = document.getElementById("note");
const keys = new Set(KEYS), down = new Set(), waiting = [];
let sending = false, seen = "", wait = 40, timer = 0, looking = false, failures = 0;

// Input goes in its order, one request after the other; moves that wait are put together.
function send(...event) {
  const last = waiting.at(-1);
  if (event[0] === "to" && last?.[0] === "to" && last[5] === event[5]) waiting.pop();
  if (event[0] === "by" && last?.[0] === "by" && last[3] === event[3]) {
    waiting.pop();
    event[1] += last[1];
    event[2] += last[2];
  }
  waiting.push(event);
  if (!sending) flush();
}
async function flush() {
  sending = true;
  while (waiting.length) {
    try {
      await fetch("input", { method: "POST", body: JSON.stringify(waiting.splice(0, 64)) });
    } catch { waiting.length = 0; }
    soon();
  }
  sending = false;
}

// The picture is asked for often while it changes or something is typed, and less often where nothing happens.
async function look() {
  if (looking) return;
  looking = true;
  try {
    const answer = await fetch("screen.png?seen=" + seen, { cache: "no-store" });
    if (answer.status === 200) {
      seen = answer.headers.get("X-Seen");
      const old = screen.src;
      screen.src = URL.createObjectURL(await answer.blob());
      await screen.decode();
      if (old) URL.revokeObjectURL(old);
      wait = 40;
    } else if (answer.status === 204) wait = Math.min(wait * 1.5, 250);
    else throw answer.status;
    if (failures) note.textContent = hint;
    failures = 0;
  } catch {
    if (++failures > 2) note.textContent = "The machine has ended.";
    wait = 1000;
  }
  looking = false;
  schedule();
}
function schedule() { clearTimeout(timer); if (!document.hidden) timer = setTimeout(look, wait); }
function soon() { if (!failures) { wait = 40; schedule(); } }
addEventListener("visibilitychange", soon);
look();

function key(event, isDown) {
  if (!keys.has(event.code)) return;
  event.preventDefault();
  if (event.repeat) return;
  if (isDown) down.add(event.code); else down.delete(event.code);
  send("key", event.code, isDown);
}
addEventListener("keydown", event => key(event, true));
addEventListener("keyup", event => key(event, false));
// A browser that looks elsewhere doesn't tell that a key goes up.
addEventListener("blur", () => { for (const code of down) send("key", code, false); down.clear(); });
addEventListener("pagehide", () => {
  if (down.size) navigator.sendBeacon("input", JSON.stringify([...down].map(code => ["key", code, false])));
});

function pointer(event) {
  event.preventDefault();
  const width = screen.naturalWidth, height = screen.naturalHeight, buttons = event.buttons & 7;
  if (document.pointerLockElement === screen) {
    send("by", Math.round(event.movementX), Math.round(event.movementY), buttons);
    return;
  }
  const box = screen.getBoundingClientRect();
  const within = (place, size, most) => Math.max(0, Math.min(most - 1, Math.floor(place * most / size)));
  send("to", within(event.clientX - box.left, box.width, width), within(event.clientY - box.top, box.height, height),
       width, height, buttons);
}
for (const kind of ["pointermove", "pointerdown", "pointerup"]) screen.addEventListener(kind, pointer);
screen.addEventListener("pointerdown", event => {
  if (document.pointerLockElement !== screen) screen.setPointerCapture(event.pointerId);
  document.activeElement?.blur();
});
screen.addEventListener("contextmenu", event => event.preventDefault());
document.getElementById("capture").addEventListener("click", event => {
  event.target.blur();
  screen.requestPointerLock();
});
document.addEventListener("pointerlockchange", () => {
  note.textContent = document.pointerLockElement ? free : hint;
});
</script>
"""


def screen_document(keys: Iterable[str]) -> bytes:
    """The page.

    Args:
        keys: the names of the keys that the machine's keyboard has. The others stay the browser's.
    """
    return _DOCUMENT.replace("KEYS", json.dumps(sorted(keys)), 1).encode()
