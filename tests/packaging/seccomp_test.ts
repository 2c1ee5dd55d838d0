import assert from "node:assert/strict";
import { rtnetlinkOnly } from "../../deploy/kubernetes/seccomp.ts";

const ALLOW = "SCMP_ACT_ALLOW";
const profile = {
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  archMap: [{ architecture: "SCMP_ARCH_X86_64" }],
  syscalls: [
    { names: ["accept", "socket", "write"], action: ALLOW, args: null },
    { names: ["socket"], action: ALLOW, includes: { caps: ["CAP_AUDIT_WRITE"] } },
  ],
};

Deno.test("rtnetlinkOnly keeps a runtime's profile except its rules for socket(2)", () => {
  const { syscalls, ...rest } = rtnetlinkOnly(profile);
  const { syscalls: _, ...before } = profile;
  assert.deepEqual(rest, before);
  const only = (index: number, value: number, op: string) => ({
    names: ["socket"],
    action: ALLOW,
    args: [{ index, value, valueTwo: 0, op }],
  });
  assert.deepEqual(syscalls, [
    { names: ["accept", "write"], action: ALLOW, args: null },
    // Another family than AF_NETLINK, or NETLINK_ROUTE.
    only(0, 16, "SCMP_CMP_NE"),
    only(2, 0, "SCMP_CMP_EQ"),
  ]);
});

Deno.test("rtnetlinkOnly refuses a profile that allows by default, and a text that is no profile", () => {
  for (
    const odd of [
      {},
      { ...profile, defaultAction: ALLOW },
      { ...profile, syscalls: "all" },
      { ...profile, syscalls: [{ action: ALLOW }] },
    ]
  ) {
    assert.throws(() => rtnetlinkOnly(odd), /^TypeError: Cannot read as a/);
  }
});
