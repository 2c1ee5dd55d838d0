// Original file: proto/quilt_sidecar.proto

import type { FindingInput as _quilt_sidecar_v1_FindingInput, Finding as _quilt_sidecar_v1_Finding } from '../../../quilt/sidecar/v1/Finding.ts';
import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.ts';

export interface ListFindingsResponseInput {
  'findings'?: (_quilt_sidecar_v1_FindingInput)[];
  'diagnosed_at'?: (_google_protobuf_TimestampInput | null);
  'fault'?: (string);
}

export interface ListFindingsResponse {
  'findings': (_quilt_sidecar_v1_Finding)[];
  'diagnosed_at': (_google_protobuf_Timestamp | null);
  'fault': (string);
}
