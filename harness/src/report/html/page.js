"use strict";
const data = JSON.parse(document.querySelector("#data").textContent);
const form = document.querySelector("form");
const words = document.querySelector("#words");
const found = document.querySelector("#found");
const hits = document.querySelector("#hits");
const SHOWN = 60;
const attacks = new Map(data.attacks.map((attack) => [attack.id, attack]));
function make(name, text, props = {}) {
  const element = Object.assign(document.createElement(name), props);
  if (text) element.textContent = text;
  return element;
}
function cells(attack) {
  const all = [];
  data.columns.forEach(([host, sandbox], at) => {
    const number = attack.cells.slice(3 * at, 3 * at + 3).trim();
    if (!number) return;
    const [said, why] = data.texts[parseInt(number, 16)];
    all.push({ host, sandbox, said, why });
  });
  return all;
}
/* What an attack says of itself, and what each cell says: words are looked for in one cell. */
const about = (attack) => [attack.id, attack.title, attack.severity, attack.layers, attack.tags, attack.known, attack.depth].join(" ").toLowerCase();
const texts = data.attacks.map((attack) => {
  const all = cells(attack).map((cell) => (cell.host + " " + cell.sandbox + " " + cell.said + " " + cell.why).toLowerCase());
  return [about(attack), all];
});
function matches(index, wanted) {
  const [meta, all] = texts[index];
  const rest = wanted.filter((word) => !meta.includes(word));
  return rest.length === 0 || all.some((text) => rest.every((word) => text.includes(word)));
}
function fill(item, attack) {
  if (item.childElementCount > 1) return;
  const facts = make("dl");
  const fact = (name, text) => { if (text) facts.append(make("dt", name), make("dd", text)); };
  fact("stopped by", attack.layers);
  fact("depth", attack.depth);
  fact("tags", attack.tags);
  fact("history", attack.known);
  item.append(facts);
  if (data.place) item.append(make("a", "everything about it", { href: data.place + "/" + attack.id + ".md" }));
  const list = make("ul");
  for (const cell of cells(attack)) {
    const line = make("li");
    const kind = cell.said.startsWith("✗") || cell.said.startsWith("?") ? "bad" : cell.said.startsWith("✓") ? "good" : "dim";
    line.append(make("b", cell.host + " " + cell.sandbox), " ", make("span", cell.said, { className: kind }));
    if (cell.why) line.append(make("small", cell.why));
    list.append(line);
  }
  item.append(list);
}
function entry(attack, whole) {
  const item = make("details", "", { className: "attack" });
  const summary = make("summary");
  const seen = cells(attack);
  const through = seen.filter((cell) => cell.said.startsWith("✗")).length;
  summary.append(make("b", whole ? attack.id : attack.id.split("/")[1]), " ", attack.title || "");
  summary.append(make("small", [attack.severity, through + " of " + seen.length + " got through"].filter(Boolean).join(", ")));
  item.append(summary);
  item.addEventListener("toggle", () => { if (item.open) fill(item, attack); });
  return item;
}
function open(section) {
  const place = section.querySelector("div");
  if (place.childElementCount === 0) {
    for (const attack of data.attacks) {
      if (!attack.id.startsWith(section.id + "/")) continue;
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
  const all = data.attacks.filter((_, index) => matches(index, wanted));
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
  if (item && item !== section) { item.open = true; fill(item, attacks.get(item.id)); }
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
form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && event.target !== words) { event.preventDefault(); words.focus(); }
  if (event.key === "Escape" && event.target === words) { words.value = ""; words.dispatchEvent(new Event("input")); }
});
window.addEventListener("hashchange", fromFragment);
form.hidden = false;
fromFragment();
