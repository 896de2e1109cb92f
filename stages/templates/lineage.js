// The lineage panel: a click on a reason lists its rows, a click on a row tells its story. Everything it shows is put
// into the page as text; nothing that a stage wrote is ever read as HTML.
const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const span = (className, ...children) => make("span", { className }, ...children);
const code = (text) => make("code", {}, text);
const aside = (...children) => make("p", { className: "note" }, ...children);
const named = (code) => code.replaceAll("_", " ");
const counted = (count) => count.toLocaleString("en");
const rowsOf = (count) => `${counted(count)} ${count === 1 ? "row" : "rows"}`;
const timed = (name, work) => {
  const start = performance.now();
  const result = work();
  performance.measure(name, { start });
  return result;
};

const explorer = (() => {
  const panel = document.getElementById("explorer");
  const sheet = panel.querySelector(".sheet");
  const field = panel.querySelector("#find-row");
  const status = panel.querySelector("[role=status]");
  const about = JSON.parse(document.getElementById("lineage").textContent);
  const views = [];
  let opener = null;
  let read = null;

  // The bytes are turned into rows when the browser has time, or when the first row is asked for.
  const rows = () => read ??= timed("lineage read", () => lineage.read(document));
  const say = (text) => { status.textContent = text; };
  const button = (text, act, className = "plain") => {
    const node = make("button", { type: "button", className }, text);
    node.addEventListener("click", act);
    return node;
  };

  // A path as words: what all rows of a list share is faint, so that what sets a group apart stands out.
  function pathWords(data, path, shared = new Set()) {
    return path.flatMap((step, i) => [
      ...(i ? [make("span", { className: "then", ariaHidden: "true" }, " › ")] : []),
      span(shared.has(step) ? "shared" : "", named(data.steps[step].reason)),
    ]);
  }

  // A stage's sentence, names between backticks as code.
  const sentence = (text) => text.split("`").map((part, i) => i % 2 ? code(part) : part);

  function sharedSteps(data, some) {
    const paths = new Set();
    for (const row of some) paths.add(data.path[row]);
    const all = [...paths].map((path) => data.paths[path]);
    return all.length > 1 ? all[0].filter((step) => all.every((path) => path.includes(step))) : [];
  }

  function copy(text, done) {
    // A page opened as a file may not be allowed the clipboard; the older way needs a selection.
    const older = () => {
      const area = make("textarea", { value: text, className: "unseen" });
      panel.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      done(copied);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => done(true), older);
    else older();
  }

  function copyButton(label, text) {
    const node = button(label, () => copy(text(), (copied) => {
      node.focus({ preventScroll: true });
      node.textContent = copied ? "Copied" : "Not allowed here";
      say(node.textContent);
      setTimeout(() => { node.textContent = label; }, 2000);
    }));
    return node;
  }

  function saveButton(name, text) {
    return button("Save ids", () => {
      const url = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
      make("a", { href: url, download: `${name.replace(/[^A-Za-z0-9]+/g, "-")}.txt` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    });
  }

  // Rows as a view: what they have in common, what can be done with their ids, and the ids.
  function listView({ kicker = "", title, note = "", data, some, total = some.length, marks = [], file }) {
    const act = (row) => open(recordView(data, row));
    const list = new RowList(`Ids: ${title}`, data, some, { words: pathWords, shared: sharedSteps(data, some), open: act });
    const ids = () => Array.from(some, (row) => lineage.idOf(data, row)).join("\n") + "\n";
    const count = some.length < total ? `${counted(some.length)} of ${rowsOf(total)}` : rowsOf(total);
    const sampled = aside("The page carries a sample of them. ", code("rowtrail trace ID"), " finds every one.");
    const fewer = some.length < total ? [sampled] : [];
    const buttons = [copyButton("Copy ids", ids), saveButton(file ?? title, ids)];
    const tools = make("p", { className: "tools" }, make("strong", {}, count), ...buttons);
    const body = [...(note ? [make("p", {}, ...sentence(note))] : []), tools, ...fewer];
    return { kicker, title, body, list: some.length ? list : null, marks, told: `${title}: ${count}` };
  }

  function reasonView(stage, reason) {
    const data = rows();
    const step = data.steps.findIndex((one) => one.stage === stage && one.reason === reason);
    if (step < 0) return messageView(named(reason), "The page carries no row with this reason.");
    const { explanation, rows: total } = data.steps[step];
    const some = lineage.withStep(data, step);
    return listView({
      kicker: code(`${stage}/${reason}`), title: named(reason), note: explanation,
      data, some, total, marks: [data.steps[step]], file: `${stage} ${reason}`,
    });
  }

  function messageView(title, text, ...more) {
    return { title, body: [make("p", {}, text), ...more], marks: [], told: `${title}. ${text}` };
  }

  function story(data, row) {
    const items = data.paths[data.path[row]].map((step) => {
      const { stage, reason, explanation } = data.steps[step];
      const what = [make("strong", {}, named(reason)), " ", code(reason), make("p", {}, ...sentence(explanation))];
      return make("li", {}, span("kicker", named(stage)), ...what);
    });
    return make("ol", { className: "story" }, ...items);
  }

  function recordView(data, row) {
    const id = lineage.idOf(data, row);
    const marks = data.paths[data.path[row]].map((step) => data.steps[step]);
    const split = marks.find((step) => step.stage === "split");
    const kept = lineage.keptFor(data, row);
    const repeats = lineage.standsFor(data, row);
    const last = marks.at(-1);
    const fate = split ? `In the ${named(split.reason)} split.` : `Left in ${named(last.stage)}: ${named(last.reason)}.`;
    const mine = data === read;
    const link = mine ? [make("a", { href: `#id=${id}` }, "Link to this row")] : [];
    const body = [make("p", {}, fate), make("p", { className: "tools" }, copyButton("Copy id", () => id), ...link)];
    if (kept >= 0) body.push(make("p", {}, "Repeats ", idButton(data, kept), ", which was kept."));
    if (repeats.length) {
      const title = `Repeats of ${id}`;
      const show = () => open(listView({ title, data, some: repeats }));
      const one = repeats.length === 1;
      const them = one ? idButton(data, repeats[0]) : button(rowsOf(repeats.length), show, "link");
      body.push(make("p", {}, "Stands for ", them, ` that repeated it and ${one ? "was" : "were"} dropped.`));
    }
    body.push(story(data, row));
    const other = comparison.beside(data, id);
    if (other) body.push(make("h4", {}, other.title), other.data ? story(other.data, other.row) : make("p", {}, other.text));
    body.push(aside("The evidence for each step: ", code(`rowtrail trace ${id}`)));
    const kicker = mine ? "row" : "row of the other report";
    return { kicker, title: id, body, marks: mine ? marks : [], told: `Row ${id}`, id: mine ? id : "" };
  }

  const idButton = (data, row) => button(lineage.idOf(data, row), () => open(recordView(data, row)), "link mono");

  // A line that leads to rows: where, what, how many.
  function entry(where, what, count, act) {
    const node = button("", act, "reason");
    node.append(span("kicker", where), span("", ...what), span("many", counted(count)));
    return node;
  }

  // At rest the panel lists every reason: also those that move no row, which the picture cannot show.
  function restView() {
    const list = make("div", { className: "reasons", role: "toolbar", ariaLabel: "Reasons", ariaOrientation: "vertical" });
    let stage = "";
    const order = [...new Set(about.steps.map((step) => step.stage))];
    const byStage = (a, b) => order.indexOf(a.stage) - order.indexOf(b.stage) || b.rows - a.rows;
    for (const step of [...about.steps].sort(byStage)) {
      const where = step.stage === stage ? "" : named(step.stage);
      const node = entry(where, [named(step.reason)], step.rows, () => open(reasonView(step.stage, step.reason), node));
      node.tabIndex = list.children.length ? -1 : 0;
      node.setAttribute("aria-label", `${named(step.stage)}: ${named(step.reason)}, ${rowsOf(step.rows)}`);
      stage = step.stage;
      list.append(node);
    }
    list.addEventListener("keydown", (event) => {
      const all = [...list.children], at = all.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (!all[to]) return;
      all.forEach((one, i) => { one.tabIndex = i === to ? 0 : -1; });
      all[to].focus();
      event.preventDefault();
    });
    return [make("p", { className: "kicker" }, "Or by reason"), list];
  }
  const rest = restView();

  function mark(steps) {
    const chosen = new Set(steps.map((step) => `${step.stage}/${step.reason}`));
    for (const part of document.querySelectorAll(".flow [data-reason]")) {
      part.classList.toggle("chosen", chosen.has(`${part.dataset.stage}/${part.dataset.reason}`));
    }
    document.querySelector(".flow.wide")?.parentElement.classList.toggle("choosing", steps.length > 0);
  }

  function address(id) {
    const wanted = id ? `#id=${id}` : "";
    if (location.hash === wanted || (!wanted && !location.hash.startsWith("#id="))) return;
    history.replaceState(null, "", wanted || location.href.split("#")[0]);
  }

  let shown = null;
  function render(view, focus) {
    shown?.list?.hide();
    shown = view;
    panel.classList.toggle("open", Boolean(view));
    mark(view?.marks ?? []);
    address(view?.id ?? "");
    if (!view) return sheet.replaceChildren(...rest);
    const heading = make("h3", { tabIndex: -1, className: /^[0-9a-f]{20}$/.test(view.title) ? "mono" : "" }, view.title);
    const close = button("×", () => closed(), "close");
    close.setAttribute("aria-label", "Close");
    const whence = views.length > 1 ? button("‹ Back", back, "link") : span("kicker", view.kicker ?? "");
    const bar = make("div", { className: "bar" }, whence, close);
    const body = make("div", { className: "told" }, heading, ...view.body);
    sheet.replaceChildren(bar, body, ...(view.list ? [view.list.element] : []));
    view.list?.show();
    say(view.told);
    if (focus) heading.focus({ preventScroll: true });
  }

  // From outside the panel a view starts anew; from inside it lies on the one before.
  function open(view, from = null) {
    if (from) {
      opener = from;
      views.length = 0;
    }
    views.push(view);
    render(view, from !== field);
    if (from === field) uncover();
  }

  // On a small screen the sheet lies over the page: what is typed into must stay in sight.
  function uncover() {
    const box = sheet.getBoundingClientRect();
    const covered = getComputedStyle(sheet).position === "fixed" && field.getBoundingClientRect().bottom > box.top;
    if (covered && document.activeElement === field) field.scrollIntoView({ block: "start" });
  }

  function back() {
    views.pop();
    render(views.at(-1), true);
    shown.list?.element.focus({ preventScroll: true });
  }

  function closed() {
    views.length = 0;
    render(null);
    field.value = "";
    say("Closed");
    opener?.focus();
    opener = null;
  }

  function find(typed) {
    const digits = typed.trim().toLowerCase();
    if (!digits) return views.length && opener === field ? closed() : null;
    if (!/^[0-9a-f]{1,20}$/.test(digits)) {
      return open(messageView("Not an id", "An id has up to 20 of the digits 0 to 9 and a to f."), field);
    }
    const data = rows();
    const view = timed("lineage search", () => {
      const [first, after] = lineage.startingWith(data, digits);
      if (after === first) return messageView("No such row", `No id in this page begins with ${digits}.`, ...unseen(data));
      if (after === first + 1) return recordView(data, first);
      const some = lineage.range(first, after);
      return listView({ title: `${digits}…`, note: "Rows whose id begins so.", data, some, file: `ids ${digits}` });
    });
    return timed("lineage show", () => open(view, field));
  }

  function unseen(data) {
    const part = `It carries ${counted(data.rows)} of ${rowsOf(data.total)}. `;
    return data.rows < data.total ? [aside(part, code("rowtrail trace ID"), " looks at all.")] : [];
  }

  function follow() {
    const id = /^#id=([0-9a-f]{20})$/i.exec(location.hash)?.[1].toLowerCase();
    if (!id || shown?.id === id) return;
    const row = lineage.rowOf(rows(), id);
    document.getElementById("rows").scrollIntoView();
    const none = () => messageView("No such row", `No row in this page has the id ${id}.`, ...unseen(rows()));
    open(row < 0 ? none() : recordView(rows(), row), field);
  }

  function reasonButtons() {
    const act = (part) => timed("lineage open", () => open(reasonView(part.dataset.stage, part.dataset.reason), part));
    for (const part of document.querySelectorAll(".flow [data-reason]")) {
      part.setAttribute("role", "button");
      part.classList.add("way");
      part.addEventListener("click", () => act(part));
      part.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        act(part);
      });
    }
    for (const row of document.querySelectorAll("tr[data-reason]")) {
      const reason = row.querySelector("code");
      const node = button("", () => act(node), "link");
      node.dataset.stage = row.dataset.stage;
      node.dataset.reason = row.dataset.reason;
      reason.replaceWith(node);
      node.append(reason);
    }
  }

  function start() {
    reasonButtons();
    sheet.replaceChildren(...rest);
    panel.hidden = false;
    panel.parentElement.classList.add("beside");
    field.addEventListener("input", () => find(field.value));
    field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && shown?.list) {
        shown.list.element.focus();
        event.preventDefault();
      }
    });
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      find(field.value);
    });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && shown) closed(); });
    addEventListener("hashchange", follow);
    (window.requestIdleCallback ?? setTimeout)(rows);
    follow();
  }

  return { panel, rows, entry, listView, messageView, open, start };
})();
