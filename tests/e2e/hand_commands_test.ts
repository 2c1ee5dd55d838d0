/** The mesh agent's and the runtime's calls, made by hand. */
import assert from "node:assert/strict";
import { parseJsonObject } from "../../deploy/json.ts";
import { addVxlan } from "../support/namespace.ts";
import type { ClientCommand } from "../support/serve_task.ts";
import { fullTest } from "../support/suite.ts";
import { until } from "../support/wait.ts";
import { routesTo } from "./host.ts";
import { openOperatorHost, type OperatorHost } from "./operator.ts";

/** Runs a command that the sidecar must refuse; returns its sentence. */
async function refusal(
  { run }: OperatorHost,
  command: ClientCommand,
  ...words: readonly string[]
): Promise<string> {
  const { code, stderr, stdout } = await run(command, words);
  assert.deepEqual([code, stdout], [1, ""], `${command} ${words.join(" ")}`);
  assert.match(stderr, /^[^\n]+\n$/);
  return stderr.trimEnd();
}

Deno.test("inject adds a route to the kernel's table, and remove takes it away", async () => {
  await using host = await openOperatorHost();
  const { namespace, show } = host;
  const destination = "10.42.2.0/24";
  assert.equal(
    await show("inject", destination, "vxlan100"),
    "The kernel has 10.42.2.0/24 dev vxlan100",
  );
  const [route = ""] = await routesTo(namespace, destination);
  assert.match(route, /^10\.42\.2\.0\/24 dev vxlan100 proto 142 scope link/);
  assert.equal(
    await show("remove", destination),
    "The kernel has no overlay route to 10.42.2.0/24",
  );
  assert.deepEqual(await routesTo(namespace, destination), []);
});

Deno.test("what the sidecar refuses is shown in its own words, and ends with 1", async () => {
  await using host = await openOperatorHost();
  assert.equal(
    await refusal(host, "inject", "10.43.0.0/24", "vxlan100"),
    "Destination 10.43.0.0/24 must be within cluster CIDR 10.42.0.0/16",
  );
  assert.equal(
    await refusal(host, "allocate", "web-1"),
    "No node subnet is configured yet; call again after ConfigureNodeSubnet",
  );
  // A control code in an answer would be one of the terminal.
  assert.equal(
    await refusal(host, "configure", "10.42.1.0\u001b[31m/24"),
    'Invalid subnet CIDR format: "10.42.1.0\\u001b[31m/24"',
  );
});

fullTest(
  "each refusal of each call by hand is shown in the sidecar's words",
  async () => {
    await using host = await openOperatorHost("port", ["--node-prefix", "29"]);
    const cases: readonly (readonly [
      ClientCommand,
      words: readonly string[],
      sentence: string,
    ])[] = [
      ["configure", ["10.42.0.0/16"], "Subnet must be /29, got /16"],
      ["configure", ["none"], 'Invalid subnet CIDR format: "none"'],
      [
        "inject",
        ["10.42.1.0/29", "vxlan100"],
        "Destination 10.42.1.0/29 is this node's own subnet",
      ],
      ["inject", ["10.42.2.0/29", "a b"], 'Invalid interface name: "a b"'],
      ["remove", ["10.42.3.0/24"], "Destination must be /29, got /24"],
      [
        "allocate",
        ["web-9", "10.42.1.5"],
        'Address 10.42.1.5 is taken by "web-1"; ask for another one, or for any',
      ],
      [
        "allocate",
        ["web-9", "10.42.9.9"],
        "Address 10.42.9.9 is not in this node's subnet 10.42.1.0/29",
      ],
      [
        "allocate",
        ["web-9", "1.2"],
        'Invalid address: "1.2"; use an IPv4 address such as 10.42.1.7',
      ],
      [
        "allocate",
        ["web-9"],
        "Every address of 10.42.1.0/29 is taken; release one first",
      ],
      [
        "release",
        [""],
        'Invalid owner: ""; use 1 to 128 printable ASCII characters without spaces',
      ],
    ];
    await host.show("configure", "10.42.1.0/29");
    await host.show("allocate", "web-1", "10.42.1.5");
    for (const owner of ["web-2", "web-3", "web-4", "web-5"]) {
      await host.show("allocate", owner);
    }
    for (const [command, words, sentence] of cases) {
      assert.equal(await refusal(host, command, ...words), sentence);
    }
  },
);

