import { createHash } from "node:crypto";
import type { LineSeal } from "./buffered_line_writer.ts";

/**
 * Adds a last field `hash` to a JSON object: its own SHA-256 without that field. The last
 * line of a chain has it, because no line behind it names its hash.
 */
export function withOwnHash(line: string): string {
  return `${line.slice(0, -1)},"hash":"${sha256(line)}"}`;
}

/**
 * Chains lines that are JSON objects: each gets a last field `prev`, the SHA-256 of the
 * line before it without its line feed, as 64 lower-case hex digits. That of the first
 * line is 64 zeros.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * const { line } = HASH_CHAIN.seal('{"a":1}', HASH_CHAIN.first);
 * assert.equal(line, `{"a":1,"prev":"${"0".repeat(64)}"}`);
 * ```
 */
export const HASH_CHAIN: LineSeal = {
  first: "0".repeat(64),
  seal(line, head) {
    const linked = `${line.slice(0, -1)},"prev":"${head}"}`;
    return { line: linked, head: sha256(linked) };
  },
};

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
