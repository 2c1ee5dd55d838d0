import { type Checked, fail, pass } from "../ipam/checked.ts";
import type { Door } from "../kernel/door.ts";
import type { Logger } from "../log.ts";
import { Ledger } from "./ledger.ts";
import { readOwn } from "./own.ts";

/** Reads back what an earlier life left in the kernel. */
export async function adopt(
  door: Door,
  _logger: Logger,
): Promise<Checked<Ledger, string>> {
  const own = await readOwn(door);
  if (own.kind === "lost") {
    return fail(`Cannot read the kernel's routes: ${own.why}`);
  }
  return pass(new Ledger());
}
