import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";

export interface AwsClientSettings {
  readonly region: string;
  /** Endpoint of a stand-in for both services; buckets are then named in the path. Default: AWS. */
  readonly endpoint?: string;
  /** Default: the SDK's chain of environment, profile, and the role of the machine or function. */
  readonly credentials?: AwsCredentials;
  /** Connections per service. Further calls wait for a free one, and fail as not sent after the time for connecting. Default 256. */
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
/** DynamoDB closes a connection that idles for a minute. A write on a closing connection has no known outcome, so we close earlier. */
const IDLE_CONNECTION_MS = 20_000;

/** The SDK warns on the console when connections run short. The calls that fail for it report that themselves. */
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
/**
 * Also without `info` and `error`: for a logger that has them, the SDK copies every input and output without their secrets, even if the
 * logger ignores the copy. That takes a tenth of the processor's time.
 */
const unheard = { ...quiet, info: undefined, error: undefined } as unknown as typeof quiet;

/** Both clients send a request once. Repeats are decided above them. */
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
    // A call's time is bounded by its signal. Without `socketTimeout: 0` the SDK would add its own limit.
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
    // Checksums are requested where they mean something: on whole objects.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // With this header, every put over 2 MB would get a new connection.
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
