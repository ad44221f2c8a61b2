import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";

export interface AwsClientSettings {
  readonly region: string;
  /** Of a stand-in for both services; then buckets are named in the path. Default: AWS. */
  readonly endpoint?: string;
  /** Default: the SDK's chain of environment, profile, and the role of what it runs on. */
  readonly credentials?: AwsCredentials;
  /** Connections per service. More calls wait for a free one, and fail as not sent after the time for connecting. Default 256. */
  readonly connectionsMax?: number;
  /** A connection takes milliseconds, more for a handler that starts cold and short of processor time. Default 3,000. */
  readonly connectTimeoutMs?: number;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface AwsClients {
  readonly dynamodb: DynamoDBClient;
  readonly s3: S3Client;
  close(): void;
}

const CONNECTIONS_MAX = 256;
const CONNECT_TIMEOUT_MS = 3_000;
/** DynamoDB closes a connection that idles for a minute. A write that meets one closing has no known outcome, so we are first. */
const IDLE_CONNECTION_MS = 20_000;

/** The SDK warns on the console when connections are short; calls that fail for it say so themselves. */
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
/**
 * Told of no call: for whoever is, the SDK prepares a copy of every input and output without what is secret, also where nobody looks at
 * it. That is a tenth of the processor's time.
 */
const unheard = { ...quiet, info: undefined, error: undefined } as unknown as typeof quiet;

/** Both clients send a request once: what to send again is decided above them. */
export function openAwsClients({
  region,
  endpoint,
  credentials,
  connectionsMax = CONNECTIONS_MAX,
  connectTimeoutMs = CONNECT_TIMEOUT_MS,
}: AwsClientSettings): AwsClients {
  const agent = { keepAlive: true, maxSockets: connectionsMax, timeout: IDLE_CONNECTION_MS };
  const settings = {
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    maxAttempts: 1,
    retryMode: "standard",
    logger: unheard,
    // The time for a whole call is bounded by its signal. Without `socketTimeout: 0` the SDK would set one of its own.
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: 0,
      httpAgent: agent,
      httpsAgent: agent,
      logger: quiet,
    },
  };
  const dynamodb = new DynamoDBClient(settings);
  const s3 = new S3Client({
    ...settings,
    forcePathStyle: endpoint !== undefined,
    // Checksums are asked for where they mean something: on whole objects.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // It would give every put over 2 MB a connection of its own.
    expectContinueHeader: false,
  });
  return {
    dynamodb,
    s3,
    close() {
      dynamodb.destroy();
      s3.destroy();
    },
  };
}
