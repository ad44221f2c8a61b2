import type { components } from "../client/api-types.ts";
import type { Apogee } from "../client/apogee.ts";
import { allPages, pagesOf } from "./pages.ts";

type Schemas = components["schemas"];

/** The lag of a group in all its topics. */
export type GroupLag = Omit<Schemas["GroupLag"], "nextCursor" | "complete">;

/** Joins the pages: the sums of a page are of its own topics. */
export async function groupLag(apogee: Apogee, group: string, signal?: AbortSignal): Promise<GroupLag> {
  let joined: GroupLag | undefined;
  const pages = pagesOf((cursor) =>
    apogee.call("get", "/v1/groups/{group}/lag", { path: { group }, query: { ...(cursor !== undefined && { cursor }) }, signal }),
  );
  for await (const { nextCursor: _, complete: __, ...page } of pages) joined = joined ? sumOf(joined, page) : page;
  return joined as GroupLag;
}

function sumOf(one: GroupLag, other: GroupLag): GroupLag {
  const older = isOlder(other, one) ? other : one;
  return {
    group: one.group,
    lag: one.lag + other.lag,
    inFlight: one.inFlight + other.inFlight,
    unreadable: one.unreadable + other.unreadable,
    oldestUnackedAt: older.oldestUnackedAt,
    oldestUnackedAgeSeconds: older.oldestUnackedAgeSeconds,
    topics: [...one.topics, ...other.topics],
  };
}

/** Times of the API are in UTC and of one length: their order is that of their text. */
const isOlder = ({ oldestUnackedAt: a }: GroupLag, { oldestUnackedAt: b }: GroupLag): boolean =>
  a !== null && (b === null || a < b);

/** All groups with their sums. Those with more queues than a page of groups reads are asked for once more. */
export async function lagOfGroups(apogee: Apogee, signal?: AbortSignal): Promise<readonly Schemas["ListedGroup"][]> {
  const groups = await allPages((cursor) =>
    apogee.call("get", "/v1/groups", {
      query: { withLag: true, limit: 1_000, ...(cursor !== undefined && { cursor }) },
      signal,
    }),
  );
  const whole: Schemas["ListedGroup"][] = [];
  for (const group of groups) {
    if (group.lagComplete === false) {
      const { group: _, topics: __, ...sums } = await groupLag(apogee, group.name, signal);
      whole.push({ ...group, ...sums, lagComplete: true });
    } else whole.push(group);
  }
  return whole;
}
