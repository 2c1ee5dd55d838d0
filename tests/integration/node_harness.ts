import assert from "node:assert/strict";
import { type NodeOptions, type OpenNode, openNode } from "../../src/node.ts";
import type { Call } from "../../src/reconcile/ports.ts";
import { Listening } from "../../src/shared/listening.ts";
import type { JsonObject } from "../../deploy/json.ts";
import { type AuditLines, cidr, collectAuditLog } from "../support/fixtures.ts";

/** A caller that waits for its answer. */
export function caller(rpc: string): Call {
  return { rpc, peer: "127.0.0.1:40112", gone: () => false };
}

const INJECT = caller("InjectRoute");
const REMOVE = caller("RemoveRoute");
const CONFIGURE = caller("ConfigureNodeSubnet");

/** A node on the kernel of the test's own namespace; closed when disposed. */
export interface NodeUnderTest extends AsyncDisposable {
  readonly node: OpenNode;
  readonly trail: AuditLines;
  /** The lines that it logged. */
  readonly log: readonly string[];
  /** InjectRoute; answers the outcome's kind, or the sentence of a refusal. */
  inject(destination: string, via?: string): Promise<string>;
  /** RemoveRoute, answered alike. */
  remove(destination: string): Promise<string>;
  /** ConfigureNodeSubnet, answered alike. */
  configure(subnet: string): Promise<string>;
  /** The mutations since the last call of this, by their commands. */
  mutations(): readonly string[];
}

/** Opens a node as `serve` does, with its defaults unless the options say otherwise. */
export async function openNodeUnderTest(
  options: Partial<NodeOptions> = {},
): Promise<NodeUnderTest> {
  const trail = collectAuditLog();
  const log: string[] = [];
  const logger = {
    log: (level: string, message: string) => void log.push(`${level}: ${message}`),
    flush: () => Promise.resolve(),
  };
  const node = openNode({
    policy: { clusterCidr: cidr("10.42.0.0/16"), nodePrefix: 24 },
    gatewayIndex: 1,
    dryRun: false,
    removeRoutesOnExit: false,
    resyncMs: 30_000,
    probeMs: undefined,
    logger,
    auditSink: trail,
    ...options,
  });
  const started = await node.start(new Listening());
  assert.ok(started.ok, started.ok ? "" : started.fault);
  let returned = 0;
  return {
    node,
    trail,
    log,
    inject: async (destination, via = "vxlan100") =>
      answer(await node.routes.injectRoute(destination, via, INJECT)),
    remove: async (destination) =>
      answer(await node.routes.removeRoute(destination, REMOVE)),
    configure: async (subnet) =>
      answer(await node.network.configureNodeSubnet(subnet, CONFIGURE)),
    mutations: () => {
      const fresh = trail.records.slice(returned);
      returned = trail.records.length;
      return fresh.map((record: JsonObject) => String(record["words"]));
    },
    [Symbol.asyncDispose]: () => node.close(),
  };
}

function answer(
  outcome: { readonly kind: string } | {
    readonly kind: "refused";
    readonly sentence: string;
  },
): string {
  return "sentence" in outcome ? outcome.sentence : outcome.kind;
}
