import { quote } from "../ipam/quote.ts";
import type { LogLevel } from "../log.ts";
import type {
  ConfigureOutcome,
  InjectOutcome,
  Refusal,
  RemoveOutcome,
  Undone,
} from "../node_service.ts";
import type {
  ConfigureNodeSubnetRequest,
  InjectRouteRequest,
  RemoveRouteRequest,
} from "./wire.ts";

/** One line of the human log. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** What the log says of a ConfigureNodeSubnet: info if it changed anything. */
export function configureLines(
  request: ConfigureNodeSubnetRequest,
  outcome: ConfigureOutcome,
): readonly LogLine[] {
  const rpc = `RPC: ConfigureNodeSubnet(subnet=${echo(request.subnet)})`;
  if (outcome.kind !== "configured") return unfulfilled(rpc, outcome);
  return at(
    outcome.changed ? "info" : "debug",
    rpc,
    outcome.changed
      ? `IPAM configured with subnet: ${outcome.subnet}`
      : `IPAM already configured with subnet: ${outcome.subnet}`,
    `Successfully configured subnet: ${outcome.subnet}`,
  );
}

/** What the log says of an InjectRoute: info if it changed anything. */
export function injectLines(
  request: InjectRouteRequest,
  outcome: InjectOutcome,
): readonly LogLine[] {
  const { destination, via_interface: via } = request;
  const rpc = `RPC: InjectRoute(destination=${echo(destination)}, via=${echo(via)})`;
  switch (outcome.kind) {
    case "added": {
      const route = `${outcome.destination} dev ${outcome.device}`;
      return [
        { level: "info", message: rpc },
        { level: "info", message: `Added route: ${route} (index: ${outcome.ifindex})` },
        ...at("warn", ...outcome.warnings),
        { level: "info", message: `Successfully injected route: ${route}` },
      ];
    }
    case "unchanged": {
      const route = `${outcome.destination} dev ${outcome.device}`;
      return [
        { level: "debug", message: rpc },
        { level: "debug", message: `Route is there already: ${route}` },
        ...at("warn", ...outcome.warnings),
        { level: "debug", message: `Successfully injected route: ${route}` },
      ];
    }
    default:
      return unfulfilled(rpc, outcome);
  }
}

/** What the log says of a RemoveRoute: info if it changed anything. */
export function removeLines(
  request: RemoveRouteRequest,
  outcome: RemoveOutcome,
): readonly LogLine[] {
  const rpc = `RPC: RemoveRoute(destination=${echo(request.destination)})`;
  switch (outcome.kind) {
    case "removed":
      return at(
        "info",
        rpc,
        `Removed route: ${outcome.destination}`,
        `Successfully removed route: ${outcome.destination}`,
      );
    case "absent":
      return at(
        "debug",
        rpc,
        `No route to remove: ${outcome.destination}`,
        `Successfully removed route: ${outcome.destination}`,
      );
    default:
      return unfulfilled(rpc, outcome);
  }
}

/** What a caller is answered whose deadline has passed. */
export const DEADLINE_EXCEEDED =
  "The deadline had passed before the kernel was touched; nothing was changed";

/** Why nothing was done, as the caller and the log are told. */
export function describeUndone(outcome: Undone): string {
  switch (outcome.kind) {
    case "shutting-down":
      return "The sidecar is shutting down; call again when it is back";
    case "queue-full":
      return "Too many calls wait for the kernel; call again later";
    case "caller-gone":
      return "The caller had gone before the kernel was touched; nothing was changed";
    default:
      return outcome satisfies never;
  }
}

/** What the log says of a call that was not carried out. */
export function unfulfilled(
  rpc: string,
  outcome: Refusal | Undone,
): readonly LogLine[] {
  const sentence = outcome.kind === "refused"
    ? outcome.sentence
    : describeUndone(outcome);
  return [{ level: "info", message: rpc }, { level: "warn", message: sentence }];
}

/** Lines of one level. */
export function at(
  level: LogLevel,
  ...messages: readonly string[]
): readonly LogLine[] {
  return messages.map((message) => ({ level, message }));
}

const PLAIN = /^[A-Za-z0-9._/-]{1,64}$/;

/** The contract's lines show a value as it is; anything odd is quoted instead. */
export function echo(value: string): string {
  return PLAIN.test(value) ? value : quote(value);
}
