// Sends many requests at once and shows which worker answered each.
"use strict";

const button = document.getElementById("ask");
const asked = document.getElementById("asked");
const answers = document.getElementById("answers");
const shares = document.getElementById("shares");
const times = Number(button.dataset.times);

button.addEventListener("click", async () => {
  button.disabled = true;
  asked.textContent = "";
  answers.hidden = false;
  const squares = Array.from({ length: times }, () => document.createElement("i"));
  answers.replaceChildren(...squares);
  shares.replaceChildren();
  const counts = new Map();
  const began = performance.now();
  let missing = 0;
  await Promise.all(squares.map(async (square) => {
    try {
      const answer = await fetch(button.dataset.address, { cache: "no-store" });
      const { pid } = await answer.json();
      counts.set(pid, (counts.get(pid) || 0) + 1);
      square.className = `in w${[...counts.keys()].indexOf(pid) % 5}`;
      square.title = `worker ${pid}`;
    } catch {
      missing += 1;
    }
  }));
  const milliseconds = Math.round(performance.now() - began);
  show(counts);
  const workers = counts.size === 1 ? "one worker" : `${counts.size} workers`;
  asked.textContent = `${times - missing} answers from ${workers} in ${milliseconds} ms` + (missing ? `, ${missing} went missing` : "");
  button.disabled = false;
});

function show(counts) {
  const most = Math.max(...counts.values());
  shares.replaceChildren(...[...counts].map(([pid, count], index) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const track = document.createElement("span");
    const bar = document.createElement("i");
    const number = document.createElement("b");
    name.textContent = `worker ${pid}`;
    bar.className = `w${index % 5}`;
    bar.style.setProperty("--share", `${(100 * count) / most}%`);
    number.textContent = count;
    track.append(bar);
    row.append(name, track, number);
    return row;
  }));
}
