// Original file: proto/quilt_sidecar.proto

import type { ProbeStateInput as _quilt_sidecar_v1_ProbeStateInput, ProbeState as _quilt_sidecar_v1_ProbeState } from '../../../quilt/sidecar/v1/ProbeState.ts';
import type { DurationInput as _google_protobuf_DurationInput, Duration as _google_protobuf_Duration } from '../../../google/protobuf/Duration.ts';

export interface ProbedAddressInput {
  'address'?: (string);
  'state'?: (_quilt_sidecar_v1_ProbeStateInput);
  'answered_after'?: (_google_protobuf_DurationInput | null);
  'reason'?: (string);
}

export interface ProbedAddress {
  'address': (string);
  'state': (_quilt_sidecar_v1_ProbeState);
  'answered_after': (_google_protobuf_Duration | null);
  'reason': (string);
}
