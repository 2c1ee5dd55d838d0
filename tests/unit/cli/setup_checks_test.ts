import assert from "node:assert/strict";
import {
  SETUP_IDS,
  type SetupFacts,
  type SetupFinding,
  setupFindings,
} from "../../../src/cli/setup_checks.ts";
import type { NotReported, SidecarAnswer } from "../../../src/cli/sidecar_answer.ts";
import type { LocalDiagnosis } from "../../../src/doctor_node.ts";
import { checkClusterPolicy } from "../../../src/ipam/policy.ts";
import { TESTED_DENO_VERSION } from "../../../src/shared/versions.ts";
import { DEFAULT_LISTEN_ADDRESS } from "../../../src/transport/listen_address.ts";
import { TIMESTAMP } from "../api/memory_data_path.ts";
import { cidr } from "../api/outcomes.ts";

const NETWORK = {
  subnet: "10.42.1.0/24",
  gateway: "10.42.1.1",
  cluster_cidr: "10.42.0.0/16",
  revision: 1,
};

const REPORTED: Extract<SidecarAnswer, { readonly kind: "reported" }> = {
  kind: "reported",
  diagnosis: { findings: [], diagnosed_at: TIMESTAMP, fault: "" },
  network: NETWORK,
};

const SENTENCE = "The sidecar on 127.0.0.1:50051 does not answer: reason";

function notReported(kind: NotReported["kind"]): NotReported {
  return { kind, sentence: SENTENCE, remedy: "do so" };
}

const LOCAL: Extract<LocalDiagnosis, { readonly kind: "diagnosed" }> = {
  kind: "diagnosed",
  findings: [],
  missing: [],
  outside: undefined,
  permitted: true,
};

function options(clusterCidr = "10.42.0.0/16", nodePrefix = 24, gatewayIndex = 1) {
  const policy = checkClusterPolicy(clusterCidr, nodePrefix);
  assert.ok(policy.ok);
  return { policy: policy.value, gatewayIndex };
}

/** A node whose sidecar reported no findings. */
const HEALTHY: SetupFacts = {
  deno: TESTED_DENO_VERSION,
  ip: { kind: "iproute2", version: "6.1.0", isOld: false },
  address: DEFAULT_LISTEN_ADDRESS,
  sidecar: REPORTED,
  local: undefined,
  options: options(),
  given: new Set(),
  notProbed: undefined,
};

/** The same without a sidecar. */
const ALONE: SetupFacts = { ...HEALTHY, sidecar: notReported("absent"), local: LOCAL };

/** The one finding about these facts. */
function only(facts: SetupFacts): SetupFinding {
  const [finding, ...others] = setupFindings(facts);
  assert.ok(finding !== undefined && others.length === 0, JSON.stringify(others));
  return finding;
}

/** What is found, as `id severity`. */
function found(facts: SetupFacts): readonly string[] {
  return setupFindings(facts).map(({ id, severity }) => `${id} ${severity}`);
}

Deno.test("setupFindings finds nothing where all is as it should be", () => {
  assert.deepEqual(setupFindings(HEALTHY), []);
});

Deno.test("setupFindings finds a Deno that is refused: critical, unless a sidecar answers", () => {
  const refused = { ...HEALTHY, deno: "2.9.5" };
  const beside = only(refused);
  assert.deepEqual([beside.id, beside.severity], ["deno-version", "warning"]);
  assert.match(beside.found, /^Deno 2\.9\.5 crashes when .*; use 2\.9\.3/);
  assert.deepEqual(beside.remedy, ["npx -y deno@2.9.3 task doctor"]);
  assert.deepEqual(found({ ...ALONE, deno: "2.9.5" }), [
    "deno-version critical",
    "no-sidecar warning",
  ]);
  // A Deno that cannot load the client tells nothing of the sidecar.
  const unasked = { ...ALONE, deno: "2.6.8", sidecar: { kind: "unasked" } } as const;
  assert.deepEqual(found(unasked), ["deno-version critical"]);
  assert.match(
    only(unasked).meaning,
    /could not ask a sidecar that runs with another version$/,
  );
});

Deno.test("setupFindings finds an ip that is missing or another program: critical, unless a sidecar answers", () => {
  const why = "the command ip was not found; install the package iproute2";
  const missing = { ...HEALTHY, ip: { kind: "missing", why } } as const;
  assert.deepEqual(found(missing), ["ip-missing warning"]);
  assert.equal(
    only(missing).found,
    "The command ip was not found; install the package iproute2",
  );
  const alone = { ...missing, sidecar: notReported("absent") };
  assert.deepEqual(found(alone), ["ip-missing critical", "no-sidecar warning"]);
  const foreign = { kind: "foreign", why: "ip ended before it answered" } as const;
  assert.equal(only({ ...HEALTHY, ip: foreign }).found, foreign.why);
  assert.deepEqual(found({ ...alone, ip: foreign }), [
    "ip-foreign critical",
    "no-sidecar warning",
  ]);
});

Deno.test("setupFindings names the version of an ip that is too old, and the oldest that is tested", () => {
  const ip = { kind: "iproute2", version: "4.20.0", isOld: true } as const;
  for (const facts of [HEALTHY, { ...HEALTHY, deno: "2.9.3" }]) {
    const { found, id, meaning, severity } = only({ ...facts, ip });
    assert.deepEqual([id, severity], ["ip-old", "warning"]);
    assert.equal(
      found,
      "ip is of iproute2 4.20.0; the oldest tested version is 5.10",
    );
    assert.match(meaning, /install a newer iproute2$/);
  }
});

