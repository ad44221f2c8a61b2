import { LambdaDoorbell } from "../../adapters/aws/lambda-doorbell.ts";
import type { Doorbell } from "../../core/ports/doorbell.ts";

/** Where the scanner of a deployment is. Without one, delayed messages wait for its schedule. */
export interface ScannerPlace {
  readonly region: string;
  /** Name or ARN. */
  readonly scannerFunction: string | undefined;
  /** Endpoint of a stand-in for AWS. */
  readonly endpoint: string | undefined;
}

export type OpenDoorbell = (place: ScannerPlace, onFailure: (error: unknown) => void) => Doorbell | undefined;

export const openScannerDoorbell: OpenDoorbell = ({ scannerFunction, region, endpoint }, onFailure) =>
  scannerFunction === undefined ? undefined : new LambdaDoorbell({ functionName: scannerFunction, region, endpoint, onFailure });
