/**
 * The first error or rejection from now on that nobody has caught.
 *
 * Deno would print its stack and exit 1 at once, with the log's last lines unwritten.
 *
 * @param take takes an error that is no reason to end; false if it is one
 */
export function firstUncaught(take: (error: unknown) => boolean): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    if (!take(event.error)) resolve(event.error);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    if (!take(event.reason)) resolve(event.reason);
  });
  return promise;
}

/**
 * An unexpected error as one sentence on one line.
 *
 * @param task what starts the command under the flags that it needs
 */
export function describeUnexpected(cause: unknown, task: string): string {
  if (cause instanceof Deno.errors.NotCapable) {
    // Deno goes on with the advice to widen the sandbox.
    const [words] = oneLine(cause.message).split(", run again with ", 1);
    return `The sandbox is not as it must be: ${words}; use deno task ${task} (see README)`;
  }
  return `The sidecar ends on an error that it did not expect: ${
    oneLine(String(cause))
  }`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
