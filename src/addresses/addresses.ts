import {
  describeAddressFault,
  type Ipv4Address,
  parseAddress,
} from "../ipam/address.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import { describeOwnerFault, parseOwner } from "../ipam/owner.ts";
import type { Allocation } from "../ipam/allocator.ts";
import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Call, ConfigureOutcome } from "../reconcile/node_service.ts";
import type {
  AddressRefusal,
  AllocateOutcome,
  ListOutcome,
  NodeNetwork,
  PodNetwork,
  ReleaseOutcome,
  ReleaseTarget,
} from "./pod_network.ts";
import { allocateJob, listJob, networkOf, releaseJob } from "./address_job.ts";
import { AddressKeeper } from "./address_keeper.ts";
import type { Ledger } from "../reconcile/desired_state.ts";
import { NetworkWatch } from "./network_watch.ts";
import { keyOf } from "./owner_key.ts";
import type { WorkQueue } from "../reconcile/work_queue.ts";

/** What the addresses of a node are made of. */
export interface AddressesParts {
  readonly dataplane: Dataplane;
  readonly ledger: Ledger;
  readonly queue: WorkQueue;
  readonly clusterCidr: Ipv4Cidr;
}

/** The node's network and the addresses in it: checks what callers ask, and queues it. */
export class Addresses implements PodNetwork {
  readonly #ledger: Ledger;
  readonly #clusterCidr: Ipv4Cidr;
  readonly #keeper: AddressKeeper;
  readonly #watch = new NetworkWatch();
  #lastConfigure: ConfigureOutcome | undefined;

  constructor({ clusterCidr, dataplane, ledger, queue }: AddressesParts) {
    this.#ledger = ledger;
    this.#clusterCidr = clusterCidr;
    const afterwards = (): void => this.publish();
    this.#keeper = new AddressKeeper({ dataplane, ledger, queue, afterwards });
  }

  /** Tells who watches, if the ledger has another subnet or revision than before. */
  publish(): void {
    this.#watch.publish(networkOf(this.#ledger, this.#clusterCidr));
  }

  allocateAddress(
    owner: string,
    address: string,
    call: Call,
  ): Promise<AllocateOutcome> {
    const checked = parseOwner(owner);
    if (!checked.ok) return Promise.resolve(invalid(describeOwnerFault(checked.fault)));
    const wanted = address === "" ? ok(undefined) : readAddress(address);
    if (!wanted.ok) return Promise.resolve(wanted.fault);
    const { promise, resolve } = Promise.withResolvers<AllocateOutcome>();
    const request = { owner: checked.value, wanted: wanted.value };
    this.#keeper.submit(allocateJob(request, call, this.#clusterCidr, resolve));
    return promise;
  }

  releaseAddress(target: ReleaseTarget, call: Call): Promise<ReleaseOutcome> {
    const find = readTarget(target);
    if (!find.ok) return Promise.resolve(find.fault);
    const { promise, resolve } = Promise.withResolvers<ReleaseOutcome>();
    this.#keeper.submit(releaseJob(find.value, call, resolve));
    return promise;
  }

  listAddresses(call: Call): Promise<ListOutcome> {
    const { promise, resolve } = Promise.withResolvers<ListOutcome>();
    this.#keeper.submit(listJob(call, resolve));
    return promise;
  }

  nodeNetwork(): Promise<NodeNetwork> {
    return this.#watch.current();
  }

  lastConfigure(): ConfigureOutcome | undefined {
    return this.#lastConfigure;
  }

  /** Takes what became of a ConfigureNodeSubnet. */
  noteConfigure(outcome: ConfigureOutcome): void {
    this.#lastConfigure = outcome;
  }

  watchNodeNetwork(listener: (network: NodeNetwork) => void): () => void {
    return this.#watch.watch(listener);
  }
}

function readAddress(text: string): Result<Ipv4Address, AddressRefusal> {
  const checked = parseAddress(text);
  return checked.ok ? checked : err(invalid(describeAddressFault(checked.fault)));
}

type Find = (ledger: Ledger) => Allocation | undefined;

function readTarget(target: ReleaseTarget): Result<Find, AddressRefusal> {
  switch (target.kind) {
    case "none":
      return err(invalid("Nothing to release is named; set address or owner"));
    case "address": {
      const address = readAddress(target.text);
      return address.ok ? ok(({ pool }) => pool.findByAddress(address.value)) : address;
    }
    case "owner": {
      const owner = parseOwner(target.text);
      if (!owner.ok) return err(invalid(describeOwnerFault(owner.fault)));
      const key = keyOf(owner.value);
      return ok(({ pool }) => pool.findByOwner(key));
    }
    default:
      return target satisfies never;
  }
}

function invalid(sentence: string): AddressRefusal {
  return { kind: "refused", reason: "invalid", sentence };
}
