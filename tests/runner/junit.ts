/** What `deno test --junit-path` writes down, read for how long each test took. */

/** One test as it ended. */
export interface TestCase {
  readonly name: string;
  readonly seconds: number;
  readonly end: "passed" | "failed" | "skipped";
}

const CASE =
  /<testcase name="([^"]*)"[^>]* time="([0-9.]+)"[^>]*>([\s\S]*?)<\/testcase>/g;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&lt;", "<"],
  ["&gt;", ">"],
  ["&quot;", '"'],
  ["&apos;", "'"],
  ["&#39;", "'"],
  ["&amp;", "&"],
]);

/**
 * The tests of a report. Their steps, which Deno 2.9.3 puts beside them as
 * `name of the test > name of the step`, are not among them.
 */
export function readJunit(xml: string): readonly TestCase[] {
  const cases = [...xml.matchAll(CASE)].map(([, name = "", time, inner = ""]) => ({
    name: unescape(name),
    seconds: Number(time),
    end: endOf(inner),
  }));
  const names = new Set(cases.map(({ name }) => name));
  return cases.filter(({ name }) => !parentsOf(name).some((each) => names.has(each)));
}

function endOf(inner: string): TestCase["end"] {
  if (inner.includes("<skipped")) return "skipped";
  return /<(failure|error)\b/.test(inner) ? "failed" : "passed";
}

function unescape(text: string): string {
  return text.replace(/&[a-z#0-9]+;/g, (entity) => ENTITIES.get(entity) ?? entity);
}

/** What stands before each ` > `. */
function parentsOf(name: string): readonly string[] {
  return [...name.matchAll(/ > /g)].map(({ index }) => name.slice(0, index));
}
