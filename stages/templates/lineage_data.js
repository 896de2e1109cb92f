// The rows that the page carries: read, looked up, compared. Knows nothing of the page's looks. The layout of the bytes
// is told in stages/methods/document/lineage/packing.py.
const lineage = (() => {
  const ID = 10;
  const MOST = 2_000_000;

  // A sentence for the reader of the page; any other error is ours.
  class Unreadable extends Error {}

  const check = (holds) => {
    if (!holds) throw new Unreadable("Its lineage is damaged: the parts do not fit together.");
  };

  function bytesOf(base64) {
    let text;
    try {
      text = atob(base64.trim());
    } catch {
      check(false);
    }
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  const isCount = (value) => Number.isInteger(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  const TEXTS = ["stage", "action", "reason", "explanation"];
  const isStep = (step) => TEXTS.every((key) => typeof step?.[key] === "string") && isCount(step.rows);

  // A document's rows. Takes nothing on trust, since the document may be any file that somebody picked: what it returns
  // is consistent, or it throws Unreadable.
  function read(document) {
    const [about, packed] = ["lineage", "lineage-ids"].map((id) => document.getElementById(id));
    if (!document.getElementById("figures")) throw new Unreadable("That file is not a Rowtrail report.");
    if (!about || !packed) throw new Unreadable("That report was made before reports carried their rows.");
    let told;
    try {
      told = JSON.parse(about.textContent);
    } catch {
      check(false);
    }
    check(told && typeof told === "object");
    if (told.format !== 1) throw new Unreadable("That report was made by a version of Rowtrail that writes rows otherwise.");
    if (told.rows === 0) throw new Unreadable("That report carries no rows.");
    const { rows, repeats, width, steps, paths } = told;
    check(isCount(rows) && rows <= MOST && isCount(repeats) && repeats <= rows && isCount(told.total));
    check(width === 2 || width === 4);
    check(Array.isArray(steps) && steps.every(isStep) && Array.isArray(paths));
    check(paths.every((path) => Array.isArray(path) && path.length && path.every((step) => isCount(step) && step < steps.length)));
    const bytes = bytesOf(packed.textContent);
    check(bytes.length === rows * (ID + width) + repeats * 8);
    return columns(bytes, told);
  }

  function columns(bytes, { rows, repeats, width, steps, paths, total }) {
    // A slice starts where its numbers may start, which a view into the whole need not.
    let at = rows * ID;
    const next = (Numbers, count) => {
      const part = new Numbers(bytes.buffer.slice(at, at + count * Numbers.BYTES_PER_ELEMENT));
      at += count * Numbers.BYTES_PER_ELEMENT;
      return part;
    };
    const ids = bytes.subarray(0, rows * ID);
    const path = next(width === 2 ? Uint16Array : Uint32Array, rows);
    const repeating = next(Uint32Array, repeats);
    const kept = next(Uint32Array, repeats);
    check(path.every((one) => one < paths.length));
    check(repeating.every((row) => row < rows) && kept.every((row) => row < rows));
    const data = { rows, total, steps, paths, ids, path, repeating, kept };
    for (let row = 1; row < rows; row++) check(order(data, row - 1, data, row) < 0);
    return data;
  }

  // Which of two rows, of one report or of two, comes first by id: negative, 0, positive.
  function order(one, row, other, otherRow) {
    for (let i = 0, a = row * ID, b = otherRow * ID; i < ID; i++, a++, b++) {
      const difference = one.ids[a] - other.ids[b];
      if (difference) return difference;
    }
    return 0;
  }

  const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

  function idOf(data, row) {
    let text = "";
    for (let at = row * ID; at < (row + 1) * ID; at++) text += HEX[data.ids[at]];
    return text;
  }

  // The first row whose id is not below some digits filled up with zeros; `rows` when there is none.
  function lowerBound(data, digits) {
    const wanted = { ids: Uint8Array.from(digits.padEnd(2 * ID, "0").match(/../g), (pair) => parseInt(pair, 16)) };
    let low = 0, high = data.rows;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (order(data, middle, wanted, 0) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Rows whose id begins with some hexadecimal digits: [first, after last].
  function startingWith(data, digits) {
    if (digits.length > 2 * ID) return [0, 0];
    const first = lowerBound(data, digits);
    let after = lowerBound(data, digits.padEnd(2 * ID, "f"));
    if (after < data.rows && idOf(data, after).startsWith(digits)) after++;
    return [first, after];
  }

  // The row of an id, -1 for none.
  function rowOf(data, id) {
    const row = lowerBound(data, id);
    return row < data.rows && idOf(data, row) === id ? row : -1;
  }

  const range = (first, after) => Uint32Array.from({ length: after - first }, (_, i) => first + i);

  // Rows with a step in their path, in order of id.
  function withStep(data, step) {
    const has = data.paths.map((path) => path.includes(step));
    const found = new Uint32Array(data.rows);
    let count = 0;
    for (let row = 0; row < data.rows; row++) if (has[data.path[row]]) found[count++] = row;
    return found.subarray(0, count);
  }

  // Rows by their path, the commonest path first; within a path they stay in order.
  function byPath(data, rows) {
    const counts = new Uint32Array(data.paths.length);
    for (const row of rows) counts[data.path[row]]++;
    const groups = new Map();
    counts.forEach((count, path) => { if (count) groups.set(path, { path, rows: new Uint32Array(count), filled: 0 }); });
    for (const row of rows) {
      const group = groups.get(data.path[row]);
      group.rows[group.filled++] = row;
    }
    return [...groups.values()].sort((a, b) => b.rows.length - a.rows.length || a.path - b.path);
  }

  // The row that was kept for a dropped duplicate (-1 for none), and the duplicates that a row was kept for.
  const keptFor = (data, row) => { const at = data.repeating.indexOf(row); return at < 0 ? -1 : data.kept[at]; };
  const standsFor = (data, row) => data.repeating.filter((_, i) => data.kept[i] === row);

  // The first stage that two paths tell differently, with the codes of both there; null for equal stories.
  function change(here, path, there, otherPath) {
    const codes = (data, number) => {
      const byStage = new Map();
      for (const step of data.paths[number]) {
        const { stage, reason } = data.steps[step];
        byStage.set(stage, [...(byStage.get(stage) ?? []), reason]);
      }
      return byStage;
    };
    const [ours, theirs] = [codes(here, path), codes(there, otherPath)];
    const stages = new Set([...here.steps, ...there.steps].map((step) => step.stage));
    for (const stage of stages) {
      const [now, other] = [ours, theirs].map((found) => (found.get(stage) ?? []).sort());
      if (now.join() !== other.join()) return { stage, here: now, there: other };
    }
    return null;
  }

  // Two reports' rows, side by side. Both are in order of id, so one walk through them is enough.
  function compare(here, there) {
    const onlyHere = [], onlyThere = [], same = [], changed = new Map(), known = new Map();
    const group = (path, otherPath) => {
      const pair = path * there.paths.length + otherPath;
      if (!known.has(pair)) {
        const found = change(here, path, there, otherPath);
        const key = found && JSON.stringify(found);
        if (found && !changed.has(key)) changed.set(key, { ...found, rows: [] });
        known.set(pair, found ? changed.get(key).rows : same);
      }
      return known.get(pair);
    };
    let i = 0, j = 0;
    while (i < here.rows && j < there.rows) {
      const difference = order(here, i, there, j);
      if (difference < 0) onlyHere.push(i++);
      else if (difference > 0) onlyThere.push(j++);
      else group(here.path[i], there.path[j++]).push(i++);
    }
    while (i < here.rows) onlyHere.push(i++);
    while (j < there.rows) onlyThere.push(j++);
    const changes = [...changed.values()].sort((a, b) => b.rows.length - a.rows.length);
    return { onlyHere, onlyThere, same, changes };
  }

  return { Unreadable, read, idOf, startingWith, rowOf, range, withStep, byPath, keptFor, standsFor, compare };
})();
