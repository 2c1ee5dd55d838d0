/**
 * The same as server_main.ts, but calls and batches are counted as in `serve`.
 *
 * Words: those of src/main.ts, `serve` and its options.
 */
import { createInstruments } from "../../src/observability/instruments.ts";
import { createMeters } from "../../src/observability/meters.ts";
import { SIDECAR_VERSION } from "../../src/shared/versions.ts";
import { serveForBench } from "./bench_server.ts";

await serveForBench(createInstruments(createMeters(SIDECAR_VERSION).all));
