// Original file: proto/quilt_sidecar.proto

import type { AllocatedAddressInput as _quilt_sidecar_v1_AllocatedAddressInput, AllocatedAddress as _quilt_sidecar_v1_AllocatedAddress } from '../../../quilt/sidecar/v1/AllocatedAddress.ts';

export interface ListAddressesResponseInput {
  'addresses'?: (_quilt_sidecar_v1_AllocatedAddressInput)[];
  'free'?: (number);
}

export interface ListAddressesResponse {
  'addresses': (_quilt_sidecar_v1_AllocatedAddress)[];
  'free': (number);
}
