// Original file: proto/quilt_sidecar.proto


export interface ReleaseAddressRequestInput {
  'address'?: (string);
  'owner'?: (string);
  'target'?: "address"|"owner";
}

export interface ReleaseAddressRequest {
  'address'?: (string);
  'owner'?: (string);
  'target'?: "address"|"owner";
}
