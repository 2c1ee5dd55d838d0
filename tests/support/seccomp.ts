import { isJsonObject, type JsonObject, parseJsonObject } from "../../deploy/json.ts";
import { stringsAt } from "./image.ts";

/** The profile that CRI-O and Podman apply as RuntimeDefault, as Debian installs it. */
const PROFILE = "/usr/share/containers/seccomp.json";

/** This machine's name in the profile, and in libseccomp. */
const [ARCHITECTURE, SCMP_ARCHITECTURE] = Deno.build.arch === "x86_64"
  ? ["amd64", "SCMP_ARCH_X86_64"]
  : ["arm64", "SCMP_ARCH_AARCH64"];

/**
 * RuntimeDefault for a container of these capabilities, as a runtime takes it: rules
 * that hold for other capabilities or machines are left out.
 *
 * @param capabilities e.g. `CAP_NET_ADMIN`
 * @param change makes another profile of the default first
 */
export function runtimeDefault(
  capabilities: readonly string[],
  change: (profile: JsonObject) => JsonObject = (profile) => profile,
): object {
  const profile = change(parseJsonObject(Deno.readTextFileSync(PROFILE)));
  return {
    defaultAction: profile["defaultAction"],
    defaultErrnoRet: profile["defaultErrnoRet"],
    architectures: [SCMP_ARCHITECTURE],
    syscalls: rulesOf(profile).filter((rule) => holds(rule, capabilities)).map(
      ({ names, action, args, errnoRet }) => ({
        names,
        action,
        args: args ?? [],
        ...(errnoRet === undefined ? {} : { errnoRet }),
      }),
    ),
  };
}

function rulesOf({ syscalls }: JsonObject): readonly JsonObject[] {
  if (!Array.isArray(syscalls) || !syscalls.every(isJsonObject)) {
    throw new TypeError(`Cannot read the rules of ${PROFILE}`);
  }
  return syscalls;
}

function holds(rule: JsonObject, capabilities: readonly string[]): boolean {
  const { includes, excludes } = rule;
  return conditions(includes, "caps").every((name) => capabilities.includes(name)) &&
    !conditions(excludes, "caps").some((name) => capabilities.includes(name)) &&
    (conditions(includes, "arches").length === 0 ||
      conditions(includes, "arches").includes(ARCHITECTURE)) &&
    !conditions(excludes, "arches").includes(ARCHITECTURE);
}

function conditions(of: unknown, name: "caps" | "arches"): readonly string[] {
  return isJsonObject(of) && name in of ? stringsAt(of, name) : [];
}
