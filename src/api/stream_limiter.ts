import { status } from "@grpc/grpc-js";
import { describeUndone } from "./quilt_runtime/log_lines.ts";

/** What is needed of grpc-js's side of a server stream. */
export interface ServerStream {
  /** An `error` with `code` and `details` ends the stream with that status. */
  emit(
    event: "error",
    status: { readonly code: status; readonly details: string },
  ): boolean;
  /** Which connection it is on, e.g. `127.0.0.1:40112`. */
  getPeer(): string;
  /**
   * grpc-js says so whenever a stream is over, whoever ended it; if the client has not
   * read all yet, only then.
   */
  once(event: "cancelled", listener: () => void): unknown;
}

/** What is written to a stream is held in memory for as long as its client likes. */
const LIMIT = 256;
/** More than a client has reason for: health, the node's network, routes, reflection. */
const LIMIT_OF_ONE = 8;

/** One of them. */
interface Admitted {
  readonly peer: string;
  readonly lastWords: () => void;
}

/**
 * The streams that last until their client ends them: bounded in number, and ended by
 * us when the sidecar stops, because a stop waits for whatever is open.
 */
export class OpenStreams {
  readonly #admitted = new Map<ServerStream, Admitted>();
  #ending = false;

  /**
   * Takes a stream in, until it is over.
   *
   * @param lastWords called before the stream is ended by us
   * @returns false if there are too many or the sidecar stops; its client was told
   */
  admit(stream: ServerStream, lastWords: () => void = () => {}): boolean {
    if (this.#ending) {
      endAsStopping(stream);
      return false;
    }
    const peer = stream.getPeer();
    const details = this.#tooMany(peer);
    if (details !== undefined) {
      stream.emit("error", { code: status.RESOURCE_EXHAUSTED, details });
      return false;
    }
    this.#admitted.set(stream, { peer, lastWords });
    stream.once("cancelled", () => this.#admitted.delete(stream));
    return true;
  }

  /** Ends all of them with UNAVAILABLE, and from now on those that come. */
  endAll(): void {
    this.#ending = true;
    for (const [stream, { lastWords }] of this.#admitted) {
      lastWords();
      endAsStopping(stream);
    }
  }

  #tooMany(peer: string): string | undefined {
    if (this.#admitted.size >= LIMIT) {
      return `${LIMIT} streams are open already; end one of them`;
    }
    const own = [...this.#admitted.values()].filter((other) => other.peer === peer);
    return own.length < LIMIT_OF_ONE
      ? undefined
      : `${LIMIT_OF_ONE} streams are open on this connection already; end one of them`;
  }
}

function endAsStopping(stream: ServerStream): void {
  const details = describeUndone({ kind: "shutting-down" });
  stream.emit("error", { code: status.UNAVAILABLE, details });
}
