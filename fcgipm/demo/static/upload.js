// Sends the form with its progress shown. Without this file the form works all the same.
"use strict";

const form = document.getElementById("form");
const sending = document.getElementById("sending");
const progress = document.getElementById("progress");
const said = document.getElementById("said");
const result = document.getElementById("result");
const invent = document.getElementById("invent");
const largest = Number(form.dataset.largest);

invent.hidden = false;
invent.addEventListener("click", () => {
  const piece = crypto.getRandomValues(new Uint8Array(65536));
  send(new File(Array(320).fill(piece), "noise.bin"));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send(form.elements.file.files[0]);
});

function send(file) {
  sending.hidden = false;
  result.hidden = true;
  progress.value = 0;
  if (file.size > largest) {
    said.textContent = `${file.name} has ${bytes(file.size)}: more than ${bytes(largest)}.`;
    return;
  }
  const data = new FormData();
  data.set("name", form.elements.name.value);
  data.set("file", file);
  const request = new XMLHttpRequest();
  const began = performance.now();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    progress.value = event.loaded / event.total;
    const rate = event.loaded / ((performance.now() - began) / 1000);
    said.textContent = `${bytes(event.loaded)} of ${bytes(event.total)}, ${bytes(rate)} a second`;
  });
  request.addEventListener("load", () => {
    if (request.status === 200) arrived(file, request.response);
    else said.textContent = `The server answered ${request.status} ${request.statusText}.`;
  });
  request.addEventListener("error", () => { said.textContent = "The connection broke before there was an answer."; });
  request.send(data);
}

async function arrived(file, answer) {
  progress.value = 1;
  put("greeting", answer.name ? `, thank you, ${answer.name}` : "");
  put("file", answer.file);
  put("size", `${answer.size.toLocaleString("en")} bytes`);
  put("sha256", answer.sha256);
  put("by", `worker ${answer.pid} in ${answer.milliseconds} ms`);
  const same = field("same");
  same.hidden = true;
  result.hidden = false;
  if (globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    const own = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    same.hidden = own !== answer.sha256;
  }
}

function field(name) { return result.querySelector(`[data-field=${name}]`); }

function put(name, text) { field(name).textContent = text; }

function bytes(number) {
  if (number < 1024) return `${Math.round(number)} bytes`;
  return number < 1048576 ? `${Math.round(number / 1024)} KiB` : `${(number / 1048576).toFixed(1)} MiB`;
}
