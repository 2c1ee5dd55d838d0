// Original file: proto/quilt_sidecar.proto

import type { AllocatedAddressInput as _quilt_sidecar_v1_AllocatedAddressInput, AllocatedAddress as _quilt_sidecar_v1_AllocatedAddress } from '../../../quilt/sidecar/v1/AllocatedAddress.ts';

export interface ReleaseAddressResponseInput {
  'released'?: (_quilt_sidecar_v1_AllocatedAddressInput | null);
}

export interface ReleaseAddressResponse {
  'released': (_quilt_sidecar_v1_AllocatedAddress | null);
}
