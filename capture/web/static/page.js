// What a page does by itself: clocks and countdowns tick, a lost connection is told, plots are drawn.
"use strict";

let base = null;

function sync() {
  const strip = document.querySelector("[data-now]");
  if (strip) base = { at: Date.parse(strip.dataset.now), rate: Number(strip.dataset.rate), from: performance.now() };
  tick();
}

const two = (n) => String(n).padStart(2, "0");

function span(seconds) {
  const s = Math.max(0, Math.round(seconds)), h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

function tick() {
  if (!base) return;
  const passed = ((performance.now() - base.from) / 1000) * base.rate, now = base.at + passed * 1000;
  for (const e of document.querySelectorAll("[data-clock]")) {
    const utc = e.dataset.clock === "utc", shown = new Date(now + (utc ? 0 : Number(e.dataset.clock) * 1000)).toISOString();
    e.textContent = utc ? shown.slice(0, 19).replace("T", " ") : shown.slice(11, 19);
  }
  for (const e of document.querySelectorAll("[data-until]")) e.textContent = span((Date.parse(e.dataset.until) - now) / 1000);
  for (const e of document.querySelectorAll("[data-left]")) e.textContent = span(Number(e.dataset.left) - passed);
}

function lost(text) {
  const line = document.getElementById("lost");
  if (text && line.hidden) line.textContent = `${text} (since ${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC). What is shown is old; it is tried again.`;
  line.hidden = !text;
}

async function plot(button) {
  const cell = document.getElementById(button.dataset.at), row = cell.closest("tr");
  row.hidden = !row.hidden;
  button.setAttribute("aria-expanded", String(!row.hidden));
  if (row.hidden || cell.firstChild) return;
  cell.textContent = "loading";
  let got;
  try {
    const answer = await fetch(button.dataset.plot);
    if (!answer.ok) throw new Error(answer.status);
    got = await answer.json();
  } catch (error) {
    cell.textContent = "The plot cannot be loaded; try again.";
    return;
  }
  cell.textContent = "";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const band = got.usual === null ? [] : [got.usual - got.limit, got.usual, got.usual + got.limit];
  const line = { stroke: colour("--faint"), dash: [5, 4], width: 1, points: { show: false } };
  const axis = { stroke: colour("--ink"), grid: { stroke: colour("--grid") }, ticks: { stroke: colour("--grid") } };
  new uPlot({
    width: Math.max(260, Math.min(760, cell.closest(".scroll").clientWidth - 24)), height: 260, tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "UTC"),
    // A single master is a day wide, not years.
    scales: { x: { range: (_, low, high) => (high - low < 86400 ? [low - 43200, high + 43200] : [low, high]) } },
    series: [{}, { label: got.words + (got.unit ? ` (${got.unit})` : ""), stroke: colour("--blue"), width: 2, points: { show: true, size: 7, fill: colour("--blue") } },
      { label: "out", paths: () => null, stroke: colour("--bad"), points: { show: true, size: 13, width: 2, fill: "transparent" } },
      ...band.map((_, n) => ({ ...line, label: ["usual, low", "usual", "usual, high"][n] }))],
    axes: [axis, { ...axis, size: 70 }],
  }, [got.time_s, got.value, got.value.map((v, n) => (got.out[n] ? v : null)), ...band.map((v) => got.time_s.map(() => v))], cell);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-plot]");
  if (button) plot(button);
});
document.addEventListener("submit", (event) => {
  const asks = event.submitter?.dataset.sure;
  if (asks && !confirm(asks)) event.preventDefault();
});
document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.target;
  while (list.dataset?.most && list.children.length > Number(list.dataset.most)) list.lastElementChild.remove();
  sync();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) lost("");
});
document.addEventListener("htmx:sendError", () => lost("The page's server does not answer"));
document.addEventListener("htmx:timeout", () => lost("The page's server is slow to answer"));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) location.reload();
  else lost(`The page's server answers with an error (${event.detail.xhr.status})`);
});
for (const [name, key] of [["htmx:sseOpen", "on"], ["htmx:sseError", "off"]])
  document.addEventListener(name, () => {
    const word = document.getElementById("stream");
    if (word) word.textContent = word.dataset[key];
  });

document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
sync();
setInterval(tick, 500);
