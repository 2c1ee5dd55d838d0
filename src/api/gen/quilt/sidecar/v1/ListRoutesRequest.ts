// Original file: proto/quilt_sidecar.proto


export interface ListRoutesRequestInput {
}

export interface ListRoutesRequest {
}
