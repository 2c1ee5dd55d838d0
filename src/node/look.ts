import type { Errand } from "../kernel/door.ts";
import type { Failure } from "../kernel/failures.ts";
import { decodeLinks, decodeRoutes } from "../kernel/replies.ts";
import type { Result } from "../kernel/session.ts";
import { sightOfBest } from "../routes/decide.ts";
import type { LinkState, Sight } from "../routes/found_route.ts";
import type { InterfaceName } from "../routes/interface_name.ts";
import type { Ipv4Cidr } from "../ipam/cidr.ts";
import type { Snapshot } from "./snapshot.ts";

/** One question about a destination; `closer` walks the table instead of one look-up. */
export interface Question {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName | undefined;
  readonly closer: boolean;
}

/** What is there. */
export interface Seen {
  readonly kind: "seen";
  /** The device that was asked for; `missing` when none was. */
  readonly link: LinkState;
  readonly sight: Sight;
}

/** What is there, or why nobody knows. `closer`: one look-up could not tell. */
export type View =
  | Seen
  | { readonly kind: "closer" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The errands of a look, and what their results show. */
export interface Look {
  readonly errands: readonly Errand[];
  /** Views in the order of the questions. */
  read(results: readonly Result[]): readonly View[];
}

const MISSING: LinkState = { kind: "missing" };

/** Plans to ask about destinations, and about the devices that are not known. */
export function planLook(questions: readonly Question[], snapshot: Snapshot): Look {
  const known = new Map<InterfaceName, LinkState>();
  const unknown = new Set<InterfaceName>();
  for (const { device } of questions) {
    if (device === undefined) continue;
    const link = snapshot.link(device);
    if (link === undefined) unknown.add(device);
    else known.set(device, link);
  }
  const devices = [...unknown];
  const links = devices.map((device): Errand => ({
    command: { kind: "link", device },
  }));
  const routes = questions.map(({ closer, destination }): Errand => ({
    command: { kind: closer ? "exact-routes" : "best-route", destination },
  }));
  return {
    errands: [...links, ...routes],
    read: (results) => {
      for (const [index, device] of devices.entries()) {
        const state = linkState(results[index]);
        known.set(device, state);
        snapshot.learn(device, state);
      }
      return questions.map((question, index) => {
        const { device } = question;
        const link = device === undefined ? undefined : known.get(device);
        return view(question, link ?? MISSING, results[devices.length + index]);
      });
    },
  };
}

/** Reads the answer to one `best-route` or `exact-routes`. */
export function readSight(
  destination: Ipv4Cidr,
  closer: boolean,
  result: Result | undefined,
): Sight | undefined {
  if (result === undefined) return undefined;
  if (!result.ok) {
    return !closer && result.failure.kind === "unreachable"
      ? { kind: "best", route: undefined }
      : undefined;
  }
  const routes = decodeRoutes(result.document ?? "[]").map(({ route }) => route);
  return closer ? { kind: "all", routes } : sightOfBest(destination, routes[0]);
}

/** The reply of a door that did not answer, as the reason that callers are told. */
export function lostBecause(
  reply: { readonly kind: "full" | "closed" } | {
    readonly kind: "lost";
    readonly why: string;
  },
): { readonly kind: "lost"; readonly why: string } {
  switch (reply.kind) {
    case "lost":
      return { kind: "lost", why: reply.why };
    case "full":
      return { kind: "lost", why: "too many exchanges are waiting" };
    case "closed":
      return { kind: "lost", why: "the sidecar is shutting down" };
  }
}

function view(question: Question, link: LinkState, result: Result | undefined): View {
  const sight = readSight(question.destination, question.closer, result);
  if (sight !== undefined) return { kind: "seen", link, sight };
  if (!question.closer) return { kind: "closer" };
  return {
    kind: "failed",
    failure: result !== undefined && !result.ok
      ? result.failure
      : { kind: "other", words: "no answer" },
  };
}

function linkState(result: Result | undefined): LinkState {
  if (result === undefined || !result.ok) return MISSING;
  return decodeLinks(result.document ?? "[]")[0]?.state ?? MISSING;
}
