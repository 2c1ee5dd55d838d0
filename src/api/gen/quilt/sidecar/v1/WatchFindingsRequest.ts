// Original file: proto/quilt_sidecar.proto


export interface WatchFindingsRequestInput {
}

export interface WatchFindingsRequest {
}
