/** Every limit of the diagnosis, with its reason. Times are in milliseconds. */

/** After a change: what belongs together is seen together, e.g. a device made anew. */
export const DEBOUNCE_MS = 300;

/** Without any change, so that nothing depends on an event alone. */
export const INTERVAL_MS = 30_000;

/**
 * A look is followed by a rest of so many times its duration: however much changes, the
 * diagnosis takes a tenth of a core at most.
 */
export const REST = 9;

/** The longest rest: after it a fault must be named within 3 s, whatever a look costs. */
export const LONGEST_REST_MS = 2_500;

/**
 * Counts that the mesh agent changes one after another, e.g. peers and routes, are
 * reported once they have stood still for so long.
 */
export const SETTLE_MS = 1_000;

/** A fault that flaps is logged at most so often … */
export const LOG_LINES = 2;

/** … in this time. */
export const LOG_PERIOD_MS = 60_000;

/** In this time so many findings with one id have lines of their own; more have one. */
export const LOG_IN_FULL = 8;

/** Look-ups of hosts of the underlay and of destinations, in one look: 10 µs each. */
export const LOOK_UPS = 128;

/** Changes of a route by another process: one or two may be an operator. */
export const CONTENDED_COUNT = 3;

/** How long such a change counts. */
export const CONTENDED_MS = 20_000;

/** Changes that are kept for one destination, to tell their pattern in time. */
export const CONTENDED_KEPT = 8;

/**
 * Addresses that are asked for at once: below the 512 entries from which on the kernel
 * throws old neighbours away (`gc_thresh2`).
 */
export const PROBES_AT_ONCE = 256;

/** Probes in one batch: some 0.3 ms each, for which a call that comes meanwhile waits. */
export const PROBES_IN_A_BATCH = 16;

/** The kernel asks three times, once a second, and then gives up. */
export const PROBE_MS = 4_000;
