// A client on grpc-go: calls the three RPCs from proto/quilt.proto, and health and
// reflection with the stubs of grpc-go itself, which were made from the standard files.
//
// Words: the address and the folder of the .proto files. It writes one JSON line for
// each step: {"step":"RemoveRoute","result":…}, the result being the response, or the
// name of the status code if that is not OK.
//
// Or: steady ADDRESS DESTINATION, misuse ADDRESS CONNECTIONS SEED, fuzz ADDRESS FIRST
// CONNECTIONS SEED; see the files of those names.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

func main() {
	switch os.Args[1] {
	case "steady":
		callOnAndOn(os.Args[2], os.Args[3])
	case "fuzz":
		fuzz(os.Args[2], number(os.Args[3]), number(os.Args[4]), int64(number(os.Args[5])))
	case "misuse":
		misuse(os.Args[2], number(os.Args[3]), int64(number(os.Args[4])))
	default:
		callAll(os.Args[1], os.Args[2])
	}
}

func number(word string) int {
	value, err := strconv.Atoi(word)
	must(err)
	return value
}

func callAll(address, folder string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := grpc.DialContext(ctx, address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithBlock())
	must(err)
	defer conn.Close()
	callQuilt(ctx, conn, folder)
	checkHealth(ctx, conn)
	listServices(ctx, conn)
}

func callQuilt(ctx context.Context, conn *grpc.ClientConn, folder string) {
	compiler := protocompile.Compiler{
		Resolver: &protocompile.SourceResolver{ImportPaths: []string{folder}},
	}
	files, err := compiler.Compile(ctx, "quilt.proto")
	must(err)
	methods := files[0].Services().ByName("QuiltRuntime").Methods()
	call := func(rpc string, fields map[protoreflect.Name]string) {
		method := methods.ByName(protoreflect.Name(rpc))
		request := dynamicpb.NewMessage(method.Input())
		for name, value := range fields {
			field := method.Input().Fields().ByName(name)
			request.Set(field, protoreflect.ValueOfString(value))
		}
		response := dynamicpb.NewMessage(method.Output())
		err := conn.Invoke(ctx, "/quilt.QuiltRuntime/"+rpc, request, response)
		field := method.Output().Fields().ByName
		report(rpc, map[string]any{
			"success": response.Get(field("success")).Bool(),
			"error":   response.Get(field("error")).String(),
		}, err)
	}
	call("ConfigureNodeSubnet", map[protoreflect.Name]string{"subnet": "10.42.1.0/24"})
	call("InjectRoute", map[protoreflect.Name]string{
		"destination": "10.42.2.0/24", "via_interface": "vxlan100",
	})
	call("InjectRoute", map[protoreflect.Name]string{
		"destination": "10.42.2.5/24", "via_interface": "vxlan100",
	})
	call("RemoveRoute", map[protoreflect.Name]string{"destination": "10.42.2.0/24"})
}

func checkHealth(ctx context.Context, conn *grpc.ClientConn) {
	client := health.NewHealthClient(conn)
	for _, service := range []string{"", "quilt.QuiltRuntime", "quilt.Nothing"} {
		request := &health.HealthCheckRequest{Service: service}
		checked, err := client.Check(ctx, request)
		report("Check", checked.GetStatus().String(), err)
		stream, err := client.Watch(ctx, request)
		must(err)
		watched, err := stream.Recv()
		report("Watch", watched.GetStatus().String(), err)
	}
}

func listServices(ctx context.Context, conn *grpc.ClientConn) {
	stream, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	must(err)
	must(stream.Send(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{},
	}))
	response, err := stream.Recv()
	names := []string{}
	for _, service := range response.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	sort.Strings(names)
	report("ListServices v1", names, err)

	alpha, err := reflectionalpha.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	must(err)
	must(alpha.Send(&reflectionalpha.ServerReflectionRequest{
		MessageRequest: &reflectionalpha.ServerReflectionRequest_ListServices{},
	}))
	old, err := alpha.Recv()
	names = []string{}
	for _, service := range old.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	sort.Strings(names)
	report("ListServices v1alpha", names, err)
}

func report(step string, result any, err error) {
	if err != nil {
		result = status.Code(err).String()
	}
	line, err := json.Marshal(map[string]any{"step": step, "result": result})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
