/** What `doctor` learns by asking the sidecar. */
import { status } from "@grpc/grpc-js";
import type { ListFindingsResponse } from "../api/gen/quilt/sidecar/v1/ListFindingsResponse.ts";
import type { NodeNetwork } from "../api/gen/quilt/sidecar/v1/NodeNetwork.ts";
import type { ProbedPeer } from "../api/gen/quilt/sidecar/v1/ProbedPeer.ts";
import type { ProbePeersResponse } from "../api/gen/quilt/sidecar/v1/ProbePeersResponse.ts";
import { DATA_PATH_SERVICE } from "../api/proto_registry.ts";
import { err, ok, type Result } from "../shared/result.ts";
import {
  type CallFault,
  createClient,
  createSidecarReader,
  createUnaryCall,
  reasonOf,
  type SidecarReader,
} from "./grpc_client.ts";
import { findCause } from "./explain_fault.ts";
import { identifyListener, type Listener } from "./listener.ts";
import { explainNoAnswer } from "./no_answer.ts";
import type { Target } from "./target.ts";

/** The findings that the sidecar reported, or why it reported none. */
export type SidecarAnswer =
  | {
    readonly kind: "reported";
    readonly diagnosis: ListFindingsResponse;
    /** Undefined if this call had no answer. */
    readonly network: NodeNetwork | undefined;
  }
  | NotReported
  /** This Deno cannot load what asks. */
  | { readonly kind: "unasked" };

/** No sidecar answered with findings; `sentence` is that of `status`. */
export interface NotReported {
  readonly kind:
    /** Nothing listens. */
    | "absent"
    /** It accepts connections and answers nothing. */
    | "hangs"
    /** It is there, and was not asked successfully this time. */
    | "busy"
    /** It serves TLS, and doctor has no certificate for it, or one rejects the other's. */
    | "tls"
    /** This user may not connect. */
    | "not-permitted"
    /** It does not know the call. */
    | "old"
    /** Another program listens. */
    | "foreign";
  readonly sentence: string;
  /** What to do, a part of a sentence. */
  readonly remedy: string;
}

/** Milliseconds for a call, as `status` has. */
const DEADLINE_MS = 3_000;

/** Milliseconds to find out who listens. */
const LISTENER_MS = 1_000;

/** Asks for the findings; if no answer comes, finds out which program listens. */
export async function askSidecar(
  target: Target,
): Promise<Exclude<SidecarAnswer, { readonly kind: "unasked" }>> {
  const { address, authority } = target;
  const client = createClient(target);
  const reader = createSidecarReader(createUnaryCall(client, DEADLINE_MS));
  const [findings, network] = await Promise.all([
    reader.listFindings(),
    reader.getNodeNetwork(),
  ]);
  client.close();
  if (findings.ok) {
    return { kind: "reported", diagnosis: findings.value, network: networkOf(network) };
  }
  const { fault } = findings;
  const cause = await findCause(target, fault, DEADLINE_MS);
  const { remedy, sentence } = explainNoAnswer(authority, cause);
  if (fault.code === status.UNIMPLEMENTED) {
    return { kind: network.ok ? "old" : "foreign", sentence, remedy };
  }
  const kind = KINDS[await identifyListener(address, LISTENER_MS)];
  return { kind, sentence, remedy };
}

const KINDS = {
  "none": "absent",
  "not-permitted": "not-permitted",
  "sidecar": "busy",
  "tls": "tls",
  "silent": "hangs",
  "other": "foreign",
} as const satisfies Readonly<Record<Listener, NotReported["kind"]>>;

function networkOf(
  answer: Awaited<ReturnType<SidecarReader["getNodeNetwork"]>>,
): NodeNetwork | undefined {
  return answer.ok ? answer.value.node_network ?? undefined : undefined;
}

/**
 * Milliseconds for a probe of all peers. The kernel asks for 3 s, and 256 peers at once:
 * enough for 3,000 that are all silent.
 */
const PROBE_DEADLINE_MS = 120_000;

/** Has the sidecar ask its peers, or returns why it did not. */
export async function probePeers(
  target: Target,
): Promise<Result<readonly ProbedPeer[], string>> {
  const client = createClient(target);
  const call = createUnaryCall(client, PROBE_DEADLINE_MS);
  const answer: Result<ProbePeersResponse, CallFault> = await call(
    DATA_PATH_SERVICE,
    "ProbePeers",
    {},
  );
  client.close();
  return answer.ok
    ? ok(answer.value.peers)
    : err(reasonOf(answer.fault, PROBE_DEADLINE_MS));
}
