import { commonPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import {
  answerOf,
  type Failure,
  type Operation,
  type OperationResult,
} from "../dataplane/dataplane.ts";
import { sightOfBest } from "./decide.ts";
import type { ActualRoutes, LinkState } from "../routing/kernel_route.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Snapshot } from "./kernel_cache.ts";

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
  readonly sight: ActualRoutes;
}

/** What is there, or why nobody knows. `closer`: one look-up could not tell. */
export type View =
  | Seen
  | { readonly kind: "closer" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The operations of a look, and what their results show. */
export interface Look {
  readonly operations: readonly Operation[];
  /** Views in the order of the questions. */
  read(results: readonly OperationResult[], links: LinkStates): readonly View[];
}

/** What is known of devices. */
export type LinkStates = ReadonlyMap<InterfaceName, LinkState>;

/** The operations that ask about devices, and what their results show. */
export interface LinkLook {
  readonly operations: readonly Operation[];
  read(results: readonly OperationResult[]): LinkStates;
}

const MISSING: LinkState = { kind: "missing" };

/** From so many destinations on, one walk over the table is cheaper than one for each. */
const MANY = 8;

/** Plans to ask about destinations. */
export function planLook(questions: readonly Question[], snapshot: Snapshot): Look {
  const closer = questions.filter((question) => question.closer);
  const walks = closer.length >= MANY;
  const walk: readonly Operation[] = walks
    ? [{
      command: {
        kind: "routes-within",
        cluster: commonPrefix(closer.map(({ destination }) => destination)),
      },
    }]
    : [];
  const alone = questions.filter((question) => !(walks && question.closer));
  const looks = alone.map(({ closer, destination }): Operation => ({
    command: { kind: closer ? "exact-routes" : "best-route", destination },
  }));
  return {
    operations: [...walk, ...looks],
    read: (results, links) => {
      const rest = results.values();
      const walked = walks ? readWalk(rest.next().value) : undefined;
      return questions.map((question) => {
        const { closer, destination, device } = question;
        const link = device === undefined ? MISSING : links.get(device) ?? MISSING;
        return closer && walked !== undefined
          ? walked(destination, link)
          : view(question, link, rest.next().value, snapshot);
      });
    },
  };
}

/**
 * Plans to ask about devices, each once, whatever was seen last: a device may have given
 * its name to another one a moment ago, and what `ip` writes and prints is by the names
 * that it has met. The kernel's own answer shows it, see `isStale` in session.ts.
 */
export function planLinks(
  devices: Iterable<InterfaceName>,
  snapshot: Snapshot,
): LinkLook {
  const asked = [...new Set(devices)];
  return {
    operations: asked.map((device) => ({ command: { kind: "link", device } })),
    read: (results) =>
      new Map(asked.map((device, index) => {
        const state = answerOf(results[index], "link")?.link ?? MISSING;
        snapshot.learn(device, state);
        return [device, state];
      })),
  };
}

/** Sorts what a walk found by destination. */
function readWalk(
  result: OperationResult | undefined,
): (destination: Ipv4Cidr, link: LinkState) => View {
  const walked = answerOf(result, "routes");
  if (walked === undefined) return () => failedView(result);
  const byDestination = Map.groupBy(walked.routes, (route) => route.destination);
  return (destination, link) => {
    const routes = byDestination.get(destination) ?? [];
    return { kind: "seen", link, sight: { kind: "all", routes } };
  };
}

/**
 * Reads the answer to one `best-route`. "Nothing there" is what a rule says as well that
 * hides the route: it counts only where no such rule is known.
 */
export function readBest(
  destination: Ipv4Cidr,
  result: OperationResult | undefined,
  { rulesMayHide }: Pick<Snapshot, "rulesMayHide">,
): ActualRoutes | undefined {
  const sight = sightOf(destination, result);
  const isNothing = sight?.kind === "best" && sight.route === undefined;
  return isNothing && rulesMayHide ? undefined : sight;
}

function sightOf(
  destination: Ipv4Cidr,
  result: OperationResult | undefined,
): ActualRoutes | undefined {
  if (result?.ok === false) {
    return result.failure.kind === "unreachable"
      ? { kind: "best", route: undefined }
      : undefined;
  }
  const best = answerOf(result, "best-route")?.route;
  return best === undefined ? undefined : sightOfBest(destination, best);
}

/** The reply of a dataplane that did not answer, as the reason that callers are told. */
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

function view(
  { closer, destination }: Question,
  link: LinkState,
  result: OperationResult | undefined,
  snapshot: Snapshot,
): View {
  if (!closer) {
    const sight = readBest(destination, result, snapshot);
    return sight === undefined ? { kind: "closer" } : { kind: "seen", link, sight };
  }
  const walked = answerOf(result, "routes");
  if (walked === undefined) return failedView(result);
  return { kind: "seen", link, sight: { kind: "all", routes: walked.routes } };
}

function failedView(result: OperationResult | undefined): View {
  const failure = result !== undefined && !result.ok
    ? result.failure
    : { kind: "other", words: "no answer" } as const;
  return { kind: "failed", failure };
}
