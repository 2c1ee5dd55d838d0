import { status } from "@grpc/grpc-js";
import { describeUndone } from "./log_lines.ts";

/** What is needed of grpc-js's side of a server stream. */
export interface ServerStream {
  /** An `error` with `code` and `details` ends the stream with that status. */
  emit(
    event: "error",
    status: { readonly code: status; readonly details: string },
  ): boolean;
  /** grpc-js says so whenever a stream is over, whoever ended it. */
  once(event: "cancelled", listener: () => void): unknown;
}

/** A stream costs a few KB, for as long as its client likes. */
const LIMIT = 256;

/**
 * The streams that last until their client ends them: bounded in number, and ended by
 * us when the sidecar stops, because a stop waits for whatever is open.
 */
export class OpenStreams {
  readonly #lastWords = new Map<ServerStream, () => void>();
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
    if (this.#lastWords.size >= LIMIT) {
      const details = `${LIMIT} streams are open already; end one of them`;
      stream.emit("error", { code: status.RESOURCE_EXHAUSTED, details });
      return false;
    }
    this.#lastWords.set(stream, lastWords);
    stream.once("cancelled", () => this.#lastWords.delete(stream));
    return true;
  }

  /** Ends all of them with UNAVAILABLE, and from now on those that come. */
  endAll(): void {
    this.#ending = true;
    for (const [stream, lastWords] of this.#lastWords) {
      lastWords();
      endAsStopping(stream);
    }
  }
}

function endAsStopping(stream: ServerStream): void {
  const details = describeUndone({ kind: "shutting-down" });
  stream.emit("error", { code: status.UNAVAILABLE, details });
}
