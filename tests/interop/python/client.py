"""A client on grpcio, which is gRPC's C++ core: calls the three RPCs with stubs that
protoc makes of proto/quilt.proto, health with grpcio's own, and reflection (v1alpha, the
only one that grpcio knows).

Words: the address and the folder of the .proto files. It writes one JSON line for each
step: {"step": "RemoveRoute", "result": …}, the result being the response, or the name
of the status code if that is not OK.
"""

import json
import pathlib
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_tools import protoc
import grpc_tools

DEADLINE_S = 20


def report(step, call):
    try:
        result = call()
    except grpc.RpcError as error:
        # grpc-go's spelling: NOT_FOUND is NotFound.
        result = error.code().name.title().replace("_", "")
    print(json.dumps({"step": step, "result": result}), flush=True)


def call_quilt(channel, folder):
    sys.path.insert(0, folder)
    messages, services = grpc.protos_and_services("quilt.proto")
    stub = services.QuiltRuntimeStub(channel)

    def call(rpc, **fields):
        method = messages.DESCRIPTOR.services_by_name["QuiltRuntime"].methods_by_name[rpc]
        request = getattr(messages, method.input_type.name)(**fields)

        def send():
            response = getattr(stub, rpc)(request, timeout=DEADLINE_S)
            return {"success": response.success, "error": response.error}

        report(rpc, send)

    call("ConfigureNodeSubnet", subnet="10.42.1.0/24")
    call("InjectRoute", destination="10.42.2.0/24", via_interface="vxlan100")
    call("InjectRoute", destination="10.42.2.5/24", via_interface="vxlan100")
    call("RemoveRoute", destination="10.42.2.0/24")


def check_health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    name = health_pb2.HealthCheckResponse.ServingStatus.Name
    for service in ("", "quilt.QuiltRuntime", "quilt.Nothing"):
        request = health_pb2.HealthCheckRequest(service=service)
        report("Check", lambda: name(stub.Check(request, timeout=DEADLINE_S).status))
        stream = stub.Watch(request, timeout=DEADLINE_S)
        report("Watch", lambda: name(next(stream).status))
        stream.cancel()


def compile_all(folder):
    """What protoc makes of every file in the folder, by the file's name."""
    names = [str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*.proto")]
    standard = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    words = [f"--proto_path={folder}", f"--proto_path={standard}", "--include_imports"]
    with tempfile.NamedTemporaryFile() as out:
        if protoc.main(["protoc", *words, f"--descriptor_set_out={out.name}", *names]) != 0:
            raise SystemExit("protoc failed")
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read()).file
    return {file.name: file for file in files}


def reflect(channel, compiled):
    database = ProtoReflectionDescriptorDatabase(channel)
    services = sorted(database.get_services())
    report("ListServices v1alpha", lambda: services)
    received = {}
    pending = [database.FindFileContainingSymbol(name).name for name in services]
    while pending:
        name = pending.pop()
        if name not in received:
            received[name] = database.FindFileByName(name)
            pending.extend(received[name].dependency)
    report("Files", lambda: sorted(received))
    different = [name for name, file in sorted(received.items()) if file != compiled[name]]
    report("Files that protoc describes differently", lambda: different)
    pool = DescriptorPool(database)
    for name in services:
        pool.FindServiceByName(name)


def wire_facts(file):
    """Without the file's options and without the fields' names for JSON."""
    copy = descriptor_pb2.FileDescriptorProto()
    copy.CopyFrom(file)
    copy.ClearField("options")
    for message in copy.message_type:
        for field in message.field:
            field.ClearField("json_name")
    return copy


def without_list(health):
    """List is of gRFC A90: only newer versions of grpcio have it."""
    copy = descriptor_pb2.FileDescriptorProto()
    copy.CopyFrom(health)
    kept = [one for one in copy.message_type if not one.name.startswith("HealthList")]
    methods = [one for one in copy.service[0].method if one.name != "List"]
    del copy.message_type[:], copy.service[0].method[:]
    copy.message_type.extend(kept)
    copy.service[0].method.extend(methods)
    return copy


def compare_standards(compiled):
    """Whether our standard files say what grpcio's copies of them say."""
    theirs = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(theirs)
    ours = compiled["grpc/reflection/v1alpha/reflection.proto"]
    theirs.name = ours.name
    report("Reflection is grpcio's", lambda: wire_facts(ours) == wire_facts(theirs))

    theirs = descriptor_pb2.FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(theirs)
    ours = without_list(compiled["grpc/health/v1/health.proto"])
    theirs = without_list(theirs)
    theirs.name = ours.name
    report("Health is grpcio's", lambda: wire_facts(ours) == wire_facts(theirs))


def main(address, folder):
    compiled = compile_all(folder)
    with grpc.insecure_channel(address) as channel:
        call_quilt(channel, folder)
        check_health(channel)
        reflect(channel, compiled)
    compare_standards(compiled)


main(sys.argv[1], sys.argv[2])
