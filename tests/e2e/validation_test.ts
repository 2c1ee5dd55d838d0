import assert from "node:assert/strict";
import { stringAt } from "../../deploy/json.ts";
import type { QuiltClient } from "../support/client.ts";
import {
  allRoutes,
  auditRecords,
  done,
  messages,
  messagesSoFar,
  openHost,
  refused,
} from "./host.ts";

/** Sent as a subnet or destination, and the sentence that answers it. */
const cidrRows:
  readonly (readonly [text: string, sentence: (noun: string) => string])[] = [
    ...[
      "",
      "10.42.1.0",
      "10.42.01.0/24",
      "10.42.1.0/024",
      " 10.42.1.0/24",
      "10.42.1.0/33",
    ]
      .map((text) =>
        [
          text,
          (noun: string) => `Invalid ${noun.toLowerCase()} CIDR format: "${text}"`,
        ] as const
      ),
    ["10.42.0.0/16", (noun) => `${noun} must be /24, got /16`],
    // Of several faults the first in the contract's order: prefix before host bits.
    ["10.42.1.5/16", (noun) => `${noun} must be /24, got /16`],
    [
      "10.42.1.5/24",
      (noun) => `${noun} 10.42.1.5/24 has host bits set; did you mean 10.42.1.0/24?`,
    ],
    [
      "192.168.1.0/24",
      (noun) => `${noun} 192.168.1.0/24 must be within cluster CIDR 10.42.0.0/16`,
    ],
  ];

Deno.test("every invalid CIDR is refused with the contract's sentence and changes no table", async () => {
  await using host = await openHost();
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.injectRoute("10.42.9.0/24", "vxlan100"), done);
  const table = await allRoutes(namespace);
  for (const [text, sentence] of cidrRows) {
    const destination = refused(sentence("Destination"));
    assert.deepEqual(
      await client.configureNodeSubnet(text),
      refused(sentence("Subnet")),
    );
    assert.deepEqual(await client.injectRoute(text, "vxlan100"), destination);
    assert.deepEqual(await client.removeRoute(text), destination);
    assert.equal(await allRoutes(namespace), table, text);
  }
  await sidecar.stop();
  const warnings = messages(sidecar)
    .filter((line) => line.startsWith("WARN: "))
    .map((line) => line.replace(/\([ -~]*\) refused: /, " refused: "));
  const expected = cidrRows.flatMap(([, sentence]) => [
    `WARN: ConfigureNodeSubnet refused: ${sentence("Subnet")}`,
    `WARN: InjectRoute refused: ${sentence("Destination")}`,
    `WARN: RemoveRoute refused: ${sentence("Destination")}`,
  ]);
  assert.deepEqual(warnings, expected);
});

Deno.test("InjectRoute refuses the node's own subnet as a destination", async () => {
  await using host = await openHost();
  const { client, namespace } = host;
  assert.deepEqual(await client.configureNodeSubnet("10.42.1.0/24"), done);
  const table = await allRoutes(namespace);
  assert.deepEqual(
    await client.injectRoute("10.42.1.0/24", "vxlan100"),
    refused("Destination 10.42.1.0/24 is this node's own subnet"),
  );
  // Of two faults the destination's comes first, as in the contract.
  assert.deepEqual(
    await client.injectRoute("10.42.1.0/24", "-"),
    refused("Destination 10.42.1.0/24 is this node's own subnet"),
  );
  assert.equal(await allRoutes(namespace), table);
});

const longName = "a".repeat(300);
const shownLongName = `${"a".repeat(64)}…`;

/** Strings as an attacker sends them, and how each is echoed. */
const hostile: readonly (readonly [text: string, echo: string])[] = [
  ["x\nroute del 10.42.9.0/24", '"x\\nroute del 10.42.9.0/24"'],
  [
    "x\n2026-01-01T00:00:00.000Z INFO: FORGED",
    '"x\\n2026-01-01T00:00:00.000Z INFO: FORGED"',
  ],
  ['x"}\n{"rpc":"FORGED"}', '"x\\"}\\n{\\"rpc\\":\\"FORGED\\"}"'],
  ["vxlan100\0", '"vxlan100\\u0000"'],
  ["\u001b[2Jx\r", '"\\u001b[2Jx\\r"'],
  ["\u202evxlan100", '"\\u202evxlan100"'],
  ["-batch", '"-batch"'],
  ["a b", '"a b"'],
  ["..", '".."'],
  ["sixteen-letters-", '"sixteen-letters-"'],
  [longName, `"${shownLongName}"`],
];

