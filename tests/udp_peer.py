"""The kernel's side of tests/world_udp.sh: one small UDP program a word."""
import select
import socket
import sys
import time

SO_NO_CHECK, UDP_NO_CHECK6_TX, UDP_SEGMENT = 11, 101, 103


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def connected(address, port):
    peer = socket.socket(family(address), socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    peer.connect((address, int(port)))
    peer.settimeout(8)
    return peer


def echo(log, delay='0'):
    """Answers each datagram on port 7000 with the same; logs sizes."""
    ends = []
    for address in ('0.0.0.0', '::'):
        end = socket.socket(family(address), socket.SOCK_DGRAM)
        if address == '::':
            end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        end.bind((address, 7000))
        ends.append(end)
    with open(log, 'w', 1) as lines:
        lines.write('ready\n')
        while True:
            for end in select.select(ends, [], [])[0]:
                data, peer = end.recvfrom(65536)
                lines.write(f'{len(data)}\n')
                time.sleep(float(delay))
                end.sendto(data, peer)


def talk(address, port, file):
    """Sends the file as one datagram; the answer goes to standard output, its size to standard error."""
    peer = connected(address, port)
    peer.send(open(file, 'rb').read())
    answer = peer.recv(65536)
    print(len(answer), file=sys.stderr)
    sys.stdout.buffer.write(answer)


def send(address, port, text, level='0', option='0', value='0'):
    """One datagram; with an option of the socket's set before."""
    peer = connected(address, port)
    if int(level):
        peer.setsockopt(int(level), int(option), int(value))
    peer.send(text.encode())


def segments(address, port, file):
    """The file as many datagrams of 1,000 bytes that the kernel keeps in one as long as it can."""
    peer = connected(address, port)
    peer.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
    peer.send(open(file, 'rb').read())


def many(address, port, count):
    """As many peers, a line each."""
    peers = [connected(address, port) for _ in range(int(count))]
    for number, peer in enumerate(peers):
        peer.send(f'peer {number}\n'.encode())
        time.sleep(0.0005)


def refused(address, port):
    peer = connected(address, port)
    peer.send(b'anybody?')
    try:
        peer.recv(100)
    except ConnectionRefusedError:
        return
    sys.exit('nobody refused')


if __name__ == '__main__':
    globals()[sys.argv[1]](*sys.argv[2:])
