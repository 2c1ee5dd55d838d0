import { decideInstall } from "./decide.ts";
import type { Route } from "../routing/route.ts";
import type { PresentReached } from "./goal.ts";
import type { Snapshot } from "./kernel_cache.ts";
import { CLOSER, createTask, settled, type Task, type Verdict } from "./task.ts";

/** A task that looks and decides as for a wanted route, and writes nothing. */
export function forecastTask(
  wanted: Route,
  snapshot: Snapshot,
  settle: (reached: PresentReached) => void,
): Task {
  return createTask<PresentReached>({
    question: wanted,
    opening: undefined,
    judge: ({ link, sight }): Verdict<PresentReached> => {
      const decision = decideInstall(wanted, link, sight);
      const master = link.kind === "present" ? link.master : undefined;
      switch (decision.kind) {
        case "look-closer":
          return CLOSER;
        case "pending":
          return settled(decision);
        case "connected":
          return settled({
            kind: "connected",
            device: decision.device,
            wrote: false,
            remembered: false,
          });
        case "unchanged":
          return settled({ ...decision, master });
        case "install": {
          const { ifindex, over } = decision;
          return settled({ kind: "added", ifindex, over, master });
        }
      }
    },
    settle,
  }, snapshot.isOccupied(wanted.destination));
}
