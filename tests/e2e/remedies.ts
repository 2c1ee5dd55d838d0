/** Extracts the commands that sentences print, and runs them unchanged. */
import assert from "node:assert/strict";
import { goTool } from "../support/tools.ts";
import type { Namespace } from "../support/namespace.ts";
import { type JsonObject, parseJsonObject } from "../../deploy/json.ts";

/** One call as a sentence prints it. */
export interface PrintedCall {
  /** The whole command line. */
  readonly line: string;
  readonly target: string;
  /** With its package and service. */
  readonly method: string;
  readonly request: JsonObject;
}

/** The one call that a sentence prints. @throws {Error} if it prints none. */
export function printedCall(sentence: string): PrintedCall {
  const printed = /grpcurl -\S.*? -d '([^']*)' (\S.*?) ([\w.]+\/\w+)/.exec(
    sentence,
  );
  const [line, request, target, method] = printed ?? [];
  assert.ok(line && request && target && method, `No call is printed: ${sentence}`);
  return { line, target, method, request: parseJsonObject(request) };
}

/** Runs a printed line in a shell, with the real grpcurl; for files with `@needs go`. */
export async function runPrinted(
  namespace: Namespace,
  { line }: PrintedCall,
): Promise<string> {
  const folder = (await goTool("grpcurl")).replace(/\/[^/]*$/, "");
  const shell = ["sh", "-c", `PATH=${folder}:$PATH; ${line}`];
  const { code, stderr, stdout } = await namespace.run(shell);
  assert.equal(code, 0, `${line}\n${stderr}`);
  return stdout;
}
