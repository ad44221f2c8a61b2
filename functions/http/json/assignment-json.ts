import { compareNames } from "../../../core/assignment/message-queue.ts";
import type { AssignedQueue, Assignment } from "../../../core/terms.ts";

type ConfigJson = { readonly strategy: "CONFIG"; readonly queues: Readonly<Record<string, readonly AssignedQueue[]>> };
export type AssignmentJson = Exclude<Assignment, { readonly strategy: "CONFIG" }> | ConfigJson;

/** Sorted by queue, so that the order of the clients does not matter. */
export function parseAssignment(value: AssignmentJson): Assignment {
  if (typeof value === "string" || value.strategy !== "CONFIG") return value;
  const queues = Object.entries(value.queues).flatMap(([clientId, some]) => some.map((queue) => ({ clientId, ...queue })));
  return { strategy: "CONFIG", queues: queues.sort((a, b) => compareNames(a.topic, b.topic) || a.queueId - b.queueId) };
}

export function assignmentJson(assignment: Assignment): AssignmentJson {
  if (typeof assignment === "string" || assignment.strategy !== "CONFIG") return assignment;
  const byClient = new Map<string, AssignedQueue[]>();
  for (const { clientId, ...queue } of assignment.queues) byClient.set(clientId, [...(byClient.get(clientId) ?? []), queue]);
  return { strategy: "CONFIG", queues: Object.fromEntries(byClient) };
}
