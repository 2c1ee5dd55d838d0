/**
 * The sidecar with two more services, composed of the very pieces of `serve` and started
 * under the same grants: a unary call that does nothing and one that only talks to `ip`,
 * over the messages of InjectRoute, to compare it with. Measuring ends with SIGKILL.
 *
 * Words: those of src/main.ts, `serve` and its options.
 */
import { serveForBench } from "./bench_server.ts";

await serveForBench();
