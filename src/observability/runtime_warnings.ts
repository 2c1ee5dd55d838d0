import process from "node:process";
import type { Logger } from "./logger.ts";

/**
 * Logs the warnings of Deno and its libraries, such as a timer that is too long. Without
 * this, Deno writes them to stderr as plain text between the lines of the log.
 *
 * @returns a function that restores the previous listeners
 */
export function logRuntimeWarnings(logger: Logger): () => void {
  const previous = process.rawListeners("warning");
  process.removeAllListeners("warning");
  const log = ({ message, name }: Error): void =>
    logger.log("warn", `Deno warns: ${name}: ${message.replaceAll(/\s+/g, " ")}`);
  process.on("warning", log);
  return () => {
    process.off("warning", log);
    for (const listener of previous) {
      Reflect.apply(process.on, process, ["warning", listener]);
    }
  };
}
