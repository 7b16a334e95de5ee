// Has the worker run a race between two pools, and draws it while it runs: the answer is a line of JSON ten times a second.
"use strict";

const race = document.getElementById("race");
const go = document.getElementById("go");
const told = document.getElementById("told");
const chart = document.getElementById("chart");
const limit = Number(race.dataset.seconds);
const names = ["fastcgi", "cgi"];
const count = new Intl.NumberFormat("en");
let lines = [];

go.addEventListener("click", async () => {
  go.disabled = true;
  lines = [];
  told.textContent = "FastCGI is off.";
  try {
    await run();
  } catch {
    told.textContent = "The race was broken off: the server does not answer.";
  }
  go.disabled = false;
  go.focus();
});

async function run() {
  const answer = await fetch(race.dataset.address, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  if (!answer.ok) throw new Error(answer.status);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) hear(JSON.parse(part));
  }
  if (lines.length && lines.at(-1).running) throw new Error("cut short");
}

function hear(line) {
  if (line.busy) {
    told.textContent = "Another race is under way: try again when it is over.";
    return;
  }
  if (line.running === "cgi" && lines.at(-1).running !== "cgi") told.textContent = "Now CGI.";
  lines.push(line);
  const most = Math.max(1, ...names.map((name) => line[name].laps));
  for (const name of names) show(name, line, most);
  draw(most);
  if (!line.running) conclude(line);
}

function show(name, line, most) {
  const lane = race.querySelector(`[data-lane=${name}]`);
  const { laps, processes, ms, seconds } = line[name];
  const put = (fact, text) => { lane.querySelector(`[data-fact=${fact}]`).textContent = text; };
  put("laps", count.format(laps));
  put("processes", count.format(processes));
  put("rate", seconds ? count.format(rate(line[name])) : "–");
  put("ms", ms === null ? "–" : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`);
  lane.querySelector(".track i").style.setProperty("--share", `${(100 * laps) / most}%`);
}

function rate({ laps, seconds }) { return Number((laps / (seconds || 1)).toPrecision(3)); }

// Both begin at the left: each has its own clock.
function draw(most) {
  const width = Math.max(limit, ...names.map((name) => lines.at(-1)[name].seconds));
  for (const name of names) {
    const points = lines.map(({ [name]: lane }) => `${(600 * lane.seconds) / width},${116 - (112 * lane.laps) / most}`);
    chart.querySelector(`.${name}`).setAttribute("points", points.join(" "));
  }
}

function conclude(line) {
  const [fast, slow] = names.map((name) => line[name]);
  const failed = names.filter((name) => line[name].failure);
  const sum = (lane) => `${count.format(lane.laps)} requests in ${lane.seconds.toFixed(1)} s by ${count.format(lane.processes)} processes`;
  const text = `FastCGI: ${sum(fast)}. CGI: ${sum(slow)}.`;
  const times = slow.laps ? ` That is ${count.format(Number((rate(fast) / rate(slow)).toPrecision(2)))} times as many.` : "";
  told.textContent = failed.length ? `${text} A lane failed: ${failed.map((name) => `${name}, ${line[name].failure}`).join("; ")}` : text + times;
  chart.setAttribute("aria-label", `Requests over time. ${text}`);
}
