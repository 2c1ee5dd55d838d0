import manifest from "../../deno.json" with { type: "json" };

/** The sidecar's own version, e.g. `0.1.0` (Semantic Versioning 2.0.0). */
export const SIDECAR_VERSION: string = manifest.version;
