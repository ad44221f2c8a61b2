import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** A request and the way to answer it. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

/** How many requests a connection may send ahead before it is no longer read. */
const AHEAD_MAX = 16;
/** Requests sent ahead, over all connections: about 20 MiB. One read of a socket may bring two thousand. */
const AHEAD_TOTAL_MAX = 4_096;

interface Line {
  current: Exchange | undefined;
  /** The answered exchange whose request is still arriving. */
  unread: Exchange | undefined;
  /** Requests sent ahead, in order. */
  readonly ahead: Exchange[];
  /** What to do instead of waiting for another request. */
  last: (() => void) | undefined;
}

export interface ConnectionsOptions {
  /** Connections open at once. */
  readonly max: number;
  readonly serve: (exchange: Exchange) => void;
}

/**
 * The connections of a server. The requests of a connection are handled one after another, so it holds only one answer, however many
 * requests it sends ahead. If there are too many connections, idle ones are closed, the longest idle first: so nobody can keep others
 * out merely by opening connections.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #lines = new Map<Socket, Line>();
  /** Connections without a request under way, the longest idle first. */
  readonly #idle = new Set<Socket>();
  #aheadTotal = 0;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  opened(socket: Socket): void {
    if (this.#lines.size >= this.#options.max && !this.#cutIdle()) {
      socket.destroy();
      return;
    }
    const line: Line = { current: undefined, unread: undefined, ahead: [], last: undefined };
    this.#lines.set(socket, line);
    this.#idle.add(socket);
    socket.once("close", () => {
      this.#idle.delete(socket);
      this.#lines.delete(socket);
      // These requests were not begun, and their client has gone.
      this.#aheadTotal -= line.ahead.length;
      line.ahead.length = 0;
    });
  }

  /** Serves a request once the earlier ones of its connection have been answered. */
  arrived(exchange: Exchange): void {
    const { socket } = exchange.incoming;
    const line = this.#lines.get(socket);
    if (line === undefined) return;
    if (line.current === undefined) this.#begin(line, exchange);
    else if (this.#aheadTotal >= AHEAD_TOTAL_MAX) socket.destroy();
    else {
      this.#aheadTotal += 1;
      if (line.ahead.push(exchange) >= AHEAD_MAX) socket.pause();
    }
  }

  /** Runs `last` once every complete request has been answered. No further request of the connection is served. */
  endWith(socket: Socket, last: () => void): void {
    const line = this.#lines.get(socket);
    if (line?.current === undefined) {
      last();
      return;
    }
    line.last = last;
    if (line.ahead.at(-1)?.incoming.complete === false) {
      line.ahead.pop();
      this.#aheadTotal -= 1;
    }
  }

  /** The request that the connection is busy with: reading, handling or answering it. */
  busyWith(socket: Socket): Exchange | undefined {
    const line = this.#lines.get(socket);
    return line?.current ?? line?.unread;
  }

  /** Cuts off every connection that has no request under way. */
  closeIdle(): void {
    for (const socket of this.#idle) socket.destroy();
  }

  #begin(line: Line, exchange: Exchange): void {
    line.current = exchange;
    line.unread = undefined;
    this.#idle.delete(exchange.incoming.socket);
    exchange.outgoing.once("close", () => this.#ended(line, exchange));
    this.#options.serve(exchange);
  }

  #ended(line: Line, exchange: Exchange): void {
    const { socket } = exchange.incoming;
    line.current = undefined;
    if (socket.destroyed) return;
    if (!exchange.incoming.complete) line.unread = exchange;
    const next = line.ahead.shift();
    if (next === undefined) {
      this.#idle.add(socket);
      line.last?.();
      return;
    }
    this.#aheadTotal -= 1;
    if (socket.isPaused()) socket.resume();
    this.#begin(line, next);
  }

  /** Closes the longest idle connection. False if none is idle. */
  #cutIdle(): boolean {
    for (const socket of this.#idle) {
      this.#idle.delete(socket);
      this.#lines.delete(socket);
      socket.destroy();
      return true;
    }
    return false;
  }
}
