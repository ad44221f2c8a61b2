import { readFile, writeFile } from "node:fs/promises";

interface Operation {
  parameters?: { readonly in: string }[];
  responses: Record<string, { headers?: unknown; content?: Record<string, { example?: unknown; examples?: unknown }> }>;
  requestBody?: { content: Record<string, { example?: unknown; examples?: unknown }> };
  summary?: string;
  description?: string;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, unknown>;
}

/**
 * The part of the document that types of requests and answers are made of: the operations under /v1 with their parameters, bodies and
 * answers of 2xx. Headers, examples and errors, which are alike everywhere, would make the types five times as long.
 */
export function typedPart(document: Document): Document {
  const paths = Object.entries(structuredClone(document.paths)).filter(([path]) => path.startsWith("/v1/"));
  for (const operation of paths.flatMap(([, methods]) => Object.values(methods))) {
    delete operation.summary;
    delete operation.description;
    if (operation.parameters) operation.parameters = operation.parameters.filter((parameter) => parameter.in !== "header");
    withoutExamples(operation.requestBody?.content);
    for (const [status, answer] of Object.entries(operation.responses)) {
      if (!status.startsWith("2")) delete operation.responses[status];
      delete answer.headers;
      withoutExamples(answer.content);
    }
  }
  return { ...document, paths: Object.fromEntries(paths), components: { schemas: document.components.schemas } };
}

function withoutExamples(content: Record<string, { example?: unknown; examples?: unknown }> = {}): void {
  for (const media of Object.values(content)) {
    delete media.example;
    delete media.examples;
  }
}

/** Writes the typed part of the document in a file beside it, and answers its name. */
export async function writeTypedPart(document: string): Promise<string> {
  const part = document.replace(/\.json$/, "-typed.json");
  await writeFile(part, JSON.stringify(typedPart(JSON.parse(await readFile(document, "utf8")))));
  return part;
}
