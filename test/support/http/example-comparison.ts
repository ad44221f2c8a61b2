type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const ID = /^[0-9A-F]{32}$/;
const SIGNED = /^[\w.-]{60,}$/;

/** The form of values that the server makes at random, by the name of the field or header. All other values are known beforehand. */
const MADE_BY_SERVER: Readonly<Record<string, RegExp>> = {
  messageId: ID,
  transactionId: ID,
  receiptHandle: SIGNED,
  recallHandle: SIGNED,
  requestId: /^[\w-]{16}$/,
  jobId: /^[\w-]{12}$/,
  secret: /^whsec_[\w+/]{43}=$/,
  ETag: /^"[\w-]{8}-\d+"$/,
};

/** The random end of objects' names: `log/r7/30004440/001800000126000-aaDUhoSJ4AqS`. */
const OBJECT_CHANCE = /(?<=log\/r\d+\/\d+\/\d{15}-)[\w-]{12}/g;

/**
 * Compares answers with their written examples. A value that the server makes must have the form of the written one, and from then on
 * the same written value stands for the same value, in later requests and answers.
 */
export class ExampleComparison {
  readonly #actual = new Map<string, string>();
  readonly #written = new Map<string, string>();

  /** A request's text, with written values replaced by those that the server made. */
  translate(text: string): string {
    return [...this.#actual].reduce((translated, [written, actual]) => translated.replaceAll(written, actual), text);
  }

  /** Where and how a value differs from the written one. */
  faults(written: Json | undefined, actual: Json | undefined, place = "", name = ""): string[] {
    if (Array.isArray(written) && Array.isArray(actual)) {
      const lengths = written.length === actual.length ? [] : [`${place}: ${actual.length} items, written are ${written.length}`];
      return [...lengths, ...written.flatMap((item, index) => this.faults(item, actual[index], `${place}/${index}`, name))];
    }
    if (isObject(written) && isObject(actual)) {
      const keys = new Set([...Object.keys(written), ...Object.keys(actual)]);
      return [...keys].flatMap((key) => this.faults(written[key], actual[key], `${place}/${key}`, key));
    }
    const form = MADE_BY_SERVER[name];
    if (form && typeof written === "string" && typeof actual === "string") return this.#faultOfMade(written, actual, form, place);
    if (typeof written === "string" && typeof actual === "string") {
      const [expected, known] = [this.translate(written), actual].map((text) => text.replace(OBJECT_CHANCE, "…"));
      if (expected === known) return [];
    }
    return written === actual ? [] : [`${place}: ${JSON.stringify(actual)}, written is ${JSON.stringify(written)}`];
  }

  #faultOfMade(written: string, actual: string, form: RegExp, place: string): string[] {
    for (const value of [written, actual])
      if (!form.test(value)) return [`${place}: ${JSON.stringify(value)} has not the form ${form}`];
    const [known, shown] = [this.#actual.get(written), this.#written.get(actual)];
    if ((known ?? actual) !== actual) return [`${place}: ${actual}, where ${written} stood for ${known} before`];
    if ((shown ?? written) !== written) return [`${place}: ${actual}, written as ${written}, was written as ${shown} before`];
    this.#actual.set(written, actual);
    this.#written.set(actual, written);
    return [];
  }
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
