/** What carries packets, on the test's own kernel: an overlay device with one peer. */
import assert from "node:assert/strict";
import { AuditLog } from "../../src/dataplane/audit_log.ts";
import {
  type Answer,
  answerOf,
  type OperationResult,
  type Read,
} from "../../src/dataplane/dataplane.ts";
import { Iproute2Dataplane } from "../../src/dataplane/iproute2/adapter.ts";
import { type AuditLines, batch, collectAuditLog, ip } from "../support/fixtures.ts";
import { makeNamespace, type Namespace, runToEnd } from "../support/namespace.ts";

/** This host, 198.51.100.1, and a peer, 198.51.100.2, which has 10.42.2.1. */
export interface DataPathGround extends AsyncDisposable {
  readonly peer: Namespace;
  readonly dataplane: Iproute2Dataplane;
  readonly trail: AuditLines;
}

/**
 * Makes `underlay`, `vxlan100` with the peer in its forwarding database, and the bridge
 * `quilt0` with the address 10.42.1.1/24 and one port.
 */
export async function makeDataPath(): Promise<DataPathGround> {
  await using stack = new AsyncDisposableStack();
  const peer = stack.use(await makeNamespace());
  stack.defer(async () => {
    const devices = ["vxlan100", "quilt0", "port0", "underlay"];
    await batch(devices.map((name) => `link delete ${name}`), { force: true });
  });
  await ip(`link add underlay type veth peer name underlay netns ${peer.name}`);
  // vxlan100 asks by ARP from the first address of the host that is not of this device.
  await peer.ip("address del 192.0.2.1/32 dev lo");
  await batch([
    ...overlay(1),
    "link add quilt0 type bridge",
    "address add 10.42.1.1/24 dev quilt0",
    "link set quilt0 up",
    "link add port0 type veth peer name port1",
    "link set port0 master quilt0 up",
    "link set port1 up",
  ]);
  for (const line of overlay(2)) await peer.ip(line);
  await peer.ip("address add 10.42.2.1/24 dev vxlan100");
  await peer.ip("route add 10.42.1.0/24 dev vxlan100");
  await run(fdb("append", "198.51.100.2"));
  const { code, stderr } = await peer.run(fdb("append", "198.51.100.1"));
  assert.equal(code, 0, stderr);
  const trail = collectAuditLog();
  const dataplane = new Iproute2Dataplane(new AuditLog(trail));
  stack.defer(() => dataplane.close());
  const kept = stack.move();
  return { peer, dataplane, trail, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function overlay(host: 1 | 2): readonly string[] {
  const local = `198.51.100.${host}`;
  return [
    `address add ${local}/24 dev underlay`,
    "link set underlay up",
    `link add vxlan100 type vxlan id 100 dstport 4789 local ${local} dev underlay`,
    "link set vxlan100 up",
  ];
}

/** The words that change an entry of vxlan100's forwarding database, by default a flood. */
export function fdb(
  how: "append" | "del" | "add",
  host: string,
  mac = "00:00:00:00:00:00",
): readonly string[] {
  return ["bridge", "fdb", how, mac, "dev", "vxlan100", "dst", host];
}

/** Runs a program in the namespace of the test. */
export async function run(words: readonly string[]): Promise<void> {
  const { code, stderr } = await runToEnd(words);
  assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
}

/** Sets `net.ipv4.conf.DEVICE.NAME` in the namespace of the test. */
export async function setConf(
  device: string,
  name: string,
  value: number,
): Promise<void> {
  await Deno.writeTextFile(`/proc/sys/net/ipv4/conf/${device}/${name}`, String(value));
}

/** What a dump answers; the test fails if any read does. */
export async function dump(
  { dataplane }: DataPathGround,
  reads: readonly Read[],
): Promise<readonly OperationResult[]> {
  const dumped = await dataplane.dump(reads);
  assert.ok(dumped.kind === "answered", JSON.stringify(dumped));
  return dumped.results;
}

/** The answer of a result, which must be one of this kind. */
export function answer<Kind extends Answer["kind"]>(
  result: OperationResult | undefined,
  kind: Kind,
): Extract<Answer, { readonly kind: Kind }> {
  const found = answerOf(result, kind);
  assert.ok(found !== undefined, JSON.stringify(result));
  return found;
}
