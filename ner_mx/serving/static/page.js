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

async function findEntities() {
  const requestText = text.value, headers = { "content-type": "application/json" };
  const key = element("key");
  if (key && key.value) headers["x-api-key"] = key.value;
  try {
    const response = await fetch("predict", { method: "POST", headers, body: JSON.stringify({ text: requestText }) });
    const body = await response.json();
    if (!response.ok) return showProblem(body.error || `The service responded with status ${response.status}.`);
    prediction = { text: requestText, entities: body.entities };
    show();
  } catch (error) {
    showProblem("The service cannot be reached.");
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
