/** Every limit of the diagnosis, with its reason. Times are in milliseconds. */

/** After a change, so that related changes are seen together, e.g. a new device. */
export const DEBOUNCE_MS = 300;

/** Without any change, so that nothing depends on an event alone. */
export const INTERVAL_MS = 30_000;

/**
 * A diagnosis is followed by a pause of so many times its duration, so that the diagnosis
 * uses at most a tenth of a core, however much changes.
 */
export const REST = 9;

/** The longest pause, because a fault must be reported within 3 s. */
export const LONGEST_REST_MS = 2_500;

/**
 * Counts that the mesh agent changes one after another, e.g. peers and routes, are
 * reported after they have not changed for so long.
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

/** Changes that are kept for one destination, to find their period. */
export const CONTENDED_KEPT = 8;

/**
 * Addresses that are probed at once: fewer than the 512 entries at which the kernel begins to
 * delete old neighbours (`gc_thresh2`).
 */
export const PROBES_AT_ONCE = 256;

/** Probes in one batch: about 0.3 ms each, for which a call has to wait. */
export const PROBES_IN_A_BATCH = 16;

/** The kernel asks three times, once a second, and then gives up. */
export const PROBE_MS = 4_000;
