/** The calls that an operator makes by hand: each command is one call. */
import type { ServiceDefinition } from "@grpc/grpc-js";
import type { AllocateAddressResponse } from "../api/gen/quilt/sidecar/v1/AllocateAddressResponse.ts";
import type { ReleaseAddressResponse } from "../api/gen/quilt/sidecar/v1/ReleaseAddressResponse.ts";
import type { ConfigureNodeSubnetResponse } from "../api/gen/quilt/ConfigureNodeSubnetResponse.ts";
import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { ADDRESS_SERVICE, QUILT_RUNTIME } from "../api/proto_registry.ts";
import { parseAddress } from "../ipam/address.ts";
import { escapeInvisible } from "../shared/quote.ts";
import { ok, type Result } from "../shared/result.ts";
import { runClient } from "./client_command.ts";
import type { CommandEnd, CommandLine, RunCommand } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_OK } from "./exit.ts";
import type { CallFault, SidecarConnection } from "./grpc_client.ts";
import { showText } from "./output.ts";
import { required } from "./required.ts";
import { stateOf } from "./route_table.ts";

/**
 * Milliseconds for a call that changes something. The kernel may be busy with a large
 * table, and who gave up would not know what became of it.
 */
const DEADLINE_MS = 10_000;

/** The answer of every RPC of `quilt.QuiltRuntime`. */
type RuntimeResponse = ConfigureNodeSubnetResponse;

/** Runs the command `configure`. */
export const configure: RunCommand = runtimeCall({
  name: "configure",
  rpc: "ConfigureNodeSubnet",
  request: ([subnet]) => ({ subnet }),
  describe: ([subnet]) => `Configured ${subnet} as the subnet of this node`,
});

/** Runs the command `inject`. */
export const inject: RunCommand = runtimeCall({
  name: "inject",
  rpc: "InjectRoute",
  request: ([destination, device]) => ({ destination, via_interface: device }),
  describe: ([destination, device]) => `The kernel has ${destination} dev ${device}`,
  explain: async ({ reader }, [destination], { error }) => {
    // Only the table tells: of a wrong destination the sidecar says the same.
    const listed = await reader.listRoutes();
    return listed.ok && listed.value.routes.some(isPending(destination, error))
      ? `${error}; the sidecar keeps the request, and installs the route when the device is up`
      : error;
  },
});

function isPending(destination: string | undefined, reason: string) {
  return (route: Route): boolean =>
    stateOf(route) === "pending" && route.destination === destination &&
    route.reason === reason;
}

/** Runs the command `remove`. */
export const remove: RunCommand = runtimeCall({
  name: "remove",
  rpc: "RemoveRoute",
  request: ([destination]) => ({ destination }),
  describe: ([destination]) => `The kernel has no overlay route to ${destination}`,
});

/** Runs the command `allocate`. */
export function allocate(line: CommandLine): Promise<CommandEnd> {
  const [owner, address = ""] = line.operands;
  return runClient({
    name: "allocate",
    deadlineMs: DEADLINE_MS,
    ask: ({ call }): Promise<Result<AllocateAddressResponse, CallFault>> =>
      call(ADDRESS_SERVICE, "AllocateAddress", { owner, address }),
    show: (answer) =>
      showText(isJson(line) ? allocationJson(answer) : describeAllocation(answer)),
  }, line);
}

/** Runs the command `release`. */
export function release(line: CommandLine): Promise<CommandEnd> {
  const [target = ""] = line.operands;
  return runClient({
    name: "release",
    deadlineMs: DEADLINE_MS,
    ask: ({ call }): Promise<Result<ReleaseAddressResponse, CallFault>> =>
      call(ADDRESS_SERVICE, "ReleaseAddress", releaseRequest(target)),
    show: (answer) =>
      showText(isJson(line) ? releaseJson(answer) : describeRelease(answer, target)),
  }, line);
}

/** What ADDRESS|OWNER means: an IPv4 address is one, even if an owner is named like it. */
export function releaseRequest(
  target: string,
): { readonly address: string } | { readonly owner: string } {
  return parseAddress(target).ok ? { address: target } : { owner: target };
}

/** What `configure`, `inject` and `remove` print with `--json`: one JSON document. */
export interface CallJson {
  /** A field may be added, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  /** If it is false, the exit code is 1. */
  readonly success: boolean;
  /** Why it was refused, a sentence; empty if it was not. */
  readonly error: string;
}

