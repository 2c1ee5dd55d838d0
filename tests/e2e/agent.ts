/** The habits of the mesh agent, as the real one has them. */
import { type Answer, connectClient, type QuiltClient } from "../support/client.ts";
import type { Namespace } from "../support/namespace.ts";

/** A node as the control plane lists it. */
export interface Peer {
  readonly subnet: string;
  /** Its address on the underlay. */
  readonly address: string;
}

/** An agent that has one node's sidecar, and ends when disposed, as in a crash. */
export interface Agent extends AsyncDisposable {
  /** ConfigureNodeSubnet, once. */
  start(): Promise<Answer>;
  /**
   * One comparison with the control plane's list: for each new peer an FDB entry, and
   * InjectRoute, once, whatever comes of it.
   *
   * @returns how many of the calls failed
   */
  synchronize(peers: readonly Peer[]): Promise<number>;
  /** As on SIGTERM: RemoveRoute for each peer that it knows. */
  stop(): Promise<void>;
}

/** @param subnet the node's own, as the control plane assigned it */
export async function makeAgent(host: Namespace, subnet: string): Promise<Agent> {
  const client = await connectClient(host);
  const known = new Map<string, Peer>();
  return {
    start: () => client.configureNodeSubnet(subnet),
    synchronize: async (peers) => {
      let failed = 0;
      for (const peer of peers) {
        if (known.has(peer.subnet)) continue;
        known.set(peer.subnet, peer);
        await forward(host, peer);
        if (!await injects(client, peer)) failed += 1;
      }
      return failed;
    },
    stop: async () => {
      for (const peer of known.values()) await client.removeRoute(peer.subnet);
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function injects(client: QuiltClient, { subnet }: Peer): Promise<boolean> {
  try {
    return (await client.injectRoute(subnet, "vxlan100")).success;
  } catch {
    // No sidecar listens: for the agent this is a failure as any other.
    return false;
  }
}

/** An entry that is there already is no failure for the agent. */
async function forward(host: Namespace, { address }: Peer): Promise<void> {
  const everyPeer = ["00:00:00:00:00:00", "dev", "vxlan100"];
  await host.run(["bridge", "fdb", "append", ...everyPeer, "dst", address]);
}
