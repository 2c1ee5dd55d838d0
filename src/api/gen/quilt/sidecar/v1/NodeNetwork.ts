// Original file: proto/quilt_sidecar.proto

import type { Long } from '@grpc/proto-loader';

export interface NodeNetworkInput {
  'subnet'?: (string);
  'gateway'?: (string);
  'cluster_cidr'?: (string);
  'revision'?: (number | string | Long);
}

export interface NodeNetwork {
  'subnet': (string);
  'gateway': (string);
  'cluster_cidr': (string);
  'revision': (number);
}
