import manifest from "../../deno.json" with { type: "json" };

/** The sidecar's own version, e.g. `1.2.3` (Semantic Versioning 2.0.0). */
export const SIDECAR_VERSION: string = manifest.version;

/** The only version of Deno that the sidecar is tested with. */
export const TESTED_DENO_VERSION = "2.9.3";

/**
 * On these versions the process dies in native code when a client closes a connection
 * on which it made about 4,000 calls. JavaScript cannot catch that (denoland/deno 36788).
 */
const CRASHING_VERSIONS: readonly string[] = ["2.9.4", "2.9.5", "2.9.6"];

/** On older versions a server of @grpc/grpc-js answers no call. */
const FIRST_WORKING_VERSION = { major: 2, minor: 7 } as const;

/**
 * Returns the reason why this version of Deno must not be used, as one sentence with
 * the remedy, or undefined if it may be used.
 *
 * A version that is newer than all known ones is accepted.
 *
 * @param version as in `Deno.version.deno`, e.g. `2.9.3` or `2.9.3+5a1b2c3`
 */
export function refuseDenoVersion(version: string): string | undefined {
  const release = version.split(/[-+]/, 1)[0] ?? version;
  if (CRASHING_VERSIONS.includes(release)) {
    return `Deno ${version} crashes when a busy gRPC client disconnects; ${REMEDY}`;
  }
  if (isBeforeFirstWorking(release)) {
    return `A gRPC server does not work on Deno ${version}; ${REMEDY}`;
  }
  return undefined;
}

const REMEDY =
  `use ${TESTED_DENO_VERSION}, e.g. npx -y deno@${TESTED_DENO_VERSION} task serve`;

function isBeforeFirstWorking(release: string): boolean {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  return major < FIRST_WORKING_VERSION.major ||
    (major === FIRST_WORKING_VERSION.major && minor < FIRST_WORKING_VERSION.minor);
}
