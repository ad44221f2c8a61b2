import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { closedSchemas } from "./closed-schemas.ts";

/** An answer, as far as a document describes it. */
export interface DescribedAnswer {
  readonly method: string;
  /** Undecoded, without a query. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly $ref?: string; readonly required?: boolean }>>;
  readonly content?: Readonly<Record<string, unknown>>;
}

export interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Answer>> }>>>>;
  readonly components: { readonly headers: Readonly<Record<string, { readonly required?: boolean }>> };
}

/** Codes of answers outside any operation, for which only the line and headers of a request were read. */
const NO_OPERATION_CODES: ReadonlySet<string> = new Set([
  "BAD_REQUEST",
  "CONSUMER_GROUP_NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "MISDIRECTED_REQUEST",
  "NOT_FOUND",
  "ORIGIN_NOT_ALLOWED",
  "TOPIC_NOT_FOUND",
  "UNAUTHORIZED",
]);

const pointer = (...steps: readonly string[]): string =>
  steps.map((step) => `/${encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("");

/** Checks answers against an OpenAPI document: status, type, required headers, code and every field must be described. */
export class DescribedAnswers {
  readonly #document: Described;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  readonly #templates: readonly { readonly path: string; readonly steps: readonly string[] }[];

  constructor(document: Described) {
    this.#document = document;
    this.#templates = Object.keys(document.paths).map((path) => ({ path, steps: path.split("/") }));
    formats.default(this.#ajv);
    this.#ajv.addSchema(closedSchemas(document), "api");
  }

  /** What is wrong with the answer according to the document; `undefined` if nothing is. */
  fault(answer: DescribedAnswer): string | undefined {
    const method = answer.method === "HEAD" ? "get" : answer.method.toLowerCase();
    const path = this.#templateOf(answer.path, method);
    const fault = path === undefined ? this.#faultOfNoOperation(answer) : this.#faultOf(answer, path, method);
    return fault && `${answer.method} ${path ?? answer.path} answered ${answer.status}, ${fault}\n${answer.text.slice(0, 1_000)}`;
  }

  /** What is wrong with a value according to the schema at this place of the document; `undefined` if nothing is. */
  faultOfValue(value: unknown, ...place: readonly string[]): string | undefined {
    const validate = this.#validator(place);
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors);
  }

  /** The most literal template that matches and has the method. */
  #templateOf(path: string, method: string): string | undefined {
    const steps = path.split("/");
    const fitting = this.#templates.filter(
      (template) =>
        template.steps.length === steps.length &&
        template.steps.every((step, at) => (step.startsWith("{") ? steps[at] !== "" : step === steps[at])) &&
        this.#document.paths[template.path]?.[method] !== undefined,
    );
    const literal = ({ steps: some }: { steps: readonly string[] }) => some.filter((step) => !step.startsWith("{")).length;
    return fitting.sort((a, b) => literal(b) - literal(a))[0]?.path;
  }

  #faultOfNoOperation({ headers, text, method }: DescribedAnswer): string | undefined {
    if (headers.get("content-type") !== "application/problem+json") return "where the document has no operation";
    if (method === "HEAD" || NO_OPERATION_CODES.has(JSON.parse(text).code)) return this.#faultOfProblem(text, method);
    return `${JSON.parse(text).code}, where the document has no operation`;
  }

  #faultOfProblem(text: string, method: string): string | undefined {
    return method === "HEAD" ? undefined : this.faultOfValue(JSON.parse(text), "components", "schemas", "Problem");
  }

  #faultOf({ status, headers, text, method }: DescribedAnswer, path: string, operation: string): string | undefined {
    const answer = this.#document.paths[path]?.[operation]?.responses[status];
    if (!answer) return "which is no status that the document has";
    for (const [name, header] of Object.entries(answer.headers ?? {})) {
      const shared = header.$ref?.split("/").at(-1);
      const { required } = shared === undefined ? header : (this.#document.components.headers[shared] ?? {});
      if (required && !headers.has(name)) return `without the header ${name}`;
    }
    const type = headers.get("content-type")?.split(";")[0];
    if (!answer.content) return text === "" ? undefined : "with a body, where the document has none";
    if (type === undefined || !(type in answer.content)) return `as ${type}, which is no type that the document has`;
    if (method === "HEAD" || !type.endsWith("json")) return undefined;
    const value = JSON.parse(text);
    if (type === "application/problem+json" && !answer.description.split(", ").includes(value.code))
      return `with the code ${value.code}, which the document does not have`;
    return this.faultOfValue(value, "paths", path, operation, "responses", String(status), "content", type, "schema");
  }

  #validator(place: readonly string[]): ValidateFunction {
    const validate = this.#ajv.getSchema(`api#${pointer(...place)}`);
    if (!validate) throw new Error(`there is no schema at ${place.join(" ")}`);
    return validate;
  }
}
