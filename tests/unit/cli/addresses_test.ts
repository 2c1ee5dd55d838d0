import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AddressesJson,
  addressesJson,
  formatAddresses,
  type NodeAddresses,
} from "../../../src/cli/addresses.ts";
import { shapeOf } from "./json_shape.ts";

const NETWORK: NodeAddresses["network"] = {
  subnet: "10.42.1.0/29",
  gateway: "10.42.1.1",
  cluster_cidr: "10.42.0.0/16",
  revision: 1,
};

/** Two of five addresses are allocated, and of one the owner is lost. */
const ALLOCATED: NodeAddresses = {
  network: NETWORK,
  listed: {
    addresses: [
      { address: "10.42.1.2", owner: "web-1" },
      { address: "10.42.1.5", owner: "" },
    ],
    free: 3,
  },
};

const EMPTY: NodeAddresses = { network: NETWORK, listed: { addresses: [], free: 5 } };

const UNCONFIGURED: NodeAddresses = {
  network: { ...NETWORK, subnet: "", gateway: "", revision: 0 },
  listed: { addresses: [], free: 0 },
};

Deno.test("formatAddresses has a line for each owner, and how many addresses are free", () => {
  assert.deepEqual(formatAddresses(ALLOCATED, false).split("\n"), [
    "ADDRESS    OWNER",
    "10.42.1.2  web-1",
    "10.42.1.5  (lost in a crash; release it by its address)",
    "",
    "2 addresses of 10.42.1.0/29 allocated, 3 free",
  ]);
  assert.equal(
    formatAddresses(EMPTY, false),
    "0 addresses of 10.42.1.0/29 allocated, 5 free",
  );
});

Deno.test("formatAddresses lists the free addresses, one on each line", () => {
  assert.deepEqual(formatAddresses(ALLOCATED, true).split("\n"), [
    "10.42.1.3",
    "10.42.1.4",
    "10.42.1.6",
  ]);
  const addresses = [2, 3, 4, 5, 6].map((last) => ({
    address: `10.42.1.${last}`,
    owner: `web-${last}`,
  }));
  assert.equal(
    formatAddresses({ network: NETWORK, listed: { addresses, free: 0 } }, true),
    "Every address of 10.42.1.0/29 is allocated",
  );
});

Deno.test("formatAddresses says that a node without a subnet has none", () => {
  for (const free of [false, true]) {
    assert.equal(
      formatAddresses(UNCONFIGURED, free),
      "No subnet is configured yet, so there are no addresses",
    );
  }
});

Deno.test("addressesJson is one line of the shape of AddressesJson, version 1", () => {
  const line = addressesJson(ALLOCATED, false);
  assert.equal(line.includes("\n"), false);
  const printed: AddressesJson = JSON.parse(line);
  assert.deepEqual(printed, {
    version: 1,
    subnet: "10.42.1.0/29",
    gateway: "10.42.1.1",
    addresses: [
      { address: "10.42.1.2", owner: "web-1" },
      { address: "10.42.1.5", owner: "" },
    ],
    free: 3,
  });
  assert.deepEqual(shapeOf(printed), {
    version: "number",
    subnet: "string",
    gateway: "string",
    addresses: [{ address: "string", owner: "string" }],
    free: "number",
  });
  assert.deepEqual(JSON.parse(addressesJson(ALLOCATED, true)), {
    ...printed,
    free_addresses: ["10.42.1.3", "10.42.1.4", "10.42.1.6"],
  });
  assert.deepEqual(JSON.parse(addressesJson(UNCONFIGURED, true)), {
    version: 1,
    subnet: "",
    gateway: "",
    addresses: [],
    free: 0,
    free_addresses: [],
  });
});

Deno.test("the free addresses are all but the network's own, the gateway and the allocated ones, ascending", () => {
  const some = fc.record({
    hostBits: fc.integer({ min: 2, max: 10 }),
    gateway: fc.nat(),
    allocated: fc.array(fc.nat(), { maxLength: 40 }),
  });
  fc.assert(fc.property(some, ({ allocated, gateway, hostBits }) => {
    const hosts = 2 ** hostBits - 2;
    const quad = (host: number) => `10.42.${Math.floor(host / 256)}.${host % 256}`;
    const taken = new Set([gateway, ...allocated].map((any) => any % hosts + 1));
    const [first = 1, ...others] = taken;
    const free = Array.from({ length: hosts }, (_, at) => at + 1)
      .filter((host) => !taken.has(host));
    const answer: NodeAddresses = {
      network: {
        ...NETWORK,
        subnet: `10.42.0.0/${32 - hostBits}`,
        gateway: quad(first),
      },
      listed: {
        addresses: others.map((host) => ({ address: quad(host), owner: "web" })),
        free: free.length,
      },
    };
    const printed: AddressesJson = JSON.parse(addressesJson(answer, true));
    assert.deepEqual(printed.free_addresses, free.map(quad));
  }));
});

Deno.test("formatAddresses shows no control code of an answer", () => {
  const network = { ...NETWORK, subnet: "10.42.1.0/29\u001b[2J" };
  for (const free of [false, true]) {
    const shown = formatAddresses(
      { network, listed: { addresses: [], free: 0 } },
      free,
    );
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(shown, /\u001b/);
  }
});
