// Original file: proto/quilt_sidecar.proto

export const FindingSeverity = {
  FINDING_SEVERITY_UNSPECIFIED: 'FINDING_SEVERITY_UNSPECIFIED',
  FINDING_SEVERITY_CRITICAL: 'FINDING_SEVERITY_CRITICAL',
  FINDING_SEVERITY_WARNING: 'FINDING_SEVERITY_WARNING',
} as const;

export type FindingSeverityInput =
  | 'FINDING_SEVERITY_UNSPECIFIED'
  | 0
  | 'FINDING_SEVERITY_CRITICAL'
  | 1
  | 'FINDING_SEVERITY_WARNING'
  | 2

export type FindingSeverity = typeof FindingSeverity[keyof typeof FindingSeverity]
