import process from "node:process";
import type { Logger } from "./logger.ts";

/**
 * Logs what Deno and its libraries warn of, such as a timer that is too long, in place
 * of the lines that Deno itself would write to stderr between those of the log.
 *
 * @returns what ends it
 */
export function logRuntimeWarnings(logger: Logger): () => void {
  const printed = process.rawListeners("warning");
  process.removeAllListeners("warning");
  const log = ({ message, name }: Error): void =>
    logger.log("warn", `Deno warns: ${name}: ${message.replaceAll(/\s+/g, " ")}`);
  process.on("warning", log);
  return () => {
    process.off("warning", log);
    for (const listener of printed) {
      Reflect.apply(process.on, process, ["warning", listener]);
    }
  };
}
