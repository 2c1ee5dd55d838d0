// Original file: proto/quilt_sidecar.proto

import type { NodeNetworkInput as _quilt_sidecar_v1_NodeNetworkInput, NodeNetwork as _quilt_sidecar_v1_NodeNetwork } from '../../../quilt/sidecar/v1/NodeNetwork.ts';

export interface WatchNodeNetworkResponseInput {
  'node_network'?: (_quilt_sidecar_v1_NodeNetworkInput | null);
}

export interface WatchNodeNetworkResponse {
  'node_network': (_quilt_sidecar_v1_NodeNetwork | null);
}
