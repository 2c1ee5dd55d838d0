import type { Dataplane } from "../dataplane/dataplane.ts";
import type { Logger } from "../observability/logger.ts";
import { PERMISSION_DENIED } from "../routing/messages.ts";

/** Says so if the kernel will refuse every write, before the first call meets it. */
export async function reportMissingPermission(
  dataplane: Dataplane,
  logger: Logger,
): Promise<void> {
  const exchange = await dataplane.dump([{ kind: "permission" }]);
  const result = exchange.kind === "answered" ? exchange.results[0] : undefined;
  if (result?.ok === false && result.failure.kind === "not-permitted") {
    logger.log("error", PERMISSION_DENIED);
  }
}
