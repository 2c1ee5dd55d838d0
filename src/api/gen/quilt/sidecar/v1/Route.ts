// Original file: proto/quilt_sidecar.proto

import type { RouteStateInput as _quilt_sidecar_v1_RouteStateInput, RouteState as _quilt_sidecar_v1_RouteState } from '../../../quilt/sidecar/v1/RouteState.ts';
import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.ts';

export interface RouteInput {
  'destination'?: (string);
  'device'?: (string);
  'state'?: (_quilt_sidecar_v1_RouteStateInput);
  'reason'?: (string);
  'since'?: (_google_protobuf_TimestampInput | null);
  'confirmed'?: (boolean);
  'findings'?: (string)[];
}

export interface Route {
  'destination': (string);
  'device': (string);
  'state': (_quilt_sidecar_v1_RouteState);
  'reason': (string);
  'since': (_google_protobuf_Timestamp | null);
  'confirmed': (boolean);
  'findings': (string)[];
}
