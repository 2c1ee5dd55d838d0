import type { Door } from "../kernel/door.ts";
import { type Assumed, decodeRoutes, type TableEntry } from "../kernel/replies.ts";
import { OUR_PROTOCOL } from "../routes/memory.ts";
import { TABLE_MAIN } from "../routes/found_route.ts";
import { lostBecause } from "./look.ts";

/** Everything of ours in every table, or why it could not be read. */
export type OwnEntries =
  | { readonly kind: "read"; readonly entries: readonly TableEntry[] }
  | { readonly kind: "lost"; readonly why: string };

/** What a listing of our routes leaves out, because it asked for them. */
export const OWN: Assumed = { protocol: OUR_PROTOCOL, table: TABLE_MAIN };

/** How often an `ip` that was lost is asked again. */
const TRIES = 3;

/** Reads all that carries our protocol number; the kernel itself does the picking. */
export async function readOwn(door: Door): Promise<OwnEntries> {
  let own = await readOnce(door);
  for (let tries = 1; own.kind === "lost" && tries < TRIES; tries += 1) {
    own = await readOnce(door);
  }
  return own;
}

async function readOnce(door: Door): Promise<OwnEntries> {
  const reply = await door.exchange([{ command: { kind: "own-routes" } }]);
  if (reply.kind !== "answered") return lostBecause(reply);
  const result = reply.results[0];
  if (result === undefined) return { kind: "lost", why: "no answer" };
  if (!result.ok) return { kind: "lost", why: result.failure.words };
  return { kind: "read", entries: decodeRoutes(result.document ?? "[]", OWN) };
}
