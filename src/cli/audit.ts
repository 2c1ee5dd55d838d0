/** The command `audit`: who changed what, and when, from audit logs. */
import { writeAll, writeLine } from "../observability/buffered_line_writer.ts";
import { AuditFaults, readAuditLogs } from "./audit_files.ts";
import { isSought, readFilter } from "./audit_filter.ts";
import { auditJson, formatLine } from "./audit_format.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./exit.ts";
import { endOf } from "./output.ts";

/** Runs the command `audit`. */
export async function audit({ operands, options }: CommandLine): Promise<CommandEnd> {
  const filter = readFilter(options, Date.now());
  if (!filter.ok) return { exitCode: EXIT_USAGE, sentence: filter.fault };
  const faults = new AuditFaults();
  const batches = await readAuditLogs(operands, faults);
  if (!batches.ok) return { exitCode: EXIT_FAILURE, sentence: batches.fault };
  const isJson = options.has("json");
  const format = isJson ? auditJson : formatLine;
  let [read, found] = [0, 0];
  for await (const batch of batches.value) {
    const shown = batch.filter((line) => isSought(line, filter.value))
      .map((line) => `${format(line)}\n`);
    read += batch.length;
    found += shown.length;
    // As it comes, so that `tail -f` in front of it is shown live.
    const end = await writeAll(Deno.stdout, shown.join(""));
    if (end.kind !== "written") return endOf(end, EXIT_OK);
  }
  const { failure, remark } = faults;
  if (failure !== undefined) return { exitCode: EXIT_FAILURE, sentence: failure };
  if (remark !== undefined) await writeLine(Deno.stderr, remark);
  if (found === 0 && !isJson) {
    await writeLine(Deno.stderr, `No record of ${read} matches`);
  }
  return EXIT_OK;
}