Deno.test("a route through a missing device is refused in the sidecar's words, remembered, and appears with its device", async () => {
  await using host = await openOperatorHost();
  const { namespace, show } = host;
  assert.equal(
    await refusal(host, "inject", "10.42.2.0/24", "vxlan200"),
    "Interface 'vxlan200' not found; the sidecar keeps the request, and installs " +
      "the route when the device is up",
  );
  assert.match(
    await show("routes", "--pending"),
    /^10\.42\.2\.0\/24 {2}vxlan200 {2}pending .*Interface 'vxlan200' not found$/m,
  );
  assert.equal(await show("routes", "--device", "vxlan100"), "No route matches");
  await addVxlan(namespace, { name: "vxlan200", id: 200 });
  await until(async () => (await routesTo(namespace, "10.42.2.0/24")).length === 1, {
    what: "the route",
  });
});

Deno.test("allocate gives an owner its address again, addresses lists it, release takes it back by address or owner", async () => {
  await using host = await openOperatorHost();
  const { show } = host;
  await show("configure", "10.42.1.0/24");
  const asked = ["web-1", "10.42.1.7"] as const;
  const given = "web-1 has 10.42.1.7; subnet 10.42.1.0/24, gateway 10.42.1.1";
  assert.equal(await show("allocate", ...asked), given);
  assert.equal(await show("allocate", "web-1"), given);
  assert.equal(
    await show("addresses"),
    [
      "ADDRESS    OWNER",
      "10.42.1.7  web-1",
      "",
      "1 address of 10.42.1.0/24 allocated, 252 free",
    ].join("\n"),
  );
  const free = (await show("addresses", "--free")).split("\n");
  assert.deepEqual([free.length, free[0], free.at(-1)], [
    252,
    "10.42.1.2",
    "10.42.1.254",
  ]);
  assert.equal(free.includes("10.42.1.7"), false);
  assert.equal(await show("release", "10.42.1.7"), "Released 10.42.1.7 of web-1");
  assert.equal(
    await show("release", "web-1"),
    "Nothing to release: web-1 has no address on this node",
  );
});

fullTest(
  "each call by hand prints its answer as JSON, and its exit code stays",
  async () => {
    await using host = await openOperatorHost();
    const json = async (
      command: ClientCommand,
      words: readonly string[],
      expected: number,
    ) => {
      const { code, stderr, stdout } = await host.run(command, [...words, "--json"]);
      assert.deepEqual([code, stderr], [expected, ""], command);
      return parseJsonObject(stdout);
    };
    const done = { version: 1, success: true, error: "" };
    assert.deepEqual(await json("configure", ["10.42.1.0/24"], 0), done);
    assert.deepEqual(await json("inject", ["10.42.2.0/24", "vxlan100"], 0), done);
    assert.deepEqual(await json("remove", ["10.42.2.0/24"], 0), done);
    assert.deepEqual(await json("inject", ["10.42.2.0/24", "vxlan200"], 1), {
      version: 1,
      success: false,
      error: "Interface 'vxlan200' not found",
    });
    const network = {
      subnet: "10.42.1.0/24",
      gateway: "10.42.1.1",
      cluster_cidr: "10.42.0.0/16",
      revision: 1,
    };
    const address = { address: "10.42.1.2", owner: "web-1" };
    assert.deepEqual(await json("allocate", ["web-1"], 0), {
      version: 1,
      address,
      node_network: network,
    });
    assert.deepEqual(await json("addresses", [], 0), {
      version: 1,
      subnet: "10.42.1.0/24",
      gateway: "10.42.1.1",
      addresses: [address],
      free: 252,
    });
    assert.deepEqual(await json("release", ["web-1"], 0), {
      version: 1,
      released: address,
    });
    assert.deepEqual(await json("release", ["web-1"], 0), {
      version: 1,
      released: null,
    });
  },
);
