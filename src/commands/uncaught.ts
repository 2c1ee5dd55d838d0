/**
 * The first error or rejection from now on that nobody has caught.
 *
 * Deno would print its stack and exit 1 at once, with the log's last lines unwritten.
 */
export function firstUncaught(): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    resolve(event.error);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    resolve(event.reason);
  });
  return promise;
}

/** An unexpected error as one sentence on one line. */
export function describeUnexpected(cause: unknown): string {
  const words = String(cause).replaceAll(/\s+/g, " ");
  return `The sidecar ends on an error that it did not expect: ${words}`;
}
