"use strict";
// Everything from the daemon goes into the page as text, never as markup.

const HISTORY = 180; // points of a chart: three minutes
const MANY = 40; // from so many workers on, they are squares without words
const CHARTS = [
  { title: "Workers", unit: String, lines: { busy: (pool) => pool.workers.busy, idle: (pool) => pool.workers.idle } },
  { title: "Queue", unit: String, lines: { waiting: (pool) => pool.listen.reduce((sum, listener) => sum + (listener.queue || 0), 0) } },
  { title: "Requests a second", unit: (value) => value.toFixed(value < 10 ? 1 : 0), lines: { "last minute": (pool) => pool.requests_per_second ?? 0, now: rateNow } },
  {
    title: "Latency", unit: shortTime,
    lines: { p50: (pool) => pool.latency_seconds.p50, p90: (pool) => pool.latency_seconds.p90, p99: (pool) => pool.latency_seconds.p99 },
  },
];

const views = new Map();
const find = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function shortTime(seconds) {
  if (seconds === null) return "–"; // No request ended in the last minute.
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  return `${(seconds * 1000).toFixed(seconds >= 0.01 ? 0 : 2)} ms`;
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${seconds.toFixed(1)} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

function size(bytes) {
  return bytes === null ? "unknown" : `${(bytes / 1048576).toFixed(1)} MiB`;
}

function rateNow(pool, view, uptime) {
  const before = view.before;
  view.before = { total: pool.requests.total, uptime };
  return before && uptime > before.uptime ? Math.max(0, pool.requests.total - before.total) / (uptime - before.uptime) : 0;
}

class Chart {
  constructor(plan) {
    this.plan = plan;
    this.values = Object.fromEntries(Object.keys(plan.lines).map((name) => [name, []]));
    this.node = element("figure");
    this.caption = element("figcaption");
    this.most = element("small");
    const title = element("b", "", plan.title);
    title.append(" ", this.most);
    this.caption.append(title);
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.svg.setAttribute("viewBox", `0 0 ${HISTORY - 1} 100`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.lines = Object.keys(plan.lines).map((name, index) => {
      const legend = element("i", `c${index}`);
      const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      line.setAttribute("class", `c${index}`);
      this.caption.append(legend);
      this.svg.append(line);
      return { name, legend, line };
    });
    this.node.append(this.caption, this.svg);
  }

  add(pool, view, uptime) {
    for (const [name, read] of Object.entries(this.plan.lines)) {
      const values = this.values[name];
      values.push(read(pool, view, uptime));
      if (values.length > HISTORY) values.shift();
    }
    const most = Math.max(...Object.values(this.values).flat(), this.plan.unit === shortTime ? 0.001 : 1);
    set(this.most, `to ${this.plan.unit(most)}`);
    const told = [];
    for (const { name, legend, line } of this.lines) {
      const values = this.values[name];
      const first = HISTORY - values.length;
      line.setAttribute("points", values.map((value, index) => `${first + index},${(97 - (93 * value) / most).toFixed(1)}`).join(" "));
      const now = `${name} ${this.plan.unit(values[values.length - 1])}`;
      set(legend, now);
      told.push(now);
    }
    this.svg.setAttribute("aria-label", `${this.plan.title}, last three minutes, at most ${this.plan.unit(most)}; now ${told.join(", ")}`);
  }
}

class PoolView {
  constructor(name) {
    this.node = find("pool").content.firstElementChild.cloneNode(true);
    this.part = (selector) => this.node.querySelector(selector);
    this.part(".name").textContent = name;
    this.part(".workers").setAttribute("aria-label", `Workers of ${name}`);
    this.charts = CHARTS.map((plan) => new Chart(plan));
    this.part(".charts").append(...this.charts.map((chart) => chart.node));
    this.workers = new Map();
    this.chosen = null;
  }

  update(pool, uptime) {
    const state = pool.draining ? "draining" : pool.state;
    const badge = this.part(".badge");
    badge.dataset.state = state;
    set(badge, state);
    set(this.part(".facts"), this.facts(pool));
    const reload = this.part(".reload"), last = pool.last_reload;
    reload.hidden = !last;
    reload.dataset.ok = String(!last || last.ok);
    set(reload, last ? `last reload ${last.at} ${last.ok ? "ok" : `failed: ${last.reason}`}` : "");
    this.part(".reason").hidden = !pool.reason;
    set(this.part(".reason"), pool.reason || "");
    for (const chart of this.charts) chart.add(pool, this, uptime);
    const counts = pool.workers, bounds = counts.min === counts.max ? counts.max : `${counts.min} to ${counts.max}`;
    set(this.part(".count"), `${counts.total} of ${bounds}: ${counts.idle} idle, ${counts.busy} busy; ${pool.scaling.reason}`);
    this.grid(pool.processes);
  }

  facts(pool) {
    const some = (counts) => Object.entries(counts).filter(([, count]) => count).map(([name, count]) => `${count} ${name.replace("_", " ")}`);
    const { failed, slow, timed_out, aborted, by_class } = pool.requests;
    return [
      `generation ${pool.generation}`,
      pool.python && `Python ${pool.python}`,
      pool.requests.total === null ? "requests not counted" : `${pool.requests.total} requests`,
      ...some(by_class),
      ...some({ failed, slow, timed_out, aborted }),
      ...some(pool.exits).map((exit) => `ended: ${exit}`),
      `memory ${size(pool.memory.pss_bytes)} PSS`,
      ...pool.listen.map((listener) => listener.address),
    ].filter(Boolean).join(" · ");
  }

  grid(processes) {
    const list = this.part(".workers");
    list.classList.toggle("many", processes.length >= MANY);
    const there = new Set(processes.map((process) => process.pid));
    for (const [pid, worker] of this.workers) {
      if (!there.has(pid)) {
        worker.item.remove();
        this.workers.delete(pid);
        if (this.chosen === pid) this.chosen = null;
      }
    }
    for (const process of processes) this.worker(list, process);
    const chosen = processes.find((process) => process.pid === this.chosen);
    set(this.part(".details"), chosen ? details(chosen) : "");
  }

  worker(list, process) {
    let worker = this.workers.get(process.pid);
    if (!worker) {
      worker = { item: element("li"), button: element("button"), head: element("span"), runs: element("span", "runs") };
      worker.button.type = "button";
      worker.button.append(worker.head, worker.runs);
      worker.button.addEventListener("click", () => {
        this.chosen = this.chosen === process.pid ? null : process.pid;
        this.grid(this.latest);
      });
      worker.item.append(worker.button);
      list.append(worker.item);
      this.workers.set(process.pid, worker);
    }
    worker.button.dataset.state = does(process);
    worker.button.setAttribute("aria-pressed", String(this.chosen === process.pid));
    set(worker.head, `${process.pid} ${does(process)}`);
    set(worker.runs, process.running.map(running).join(", ") || `${process.requests ?? "?"} requests, ${size(process.rss_bytes)}`);
    worker.button.title = details(process);
  }
}

function does(process) {
  return process.stopped ? "stopped" : process.state; // A signal stopped it: it does nothing, whatever it was at.
}

function running(request) {
  return `${request.method} ${request.uri} ${duration(request.seconds)}`;
}

function details(process) {
  const cpu = process.cpu_percent === null ? "" : `, CPU ${process.cpu_percent.toFixed(0)}%`;
  const runs = process.running.length ? `; runs ${process.running.map(running).join(", ")}` : "";
  const facts = `generation ${process.generation}, ${process.requests ?? "?"} requests, ${process.kept} kept connections`;
  return `worker ${process.pid}: ${does(process)}, ${facts}, up ${duration(process.uptime_seconds)}, RSS ${size(process.rss_bytes)}${cpu}${runs}`;
}

function show(status) {
  find("silent").hidden = true;
  set(find("version"), status.version);
  set(find("facts"), `pid ${status.pid} · up ${duration(status.uptime_seconds)} · ${status.config}`);
  badge(status.state);
  document.title = status.state === "running" ? "fcgipm" : `fcgipm: ${status.state}`;
  for (const [name, view] of views) {
    if (!(name in status.pools)) {
      view.node.remove();
      views.delete(name);
    }
  }
  for (const [name, pool] of Object.entries(status.pools)) {
    if (!views.has(name)) {
      views.set(name, new PoolView(name));
      find("pools").append(views.get(name).node);
    }
    const view = views.get(name);
    view.latest = pool.processes;
    view.update(pool, status.uptime_seconds);
  }
  servers([...status.http, ...(status.status_server ? [status.status_server] : [])].filter((server) => server.state === "failed"));
  const slow = status.events.filter((event) => event.kind === "slow");
  const others = status.events.filter((event) => event.kind !== "slow");
  events(find("events"), others);
  find("slow-section").hidden = !slow.length;
  events(find("slow"), slow);
  find("no-events").hidden = others.length > 0;
}

function servers(failed) {
  const told = failed.map((server) => `The server at ${server.address} does not run: ${server.reason}`);
  const list = find("servers");
  list.hidden = !told.length;
  if (list.dataset.told === told.join("\n")) return; // It is read aloud when it changes.
  list.dataset.told = told.join("\n");
  list.replaceChildren(...told.map((text) => element("li", "", text)));
}

function badge(state) {
  find("state").dataset.state = state;
  set(find("state"), state);
}

function events(list, all) {
  const key = JSON.stringify(all.map((event) => [event.at, event.text]));
  if (list.dataset.key === key) return; // Leaves the reader's scroll and open stacks alone.
  list.dataset.key = key;
  list.replaceChildren(...all.slice().reverse().map(eventItem));
}

function eventItem(event) {
  const item = element("li");
  item.dataset.kind = event.kind === "reload" && event.text.startsWith("failed: ") ? "failed" : event.kind;
  const time = element("time", "", event.at.slice(11, 19));
  time.dateTime = event.at;
  const pool = event.pool === "*" ? "all pools" : event.pool;
  const where = event.pid === null ? pool : `${event.pool}[${event.pid}]`;
  item.append(time, element("span", "kind", event.kind.replace("_", " ")), element("span", "", `${where}: ${event.text}`));
  if (event.stack) {
    const stack = element("details");
    stack.append(element("summary", "", "stack"), element("pre", "", event.stack));
    item.append(stack);
  }
  return item;
}

function silent(text) {
  badge("silent");
  find("silent").hidden = false;
  set(find("silent"), text);
}

const live = new EventSource("live");
live.onmessage = (message) => show(JSON.parse(message.data));
live.addEventListener("silent", (message) => silent(message.data));
live.onerror = () => silent("The status server does not answer; trying again.");
