import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { parseCidr } from "../../src/ipam/cidr.ts";
import { BatchProcess } from "../../src/dataplane/iproute2/batch_process.ts";
import { type Command, toLine } from "../../src/dataplane/iproute2/commands.ts";
import { parseInterfaceName } from "../../src/routing/interface_name.ts";
import type { ServedService } from "../../src/shared/served_service.ts";
import { encode } from "../../src/state/table142_codec.ts";
import type { InjectRouteRequest } from "../../src/api/gen/quilt/InjectRouteRequest.ts";
import type { InjectRouteResponse } from "../../src/api/gen/quilt/InjectRouteResponse.ts";
import { BARE_SERVICE } from "./noop.ts";

/** As in the dataplane: then a fresh `ip` takes over. */
const MUTATIONS = 3_000;
const DEADLINE_MS = 2_000;

/**
 * The floor under InjectRoute: its lines for a new route through an `ip` of their own, with
 * no queue, desired state, audit log or log.
 */
export function bareExchange(): ServedService {
  let process = new BatchProcess();
  const carryOut = async (
    { destination: text, via_interface }: InjectRouteRequest,
  ): Promise<InjectRouteResponse> => {
    if (process.mutations >= MUTATIONS) {
      void process.close();
      process = new BatchProcess();
    }
    const [cidr, name] = [parseCidr(text), parseInterfaceName(via_interface)];
    if (!cidr.ok || !name.ok) return { success: false, error: `Cannot use ${text}` };
    const [destination, device] = [cidr.value, name.value];
    const route = { destination, device };
    const [entry] = encode({ kind: "route", route, claimed: true });
    if (entry === undefined) throw new Error("A route's record has an entry");
    const commands: readonly Command[] = [
      { kind: "link", device },
      { kind: "put-entry", entry },
      { kind: "add-route", route },
    ];
    const result = await process.run(commands.map(toLine), DEADLINE_MS);
    const done = result.kind === "answered" && result.results.every(({ ok }) => ok);
    return { success: done, error: done ? "" : JSON.stringify(result) };
  };
  return {
    definition: BARE_SERVICE,
    implementation: {
      InjectRoute: (
        call: ServerUnaryCall<InjectRouteRequest, InjectRouteResponse>,
        callback: sendUnaryData<InjectRouteResponse>,
      ) => void carryOut(call.request).then((answer) => callback(null, answer)),
    },
  };
}
