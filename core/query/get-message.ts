import type { ListPage, ListRequest } from "../requests.ts";
import { type FoundMessage, findMessage } from "./find-message.ts";
import { type GroupState, type GroupStateStore, groupStates } from "./group-states.ts";
import type { Querying } from "./query-messages.ts";

export interface MessageRequest extends ListRequest {
  /** Default: any topic. */
  readonly topic?: string | undefined;
}

export interface MessageWithGroups extends FoundMessage {
  /** What each group that is subscribed to its topic has done with it. */
  readonly groups: ListPage<GroupState>;
}

/** A message, and a page of what groups have done with it. Errors: those of `findMessage`. */
export async function getMessage(
  querying: Querying & { readonly states: GroupStateStore },
  id: string,
  request: MessageRequest,
): Promise<MessageWithGroups> {
  const { topic, ...list } = request;
  const found = await findMessage(querying, id, topic);
  return { ...found, groups: await groupStates(querying.states, found, list) };
}
