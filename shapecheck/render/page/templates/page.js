"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const counted = (value) => value.toLocaleString("en-US");

/* ---- numbers, as units.py and axis.py write them */

function number(value) {
  if (Number.isInteger(value)) return counted(value);
  if (value >= 1000) return value.toLocaleString("en-US", {minimumFractionDigits: 1, maximumFractionDigits: 1});
  return String(Number(value.toPrecision(4)));
}
const rounded = (value, digits) => Number(value.toFixed(digits));
const trimmed = (text) => text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
const label = (value) => value < 0.01 ? trimmed(value.toFixed(6)) : number(rounded(value, 6));
const percent = (share) => trimmed((100 * share).toFixed(3));

const named = (plural, count) => count === 1 ? plural.replace(/s$/, "") : plural;

function durations(length, unit) {
  const parts = [counted(length) + " " + named(unit.unit, length)];
  if (unit.samples !== null && unit.unit !== "samples") parts.push(counted(Math.ceil(rounded(length * unit.samples, 9))) + " samples");
  if (unit.seconds !== null) parts.push(label(rounded(length * unit.seconds, 9)) + " s");
  return parts.join(" = ");
}

/* ---- sets of lengths: lists of [first, last or null, step] */

const contains = (ranges, length) => ranges.some(([first, last, step]) =>
  length >= first && (last === null || length <= last) && (length - first) % step === 0);

/* ---- maps: the same rectangles as strips.py, of the part of the axis that is in view */

const WIDTH = 900, NARROWEST = 0.004, MEMBERS = 200, ROOM = 3, MOST_TICKS = 9, DECADES = 20, STEPS = [1, 2, 5];

function position(axis, value) {
  const whole = axis.log
    ? Math.log(Math.max(value, axis.low) / axis.low) / Math.log(axis.high / axis.low)
    : (value - axis.low) / (axis.high - axis.low);
  return (whole - axis.from) / (axis.to - axis.from);
}

function valueAt(axis, share) {
  const whole = axis.from + share * (axis.to - axis.from);
  return axis.log ? axis.low * Math.pow(axis.high / axis.low, whole) : axis.low + whole * (axis.high - axis.low);
}

function between(axis, factor, first, end, dense) {
  const left = Math.max(0, position(axis, first * factor)), right = Math.min(1, position(axis, end * factor));
  if (right < 0 || left > 1) return null;
  return {x: percent(Math.min(left, 1 - NARROWEST)), width: percent(Math.max(right - left, NARROWEST)), dense};
}

function rectangles(axis, factor, ranges) {
  const end = Math.ceil(Math.min(axis.high, valueAt(axis, 1)) / factor - 1e-9) - 1;
  const begin = axis.from > 0 ? Math.floor(valueAt(axis, 0) / factor) : -Infinity;
  const found = [];
  for (let [first, last, step] of ranges) {
    last = last === null ? end : Math.min(last, end);
    if (first > last) continue;
    if (step === 1) {
      if (last >= begin) found.push(between(axis, factor, first, last + 1, false));
      continue;
    }
    if (first < begin) first += Math.ceil((begin - first) / step) * step;
    let drawn = 0;
    while (first <= last && drawn < MEMBERS) {
      const room = position(axis, (first + 1) * factor) - position(axis, first * factor);
      if (room * WIDTH < ROOM) break;
      found.push(between(axis, factor, first, first + 1, false));
      first += step;
      drawn += 1;
    }
    if (first <= last) found.push(between(axis, factor, first, last + 1, true));
  }
  return found.filter((each) => each !== null);
}

function ticks(axis, factor) {
  const low = valueAt(axis, 0) * factor, high = valueAt(axis, 1) * factor;
  let values = [];
  if (axis.log && high / low >= DECADES) {
    const first = Math.floor(Math.log10(low) + 1e-9), last = Math.ceil(Math.log10(high));
    for (const steps of [STEPS, [1]]) {
      values = [];
      for (let power = first; power <= last; power += 1) for (const step of steps) values.push(step * Math.pow(10, power));
      values = values.filter((value) => value >= low * (1 - 1e-9) && value <= high);
      if (values.length <= MOST_TICKS) break;
    }
  } else {
    const power = Math.pow(10, Math.floor(Math.log10((high - low) / MOST_TICKS)));
    const step = [...STEPS, 10].map((each) => each * power).find((each) => (high - low) / each <= MOST_TICKS);
    for (let count = Math.ceil(low / step); count <= Math.floor(high / step); count += 1) values.push(step * count);
  }
  return values.map((value) => ({place: position(axis, value / factor), text: label(rounded(value, 9))}))
    .filter(({place}) => place >= 0 && place <= 0.95);
}

