/** Where `@opentelemetry/api` finds the providers of a process; Deno fills it first. */
const PROVIDERS = Symbol.for("opentelemetry.js.api.1");

/** Milliseconds for what is still going on, for instance after a second stop signal. */
const LIMIT_MS = 2_000;

/**
 * Ends the process, now or as soon as nothing is left to do.
 *
 * `Deno.exit()` of Deno 2.9.3 waits for the last export of metrics, and that waits for the
 * event loop: the process stays for ever if a collector has an earlier one at that moment.
 * So a process that exports ends by itself.
 */
export function endProcess(code: number): void {
  if (!(PROVIDERS in globalThis)) Deno.exit(code);
  Deno.exitCode = code;
  Deno.unrefTimer(setTimeout(() => Deno.exit(code), LIMIT_MS));
}
