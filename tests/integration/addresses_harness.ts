import assert from "node:assert/strict";
import type { AllocateOutcome, ReleaseOutcome } from "../../src/addresses/ports.ts";
import { batch, ip } from "../support/fixtures.ts";
import { caller, type NodeUnderTest } from "./node_harness.ts";

/** The outcome as text: the address, or why there is none. */
export function textOf(outcome: AllocateOutcome | ReleaseOutcome): string {
  switch (outcome.kind) {
    case "allocated":
      return outcome.allocated.address;
    case "released":
      return outcome.released.address;
    case "refused":
      return outcome.sentence;
    default:
      return outcome.kind;
  }
}

/** Calls AllocateAddress; returns the outcome as text. */
export async function allocate(
  { node }: NodeUnderTest,
  owner: string,
  wanted = "",
): Promise<string> {
  const call = caller("AllocateAddress");
  return textOf(await node.network.allocateAddress(owner, wanted, call));
}

/** Calls ReleaseAddress; returns the outcome as text. */
export async function release(
  { node }: NodeUnderTest,
  kind: "address" | "owner",
  text: string,
): Promise<string> {
  const call = caller("ReleaseAddress");
  return textOf(await node.network.releaseAddress({ kind, text }, call));
}

/** Lines such as `10.42.1.2 web-1`. */
export async function list({ node }: NodeUnderTest): Promise<readonly string[]> {
  const outcome = await node.network.listAddresses(caller("ListAddresses"));
  assert.ok(outcome.kind === "listed", outcome.kind);
  return outcome.addresses.map(({ address, owner }) => `${address} ${owner ?? "?"}`);
}

/** The allocations in table 142, without the payload. */
export async function entries(): Promise<readonly string[]> {
  const text = await ip("-N route show table 142 proto 142 type prohibit");
  return text.split("\n").filter((line) => line !== "")
    .map((line) => line.replace(/ (window|ssthresh|cwnd) .*/, "").trim())
    .toSorted();
}

/** Flushes table 142, as another process may do. */
export async function flushStateTable(): Promise<void> {
  await batch(["route flush table 142"], { force: true });
}
