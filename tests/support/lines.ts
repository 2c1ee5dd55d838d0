/** The lines of a stream, split as they come; the last may lack its newline. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const pieces = (rest + text).split("\n");
    rest = pieces.pop() ?? "";
    yield* pieces;
  }
  if (rest !== "") yield rest;
}

/** Lines that grow while a process writes them. */
export interface CollectedLines {
  /** All lines until now. */
  readonly lines: readonly string[];
  /** Resolves when the stream has ended: no line comes any more. */
  readonly ended: Promise<void>;
}

/** Starts reading a stream to its end, so that its writer never waits for us. */
export function collectLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): CollectedLines {
  const lines: string[] = [];
  const read = async (): Promise<void> => {
    for await (const line of linesOf(stream)) lines.push(line);
  };
  return { lines, ended: read() };
}
