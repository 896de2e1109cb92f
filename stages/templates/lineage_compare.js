// Two reports side by side: the reader picks the other file, and only its words and numbers are taken from it. Parsing a
// document this way runs none of its scripts and loads nothing.
const comparison = (() => {
  const TOO_LARGE = 200_000_000;
  let other = null;

  const figuresOf = (document) => new Map(Array.from(document.querySelectorAll("[data-key]"), (node) => [
    node.dataset.key,
    { name: (node.parentElement.querySelector("dt")?.textContent ?? "").slice(0, 60), value: node.textContent.slice(0, 60) },
  ]));

  const splitsOf = (data) => new Map(data.steps.filter((step) => step.stage === "split").map((step) => [step.reason, step.rows]));

  // Key figures as the two pages write them, and the sizes of the splits.
  function figures(document, data) {
    const [mine, theirs] = [figuresOf(window.document), figuresOf(document)];
    const [here, there] = [splitsOf(explorer.rows()), splitsOf(data)];
    const lines = [...mine].map(([key, { name, value }]) => [name, value, theirs.get(key)?.value ?? "not shown"]);
    for (const split of ["train", "validation", "test"].filter((name) => here.has(name) || there.has(name))) {
      lines.push([`${split} rows`, counted(here.get(split) ?? 0), counted(there.get(split) ?? 0)]);
    }
    const cell = (text) => make("td", { className: "num" }, text);
    const top = (text) => make("th", { scope: "col", className: "num" }, text);
    const cells = ([name, ...values]) => {
      const className = values[0] === values[1] ? "" : "differs";
      return make("tr", { className }, make("th", { scope: "row" }, name), ...values.map(cell));
    };
    const head = make("tr", {}, make("td"), top("this"), top("other"));
    return make("table", { className: "sides" }, make("thead", {}, head), make("tbody", {}, ...lines.map(cells)));
  }

  function entry(where, what, some, title, data) {
    const show = () => explorer.open(explorer.listView({ title, data, some }));
    const node = explorer.entry(where, what, some.length, show);
    node.disabled = !some.length;
    return node;
  }

  const said = (codes) => codes.length ? codes.map(named).join(", ") : "nothing noted";

  function view() {
    const { here, data, found, file, document } = other;
    const both = found.same.length + found.changes.reduce((sum, change) => sum + change.rows.length, 0);
    const part = here.rows < here.total || data.rows < data.total;
    const notes = [];
    if (part) notes.push("One of the reports carries only a sample of its rows: what only one of them shows may be in both.");
    if (!both) notes.push("No id is in both. Ids are keyed: another key, or other sources, give other ids.");
    const changes = found.changes.map(({ stage, here: now, there: was, rows: some }) => {
      const what = [said(was), span("then", " → "), make("strong", {}, said(now))];
      return entry(named(stage), what, some, `${named(stage)}: ${said(was)} → ${said(now)}`, here);
    });
    const list = make("div", { className: "reasons" },
      entry("in both", ["same story"], found.same, "Same story in both", here),
      entry("only here", ["not in the other"], found.onlyHere, "Only in this report", here),
      entry("only there", ["not in this one"], found.onlyThere, "Only in the other report", data),
    );
    const body = [
      figures(document, data),
      make("h4", {}, "Rows"), ...notes.map((note) => aside(note)), list,
      make("h4", {}, changes.length ? "Rows with another story, by the first stage that differs" : "No row in both has another story"),
      ...(changes.length ? [aside("In the other report → in this one.")] : []),
      make("div", { className: "reasons" }, ...changes),
    ];
    const counts = [found.same, { length: both - found.same.length }, found.onlyHere, found.onlyThere].map((some) => counted(some.length));
    const told = `Compared: ${counts[0]} rows the same, ${counts[1]} with another story, ${counts[2]} only here, ${counts[3]} only there`;
    return { kicker: "comparison", title: `Compared with ${file}`, body, marks: [], told };
  }

  async function load(file, from) {
    try {
      if (file.size > TOO_LARGE) throw new lineage.Unreadable("That file is too large to be a report.");
      const document = new DOMParser().parseFromString(await file.text(), "text/html");
      const here = explorer.rows();
      const data = lineage.read(document);
      const found = timed("lineage compare", () => lineage.compare(here, data));
      other = { here, data, found, file: file.name, document };
    } catch (error) {
      const known = error instanceof lineage.Unreadable ? error.message : "That file cannot be read.";
      return explorer.open(explorer.messageView("Nothing to compare", known), from);
    }
    explorer.panel.querySelector("#compare-again").hidden = false;
    return explorer.open(view(), from);
  }

  // What the other report tells of a row whose story it tells otherwise, or that it does not know.
  function beside(data, id) {
    if (!other) return null;
    const [from, name] = data === other.data ? [other.here, "this report"] : [other.data, "the other report"];
    const row = lineage.rowOf(from, id);
    if (row < 0) return { title: `In ${name}`, text: "It carries no such row." };
    const codes = (one, at) => one.paths[one.path[at]].map((step) => `${one.steps[step].stage}/${one.steps[step].reason}`).join();
    return codes(from, row) === codes(data, lineage.rowOf(data, id)) ? null : { title: `In ${name}`, data: from, row };
  }

  function start() {
    const [pick, again, input] = ["#compare-pick", "#compare-again", "#compare-file"].map((id) => explorer.panel.querySelector(id));
    pick.addEventListener("click", () => input.click());
    again.addEventListener("click", () => explorer.open(view(), again));
    input.addEventListener("change", () => {
      const [file] = input.files;
      // Emptied, so that the same file can be picked again after it has been made anew.
      if (file) load(file, pick).then(() => { input.value = ""; });
    });
  }

  return { start, beside };
})();

if (JSON.parse(document.getElementById("lineage").textContent).rows) {
  comparison.start();
  explorer.start();
}
