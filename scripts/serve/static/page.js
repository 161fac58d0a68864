// A note is sent to the service and its mentions are drawn. Nothing is stored; text only ever becomes text, never HTML.
"use strict";

const ROWS = 200; // of the table, shown at once
const COLUMNS = ["text", "label", "assertion", "confidence", "start", "end"];
const BOTH = ""; // the choice of all models
const $ = (id) => document.getElementById(id);
const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

let settings = {};
let token = ""; // only here, and gone with the page
let asked = null; // what cancels the request that runs
let opened = null; // {text, shown}: of a file, and how the text field shows it, with other line ends
let answers = []; // {model, text, ents}, one a model
let hidden = new Set(); // labels
let order = { column: "start", down: false };
let shownRows = ROWS;

// The service

async function get(path, options = {}) {
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ detail: response.statusText }));
  throw Object.assign(new Error(problem.detail), { status: response.status });
}

async function annotate(model, text, signal) {
  const body = JSON.stringify({ text });
  const headers = { "content-type": "application/json" };
  const path = `annotate?model=${encodeURIComponent(model)}`;
  const found = await (await get(path, { method: "POST", body, headers, signal })).json();
  // The service counts characters, JavaScript halves of those beyond the first 65,536.
  const places = /[\ud800-\udfff]/.test(text) ? countCharacters(text) : null;
  const at = (place) => (places ? places[place] : place);
  return { model, text, ents: found.ents.map((ent) => ({ ...ent, from: at(ent.start), to: at(ent.end), model })) };
}

function countCharacters(text) {
  const places = [0];
  for (const character of text) places.push(places[places.length - 1] + character.length);
  return places;
}

async function start() {
  settings = await (await get("page.json")).json();
  $("asks-token").hidden = true;
  const names = settings.models;
  $("model").replaceChildren(
    ...(names.length > 1 ? [new Option("all, side by side", BOTH)] : []), ...names.map((name) => new Option(name, name)));
  $("model").value = names[0];
  $("sample").replaceChildren($("sample").options[0], ...settings.samples.map((name) => new Option(name, name)));
  $("sample").parentElement.hidden = !settings.samples.length;
  $("least").value = 0;
}

async function submit() {
  asked?.abort();
  clear();
  asked = new AbortController();
  const { signal } = asked;
  const text = $("text").value === opened?.shown ? opened.text : $("text").value;
  if (!text.trim()) {
    $("annotate").disabled = false;
    return tell("", "There is no note yet: paste one.");
  }
  tell("Reading the note …");
  $("annotate").disabled = true;
  try {
    token = $("token").value.trim() || token;
    if (!settings.models) await start();
    const names = $("model").value === BOTH ? settings.models : [$("model").value];
    const found = await Promise.all(names.map((name) => annotate(name, text, signal)));
    if (signal.aborted) return;
    answers = found;
    compare(answers);
    draw();
    const counts = answers.map(({ model, ents }) => `${model}: ${ents.length} mentions`);
    tell(counts.join(", "));
  } catch (error) {
    if (!signal.aborted) fail(error);
  } finally {
    if (asked.signal === signal) $("annotate").disabled = false;
  }
}

function fail(error) {
  if (error.status === 401) {
    $("asks-token").hidden = false;
    $("token").focus();
  }
  tell("", error.status ? error.message : "The service cannot be reached.");
}

// What was found in another note must not stand beside this one.
function clear() {
  answers = [];
  hideTip();
  $("result").hidden = true;
  for (const drawn of [$("notes"), $("legend"), $("meanings"), document.querySelector("tbody")]) drawn.replaceChildren();
}

function tell(status, problem = "") {
  $("status").textContent = status;
  $("problem").textContent = problem;
}

// Mentions

function compare(answers) {
  const key = (ent) => [ent.start, ent.end, ent.label, ent.assertion].join();
  const seen = answers.map(({ ents }) => new Set(ents.map(key)));
  for (const { ents } of answers) for (const ent of ents) ent.differs = !seen.every((keys) => keys.has(key(ent)));
}

const isShown = (ent) =>
  !hidden.has(ent.label) && (ent.confidence === null || ent.confidence >= Number($("least").value));
const isLow = (ent) => ent.confidence !== null && ent.confidence < settings.low;
const shown = ({ ents }) => ents.filter(isShown);
const named = (assertion) => (assertion ?? "").replaceAll("_", " ");
const sure = (ent) => (ent.confidence === null ? "" : ent.confidence.toFixed(2));

