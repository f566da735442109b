"use strict";
const form = document.querySelector("form");
const words = document.querySelector("#words");
const found = document.querySelector("#found");
const rows = [...document.querySelectorAll("section tbody tr")];
const texts = rows.map((row) => (row.id + " " + row.textContent).toLowerCase());
function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, index) => {
    row.hidden = !wanted.every((word) => texts[index].includes(word));
    count += row.hidden ? 0 : 1;
  });
  for (const section of document.querySelectorAll("section")) {
    section.hidden = !section.querySelector("tbody tr:not([hidden])");
  }
  found.textContent = count + " of " + rows.length;
}
function fromFragment() {
  let text = location.hash.slice(1);
  try { text = decodeURIComponent(text); } catch { /* A broken escape is taken as it stands. */ }
  if (text.startsWith("?")) {
    words.value = text.slice(1);
  } else {
    const target = document.getElementById(text);
    // What the address names must not be hidden by words that were typed before.
    if (target && (target.hidden || target.closest("[hidden]"))) words.value = "";
  }
  filter();
  if (text && !text.startsWith("?")) document.getElementById(text)?.scrollIntoView();
}
function neighbour(summary, key) {
  const cell = summary.closest("td");
  const row = cell.parentElement;
  const step = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
  const sideways = key === "ArrowLeft" || key === "ArrowRight";
  const shown = rows.filter((row) => !row.hidden);
  const at = sideways ? cell.cellIndex : shown.indexOf(row);
  const line = sideways ? [...row.cells] : shown.map((row) => row.cells[cell.cellIndex]);
  for (let next = at + step; next >= 0 && next < line.length; next += step) {
    const other = line[next]?.querySelector("summary");
    if (other) return other;
  }
  return null;
}
words.addEventListener("input", () => {
  history.replaceState(null, "", "#?" + encodeURIComponent(words.value));
  filter();
});
form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && event.target !== words) { event.preventDefault(); words.focus(); }
  if (event.key === "Escape" && event.target === words) { words.value = ""; words.dispatchEvent(new Event("input")); }
  if (event.key.startsWith("Arrow") && event.target.matches("summary")) {
    const other = neighbour(event.target, event.key);
    if (other) { event.preventDefault(); other.focus(); other.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }
});
window.addEventListener("hashchange", fromFragment);
form.hidden = false;
fromFragment();
