// Original file: proto/quilt.proto


export interface ConfigureNodeSubnetRequestInput {
  'subnet'?: (string);
}

export interface ConfigureNodeSubnetRequest {
  'subnet': (string);
}
