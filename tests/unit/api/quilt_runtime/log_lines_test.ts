import assert from "node:assert/strict";
import fc from "fast-check";
import { allocateCall, releaseCall } from "../../../../src/api/addresses/log_lines.ts";
import {
  CallLog,
  type CallResult,
  type LoggedCall,
} from "../../../../src/api/call_log.ts";
import {
  configureCall,
  configureResult,
  injectCall,
  injectResult,
  removeCall,
  removeResult,
} from "../../../../src/api/quilt_runtime/log_lines.ts";
import { cidr, device } from "../outcomes.ts";

const subnet = cidr("10.42.1.0/24");
const destination = cidr("10.42.2.0/24");
const vxlan100 = device("vxlan100");
const inject = injectCall({ destination: "10.42.2.0/24", via_interface: "vxlan100" });
const remove = removeCall({ destination: "10.42.2.0/24" });
const unchanged = {
  ...{ kind: "unchanged", destination, device: vxlan100 } as const,
  warnings: [],
};

/** All lines of one call, with their levels. */
function written(
  call: LoggedCall,
  result: CallResult,
  log = new CallLog(),
): readonly string[] {
  const begun = log.start(call, { rpc: "InjectRoute", peer: "127.0.0.1:40112" });
  return [begun.line, ...log.end(begun, result)]
    .map(({ level, message }) => `${level}: ${message}`);
}

Deno.test("ConfigureNodeSubnet logs the lines of the contract, and says if nothing changed", () => {
  const call = configureCall({ subnet: "10.42.1.0/24" });
  const of = (changed: boolean) =>
    written(call, configureResult({ kind: "configured", subnet, changed }));
  assert.deepEqual(of(true), [
    "info: RPC: ConfigureNodeSubnet(subnet=10.42.1.0/24)",
    "info: IPAM configured with subnet: 10.42.1.0/24",
    "info: Successfully configured subnet: 10.42.1.0/24",
  ]);
  assert.deepEqual(of(false), [
    "info: RPC: ConfigureNodeSubnet(subnet=10.42.1.0/24)",
    "info: Subnet unchanged, IPAM configured with subnet: 10.42.1.0/24",
    "info: Successfully configured subnet: 10.42.1.0/24",
  ]);
});

Deno.test("InjectRoute logs the lines of the contract, and says if nothing changed", () => {
  const added = {
    ...{ kind: "added", destination, device: vxlan100, ifindex: 5 } as const,
    warnings: [],
  };
  assert.deepEqual(written(inject, injectResult(added)), [
    "info: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "info: Added route: 10.42.2.0/24 dev vxlan100 (index: 5)",
    "info: Successfully injected route: 10.42.2.0/24 dev vxlan100",
  ]);
  assert.deepEqual(
    written(inject, injectResult(unchanged)),
    [
      "info: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
      "info: Route unchanged: 10.42.2.0/24 dev vxlan100",
      "info: Successfully injected route: 10.42.2.0/24 dev vxlan100",
    ],
  );
});

Deno.test("RemoveRoute logs the lines of the contract, and says if nothing changed", () => {
  assert.deepEqual(written(remove, removeResult({ kind: "removed", destination })), [
    "info: RPC: RemoveRoute(destination=10.42.2.0/24)",
    "info: Removed route: 10.42.2.0/24",
    "info: Successfully removed route: 10.42.2.0/24",
  ]);
  assert.deepEqual(written(remove, removeResult({ kind: "absent", destination })), [
    "info: RPC: RemoveRoute(destination=10.42.2.0/24)",
    "info: Routes unchanged, nothing to remove: 10.42.2.0/24",
    "info: Successfully removed route: 10.42.2.0/24",
  ]);
});

Deno.test("InjectRoute logs its warnings at warn", () => {
  const warnings = ["one", "two"];
  const result = injectResult({
    kind: "added",
    ifindex: 5,
    destination,
    device: vxlan100,
    warnings,
  });
  const warned = written(inject, result).filter((line) => line.startsWith("warn"));
  assert.deepEqual(warned, ["warn: one", "warn: two"]);
});

Deno.test("InjectRoute that is refused logs the call when it begins, and then the sentence with the route", () => {
  const sentence = "Interface 'vxlan100' not found";
  assert.deepEqual(written(inject, injectResult({ kind: "refused", sentence })), [
    "info: RPC: InjectRoute(destination=10.42.2.0/24, via=vxlan100)",
    "warn: InjectRoute(destination=10.42.2.0/24, via=vxlan100) refused: " +
    "Interface 'vxlan100' not found",
  ]);
});

Deno.test("RemoveRoute that was not executed is logged with the reason", () => {
  assert.deepEqual(written(remove, removeResult({ kind: "queue-full" })), [
    "info: RPC: RemoveRoute(destination=10.42.2.0/24)",
    "warn: RemoveRoute(destination=10.42.2.0/24) not executed: " +
    "Too many calls are waiting for the kernel; call again later",
  ]);
});

Deno.test("No text of a client makes more than one log line or ends its quotation", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 100, size: "max" }),
    fc.string({ unit: fc.constantFrom(...'a,=()"\\\n\r\u2028\x1b'), maxLength: 10 }),
  );
  fc.assert(fc.property(texts, texts, (one, two) => {
    for (
      const { text } of [
        configureCall({ subnet: one }),
        injectCall({ destination: one, via_interface: two }),
        removeCall({ destination: one }),
        allocateCall({ owner: one, address: two }),
        releaseCall({ kind: "owner", text: one }),
      ]
    ) {
      assert.match(
        text,
        /^[A-Za-z]+\(([a-z]+=([A-Za-z0-9._\/-]+|"([ !#-[\]-~…]|\\[ -~])*")(, (?!\))|(?=\))))+\)$/,
      );
    }
  }));
});