function describe(ent) {
  const lines = [`${ent.label}${ent.assertion ? `, ${named(ent.assertion)}` : ""}`];
  if (settings.meanings[ent.assertion]) lines.push(settings.meanings[ent.assertion]);
  if (ent.confidence !== null) lines.push(`confidence ${sure(ent)}`);
  if (ent.assertion_probability !== null) lines.push(`assertion ${ent.assertion_probability.toFixed(2)}`);
  if (ent.differs) lines.push("the models differ");
  return lines.join("\n");
}

// Drawing

function draw() {
  const differ = answers.length > 1;
  shownRows = ROWS;
  $("result").hidden = false;
  $("asks-differ").hidden = $("says-differ").hidden = !differ;
  if (!differ) $("differ").checked = false;
  $("asks-confidence").hidden = !answers.some(({ ents }) => ents.some((ent) => ent.confidence !== null));
  $("says-low").hidden = !answers.some(({ ents }) => ents.some(isLow));
  drawLegend();
  $("notes").replaceChildren(...answers.map(drawNote));
  refresh();
}

function drawLegend() {
  const counts = new Map();
  for (const { ents } of answers) for (const ent of ents) counts.set(ent.label, (counts.get(ent.label) ?? 0) + 1);
  const buttons = [...counts].sort().map(([label, count]) => {
    const button = element("button", { type: "button", textContent: `${label} ${count}` });
    button.style.background = colour(label);
    button.ariaPressed = String(!hidden.has(label));
    button.onclick = () => {
      if (!hidden.delete(label)) hidden.add(label);
      button.ariaPressed = String(!hidden.has(label));
      refresh();
    };
    return button;
  });
  $("legend").replaceChildren(...buttons);
  const drawn = new Set(answers.flatMap(({ ents }) => ents.map((ent) => ent.assertion)));
  const meanings = Object.entries(settings.meanings).filter(([value]) => drawn.has(value));
  $("meanings").replaceChildren(
    ...meanings.map(([value, meaning]) => element("li", {}, element("strong", { textContent: named(value) }), `: ${meaning}`)));
}

const colour = (label) => (Object.hasOwn(settings.colours, label) ? settings.colours[label] : "#dddddd");

function drawNote(answer) {
  const lines = element("div", { className: "lines", tabIndex: 0, role: "region", ariaLabel: `Note as ${answer.model} reads it` });
  const drawn = { line: element("div", { className: "line" }) };
  const write = (text, place) => {
    // A mention goes on in the next line, as brat has it.
    text.split("\n").forEach((part, number) => {
      if (number) {
        lines.append(drawn.line);
        drawn.line = element("div", { className: "line" });
      }
      if (part) drawn.line.append(place ? place(part, number) : part);
    });
  };
  answer.marks = [];
  let end = 0;
  for (const ent of answer.ents) {
    write(answer.text.slice(end, ent.from));
    write(answer.text.slice(ent.from, ent.to), (part) => drawMark(answer, ent, part));
    end = ent.to;
  }
  write(answer.text.slice(end));
  lines.append(drawn.line);
  if (answer.marks.length) answer.marks[0].tabIndex = 0;
  const heading = element("h3", { textContent: answer.model, id: `note-${answer.model}` });
  const note = element("div", { className: "note", role: "group" }, heading, lines);
  note.setAttribute("aria-labelledby", heading.id);
  return note;
}

function drawMark(answer, ent, part) {
  const label = element("small", { textContent: ent.label });
  if (ent.assertion && ent.assertion !== "present") label.append(element("span", { textContent: `, ${named(ent.assertion)}` }));
  const mark = element("mark", { tabIndex: -1 }, element("span", { className: "said", textContent: part }), label);
  mark.style.backgroundColor = colour(ent.label);
  mark.classList.toggle("absent", ent.assertion === "absent");
  mark.classList.toggle("low", isLow(ent));
  mark.classList.toggle("differs", ent.differs);
  mark.mention = ent;
  answer.marks.push(mark);
  return mark;
}

function refresh() {
  for (const { marks } of answers) for (const mark of marks) mark.classList.toggle("off", !isShown(mark.mention));
  drawTable();
}

