import { type Ipv4Address, parseAddress } from "../../src/ipam/address.ts";
import { type Ipv4Cidr, parseCidr } from "../../src/ipam/cidr.ts";
import type { Cause } from "../../src/dataplane/dataplane.ts";
import type { LineWriter } from "../../src/observability/buffered_line_writer.ts";
import type { KernelRoute } from "../../src/routing/kernel_route.ts";
import {
  type InterfaceName,
  parseInterfaceName,
} from "../../src/routing/interface_name.ts";
import { refuseOnTheMachine } from "./guard.ts";
import { type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { runToEnd } from "./namespace.ts";
import { anySeed, randomOf } from "./random.ts";

/** The cause that the mutations of these tests name. */
export const CAUSE: Cause = { rpc: "Test", peer: "127.0.0.1:1" };

/** A CIDR known to be good. */
export function cidr(text: string): Ipv4Cidr {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(`Cannot use ${text} as a CIDR`);
  return parsed.value;
}

/** An address known to be good. */
export function address(text: string): Ipv4Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(`Cannot use ${text} as an address`);
  return parsed.value;
}

/** An interface name known to be good. */
export function device(text: string): InterfaceName {
  const checked = parseInterfaceName(text);
  if (!checked.ok) throw new Error(`Cannot use ${text} as an interface name`);
  return checked.value;
}

/** Our plain route through a device, or a variation of it. */
export function found(
  destination: Ipv4Cidr,
  variation: Partial<KernelRoute> = {},
): KernelRoute {
  return {
    destination,
    device: undefined,
    gateway: false,
    protocol: 142,
    metric: 0,
    tos: 0,
    type: 1,
    table: 254,
    ...variation,
  };
}

/**
 * Runs `ip` in the namespace of the test itself, where the dataplane's `ip` runs as well.
 *
 * @throws {Error} when it fails, and wherever the machine's own routes are in reach.
 */
export async function ip(line: string): Promise<string> {
  return await run(line.split(" "), "", true);
}

/** Many lines by one process; with `force`, those that fail are passed over. */
export async function batch(
  lines: readonly string[],
  { force = false } = {},
): Promise<string> {
  const words = force ? ["-force", "-batch", "-"] : ["-batch", "-"];
  return await run(words, lines.map((line) => `${line}\n`).join(""), !force);
}

async function run(
  words: readonly string[],
  stdin: string,
  mustSucceed: boolean,
): Promise<string> {
  refuseOnTheMachine();
  const ran = await runToEnd(["ip", ...words], { stdin, env: { LC_ALL: "C" } });
  if (ran.code !== 0 && mustSucceed) {
    throw new Error(`Cannot run ip ${words.join(" ")}: ${stdin}${ran.stderr}`);
  }
  return ran.stdout;
}

/** Devices in the namespace of the test; removed with all overlay routes at the end. */
export interface Ground extends AsyncDisposable {
  /** Makes one more vxlan device, or one again that is gone; resolves to its index. */
  addDevice(name: string, up?: boolean): Promise<number>;
}

let vni = 1000;

/** A table without a route cannot be flushed; that is no failure. */
const FORCE = { force: true };
const FLUSH = [
  "route flush table 142",
  "route flush table 77",
  "route flush root 10.42.0.0/16",
];

/** Makes vxlan devices that are up. */
export async function makeGround(...names: readonly string[]): Promise<Ground> {
  const made = new Set<string>();
  const ground: Ground = {
    addDevice: async (name, up = true) => {
      made.add(name);
      vni += 1;
      await batch([
        `link add ${name} type vxlan id ${vni} dstport 4789 local 127.0.0.1 dev lo`,
        ...(up ? [`link set ${name} up`] : []),
      ]);
      return indexOf(name);
    },
    [Symbol.asyncDispose]: async () => {
      const left = await ip("-o link show type vxlan");
      const names = [...left.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name);
      await batch([...names.map((name) => `link delete ${name}`), ...FLUSH], FORCE);
      const routes = await ip("-4 route show table all");
      if (routes.includes("10.42.")) throw new Error(`Routes are left:\n${routes}`);
    },
  };
  for (const name of names) await ground.addDevice(name);
  return ground;
}

/** A device's index in the namespace of the test. */
export async function indexOf(name: string): Promise<number> {
  return Number.parseInt(await ip(`-o link show dev ${name}`));
}

/** The main table's routes for exactly a destination, one sorted line each. */
export async function routesTo(destination: string): Promise<readonly string[]> {
  const text = await ip(`-4 route show table main exact ${destination}`);
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

/** An audit log in memory. */
export interface AuditLines extends LineWriter {
  /** The records until now. */
  readonly records: readonly JsonObject[];
}

/** A sink that keeps every line. */
export function collectAuditLog(): AuditLines {
  const records: JsonObject[] = [];
  return {
    records,
    dropped: 0,
    write: (line) => void records.push(parseJsonObject(line)),
    flush: () => Promise.resolve(),
  };
}

/** The process ids of the living `ip -batch` children of this process. */
export function ipChildren(): readonly number[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name));
  return pids.filter((pid) => Number.isInteger(pid) && isLivingIp(pid));
}

function isLivingIp(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [, name, state, parent] = /^\d+ \((.*)\) (\S) (\d+)/s.exec(stat) ?? [];
    return name === "ip" && state !== "Z" && Number(parent) === Deno.pid &&
      Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("-force\0-batch\0-");
  } catch {
    // It has just ended.
    return false;
  }
}

/** Reproducible random choices. */
export interface Dice {
  /** What to write into a failing test's message. */
  readonly seed: number;
  /** 0 to `sides` - 1. */
  roll(sides: number): number;
  pick<Value>(values: readonly [Value, ...Value[]]): Value;
}

/** @param seed from a failing test's message, to see it fail again */
export function makeDice(seed = anySeed()): Dice {
  const random = randomOf(seed);
  const roll = (sides: number): number => Math.floor(random() * sides);
  return { seed, roll, pick: (values) => values[roll(values.length)] ?? values[0] };
}
