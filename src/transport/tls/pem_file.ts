/** Reads what `--tls-…` names. It loads nothing, because a health probe must be fast. */
import { err, ok, type Result } from "../../shared/result.ts";

/** Reads a file in PEM without parsing it; the fault is one sentence. */
export async function readPemFile(path: string): Promise<Result<string, string>> {
  try {
    return ok(await Deno.readTextFile(path));
  } catch (cause) {
    return err(`Cannot read ${path}: ${describe(cause, path)}`);
  }
}

function describe(cause: unknown, path: string): string {
  if (cause instanceof Deno.errors.NotCapable) {
    const directory = path.replace(/\/[^/]*$/, "");
    return "the sandbox does not grant it; " +
      `start with --allow-read=${directory} (see docs/tls-and-sockets.md)`;
  }
  if (cause instanceof Deno.errors.NotFound) return "there is no such file";
  return cause instanceof Error ? cause.message : String(cause);
}