function listed() {
  const words = $("filter").value.toLowerCase();
  const has = (ent) => [ent.text, ent.label, named(ent.assertion), ent.model].some((value) => value.toLowerCase().includes(words));
  const rows = answers.flatMap(shown).filter((ent) => has(ent) && (ent.differs || !$("differ").checked));
  const { column, down } = order;
  const sign = down ? -1 : 1;
  const value = (ent) => ent[column] ?? "";
  const before = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  return rows.sort((a, b) => sign * before(value(a), value(b)) || a.start - b.start);
}

function drawTable() {
  const columns = answers.length > 1 ? ["model", ...COLUMNS] : COLUMNS;
  const heads = columns.map((column) => {
    const mark = order.column === column ? (order.down ? " ▾" : " ▴") : "";
    const button = element("button", { type: "button", textContent: column + mark });
    button.onclick = () => {
      order = { column, down: order.column === column && !order.down };
      drawTable();
      document.querySelectorAll("thead button")[columns.indexOf(column)].focus();
    };
    const head = element("th", { scope: "col" }, button);
    if (mark) head.ariaSort = order.down ? "descending" : "ascending";
    return head;
  });
  document.querySelector("thead tr").replaceChildren(...heads);
  const rows = listed();
  document.querySelector("tbody").replaceChildren(...rows.slice(0, shownRows).map((ent) => drawRow(ent, columns)));
  $("more").hidden = rows.length <= shownRows;
  $("listed").textContent = `Table: ${rows.length} mentions`;
}

function drawRow(ent, columns) {
  const cells = columns.map((column) => {
    const cell = element("td", { textContent: column === "confidence" ? sure(ent) : named(String(ent[column] ?? "")) });
    if (["text", "label", "model"].includes(column)) cell.textContent = ent[column];
    if (["confidence", "start", "end"].includes(column)) cell.className = "number";
    if (column === "label") {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = colour(ent.label);
      cell.prepend(swatch);
    }
    return cell;
  });
  return element("tr", { className: ent.differs ? "differs" : "" }, ...cells);
}

// What is known of a mention, on hover and focus; one stop of the tab key a note, arrows between mentions

function showTip(mark) {
  const tip = $("tip");
  tip.textContent = describe(mark.mention);
  tip.hidden = false;
  mark.setAttribute("aria-describedby", "tip");
  const box = mark.getClientRects()[0] ?? mark.getBoundingClientRect(); // one that is not drawn yet has none
  const below = box.bottom + tip.offsetHeight + 8 < innerHeight;
  tip.style.top = `${below ? box.bottom + 5 : Math.max(4, box.top - tip.offsetHeight - 5)}px`;
  tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
}

function hideTip() {
  $("tip").hidden = true;
}

// To the mention that has the focus, when the pointer leaves another, or the arrow keys scroll.
function goBack() {
  const mark = document.activeElement?.closest?.("mark:not(.off)");
  if (mark && !$("tip").hidden) showTip(mark);
  else hideTip();
}

