/** Replaces, in answers, the values in the query of a webhook's URL. */
const REDACTED = "REDACTED";

/** A URL without the values of its query, where people put tokens. The names stay, so that URLs can be told apart. */
export function redactedUrl(url: string): string {
  const mark = url.indexOf("?");
  if (mark < 0) return url;
  return `${url.slice(0, mark)}?${partsOf(url).map(redactedPart).join("&")}`;
}

/** Whether a URL was copied from an answer: storing it again would lose the real values. */
export const isRedacted = (url: string): boolean => partsOf(url).some((part) => part !== "" && part === redactedPart(part));

function partsOf(url: string): readonly string[] {
  const mark = url.indexOf("?");
  return mark < 0 ? [] : url.slice(mark + 1).split("&");
}

/** `token=abc` keeps its name. A part without a name may be a token itself. */
function redactedPart(part: string): string {
  if (part === "") return part;
  const equals = part.indexOf("=");
  return equals < 0 ? REDACTED : `${part.slice(0, equals)}=${REDACTED}`;
}
