import type { ConfigureOutcome } from "../../addresses/ports.ts";
import type { InjectOutcome, RemoveOutcome } from "../../reconcile/ports.ts";
import type { CallResult, LoggedCall } from "../call_log.ts";
import { failed, linesAt, quoteUnlessPlain, succeeded } from "../call_messages.ts";
import type { ConfigureNodeSubnetRequest } from "../gen/quilt/ConfigureNodeSubnetRequest.ts";
import type { InjectRouteRequest } from "../gen/quilt/InjectRouteRequest.ts";
import type { RemoveRouteRequest } from "../gen/quilt/RemoveRouteRequest.ts";

/** A ConfigureNodeSubnet as the log names it. */
export function configureCall({ subnet }: ConfigureNodeSubnetRequest): LoggedCall {
  const text = `ConfigureNodeSubnet(subnet=${quoteUnlessPlain(subnet)})`;
  return { kind: "configure", text };
}

/** What the log says about the outcome of a ConfigureNodeSubnet. */
export function configureResult(outcome: ConfigureOutcome): CallResult {
  if (outcome.kind !== "configured") return failed(outcome);
  const { changed, subnet } = outcome;
  return succeeded(
    changed,
    `${changed ? "" : "Subnet unchanged, "}IPAM configured with subnet: ${subnet}`,
    `Successfully configured subnet: ${subnet}`,
  );
}

/** An InjectRoute as the log names it. */
export function injectCall(request: InjectRouteRequest): LoggedCall {
  const destination = quoteUnlessPlain(request.destination);
  const device = quoteUnlessPlain(request.via_interface);
  const text = `InjectRoute(destination=${destination}, via=${device})`;
  return { kind: "route", text, destination, device };
}

/** What the log says about the outcome of an InjectRoute. */
export function injectResult(outcome: InjectOutcome): CallResult {
  switch (outcome.kind) {
    case "added":
    case "unchanged": {
      const route = `${outcome.destination} dev ${outcome.device}`;
      const changed = outcome.kind === "added";
      const effect = changed
        ? `Added route: ${route} (index: ${outcome.ifindex})`
        : `Route unchanged: ${route}`;
      const warnings = outcome.kind === "added" ? outcome.warnings : [];
      const lines = [
        ...linesAt("info", [effect]),
        ...linesAt("warn", warnings),
        ...linesAt("info", [`Successfully injected route: ${route}`]),
      ];
      return { kind: "succeeded", changed, lines };
    }
    default:
      return failed(outcome);
  }
}

/** A RemoveRoute as the log names it. */
export function removeCall(request: RemoveRouteRequest): LoggedCall {
  const destination = quoteUnlessPlain(request.destination);
  const text = `RemoveRoute(destination=${destination})`;
  return { kind: "route", text, destination };
}

/** What the log says about the outcome of a RemoveRoute. */
export function removeResult(outcome: RemoveOutcome): CallResult {
  switch (outcome.kind) {
    case "removed":
    case "absent": {
      const { destination } = outcome;
      const changed = outcome.kind === "removed";
      return succeeded(
        changed,
        changed
          ? `Removed route: ${destination}`
          : `Routes unchanged, nothing to remove: ${destination}`,
        `Successfully removed route: ${destination}`,
      );
    }
    default:
      return failed(outcome);
  }
}
