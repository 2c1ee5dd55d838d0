// Original file: proto/quilt_sidecar.proto


export interface ListFindingsRequestInput {
}

export interface ListFindingsRequest {
}
