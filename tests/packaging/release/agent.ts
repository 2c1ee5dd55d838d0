import assert from "node:assert/strict";
import { done } from "../../e2e/host.ts";
import { connectClient, GrpcStatusError } from "../../support/client.ts";
import type { Namespace } from "../../support/namespace.ts";
import { until } from "../../support/wait.ts";

/** An agent that calls without a pause. */
export interface CallingAgent {
  /** Waits for more calls that succeed. */
  more(what: string): Promise<void>;
  /** Stops it; the answer is what every call ended with that failed. */
  stop(): Promise<readonly string[]>;
}

/** Calls after which the agent connects anew, as one does that is started again. */
const CALLS_PER_CONNECTION = 50;

/** Begins to ask for the route to 10.42.2.0/24 through vxlan100, again and again. */
export function callAlways(namespace: Namespace): CallingAgent {
  let stopped = false;
  let calls = 0;
  const failures: string[] = [];
  const connection = async (): Promise<void> => {
    await using client = await connectClient(namespace);
    for (let each = 0; each < CALLS_PER_CONNECTION && !stopped; each += 1) {
      try {
        const answer = await client.injectRoute("10.42.2.0/24", "vxlan100");
        assert.deepEqual(answer, done);
        calls += 1;
      } catch (error) {
        if (!(error instanceof GrpcStatusError)) throw error;
        failures.push(error.message);
      }
    }
  };
  const calling = (async () => {
    while (!stopped) await connection();
  })();
  return {
    more: async (what) => {
      const before = calls;
      await until(() => calls > before + 3, { what, deadlineMs: 60_000 });
    },
    stop: async () => {
      stopped = true;
      await calling;
      return failures;
    },
  };
}
