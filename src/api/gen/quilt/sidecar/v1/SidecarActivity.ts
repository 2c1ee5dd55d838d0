// Original file: proto/quilt_sidecar.proto

import type { TimestampInput as _google_protobuf_TimestampInput, Timestamp as _google_protobuf_Timestamp } from '../../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface SidecarActivityInput {
  'version'?: (string);
  'started_at'?: (_google_protobuf_TimestampInput | null);
  'repairs'?: (number | string | Long);
  'last_failure'?: (string);
  'last_failure_at'?: (_google_protobuf_TimestampInput | null);
  'options'?: (string)[];
  'audit_head'?: (string);
  'audit_written'?: (number | string | Long);
  'audit_lost'?: (number | string | Long);
  'log_lost'?: (number | string | Long);
}

export interface SidecarActivity {
  'version': (string);
  'started_at': (_google_protobuf_Timestamp | null);
  'repairs': (number);
  'last_failure': (string);
  'last_failure_at': (_google_protobuf_Timestamp | null);
  'options': (string)[];
  'audit_head': (string);
  'audit_written': (number);
  'audit_lost': (number);
  'log_lost': (number);
}
