// Original file: proto/quilt_sidecar.proto

import type { NodeNetworkInput as _quilt_sidecar_v1_NodeNetworkInput, NodeNetwork as _quilt_sidecar_v1_NodeNetwork } from '../../../quilt/sidecar/v1/NodeNetwork.ts';

export interface GetNodeNetworkResponseInput {
  'node_network'?: (_quilt_sidecar_v1_NodeNetworkInput | null);
  'refusal'?: (string);
}

export interface GetNodeNetworkResponse {
  'node_network': (_quilt_sidecar_v1_NodeNetwork | null);
  'refusal': (string);
}
