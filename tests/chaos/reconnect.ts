import { GrpcStatusError, type QuiltClient } from "../support/client.ts";
import { until } from "../support/wait.ts";

/**
 * Whether a call failed because its connection ended, or there was none. grpc-js says
 * INTERNAL when that happens while it is still writing.
 */
export function isUnanswered(error: unknown): boolean {
  return error instanceof GrpcStatusError && (error.status === "UNAVAILABLE" ||
    error.status === "INTERNAL" &&
      error.details.includes("triggered by internal client error"));
}

/** Waits until a client is connected again; it pauses before each retry. */
export async function reconnect(client: QuiltClient): Promise<void> {
  await until(async () => {
    try {
      // No CIDR: the call changes nothing.
      return (await client.removeRoute("")).error !== "";
    } catch (error) {
      if (isUnanswered(error)) return false;
      throw error;
    }
  }, { what: "the client to be connected again" });
}