function move(event) {
  const mark = event.target.closest?.("mark");
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") hideTip();
  if (!mark || (!step && !["Home", "End"].includes(event.key))) return;
  const marks = answers.find(({ marks }) => marks.includes(mark)).marks.filter((other) => isShown(other.mention));
  const next = step ? marks[marks.indexOf(mark) + step] : marks.at(event.key === "Home" ? 0 : -1);
  event.preventDefault();
  if (!next) return;
  mark.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

const markOf = (event) => {
  const mark = event.target.closest?.("mark:not(.off)");
  return mark ?? null;
};

// Taking mentions away, as they are shown

const rowsOf = (answer) => shown(answer).map(({ from, to, differs, model, ...ent }) => ent);

function asJson() {
  const values = answers.map((answer) => ({ model: answer.model, text: answer.text, ents: rowsOf(answer) }));
  return JSON.stringify(values.length > 1 ? values : values[0], null, 1);
}

function asCsv() {
  const quote = (value) => {
    const text = String(value ?? "");
    // A spreadsheet would compute what begins like a formula.
    return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  };
  const rows = answers.flatMap((answer) => shown(answer).map((ent) => ["model", ...COLUMNS].map((column) => quote(ent[column]))));
  return [["model", ...COLUMNS], ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

function asBrat(answer) {
  const lines = [];
  shown(answer).forEach((ent, number) => {
    const id = number + 1;
    const parts = fragments(answer.text, ent);
    const offsets = parts.map(([from, to]) => `${ent.start + length(answer.text, ent.from, from)} ${ent.start + length(answer.text, ent.from, to)}`);
    const type = (value) => value.replace(/\s+/g, "_");
    lines.push(`T${id}\t${type(ent.label)} ${offsets.join(";")}\t${parts.map(([from, to]) => answer.text.slice(from, to)).join(" ")}`);
    if (ent.assertion) lines.push(`A${id}\tAssertion T${id} ${type(ent.assertion)}`);
    if (ent.confidence !== null) lines.push(`#${id}\tAnnotatorNotes T${id}\tconfidence ${ent.confidence.toFixed(3)}`);
  });
  return lines.map((line) => `${line}\n`).join("");
}

const length = (text, from, to) => Array.from(text.slice(from, to)).length;

// Blanks are those of Python, as in `annotate --to brat`.
const BLANKS = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const leading = (text) => text.match(new RegExp(`^${BLANKS}*`))[0].length;
const trailing = (text) => text.match(new RegExp(`${BLANKS}*$`))[0].length;

function fragments(text, ent) {
  const parts = [];
  for (const match of text.slice(ent.from, ent.to).matchAll(/[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+/g)) {
    const [part] = match;
    if (leading(part) === part.length) continue;
    const start = ent.from + match.index;
    const end = start + part.length;
    parts.push([start + (match.index ? leading(part) : 0), end - (end === ent.to ? 0 : trailing(part))]);
  }
  return parts;
}

function download(kind) {
  const files = {
    json: () => [["mentions.json", asJson(), "application/json"]],
    csv: () => [["mentions.csv", asCsv(), "text/csv"]],
    brat: () => [["note.txt", answers[0].text, "text/plain"], ...answers.map((answer) =>
      [answers.length > 1 ? `note.${answer.model}.ann` : "note.ann", asBrat(answer), "text/plain"])],
  };
  for (const [name, content, type] of files[kind]()) {
    const link = element("a", { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

async function copy() {
  try {
    await navigator.clipboard.writeText(asJson());
    tell("Copied");
  } catch {
    tell("", "The browser does not let this page copy: download the JSON.");
  }
}

// Notes in

async function open(file) {
  const size = settings.max_chars * 4;
  if (file.size > size) return tell("", `The file is larger than ${size.toLocaleString("en")} bytes.`);
  try {
    show(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer()));
  } catch {
    clear();
    tell("", "The file is no text in UTF-8.");
  }
}

function show(text) {
  $("text").value = text;
  opened = { text, shown: $("text").value };
  submit();
}

function forget() {
  asked?.abort();
  clear();
  tell("");
  for (const field of [$("text"), $("token"), $("filter"), $("sample")]) field.value = "";
  opened = null;
  token = "";
}

$("ask").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("text").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(); });
$("model").addEventListener("change", () => { if (answers.length) submit(); });
$("file").addEventListener("change", () => { if ($("file").files[0]) open($("file").files[0]); $("file").value = ""; });
$("sample").addEventListener("change", async () => {
  const name = $("sample").value;
  if (!name) return;
  try {
    show(await (await get(`samples/${encodeURIComponent(name)}`)).text());
  } catch (error) { fail(error); }
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("text").classList.toggle("dropping", kind === "dragover");
    if (kind !== "drop") return;
    const [file] = event.dataTransfer.files;
    if (file) open(file);
    else if (event.dataTransfer.getData("text/plain")) show(event.dataTransfer.getData("text/plain"));
  });
}
$("least").addEventListener("input", () => { $("least-shown").textContent = Number($("least").value).toFixed(2); refresh(); });
for (const id of ["filter", "differ"]) $(id).addEventListener("input", () => { shownRows = ROWS; drawTable(); });
$("more").addEventListener("click", () => { shownRows += ROWS; drawTable(); });
document.querySelector("[data-copy]").addEventListener("click", copy);
for (const button of document.querySelectorAll("[data-download]")) button.addEventListener("click", () => download(button.dataset.download));
$("notes").addEventListener("mouseover", (event) => { const mark = markOf(event); if (mark) showTip(mark); else goBack(); });
$("notes").addEventListener("mouseleave", goBack);
$("notes").addEventListener("focusin", (event) => { const mark = markOf(event); if (mark) showTip(mark); });
$("notes").addEventListener("focusout", hideTip);
document.addEventListener("keydown", move);
document.addEventListener("scroll", goBack, true);
addEventListener("pagehide", forget);
start().catch(fail);
