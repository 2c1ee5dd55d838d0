package main

import "encoding/binary"

// RFC 9113, 6.
const (
	data byte = iota
	headers
	priority
	rstStream
	settings
	pushPromise
	ping
	goAway
	windowUpdate
	continuation
)

// Flags; the first is ACK of SETTINGS and PING as well.
const (
	endStream   = 0x1
	endHeaders  = 0x4
	padded      = 0x8
	prioritised = 0x20
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	return frameWithLength(len(payload), kind, flags, stream, payload)
}

// A frame with another length in its head.
func frameWithLength(length int, kind, flags byte, stream uint32, payload []byte) []byte {
	head := []byte{byte(length >> 16), byte(length >> 8), byte(length), kind, flags}
	return append(append(head, word(stream)...), payload...)
}

func word(value uint32) []byte {
	return binary.BigEndian.AppendUint32(nil, value)
}

// A header without an index: RFC 7541, 6.2.2.
func literal(name, value string) []byte {
	return append(append([]byte{0}, text(name)...), text(value)...)
}

func text(value string) []byte {
	length := []byte{byte(len(value))}
	if len(value) >= 127 {
		length[0] = 127
		rest := len(value) - 127
		for ; rest >= 128; rest >>= 7 {
			length = append(length, byte(rest&127|128))
		}
		length = append(length, byte(rest))
	}
	return append(length, value...)
}

// The headers of a call.
func headersOf(path, contentType string) []byte {
	var block []byte
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", path}, {":authority", "x"},
		{"content-type", contentType}, {"te", "trailers"},
	} {
		block = append(block, literal(field[0], field[1])...)
	}
	return block
}

// A message as gRPC sends it.
func message(sent route) []byte {
	bytes, err := codec{}.Marshal(sent)
	must(err)
	return append(append([]byte{0}, word(uint32(len(bytes)))...), bytes...)
}
