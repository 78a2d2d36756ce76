"use strict";
// One card for each suspect; decisions are kept by the browser until they are exported.
const audit = JSON.parse(document.getElementById("data").textContent);
const key = "ner-mx-audit-" + audit.id;
const list = document.getElementById("list");
const kind = document.getElementById("kind");
let decisions = {};
try { decisions = JSON.parse(localStorage.getItem(key)) || {}; } catch (error) { /* a page without storage */ }
let current = 0;

function element(name, content, className) {
  const node = document.createElement(name);
  if (content !== undefined) node.textContent = content;
  if (className) node.className = className;
  return node;
}

// The words of a sentence with marks around entities; important ones are those that a suspect is about.
function marked(tokens, entities, important, className) {
  const line = element("span");
  let place = 0;
  for (const [start, end, label] of [...entities].sort((one, other) => one[0] - other[0])) {
    line.append(tokens.slice(place, start).join(" ") + " ");
    const same = important.some(span => span[0] === start && span[1] === end && span[2] === label);
    const mark = element("mark", tokens.slice(start, end).join(" "), same ? className : "other");
    mark.append(element("small", label));
    line.append(mark, " ");
    place = end;
  }
  line.append(tokens.slice(place).join(" "));
  return line;
}

function proposal(suspect) {
  const isKept = span => !suspect.annotated.some(other => String(other) === String(span))
    && (!suspect.suggested || span[1] <= suspect.suggested[0] || suspect.suggested[1] <= span[0]);
  return suspect.entities.filter(isKept).concat(suspect.suggested ? [suspect.suggested] : []);
}

function card(suspect, number) {
  const node = element("article");
  node.tabIndex = -1;
  const facts = element("div", undefined, "facts");
  facts.append(element("b", suspect.kind), element("span", "score " + suspect.score.toFixed(2)),
    element("span", suspect.place));
  const words = element("dl");
  const rows = [["annotated", marked(suspect.tokens, suspect.entities, suspect.annotated, "old")],
    ["suggested", marked(suspect.tokens, proposal(suspect), suspect.suggested ? [suspect.suggested] : [], "new")]];
  for (const [name, line] of rows) {
    const value = element("dd");
    value.append(line);
    words.append(element("dt", name), value);
  }
  const reasons = element("ul");
  for (const reason of suspect.reasons) reasons.append(element("li", reason));
  const choice = element("div", undefined, "choice");
  for (const [name, value] of [["accept", true], ["reject", false]]) {
    const button = element("button", name, name);
    button.type = "button";
    button.addEventListener("click", () => { current = number; decide(value); });
    choice.append(button);
  }
  node.append(facts, words, reasons, choice);
  node.addEventListener("click", () => show(number, false));
  return node;
}

const cards = audit.suspects.map((suspect, number) => {
  const node = card(suspect, number);
  list.append(node);
  return node;
});

function isShown(number) { return !cards[number].hidden; }

function show(number, scroll) {
  cards[current].classList.remove("current");
  current = number;
  cards[current].classList.add("current");
  if (scroll) cards[current].scrollIntoView({block: "nearest"});
}

function step(direction, wanted) {
  for (let number = current + direction; number >= 0 && number < cards.length; number += direction) {
    if (isShown(number) && wanted(number)) return show(number, true);
  }
}

function refresh() {
  let decided = 0;
  audit.suspects.forEach((suspect, number) => {
    const value = decisions[suspect.id];
    cards[number].classList.toggle("accepted", value === true);
    cards[number].classList.toggle("rejected", value === false);
    decided += value !== undefined;
  });
  document.getElementById("progress").textContent = decided + " of " + cards.length + " decided";
}

function decide(value) {
  const id = audit.suspects[current].id;
  if (value === undefined) delete decisions[id]; else decisions[id] = value;
  try { localStorage.setItem(key, JSON.stringify(decisions)); } catch (error) { /* kept until the page is closed */ }
  refresh();
  if (value !== undefined) step(1, () => true);
}

function exportDecisions() {
  const decided = audit.suspects.filter(suspect => suspect.id in decisions).map(suspect => ({
    id: suspect.id, file: suspect.file, sentence: suspect.sentence, tokens: suspect.tokens,
    annotated: suspect.annotated, suggested: suspect.suggested, accept: decisions[suspect.id]}));
  const content = JSON.stringify({audit: audit.id, decisions: decided}, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], {type: "application/json"}));
  link.download = "decisions.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

const keys = {j: () => step(1, () => true), k: () => step(-1, () => true), a: () => decide(true),
  r: () => decide(false), u: () => decide(undefined), e: exportDecisions,
  n: () => step(1, number => decisions[audit.suspects[number].id] === undefined)};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const action = keys[event.key];
  if (action && cards.length) { event.preventDefault(); action(); }
});
for (const name of [...new Set(audit.suspects.map(suspect => suspect.kind))].sort()) {
  kind.append(element("option", name));
}
kind.addEventListener("change", () => {
  audit.suspects.forEach((suspect, number) => { cards[number].hidden = kind.selectedIndex > 0 && suspect.kind !== kind.value; });
  const first = cards.findIndex(node => !node.hidden);
  if (first >= 0) show(first, true);
  kind.blur();
});
document.getElementById("export").addEventListener("click", exportDecisions);
refresh();
if (cards.length) show(0, false);
