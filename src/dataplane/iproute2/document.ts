/** An object of a document, with nothing yet known of its members. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/**
 * Reads one line that `ip -json` wrote: a document is an array, whatever was asked.
 *
 * iproute2 6.1 prints a device's name as the kernel has it, and the kernel takes every
 * byte but NUL, `/`, `:` and white space: a control character stands raw in the string,
 * which JSON forbids. Such a device is nobody's fault that asks for another one.
 *
 * @returns undefined if it is no document: then the process is not to be trusted
 */
export function readDocument(line: string): readonly unknown[] | undefined {
  const parsed = parse(line) ?? parse(mended(line));
  return Array.isArray(parsed) ? parsed : undefined;
}

/** True for an object; an array is none. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What iproute2's writers leave unescaped or, in versions before 6, escape too much. */
function mended(line: string): string {
  return line
    .replace(
      /\p{Cc}/gu,
      (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`,
    )
    .replace(/\\(?:\\|')/g, (pair) => pair === "\\'" ? "'" : pair);
}
