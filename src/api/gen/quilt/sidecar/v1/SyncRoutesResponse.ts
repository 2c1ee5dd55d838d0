// Original file: proto/quilt_sidecar.proto

import type { RouteOutcomeInput as _quilt_sidecar_v1_RouteOutcomeInput, RouteOutcome as _quilt_sidecar_v1_RouteOutcome } from '../../../quilt/sidecar/v1/RouteOutcome.ts';

export interface SyncRoutesResponseInput {
  'outcomes'?: (_quilt_sidecar_v1_RouteOutcomeInput)[];
  'added'?: (number);
  'removed'?: (number);
  'unchanged'?: (number);
  'pending'?: (number);
  'refused'?: (number);
}

export interface SyncRoutesResponse {
  'outcomes': (_quilt_sidecar_v1_RouteOutcome)[];
  'added': (number);
  'removed': (number);
  'unchanged': (number);
  'pending': (number);
  'refused': (number);
}
