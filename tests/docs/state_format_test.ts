import assert from "node:assert/strict";
import { parseAddress } from "../../src/ipam/address.ts";
import { parseCidr } from "../../src/ipam/cidr.ts";
import { parseOwner } from "../../src/ipam/owner.ts";
import { hashOwner } from "../../src/state/owner_key.ts";
import { parseInterfaceName } from "../../src/routing/interface_name.ts";
import type { Result } from "../../src/shared/result.ts";
import type { TableEntry } from "../../src/dataplane/dataplane.ts";
import { encode } from "../../src/state/table142_codec.ts";
import { codeIn, readMarkdown } from "../support/markdown.ts";
import { makeNamespace } from "../support/namespace.ts";
import { repository } from "../support/serve_task.ts";

const page = readMarkdown(
  Deno.readTextFileSync(`${repository}/docs/state-format.md`),
);

/** The lines of the example, as `ip route show table 142` prints them. */
const example = page.blocks.find(({ section }) => section === "Example")?.lines ?? [];

function valueOf<Value>(result: Result<Value, unknown>): Value {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

/** The entries of the records that the page describes above its example, in its order. */
function entriesOfExample(): readonly TableEntry[] {
  const address = valueOf(parseAddress("10.42.1.2"));
  const owner = valueOf(parseOwner("web-frontend-7c9d4b5f68-x2x4q"));
  const subnet = valueOf(parseCidr("10.42.1.0/24"));
  const route = (to: string, through: string, claimed: boolean) => {
    const destination = valueOf(parseCidr(to));
    const device = valueOf(parseInterfaceName(through));
    return { kind: "route", route: { destination, device }, claimed } as const;
  };
  return [
    { kind: "subnet", subnet, revision: 1, cursor: 2 } as const,
    { kind: "address", address, key: hashOwner(owner) } as const,
    { kind: "owner", address, owner } as const,
    route("10.42.2.0/24", "vxlan100", true),
    route("10.42.3.0/24", "wg-frankfurt-02", false),
  ].flatMap(encode);
}

/** The names of the payload words, from the heading of the page's table. */
const payloadNames = page.prose.filter((line) => line.startsWith("| Record "))
  .flatMap(codeIn);

/** Reads a line of the example by the page's table alone. */
function readLine(line: string) {
  const [type = "", destination = "", ...words] = line.split(" ");
  const attributes = new Map<string, number>();
  for (let at = 0; at < words.length; at += 2) {
    attributes.set(words[at] ?? "", Number(words[at + 1]));
  }
  assert.equal(attributes.get("proto"), 142);
  assert.deepEqual(
    [...attributes.keys()].filter((name) => !payloadNames.includes(name)),
    ["proto", "metric"],
  );
  return {
    type,
    prefix: destination.includes("/") ? destination : `${destination}/32`,
    metric: attributes.get("metric"),
    payload: payloadNames.map((name) => attributes.get(name) ?? 0),
  };
}

Deno.test("docs/state-format.md shows its example as the codec encodes it", () => {
  assert.equal(payloadNames.length, 6);
  const encoded = entriesOfExample().map(({ metric, payload, prefix, type }) => ({
    type,
    prefix,
    metric,
    payload: payloadNames.map((_, at) => payload[at] ?? 0),
  }));
  assert.deepEqual(example.map(readLine), encoded);
});

Deno.test("docs/state-format.md has the type and the metric of each record in its table", () => {
  const documented = page.rows.filter(({ about }) => about === "Record")
    .map(({ cells: [, type = "", , metric] }) => `${codeIn(type)[0]} ${metric}`);
  const [subnet, address, ...others] = entriesOfExample();
  const [firstPart, secondPart, route] = others;
  const kind = (entry: TableEntry | undefined) => `${entry?.type} ${entry?.metric}`;
  assert.deepEqual(documented, [
    kind(subnet),
    kind(route),
    kind(address),
    `${kind(firstPart)} + n`,
  ]);
  assert.equal(kind(secondPart), "prohibit 144");
});

Deno.test("docs/state-format.md shows its example as the kernel prints it", async () => {
  await using namespace = await makeNamespace();
  for (const line of example) {
    await namespace.ip(`route add ${line} table 142`);
  }
  const { stdout } = await namespace.run(["ip", "route", "show", "table", "142"]);
  assert.deepEqual(stdout.trim().split("\n").map((line) => line.trim()), example);
});
