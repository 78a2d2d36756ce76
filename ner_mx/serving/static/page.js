// The page without this script posts its form; with it, answers come without a reload.
"use strict";

const element = (id) => document.getElementById(id);
const form = element("form"), text = element("text"), threshold = element("threshold");
const result = element("result"), count = element("count"), copy = element("copy");
const labels = new Map([...document.querySelectorAll(".legend mark")].map(
  (mark) => [mark.textContent, mark.className]));
let answer = null;

function show() {
  if (!answer) return;
  const paragraph = document.createElement("p");
  paragraph.className = "text";
  // Places are counted in characters; a JavaScript string counts UTF-16 units.
  const characters = Array.from(answer.text);
  let position = 0, shown = 0;
  for (const entity of answer.entities) {
    paragraph.append(characters.slice(position, entity.start).join(""));
    position = entity.end;
    const mark = document.createElement("mark");
    mark.textContent = entity.text;
    if (entity.score < Number(threshold.value)) {
      mark.className = "below";
    } else {
      shown += 1;
      mark.className = labels.get(entity.label) || "";
      const note = document.createElement("small");
      note.textContent = `${entity.label} ${entity.score.toFixed(2)}`;
      mark.append(note);
    }
    paragraph.append(mark);
  }
  paragraph.append(characters.slice(position).join(""));
  result.replaceChildren(paragraph);
  count.textContent = `${shown} of ${answer.entities.length} entities`;
  copy.hidden = false;
}

function complain(problem) {
  const paragraph = document.createElement("p");
  paragraph.className = "problem";
  paragraph.textContent = problem;
  result.replaceChildren(paragraph);
  count.textContent = "";
  copy.hidden = true;
  answer = null;
}

async function find() {
  const asked = text.value, headers = { "content-type": "application/json" };
  const key = element("key");
  if (key && key.value) headers["x-api-key"] = key.value;
  try {
    const response = await fetch("predict", { method: "POST", headers, body: JSON.stringify({ text: asked }) });
    const body = await response.json();
    if (!response.ok) return complain(body.error || `The service answered ${response.status}.`);
    answer = { text: asked, entities: body.entities };
    show();
  } catch (error) {
    complain("The service cannot be reached.");
  }
}

form.addEventListener("submit", (event) => { event.preventDefault(); find(); });
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); }
});
threshold.addEventListener("input", () => {
  element("at-least").textContent = Number(threshold.value).toFixed(2);
  show();
});
copy.addEventListener("click", async () => {
  const kept = answer.entities.filter((entity) => entity.score >= Number(threshold.value));
  await navigator.clipboard.writeText(JSON.stringify({ text: answer.text, entities: kept }, null, 1));
  copy.textContent = "Copied";
  setTimeout(() => { copy.textContent = "Copy as JSON"; }, 1500);
});
for (const example of document.querySelectorAll(".example")) {
  example.addEventListener("click", () => { text.value = example.textContent; form.requestSubmit(); });
}
element("examples").hidden = false;
