"""Injects and removes one route over one channel, a call after another, until its standard
input ends. For each line that it reads, and at the end, it writes a line of JSON:
{"answered": 12, "failures": ["UNAVAILABLE: …"]}, all since the start.

Words: the address and the route's destination.
"""

import itertools
import json
import sys
import threading

import grpc

from wire import SUCCESS, as_it_came, connect, route

PATIENCE_S = 15


class Caller:
    def __init__(self, address, destination):
        self.request = route(destination, "vxlan100")
        self.channel = connect(address)
        grpc.channel_ready_future(self.channel).result(PATIENCE_S)
        self.over = False
        self.answered = 0
        self.failures = []

    def report(self):
        print(json.dumps({"answered": self.answered, "failures": self.failures}), flush=True)

    def call_on_and_on(self):
        for rpc in itertools.cycle(["InjectRoute", "RemoveRoute"]):
            if self.over:
                return
            call = self.channel.unary_unary(
                f"/quilt.QuiltRuntime/{rpc}", as_it_came, as_it_came
            )
            try:
                answer = call(self.request, timeout=PATIENCE_S)
            except grpc.RpcError as error:
                self.failures.append(f"{error.code().name}: {error.details()}")
                continue
            if answer.startswith(SUCCESS):
                self.answered += 1
            else:
                self.failures.append(repr(answer))


def main(address, destination):
    caller = Caller(address, destination)
    calling = threading.Thread(target=caller.call_on_and_on)
    calling.start()
    for _ in sys.stdin:
        caller.report()
    caller.over = True
    calling.join()
    caller.report()


main(*sys.argv[1:])
