package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

// InjectRoute's and RemoveRoute's request; of another method's, a field more.
type route struct {
	destination string
	device      string
}

// Their answer; of another method's, nothing but fields that are not looked at.
type answer struct {
	success bool
	error   string
}

// Messages are written by hand: the stubs would have to be generated.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(message any) ([]byte, error) {
	sent, ok := message.(route)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T", message)
	}
	var bytes []byte
	for at, text := range []string{sent.destination, sent.device} {
		if text != "" {
			bytes = protowire.AppendTag(bytes, protowire.Number(at+1), protowire.BytesType)
			bytes = protowire.AppendString(bytes, text)
		}
	}
	return bytes, nil
}

func (codec) Unmarshal(bytes []byte, message any) error {
	received, ok := message.(*answer)
	if !ok {
		return fmt.Errorf("cannot receive a %T", message)
	}
	for len(bytes) > 0 {
		number, kind, size := protowire.ConsumeTag(bytes)
		if size < 0 {
			return protowire.ParseError(size)
		}
		bytes = bytes[size:]
		value := protowire.ConsumeFieldValue(number, kind, bytes)
		if value < 0 {
			return protowire.ParseError(value)
		}
		switch {
		case number == 1 && kind == protowire.VarintType:
			success, _ := protowire.ConsumeVarint(bytes)
			received.success = success != 0
		case number == 2 && kind == protowire.BytesType:
			received.error, _ = protowire.ConsumeString(bytes)
		}
		bytes = bytes[value:]
	}
	return nil
}

var plain = grpc.ForceCodec(codec{})

func connect(address string) *grpc.ClientConn {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := grpc.DialContext(ctx, address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithBlock())
	must(err)
	return conn
}
