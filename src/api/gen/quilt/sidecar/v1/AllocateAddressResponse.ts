// Original file: proto/quilt_sidecar.proto

import type { AllocatedAddressInput as _quilt_sidecar_v1_AllocatedAddressInput, AllocatedAddress as _quilt_sidecar_v1_AllocatedAddress } from '../../../quilt/sidecar/v1/AllocatedAddress.ts';
import type { NodeNetworkInput as _quilt_sidecar_v1_NodeNetworkInput, NodeNetwork as _quilt_sidecar_v1_NodeNetwork } from '../../../quilt/sidecar/v1/NodeNetwork.ts';

export interface AllocateAddressResponseInput {
  'address'?: (_quilt_sidecar_v1_AllocatedAddressInput | null);
  'node_network'?: (_quilt_sidecar_v1_NodeNetworkInput | null);
}

export interface AllocateAddressResponse {
  'address': (_quilt_sidecar_v1_AllocatedAddress | null);
  'node_network': (_quilt_sidecar_v1_NodeNetwork | null);
}
