import type { Route } from "../api/gen/quilt/sidecar/v1/Route.ts";
import { enclosing, parseAddress } from "../ipam/address.ts";
import { overlap, parseCidr } from "../ipam/cidr.ts";
import { quote } from "../shared/quote.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { CommandLine } from "./command_definition.ts";

/**
 * Reads {@linkcode FILTER_OPTIONS}: a route must meet all that are given.
 *
 * `--destination` takes an address, which lies in at most one destination, or a prefix: a
 * destination must lie in it, or the other way round.
 */
export function readRouteFilter(
  options: CommandLine["options"],
): Result<(route: Route) => boolean, string> {
  const device = options.get("device");
  const isSought = readDestination(options.get("destination"));
  if (!isSought.ok) return isSought;
  return ok((route) =>
    (!options.has("pending") || route.state === "ROUTE_STATE_PENDING") &&
    (!options.has("unconfirmed") || !route.confirmed) &&
    (device === undefined || route.device === device) &&
    isSought.value(route.destination)
  );
}

function readDestination(
  text: string | undefined,
): Result<(destination: string) => boolean, string> {
  if (text === undefined) return ok(() => true);
  const address = parseAddress(text);
  const sought = address.ok ? ok(enclosing(address.value, 32)) : parseCidr(text);
  if (!sought.ok) {
    const example =
      "an IPv4 address such as 10.42.2.7 or a prefix such as 10.42.0.0/20";
    return err(`Invalid --destination ${quote(text)}; use ${example}`);
  }
  const prefix = sought.value;
  return ok((destination) => {
    const parsed = parseCidr(destination);
    if (!parsed.ok) return false;
    return overlap(prefix, parsed.value);
  });
}
