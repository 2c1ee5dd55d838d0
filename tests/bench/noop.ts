import type { ServiceDefinition } from "@grpc/grpc-js";
import { QUILT_RUNTIME } from "../../src/rpc/wire.ts";

/** InjectRoute's messages under a name of their own, for a call that does nothing. */
export const NOOP_SERVICE: ServiceDefinition = Object.fromEntries(
  Object.entries(QUILT_RUNTIME)
    .filter(([name]) => name === "InjectRoute")
    .map(([name, method]) => [name, { ...method, path: `/quilt.bench.Noop/${name}` }]),
);
