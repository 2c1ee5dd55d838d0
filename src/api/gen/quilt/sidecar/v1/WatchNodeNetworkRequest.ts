// Original file: proto/quilt_sidecar.proto


export interface WatchNodeNetworkRequestInput {
}

export interface WatchNodeNetworkRequest {
}
