import assert from "node:assert/strict";
import {
  configureLines,
  injectLines,
  type LogLine,
  removeLines,
} from "../../src/rpc/log_lines.ts";
import { cidr, device } from "./outcomes.ts";

const subnet = cidr("10.42.1.0/24");
const destination = cidr("10.42.2.0/24");
const vxlan100 = device("vxlan100");
const inject = { destination: "10.42.2.0/24", via_interface: "vxlan100" };

function written(lines: readonly LogLine[]): readonly string[] {
  return lines.map(({ level, message }) => `${level}: ${message}`);
}

Deno.test("a ConfigureNodeSubnet that changed something logs the contract's lines", () => {
  const outcome = { kind: "configured", subnet, changed: true } as const;
  assert.deepEqual(written(configureLines({ subnet: "10.42.1.0/24" }, outcome)), [
    "info: RPC: ConfigureNodeSubnet(subnet=10.42.1.0/24)",
    "info: IPAM configured with subnet: 10.42.1.0/24",
    "info: Successfully configured subnet: 10.42.1.0/24",
  ]);
});

Deno.test("an InjectRoute that added a route logs the contract's lines", () => {
  const outcome = {
    ...{ kind: "added", destination, device: vxlan100, ifindex: 5 } as const,
    warnings: [],
  };
  assert.deepEqual(written(injectLines(inject, outcome)), [
    "info: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "info: Added route: 10.42.2.0/24 dev vxlan100 (index: 5)",
    "info: Successfully injected route: 10.42.2.0/24 dev vxlan100",
  ]);
});

Deno.test("a RemoveRoute that removed a route logs the contract's lines", () => {
  const request = { destination: "10.42.2.0/24" };
  assert.deepEqual(written(removeLines(request, { kind: "removed", destination })), [
    "info: RPC: RemoveRoute(destination=10.42.2.0/24)",
    "info: Removed route: 10.42.2.0/24",
    "info: Successfully removed route: 10.42.2.0/24",
  ]);
});

Deno.test("a call that changed nothing logs at debug only", () => {
  const lines = [
    ...configureLines({ subnet: "10.42.1.0/24" }, {
      kind: "configured",
      subnet,
      changed: false,
    }),
    ...injectLines(inject, {
      kind: "unchanged",
      destination,
      device: vxlan100,
      warnings: [],
    }),
    ...removeLines({ destination: "10.42.2.0/24" }, { kind: "absent", destination }),
  ];
  assert.equal(lines.length, 9);
  assert.deepEqual([...new Set(lines.map(({ level }) => level))], ["debug"]);
  const messages = lines.map(({ message }) => message).join("\n");
  assert.doesNotMatch(messages, /^(IPAM configured|Added|Removed)/m);
});

Deno.test("warnings are logged at warn, whether or not the route was there", () => {
  const common = { destination, device: vxlan100, warnings: ["one", "two"] };
  for (
    const outcome of [
      { kind: "added", ifindex: 5, ...common },
      { kind: "unchanged", ...common },
    ] as const
  ) {
    const warned = written(injectLines(inject, outcome))
      .filter((line) => line.startsWith("warn"));
    assert.deepEqual(warned, ["warn: one", "warn: two"]);
  }
});

Deno.test("a refusal logs the call at info and its sentence at warn", () => {
  const refused = {
    kind: "refused",
    sentence: "Interface 'vxlan100' not found",
  } as const;
  assert.deepEqual(written(injectLines(inject, refused)), [
    "info: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "warn: Interface 'vxlan100' not found",
  ]);
});

Deno.test("a value that is not plain is shown quoted, so that it can forge nothing", () => {
  const refused = { kind: "refused", sentence: "no" } as const;
  const shown = (value: string) =>
    removeLines({ destination: value }, refused)[0]?.message;
  assert.equal(
    shown("a\nINFO: b"),
    String.raw`RPC: RemoveRoute(destination="a\nINFO: b")`,
  );
  assert.equal(shown("x, via=y"), 'RPC: RemoveRoute(destination="x, via=y")');
  assert.equal(shown("plain\n"), String.raw`RPC: RemoveRoute(destination="plain\n")`);
  assert.equal(shown(""), 'RPC: RemoveRoute(destination="")');
  assert.equal(
    shown("a".repeat(64)),
    `RPC: RemoveRoute(destination=${"a".repeat(64)})`,
  );
  assert.equal(
    shown("a".repeat(65)),
    `RPC: RemoveRoute(destination="${"a".repeat(64)}…")`,
  );
});
