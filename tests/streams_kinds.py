#!/usr/bin/env python3
"""rill streams on captures of every kind: `streams_kinds.py RILL [COUNT [FIRST]]`.

Each seed is one capture: a few conversations made here byte by byte, among them several lives of one four-tuple with
initial numbers by the clock (RFC 6528), in one of the encapsulations and file formats below, and with one trouble of the
tap. What was made is the truth: connections, bytes, segments sent again, ends, and the streams themselves. Prints TAP."""
import gzip, json, os, random, struct, subprocess, sys, tempfile

RILL = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 120
FIRST = int(sys.argv[3]) if len(sys.argv) > 3 else 0
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
US, MS, SECOND = 1000, 1000000, 1000000000
START = 1700000000 * SECOND
ENDS4 = b'\x0a\0\0\1', b'\x0a\0\0\2'
ENDS6 = b'\x20\x01' + b'\0' * 13 + b'\1', b'\x20\x01' + b'\0' * 13 + b'\2'
ETHERNET = b'\2\0\0\0\0\1\2\0\0\0\0\2'
FORMATS = 'micro< micro> nano< nano> pcapng< pcapng>'.split()
TROUBLES = 'none cut one_way twice fragments late gaps'.split()


def word(*values):
    return struct.pack('>%dH' % len(values), *values)


def checksum(data):
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, protocol, payload, ident=0, options=b'', field=0x4000):
    header = struct.pack('>BBHHHBBH4s4s', 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), ident, field, 64,
                         protocol, 0, source, destination) + options
    return header[:10] + word(checksum(header)) + header[12:] + payload


def ipv6(source, destination, protocol, payload, extensions=()):
    for kind in reversed(extensions):  # hop-by-hop, routing, authentication, destination
        body = bytes([protocol, 4]) + b'\0\0' + b'\1' * 20 if kind == 51 else bytes([protocol, 1, 1, 4]) + b'\0' * 12
        payload, protocol = body + payload, kind
    return struct.pack('>IHBB', 6 << 28, len(payload), protocol, 64) + source + destination + payload


def udp(port, payload, rng):
    return word(port if port == 2152 else rng.randrange(1024, 65536), port, 8 + len(payload), 0) + payload


def outer(protocol, payload):
    return 1, ETHERNET + word(0x0800) + ipv4(b'\x0a\x09\0\1', b'\x0a\x09\0\2', protocol, payload)


def number(value):
    return struct.pack('>I', value)


# Each: (link type, frame) of an IP datagram, whether that is IPv6, and chance.
KINDS = {
    'ethernet': lambda ip, six, rng: (1, ETHERNET + kind_of(six) + ip),
    'padding': lambda ip, six, rng: (1, ETHERNET + kind_of(six) + ip + b'\xee' * max(0, 46 - len(ip)) + b'\xaa' * 4),
    'vlan': lambda ip, six, rng: (1, ETHERNET + word(0x8100, 100) + kind_of(six) + ip),
    'priority': lambda ip, six, rng: (1, ETHERNET + word(0x8100, 0xe000) + kind_of(six) + ip),
    'qinq': lambda ip, six, rng: (1, ETHERNET + word(0x88a8, 10, 0x8100, 20) + kind_of(six) + ip),
    'mpls': lambda ip, six, rng: (1, ETHERNET + word(0x8847) + number(17 << 12 | 64) + number(18 << 12 | 0x140) + ip),
    'pppoe': lambda ip, six, rng: (1, ETHERNET + word(0x8864, 0x1100, 7, len(ip) + 2, 0x57 if six else 0x21) + ip),
    'cooked': lambda ip, six, rng: (113, word(0, 1, 6) + ETHERNET[6:] + b'\0\0' + kind_of(six) + ip),
    'cooked2': lambda ip, six, rng: (276, kind_of(six) + struct.pack('>HIHBB', 0, 3, 1, 0, 6) + ETHERNET[6:] + b'\0\0' + ip),
    'raw': lambda ip, six, rng: (101, ip),
    'raw of one version': lambda ip, six, rng: (229 if six else 228, ip),
    'raw of old': lambda ip, six, rng: (12, ip),
    'null': lambda ip, six, rng: (0, struct.pack('<I', 30 if six else 2) + ip),
    'null swapped': lambda ip, six, rng: (0, number(10 if six else 2) + ip),
    'loop': lambda ip, six, rng: (108, number(24 if six else 2) + ip),
    'ppp': lambda ip, six, rng: (9, b'\xff\3' + word(0x57 if six else 0x21) + ip),
    'gre': lambda ip, six, rng: outer(47, word(0) + kind_of(six) + ip),
    'gre with a key': lambda ip, six, rng: outer(47, word(0xb000) + kind_of(six) + number(0) + number(77) + number(9) + ip),
    'gre of ethernet': lambda ip, six, rng: outer(47, word(0, 0x6558) + ETHERNET + kind_of(six) + ip),
    'ip in ip': lambda ip, six, rng: outer(41 if six else 4, ip),
    'ip in ipv6': lambda ip, six, rng: (1, ETHERNET + word(0x86dd) + ipv6(ENDS6[1], ENDS6[0], 41 if six else 4, ip)),
    'vxlan': lambda ip, six, rng: outer(17, udp(4789, number(8 << 24) + number(99 << 8) + ETHERNET + kind_of(six) + ip, rng)),
    'geneve': lambda ip, six, rng: outer(17, udp(6081, word(0, 0x6558) + number(9 << 8) + ETHERNET + kind_of(six) + ip, rng)),
    'gtp': lambda ip, six, rng: outer(17, udp(2152, word(0x30ff, len(ip)) + number(1234) + ip, rng)),
}


