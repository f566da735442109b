"use strict";
const data = JSON.parse(document.querySelector("#data").textContent);
const form = document.querySelector("form");
const words = document.querySelector("#words");
const found = document.querySelector("#found");
const hits = document.querySelector("#hits");
const SHOWN = 60;
function make(name, text, props = {}) {
  const element = Object.assign(document.createElement(name), props);
  if (text) element.textContent = text;
  return element;
}
/* A name as one word: what is said of "podman version 4.3.1" on docker is found by docker/podman-version-4.3.1. */
const joined = (text) => text.toLowerCase().replaceAll(" ", "-");
const columns = data.columns.map(([host, sandbox, target]) => {
  const own = target === "own";
  const words = [joined(host), joined(host + "/" + sandbox), own ? joined(sandbox) : joined(target), own ? "bulkhead" : joined(sandbox)];
  return { host, sandbox, own, words, text: (host + " " + sandbox).toLowerCase() };
});
const texts = data.texts.map(([said, why]) => {
  const [outcome, verdict] = said.slice(2).split(", ");
  return { said, why, sign: said[0], words: [joined(outcome), verdict || "ok"], text: (said + " " + why).toLowerCase() };
});
/* Words for where something was tried and what came of it: beside another word they are looked for in one cell alone. */
const PLACED = new Set([...columns, ...texts].flatMap((one) => one.words));
function cells(attack) {
  return columns.flatMap((column, at) => {
    const number = attack.cells.slice(3 * at, 3 * at + 3).trim();
    return number ? [{ column, text: texts[parseInt(number, 16)] }] : [];
  });
}
/* On which hosts it gets through our own sandbox as far as that was tried, and through how many others. */
function passed(attack) {
  const all = cells(attack);
  const strongest = new Map(all.filter(({ column }) => column.own && column.sandbox !== "none").map((cell) => [cell.column.host, cell]));
  const tried = (list) => list.filter(({ text }) => text.sign !== "–");
  const escaped = (list) => list.filter(({ text }) => text.sign === "✗");
  const [own, others] = [tried([...strongest.values()]), tried(all.filter(({ column }) => !column.own))];
  return { own, through: escaped(own), others, beaten: escaped(others) };
}
const attacks = new Map(data.attacks.map((attack) => {
  const about = [attack.id, attack.title, attack.severity, attack.layers, attack.tags, attack.known].join(" ").toLowerCase();
  return [attack.id, { attack, about, cells: cells(attack), ...passed(attack) }];
}));
function matches({ attack, about, cells }, wanted) {
  const isPlaced = (word) => wanted.length > 1 && PLACED.has(word);
  const isAbout = (word) => word.endsWith("/") ? attack.id.startsWith(word) : about.includes(word);
  const rest = wanted.filter((word) => isPlaced(word) || !isAbout(word));
  const isIn = (word, { column, text }) =>
    column.words.includes(word) || text.words.includes(word) || (!isPlaced(word) && !word.endsWith("/") && (column.text.includes(word) || text.text.includes(word)));
  return rest.length === 0 || cells.some((cell) => rest.every((word) => isIn(word, cell)));
}
/* What each cell says, and what speaks for it: cells that say the same are told together. */
function evidence(attack) {
  const groups = new Map();
  for (const { column, text } of attacks.get(attack.id).cells) {
    const hosts = groups.get(text) || new Map();
    groups.set(text, hosts.set(column.host, [...(hosts.get(column.host) || []), column.sandbox]));
  }
  const [list, rest] = [make("ul"), make("ul")];
  const ORDER = "✗?✓–";
  for (const [text, hosts] of [...groups].sort(([a], [b]) => ORDER.indexOf(a.sign) - ORDER.indexOf(b.sign))) {
    const line = make("li");
    line.append(make("span", text.said, { className: { "✓": "good", "–": "dim" }[text.sign] || "bad" }));
    if (text.why) line.append(make("small", text.why));
    line.append(make("div", [...hosts].map(([host, all]) => host + ": " + all.join(", ")).join("; ")));
    (text.sign === "–" ? rest : list).append(line);
  }
  if (!rest.childElementCount) return [list];
  const closed = make("details");
  closed.append(make("summary", "where it was not run, and why"), rest);
  return [list, closed];
}
function fill(item, attack) {
  if (item.childElementCount > 1) return;
  const facts = make("dl");
  const fact = (name, text) => { if (text) facts.append(make("dt", name), make("dd", text)); };
  fact("layers", attack.layers);
  fact("depth", attack.depth);
  fact("tags", attack.tags);
  fact("history", attack.known);
  if (facts.childElementCount) item.append(facts);
  item.append(...evidence(attack));
  if (data.place) item.append(make("a", "everything about " + attack.id, { href: data.place + "/" + attack.id + ".md" }));
}
function entry(attack, whole) {
  const item = make("details", "", { className: "attack" });
  const summary = make("summary");
  const { own, through, others, beaten } = attacks.get(attack.id);
  summary.append(make("b", whole ? attack.id : attack.id.split("/")[1]), " ", attack.title || "");
  if (attack.severity) summary.append(make("small", attack.severity));
  if (through.length) {
    const levels = [...new Set(through.map(({ column }) => column.sandbox))];
    const on = (level) => through.filter(({ column }) => column.sandbox === level).map(({ column }) => column.host);
    const where = levels.map((level) => level + " on " + on(level).join(", "));
    summary.append(make("small", "✗ " + where.join("; "), { className: "bad" }));
  } else if (own.length) summary.append(make("small", "✓ " + own[0].column.sandbox));
  if (beaten.length) summary.append(make("small", "✗ " + beaten.length + " of " + others.length + (own.length ? " other sandboxes" : " sandboxes")));
  item.append(summary);
  item.addEventListener("toggle", () => { if (item.open) fill(item, attack); });
  return item;
}
/* What gets through comes first. */
const worst = (one, other) => attacks.get(other.id).through.length - attacks.get(one.id).through.length;
function open(section) {
  const place = section.querySelector("div");
  if (place.childElementCount === 0) {
    for (const attack of data.attacks.filter(({ id }) => id.startsWith(section.id + "/")).sort(worst)) {
      const item = entry(attack, false);
      item.id = attack.id;
      place.append(item);
    }
  }
  section.open = true;
}
function search() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  hits.replaceChildren();
  found.textContent = "";
  if (wanted.length === 0) return;
  const isNamed = ({ id, title }) => wanted.every((word) => (id + " " + (title || "")).toLowerCase().includes(word));
  const all = data.attacks.filter(({ id }) => matches(attacks.get(id), wanted)).sort((one, other) => isNamed(other) - isNamed(one) || worst(one, other));
  found.textContent = all.length + " of " + data.attacks.length;
  for (const attack of all.slice(0, SHOWN)) hits.append(entry(attack, true));
  if (all.length > SHOWN) hits.append(make("p", "and " + (all.length - SHOWN) + " more; another word makes them fewer"));
}
function fromFragment() {
  let text = location.hash.slice(1);
  try { text = decodeURIComponent(text); } catch { /* A broken escape is taken as it stands. */ }
  words.value = text.startsWith("?") ? text.slice(1) : "";
  search();
  if (!text || text.startsWith("?")) return;
  const [folder, slug] = text.split("/").slice(-2);
  const section = document.getElementById(slug === undefined ? text : folder);
  if (!section?.matches("details.row")) return;
  open(section);
  const item = slug === undefined ? section : document.getElementById(folder + "/" + slug);
  if (item && item !== section) { item.open = true; fill(item, attacks.get(item.id).attack); }
  (item || section).scrollIntoView();
  (item || section).querySelector("summary").focus({ preventScroll: true });
}
for (const section of document.querySelectorAll("details.row")) {
  section.addEventListener("toggle", () => { if (section.open) open(section); });
}
words.addEventListener("input", () => {
  history.replaceState(null, "", "#?" + encodeURIComponent(words.value));
  search();
});
document.addEventListener("click", (event) => {
  const cell = event.target.closest("td");
  if (!cell) return;
  const column = cell.closest("table").tHead.rows[0].cells[cell.cellIndex];
  location.hash = "#?" + encodeURIComponent(column.dataset.find + " " + cell.parentElement.dataset.find);
  form.scrollIntoView();
});
form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && event.target !== words) { event.preventDefault(); words.focus(); }
  if (event.key === "Escape" && event.target === words) { words.value = ""; words.dispatchEvent(new Event("input")); }
});
window.addEventListener("hashchange", fromFragment);
form.hidden = false;
document.body.classList.add("live");
fromFragment();
