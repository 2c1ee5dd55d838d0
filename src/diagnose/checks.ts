import type { Check } from "./facts.ts";

/** Every check. The order does not matter: findings are sorted. */
export const CHECKS: readonly Check[] = [];