def kind_of(six):
    return word(0x86dd if six else 0x0800)


class Conversation:
    """Packets as (time, IP datagram), and what they carry."""

    def __init__(self, rng, six, port, start, first, timestamps, offset):
        self.rng, self.six, self.ports, self.now, self.first = rng, six, (port, 80), start, first
        self.timestamps, self.offset = timestamps, offset
        self.packets, self.places, self.data, self.window = [], [], [b'', b''], 5000
        self.resent, self.keepalives, self.zero_windows, self.probes = [0, 0], [0, 0], [0, 0], [0, 0]
        self.sent, self.heard = [0, 0], [0, 0]  # the next number of each side; what it has acknowledged
        self.ids = [rng.randrange(65536), rng.randrange(65536)]
        self.options = b'\1\1\1\0' if rng.random() < .1 else b''
        self.extensions = sorted(rng.sample([0, 43, 51, 60], rng.randrange(3))) if rng.random() < .3 else ()
        self.state = self.run()

    def wait(self, least=US, most=3 * MS):
        self.now += self.rng.randrange(least, most)

    def send(self, side, flags, at, payload=b''):
        stamp = struct.pack('>BBBBII', 1, 1, 8, 10, self.offset + self.now // MS & 0xffffffff,
                            self.offset + self.now // MS - 1 & 0xffffffff if flags & ACK else 0)
        options = b'\2\4\5\xb4\1\3\3\7\1\1\4\2' if flags & SYN else b''
        options += stamp if self.timestamps else b''
        acknowledges = self.first[1 - side] + self.heard[side] & 0xffffffff if flags & ACK else 0
        segment = struct.pack('>HHIIBBHHH', self.ports[side], self.ports[1 - side], self.first[side] + at & 0xffffffff,
                              acknowledges, 20 + len(options) << 2, flags, self.window, 0x1234, 0) + options + payload
        self.ids[side] = self.ids[side] + 1 & 0xffff
        if self.six:
            datagram = ipv6(ENDS6[side], ENDS6[1 - side], 6, segment, self.extensions)
        else:
            datagram = ipv4(ENDS4[side], ENDS4[1 - side], 6, segment, self.ids[side], self.options)
        self.packets.append((self.now, datagram))
        self.places.append((side, range(at, at + len(payload))))  # of the stream's bytes in it

    def say(self, side):
        payload = self.rng.randbytes(self.rng.choice([1, 5, 100, 700, 1448]))
        trouble, at = self.rng.random(), self.sent[side]
        self.wait()
        if trouble < .1:  # what comes after it comes before it
            behind = self.rng.randbytes(self.rng.choice([10, 500]))
            self.send(side, PSH | ACK, at + len(payload), behind)
            self.wait(US, 50 * US)
            self.send(side, PSH | ACK, at, payload)
            payload += behind
        else:
            self.send(side, PSH | ACK, at, payload)
        if .1 <= trouble < .2:
            self.now += 250 * MS
            self.send(side, PSH | ACK, at, payload)
            self.resent[side] += 1
        self.sent[side] += len(payload)
        self.data[side] += payload
        self.wait()
        self.heard[1 - side] = self.sent[side]
        if self.rng.random() < .8:
            self.send(1 - side, ACK, self.sent[1 - side])

    def settle(self):
        """Each has acknowledged what the other has sent."""
        for side in (0, 1):
            self.heard[1 - side] = self.sent[side]
            self.wait(100 * US)
            self.send(1 - side, ACK, self.sent[1 - side])

    def ask(self, side):
        """Is anybody there? The last byte once more, or none."""
        if self.sent[side] < 2:
            return
        self.settle()
        self.now += 10 * SECOND
        self.send(side, ACK, self.sent[side] - 1, b'\0' if self.rng.random() < .5 else b'')
        self.places[-1] = side, range(0)
        self.keepalives[side] += 1
        self.wait()
        self.send(1 - side, ACK, self.sent[1 - side])

    def stop(self, side):
        """The other's window closes for a while."""
        self.say(side)
        self.settle()
        self.wait()
        for probe in range(self.rng.randrange(1, 4)):
            if probe:
                self.now += 300 * MS
                self.send(side, ACK, self.sent[side] - 1)
                self.probes[side] += 1
                self.wait()
            self.window = 0
            self.send(1 - side, ACK, self.sent[1 - side])
            self.window = 5000
        self.zero_windows[1 - side] += 1
        self.now += 50 * MS
        self.send(1 - side, ACK, self.sent[1 - side])

    def finish(self, side):
        """FINs of both: at once, one after the other, or the other goes on for a while."""
        how = self.rng.random()
        self.send(side, FIN | ACK, self.sent[side])
        if how > .8:
            self.send(1 - side, FIN | ACK, self.sent[1 - side])
            self.wait()
            self.heard = [self.sent[1] + 1, self.sent[0] + 1]
            for one in (0, 1):
                self.send(one, ACK, self.sent[one] + 1)
            return
        self.wait()
        self.heard[1 - side] = self.sent[side] + 1
        for _ in range(3 if how > .5 else 0):
            payload = self.rng.randbytes(300)
            self.wait()
            self.send(1 - side, PSH | ACK, self.sent[1 - side], payload)
            self.sent[1 - side] += len(payload)
            self.data[1 - side] += payload
            self.wait()
            self.heard[side] = self.sent[1 - side]
            self.send(side, ACK, self.sent[side] + 1)
        self.wait()
        self.send(1 - side, FIN | ACK, self.sent[1 - side])
        self.wait()
        self.heard[side] = self.sent[1 - side] + 1
        self.send(side, ACK, self.sent[side] + 1)

    def run(self):
        self.send(0, SYN, 0)
        if self.rng.random() < .1:
            self.now += SECOND
            self.send(0, SYN, 0)
        self.wait()
        self.heard[1] = self.sent[0] = 1
        self.send(1, SYN | ACK, 0)
        self.wait()
        self.heard[0] = self.sent[1] = 1
        self.send(0, ACK, 1)
        for _ in range(self.rng.randrange(30)):
            act = self.rng.choices((self.say, self.ask, self.stop), (85, 8, 7))[0]
            act(self.rng.randrange(2))
        self.settle()
        end, side = self.rng.random(), self.rng.randrange(2)
        self.wait()
        if end < .15:
            return 'open'
        if end < .3:
            self.send(side, RST | ACK, self.sent[side])
            return 'reset'
        self.finish(side)
        return 'closed'


def lives_of(rng, six):
    """Several lives of one four-tuple. The clock runs a number each 4 us; a client passes by what it has used."""
    base, offset, now, last, lives = [rng.randrange(1 << 32), rng.randrange(1 << 32)], rng.randrange(1 << 32), START, 0, []
    timestamps = rng.random() < .6
    for _ in range(rng.randrange(1, 4)):
        ticks = (now - START) // (4 * US)
        first = [base[0] + max(ticks, last), base[1] + ticks]
        lives.append(Conversation(rng, six, 40000, now, first, timestamps, offset))
        last = first[0] - base[0] + lives[-1].sent[0] + 65537
        now = lives[-1].now + rng.randrange(MS, 2 * SECOND)
    return lives


def pieces(datagram, rng):
    """Fragments of it, if it is IPv4 without options."""
    payload = datagram[20:]
    if datagram[0] != 0x45 or len(payload) < 24:
        return [datagram]
    cuts = sorted(rng.sample(range(8, len(payload), 8), min(2, (len(payload) - 1) // 8))) + [len(payload)]
    ident, out, at = struct.unpack('>H', datagram[4:6])[0], [], 0
    for cut in cuts:
        more = 0x2000 if cut < len(payload) else 0
        out.append(ipv4(datagram[12:16], datagram[16:20], 6, payload[at:cut], ident, field=more | at // 8))
        at = cut
    rng.shuffle(out)
    return out


def write(path, form, link, frames, snap):
    order, out = form[-1], []
    if form.startswith('pcapng'):
        def block(kind, body):
            body += b'\0' * (-len(body) % 4)
            return struct.pack(order + 'II', kind, len(body) + 12) + body + struct.pack(order + 'I', len(body) + 12)
        out = [block(0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1)),
               block(1, struct.pack(order + 'HHIHHB3xHH', link, 0, snap, 9, 1, 9, 0, 0))]
        for when, frame in frames:
            out.append(block(6, struct.pack(order + 'IIIII', 0, when >> 32, when & 0xffffffff, min(snap, len(frame)),
                                            len(frame)) + frame[:snap]))
    else:
        fine = form.startswith('nano')
        out = [struct.pack(order + 'IHHIIII', 0xa1b23c4d if fine else 0xa1b2c3d4, 2, 4, 0, 0, snap, link)]
        for when, frame in frames:
            out.append(struct.pack(order + 'IIII', when // SECOND, when % SECOND // (1 if fine else US),
                                   min(snap, len(frame)), len(frame)) + frame[:snap])
    with open(path, 'wb') as file:
        file.write(b''.join(out))


def capture(rng, path):
    """Writes one; returns its conversations in the order of their first frames, and its trouble."""
    six, kind, trouble = rng.random() < .3, rng.choice(list(KINDS)), rng.choice(TROUBLES)
    lives = lives_of(rng, six)
    all_ = lives + [Conversation(rng, six, 50000 + i, START + rng.randrange(SECOND), [rng.randrange(1 << 32) for _ in 'ab'],
                                 rng.random() < .6, rng.randrange(1 << 32)) for i in range(rng.randrange(3))]
    frames = [(when, one, place, datagram) for one, conversation in enumerate(all_)
              for place, (when, datagram) in enumerate(conversation.packets)]
    if trouble == 'late':  # one of an old life after the new one's SYN
        for one, (old, new) in enumerate(zip(lives, lives[1:])):
            # Of one that is still open: data of the server. An ACK would say that the SYN is not taken.
            late = [datagram for (_, datagram), (side, bytes_) in zip(old.packets[2:], old.places[2:])
                    if old.state != 'open' or side == 1 and bytes_]
            if late:
                frames.append((new.packets[0][0] + rng.choice([500, 2 * MS]), one, -1, rng.choice(late)))
    frames.sort(key=lambda frame: frame[0])
    if trouble == 'one_way':
        frames = [f for f in frames if ENDS6[0] == f[3][8:24] or f[3][0] >> 4 == 4 and f[3][12:16] == ENDS4[0]]
    if trouble == 'gaps':  # handshakes aside
        frames = [f for f in frames if f[2] < 3 or rng.random() > .06]
    for one, conversation in enumerate(all_):
        places = [conversation.places[place] for _, owner, place, _ in frames if owner == one and place >= 0]
        conversation.seen = [len({at for whose, bytes_ in places for at in bytes_ if whose == side}) for side in (0, 1)]
    made = []
    for when, one, place, datagram in frames:
        if place >= 0:
            vars(all_[one]).setdefault('first_frame', len(made) + 1)
        for part in pieces(datagram, rng) if trouble == 'fragments' else [datagram]:
            link, frame = KINDS[kind](part, six, rng)
            made += [(when, frame), (when + 2 * US, frame)] if trouble == 'twice' else [(when, frame)]
    form = rng.choice(FORMATS)
    write(path, form, link, made, rng.choice([220, 400]) if trouble == 'cut' else 262144)
    if rng.random() < .1:
        with open(path, 'rb') as file:
            data = gzip.compress(file.read(), 1)
        with open(path, 'wb') as file:
            file.write(data)
    return [all_[one] for one in dict.fromkeys(frame[1] for frame in frames)], trouble, f'{kind}, {form}, {trouble}'


def rill(path, *words):
    done = subprocess.run([RILL, 'streams', path, '--no-index', *words], capture_output=True)
    assert done.returncode == 0, f'exit code {done.returncode}: {done.stderr.decode().strip()}'
    return done.stdout


def equal(what, got, wanted):
    assert got == wanted, f'{what}: {got}, expected {wanted}'


def check(told, made, trouble, path):
    sides = (0,) if trouble == 'one_way' else (0, 1)
    name = f'of {told["number"]}: '
    for side in sides:
        if trouble == 'gaps':
            least = len(made.data[side]) + 1  # with a FIN that was not seen
            seen = told['bytes'][side] + told['missing_bytes'][side] + told['lost_bytes'][side]
            assert seen <= least, f'{name}{seen} bytes of {least}'
            equal(name + 'bytes', told['bytes'][side], made.seen[side])
            continue
        equal(name + 'bytes', told['bytes'][side], len(made.data[side]))
        resent = told['resent_segments'][side]
        if trouble == 'one_way':  # a keepalive behind a segment of one byte looks like that one again
            assert made.resent[side] <= resent <= made.resent[side] + made.keepalives[side], f'{name}{resent} resent'
        elif trouble != 'late':
            equal(name + 'resent', resent, made.resent[side])
        if trouble in ('none', 'cut', 'fragments'):
            equal(name + 'keepalives', told['keepalives'][side], made.keepalives[side])
            equal(name + 'zero windows', told['zero_windows'][side], made.zero_windows[side])
            equal(name + 'window probes', told['window_probes'][side], made.probes[side])
    if trouble != 'fragments':
        equal(name + 'first frame', told['first_frame'], made.first_frame)
    if trouble in ('gaps', 'one_way'):
        return
    equal(name + 'state', told['state'], made.state)
    equal(name + 'missing', told['missing_bytes'] + told['lost_bytes'], [0] * 4)
    if trouble != 'late':  # a late keepalive's byte may be any
        equal(name + 'conflicting', told['conflicting_bytes'], [0, 0])
    if trouble == 'twice':
        equal(name + 'second sightings', sum(told['duplicate_sightings']), len(made.packets))
    if trouble != 'cut':
        for side, whose in enumerate(('client', 'server')):
            data = rill(path, 'follow', str(told['number']), '--raw', '--from', whose)
            assert data == made.data[side], f'{name}what the {whose} sent'


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(FIRST, FIRST + COUNT):
            path = os.path.join(folder, 'one.pcap')
            conversations, trouble, name = capture(random.Random(seed), path)
            try:
                told = [json.loads(line) for line in rill(path, '--json').splitlines()]
                equal('connections', len(told), len(conversations))
                for one, made in zip(told, conversations):
                    check(one, made, trouble, path)
            except AssertionError as error:
                failed += 1
                print(f'# seed {seed} ({name}): {error}')
    print(f'{"not " if failed else ""}ok 1 - {COUNT} captures of every kind are what was made\n1..1')
    sys.exit(failed > 0)


main()