const parsed = (text) => text.split(";").filter(Boolean).map((part) => {
  const [first, last, step] = part.split(",");
  return [Number(first), last === "" ? null : Number(last), Number(step)];
});

function segment(state, words, text) {
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "sc-seg sc-" + state);
  group.setAttribute("role", "img");
  group.setAttribute("aria-label", words);
  group.dataset.ranges = text;
  return group;
}

class LengthMap {
  constructor(figure) {
    const {low, high, log, seconds, unit} = figure.dataset;
    this.figure = figure;
    this.axis = {low: Number(low), high: Number(high), log: log === "1", from: 0, to: 1};
    this.canLog = this.axis.low > 0;
    this.seconds = Number(seconds);
    this.unit = unit;
    this.detail = figure.querySelector(".detail");
    this.component = figure.dataset.component === undefined ? null : data.components[Number(figure.dataset.component)];
    for (const title of all(".sc-seg > title", figure)) {
      title.parentNode.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    this.detail.hidden = false;
    this.detail.textContent = "Point at a bar, or go into the map with Tab and through it with the arrow keys.";
    this.tools();
    this.listen();
    this.enter(figure.querySelector(".sc-seg"));
  }

  tools() {
    const tools = this.figure.querySelector(".tools");
    const button = (text, name, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      if (name) made.setAttribute("aria-label", name);
      made.addEventListener("click", () => act(made));
      tools.append(made);
      return made;
    };
    button("+", "Zoom in", () => this.zoom(0.5));
    button("−", "Zoom out", () => this.zoom(2));
    button("←", "Move left", () => this.pan(-0.25));
    button("→", "Move right", () => this.pan(0.25));
    button("Whole", "Show the whole axis", () => this.view(0, 1));
    if (this.canLog) {
      const pressed = button("Logarithmic", "", () => {
        this.axis.log = !this.axis.log;
        pressed.setAttribute("aria-pressed", String(this.axis.log));
        this.view(0, 1);
      });
      pressed.setAttribute("aria-pressed", String(this.axis.log));
    }
    if (this.component && this.component.layers.length) {
      const pressed = button("All layers", "", () => {
        const wanted = pressed.getAttribute("aria-pressed") !== "true";
        pressed.setAttribute("aria-pressed", String(wanted));
        this.allLayers(wanted);
      });
      pressed.setAttribute("aria-pressed", "false");
    }
    const hint = document.createElement("span");
    hint.className = "hint";
    hint.textContent = "Ctrl and the wheel zoom, too; in a bar + and −, Shift and arrows move";
    tools.append(hint);
    tools.hidden = false;
  }

  listen() {
    const body = this.figure.querySelector("tbody");
    body.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.share(event));
    }, {passive: false});
    for (const moved of ["pointermove", "pointerdown"]) body.addEventListener(moved, (event) => this.point(event));
    body.addEventListener("focusin", (event) => {
      const group = event.target.closest(".sc-seg");
      if (group) this.tell(group);
    });
    body.addEventListener("keydown", (event) => this.key(event));
  }

  share(event) {
    const strip = event.target.closest(".sc-strip") || this.figure.querySelector(".sc-strip");
    const box = strip.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  }

  point(event) {
    const strip = event.target.closest(".sc-strip");
    if (!strip) return;
    const factor = Number(strip.dataset.factor);
    const length = Math.floor(valueAt(this.axis, this.share(event)) / factor + 1e-9);
    const row = strip.closest("tr");
    const name = strip.getAttribute("aria-label");
    const of = this.component || data.components.find((each) => "#" + each.id === (row.querySelector("a") || {hash: ""}).hash);
    const groups = all(".sc-seg", strip).filter((each) => contains(parsed(each.dataset.ranges), length));
    const told = groups.length ? groups[groups.length - 1].getAttribute("aria-label") : "nothing is known of it";
    const at = of ? of.variable + " = " + durations(length, of) : String(length);
    const message = of && row.classList.contains("sc-whole") ? verdict(of, length) : null;
    this.show(at, (this.component ? "" : name + ": ") + told, message && message.verdict === "refused" ? message.message : "");
  }

  tell(group) {
    this.show("", group.getAttribute("aria-label"), "");
  }

  show(at, words, message) {
    const strong = document.createElement("strong");
    strong.textContent = at;
    this.detail.replaceChildren(strong, (at ? ": " : "") + words);
    if (message) this.detail.append(document.createElement("br"), message);
  }

  enter(group) {
    for (const each of all(".sc-seg", this.figure)) each.setAttribute("tabindex", each === group ? "0" : "-1");
  }

  key(event) {
    const group = event.target.closest(".sc-seg");
    if (!group || event.ctrlKey || event.altKey || event.metaKey) return;
    const keys = {
      "+": () => this.zoom(0.5, this.middle(group)), "=": () => this.zoom(0.5, this.middle(group)),
      "-": () => this.zoom(2, this.middle(group)), "0": () => this.view(0, 1),
      ArrowLeft: () => event.shiftKey ? this.pan(-0.25) : this.step(group, -1),
      ArrowRight: () => event.shiftKey ? this.pan(0.25) : this.step(group, 1),
      ArrowUp: () => this.leave(group, -1), ArrowDown: () => this.leave(group, 1),
      Home: () => this.go(this.ordered(group)[0]), End: () => this.go(this.ordered(group).pop()),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }

  ordered(group) {
    const start = (each) => Math.min(...parsed(each.dataset.ranges).map(([first]) => first));
    return all(".sc-seg", group.closest(".sc-strip")).sort((one, other) => start(one) - start(other));
  }

  middle(group) {
    const [rect] = all("rect", group);
    return rect ? Math.min(1, (parseFloat(rect.getAttribute("x")) + parseFloat(rect.getAttribute("width")) / 2) / 100) : 0.5;
  }

  step(group, by) {
    const groups = this.ordered(group);
    this.go(groups[groups.indexOf(group) + by]);
  }

  leave(group, by) {
    const rows = all("tbody tr", this.figure).filter((row) => row.querySelector(".sc-seg"));
    const row = rows[rows.indexOf(group.closest("tr")) + by];
    if (row) this.go(this.ordered(row.querySelector(".sc-seg"))[0]);
  }

  go(group) {
    if (!group) return;
    this.enter(group);
    group.focus();
  }

  zoom(by, share = 0.5) {
    const {from, to} = this.axis;
    const width = Math.min(1, Math.max((to - from) * by, 1e-4));
    const left = from + share * (to - from) - share * width;
    this.view(left, left + width);
  }

  pan(by) {
    const {from, to} = this.axis;
    const moved = Math.min(1 - to, Math.max(-from, by * (to - from)));
    this.view(from + moved, to + moved);
  }

  view(from, to) {
    const width = Math.min(1, to - from);
    this.axis.from = Math.min(1 - width, Math.max(0, from));
    this.axis.to = this.axis.from + width;
    this.draw();
    this.show("", counted(rounded(valueAt(this.axis, 0), 4)) + " to " + counted(rounded(valueAt(this.axis, 1), 4)) + " " + this.unit + " in view", "");
  }

  draw() {
    for (const strip of all(".sc-strip", this.figure)) this.drawStrip(strip);
    const axes = all(".sc-axis", this.figure);
    const factors = [1, this.seconds];
    axes.forEach((each, index) => each.replaceChildren(...ticks(this.axis, factors[index]).map(({place, text}) => {
      const tick = document.createElement("span");
      tick.style.left = percent(place) + "%";
      tick.textContent = text;
      return tick;
    })));
    if (this.marked) this.mark(this.marked);
  }

  drawStrip(strip) {
    for (const group of all(".sc-seg", strip)) {
      group.replaceChildren(...rectangles(this.axis, Number(strip.dataset.factor), parsed(group.dataset.ranges)).map(({x, width, dense}) => {
        const rect = document.createElementNS(SVG, "rect");
        rect.setAttribute("x", x + "%");
        rect.setAttribute("width", width + "%");
        rect.setAttribute("height", "100%");
        if (dense) rect.setAttribute("class", "sc-some");
        return rect;
      }));
    }
  }

  allLayers(wanted) {
    const body = this.figure.querySelector("tbody");
    for (const row of all("tr.extra", body)) row.remove();
    if (!wanted) {
      this.enter(this.figure.querySelector(".sc-seg"));
      return;
    }
    const rows = this.component.layers.map(([name, kind, needs, minimum]) => {
      const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
      const small = document.createElement("small"), strip = document.createElementNS(SVG, "svg");
      row.className = "extra";
      head.scope = "row";
      head.append(name.replace(/([.])(?=.)/g, "$1\u200b") + " ", small);
      small.textContent = kind;
      strip.setAttribute("class", "sc-strip");
      strip.setAttribute("width", "100%");
      strip.setAttribute("height", "16");
      strip.setAttribute("role", "group");
      strip.setAttribute("aria-label", name);
      strip.dataset.factor = "1";
      const from = minimum === null ? "" : ", runs from " + durations(minimum, this.component) + " on";
      const what = name + " (" + kind + ") refuses nothing; needs " + needs + from;
      const {runs, elsewhere, open} = this.component;
      for (const [state, words, text] of [
        ["runs", what, runs], ["elsewhere", what + "; another layer refuses these", elsewhere], ["unknown", what + "; the component is undecided for these", open],
      ]) if (text) strip.append(segment(state, words, text));
      cell.append(strip);
      row.append(head, cell);
      this.drawStrip(strip);
      return row;
    });
    body.append(...rows);
    this.enter(this.figure.querySelector(".sc-seg"));
  }

  mark(received) {
    this.marked = received;
    for (const marker of all(".sc-marker", this.figure)) marker.remove();
    for (const row of all("tbody tr", this.figure)) {
      const link = row.querySelector("th a");
      for (const length of new Set(link ? received[link.hash.slice(1)] || [] : [])) {
        const strip = row.querySelector(".sc-strip");
        const place = position(this.axis, (length + 0.5) * Number(strip.dataset.factor));
        if (place < 0 || place > 1) continue;
        const marker = document.createElementNS(SVG, "rect");
        marker.setAttribute("class", "sc-marker");
        marker.setAttribute("x", percent(place) + "%");
        marker.setAttribute("width", "4");
        marker.setAttribute("height", "100%");
        strip.append(marker);
      }
    }
  }
}

