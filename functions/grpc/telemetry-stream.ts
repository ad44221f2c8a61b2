import { answerTelemetry, type TelemetryStream } from "./calls/telemetry.ts";
import type { TelemetryCommand } from "./generated/apache/rocketmq/v2/service.ts";
import type { Handlers } from "./handlers.ts";
import type { Serving } from "./serving.ts";
import type { Session } from "./sessions.ts";

/** Commands that a client has not read. */
const UNREAD_MAX = 64;
/** Commands of a client that are not answered. A client sends its settings every few minutes. */
const WAITING_MAX = 64;

/** The stream by which a client says what it wants, and is told what the server wants. */
export function serveTelemetry(serving: Serving, handlers: Handlers, call: TelemetryStream): void {
  let session: Session;
  try {
    session = handlers.admitted(call);
  } catch (error) {
    call.write({ status: handlers.failed(error), command: undefined });
    call.end();
    return;
  }
  const stream = {
    write: (command: TelemetryCommand) => {
      if (!call.writable) return;
      // A client that reads nothing must not fill the memory. It opens another stream if it lives.
      if (call.writableLength >= UNREAD_MAX) call.destroy();
      else call.write(command);
    },
    end: () => void call.end(),
  };
  session.streamOpened(stream);
  session.terminated = false;
  const left = () => {
    session.streamClosed(stream, serving.clock.nowMs());
    if (!session.stream) serving.checks.remove(session);
  };
  // One after the other, so that the last settings are what counts.
  let answered: Promise<void> = Promise.resolve();
  let waiting = 0;
  call.on("data", (command: TelemetryCommand) => {
    session.lastSeenMs = serving.clock.nowMs();
    if (++waiting > WAITING_MAX) {
      call.destroy();
      return;
    }
    answered = answered.then(async () => {
      try {
        const answer = await answerTelemetry(serving, session, command);
        if (answer) stream.write(answer);
      } catch (error) {
        stream.write({ status: handlers.failed(error), command: undefined });
      }
      waiting--;
    });
    handlers.count(answered);
  });
  call.on("end", () => {
    left();
    void answered.then(() => call.end());
  });
  call.on("cancelled", left);
  call.on("error", left);
  call.on("close", left);
}
