import assert from "node:assert/strict";
import { type BatchResult, isRead } from "../../../../src/dataplane/dataplane.ts";
import type { OperationResult } from "../../../../src/dataplane/dataplane.ts";
import {
  type BatchLine,
  type Command,
  toLine,
} from "../../../../src/dataplane/iproute2/commands.ts";
import {
  IndexCache,
  indexLikeName,
} from "../../../../src/dataplane/iproute2/index_cache.ts";
import { address, cidr, device, found } from "../../../support/fixtures.ts";

const TO = cidr("10.42.2.0/24");
const ADDRESS = address("10.42.2.1");

for (const name of ["if9", "if0", "if9x", "if09", "if-9", "if-4294967294", "if9.100"]) {
  Deno.test(`indexLikeName finds ${name}, which ip may parse as an index`, () => {
    const named = device(name);
    const commands: readonly Command[] = [
      { kind: "link", device: named },
      { kind: "add-route", route: { destination: TO, device: named } },
      { kind: "replace-route", route: { destination: TO, device: named } },
      { kind: "delete-route", route: found(TO, { device: named }) },
      { kind: "neighbours", device: named },
      { kind: "look-up", address: ADDRESS, from: { source: ADDRESS, device: named } },
      { kind: "probe-neighbour", probe: { address: ADDRESS, device: named } },
      { kind: "delete-neighbour", probe: { address: ADDRESS, device: named } },
    ];
    for (const command of commands) assert.equal(indexLikeName(command), name);
  });
}

for (const name of ["if", "ifb0", "IF9", "eth9", "xif9", "if.9", "if_9", "i9", "9"]) {
  Deno.test(`indexLikeName does not find ${name}`, () => {
    assert.equal(indexLikeName({ kind: "link", device: device(name) }), undefined);
  });
}

/** Sends batches through a cache to an `ip` that has these devices; returns the batches. */
async function sendTo(devices: readonly string[], commands: readonly Command[]) {
  const cache = new IndexCache();
  const batches: string[][] = [];
  const send = (lines: readonly BatchLine[]): Promise<BatchResult> => {
    batches.push(lines.map(({ text }) => text));
    const results = lines.map(({ command }): OperationResult => {
      if (command.kind === "link-names") {
        return {
          ok: true,
          answer: { kind: "link-names", names: new Set(devices) },
        };
      }
      if (command.kind === "link") cache.confirm(command.device, 7);
      return isRead(command)
        ? { ok: true, answer: { kind: "neighbours", neighbours: [] } }
        : { ok: true, answer: { kind: "done" } };
    });
    return Promise.resolve({ kind: "answered", results });
  };
  const result = await cache.send(commands.map(toLine), send);
  assert.ok(result.kind === "answered");
  return { batches, oks: result.results.map(({ ok }) => ok) };
}

const addition = (name: string): Command => ({
  kind: "add-route",
  route: { destination: TO, device: device(name) },
});

Deno.test("IndexCache sends a batch of ordinary names as it is", async () => {
  const { batches, oks } = await sendTo(["v1"], [addition("v1"), addition("v2")]);
  assert.equal(batches.length, 1);
  assert.deepEqual(oks, [true, true]);
});

Deno.test("IndexCache resolves an index-like name first, and never sends one without a device", async () => {
  const { batches, oks } = await sendTo(["v1", "if9"], [
    addition("v1"),
    addition("if9"),
    addition("if10"),
    addition("v1"),
  ]);
  assert.deepEqual(batches.slice(0, 2), [["link show"], ["link show dev if9"]]);
  const [last = []] = batches.slice(2);
  assert.equal(last.length, 3);
  assert.ok(!last.some((line) => line.includes("if10")));
  assert.deepEqual(oks, [true, true, false, true]);
});

Deno.test("IndexCache reports a name whose index has changed", () => {
  const cache = new IndexCache();
  assert.equal(cache.confirm(device("v1"), 7), true);
  assert.equal(cache.confirm(device("v1"), 7), true);
  assert.equal(cache.confirm(device("v1"), 8), false);
});