/* ---- the slider: the same arithmetic and the same words as slider.py */

function evaluate(formula, values) {
  if (typeof formula === "number") return formula;
  if (typeof formula === "string") return values[formula];
  const [operator, left, right] = formula;
  const a = evaluate(left, values), b = evaluate(right, values);
  switch (operator) {
    case "+": return a + b;
    case "-": return a - b;
    case "*": return a * b;
    case "//": case "floor": return Math.floor(a / b);
    case "%": return a - b * Math.floor(a / b);
    case "ceil": return Math.ceil(a / b);
    case "min": return Math.min(a, b);
    case "max": return Math.max(a, b);
    default: throw new Error("no such operation: " + operator);
  }
}

function verdict(component, length) {
  if (contains(component.unknown, length)) {
    const found = component.undecided.find((each) => contains(each.lengths, length));
    return {verdict: "unknown", where: found ? found.where : "", message: found ? found.error : ""};
  }
  if (contains(component.invalid, length)) {
    const found = component.failures.find((each) => contains(each.lengths, length));
    if (!found) return {verdict: "refused", where: "", message: "the reason is not known"};
    const at = found.at === length ? "" : "with " + component.variable + " = " + counted(found.at) + ": ";
    return {verdict: "refused", where: found.where, message: at + found.error};
  }
  return {verdict: contains(component.valid, length) ? "runs" : "not swept", where: "", message: ""};
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function listed(names) {
  return names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names[names.length - 1];
}

function slide(maps) {
  const made = data.slider;
  const value = document.getElementById("value"), range = document.getElementById("range"), status = document.getElementById("status");
  const bodies = all(".landings tbody");
  const written = (count) => made.isClip ? trimmed((count / made.rate).toFixed(5)) : String(count);
  const set = (count) => {
    const values = {[made.symbol]: count};
    for (const [symbol, formula] of made.quantities) values[symbol] = evaluate(formula, values);
    for (const each of all(".chain strong")) each.textContent = counted(values[each.dataset.symbol]);
    const received = {}, said = [];
    made.occasions.forEach((occasion, index) => {
      const closed = occasion.gate !== null && evaluate(occasion.gate[0], values) < occasion.gate[1];
      const gate = bodies[index].querySelector(".gate");
      if (gate) gate.textContent = closed ? "so here" : "not here";
      const rows = all("tr:not(.occasion)", bodies[index]);
      const refusing = [], open = [];
      occasion.lengths.forEach(([component, formula], row) => {
        const length = evaluate(formula, values), of = data.components[component];
        const found = closed ? {verdict: "not called", where: "", message: ""} : verdict(of, length);
        if (!closed) (received[of.id] = received[of.id] || []).push(length);
        if (found.verdict === "refused") refusing.push(of.name);
        if (found.verdict === "unknown" || found.verdict === "not swept") open.push(of.name);
        rows[row].className = "is-" + found.verdict.replace(" ", "-");
        rows[row].querySelector(".length").textContent = counted(length);
        rows[row].querySelector(".verdict").textContent = found.verdict;
        rows[row].querySelector(".why code").textContent = found.where;
        rows[row].querySelector(".why span").textContent = found.message;
      });
      const place = occasion.name ? " (" + occasion.name + ")" : "";
      if (closed) said.push(capital(occasion.gate[2]) + place + ".");
      if (refusing.length) said.push(capital(occasion.refusal) + ": " + listed(refusing) + (refusing.length > 1 ? " refuse it" : " refuses it") + place + ".");
      if (open.length) said.push("Not known for " + listed(open) + place + ".");
    });
    const told = made.isClip
      ? written(count) + " s = " + counted(count) + " samples"
      : counted(count) + " " + named(made.unit, count) + (made.seconds === null ? "" : " = " + number(rounded(count * made.seconds, 6)) + " s");
    const [rest, strong] = status.children;
    strong.textContent = said.length ? said.join(" ") : "Nothing refuses it.";
    strong.className = said.length ? "" : "fine";
    rest.textContent = told;
    range.setAttribute("aria-valuetext", told);
    range.value = count;
    for (const each of maps) if (each.figure.dataset.overview) each.mark(received);
  };
  value.addEventListener("input", () => {
    const given = Number(value.value);
    if (value.value === "" || !Number.isFinite(given)) return;
    const count = Math.round(made.isClip ? given * made.rate : given);
    if (count >= made.first && count <= 1e9) set(count);
  });
  range.addEventListener("input", () => {
    const count = Number(range.value);
    value.value = written(count);
    set(count);
  });
  for (const button of all(".turns button")) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const count = Number(button.dataset.value);
      value.value = written(count);
      set(count);
    });
  }
  document.getElementById("slider").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("no-script").remove();
  value.disabled = range.disabled = false;
  set(made.start);
}

