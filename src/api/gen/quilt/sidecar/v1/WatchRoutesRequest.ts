// Original file: proto/quilt_sidecar.proto


export interface WatchRoutesRequestInput {
}

export interface WatchRoutesRequest {
}
