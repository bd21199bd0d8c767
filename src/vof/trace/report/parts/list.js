// A list of any length, of which only the visible rows are made. One row is the active one: the list has the focus.

class LongList {
  // options: element, rowHeight (pixels, or a function), draw(row, index), choose(index), count
  constructor(options) {
    Object.assign(this, { count: 0, active: -1, role: "option", key: () => false, made: new Map(), ...options });
    this.inner = make("div", { class: "rows", role: "presentation" });
    this.element.replaceChildren(this.inner);
    this.update = nextFrame(() => this.redraw());
    this.element.addEventListener("scroll", this.update, { passive: true });
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.element.addEventListener("focus", () => {
      if (this.active < 0 && this.count) this.move(0);
    });
    this.inner.addEventListener("click", (event) => {
      const row = event.target.closest("[data-row]");
      if (!row) return;
      this.activate(Number(row.dataset.row));
      this.choose(this.active, event);
    });
    new ResizeObserver(this.update).observe(this.element);
  }

  get height() {
    return typeof this.rowHeight === "function" ? this.rowHeight() : this.rowHeight;
  }

  // The rows are others now, or say something else.
  resize(count) {
    this.made.clear();
    this.count = count;
    if (this.active >= count) this.active = -1;
    this.update();
  }

  activate(index) {
    this.active = index;
    this.update();
  }

  // Make a row the active one, and see that it is seen.
  move(index) {
    this.active = clamp(index, 0, this.count - 1);
    this.reveal(this.active);
    this.update();
  }

  reveal(index, middle = false) {
    const { element, height } = this;
    const top = index * height;
    this.inner.style.height = this.count * height + "px";
    if (middle && (top < element.scrollTop || top + height > element.scrollTop + element.clientHeight)) {
      element.scrollTop = top - element.clientHeight / 2;
    } else if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    if (event.key in steps && this.count) {
      this.move(this.active + steps[event.key]);
      this.choose(this.active, event);
    } else if (this.key(event)) {
      // done by the owner
    } else if ((event.key === "Enter" || event.key === " ") && this.active >= 0) this.choose(this.active, event);
    else return;
    event.preventDefault();
  }

  makeRow(index) {
    const row = make("div", {
      class: "row", id: this.element.id + "-" + index, role: this.role, "data-row": index,
      "aria-posinset": index + 1, "aria-setsize": this.count,
    });
    this.draw(row, index);
    return row;
  }

  redraw() {
    const { element, inner, height, count } = this;
    if (!element.clientHeight) return;
    inner.style.height = count * height + "px";
    const first = Math.max(0, Math.floor(element.scrollTop / height) - 4);
    const last = Math.min(count, Math.ceil((element.scrollTop + element.clientHeight) / height) + 4);
    // A row that is still there stays the same element: a click on it begins and ends there.
    const made = new Map();
    for (let index = first; index < last; index += 1) {
      const row = this.made.get(index) || this.makeRow(index);
      const active = index === this.active;
      row.classList.toggle("active", active);
      row.setAttribute("aria-selected", String(active));
      row.style.top = index * height + "px";
      row.style.height = height + "px";
      made.set(index, row);
    }
    this.made = made;
    const rows = [...made.values()];
    if (rows.length !== inner.children.length || rows.some((row, place) => inner.children[place] !== row)) inner.replaceChildren(...rows);
    if (this.active >= first && this.active < last) element.setAttribute("aria-activedescendant", element.id + "-" + this.active);
    else element.removeAttribute("aria-activedescendant");
  }
}
