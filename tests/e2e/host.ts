/** What the end-to-end tests share: a host as the mesh agent finds it. */
import { type Answer, type QuiltClient, startClient } from "../support/client.ts";
import { type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import {
  addVxlan,
  type Finished,
  makeNamespace,
  type Namespace,
  type VxlanOptions,
} from "../support/namespace.ts";
import { type Sidecar, type SidecarOptions, startSidecar } from "../support/sidecar.ts";
import { until } from "../support/wait.ts";

/** The answer of a call that did what it was asked. */
export const done: Answer = { success: true, error: "" };

/** The answer of a call that was refused with this sentence. */
export function refused(sentence: string): Answer {
  return { success: false, error: sentence };
}

/** A namespace with vxlan100, the sidecar in it, and a client in a process of its own. */
export interface Host extends AsyncDisposable {
  readonly namespace: Namespace;
  readonly sidecar: Sidecar;
  readonly client: QuiltClient;
}

/** How {@linkcode openHost} sets a host up. */
export interface HostOptions extends SidecarOptions {
  /** The overlay device; `undefined` leaves it out. @default {{}} */
  readonly vxlan?: VxlanOptions | undefined;
  /** Commands of `ip` before the sidecar starts. @default {[]} */
  readonly before?: readonly string[];
}

/** Sets a host up; disposing ends all of it. */
export async function openHost(options: HostOptions = {}): Promise<Host> {
  const { before = [], vxlan = {}, ...sidecarOptions } = options;
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await makeQuietNamespace());
  if (!("vxlan" in options) || options.vxlan !== undefined) {
    await addVxlan(namespace, vxlan);
  }
  for (const line of before) await namespace.ip(line);
  const { client, sidecar } = await startBoth(namespace, sidecarOptions);
  stack.use(sidecar);
  stack.use(client);
  const kept = stack.move();
  return {
    namespace,
    sidecar,
    client,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Side by side: each takes a quarter of a second of one core to load what it runs. */
async function startBoth(namespace: Namespace, options: SidecarOptions) {
  await using stack = new AsyncDisposableStack();
  const started = stack.use(startClient(namespace));
  const sidecar = await startSidecar(namespace, options);
  stack.move();
  try {
    return { sidecar, client: await started.connect() };
  } catch (error) {
    await sidecar[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A namespace without IPv6: its address detection writes routes a second after a link
 * is up, and the tests compare tables byte for byte.
 */
export async function makeQuietNamespace(): Promise<Namespace> {
  const namespace = await makeNamespace();
  const quiet = await namespace.run([
    "sh",
    "-c",
    "for each in all default; do echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done",
  ]);
  if (quiet.code !== 0) throw new Error(`Cannot switch IPv6 off: ${quiet.stderr}`);
  return namespace;
}

/**
 * Makes the data path of a host with vxlan100 as healthy as one host can be: forwarding,
 * the containers' bridge with the gateway of 10.42.1.0/24, and so many peers in the FDB.
 */
export async function furnishDataPath(
  namespace: Namespace,
  peers: number,
): Promise<void> {
  const { code, stderr } = await namespace.run([
    "sh",
    "-ec",
    [
      "ip link add underlay type veth peer name wire",
      "ip link set wire up",
      "ip link set underlay up",
      "ip address add 198.51.100.1/24 dev underlay",
      "ip link set vxlan100 mtu 1450",
      "ip link add quilt0 type bridge",
      "ip link set quilt0 up",
      "ip address add 10.42.1.1/24 dev quilt0",
      "echo 1 > /proc/sys/net/ipv4/ip_forward",
      "echo 1 > /proc/sys/net/ipv4/conf/vxlan100/proxy_arp",
      ...Array.from(
        { length: peers },
        (_, at) =>
          `bridge fdb append 00:00:00:00:00:00 dev vxlan100 dst 198.51.100.${at + 2}`,
      ),
    ].join("\n"),
  ]);
  if (code !== 0) throw new Error(`Cannot furnish the data path: ${stderr}`);
}

/** Every route of every table, as one text. */
export function allRoutes(namespace: Namespace): Promise<string> {
  return namespace.ip("route show table all");
}

/** The routes of the main table for exactly this destination, a line each. */
export async function routesTo(
  namespace: Namespace,
  destination: string,
): Promise<readonly string[]> {
  const shown = await namespace.ip(`route show exact ${destination}`);
  return shown.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

/**
 * The main table of a process's namespace, destination to device, read without a
 * process of its own: fast enough to be asked after every call.
 */
export function fib(pid: number): ReadonlyMap<string, string> {
  const lines = Deno.readTextFileSync(`/proc/${pid}/net/route`).trim().split("\n");
  return new Map(
    lines.slice(1).map((line) => {
      const fields = line.split("\t");
      const [device = "", destination = ""] = fields;
      // As a little-endian machine prints an address in network order.
      const octets = destination.match(/../g)?.reverse().map((octet) =>
        parseInt(octet, 16)
      );
      const ones =
        parseInt(fields[7] ?? "0", 16).toString(2).replaceAll("0", "").length;
      return [`${octets?.join(".")}/${ones}`, device];
    }),
  );
}

/**
 * The messages of the whole log with their levels, without the time before them, and
 * without those about the data path: the bare hosts of most tests have no forwarding and
 * no peers, and the log says so when the diagnosis is made.
 *
 * @throws {Error} while the sidecar runs: log and trail are written beside an answer,
 *   so what stands there at a moment says nothing. Wait for a line, or for the end.
 */
export function messages(sidecar: Sidecar): readonly string[] {
  return messagesSoFar(atEnd(sidecar));
}

/** As {@linkcode messages}, of what is there until now: for a condition to wait for. */
export function messagesSoFar(sidecar: Sidecar): readonly string[] {
  return allMessages(sidecar).filter((message) => !isAboutFinding(message));
}

/** The messages about the data path until now. */
export function findingMessages(sidecar: Sidecar): readonly string[] {
  return allMessages(sidecar).filter(isAboutFinding);
}

function allMessages({ log }: Sidecar): readonly string[] {
  return log.map((line) => line.replace(/^\S+Z /, ""));
}

function isAboutFinding(message: string): boolean {
  return /^(?:WARN|INFO): [a-z0-9-]+ \((?:this node|\S+)\): /.test(message);
}

/**
 * Every change in the audit trail: all its records but those of the start and the end.
 *
 * @throws {Error} while the sidecar runs, as with {@linkcode messages}.
 */
export function auditRecords(sidecar: Sidecar): readonly JsonObject[] {
  return auditRecordsSoFar(atEnd(sidecar));
}

/** As {@linkcode auditRecords}, until now: for a condition to wait for. */
export function auditRecordsSoFar({ audit }: Sidecar): readonly JsonObject[] {
  return changesIn(audit.join("\n"));
}

/** Every change in the text of an audit trail. */
export function changesIn(trail: string): readonly JsonObject[] {
  return trail.split("\n").filter((line) => line !== "").map(parseJsonObject)
    .filter(({ event }) => event === undefined);
}

function atEnd(sidecar: Sidecar): Sidecar {
  if (sidecar.ended) return sidecar;
  throw new Error("The sidecar runs: its log and its trail may lack lines yet");
}

/**
 * Runs a health probe until it exits with 0, as who watches a container does: one that a
 * busy machine does not answer in the third of a second that is left says nothing.
 *
 * @throws {Error} with what the last one wrote, when it never does
 */
export async function untilServing(
  probe: () => Promise<Finished>,
): Promise<Finished> {
  let last: Finished | undefined;
  return await until(async () => {
    last = await probe();
    return last.code === 0 && last;
  }, { what: () => `a probe that exits with 0: ${last?.stderr}` });
}
