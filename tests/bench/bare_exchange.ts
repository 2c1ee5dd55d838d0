import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { parseCidr } from "../../src/ipam/cidr.ts";
import { Session } from "../../src/dataplane/iproute2/batch_process.ts";
import { checkInterfaceName } from "../../src/routing/interface_name.ts";
import { routeEntry } from "../../src/state/table142_codec.ts";
import type { ServedService } from "../../src/shared/served_service.ts";
import {
  decodeInjectRouteRequest,
  type QuiltResponse,
} from "../../src/api/quilt_runtime/wire.ts";
import { BARE_SERVICE } from "./noop.ts";

/** As in the door: then a fresh `ip` takes over. */
const MUTATIONS = 3_000;
const DEADLINE_MS = 2_000;

/**
 * The floor under InjectRoute: its lines for a new route through an `ip` of their own, with
 * no queue, ledger, audit trail or log.
 */
export function bareExchange(): ServedService {
  let session = new Session();
  const carryOut = async (request: unknown): Promise<QuiltResponse> => {
    if (session.mutations >= MUTATIONS) {
      void session.close();
      session = new Session();
    }
    const { destination: text, via_interface } = decodeInjectRouteRequest(request);
    const [cidr, name] = [parseCidr(text), checkInterfaceName(via_interface)];
    if (!cidr.ok || !name.ok) return { success: false, error: `Cannot use ${text}` };
    const [destination, device] = [cidr.value, name.value];
    const exchange = await session.exchange([
      { kind: "link", device },
      { kind: "remember", entry: routeEntry({ destination, device }) },
      { kind: "add-route", destination, device },
    ], DEADLINE_MS);
    const done = exchange.kind === "answered" && exchange.results.every(({ ok }) => ok);
    return { success: done, error: done ? "" : JSON.stringify(exchange) };
  };
  return {
    definition: BARE_SERVICE,
    implementation: {
      InjectRoute: (
        call: ServerUnaryCall<unknown, QuiltResponse>,
        callback: sendUnaryData<QuiltResponse>,
      ) => void carryOut(call.request).then((answer) => callback(null, answer)),
    },
  };
}
