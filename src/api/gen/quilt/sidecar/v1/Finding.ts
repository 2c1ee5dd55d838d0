// Original file: proto/quilt_sidecar.proto

import type { FindingSeverityInput as _quilt_sidecar_v1_FindingSeverityInput, FindingSeverity as _quilt_sidecar_v1_FindingSeverity } from '../../../quilt/sidecar/v1/FindingSeverity.ts';
import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.ts';

export interface FindingInput {
  'id'?: (string);
  'severity'?: (_quilt_sidecar_v1_FindingSeverityInput);
  'device'?: (string);
  'destination'?: (string);
  'found'?: (string);
  'meaning'?: (string);
  'remedy'?: (string)[];
  'since'?: (_google_protobuf_TimestampInput | null);
}

export interface Finding {
  'id': (string);
  'severity': (_quilt_sidecar_v1_FindingSeverity);
  'device': (string);
  'destination': (string);
  'found': (string);
  'meaning': (string);
  'remedy': (string)[];
  'since': (_google_protobuf_Timestamp | null);
}
