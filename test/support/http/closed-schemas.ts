/**
 * The document with answers that allow no other fields than those it names. It leaves them open, because clients should accept fields
 * of later versions. Everything that this version sends must be described.
 */
export const closedSchemas = <T>(document: T): T => JSON.parse(JSON.stringify(document), close);

function close(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { type, properties, additionalProperties } = value as Record<string, unknown>;
  if (type !== "object" || typeof properties !== "object" || additionalProperties !== undefined) return value;
  return { ...value, additionalProperties: false };
}
