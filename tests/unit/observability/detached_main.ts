/** For tracing_test.ts: prints which code of a process that exports spans is in one. */
import {
  activeTrace,
  runDetached,
  startCallSpan,
} from "../../../src/observability/tracing.ts";
import { WorkQueue } from "../../../src/reconcile/work_queue.ts";

const span = startCallSpan("quilt.QuiltRuntime/InjectRoute", () => ({}));
const traceId = span.parent?.traceId;
const isInSpan = (): boolean =>
  traceId !== undefined && activeTrace()?.traceId === traceId;

let isQueueInSpan: boolean | undefined;
const queue = new WorkQueue(() => {
  isQueueInSpan = isInSpan();
  return Promise.resolve();
});
span.run(() => queue.push(undefined, { begin: () => undefined }));
await queue.close();
const seen = {
  inside: span.run(isInSpan),
  awaited: await span.run(() => Promise.resolve().then(isInSpan)),
  detached: span.run(() => runDetached(isInSpan)),
  queue: isQueueInSpan,
};
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(seen)));
// Without an export, for which there is no collector.
Deno.kill(Deno.pid, "SIGKILL");
