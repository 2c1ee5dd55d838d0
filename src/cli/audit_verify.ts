/** The command `audit verify`: whether audit logs are as the sidecar wrote them. */
import { writeAll, type WriteEnd } from "../observability/buffered_line_writer.ts";
import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import {
  type ChainFinding,
  type Expectations,
  type TrailSummary,
  TrailVerifier,
} from "./audit_chain.ts";
import { inWrittenOrder, trailLines } from "./audit_trail_files.ts";
import {
  findingJson,
  findingLine,
  JSON_BEGINNING,
  jsonEnd,
  summaryLine,
} from "./audit_verify_format.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { endOf } from "./output.ts";
import { describeUnread, STANDARD_INPUT } from "./text_input.ts";

/** How many findings people are shown; the rest is counted. */
const MOST_SHOWN = 20;

/** Runs the command `audit verify`. */
export async function auditVerify(
  { operands, options }: CommandLine,
): Promise<CommandEnd> {
  const expected = readExpectations(options);
  if (!expected.ok) return { exitCode: EXIT_USAGE, sentence: expected.fault };
  if (operands.length > 1 && operands.includes(STANDARD_INPUT)) {
    return {
      exitCode: EXIT_USAGE,
      sentence: "Cannot sort standard input among files; give either - or files",
    };
  }
  const files = await inWrittenOrder(operands);
  if (!files.ok) return { exitCode: EXIT_FAILURE, sentence: files.fault };
  const report = options.has("json") ? new JsonReport() : new TextReport();
  const verifier = new TrailVerifier(expected.value, (finding) => report.add(finding));
  const unread = await readAll(files.value, verifier, report);
  const summary = verifier.end(files.value.at(-1) ?? "");
  const isWhole = summary.isWhole && unread === undefined;
  const end = await report.end({ ...summary, isWhole });
  if (unread !== undefined && end.kind === "written") {
    return { exitCode: EXIT_FAILURE, sentence: unread };
  }
  return endOf(end, isWhole ? EXIT_OK : EXIT_FAILURE);
}

function readExpectations(
  options: CommandLine["options"],
): Result<Expectations, string> {
  for (const name of ["after", "head"] as const) {
    const value = options.get(name);
    if (value !== undefined && !/^[0-9a-f]{64}$/.test(value)) {
      return err(`Invalid --${name} ${quote(value)}; use 64 lower-case hex digits`);
    }
  }
  return ok({ after: options.get("after"), head: options.get("head") });
}

/** Why a file could not be read to its end, a sentence. */
async function readAll(
  paths: readonly string[],
  verifier: TrailVerifier,
  report: Report,
): Promise<string | undefined> {
  for (const path of paths) {
    try {
      for await (const lines of trailLines(path)) {
        for (const { bytes, isWhole, ...place } of lines) {
          verifier.add(place, bytes, isWhole);
        }
        await report.flush();
      }
    } catch (cause) {
      return describeUnread(path, cause);
    }
  }
  return undefined;
}

/** Shows what is found. */
interface Report {
  add(finding: ChainFinding): void;
  /** Writes what needs not be kept. */
  flush(): Promise<void>;
  end(summary: TrailSummary): Promise<WriteEnd>;
}

/** For people: the first findings. */
class TextReport implements Report {
  #first: readonly ChainFinding[] = [];
  #findings = 0;

  add(finding: ChainFinding): void {
    this.#findings += 1;
    this.#first = [...this.#first, finding].sort((one, other) => one.at - other.at)
      .slice(0, MOST_SHOWN);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  end(summary: TrailSummary): Promise<WriteEnd> {
    const lines = this.#first.map(findingLine);
    const more = this.#findings - lines.length;
    if (more > 0) lines.push(`and ${more} more, which --json lists`);
    lines.push(summaryLine(summary, this.#findings));
    return writeAll(Deno.stdout, `${lines.join("\n")}\n`);
  }
}

/** One document; its findings are written as they come, however many there are. */
class JsonReport implements Report {
  #text = JSON_BEGINNING;
  #separator = "";
  #end: WriteEnd = { kind: "written" };

  add(finding: ChainFinding): void {
    this.#text += `${this.#separator}${findingJson(finding)}`;
    this.#separator = ",";
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    if (text !== "" && this.#end.kind === "written") {
      this.#end = await writeAll(Deno.stdout, text);
    }
  }

  async end(summary: TrailSummary): Promise<WriteEnd> {
    this.#text += `${jsonEnd(summary)}\n`;
    await this.flush();
    return this.#end;
  }
}
