// Search shows the tables and columns that hold every word; the page is whole without it.
const search = document.getElementById("search");
const found = document.getElementById("found");
const everything = found.textContent;
const articles = [...document.querySelectorAll("article")];
const text = new Map();
for (const article of articles) {
  const about = article.querySelector("h3").textContent + " " + article.querySelector("p").textContent;
  text.set(article, (about + " " + article.querySelector("dl").textContent).toLowerCase());
  for (const row of article.querySelectorAll("tbody tr")) text.set(row, row.textContent.toLowerCase());
}

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (part) => words.every((word) => text.get(part).includes(word));
  let tables = 0, columns = 0;
  for (const article of articles) {
    const rows = [...article.querySelectorAll("tbody tr")];
    const whole = holds(article);
    const matching = rows.filter(holds);
    // Where only the table itself fits, all its columns are of interest.
    for (const row of rows) row.hidden = !(matching.length ? matching.includes(row) : whole);
    article.hidden = !whole && !matching.length;
    tables += article.hidden ? 0 : 1;
    columns += rows.filter((row) => !row.hidden).length;
  }
  document.getElementById("lineage").hidden = words.length > 0;
  for (const part of document.querySelectorAll(".dataset")) part.hidden = !part.querySelector("article:not([hidden])");
  for (const link of document.querySelectorAll("nav li")) {
    link.hidden = document.getElementById(link.textContent).hidden;
  }
  found.textContent = words.length ? (tables ? `${tables} tables, ${columns} columns` : "nothing found") : everything;
}

search.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && search.value) {
    search.value = "";
    show();
  }
});
// A link leads to its target also where the search has hidden it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const target = link && document.getElementById(link.getAttribute("href").slice(1));
  if (target && search.value && target.closest("[hidden]")) {
    search.value = "";
    show();
  }
});
// Pointing at a table of the picture marks its lines.
for (const link of document.querySelectorAll(".picture a")) {
  const name = link.querySelector("[data-table]").dataset.table;
  const lines = [...document.querySelectorAll(".edge")].filter((e) => e.dataset.from === name || e.dataset.to === name);
  const mark = (on) => () => lines.forEach((line) => line.classList.toggle("hot", on));
  link.addEventListener("pointerenter", mark(true));
  link.addEventListener("pointerleave", mark(false));
  link.addEventListener("focus", mark(true));
  link.addEventListener("blur", mark(false));
}
