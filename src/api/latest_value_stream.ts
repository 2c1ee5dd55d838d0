/** What is needed of grpc-js's side of a server stream to write to it. */
export interface MessageStream<Message> {
  /** `written` is called when the message has left for the client. */
  write(message: Message, encoding: undefined, written: () => void): boolean;
}

/**
 * Writes to a server stream one message at a time, and asks what there is to say only
 * when the one before has left: who reads slowly gets the newest, never a backlog.
 */
export class NewestWriter<Message> {
  readonly #stream: MessageStream<Message>;
  readonly #next: () => Message | undefined;
  readonly #gatherMs: number;
  #writing = false;
  #finished = false;

  /**
   * @param next what is to be said now; undefined: nothing
   * @param gatherMs milliseconds from a message to the next one
   */
  constructor(
    stream: MessageStream<Message>,
    next: () => Message | undefined,
    gatherMs = 0,
  ) {
    this.#stream = stream;
    this.#next = next;
    this.#gatherMs = gatherMs;
  }

  /** There may be something to say. */
  wake(): void {
    if (this.#writing || this.#finished) return;
    const message = this.#next();
    if (message === undefined) return;
    this.#writing = true;
    this.#stream.write(message, undefined, () => {
      if (this.#gatherMs === 0) this.#goOn();
      else setTimeout(() => this.#goOn(), this.#gatherMs);
    });
  }

  #goOn(): void {
    this.#writing = false;
    this.wake();
  }

  /** Says what is still to be said, and nothing more. */
  finish(): void {
    this.#finished = true;
    const message = this.#next();
    if (message !== undefined) this.#stream.write(message, undefined, () => {});
  }
}
