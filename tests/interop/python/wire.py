"""Messages written by hand, so that a call needs no stubs."""

import grpc


def route(destination="", device=""):
    """InjectRoute's and RemoveRoute's request; of another method's, a field more."""
    fields = [(1, destination.encode()), (2, device.encode())]
    return b"".join(bytes([number << 3 | 2]) + size(text) + text for number, text in fields if text)


def size(text):
    count, length = len(text), bytearray()
    while count >= 128:
        length.append(count & 127 | 128)
        count >>= 7
    return bytes([*length, count])


def as_it_came(message):
    return message


def connect(address):
    """A channel with a connection of its own."""
    return grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])


# What an answer begins with that tells of success.
SUCCESS = b"\x08\x01"
