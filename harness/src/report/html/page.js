"use strict";
const form = document.querySelector("form");
const words = document.querySelector("#words");
const found = document.querySelector("#found");
const rows = [...document.querySelectorAll("tbody tr")];
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
  const text = decodeURIComponent(location.hash.slice(1));
  if (text.startsWith("?")) words.value = text.slice(1);
  filter();
}
words.addEventListener("input", () => {
  history.replaceState(null, "", "#?" + encodeURIComponent(words.value));
  filter();
});
form.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== words) { event.preventDefault(); words.focus(); }
  if (event.key === "Escape" && event.target === words) { words.value = ""; words.dispatchEvent(new Event("input")); }
});
window.addEventListener("hashchange", fromFragment);
form.hidden = false;
fromFragment();
