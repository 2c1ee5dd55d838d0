// Original file: proto/quilt_sidecar.proto


export interface ProbePeersRequestInput {
}

export interface ProbePeersRequest {
}
