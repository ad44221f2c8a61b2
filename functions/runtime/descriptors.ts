/** Descriptors for the store's files, webhooks, and connections to other services. */
const RESERVED = 128;
const CONNECTIONS_MAX = 10_000;
const CONNECTIONS_MIN = 16;

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | "unlimited" } };
}

/** How many connections may be open at once, so that the rest of the process has file descriptors left. */
export function connectionsMax(): number {
  const { userLimits } = process.report.getReport() as Report;
  const soft = userLimits?.open_files?.soft;
  if (typeof soft !== "number") return CONNECTIONS_MAX;
  return Math.max(CONNECTIONS_MIN, Math.min(CONNECTIONS_MAX, soft - RESERVED));
}
