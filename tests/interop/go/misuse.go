package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	workers = 16
	// More than the sidecar takes of any message.
	oversized = 6_000_000
	inject    = "/quilt.QuiltRuntime/InjectRoute"
	// Whatever a call waits for, it is over then.
	patience = 5 * time.Second
)

var kinds = []string{
	"missing", "wrong service", "deadlines", "cancelled", "watches", "oversized", "nothing",
}

// Opens many connections, a few at one time, and does on each what a client should not:
// what, and for how long, a seed decides. It writes a line of JSON when it is over: how
// many connections did what, e.g. {"missing":210,"deadlines":195,…}.
func misuse(address string, connections int, seed int64) {
	random := rand.New(rand.NewSource(seed))
	type job struct {
		kind string
		seed int64
	}
	counts := map[string]int{}
	jobs := make(chan job, connections)
	for left := connections; left > 0; left-- {
		kind := kinds[random.Intn(len(kinds))]
		counts[kind]++
		jobs <- job{kind, random.Int63()}
	}
	close(jobs)
	var all sync.WaitGroup
	for at := 0; at < workers; at++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for job := range jobs {
				goWrong(address, job.kind, rand.New(rand.NewSource(job.seed)))
			}
		}()
	}
	all.Wait()
	line, err := json.Marshal(counts)
	must(err)
	fmt.Println(string(line))
}

// Some calls of that kind at once, and the end of the connection at a random moment.
func goWrong(address, kind string, random *rand.Rand) {
	conn, err := grpc.Dial(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer conn.Close()
	if kind == "nothing" {
		conn.Connect()
		time.Sleep(time.Duration(random.Intn(6_000)) * time.Microsecond)
		return
	}
	if random.Intn(4) > 0 {
		// It has been let in; who has not may be gone before a byte of it is read.
		rightly(conn)
	}
	// Half of them give up all their calls in the same moment as the connection.
	together, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	var calls sync.WaitGroup
	for left := 1 + random.Intn([]int{1, 8, 64}[random.Intn(3)]); left > 0; left-- {
		chance := rand.New(rand.NewSource(random.Int63()))
		calls.Add(1)
		go func() {
			defer calls.Done()
			// What is sent while the sidecar is busy comes in one read.
			for again := 1 + chance.Intn(3); again > 0; again-- {
				callWrongly(together, conn, kind, chance)
			}
		}()
	}
	if random.Intn(2) == 0 {
		time.Sleep(time.Duration(random.Intn(soon(random))) * time.Microsecond)
		giveUp()
		conn.Close()
	}
	calls.Wait()
}

// Microseconds within which something happens: while its call is in one read, or later.
func soon(random *rand.Rand) int {
	return []int{100, 400, 2_000, 10_000}[random.Intn(4)]
}

func rightly(conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sent := route{"10.42.20.0/24", ""}
	path := "/quilt.QuiltRuntime/RemoveRoute"
	_ = conn.Invoke(ctx, path, sent, &answer{}, plain, grpc.WaitForReady(true))
}

func callWrongly(
	together context.Context, conn *grpc.ClientConn, kind string, chance *rand.Rand,
) {
	moment := time.Duration(chance.Intn(soon(chance))) * time.Microsecond
	destination := fmt.Sprintf("10.42.%d.0/24", 20+chance.Intn(20))
	which := chance.Intn(3)
	unary := func(path string, limit time.Duration, sent route) {
		ctx, cancel := context.WithTimeout(together, patience)
		defer cancel()
		// A cancellation, where a limit would be sent as a deadline.
		defer time.AfterFunc(limit, cancel).Stop()
		_ = conn.Invoke(ctx, path, sent, &answer{}, plain, grpc.WaitForReady(true))
	}
	sent := route{destination, "vxlan100"}
	switch kind {
	case "missing":
		unary("/quilt.QuiltRuntime/Missing", moment, sent)
	case "wrong service":
		unary("/quilt.Nothing/InjectRoute", 4*moment, sent)
	case "deadlines":
		limit := time.Duration(which) * time.Millisecond
		ctx, cancel := context.WithTimeout(together, limit)
		defer cancel()
		_ = conn.Invoke(ctx, inject, sent, &answer{}, plain)
	case "cancelled":
		unary(inject, moment, sent)
	case "watches":
		path := []string{
			"/grpc.health.v1.Health/Watch",
			"/quilt.sidecar.v1.RouteService/WatchRoutes",
			"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		}[which]
		ctx, cancel := context.WithTimeout(together, 4*moment)
		defer cancel()
		shape := &grpc.StreamDesc{ServerStreams: true, ClientStreams: which == 2}
		stream, err := conn.NewStream(ctx, shape, path, plain)
		if err != nil {
			return
		}
		if which < 2 && (stream.SendMsg(route{}) != nil || stream.CloseSend() != nil) {
			return
		}
		for stream.RecvMsg(&answer{}) == nil {
		}
	case "oversized":
		unary(inject, 10*moment, route{strings.Repeat("x", oversized), ""})
	}
}
