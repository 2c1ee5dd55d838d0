import assert from "node:assert/strict";
import type { LogLine } from "../../../src/observability/logger.ts";
import {
  CONTENTION,
  ContentionLog,
  FLAPPING,
} from "../../../src/reconcile/contention_log.ts";
import { CONTENTION_COUNT } from "../../../src/reconcile/limits.ts";
import { until } from "../../support/wait.ts";

/** What is logged first when these keys are in contention. */
async function begun(
  messages: typeof CONTENTION,
  keys: readonly string[],
): Promise<LogLine> {
  const lines: LogLine[] = [];
  const log = new ContentionLog<string>({
    log: (level, message, fields = {}) => void lines.push({ level, message, fields }),
    flush: () => Promise.resolve(),
  }, messages);
  for (const key of keys) {
    for (let count = 0; count < CONTENTION_COUNT; count += 1) {
      log.count(key, performance.now());
    }
  }
  try {
    return await until(() => lines[0], { what: "the line" });
  } finally {
    log.close();
  }
}

Deno.test("ContentionLog names in the fields of a line the one route or link that it is about", async () => {
  const [route, link, two] = await Promise.all([
    begun(CONTENTION, ["10.42.2.0/24"]),
    begun(FLAPPING, ["vxlan100"]),
    begun(FLAPPING, ["vxlan100", "vxlan200"]),
  ]);
  assert.deepEqual(route.fields, { destination: "10.42.2.0/24" });
  assert.deepEqual(link.fields, { device: "vxlan100" });
  assert.equal(
    two.message,
    "Links keep going up and down, and the kernel deletes our routes each time: vxlan100, vxlan200",
  );
  assert.deepEqual(two.fields, {});
});
