package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	fuzzers     = 48
	mostFrames  = 24
	lastStream  = 1<<31 - 1
	dialSeconds = 10
	// In a rush the sidecar lets some hundred in a second.
	letInSeconds = 2
)

// What became of the connections.
type fuzzed struct {
	Connections int `json:"connections"`
	// Could not be made.
	Refused int `json:"refused"`
	// Received something.
	Received int `json:"received"`
	// Were ended by the server before they would have ended.
	Ended int `json:"ended"`
	Sent  int `json:"sent"`
}

// Opens connections, many at one time, and sends on each a sequence of HTTP/2 frames that
// its number and the seed decide, with every fault that frames can have; then it closes,
// half closes or resets it, at a frame's end or within it. It writes a line of JSON at the
// end: what became of them.
func fuzz(address string, first, connections int, seed int64) {
	var guard sync.Mutex
	total := fuzzed{Connections: connections}
	numbers := make(chan int)
	var all sync.WaitGroup
	for at := 0; at < fuzzers; at++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for number := range numbers {
				one := fuzzConnection(address, newFuzzer(seed, number))
				guard.Lock()
				total.Refused += one.Refused
				total.Received += one.Received
				total.Ended += one.Ended
				total.Sent += one.Sent
				guard.Unlock()
			}
		}()
	}
	for number := first; number < first+connections; number++ {
		numbers <- number
	}
	close(numbers)
	all.Wait()
	line, err := json.Marshal(total)
	must(err)
	fmt.Println(string(line))
}

func fuzzConnection(address string, f *fuzzer) fuzzed {
	dialled, err := net.DialTimeout("tcp", address, dialSeconds*time.Second)
	if err != nil {
		return fuzzed{Refused: 1}
	}
	conn := dialled.(*net.TCPConn)
	defer conn.Close()
	result := fuzzed{}
	greeting, parts := f.sequence()
	if _, err := conn.Write(greeting); err == nil && !f.one(12) {
		// Who has not been let in yet would be gone before a frame of it is read.
		_ = conn.SetReadDeadline(time.Now().Add(letInSeconds * time.Second))
		result.Received, _ = io.ReadAtLeast(conn, make([]byte, 9), 9)
		_ = conn.SetReadDeadline(time.Time{})
	}
	over := make(chan int64, 1)
	if f.one(12) {
		// It does not read.
		over <- 0
	} else {
		go func() {
			count, _ := io.Copy(io.Discard, conn)
			over <- count
		}()
	}
	for at, part := range parts {
		if at == len(parts)-1 && f.one(4) {
			// In the middle of a frame.
			part = part[:f.below(len(part)+1)]
		}
		_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
		written, err := conn.Write(part)
		result.Sent += written
		if err != nil {
			result.Ended = 1
			break
		}
		if f.one(3) {
			time.Sleep(time.Duration(f.below(3_000)) * time.Microsecond)
		}
	}
	f.leave(conn)
	if <-over > 0 || result.Received > 0 {
		result.Received = 1
	}
	return result
}

// Decides all that happens on one connection.
type fuzzer struct {
	*rand.Rand
	next uint32
}

func newFuzzer(seed int64, number int) *fuzzer {
	return &fuzzer{rand.New(rand.NewSource(seed*1_000_003 + int64(number))), 1}
}

func (f *fuzzer) below(end int) int { return f.Intn(end) }

// True once in so many times.
func (f *fuzzer) one(in int) bool { return f.Intn(in) == 0 }

func (f *fuzzer) bytes(most int) []byte {
	some := make([]byte, f.below(most+1))
	f.Read(some)
	return some
}

func pick[T any](f *fuzzer, all ...T) T { return all[f.below(len(all))] }

// How a connection ends: at once, with a reset, or after a while in which it listens.
func (f *fuzzer) leave(conn *net.TCPConn) {
	rest := time.Duration(f.below(30)) * time.Millisecond
	switch f.below(5) {
	case 0:
		_ = conn.Close()
	case 1:
		_ = conn.SetLinger(0)
		_ = conn.Close()
	case 2:
		_ = conn.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(4 * rest))
	case 3:
		time.Sleep(rest)
		_ = conn.SetLinger(0)
		_ = conn.Close()
	default:
		_ = conn.SetReadDeadline(time.Now().Add(rest))
	}
}

// What is sent first, and then the parts in which the rest is written.
func (f *fuzzer) sequence() (greeting []byte, parts [][]byte) {
	if !f.one(40) {
		greeting = append(greeting, preface...)
	}
	if !f.one(20) {
		greeting = append(greeting, frame(settings, 0, 0, nil)...)
	}
	for left := 1 + f.below(mostFrames); left > 0; left-- {
		part := faults[f.below(len(faults))](f)
		if f.one(10) {
			f.mutate(part)
		}
		parts = append(parts, part)
	}
	if f.one(2) {
		// In one read, as far as the kernel likes it.
		var whole []byte
		for _, part := range parts {
			whole = append(whole, part...)
		}
		return greeting, [][]byte{whole}
	}
	return greeting, parts
}

