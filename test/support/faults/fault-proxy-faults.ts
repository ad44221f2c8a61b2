import type { Exchange, Fault, ProxiedAnswer } from "./fault-proxy.ts";

/** The request never reaches the server. */
export const lostRequest: Fault = ({ drop }) => drop();

/** The request takes effect; the answer never arrives. */
export const lostAnswer: Fault = async ({ forward, drop }) => {
  await forward();
  drop();
};

/** The request takes effect; half of the answer's body arrives. */
export const halfAnswer: Fault = async ({ forward, answer }) => {
  const whole = await forward();
  answer(whole, Math.floor(whole.body.length / 2));
};

/** A byte of the request's body changed on the way. */
export const garbledRequest: Fault = async ({ request, forward, answer }) => {
  const body = Buffer.from(request.body);
  body[body.length >>> 1]! ^= 1;
  answer(await forward({ ...request, body }));
};

/** No answer comes, and the connection stays open. */
export const silence: Fault = () => undefined;

/** The client sees a broken connection. The request takes effect when `apply` is called. */
export function lateRequest(): { readonly fault: Fault; apply(): Promise<ProxiedAnswer> } {
  let hold: (exchange: Exchange) => void = () => undefined;
  const held = new Promise<Exchange>((resolve) => {
    hold = resolve;
  });
  return {
    fault: (exchange) => {
      hold(exchange);
      exchange.drop();
    },
    apply: async () => (await held).forward(),
  };
}

/** DynamoDB answers with an error; the request never reaches the server. */
export const dynamoDbError = (name: string, status = 400, more: object = {}): Fault =>
  answered(status, "application/x-amz-json-1.0", JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, ...more }));

/** A transaction is cancelled for these reasons, one for each of its writes. */
export const transactionCancelled = (...codes: readonly string[]): Fault =>
  dynamoDbError("TransactionCanceledException", 400, {
    Message: "Transaction cancelled",
    CancellationReasons: codes.map((Code) => ({ Code })),
  });

/** S3 answers with an error; the request never reaches the server. */
export const s3Error = (code: string, status: number): Fault =>
  answered(status, "application/xml", `<Error><Code>${code}</Code><Message>injected</Message></Error>`);

const answered =
  (status: number, type: string, body: string): Fault =>
  ({ answer }) =>
    answer({ status, headers: { "content-type": type, "x-amzn-requestid": "REQUEST-1" }, body: Buffer.from(body) });

/** A batchGet is answered for its first key; the others are left unprocessed. */
export const oneKeyOnly: Fault = async ({ request, forward, answer }) => {
  const asked = JSON.parse(request.body.toString());
  const [table = ""] = Object.keys(asked.RequestItems);
  const { Keys, ...how } = asked.RequestItems[table];
  const withKeys = (keys: readonly unknown[]) => ({ [table]: { Keys: keys, ...how } });
  const first = Buffer.from(JSON.stringify({ ...asked, RequestItems: withKeys(Keys.slice(0, 1)) }));
  const answered = await forward({ ...request, body: first });
  const rest = { ...JSON.parse(answered.body.toString()), UnprocessedKeys: withKeys(Keys.slice(1)) };
  answer({ ...answered, body: Buffer.from(JSON.stringify(rest)) });
};
