// A terminal's screen, for programs that move the cursor about: a boot loader's menu is read here, not line by line.

const COLUMNS = 80;
const ROWS_LEAST = 25;
const ROWS_MOST = 60;

class Screen {
  constructor() {
    this.rows = ROWS_LEAST;
    this.cells = Array.from({ length: ROWS_LEAST }, blankRow);
    this.row = 0;
    this.column = 0;
    this.inverse = false;
    this.ink = 37;
    this.paper = 40;
    this.open = "";
  }

  write(text) {
    const all = this.open + text;
    this.open = "";
    for (let at = 0; at < all.length; at += 1) {
      if (all[at] !== "\x1b") this.put(all[at]);
      else {
        const [whole, numbers, letter] = /^\x1b(?:\[([0-9;?]*)([^0-9;?])?|[()].?|[^[()]?)/.exec(all.slice(at, at + 40));
        const complete = letter || (whole.length > 1 && whole[1] !== "[");
        if (!complete && at + whole.length === all.length) {
          this.open = whole.length < 32 ? whole : "";
          return;
        }
        if (letter) this.obey(letter, numbers.split(";").map(Number));
        at += whole.length - 1;
      }
    }
  }

  put(letter) {
    if (letter === "\r") this.column = 0;
    else if (letter === "\n") this.down();
    else if (letter === "\b") this.column = Math.max(0, this.column - 1);
    else if (letter === "\t") this.column = Math.min(COLUMNS - 1, (this.column | 7) + 1);
    else if (letter >= " ") {
      if (this.column >= COLUMNS) {
        this.column = 0;
        this.down();
      }
      this.cells[this.row][this.column] = [letter, this.inverse || (this.ink === 30 && this.paper === 47)];
      this.column += 1;
    }
  }

  down() {
    this.row += 1;
    if (this.row < this.rows) return;
    this.row = this.rows - 1;
    this.cells.shift();
    this.cells.push(blankRow());
  }

  obey(letter, numbers) {
    const count = numbers[0] || 1;
    const moves = {
      A: () => this.go(this.row - count, this.column),
      B: () => this.go(this.row + count, this.column),
      C: () => this.go(this.row, this.column + count),
      D: () => this.go(this.row, this.column - count),
      G: () => this.go(this.row, count - 1),
      d: () => this.go(count - 1, this.column),
      H: () => this.go(count - 1, (numbers[1] || 1) - 1),
      f: () => this.go(count - 1, (numbers[1] || 1) - 1),
      J: () => this.erase(numbers[0] || 0, this.row * COLUMNS + this.column, 0, this.rows * COLUMNS),
      K: () => this.erase(numbers[0] || 0, this.row * COLUMNS + this.column, this.row * COLUMNS, (this.row + 1) * COLUMNS),
      m: () => numbers.forEach((code) => this.colour(code)),
    };
    if (Object.hasOwn(moves, letter)) moves[letter]();
  }

  go(row, column) {
    const wanted = clamp(row, 0, ROWS_MOST - 1);
    for (; this.rows <= wanted; this.rows += 1) this.cells.push(blankRow());
    this.row = wanted;
    this.column = clamp(column, 0, COLUMNS - 1);
  }

  // Before the cursor, behind it or both.
  erase(kind, here, from, to) {
    const first = kind === 0 ? here : from;
    const last = kind === 1 ? here + 1 : to;
    for (let at = first; at < Math.min(last, this.rows * COLUMNS); at += 1) this.cells[Math.floor(at / COLUMNS)][at % COLUMNS] = BLANK;
  }

  colour(code) {
    if (code === 0) [this.inverse, this.ink, this.paper] = [false, 37, 40];
    else if (code === 7 || code === 27) this.inverse = code === 7;
    else if (code >= 30 && code <= 37) this.ink = code;
    else if (code >= 40 && code <= 47) this.paper = code;
  }

  // The rows as elements; what stands out is marked.
  show() {
    return this.cells.map((row) => {
      const line = make("div", null);
      let text = "";
      row.forEach(([letter, marked], column) => {
        text += letter;
        const next = row[column + 1];
        if (next && next[1] === marked) return;
        line.append(marked ? make("mark", null, text) : clean(text));
        text = "";
      });
      return line;
    });
  }
}

const BLANK = [" ", false];
const blankRow = () => new Array(COLUMNS).fill(BLANK);
