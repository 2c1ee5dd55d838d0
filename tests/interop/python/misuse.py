"""Opens many connections, a few at one time, and does on each what a client should not:
what, and for how long, a seed decides. It writes a line of JSON when it is over: how many
connections did what, e.g. {"missing": 210, "deadlines": 195, …}.

Words: the address, how many connections, and the seed.
"""

import collections
import concurrent.futures
import json
import random
import sys
import time

import grpc

from wire import as_it_came, connect, route

WORKERS = 16
# More than the sidecar takes of any message.
OVERSIZED = 6_000_000
INJECT = "/quilt.QuiltRuntime/InjectRoute"
WATCHES = [
    "/grpc.health.v1.Health/Watch",
    "/quilt.sidecar.v1.RouteService/WatchRoutes",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
]
# Whatever a call waits for, it is over then.
PATIENCE_S = 5


def unary(channel, path, message, limit=PATIENCE_S):
    return channel.unary_unary(path, as_it_came, as_it_came).future(message, timeout=limit)


def watch(channel, which):
    if which == 2:
        silence = iter(lambda: time.sleep(0.1), None)
        return channel.stream_stream(WATCHES[which], as_it_came, as_it_came)(
            (route() for _ in silence), timeout=PATIENCE_S
        )
    return channel.unary_stream(WATCHES[which], as_it_came, as_it_came)(
        route(), timeout=PATIENCE_S
    )


def begin(kind, channel, chance):
    """A call of that kind."""
    message = route(f"10.42.{chance.randrange(20, 40)}.0/24", "vxlan100")
    if kind == "missing":
        return unary(channel, "/quilt.QuiltRuntime/Missing", message)
    if kind == "wrong service":
        return unary(channel, "/quilt.Nothing/InjectRoute", message)
    if kind == "deadlines":
        return unary(channel, INJECT, message, chance.randrange(3) / 1_000)
    if kind == "watches":
        return watch(channel, chance.randrange(3))
    if kind == "oversized":
        return unary(channel, INJECT, route("x" * OVERSIZED))
    return unary(channel, INJECT, message)


KINDS = [
    *["missing", "wrong service", "deadlines", "cancelled"],
    *["watches", "oversized", "nothing"],
]


def go_wrong(address, kind, seed):
    """Some calls of that kind at once, and the end of the connection at a random moment."""
    chance = random.Random(seed)
    channel = connect(address)
    # It connects by itself with the first call.
    if kind == "nothing":
        channel.subscribe(lambda _: None, try_to_connect=True)
        time.sleep(chance.random() * 0.006)
        channel.close()
        return
    if chance.random() < 0.75:
        # It has been let in; who has not may be gone before a byte of it is read.
        unary(channel, "/quilt.QuiltRuntime/RemoveRoute", route("10.42.20.0/24")).exception()
    calls = [begin(kind, channel, chance) for _ in range(chance.randrange(1, 9))]
    if kind in ("missing", "wrong service", "deadlines") and chance.random() < 0.5:
        for call in calls:
            call.exception()
    else:
        time.sleep(chance.random() * chance.choice([0.0001, 0.0004, 0.002, 0.02]))
    for call in calls:
        if chance.random() < 0.5:
            call.cancel()
    channel.close()


def main(address, connections, seed):
    chance = random.Random(int(seed))
    kinds = [chance.choice(KINDS) for _ in range(int(connections))]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        done = [pool.submit(go_wrong, address, kind, chance.random()) for kind in kinds]
    for one in done:
        one.result()
    print(json.dumps(collections.Counter(kinds)))


main(*sys.argv[1:])
