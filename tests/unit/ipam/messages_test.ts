import assert from "node:assert/strict";
import { describeSubnetInUse } from "../../../src/ipam/messages.ts";
import type { Allocation } from "../../../src/ipam/allocator.ts";
import { address, keyOf, owner } from "./allocator_harness.ts";
import { cidr } from "../../support/fixtures.ts";

function allocation(octet: number, name?: string): Allocation {
  const named = name === undefined ? undefined : owner(name);
  return {
    address: address(`10.42.1.${octet}`),
    key: keyOf(name ?? "lost"),
    owner: named,
  };
}

function sentence(allocations: readonly Allocation[], from = "10.42.1.0/24"): string {
  return describeSubnetInUse({
    from: from === "" ? undefined : cidr(from),
    to: cidr("10.42.2.0/24"),
    allocations,
    release: "COMMAND",
  });
}

Deno.test("describeSubnetInUse counts one address in the singular, and names its owner", () => {
  assert.equal(
    sentence([allocation(2, "web-1")]),
    "Cannot change node subnet from 10.42.1.0/24 to 10.42.2.0/24 while 1 address is " +
      'allocated: 10.42.1.2 for "web-1"; when the container is gone, release its ' +
      "address and call again: COMMAND",
  );
});

Deno.test("describeSubnetInUse names three owners, cut and escaped, and counts the rest", () => {
  const long = "x".repeat(128);
  const all = [allocation(2, 'a"b'), allocation(3, long), allocation(4)];
  assert.equal(
    sentence([...all, allocation(5, "d"), allocation(6, "e")]),
    "Cannot change node subnet from 10.42.1.0/24 to 10.42.2.0/24 while 5 addresses " +
      `are allocated: 10.42.1.2 for "a\\"b", 10.42.1.3 for "${"x".repeat(64)}…", ` +
      "10.42.1.4 (owner's name lost) and 2 more; when the containers are gone, " +
      "release each address and call again: COMMAND",
  );
  assert.ok(sentence(all).includes("name lost); when"), sentence(all));
});

Deno.test("describeSubnetInUse says which addresses forbid a subnet if no subnet is known", () => {
  assert.match(
    sentence([allocation(2, "a")], ""),
    /^Cannot change node subnet to 10\.42\.2\.0\/24 while 1 address outside of it is allocated: /,
  );
});
