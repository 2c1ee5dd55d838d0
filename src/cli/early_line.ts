import { formatLine } from "../observability/logger.ts";

/**
 * A sentence for stderr from before the log is open: an object if the command line asks
 * for a log of objects, so that whoever collects it can read every line.
 *
 * @param args the words of the command line, whatever else is wrong with them
 */
export function earlyLine(args: readonly string[], sentence: string): string {
  return asksForJson(args)
    ? formatLine("json", new Date(), "error", sentence)
    : sentence;
}

function asksForJson(args: readonly string[]): boolean {
  return args.some((word, at) =>
    word === "--log-format=json" || (word === "--log-format" && args[at + 1] === "json")
  );
}
