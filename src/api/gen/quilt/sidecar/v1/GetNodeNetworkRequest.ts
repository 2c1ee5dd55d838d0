// Original file: proto/quilt_sidecar.proto


export interface GetNodeNetworkRequestInput {
}

export interface GetNodeNetworkRequest {
}