func (f *fuzzer) mutate(part []byte) {
	for left := 1 + f.below(4); left > 0 && len(part) > 0; left-- {
		part[f.below(len(part))] ^= byte(1 << f.below(8))
	}
}

// A stream that was not used yet.
func (f *fuzzer) fresh() uint32 {
	f.next += 2
	return f.next - 2
}

// A stream in whatever state.
func (f *fuzzer) any() uint32 {
	return pick(f,
		0, f.next, f.next+2, uint32(f.below(int(f.next)+2)), uint32(2*f.below(20)),
		uint32(1+2*f.below(20)), lastStream, lastStream-1)
}

func (f *fuzzer) path() string {
	return pick(f,
		"/quilt.QuiltRuntime/InjectRoute", "/quilt.QuiltRuntime/RemoveRoute",
		"/quilt.QuiltRuntime/ConfigureNodeSubnet", "/quilt.QuiltRuntime/Missing",
		"/quilt.Nothing/Nothing", "/", "", "*", "//", "/%00/\u202e", "http://x/y",
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
		"/quilt.sidecar.v1.RouteService/ListRoutes",
		"/quilt.sidecar.v1.RouteService/WatchRoutes",
		"/quilt.sidecar.v1.RouteService/SyncRoutes",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/"+strings.Repeat("x", f.below(5_000)))
}

func (f *fuzzer) contentType() string {
	if !f.one(3) {
		return "application/grpc"
	}
	return pick(f, "application/grpc+proto", "application/grpc+json", "application/grpc-web",
		"text/plain", "", "application/json", "application/grpc;x", "\x00\xff")
}

func (f *fuzzer) headers() []byte {
	block := headersOf(f.path(), f.contentType())
	for f.one(4) {
		block = append(block, literal(
			pick(f, "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "x-bin",
				":path", ":status", "X-Upper", "connection", "content-length", "cookie"),
			pick(f, "0n", "1m", "99999999H", "-1S", "gzip", "identity", "%%%", "",
				strings.Repeat("y", f.below(9_000))))...)
	}
	return block
}

func (f *fuzzer) body() []byte {
	body := message(route{fmt.Sprintf("10.42.%d.0/24", 40+f.below(20)), "vxlan100"})
	switch f.below(8) {
	case 0:
		body[0] = byte(f.below(256))
	case 1:
		copy(body[1:], word(pick[uint32](f, 0, 1, 0xffffffff, 0x7fffffff, 70_000)))
	case 2:
		return body[:f.below(len(body))]
	case 3:
		return append(body, body...)
	case 4:
		return append([]byte{0, 0, 0, 1, 0}, f.bytes(99)...)
	}
	return body
}

func (f *fuzzer) callOn(stream uint32) []byte {
	opened := frame(headers, endHeaders|pick[byte](f, 0, 0, 0, endStream), stream, f.headers())
	for left := f.below(3); left > 0; left-- {
		opened = append(opened, frame(data, 0, stream, f.body())...)
	}
	if f.one(5) {
		return opened
	}
	return append(opened, frame(data, endStream, stream, f.body())...)
}

func (f *fuzzer) call() []byte { return f.callOn(f.fresh()) }

// The kinds of what is sent.
var faults []func(f *fuzzer) []byte

func init() {
	faults = []func(f *fuzzer) []byte{
		// Calls, as they should be or nearly.
		(*fuzzer).call,
		(*fuzzer).call,
		(*fuzzer).call,
		// One is damaged.
		func(f *fuzzer) []byte {
			call := f.call()
			f.mutate(call)
			return call
		},
		// More at one time than the server allows.
		func(f *fuzzer) []byte {
			var calls []byte
			for left := 20 + f.below(40); left > 0; left-- {
				stream := f.fresh()
				calls = append(calls, frame(headers, endHeaders, stream, f.headers())...)
				if f.one(2) {
					calls = append(calls, frame(data, endStream, stream, f.body())...)
				}
			}
			return calls
		},
		// A call, and at once what ends its stream or the connection.
		func(f *fuzzer) []byte {
			call := f.call()
			stream := f.next - 2
			return append(call, pick(f,
				frame(windowUpdate, 0, stream, word(0)),
				frame(windowUpdate, 0, 0, word(0)),
				frame(windowUpdate, 0, stream, word(lastStream)),
				frame(windowUpdate, 0, 0, word(lastStream)),
				frame(rstStream, 0, stream, word(uint32(f.below(14)))),
				frame(goAway, 0, 0, append(word(stream), word(uint32(f.below(14)))...)),
				frame(headers, endHeaders|endStream, stream, f.headers()),
				frame(data, endStream, stream, f.body()))...)
		},
		// A storm of resets: of new streams, and of the same one.
		func(f *fuzzer) []byte {
			var storm []byte
			for left := 1 + f.below(60); left > 0; left-- {
				stream := f.fresh()
				storm = append(storm, frame(headers, endHeaders, stream, f.headers())...)
				for again := 1 + f.below(2); again > 0; again-- {
					storm = append(storm, frame(rstStream, 0, stream, word(uint32(f.below(14))))...)
				}
			}
			return storm
		},
		// Streams used again, even, or in the wrong order.
		func(f *fuzzer) []byte { return f.callOn(f.any()) },
		func(f *fuzzer) []byte {
			f.next += uint32(2 * f.below(1_000))
			return f.call()
		},
		// A header block in pieces, with something in between, and perhaps no end.
		func(f *fuzzer) []byte {
			stream := f.fresh()
			block := f.headers()
			cut := f.below(len(block))
			pieces := frame(headers, 0, stream, block[:cut])
			if f.one(3) {
				pieces = append(pieces, faults[f.below(3)](f)...)
			} else if f.one(2) {
				pieces = append(pieces, frame(ping, 0, 0, make([]byte, 8))...)
			}
			for left := f.below(12); left > 0; left-- {
				pieces = append(pieces, frame(continuation, 0, stream, nil)...)
			}
			flags := pick[byte](f, 0, endHeaders, endHeaders)
			return append(pieces, frame(continuation, flags, pick(f, stream, stream, f.any()),
				block[cut:])...)
		},
		func(f *fuzzer) []byte { return frame(continuation, endHeaders, f.any(), f.bytes(40)) },
		// A header block of chance.
		func(f *fuzzer) []byte {
			return frame(headers, endHeaders|endStream, f.fresh(), f.bytes(300))
		},
		func(f *fuzzer) []byte {
			return frame(headers, endHeaders, f.fresh(), append(f.bytes(3), f.headers()...))
		},
		// Padding that is longer than its frame, or as long.
		func(f *fuzzer) []byte {
			payload := append([]byte{byte(f.below(256))}, f.bytes(60)...)
			return frame(pick(f, data, headers, pushPromise), padded|endHeaders, f.any(), payload)
		},
		func(f *fuzzer) []byte {
			stream := f.fresh()
			block := append([]byte{0}, f.headers()...)
			return append(frame(headers, endHeaders|padded, stream, block),
				frame(data, padded|endStream, stream, append([]byte{byte(f.below(40))}, f.body()...))...)
		},
		// A stream that depends on itself.
		func(f *fuzzer) []byte {
			stream := f.fresh()
			block := append(append(word(stream), 16), f.headers()...)
			return frame(headers, endHeaders|prioritised, stream, block)
		},
		func(f *fuzzer) []byte {
			stream := f.any()
			dependent := append(word(pick(f, stream, 0, lastStream)), byte(f.below(256)))
			return frame(priority, 0, stream, pick(f, dependent, dependent[:f.below(5)]))
		},
		// Settings of odd values, and lengths.
		func(f *fuzzer) []byte {
			var payload []byte
			for left := f.below(6); left > 0; left-- {
				payload = append(payload, 0, byte(f.below(10)))
				payload = append(payload, word(pick(f, 0, 1, 2, 100, 16_383, 1<<24, lastStream, 1<<31,
					0xffffffff, uint32(f.below(lastStream))))...)
			}
			return frame(settings, pick[byte](f, 0, 0, 0, 1), pick(f, 0, 0, 0, f.any()), payload)
		},
		func(f *fuzzer) []byte { return frame(settings, byte(f.below(2)), 0, f.bytes(20)) },
		// Windows.
		func(f *fuzzer) []byte {
			return frame(windowUpdate, 0, f.any(), word(pick[uint32](f, 0, 1, lastStream, 1<<31, 5)))
		},
		// Resets and farewells of any stream.
		func(f *fuzzer) []byte { return frame(rstStream, 0, f.any(), word(f.Uint32())) },
		func(f *fuzzer) []byte {
			payload := append(append(word(f.any()), word(uint32(f.below(20)))...), f.bytes(30)...)
			return frame(goAway, 0, pick(f, 0, 0, f.any()), payload)
		},
		// What only a server may send.
		func(f *fuzzer) []byte {
			payload := append(word(f.any()), f.headers()...)
			return frame(pushPromise, endHeaders, f.any(), payload)
		},
		// Bytes on streams that are closed, or idle.
		func(f *fuzzer) []byte { return frame(data, byte(f.below(2)), f.any(), f.bytes(200)) },
		func(f *fuzzer) []byte {
			return frame(data, byte(f.below(2)), f.any(), make([]byte, f.below(17_000)))
		},
		// Pings of each kind.
		func(f *fuzzer) []byte {
			return frame(ping, byte(f.below(2)), pick(f, 0, 0, f.any()), pick(f, make([]byte, 8), f.bytes(12)))
		},
		// Lengths that are not those of the payload.
		func(f *fuzzer) []byte {
			payload := f.bytes(30)
			length := pick(f, 0, 1, 4, 5, 8, len(payload)+1, 16_384, 16_385, 1<<24-1)
			return frameWithLength(length, byte(f.below(12)), byte(f.Intn(256)), f.any(), payload)
		},
		// Anything.
		func(f *fuzzer) []byte {
			return frame(byte(f.below(256)), byte(f.Intn(256)), f.any(), f.bytes(80))
		},
		func(f *fuzzer) []byte { return f.bytes(300) },
		func(f *fuzzer) []byte { return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + preface) },
	}
}
