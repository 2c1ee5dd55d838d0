package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// What callOnAndOn writes for each line that it reads, and at the end.
type results struct {
	Answered int      `json:"answered"`
	Failures []string `json:"failures"`
}

// Injects and removes one route over one connection, a call after another, until its
// standard input ends. For each line that it reads, and at the end, it writes a line of
// JSON: {"answered":12,"failures":["Unavailable: …"]}, all since the start.
func callOnAndOn(address, destination string) {
	conn := connect(address)
	defer conn.Close()
	var guard sync.Mutex
	now := results{Failures: []string{}}
	report := func() {
		guard.Lock()
		defer guard.Unlock()
		line, err := json.Marshal(now)
		must(err)
		fmt.Println(string(line))
	}
	over := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			report()
		}
		close(over)
	}()
	for turn := 0; ; turn++ {
		select {
		case <-over:
			report()
			return
		default:
		}
		rpc := "InjectRoute"
		if turn%2 == 1 {
			rpc = "RemoveRoute"
		}
		failure := callOnce(conn, rpc, destination)
		guard.Lock()
		if failure == "" {
			now.Answered++
		} else {
			now.Failures = append(now.Failures, failure)
		}
		guard.Unlock()
	}
}

func callOnce(conn *grpc.ClientConn, rpc, destination string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	answer := &answer{}
	route := route{destination, "vxlan100"}
	err := conn.Invoke(ctx, "/quilt.QuiltRuntime/"+rpc, route, answer, plain)
	if err != nil {
		return fmt.Sprintf("%s: %s", status.Code(err), status.Convert(err).Message())
	}
	if !answer.success {
		return answer.error
	}
	return ""
}
