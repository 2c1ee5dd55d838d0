// Original file: proto/quilt_sidecar.proto

export const ProbeState = {
  PROBE_STATE_UNSPECIFIED: 'PROBE_STATE_UNSPECIFIED',
  PROBE_STATE_ANSWERED: 'PROBE_STATE_ANSWERED',
  PROBE_STATE_SILENT: 'PROBE_STATE_SILENT',
  PROBE_STATE_KNOWN: 'PROBE_STATE_KNOWN',
  PROBE_STATE_FAILED: 'PROBE_STATE_FAILED',
} as const;

export type ProbeStateInput =
  | 'PROBE_STATE_UNSPECIFIED'
  | 0
  | 'PROBE_STATE_ANSWERED'
  | 1
  | 'PROBE_STATE_SILENT'
  | 2
  | 'PROBE_STATE_KNOWN'
  | 3
  | 'PROBE_STATE_FAILED'
  | 4

export type ProbeState = typeof ProbeState[keyof typeof ProbeState]
