import { quote } from "../../shared/quote.ts";
import type { LogLevel } from "../../observability/logger.ts";
import type {
  ConfigureOutcome,
  InjectOutcome,
  Refusal,
  RemoveOutcome,
  Undone,
} from "../../reconcile/node_service.ts";
import type { CallResult, LoggedCall, LogLine } from "../call_log.ts";
import type {
  ConfigureNodeSubnetRequest,
  InjectRouteRequest,
  RemoveRouteRequest,
} from "./wire.ts";

/** A ConfigureNodeSubnet as the log names it. */
export function configureCall({ subnet }: ConfigureNodeSubnetRequest): LoggedCall {
  return { kind: "configure", text: `ConfigureNodeSubnet(subnet=${echo(subnet)})` };
}

/** What the log says of the outcome of a ConfigureNodeSubnet. */
export function configureResult(outcome: ConfigureOutcome): CallResult {
  if (outcome.kind !== "configured") return unfulfilled(outcome);
  const { changed, subnet } = outcome;
  return done(
    changed,
    `${changed ? "" : "Subnet unchanged, "}IPAM configured with subnet: ${subnet}`,
    `Successfully configured subnet: ${subnet}`,
  );
}

/** An InjectRoute as the log names it. */
export function injectCall(
  { destination, via_interface: via }: InjectRouteRequest,
): LoggedCall {
  const text = `InjectRoute(destination=${echo(destination)}, via=${echo(via)})`;
  return { kind: "route", text, destination };
}

/** What the log says of the outcome of an InjectRoute. */
export function injectResult(outcome: InjectOutcome): CallResult {
  switch (outcome.kind) {
    case "added":
    case "unchanged": {
      const route = `${outcome.destination} dev ${outcome.device}`;
      const changed = outcome.kind === "added";
      const lines = [
        ...at(
          "info",
          changed
            ? `Added route: ${route} (index: ${outcome.ifindex})`
            : `Route unchanged: ${route}`,
        ),
        ...at("warn", ...outcome.warnings),
        ...at("info", `Successfully injected route: ${route}`),
      ];
      return { kind: "done", changed, lines };
    }
    default:
      return unfulfilled(outcome);
  }
}

/** A RemoveRoute as the log names it. */
export function removeCall({ destination }: RemoveRouteRequest): LoggedCall {
  const text = `RemoveRoute(destination=${echo(destination)})`;
  return { kind: "route", text, destination };
}

/** What the log says of the outcome of a RemoveRoute. */
export function removeResult(outcome: RemoveOutcome): CallResult {
  switch (outcome.kind) {
    case "removed":
    case "absent": {
      const { destination } = outcome;
      const changed = outcome.kind === "removed";
      return done(
        changed,
        changed
          ? `Removed route: ${destination}`
          : `Routes unchanged, nothing to remove: ${destination}`,
        `Successfully removed route: ${destination}`,
      );
    }
    default:
      return unfulfilled(outcome);
  }
}

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
export function unfulfilled(outcome: Refusal | Undone): CallResult {
  return outcome.kind === "refused"
    ? { kind: "refused", sentence: outcome.sentence }
    : { kind: "not-executed", sentence: describeUndone(outcome) };
}

/** What the log says of a call that was carried out. */
export function done(changed: boolean, ...messages: readonly string[]): CallResult {
  return { kind: "done", changed, lines: at("info", ...messages) };
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