/** Every place of the three RPCs that takes a string. */
function places(client: QuiltClient, text: string) {
  return [
    ["Invalid subnet CIDR format: ", () => client.configureNodeSubnet(text)],
    ["Invalid destination CIDR format: ", () => client.injectRoute(text, "vxlan100")],
    ["Invalid destination CIDR format: ", () => client.removeRoute(text)],
    ["Invalid interface name: ", () => client.injectRoute("10.42.2.0/24", text)],
  ] as const;
}

/** More than eight requests of a kind: the log says so once, and counts them at the end. */
const GROUP =
  /^WARN: (InjectRoute via vxlan100|RemoveRoute) (is refused for more|refused for 11) requests(, 11 times since \S+)?: Invalid destination CIDR format: …(; from now on they are counted, and shown only with --log-level debug)?$/;

Deno.test("hostile strings are echoed escaped, and forge no line of the log or the audit log", async () => {
  await using host = await openHost({ options: ["--log-level", "trace"] });
  const { client, namespace, sidecar } = host;
  assert.deepEqual(await client.injectRoute("10.42.9.0/24", "vxlan100"), done);
  const table = await allRoutes(namespace);
  const expected: string[] = [];
  await sidecar.logged(/INFO: Successfully injected route: 10\.42\.9\.0\/24/);
  const logged = messagesSoFar(sidecar).length;
  for (const [text, echo] of hostile) {
    for (const [words, call] of places(client, text)) {
      assert.deepEqual(await call(), refused(words + echo));
      expected.push(` refused: ${words}${echo}`);
    }
  }
  assert.equal(await allRoutes(namespace), table);
  await sidecar.stop();

  const all = messages(sidecar).slice(logged);
  const groups = all.filter((line) => GROUP.test(line));
  assert.equal(groups.length, 2 * 2, groups.join("\n"));
  const since = all.filter((line) => !GROUP.test(line) && !/: Stopping /.test(line));
  // Two lines a call, each with a level of its own: nothing stands between them.
  assert.equal(since.length, 2 * expected.length);
  for (const [at, ending] of expected.entries()) {
    const [begun = "", refusal = ""] = since.slice(2 * at, 2 * at + 2);
    const call =
      /^(?:INFO|DEBUG): RPC: ((ConfigureNodeSubnet|InjectRoute|RemoveRoute)\([ -~…]*\))$/
        .exec(begun)?.[1];
    assert.ok(call !== undefined, begun);
    assert.equal(refusal.replace(/^DEBUG:/, "WARN:"), `WARN: ${call}${ending}`);
  }
  // JSON throughout, and nothing but the one route that was asked for properly.
  const written = auditRecords(sidecar).map((record) => stringAt(record, "words"))
    .filter((words) => !words.includes(" table 142"));
  assert.deepEqual(written, ["route add 10.42.9.0/24 dev vxlan100 proto 142"]);
});

Deno.test("a call is checked against the given --cluster-cidr and --node-prefix", async () => {
  await using host = await openHost({
    options: ["--cluster-cidr", "172.16.0.0/12", "--node-prefix", "26"],
  });
  const { client, namespace } = host;
  assert.deepEqual(await client.injectRoute("172.16.5.64/26", "vxlan100"), done);
  assert.match(await namespace.ip("route show"), /^172\.16\.5\.64\/26 dev vxlan100 /);
  assert.deepEqual(
    await client.injectRoute("172.16.5.0/24", "vxlan100"),
    refused("Destination must be /26, got /24"),
  );
  assert.deepEqual(
    await client.configureNodeSubnet("10.42.1.0/26"),
    refused("Subnet 10.42.1.0/26 must be within cluster CIDR 172.16.0.0/12"),
  );
});
