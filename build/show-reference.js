import "./browser-buffer.js";
import "openapi-explorer";

const LIGHT = {
  "bg-color": "#ffffff",
  "text-color": "#24292f",
  "primary-color": "#0b57a4",
  "secondary-color": "#d97706",
  "nav-bg-color": "#f3f5f7",
  "nav-text-color": "#24292f",
  "nav-hover-bg-color": "#e1e7ee",
  "nav-hover-text-color": "#0b57a4",
};
const DARK = {
  "bg-color": "#16191d",
  "text-color": "#d7dce2",
  "primary-color": "#8ab8f0",
  "secondary-color": "#f0b45a",
  "nav-bg-color": "#1d2127",
  "nav-text-color": "#d7dce2",
  "nav-hover-bg-color": "#2c333c",
  "nav-hover-text-color": "#8ab8f0",
};

/** On narrow screens the renderer leaves the example request of a route empty until something is typed. */
function fillRequests(root) {
  const filled = new WeakSet();
  const fill = async () => {
    for (const request of root.querySelectorAll("api-request")) {
      if (filled.has(request)) continue;
      filled.add(request);
      await request.updateComplete;
      request.computeCurlSyntax();
    }
  };
  new MutationObserver(fill).observe(root, { childList: true, subtree: true });
}

/** Shows an OpenAPI document in `place`, and tries its routes with `key`, which is nowhere but in memory here. */
globalThis.showReference = async (place, document, key) => {
  const reference = place.ownerDocument.createElement("openapi-explorer");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    for (const [name, colour] of Object.entries(dark.matches ? DARK : LIGHT)) reference.setAttribute(name, colour);
  };
  paint();
  dark.addEventListener("change", paint);
  // The page around has the key, and the server is the one that it comes from.
  for (const name of ["hide-authentication", "hide-server-selection"]) reference.setAttribute(name, "true");
  reference.setAttribute("server-url", location.origin);
  place.replaceChildren(reference);
  fillRequests(reference.shadowRoot);
  await reference.loadSpec(document);
  const [scheme] = Object.keys(document.components?.securitySchemes ?? {});
  if (key !== null && scheme !== undefined) await reference.setAuthenticationConfiguration(scheme, { token: key });
  return reference;
};
