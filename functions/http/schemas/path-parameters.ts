import { z } from "zod";
import { CLIENT_ID_PATTERN } from "../../../core/assignment/client-id.ts";
import { QUEUES_MAX } from "../../../core/limits.ts";
import { NAME_PATTERN, shownAs } from "./shared.ts";

const name = (description: string, example: string) => z.string().meta({ pattern: NAME_PATTERN, description, example });

/** The parameters in the routes' paths, as documented. The verbs check them, each with its own code. */
export const PATH_PARAMETERS: Readonly<Record<string, z.ZodType>> = {
  file: z.string().meta({ minLength: 1, description: "Name of the file, as the page has it.", example: "renderer.js" }),
  topic: z.string().meta({
    pattern: NAME_PATTERN.replace("^", "^(%DLQ%)?"),
    description: "Name of the topic. That of a group's dead letters, `%DLQ%{group}`, can be read.",
    example: "orders",
  }),
  group: name("Name of the consumer group.", "billing"),
  producerGroup: name("Name of the producer group.", "checkout"),
  clientId: z.string().meta({ pattern: CLIENT_ID_PATTERN, description: "Id of the client.", example: "10.0.0.7@billing-1" }),
  queueId: z.string().meta({
    ...shownAs({ type: "integer", format: "int32", minimum: 0, maximum: QUEUES_MAX - 1 }),
    description: "Number of the queue.",
    example: 0,
  }),
  messageId: z.string().meta({
    minLength: 1,
    description: "As its send answered it.",
    example: "01A225E5444586D2252872AFEF9F0000",
  }),
  recallHandle: z.string().meta({
    minLength: 1,
    description: "As the send of the delayed message answered it.",
    example: "AQhaQlVtNmJYegIBoiYcMs4gMDFBMjI1RTU0NDRFNjBDREVFNjJCMjk3MkFBRjAwMDACQTcLIgHxb9RW4ADNFtIi",
  }),
  transactionId: z.string().meta({
    minLength: 1,
    description: "As the send of the half message answered it.",
    example: "01A225E5446552C05F5E6E8A37690000",
  }),
  deadLetterId: z.string().meta({
    minLength: 1,
    description: "As the list of dead letters shows it.",
    example: "0-01A225E5444586D2252872AFEF9F0000",
  }),
  parkedId: z.string().meta({
    minLength: 1,
    description: "As the list of parked messages shows it.",
    example: "3-01A225E5444E60CDEE62B2972AAF0000",
  }),
  jobId: z.string().meta({ minLength: 1, description: "As the redrive answered it.", example: "01A225E5452C81BB04FA1B6E7C10" }),
  code: z.string().meta({ minLength: 1, description: "Last part of a problem's `type`.", example: "topic-not-found" }),
};
