// Original file: proto/quilt_sidecar.proto

import type { RouteOutcomeKindInput as _quilt_sidecar_v1_RouteOutcomeKindInput, RouteOutcomeKind as _quilt_sidecar_v1_RouteOutcomeKind } from '../../../quilt/sidecar/v1/RouteOutcomeKind.ts';

export interface RouteOutcomeInput {
  'destination'?: (string);
  'kind'?: (_quilt_sidecar_v1_RouteOutcomeKindInput);
  'detail'?: (string);
}

export interface RouteOutcome {
  'destination': (string);
  'kind': (_quilt_sidecar_v1_RouteOutcomeKind);
  'detail': (string);
}
