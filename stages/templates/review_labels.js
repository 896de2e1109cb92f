"use strict";
(() => {
const about = JSON.parse(document.body.dataset.about);
const token = new URLSearchParams(location.search).get("token");
const byId = id => document.getElementById(id);
const main = byId("row"), dialog = byId("relabel"), typed = byId("typed"), list = byId("choices");
const MADE = "made:" + token;
const KEYS = {
  k: "keep", r: "relabel", d: "drop", u: "undo", n: "open", a: "view", "?": "help",
  ArrowRight: "next", ArrowLeft: "previous", j: "next",
};
let row = null, view = location.hash.startsWith("#all") ? "all" : "doubts", busy = false;
let shown = [], active = 0, chosen = new Set();

// --- the server ------------------------------------------------------------------------------------------------------
async function ask(path, body) {
  const options = { headers: { [about.header]: token }, cache: "no-store" };
  if (body) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  let answer;
  try { answer = await fetch(path, options); }
  catch { throw new Error("The page's server has ended. What was decided is written; start it again to go on."); }
  if (answer.status === 403) throw new Error("This address is from an earlier start of the page: open the newest one.");
  const found = await answer.json().catch(() => ({ problem: "The server could not answer that." }));
  if (!answer.ok) throw new Error(found.problem);
  return found;
}

// One thing at a time: a key pressed while an answer is under way was meant for the record that is going away.
async function alone(work) {
  if (busy) return;
  busy = true;
  main.setAttribute("aria-busy", "true");
  try { await work(); } catch (error) { say(error.message, true); }
  busy = false;
  main.removeAttribute("aria-busy");
}

async function show(go, rank) {
  const found = await ask(`/row?view=${view}&rank=${rank}&go=${go}`);
  progress(found.progress);
  if (!found.row && go !== "open" && go !== "at") return say(go === "next" ? "This is the last record." : "This is the first record.");
  row = found.row;
  history.replaceState(null, "", location.search + (row ? `#${view}-${row.rank}` : `#${view}`));
  main.replaceChildren(...(row ? record(row) : done(found.progress)));
  main.scrollTop = 0;
  for (const button of document.querySelectorAll("[data-do]")) {
    const what = button.dataset.do;
    button.disabled = what === "relabel" ? !row || about.choice === "none" : ["keep", "drop"].includes(what) && !row;
  }
  const first = main.querySelector("mark");
  if (first && first.getBoundingClientRect().bottom > main.getBoundingClientRect().bottom) first.scrollIntoView({ block: "center" });
  main.focus({ preventScroll: true });
}

// --- what is decided ---------------------------------------------------------------------------------------------------
const made = () => JSON.parse(sessionStorage.getItem(MADE) || "[]");
const remember = ids => sessionStorage.setItem(MADE, JSON.stringify(ids));

async function decide(verdict, to = "") {
  const { id, rank, version } = row;
  progress((await ask("/decide", { id, verdict, to, version })).progress);
  remember([...made(), id]);
  say(`No. ${rank.toLocaleString("en")}: ${verdict}${to.length ? " to " + [].concat(to).join(", ") : ""}.`);
  await show("open", rank);
}

async function undo() {
  const ids = made(), own = row && row.undoable ? ids.lastIndexOf(row.id) : -1;
  if (!ids.length) return say("Nothing was decided in this tab.");
  const [id] = ids.splice(own < 0 ? ids.length - 1 : own, 1);
  const { rank } = await ask("/undo", { id });
  remember(ids);
  await show("at", rank);
  say(`No. ${rank.toLocaleString("en")}: taken back.`);
}

function act(what) {
  const rank = row ? row.rank : 0;
  dialog.close();
  if (what === "help") return byId("keys").showModal();
  if (what === "view") return alone(() => choose(view === "all" ? "doubts" : "all"));
  if (what === "undo") return alone(undo);
  if (["next", "previous", "open"].includes(what)) {
    say("");
    return alone(() => show(what, what === "previous" && !row ? 1e9 : rank));
  }
  if (!row || busy) return;
  if (what !== "relabel") return alone(() => decide(what));
  if (about.choice === "none") return say("The label is text here: keep the record or drop it.");
  open();
}

async function choose(next) {
  view = next;
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  say("");
  await show("open", 0);
}

// --- another label -----------------------------------------------------------------------------------------------------
function open() {
  byId("wrong").textContent = "";
  typed.value = about.choice === "line" ? row.line : "";
  typed.rows = about.choice === "line" ? 4 : 1;
  typed.setAttribute("role", about.choice === "line" ? "textbox" : "combobox");
  typed.placeholder = about.choice === "line" ? "" : "Type a part of its name";
  chosen = new Set(about.choice === "some" ? row.suggested || row.given || [] : []);
  byId("how").textContent = {
    one: "Enter takes the marked one, a number its line. Esc: no change.",
    some: "Space turns the marked one on or off, Enter saves them all. Esc: no change.",
    line: "As the data has it: change what is wrong. Select words in the text to see their place. Enter saves. Esc: no change.",
  }[about.choice];
  byId("place").textContent = "";
  filter();
  const wanted = about.choice === "one" && row.suggested && !isGiven(row.suggested[0]) ? shown.indexOf(row.suggested[0]) : -1;
  if (wanted >= 0) mark(wanted);
  about.choice === "line" ? dialog.show() : dialog.showModal();  // to select words, the text must be within reach
  typed.focus();
  if (list.children[active]) list.children[active].scrollIntoView({ block: "nearest" });
}

const isGiven = label => about.choice === "one" && (row.given || []).includes(label);

function filter() {
  const part = typed.value.trim().toLowerCase();
  const starts = label => label.toLowerCase().startsWith(part) ? 0 : 1;
  shown = about.choice === "line" ? [] : about.labels.filter(label => label.toLowerCase().includes(part));
  if (part) shown.sort((a, b) => starts(a) - starts(b));
  list.replaceChildren(...shown.map(option));
  list.hidden = about.choice === "line";
  if (about.choice !== "line" && !shown.length) list.replaceChildren(make("p", { className: "soft" }, "No label has this in its name."));
  mark(Math.max(0, shown.findIndex(label => !isGiven(label))));
}

function option(label, at) {
  const notes = [];
  if (row.given && row.given.includes(label)) notes.push("given");
  if (row.suggested && row.suggested.includes(label)) notes.push("suggested");
  const box = about.choice === "some" ? [make("span", { className: "box" }, chosen.has(label) ? "☑" : "☐")] : [];
  const element = make("div", { className: "choice", id: `choice-${at}` },
    make("kbd", {}, at < 9 ? String(at + 1) : ""), ...box, make("bdi", { className: "name" }, label),
    make("span", { className: "note" }, notes.join(", ")));
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", String(chosen.has(label)));
  if (isGiven(label)) element.setAttribute("aria-disabled", "true");
  element.addEventListener("click", () => pick(at));
  return element;
}

function mark(at) {
  active = at;
  for (const [i, element] of [...list.querySelectorAll(".choice")].entries()) {
    element.classList.toggle("active", i === active);
    if (i === active) element.scrollIntoView({ block: "nearest" });
  }
  typed.setAttribute("aria-activedescendant", `choice-${active}`);
}

function pick(at) {
  const label = shown[at];
  if (label === undefined || isGiven(label)) return;
  if (about.choice === "one") return send(label);
  chosen.has(label) ? chosen.delete(label) : chosen.add(label);
  filter();
  mark(at);
}

const send = to => alone(async () => {
  try { await decide("relabel", to); dialog.close(); }
  catch (error) { byId("wrong").textContent = error.message; }
});

// Places are counted in code points, as the data counts them, and without the names at the ends of marks.
function counted(body, node, offset) {
  const before = document.createRange();
  before.setStart(body, 0);
  before.setEnd(node, offset);
  const copy = before.cloneContents();
  copy.querySelectorAll(".end").forEach(name => name.remove());
  return [...copy.textContent].length;
}

document.addEventListener("selectionchange", () => {
  const range = dialog.open && about.choice === "line" && getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
  const body = range && !range.collapsed && [...main.querySelectorAll(".text > div")].find(one => one.contains(range.startContainer) && one.contains(range.endContainer));
  if (body) byId("place").textContent = `Selected: ${counted(body, range.startContainer, range.startOffset)}-${counted(body, range.endContainer, range.endOffset)}`;
});

typed.addEventListener("input", filter);
dialog.addEventListener("keydown", event => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
  if (step && shown.length) mark(Math.min(shown.length - 1, Math.max(0, active + step)));
  else if (event.key === "Enter") {
    if (event.repeat) { /* held down since the key before */ }
    else if (about.choice === "line") send(typed.value.trim());
    else if (about.choice === "some") send([...chosen]);
    else pick(active);
  } else if (event.key === " " && about.choice === "some") pick(active);
  // A digit that goes on some label's name is typed; else it is the number of a line.
  else if (/^[1-9]$/.test(event.key) && shown.length && !about.labels.some(label => label.toLowerCase().includes((typed.value + event.key).toLowerCase()))) pick(Number(event.key) - 1);
  else return;
  event.preventDefault();
});

// --- what is shown: everything goes into text nodes, nothing is ever read as HTML ---------------------------------------
function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function record(one) {
  const where = [make("span", {}, "No. ", make("b", {}, one.rank.toLocaleString("en")), ` of ${one.of.toLocaleString("en")} by doubt`),
    make("span", { title: "from 0 (surely wrong) to 1 (surely right)" }, `score ${one.score.toFixed(3)}`), make("code", {}, one.id)];
  if (one.reserved) where.push(make("span", { className: "tag", title: "Dropped, it is left out of the score." }, "will be in the test split"));
  return [make("div", { className: "where" }, ...where), ...standing(one),
    make("div", { className: "sides" }, make("div", { className: "beside" }, ...labels(one), doubts(one)), make("div", {}, ...one.texts.map(text)))];
}

function standing(one) {
  if (!one.decision) return [];
  const { verdict, to, reviewer } = one.decision;
  const what = verdict === "keep" ? ["kept as it is"] : verdict === "drop" ? ["dropped"] : ["relabelled to ", make("b", {}, make("bdi", {}, to || "none"))];
  const tail = (reviewer ? ` by ${reviewer}` : "") + (one.stale ? "; its text or label has changed since, so that does not count any more." : ".");
  return [make("p", { className: one.stale ? "decided stale" : "decided" }, one.stale ? "Once " : "Decided: ", ...what, tail)];
}

function text({ name, learned, parts }, _, all) {
  const body = make("div", { dir: "auto" }, ...parts.map(part));
  if (row && row.language) body.lang = row.language;
  if (!parts.length) body.append(make("span", { className: "empty" }, "empty"));
  const tag = learned ? [make("span", { className: "tag" }, "to be learned")] : [];
  const held = all.length > 1 && parts.some(({ by }) => by.length);  // beside a question, a long context scrolls by itself
  if (held) body.tabIndex = 0;
  return make("section", { className: "text" + (learned ? " learned" : "") + (held ? " held" : "") }, make("h3", {}, make("bdi", {}, name), ...tag), body);
}

function part({ text, by, ends }) {
  if (!by.length) return text;
  const names = ends.map(({ label, by }) => make("bdi", { className: `end ${by}`, title: by === "both" ? "given and suggested" : by }, label));
  return make("mark", { className: by.filter(who => who !== "both").join(" ") }, text, ...names);
}

function labels(one) {
  if (!one.given && !one.suggested) return [];
  const same = JSON.stringify(one.suggested) === JSON.stringify(one.given);
  const both = one.shared ? [make("p", { className: "soft" }, `and ${one.shared} that both have`)] : [];
  const group = (name, kind, values) => make("div", { className: kind }, make("h3", {}, name),
    values.length ? make("ul", {}, ...values.map(value => make("li", {}, make("bdi", {}, value)))) : make("p", { className: "soft" }, both.length ? "no other" : "none"), ...both);
  return [make("section", { className: "labels" },
    one.given ? group(same ? "Given, and what the check expects" : "Given", one.suggested && !same ? "given" : "only", one.given) : make("h3", {}, "No label was given"),
    ...(one.suggested && !same ? [group("Suggested", "suggested", one.suggested)] : []))];
}

function doubts(one) {
  const told = one.doubts.map(({ code, meaning, figures }) => make("div", {},
    make("p", {}, meaning[0].toUpperCase() + meaning.slice(1), " ", make("code", {}, code)),
    make("dl", {}, ...figures.flatMap(([value, name]) => [make("dt", {}, make("bdi", {}, value)), make("dd", {}, name)]))));
  return make("section", { className: "doubts" }, ...(told.length ? told : [make("p", { className: "soft" }, "No check doubts this record.")]));
}

function done(progress) {
  const left = progress.all.left;
  const more = make("button", { type: "button" }, make("kbd", {}, "A"), " Go on with the others, the most doubtful first");
  more.addEventListener("click", () => act("view"));
  return [make("div", { className: "done" }, make("h2", {}, view === "all" ? "All records are decided" : "Every record in doubt is decided"),
    make("p", { className: "soft" }, "All of it is written. You can close this page."), ...(view === "doubts" && left ? [more] : []))];
}

function progress(all) {
  const { decided, left } = all[view];
  byId("bar").max = Math.max(1, decided + left);
  byId("bar").value = decided;
  byId("count").textContent = `${decided.toLocaleString("en")} decided, ${left.toLocaleString("en")} left`;
}

function say(words, problem = false) {
  byId("said").textContent = words;
  byId("said").classList.toggle("problem", problem);
}

// --- keys and buttons --------------------------------------------------------------------------------------------------
document.addEventListener("keydown", event => {
  if (event.key === "Escape") dialog.close();
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  // On a keyboard of another alphabet, the key that stands where K does is K.
  const key = event.key > "~" && event.code.startsWith("Key") ? event.code[3] : event.key;
  const what = key === "J" && event.shiftKey ? "previous" : KEYS[key] || KEYS[key.toLowerCase()];
  if (!what || (event.repeat && !["next", "previous"].includes(what))) return;
  event.preventDefault();
  act(what);
});
for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => act(button.dataset.do));
for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => alone(() => choose(button.dataset.view)));
byId("help").addEventListener("click", () => act("help"));
const place = /^#(?:all|doubts)-(\d+)$/.exec(location.hash);
alone(async () => {
  if (view === "all") document.querySelectorAll("[data-view]").forEach(one => one.setAttribute("aria-pressed", String(one.dataset.view === view)));
  await (place ? show("at", Number(place[1])) : show("open", 0));
});
})();
