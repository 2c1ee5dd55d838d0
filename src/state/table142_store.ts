import {
  answerOf,
  type Cause,
  type Dataplane,
  type Mutation,
  type Operation,
  type TableRoute,
} from "../dataplane/dataplane.ts";
import type { Ipv4Address } from "../ipam/address.ts";
import type { Allocation } from "../ipam/allocator.ts";
import { type Owner, type OwnerKey, parseOwner } from "../ipam/owner.ts";
import type { Logger } from "../observability/logger.ts";
import { countOf, listFew } from "../shared/quote.ts";
import { hashOwner } from "./owner_key.ts";
import type {
  AddressRecord,
  FragmentRecord,
  StateChange,
  StateStore,
  StoredState,
} from "./store.ts";
import { decode, encode, entryOf, partsOf, STATE_TABLE } from "./table142_codec.ts";

/**
 * Keeps the state in a table of the kernel that no packet meets: it ends with the routes,
 * and a change of it shares one batch with the route that it is about.
 */
export const TABLE_142: StateStore = { load, stage, isPartOf };

function load(ours: readonly TableRoute[]): StoredState {
  const records = ours.flatMap((found) => {
    const entry = entryOf(found);
    return entry === undefined ? [] : [decode(entry)];
  });
  const addresses = records.filter((record) => record.kind === "address");
  const fragments = records.filter((record) => record.kind === "fragment");
  return {
    subnets: records.filter((record) => record.kind === "subnet"),
    routes: records.filter((record) => record.kind === "route"),
    ...readAllocations(addresses, fragments),
  };
}

function stage(change: StateChange, cause: Cause): readonly Operation[] {
  const entries = encode(change.record);
  return entries.map((entry) => ({
    command: { kind: COMMANDS[change.kind], entry },
    cause,
  }));
}

const COMMANDS = {
  "put": "put-entry",
  "create": "create-entry",
  "delete": "delete-entry",
  "delete-equal": "delete-equal-entry",
} as const satisfies Readonly<Record<StateChange["kind"], Mutation["kind"]>>;

function isPartOf(owner: Owner, { address, part, text }: FragmentRecord): boolean {
  return partsOf(address, owner)[part]?.text === text;
}

function readAllocations(
  addresses: readonly AddressRecord[],
  parts: readonly FragmentRecord[],
): Pick<StoredState, "allocations" | "fragments"> {
  const byAddress = new Map<Ipv4Address, FragmentRecord[]>();
  for (const part of parts) {
    const others = byAddress.get(part.address);
    if (others === undefined) byAddress.set(part.address, [part]);
    else others.push(part);
  }
  const allocations = addresses.map(({ address, key }): Allocation => {
    const owner = findOwner(byAddress.get(address) ?? [], key);
    return { address, key, owner };
  });
  const owners = new Map(allocations.map(({ address, owner }) => [address, owner]));
  const fragments = parts.filter((part) => {
    const owner = owners.get(part.address);
    return owner === undefined || !isPartOf(owner, part);
  });
  return { allocations, fragments };
}

/** A name is the owner's if its key is; the last parts may be left of a longer name. */
function findOwner(parts: readonly FragmentRecord[], key: OwnerKey): Owner | undefined {
  const texts = parts.toSorted((one, other) => one.part - other.part)
    .map(({ text }) => text);
  for (let count = texts.length; count > 0; count -= 1) {
    const owner = parseOwner(texts.slice(0, count).join(""));
    if (owner.ok && hashOwner(owner.value) === key) return owner.value;
  }
  return undefined;
}

/** Table 142 may be another program's as well: that is logged, and nothing is touched. */
export async function reportForeignEntries(
  dataplane: Dataplane,
  logger: Logger,
): Promise<void> {
  const reply = await dataplane.run([
    { command: { kind: "table-routes", table: STATE_TABLE } },
  ]);
  const result = reply.kind === "answered" ? reply.results[0] : undefined;
  const answer = answerOf(result, "table");
  if (answer === undefined) return;
  const foreign = answer.routes.filter((found) => {
    const entry = entryOf(found);
    return entry === undefined || decode(entry).kind === "unknown";
  });
  if (foreign.length === 0) return;
  const named = listFew(foreign.map(({ route }) => route.destination));
  logger.log(
    "warn",
    `Ignored ${countOf(foreign.length, "foreign entry", "foreign entries")} in ` +
      `table ${STATE_TABLE}: ${named}`,
  );
}
