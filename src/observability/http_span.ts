import { IS_TRACING } from "./tracing.ts";

/** The name of the private symbol at which Deno 2.9.3 keeps the span of a stream. */
const SPAN_SYMBOL = "kOtelSpan";

let known: symbol | undefined;

/**
 * Drops the span `POST` that Deno 2.9.3 starts for each HTTP/2 stream: it does not end
 * before the stream, says nothing of the call, and is not the parent of the call's own
 * span. Without it the end of the stream exports nothing.
 */
export function dropHttpSpan(stream: object): void {
  if (!IS_TRACING) return;
  known ??= Object.getOwnPropertySymbols(stream)
    .find(({ description }) => description === SPAN_SYMBOL);
  if (known !== undefined) Reflect.set(stream, known, undefined);
}
