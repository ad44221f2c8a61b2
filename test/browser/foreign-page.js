// Runs on a page of another origin. `send*` try a call in every way that a page has, and resolve when all have ended, however they did.

const settled = (promise) =>
  promise.then(
    () => "answered",
    () => "failed",
  );
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What goes without a question of the browser ahead: these types, and none at all. */
function plainBodies(body) {
  const fields = new FormData();
  fields.append("body", body);
  const types = ["text/plain", "application/x-www-form-urlencoded"];
  return [...types.map((type) => new Blob([body], { type })), fields, new Uint8Array(0), undefined];
}

const sendPlain = (url, method, body = "") =>
  plainBodies(body).map((content) =>
    settled(fetch(url, { method, mode: "no-cors", credentials: "include", ...(method === "GET" ? {} : { body: content }) })),
  );

/** A frame that a form or a navigation goes to, until it has loaded. */
function inFrame(go) {
  const frame = document.createElement("iframe");
  frame.name = `frame-${Math.random()}`;
  document.body.append(frame);
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  go(frame);
  return Promise.race([loaded, wait(3_000)]).then(() => frame.remove());
}

const sendForm = (url, enctype, body) =>
  inFrame((frame) => {
    const form = Object.assign(document.createElement("form"), { action: url, method: "POST", enctype, target: frame.name });
    // As text/plain this is the body, with an "=" behind it.
    form.append(Object.assign(document.createElement("input"), { name: body || "x" }));
    document.body.append(form);
    form.submit();
    form.remove();
  });

/** Everything that a page may send to another origin unasked. */
globalThis.sendUnasked = async (origin, calls) => {
  for (const { method, path, body = "" } of calls) {
    const url = origin + path;
    // A page is not told whether the server answered, so each way is tried to its end.
    if (method === "GET") {
      const image = new Image();
      const tried = new Promise((resolve) => Object.assign(image, { onload: resolve, onerror: resolve }));
      image.src = url;
      await Promise.all([tried, ...sendPlain(url, "GET"), inFrame((frame) => Object.assign(frame, { src: url }))]);
    }
    if (method !== "POST") continue;
    await Promise.all(sendPlain(url, "POST", body));
    for (const content of plainBodies(body).filter((each) => each !== undefined)) navigator.sendBeacon(url, content);
    await Promise.all(
      ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"].map((type) => sendForm(url, type, body)),
    );
  }
};

/** The calls as a program makes them. A browser asks the server ahead, unless the page is of its origin. */
globalThis.sendAsPrograms = async (origin, calls) => {
  const outcomes = [];
  for (const { method, path, body, type } of calls) {
    const content = body === undefined || method === "GET" ? {} : { body, headers: { "Content-Type": type } };
    const answer = await fetch(origin + path, { method, ...content }).catch(() => undefined);
    outcomes.push(answer === undefined ? "refused by the browser" : String(answer.status));
  }
  return outcomes;
};
