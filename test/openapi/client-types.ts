import { createHash } from "node:crypto";

interface Content {
  [mediaType: string]: { example?: unknown; examples?: unknown };
}

interface Operation {
  parameters?: { readonly in: string }[];
  readonly responses: Record<string, { headers?: unknown; content?: Content }>;
  readonly requestBody?: { readonly content: Content };
  summary?: string;
  description?: string;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, unknown>;
}

/** The client's types of requests and answers. */
export const CLIENT_TYPES = "client/api-types.ts";

/**
 * The part of the document that types of requests and answers are made of: the operations under /v1 with their parameters, bodies and
 * answers of 2xx. Headers, examples and errors, which are alike everywhere, would make the types three times as long.
 */
export function typedPart(document: string): string {
  const whole = JSON.parse(document) as Document;
  const paths = Object.entries(whole.paths).filter(([path]) => path.startsWith("/v1/"));
  for (const operation of paths.flatMap(([, methods]) => Object.values(methods))) {
    delete operation.summary;
    delete operation.description;
    if (operation.parameters) operation.parameters = operation.parameters.filter((parameter) => parameter.in !== "header");
    dropExamples(operation.requestBody?.content);
    for (const [status, answer] of Object.entries(operation.responses)) {
      if (!status.startsWith("2")) delete operation.responses[status];
      delete answer.headers;
      dropExamples(answer.content);
    }
  }
  return JSON.stringify({ ...whole, paths: Object.fromEntries(paths), components: { schemas: whole.components.schemas } });
}

function dropExamples(content: Content = {}): void {
  for (const media of Object.values(content)) {
    delete media.example;
    delete media.examples;
  }
}

/** The first line of the types, by which they are known to be those of a document without making them anew. */
export const madeOf = (part: string): string =>
  `// Made by \`npm run openapi -- --write-client-types\` of the API with the SHA-256 ${createHash("sha256").update(part).digest("hex")}.`;
