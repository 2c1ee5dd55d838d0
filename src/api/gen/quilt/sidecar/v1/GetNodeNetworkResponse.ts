// Original file: proto/quilt_sidecar.proto

import type { NodeNetworkInput as _quilt_sidecar_v1_NodeNetworkInput, NodeNetwork as _quilt_sidecar_v1_NodeNetwork } from '../../../quilt/sidecar/v1/NodeNetwork.ts';
import type { FindingInput as _quilt_sidecar_v1_FindingInput, Finding as _quilt_sidecar_v1_Finding } from '../../../quilt/sidecar/v1/Finding.ts';

export interface GetNodeNetworkResponseInput {
  'node_network'?: (_quilt_sidecar_v1_NodeNetworkInput | null);
  'refusal'?: (string);
  'findings'?: (_quilt_sidecar_v1_FindingInput)[];
}

export interface GetNodeNetworkResponse {
  'node_network': (_quilt_sidecar_v1_NodeNetwork | null);
  'refusal': (string);
  'findings': (_quilt_sidecar_v1_Finding)[];
}
