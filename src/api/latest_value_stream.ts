/** The part of grpc-js's server stream that writes messages. */
export interface MessageStream<Message> {
  /** `written` is called when the message has left for the client. */
  write(message: Message, encoding: undefined, written: () => void): boolean;
}

/**
 * Writes one message at a time to a server stream, and takes the next one only when the
 * one before has left. A client that reads slowly gets the latest value, never a backlog.
 */
export class LatestValueStream<Message> {
  readonly #stream: MessageStream<Message>;
  readonly #takeLatest: () => Message | undefined;
  readonly #intervalMs: number;
  #isWriting = false;
  #isFinished = false;

  /**
   * @param takeLatest the message to write now; undefined if there is none
   * @param intervalMs milliseconds from one message to the next at least
   */
  constructor(
    stream: MessageStream<Message>,
    takeLatest: () => Message | undefined,
    intervalMs = 0,
  ) {
    this.#stream = stream;
    this.#takeLatest = takeLatest;
    this.#intervalMs = intervalMs;
  }

  /** Call it when there may be a message to take. */
  wake(): void {
    if (this.#isWriting || this.#isFinished) return;
    const message = this.#takeLatest();
    if (message === undefined) return;
    this.#isWriting = true;
    this.#stream.write(message, undefined, () => {
      if (this.#intervalMs === 0) this.#resume();
      else setTimeout(() => this.#resume(), this.#intervalMs);
    });
  }

  /** Writes the message that is left, if there is one, and takes no more. */
  finish(): void {
    this.#isFinished = true;
    const message = this.#takeLatest();
    if (message !== undefined) this.#stream.write(message, undefined, () => {});
  }

  #resume(): void {
    this.#isWriting = false;
    this.wake();
  }
}
