// Original file: proto/quilt_sidecar.proto


export interface AllocatedAddressInput {
  'address'?: (string);
  'owner'?: (string);
}

export interface AllocatedAddress {
  'address': (string);
  'owner': (string);
}
