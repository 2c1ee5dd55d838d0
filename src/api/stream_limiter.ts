import { status } from "@grpc/grpc-js";
import { describeNotExecuted } from "./call_messages.ts";

/** The part of grpc-js's server stream that limits and ends it. */
export interface ServerStream {
  /** An `error` with `code` and `details` ends the stream with that status. */
  emit(
    event: "error",
    status: { readonly code: status; readonly details: string },
  ): boolean;
  /** The connection of the stream, e.g. `127.0.0.1:40112`. */
  getPeer(): string;
  /**
   * grpc-js emits `cancelled` whenever a stream is over, whichever side ended it; if the
   * client has not read everything yet, it emits no other event.
   */
  once(event: "cancelled", listener: () => void): unknown;
}

/** Limited, because a message stays in memory until the client reads it. */
const MAX_STREAMS = 256;
/** More than a client needs: health, the node's network, routes, findings, reflection. */
const MAX_STREAMS_PER_CONNECTION = 8;

interface AdmittedStream {
  readonly peer: string;
  readonly beforeEnd: () => void;
}

/**
 * Limits the number of streams that last until their client ends them, and ends all of
 * them when the sidecar stops, because a graceful stop waits for open streams.
 */
export class StreamLimiter {
  readonly #admitted = new Map<ServerStream, AdmittedStream>();
  #isStopping = false;

  /** How many streams are open. */
  get open(): number {
    return this.#admitted.size;
  }

  /**
   * Admits a stream until it is over.
   *
   * @param beforeEnd called before {@linkcode endAll} ends the stream
   * @returns false if too many streams are open or the sidecar is stopping; then the
   * stream has been ended with a status
   */
  admit(stream: ServerStream, beforeEnd: () => void = () => {}): boolean {
    if (this.#isStopping) {
      endAsStopping(stream);
      return false;
    }
    const peer = stream.getPeer();
    const details = this.#exceededLimit(peer);
    if (details !== undefined) {
      stream.emit("error", { code: status.RESOURCE_EXHAUSTED, details });
      return false;
    }
    this.#admitted.set(stream, { peer, beforeEnd });
    stream.once("cancelled", () => this.#admitted.delete(stream));
    return true;
  }

  /** Ends all open streams with UNAVAILABLE, and from now on each new one. */
  endAll(): void {
    this.#isStopping = true;
    for (const [stream, { beforeEnd }] of this.#admitted) {
      beforeEnd();
      endAsStopping(stream);
    }
  }

  /** A sentence; undefined if there is room for one more stream. */
  #exceededLimit(peer: string): string | undefined {
    if (this.#admitted.size >= MAX_STREAMS) {
      return `${MAX_STREAMS} streams are open already; end one of them`;
    }
    const admitted = [...this.#admitted.values()];
    const ofPeer = admitted.filter((stream) => stream.peer === peer).length;
    return ofPeer < MAX_STREAMS_PER_CONNECTION
      ? undefined
      : `${MAX_STREAMS_PER_CONNECTION} streams are open on this connection already; ` +
        "end one of them";
  }
}

function endAsStopping(stream: ServerStream): void {
  const details = describeNotExecuted({ kind: "shutting-down" });
  stream.emit("error", { code: status.UNAVAILABLE, details });
}
