import assert from "node:assert/strict";
import { GrpcStatusError, type QuiltClient } from "../support/client.ts";
import { until } from "../support/wait.ts";

/** A client that was refused while nobody listened waits a moment before it tries again. */
export async function reconnect(client: QuiltClient): Promise<void> {
  await until(async () => {
    try {
      // No CIDR: nothing comes of it.
      return (await client.removeRoute("")).error !== "";
    } catch (error) {
      if (!(error instanceof GrpcStatusError)) throw error;
      assert.equal(error.status, "UNAVAILABLE", error.message);
      return false;
    }
  }, { what: "the client to be connected again" });
}
