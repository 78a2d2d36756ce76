// Without this script the page posts its form; with it, results appear without a reload.
"use strict";

const element = (id) => document.getElementById(id);
const form = element("form"), text = element("text"), threshold = element("threshold");
const result = element("result"), count = element("count"), copy = element("copy");
const labels = new Map([...document.querySelectorAll(".legend mark")].map(
  (mark) => [mark.textContent, mark.className]));
let prediction = null;

function show() {
  if (!prediction) return;
  const paragraph = document.createElement("p");
  paragraph.className = "text";
  // Offsets count characters; a JavaScript string is indexed by UTF-16 code units.
  const characters = Array.from(prediction.text);
  let position = 0, visible = 0;
  for (const entity of prediction.entities) {
    paragraph.append(characters.slice(position, entity.start).join(""));
    position = entity.end;
    const mark = document.createElement("mark");
    mark.textContent = entity.text;
    if (entity.score < Number(threshold.value)) {
      mark.className = "below";
    } else {
      visible += 1;
      mark.className = labels.get(entity.label) || "";
      mark.tabIndex = 0;
      mark.setAttribute("role", "button");
      mark.title = "Why?";
      mark.addEventListener("click", () => explain(entity));
      mark.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); explain(entity); }
      });
      const caption = document.createElement("small");
      caption.textContent = `${entity.label} ${entity.score.toFixed(2)}`;
      mark.append(caption);
    }
    paragraph.append(mark);
  }
  paragraph.append(characters.slice(position).join(""));
  result.replaceChildren(paragraph);
  count.textContent = `${visible} of ${prediction.entities.length} entities`;
  copy.hidden = false;
}

function showProblem(problem) {
  const paragraph = document.createElement("p");
  paragraph.className = "problem";
  paragraph.textContent = problem;
  result.replaceChildren(paragraph);
  count.textContent = "";
  copy.hidden = true;
  prediction = null;
}

async function post(path, content) {
  const headers = { "content-type": "application/json" };
  const key = element("key");
  if (key && key.value) headers["x-api-key"] = key.value;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(content) });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error || `The service responded with status ${response.status}.`);
  return body;
}

// What speaks for an entity: each word coloured by the log-odds that are lost without it.
async function explain(entity) {
  const panel = element("why");
  panel.hidden = false;
  const title = document.createElement("h2"), line = document.createElement("p"), features = document.createElement("p");
  title.textContent = `Why ${entity.text} is ${entity.label}`;
  line.className = "text";
  features.className = "hint";
  panel.replaceChildren(title, line, features);
  try {
    const { start, end, label } = entity;
    const found = await post("explain", { text: prediction.text, start, end, label });
    const explained = found.entities[0];
    found.tokens.forEach((token, place) => {
      const word = document.createElement("span"), effect = explained.words[place];
      word.textContent = token;
      word.className = effect > 0 ? "for" : "against";
      word.style.setProperty("--share", Math.min(1, Math.abs(effect) / 4).toFixed(2));
      word.title = effect.toFixed(2);
      if (place >= explained.tokens[0] && place < explained.tokens[1]) word.classList.add("own");
      line.append(word, " ");
    });
    const listed = Object.entries(explained.features).map(([name, effect]) => `${name} ${effect.toFixed(2)}`);
    features.textContent = `Green words speak for it, red ones against it. Features: ${listed.join(", ")}.`;
  } catch (error) {
    line.className = "problem";
    line.textContent = error.message;
  }
}

async function findEntities() {
  const requestText = text.value;
  element("why").hidden = true;
  try {
    const body = await post("predict", { text: requestText });
    prediction = { text: requestText, entities: body.entities };
    show();
  } catch (error) {
    showProblem(error instanceof TypeError ? "The service cannot be reached." : error.message);
  }
}

form.addEventListener("submit", (event) => { event.preventDefault(); findEntities(); });
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
});
threshold.addEventListener("input", () => {
  element("at-least").textContent = Number(threshold.value).toFixed(2);
  show();
});
copy.addEventListener("click", async () => {
  const visible = prediction.entities.filter((entity) => entity.score >= Number(threshold.value));
  await navigator.clipboard.writeText(JSON.stringify({ text: prediction.text, entities: visible }, null, 1));
  copy.textContent = "Copied";
  setTimeout(() => { copy.textContent = "Copy as JSON"; }, 1500);
});
for (const example of document.querySelectorAll(".example")) {
  example.addEventListener("click", () => { text.value = example.textContent; form.requestSubmit(); });
}
element("examples").hidden = false;