/** What `allocate --json` prints: one JSON document. */
export interface AllocationJson {
  /** A field may be added, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  readonly address: OwnedAddressJson;
  /** All that the owner's interface needs. */
  readonly node_network: {
    /** E.g. `10.42.1.0/24`. */
    readonly subnet: string;
    /** E.g. `10.42.1.1`. */
    readonly gateway: string;
    /** E.g. `10.42.0.0/16`. */
    readonly cluster_cidr: string;
    /** How often the subnet was set, from 1. */
    readonly revision: number;
  };
}

/** What `release --json` prints: one JSON document. */
export interface ReleaseJson {
  /** A field may be added, and none changes its meaning. */
  readonly version: typeof JSON_VERSION;
  /** What was released; null if nobody had it. */
  readonly released: OwnedAddressJson | null;
}

/** An address and who has it. */
export interface OwnedAddressJson {
  /** E.g. `10.42.1.7`. */
  readonly address: string;
  /** Empty if a crash lost the name. */
  readonly owner: string;
}

/** The version of each of these documents. */
const JSON_VERSION = 1;

/** The one line of `configure`, `inject` and `remove` with `--json`. */
export function callJson({ error, success }: RuntimeResponse): string {
  return toLine<CallJson>({ version: JSON_VERSION, success, error });
}

/** The one line of `allocate --json`. */
export function allocationJson(
  { address, node_network: network }: AllocateAddressResponse,
): string {
  return toLine<AllocationJson>({
    version: JSON_VERSION,
    address: required(address, "address"),
    node_network: required(network, "node_network"),
  });
}

/** The one line of `release --json`. */
export function releaseJson({ released }: ReleaseAddressResponse): string {
  return toLine<ReleaseJson>({ version: JSON_VERSION, released });
}

function toLine<Document>(document: Document): string {
  return escapeInvisible(JSON.stringify(document));
}

/** `web-1 has 10.42.1.7; subnet 10.42.1.0/24, gateway 10.42.1.1`. */
export function describeAllocation(
  { address, node_network: network }: AllocateAddressResponse,
): string {
  const { address: allocated, owner } = required(address, "address");
  const { gateway, subnet } = required(network, "node_network");
  return escapeInvisible(
    `${owner} has ${allocated}; subnet ${subnet}, gateway ${gateway}`,
  );
}

/**
 * `Released 10.42.1.7 of web-1`, or that there was nothing to release.
 *
 * @param target what was to be released, as it was typed
 */
export function describeRelease(
  { released }: ReleaseAddressResponse,
  target: string,
): string {
  if (released === null) {
    return "address" in releaseRequest(target)
      ? `Nothing to release: ${target} is not allocated`
      : `Nothing to release: ${escapeInvisible(target)} has no address on this node`;
  }
  const { address, owner } = released;
  const whose = owner === "" ? "an owner whose name was lost" : owner;
  return escapeInvisible(`Released ${address} of ${whose}`);
}

/** A command that is one RPC of `quilt.QuiltRuntime`. */
interface RuntimeCall {
  readonly name: string;
  readonly rpc: string;
  readonly request: (operands: readonly string[]) => object;
  /** What holds now, a sentence. */
  readonly describe: (operands: readonly string[]) => string;
  /** Why not, a sentence. @default what the sidecar says */
  readonly explain?: (
    sidecar: SidecarConnection,
    operands: readonly string[],
    answer: RuntimeResponse,
  ) => Promise<string>;
}

/** The answer, and the sentence that explains it. */
interface ExplainedAnswer {
  readonly answer: RuntimeResponse;
  readonly sentence: string;
}

function runtimeCall(
  { describe, explain, name, request, rpc }: RuntimeCall,
): RunCommand {
  return (line) =>
    runClient<ExplainedAnswer>({
      name,
      deadlineMs: DEADLINE_MS,
      ask: async (sidecar) => {
        const { operands } = line;
        const asked = await ask(sidecar, QUILT_RUNTIME, rpc, request(operands));
        if (!asked.ok) return asked;
        const answer = asked.value;
        if (answer.success) return ok({ answer, sentence: describe(operands) });
        const sentence = await explain?.(sidecar, operands, answer) ?? answer.error;
        return ok({ answer, sentence });
      },
      show: ({ answer, sentence }) => {
        const exitCode = answer.success ? EXIT_OK : EXIT_FAILURE;
        if (isJson(line)) return showText(callJson(answer), exitCode);
        return answer.success
          ? showText(escapeInvisible(sentence))
          : Promise.resolve({ exitCode, sentence });
      },
    }, line);
}

function ask(
  { call }: SidecarConnection,
  service: ServiceDefinition,
  rpc: string,
  request: object,
): Promise<Result<RuntimeResponse, CallFault>> {
  return call(service, rpc, request);
}

function isJson({ options }: CommandLine): boolean {
  return options.has("json");
}
