// A list of ids of any length: only the lines in view are in the page, the rest is empty height. Ids that share a path
// stand below it once; the path stays in view while its ids pass by.
class RowList {
  // `open(row)` is called when a row is chosen; `words` writes a path as nodes.
  constructor(name, data, rows, { open, words, shared = [] }) {
    Object.assign(this, { data, open, words, shared: new Set(shared) });
    this.groups = lineage.byPath(data, rows);
    let before = 0;
    for (const group of this.groups) {
      group.from = before;
      before += group.rows.length;
    }
    this.count = before;
    this.active = 0;
    this.element = make("div", { className: "rows", tabIndex: 0, role: "listbox", ariaLabel: name });
    this.all = this.element.appendChild(make("div", { className: "all", role: "presentation" }));
    const soon = () => { this.waiting ??= requestAnimationFrame(() => this.draw()); };
    this.element.addEventListener("scroll", soon, { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.all.addEventListener("click", (event) => {
      const line = event.target.closest("[data-at]");
      if (line) this.choose(Number(line.dataset.at));
    });
    this.resized = new ResizeObserver(() => { if (this.element.clientWidth === this.width) this.draw(); else this.place(); });
  }

  // Call when the element is in the page: heights are those that the style sheet gives.
  show() {
    this.place();
    if (this.left) this.element.scrollTop = this.left;
    this.draw();
    this.resized.observe(this.element);
  }

  // Call before it leaves the page; `show` brings it back as it was.
  hide() {
    this.left = this.element.scrollTop;
    this.resized.disconnect();
  }

  head(group) {
    const path = this.words(this.data, this.data.paths[group.path], this.shared);
    return make("div", { className: "head" }, ...path, span("many", counted(group.rows.length)));
  }

  place() {
    this.width = this.element.clientWidth;
    const probe = make("div", { className: "id" }, "0".repeat(20));
    const heads = this.groups.map((group) => this.head(group));
    this.all.replaceChildren(probe, ...heads);
    this.line = probe.offsetHeight;
    this.columns = Math.max(1, Math.floor(this.width / probe.offsetWidth));
    const heights = heads.map((head) => head.offsetHeight);
    let top = 0;
    this.groups.forEach((group, i) => {
      group.top = top;
      group.head = heights[i];
      top += group.head + Math.ceil(group.rows.length / this.columns) * this.line + this.line / 2;
    });
    this.all.style.height = `${top}px`;
    this.draw();
  }

  groupAt(place, key) {
    let low = 0, high = this.groups.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.groups[middle][key] <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  draw() {
    this.waiting = undefined;
    const from = this.element.scrollTop, to = from + this.element.clientHeight;
    const blocks = [];
    for (let i = this.groupAt(from, "top"); i < this.groups.length && this.groups[i].top < to; i++) {
      blocks.push(this.block(this.groups[i], from, to));
    }
    this.all.replaceChildren(...blocks);
    this.element.setAttribute("aria-activedescendant", `row-${this.active}`);
  }

  block(group, from, to) {
    const start = group.top + group.head;
    const lines = Math.ceil(group.rows.length / this.columns);
    const first = Math.max(0, Math.floor((from - start) / this.line) - 4);
    const last = Math.min(lines, Math.ceil((to - start) / this.line) + 4);
    const head = this.head(group);
    const told = this.data.paths[group.path].map((step) => named(this.data.steps[step].reason)).join(", ");
    const ariaLabel = `${told}: ${rowsOf(group.rows.length)}`;
    const block = make("div", { className: "group", role: "group", ariaLabel }, head);
    block.style.top = `${group.top}px`;
    block.style.height = `${group.head + lines * this.line}px`;
    for (let at = first * this.columns; at < Math.min(last * this.columns, group.rows.length); at++) {
      const line = make("div", { className: "id", role: "option", id: `row-${group.from + at}` }, lineage.idOf(this.data, group.rows[at]));
      line.dataset.at = group.from + at;
      line.ariaSelected = String(group.from + at === this.active);
      line.ariaPosInSet = String(group.from + at + 1);
      line.ariaSetSize = String(this.count);
      line.style.top = `${group.head + Math.floor(at / this.columns) * this.line}px`;
      line.style.left = `${(100 * (at % this.columns)) / this.columns}%`;
      block.append(line);
    }
    return block;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.line) - 3) * this.columns;
    const moves = {
      ArrowDown: this.columns, ArrowUp: -this.columns, ArrowRight: 1, ArrowLeft: -1,
      PageDown: page, PageUp: -page, Home: -this.count, End: this.count,
    };
    if (event.key === "Enter" || event.key === " ") this.choose(this.active);
    else if (event.key in moves) this.move(this.active + moves[event.key]);
    else return;
    event.preventDefault();
  }

  move(to) {
    this.active = Math.max(0, Math.min(this.count - 1, to));
    const group = this.groups[this.groupAt(this.active, "from")];
    const top = group.top + group.head + Math.floor((this.active - group.from) / this.columns) * this.line;
    const view = this.element;
    if (top - group.head < view.scrollTop) view.scrollTop = top - group.head;
    else if (top + 2 * this.line > view.scrollTop + view.clientHeight) view.scrollTop = top + 2 * this.line - view.clientHeight;
    this.draw();
    // The list itself may reach below the window.
    document.getElementById(`row-${this.active}`)?.scrollIntoView({ block: "nearest" });
  }

  choose(at) {
    this.active = at;
    const group = this.groups[this.groupAt(at, "from")];
    this.open(group.rows[at - group.from]);
  }
}