Deno.test("setupFindings says that no sidecar runs: a warning as long as no desired route is missing", () => {
  const absent = only(ALONE);
  assert.deepEqual([absent.id, absent.severity], ["no-sidecar", "warning"]);
  assert.equal(absent.found, SENTENCE);
  assert.match(absent.meaning, /^The routes stay and packets flow, /);
  const missing = ["10.42.2.0/24", "10.42.3.0/24", "10.42.4.0/24", "10.42.5.0/24"]
    .map(cidr);
  const critical = only({ ...ALONE, local: { ...LOCAL, missing } });
  assert.equal(critical.severity, "critical");
  assert.match(
    critical.meaning,
    /^No packet reaches 10\.42\.2\.0\/24, 10\.42\.3\.0\/24, 10\.42\.4\.0\/24 and 1 more: /,
  );
});

Deno.test("setupFindings tells apart why a sidecar reported nothing", () => {
  const kinds: readonly (readonly [NotReported["kind"], string])[] = [
    ["absent", "no-sidecar warning"],
    ["hangs", "sidecar-hangs critical"],
    ["busy", "sidecar-busy warning"],
    ["tls", "sidecar-tls warning"],
    ["not-permitted", "not-permitted warning"],
    ["old", "sidecar-old warning"],
    ["foreign", "port-taken critical"],
  ];
  for (const [kind, expected] of kinds) {
    assert.deepEqual(found({ ...ALONE, sidecar: notReported(kind) }), [expected]);
  }
  const taken = only({ ...ALONE, sidecar: notReported("foreign") });
  assert.match(
    taken.meaning,
    /ss -ltnp 'sport = :50051'; the other findings are from ip/,
  );
  const blind = { ...ALONE, sidecar: notReported("hangs"), local: undefined };
  assert.match(only(blind).meaning, /; doctor could check nothing else$/);
});

Deno.test("setupFindings says when the kernel cannot be read, by the sidecar or without one", () => {
  const fault = "ip did not answer within 2000 ms";
  const diagnosis = { ...REPORTED.diagnosis, fault };
  const read = only({ ...HEALTHY, sidecar: { ...REPORTED, diagnosis } });
  assert.deepEqual([read.id, read.severity], ["kernel-unread", "critical"]);
  assert.equal(read.found, `The sidecar cannot read the kernel: ${fault}`);
  const local = { kind: "unread", why: fault } as const;
  assert.deepEqual(found({ ...ALONE, local }), [
    "kernel-unread critical",
    "no-sidecar warning",
  ]);
});

Deno.test("setupFindings mentions a missing capability only where no sidecar runs", () => {
  const local = { ...LOCAL, permitted: false };
  assert.deepEqual(found({ ...ALONE, local }), [
    "no-sidecar warning",
    "capability warning",
  ]);
  assert.deepEqual(found({ ...ALONE, sidecar: notReported("tls"), local }), [
    "sidecar-tls warning",
  ]);
});

Deno.test("setupFindings compares the options that are given with those of the sidecar, and no default", () => {
  const differs: SetupFacts = { ...HEALTHY, options: options("10.0.0.0/8", 25, 2) };
  assert.deepEqual(setupFindings(differs), []);
  const all = new Set(["cluster-cidr", "node-prefix", "gateway-index"] as const);
  const { found: sentence, id, severity } = only({ ...differs, given: all });
  assert.deepEqual([id, severity], ["manifest-drift", "warning"]);
  assert.equal(
    sentence,
    "The sidecar has other options: " +
      "10.42.0.0/16 and not 10.0.0.0/8 (--cluster-cidr), /24 and not /25 (--node-prefix), " +
      "10.42.1.1 and not 10.42.1.2 (--gateway-index)",
  );
  assert.deepEqual(setupFindings({ ...HEALTHY, given: all }), []);
  // Without a subnet only the cluster's prefix is known.
  const network = { ...NETWORK, subnet: "", gateway: "" };
  const unset = only({ ...differs, given: all, sidecar: { ...REPORTED, network } });
  assert.doesNotMatch(unset.found, /node-prefix|gateway-index/);
  const unknown = { ...REPORTED, network: undefined };
  assert.deepEqual(setupFindings({ ...differs, given: all, sidecar: unknown }), []);
});

Deno.test("setupFindings names what the state store has of other options, where no sidecar tells them", () => {
  const outside = "Ignored 1 route of protocol 142 that does not match …";
  const facts = { ...ALONE, local: { ...LOCAL, outside } };
  assert.deepEqual(found(facts), ["no-sidecar warning", "manifest-drift warning"]);
  assert.equal(setupFindings(facts)[1]?.found, outside);
});

Deno.test("setupFindings says why no peer was asked", () => {
  const { found, id, severity } = only({ ...HEALTHY, notProbed: "Another probe runs" });
  assert.deepEqual([id, severity], ["not-probed", "warning"]);
  assert.equal(found, "No peer was probed: Another probe runs");
});

Deno.test("setupFindings has its findings in the order of SETUP_IDS, and each sentence without a full stop", () => {
  const all = setupFindings({
    ...ALONE,
    deno: "2.9.5",
    ip: { kind: "iproute2", version: "ss200127", isOld: true },
    local: { ...LOCAL, permitted: false, outside: "Outside" },
    notProbed: "nobody can",
  });
  const ids = all.map(({ id }) => id);
  assert.deepEqual(ids, SETUP_IDS.filter((id) => ids.includes(id)));
  assert.equal(ids.length, 6);
  for (const { found, meaning } of all) {
    for (const sentence of [found, meaning]) assert.match(sentence, /^[A-Zi].*[^.]$/);
  }
});
