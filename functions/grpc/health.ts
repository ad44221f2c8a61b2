import { status as grpcStatus, type ServerWritableStream } from "@grpc/grpc-js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  type HealthServer,
} from "./generated/grpc/health/v1/health.ts";

const SERVICES = new Set(["", "apache.rocketmq.v2.MessagingService"]);

/** gRPC's health service, as load balancers and orchestrators ask it. It serves until the server stops. */
export function healthService(stopping: AbortSignal): HealthServer {
  const answer = (): HealthCheckResponse => ({
    status: stopping.aborted ? HealthCheckResponse_ServingStatus.NOT_SERVING : HealthCheckResponse_ServingStatus.SERVING,
  });
  return {
    check({ request }, callback) {
      if (SERVICES.has(request.service)) callback(null, answer());
      else callback({ code: grpcStatus.NOT_FOUND, details: "There is no such service here." });
    },
    watch(call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) {
      const isKnown = SERVICES.has(call.request.service);
      call.write(isKnown ? answer() : { status: HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN });
      const stop = () => {
        if (isKnown) call.write(answer());
        call.end();
      };
      stopping.addEventListener("abort", stop, { once: true });
      call.on("cancelled", () => stopping.removeEventListener("abort", stop));
    },
  };
}
