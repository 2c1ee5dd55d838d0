import type { ServiceDefinition } from "@grpc/grpc-js";
import { QUILT_RUNTIME } from "../../src/api/proto_registry.ts";

/** For a call that does nothing. */
export const NOOP_SERVICE = likeInjectRoute("quilt.bench.Noop");

/** For a call that asks `ip` what InjectRoute asks it, and does nothing else. */
export const BARE_SERVICE = likeInjectRoute("quilt.bench.Bare");

/** InjectRoute's messages under a name of their own. */
function likeInjectRoute(service: string): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(QUILT_RUNTIME)
      .filter(([name]) => name === "InjectRoute")
      .map(([name, method]) => [name, { ...method, path: `/${service}/${name}` }]),
  );
}
