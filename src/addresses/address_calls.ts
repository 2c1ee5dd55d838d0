import {
  describeAddressFault,
  type Ipv4Address,
  parseAddress,
} from "../ipam/address.ts";
import type { Allocation } from "../ipam/allocator.ts";
import { describeOwnerFault, parseOwner } from "../ipam/owner.ts";
import {
  checkNodeCidr,
  type ClusterPolicy,
  describeCidrFault,
} from "../ipam/policy.ts";
import type { DesiredState } from "../reconcile/desired_state.ts";
import type { KernelCache } from "../reconcile/kernel_cache.ts";
import { type Call, causeOf, type NotExecuted, refuse } from "../reconcile/ports.ts";
import { loopKey, type Reconciler } from "../reconcile/reconciler.ts";
import type { Step } from "../reconcile/step.ts";
import type { WorkQueue } from "../reconcile/work_queue.ts";
import { type CallTarget, DEFAULT_TARGET } from "../shared/grpcurl.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { hashOwner } from "../state/owner_key.ts";
import { planAllocate, planList, planRelease } from "./address_plan.ts";
import type { NetworkState } from "./network_state.ts";
import { NetworkWatch } from "./network_watch.ts";
import type {
  AddressRefusal,
  AllocateOutcome,
  ConfigureOutcome,
  ListOutcome,
  NodeNetwork,
  NodeNetworkService,
  ReleaseOutcome,
  ReleaseTarget,
} from "./ports.ts";
import { planSubnet, type SubnetOutcome } from "./subnet_plan.ts";

/** What calls about the node's network work with. */
export interface AddressCallsParts {
  readonly policy: ClusterPolicy;
  readonly state: NetworkState;
  readonly desired: DesiredState;
  readonly cache: KernelCache;
  readonly reconciler: Reconciler;
  readonly queue: WorkQueue;
}

/** Checks what callers ask, makes keys of it, and answers. */
export class AddressCalls implements NodeNetworkService {
  readonly #parts: AddressCallsParts;
  readonly #watch = new NetworkWatch();
  #lastConfigure: ConfigureOutcome | undefined;
  /** How clients call this sidecar, for the remedies that sentences name. */
  target: CallTarget = DEFAULT_TARGET;

  constructor(parts: AddressCallsParts) {
    this.#parts = parts;
  }

  /** Sends the network to the watches if its subnet or revision has changed. */
  publish(): void {
    this.#watch.publish(this.#parts.state.network);
  }

  async configureNodeSubnet(text: string, call: Call): Promise<ConfigureOutcome> {
    const outcome = await this.#configure(text, call);
    this.#lastConfigure = outcome;
    return outcome;
  }

  allocateAddress(
    owner: string,
    address: string,
    call: Call,
  ): Promise<AllocateOutcome> {
    const checked = parseOwner(owner);
    if (!checked.ok) return refused(describeOwnerFault(checked.fault));
    const requested = address === "" ? ok(undefined) : readAddress(address);
    if (!requested.ok) return Promise.resolve(requested.fault);
    const request = { owner: checked.value, requested: requested.value };
    return this.#submit(call, () => planAllocate(this.#parts.state, request));
  }

  releaseAddress(target: ReleaseTarget, call: Call): Promise<ReleaseOutcome> {
    const find = readTarget(target);
    if (!find.ok) return Promise.resolve(find.fault);
    return this.#submit(call, () => planRelease(this.#parts.state, find.value));
  }

  listAddresses(call: Call): Promise<ListOutcome> {
    return this.#submit(call, () => planList(this.#parts.state));
  }

  nodeNetwork(): Promise<NodeNetwork> {
    return this.#watch.current();
  }

  lastConfigure(): ConfigureOutcome | undefined {
    return this.#lastConfigure;
  }

  watchNodeNetwork(listener: (network: NodeNetwork) => void): () => void {
    return this.#watch.watch(listener);
  }

  async #configure(text: string, call: Call): Promise<ConfigureOutcome> {
    const { desired, policy, queue, reconciler } = this.#parts;
    const checked = checkNodeCidr(text, policy);
    if (!checked.ok) return refuse(describeCidrFault(checked.fault, "Subnet"));
    const refusal = queue.refusal();
    if (refusal !== undefined) return refusal;
    const subnet = checked.value;
    const { promise, resolve } = Promise.withResolvers<ConfigureOutcome>();
    // Alone, because the plans of routes and addresses depend on the subnet.
    await queue.alone(async () => {
      if (call.gone()) return resolve({ kind: "caller-gone" });
      await reconciler.reconcile([loopKey<SubnetOutcome>({
        cause: causeOf(call),
        device: undefined,
        plan: () => planSubnet({ ...this.#parts, target: this.target }, subnet),
        commit: (outcome) => {
          if (outcome.kind === "refused") return resolve(outcome);
          desired.ownSubnet = subnet;
          // An agent that is refused ends and requests no route, so the requests of the one
          // before it stay claimed.
          desired.markAllStale();
          this.publish();
          resolve({ ...outcome, subnet });
        },
      })]);
    });
    return await promise;
  }

  #submit<Outcome>(
    call: Call,
    plan: () => Step<Outcome>,
  ): Promise<Outcome | NotExecuted> {
    const { queue } = this.#parts;
    const refusal = queue.refusal();
    if (refusal !== undefined) return Promise.resolve(refusal);
    const { promise, resolve } = Promise.withResolvers<Outcome | NotExecuted>();
    const key = loopKey<Outcome>({
      cause: causeOf(call),
      device: undefined,
      plan: () => call.gone() ? void resolve({ kind: "caller-gone" }) : plan(),
      commit: (outcome) => {
        this.publish();
        resolve(outcome);
      },
    });
    queue.push(undefined, key);
    return promise;
  }
}

function readAddress(text: string): Result<Ipv4Address, AddressRefusal> {
  const checked = parseAddress(text);
  return checked.ok ? checked : err(invalid(describeAddressFault(checked.fault)));
}

type Find = (state: NetworkState) => Allocation | undefined;

function readTarget(target: ReleaseTarget): Result<Find, AddressRefusal> {
  switch (target.kind) {
    case "none":
      return err(invalid("The request names nothing to release; set address or owner"));
    case "address": {
      const address = readAddress(target.text);
      return address.ok
        ? ok(({ allocator }) => allocator.findByAddress(address.value))
        : address;
    }
    case "owner": {
      const owner = parseOwner(target.text);
      if (!owner.ok) return err(invalid(describeOwnerFault(owner.fault)));
      const key = hashOwner(owner.value);
      return ok(({ allocator }) => allocator.findByOwner(key));
    }
    default:
      return target satisfies never;
  }
}

function invalid(sentence: string): AddressRefusal {
  return { kind: "refused", reason: "invalid", sentence };
}

function refused(sentence: string): Promise<AddressRefusal> {
  return Promise.resolve(invalid(sentence));
}
