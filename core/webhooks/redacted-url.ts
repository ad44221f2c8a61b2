/** Stands in answers for what the query of a webhook's URL holds. */
const REDACTED = "REDACTED";

/** A URL without the values of its query, where people put tokens. Its names stay, so that one URL can be told from another. */
export function redactedUrl(url: string): string {
  const mark = url.indexOf("?");
  if (mark < 0) return url;
  return `${url.slice(0, mark)}?${partsOf(url).map(redactedPart).join("&")}`;
}

/** Whether a URL was read from an answer: who puts that back would lose what it stands for. */
export const isRedacted = (url: string): boolean => partsOf(url).some((part) => part !== "" && part === redactedPart(part));

function partsOf(url: string): readonly string[] {
  const mark = url.indexOf("?");
  return mark < 0 ? [] : url.slice(mark + 1).split("&");
}

/** `token=abc` keeps its name; what has none may be a token itself. */
function redactedPart(part: string): string {
  if (part === "") return part;
  const equals = part.indexOf("=");
  return equals < 0 ? REDACTED : `${part.slice(0, equals)}=${REDACTED}`;
}