/* ---- the table of layers: search and sort */

function table() {
  const form = document.getElementById("filter"), body = document.querySelector("#layer-table tbody");
  const search = document.getElementById("search"), only = document.getElementById("only"), refusing = document.getElementById("refusing");
  const rows = all("tr", body).map((row, order) => ({row, order, cells: [...row.cells].map((cell) => cell.textContent.trim()), text: row.textContent.toLowerCase()}));
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const {row, cells, text} of rows) {
      const fits = words.every((word) => text.includes(word)) && (!only || !only.value || cells[0] === only.value)
        && (!refusing.checked || row.classList.contains("is-refusing"));
      row.hidden = !fits;
      shown += fits;
    }
    document.getElementById("count").textContent = counted(shown) + " of " + counted(rows.length);
  };
  const heads = all("#layer-table thead th");
  const value = (text) => /^-?[\d,]+$/.test(text) ? Number(text.replace(/,/g, "")) : null;
  const compared = (one, other) => {
    const a = value(one), b = value(other);
    if (a !== null && b !== null) return a - b;
    if ((a === null) !== (b === null)) return a === null ? 1 : -1;
    return one.localeCompare(other, "en", {numeric: true});
  };
  const missing = (text) => text === "-" || text === "none" || text === "?" || text === "";
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.dataset.title = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      for (const each of heads) each.removeAttribute("aria-sort");
      const next = before === "ascending" ? "descending" : before === "descending" ? null : "ascending";
      if (next) head.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      const sorted = [...rows].sort((one, other) => {
        if (!next) return one.order - other.order;
        const [a, b] = [one.cells[column], other.cells[column]];
        if (missing(a) !== missing(b)) return missing(a) ? 1 : -1;
        return sign * compared(a, b) || one.order - other.order;
      });
      body.append(...sorted.map(({row}) => row));
    });
  });
  for (const each of [search, only, refusing]) if (each) each.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const link of all(".show-layers")) link.addEventListener("click", () => {
    if (only) only.value = link.dataset.component;
    search.value = "";
    refusing.checked = false;
    filter();
  });
  form.hidden = false;
  filter();
}

const maps = all("figure.map").map((figure) => new LengthMap(figure));
if (data.slider) slide(maps);
table();
})();
