// Original file: proto/quilt_sidecar.proto


export interface AllocateAddressRequestInput {
  'owner'?: (string);
  'address'?: (string);
}

export interface AllocateAddressRequest {
  'owner': (string);
  'address': (string);
}
