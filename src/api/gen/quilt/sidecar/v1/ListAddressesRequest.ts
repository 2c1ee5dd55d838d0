// Original file: proto/quilt_sidecar.proto


export interface ListAddressesRequestInput {
}

export interface ListAddressesRequest {
}
