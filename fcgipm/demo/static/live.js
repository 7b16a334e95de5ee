// Listens to the worker's events and draws the time between them.
"use strict";

const address = document.getElementById("live").dataset.address;
const toggle = document.getElementById("toggle");
const state = document.getElementById("state");
const log = document.getElementById("log");
const gaps = [];
let source = null;
let last = 0;

toggle.addEventListener("click", () => (source ? pause() : listen()));
addEventListener("pagehide", () => source && pause());
listen();

function listen() {
  source = new EventSource(address);
  last = 0;
  toggle.textContent = "Pause";
  say("connecting", false);
  source.addEventListener("open", () => say("connected", true));
  source.addEventListener("error", () => say("reconnecting", false));
  source.addEventListener("message", (event) => show(event.lastEventId, JSON.parse(event.data)));
}

function pause() {
  source.close();
  source = null;
  toggle.textContent = "Continue";
  say("paused", false);
}

function say(text, on) {
  state.textContent = text;
  state.classList.toggle("on", on);
}

function show(number, { pid, thread, load, memory }) {
  put("number", number);
  put("pid", pid);
  put("memory", `${(memory / 1048576).toFixed(1)} MiB`);
  put("load", load.toFixed(2));
  const now = performance.now();
  if (last) draw(now - last);
  last = now;
  const line = document.createElement("li");
  line.value = Number(number);
  line.textContent = `${new Date().toLocaleTimeString("en-GB")}  worker ${pid}, thread ${thread}`;
  log.prepend(line);
  while (log.children.length > 6) log.lastElementChild.remove();
}

function draw(gap) {
  put("between", `${Math.round(gap)} ms`);
  gaps.push(gap);
  if (gaps.length > 40) gaps.shift();
  const points = gaps.map((value, index) => `${(600 * index) / 39},${Math.max(4, Math.min(116, 120 - value * 0.06))}`);
  document.getElementById("curve").setAttribute("points", points.join(" "));
}

function put(id, text) { document.getElementById(id).textContent = text; }
