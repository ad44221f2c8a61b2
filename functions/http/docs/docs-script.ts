/**
 * Runs in the docs page. The key is kept in sessionStorage, which no other tab and no later visit sees. The renderer is fetched,
 * because a script element cannot send the key. It may run because the page's policy has its digest.
 */
export const DOCS_SCRIPT = `
const KEY = "apogee-api-key";
const rendererPath = document.currentScript.dataset.renderer;
const part = (id) => document.getElementById(id);
const [find, ask, note, forget] = ["find", "ask", "note", "forget"].map(part);

async function get(path) {
  const key = sessionStorage.getItem(KEY);
  const answer = await fetch(path, key === null ? {} : { headers: { Authorization: "Bearer " + key } });
  if (!answer.ok) throw Object.assign(new Error("The server answered " + answer.status + "."), { status: answer.status });
  return answer.text();
}

function askForKey() {
  note.textContent = sessionStorage.getItem(KEY) === null ? "" : "The server does not know this key.";
  sessionStorage.removeItem(KEY);
  ask.hidden = false;
  ask.key.focus();
}

async function show() {
  ask.hidden = true;
  note.textContent = "Loading …";
  try {
    const [description, renderer] = await Promise.all([get("/openapi.json"), get(rendererPath)]);
    note.textContent = "";
    if (!window.showReference) document.head.append(Object.assign(document.createElement("script"), { textContent: renderer }));
    const key = sessionStorage.getItem(KEY);
    forget.hidden = key === null;
    // A link cannot send the key either.
    if (key !== null) {
      const file = new Blob([description], { type: "application/json" });
      document.querySelector('a[href="/openapi.json"]').href = URL.createObjectURL(file);
    }
    const reference = await window.showReference(part("reference"), JSON.parse(description), key);
    find.hidden = false;
    find.addEventListener("input", () => { reference.matchPaths = find.value.toLowerCase(); });
  } catch (error) {
    if (error.status === 401) askForKey();
    else note.textContent = error.message;
  }
}

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, ask.key.value.trim());
  ask.reset();
  show();
});
forget.addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  location.reload();
});
show();
`;
