import assert from "node:assert/strict";
import type { AllocateOutcome, ReleaseOutcome } from "../../src/addresses/ports.ts";
import { batch, ip } from "../support/fixtures.ts";
import { caller, type NodeUnderTest } from "./node_harness.ts";

/** The answer in a word: the address, or why there is none. */
export function word(outcome: AllocateOutcome | ReleaseOutcome): string {
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

/** AllocateAddress, answered in a word. */
export async function allocate(
  { node }: NodeUnderTest,
  owner: string,
  wanted = "",
): Promise<string> {
  const call = caller("AllocateAddress");
  return word(await node.network.allocateAddress(owner, wanted, call));
}

/** ReleaseAddress, answered in a word. */
export async function release(
  { node }: NodeUnderTest,
  kind: "address" | "owner",
  text: string,
): Promise<string> {
  const call = caller("ReleaseAddress");
  return word(await node.network.releaseAddress({ kind, text }, call));
}

/** Lines such as `10.42.1.2 web-1`. */
export async function list({ node }: NodeUnderTest): Promise<readonly string[]> {
  const outcome = await node.network.listAddresses(caller("ListAddresses"));
  assert.ok(outcome.kind === "listed", outcome.kind);
  return outcome.addresses.map(({ address, owner }) => `${address} ${owner ?? "?"}`);
}

/** What table 142 has of addresses, without the payload. */
export async function entries(): Promise<readonly string[]> {
  const text = await ip("-N route show table 142 proto 142 type prohibit");
  return text.split("\n").filter((line) => line !== "")
    .map((line) => line.replace(/ (window|ssthresh|cwnd) .*/, "").trim())
    .toSorted();
}

/** As somebody else may do it. */
export async function flushMemory(): Promise<void> {
  await batch(["route flush table 142"], { force: true });
}
