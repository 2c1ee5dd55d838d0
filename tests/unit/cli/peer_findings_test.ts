import assert from "node:assert/strict";
import type { ProbedPeer } from "../../../src/api/gen/quilt/sidecar/v1/ProbedPeer.ts";
import { peerFindings, toShownPeer } from "../../../src/cli/peer_findings.ts";
import { peerChecks } from "../../../src/diagnose/checks/peers.ts";
import type { ProbeResult, ProbeState } from "../../../src/diagnose/ports.ts";
import { toProbeReply } from "../../../src/api/data_path/messages.ts";
import { cidr, device } from "../api/outcomes.ts";
import { address } from "../api/pod_network.ts";

const ANSWERED: ProbeState = { kind: "answered", afterMs: 0.4567 };
const SILENT: ProbeState = { kind: "silent" };
const KNOWN: ProbeState = { kind: "known" };
const FAILED: ProbeState = { kind: "failed", why: "Network is down" };

function result(gateway: ProbeState, proxied: ProbeState): ProbeResult {
  return {
    destination: cidr("10.42.2.0/24"),
    device: device("vxlan100"),
    gateway: { address: address("10.42.2.1"), state: gateway },
    proxied: { address: address("10.42.2.254"), state: proxied },
  };
}

/** As the API sends it. */
function message(probed: ProbeResult): ProbedPeer {
  const reply = toProbeReply({ kind: "probed", results: [probed] });
  assert.ok(reply.kind === "message");
  const [peer] = reply.message.peers;
  assert.ok(peer !== undefined);
  return peer;
}

function found(gateway: ProbeState, proxied: ProbeState) {
  return peerFindings([toShownPeer(message(result(gateway, proxied)))]);
}

Deno.test("toShownPeer has the state of both addresses, and the time to answer in milliseconds", () => {
  assert.deepEqual(toShownPeer(message(result(ANSWERED, FAILED))), {
    destination: "10.42.2.0/24",
    device: "vxlan100",
    gateway: {
      address: "10.42.2.1",
      state: "answered",
      answered_after_ms: 0.5,
      reason: "",
    },
    proxied: {
      address: "10.42.2.254",
      state: "failed",
      answered_after_ms: null,
      reason: "Network is down",
    },
  });
  const slow = toShownPeer(
    message(result({ kind: "answered", afterMs: 2_345.6 }, KNOWN)),
  );
  assert.equal(slow.gateway.answered_after_ms, 2_345.6);
});

Deno.test("peerFindings finds a peer that answers for nothing, and one without proxy_arp", () => {
  const ids = (gateway: ProbeState, proxied: ProbeState) =>
    found(gateway, proxied).map(({ id, severity }) => `${id} ${severity}`);
  assert.deepEqual(ids(SILENT, SILENT), ["peer-unreachable critical"]);
  assert.deepEqual(ids(SILENT, KNOWN), ["peer-unreachable critical"]);
  assert.deepEqual(ids(ANSWERED, SILENT), ["peer-proxy-arp critical"]);
  assert.deepEqual(ids(KNOWN, SILENT), ["peer-proxy-arp critical"]);
  assert.deepEqual(ids(SILENT, ANSWERED), []);
  for (const gateway of [ANSWERED, KNOWN]) {
    assert.deepEqual(ids(gateway, ANSWERED), []);
    assert.deepEqual(ids(gateway, KNOWN), []);
  }
});

Deno.test("peerFindings says it in the words of the sidecar's own check", () => {
  for (const gateway of [SILENT, ANSWERED]) {
    const [shown] = found(gateway, SILENT);
    const [checked] = peerChecks({ probed: [result(gateway, SILENT)] });
    assert.ok(shown !== undefined && checked !== undefined);
    const { found: sentence, id, meaning, remedy, severity } = checked;
    assert.deepEqual(
      [shown.id, shown.severity, shown.found, shown.meaning, shown.remedy],
      [id, severity, sentence, meaning, remedy],
    );
  }
});

Deno.test("peerFindings warns of a peer that the kernel refused to ask", () => {
  const [shown, ...others] = found(FAILED, FAILED);
  assert.ok(shown !== undefined && others.length === 0);
  assert.deepEqual([shown.id, shown.severity, shown.destination], [
    "peer-not-asked",
    "warning",
    "10.42.2.0/24",
  ]);
  assert.equal(
    shown.found,
    "The kernel refused to probe 10.42.2.1 through vxlan100: Network is down",
  );
});
