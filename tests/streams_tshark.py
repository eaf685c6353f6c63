#!/usr/bin/env python3
"""rill streams beside tshark on generated captures: `streams_tshark.py RILL GENERATOR [COUNT [FIRST]]`.

GENERATOR is round_trip_test, which writes random runs of two hosts seen from three places, with and without packets
missing. What becomes of each frame is derived a third time here, from tshark's bare numbers: which bytes of its side had
been seen before. rill must say that. Where tshark says something else, one of the named rules below must hold of the
frame; each tests the facts that let the two differ. Prints TAP, and how often each rule was used."""
import collections, csv, io, os, subprocess, sys, tempfile

FIN, SYN, RST, ACK = 1, 2, 4, 16
FIELDS = ['frame.number', 'tcp.stream', 'ip.src', 'ipv6.src', 'ip.dst', 'ipv6.dst', 'tcp.srcport', 'tcp.dstport', 'tcp.seq_raw', 'tcp.ack_raw',
          'tcp.len', 'tcp.flags', 'tcp.window_size_value', 'tcp.analysis.retransmission',
          'tcp.analysis.fast_retransmission', 'tcp.analysis.spurious_retransmission', 'tcp.analysis.out_of_order',
          'tcp.analysis.lost_segment', 'tcp.analysis.keep_alive', 'tcp.analysis.zero_window',
          'tcp.analysis.zero_window_probe', 'frame.time_relative', 'tcp.checksum']


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 5):  # 5: a partial answer, and it says so
        sys.exit(f'{" ".join(command)}: {done.stderr.strip()}')
    return done.stdout


class Frame:
    """One frame as tshark reads it (`t`), as rill does (`r`), and as it was (`again`, `fresh`, ...)."""

    def __init__(self, t, r):
        self.number, self.stream = int(t['frame.number']), int(t['tcp.stream'])
        self.source = (t['ip.src'] or t['ipv6.src'], int(t['tcp.srcport']))
        self.peer = (t['ip.dst'] or t['ipv6.dst'], int(t['tcp.dstport']))
        self.ports = frozenset((int(t['tcp.srcport']), int(t['tcp.dstport'])))
        self.seq, self.ack = int(t['tcp.seq_raw']), int(t['tcp.ack_raw'] or 0)
        self.length, self.flags = int(t['tcp.len']), int(t['tcp.flags'], 16)
        self.window = int(t['tcp.window_size_value'])
        said = lambda name: bool(t['tcp.analysis.' + name])
        self.t_retransmission = said('retransmission')
        self.t_late, self.t_gap = said('out_of_order'), said('lost_segment')
        self.t_keepalive, self.t_probe = said('keep_alive'), said('zero_window_probe')
        self.t_zero = said('zero_window')
        self.connection = int(r['connection'])
        truth = lambda name: r[name] == 'true'
        self.r_resent = truth('resent')
        self.r_gap, self.r_keepalive, self.r_probe = truth('hole'), truth('keepalive'), truth('window_probe')
        self.r_syn, self.r_fin, self.r_zero = truth('syn_resent'), truth('fin_resent'), truth('zero_window')
        self.r_late, self.r_repaired = truth('reordered'), truth('repaired')
        self.r_second = truth('second_sighting')
        self.time = float(t['frame.time_relative'])
        self.same = (self.source, self.seq, self.ack, self.length, self.flags, self.window, t['tcp.checksum'])
        self.again = self.fresh = 0
        self.behind = self.ahead = self.seen_start = False


def ahead_of(number, other):
    return (number - other + 2**31) % 2**32 - 2**31


class Side:
    """What one side of one connection has sent, as ranges relative to its first number."""

    def __init__(self):
        self.base, self.ranges, self.next, self.marks, self.zero = None, [], 0, set(), False
        self.fin = self.empty = None  # where its FIN lies; where an empty segment ahead of the rest did
        self.acked, self.packets = None, {}  # by the other side; when each packet was seen

    def hear(self, ack):
        """The other side acknowledges."""
        if self.base is None:
            self.base = ack
        at = self.next + ahead_of(ack, self.base + self.next)
        self.acked = at if self.acked is None else max(self.acked, at)

    def take(self, frame):
        start = frame.seq + (1 if frame.flags & SYN else 0)
        if self.base is None:
            self.base = start
        at = self.next + ahead_of(start, self.base + self.next)
        end = at + frame.length
        frame.behind, frame.ahead = at < self.next, at > self.next
        frame.one_back = at == self.next - 1
        frame.again = sum(max(0, min(end, b) - max(at, a)) for a, b in self.ranges)
        frame.fresh = frame.length - frame.again
        mark = (frame.flags & (SYN | FIN), end)
        frame.at_fin = at == self.fin
        if frame.flags & FIN:
            self.fin = end
        frame.mark_again = bool(mark[0]) and mark in self.marks
        self.marks.add(mark)
        frame.after_empty = at == self.empty
        if frame.ahead and not frame.length:
            self.empty = at
        frame.told = self.acked is not None and self.acked >= at
        frame.copy = frame.time - self.packets.get(frame.same, -1e9) < 0.005
        self.packets[frame.same] = frame.time
        frame.zero_before, self.zero = self.zero, not frame.window and not frame.flags & (SYN | FIN | RST)
        if frame.length and not frame.flags & RST:
            self.ranges.append((at, end))
            self.ranges.sort()
            merged = [self.ranges[0]]
            for a, b in self.ranges[1:]:
                if a <= merged[-1][1]:
                    merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
                else:
                    merged.append((a, b))
            self.ranges = merged
            self.next = max(self.next, end)


used = collections.Counter()


def explained(rule, holds):
    if holds:
        used[rule] += 1
    return holds


def streams_differ(frame, earlier, life):
    """Both tell connections apart, but not here. `earlier`: the frame before of the same four-tuple."""
    syn = frame.flags & (SYN | ACK) == SYN
    if life.first is frame:  # rill begins a life, tshark does not
        over = earlier is None or earlier.over
        return explained('a life whose SYN is not in the capture', not syn and over)
    if syn:
        return explained('tshark begins at each SYN with another number', frame.connection == earlier.connection)
    return explained('a late segment goes to the life whose numbers it has', life.holds(frame))


class Life:
    """One connection of rill's."""

    def __init__(self, frame):
        self.first, self.sides, self.streams = frame, {}, collections.Counter()

    def side(self, frame):
        return self.sides.setdefault(frame.source, Side())

    def other(self, frame):
        return self.sides.setdefault(frame.peer, Side())

    def holds(self, frame):
        side = self.side(frame)
        return side.base is not None and ahead_of(frame.seq, side.base + side.next) <= 1


def check_resent(frame, life):
    if frame.r_second:
        return not explained('the same packet twice at once is a copy of the network\'s, not sent again',
                             frame.copy) and 'rill: a second sighting of what is not the same'
    if frame.t_retransmission and life.shares and not frame.again:
        return not explained('tshark measures from the life before, in whose stream it goes on',
                             not frame.mark_again) and 'tshark'
    if frame.length == 0:
        wrong = (frame.r_syn or frame.r_fin) != (frame.mark_again and not frame.flags & RST)
        if wrong:
            return 'rill: a SYN or FIN sent again or not'
        if frame.t_retransmission != (frame.r_syn or frame.r_fin):
            if frame.t_retransmission:
                return not explained('an empty segment below the highest is no retransmission', frame.behind) and 'tshark'
            return not explained('tshark does not count this SYN or FIN as sent again', frame.mark_again) and 'tshark'
        return None
    probe = frame.r_keepalive or frame.r_probe
    if frame.flags & RST:
        return None
    if frame.r_resent != bool(frame.again) and not (probe and frame.length == 1):
        return f'rill: resent {frame.r_resent}, in truth {frame.again}'
    if frame.t_retransmission == bool(frame.again):
        return None
    if frame.t_retransmission:
        return not explained('tshark takes what fills a hole for sent again, unless it comes soon',
                             frame.behind and frame.fresh == frame.length) and 'tshark'
    if frame.t_keepalive or frame.t_probe:
        return not explained('tshark names a byte that asks, not one sent again', frame.length == 1) and 'tshark'
    if frame.t_late:
        return not explained('tshark takes bytes seen before for late ones', frame.behind) and 'tshark'
    return not explained('part of the bytes were seen before, which tshark leaves unsaid',
                         not frame.behind or 0 < frame.again < frame.length) and 'tshark'


def check_late(frame):
    if frame.r_late and (frame.again == frame.length or not frame.behind):
        return 'rill: late, but not behind, or seen before'
    if frame.t_late == frame.r_late:
        return None
    if frame.t_late:
        return not explained('tshark guesses by time that it was late; rill has evidence of a repair, or none',
                             frame.r_repaired or frame.again) and 'tshark says late'
    return not explained('late by its timestamp or id, though later than tshark\'s 3 ms or a round trip',
                         frame.t_retransmission or frame.fresh) and 'tshark does not say late'


def check_gap(frame, life):
    if frame.flags & (SYN | RST) or frame.t_gap == frame.r_gap:
        return None
    if frame.t_gap and frame.first_of_side:
        return not explained('tshark measures from the life before, in whose stream it goes on',
                             life.shares) and 'tshark says a gap'
    if frame.t_gap and not frame.length:
        return not explained('rill says a gap of the segment with bytes that comes after it, not of an empty one',
                             frame.ahead) and 'tshark says a gap'
    if frame.t_gap:
        return not explained('what is missing was acknowledged before, which told of the gap already',
                             frame.ahead and frame.told) and 'tshark says a gap'
    if frame.after_empty:
        return not explained('tshark has said the gap of an empty segment before', frame.ahead) and 'tshark says no gap'
    return not explained('the acknowledgement of the other side tells where a stream begins, before its first segment',
                         frame.first_of_side and frame.ahead) and 'tshark says no gap'


def check_rest(frame):
    if frame.r_zero and (frame.window or frame.zero_before):
        return 'rill: a zero window that is none, or not the first'
    if frame.t_zero != frame.r_zero and not explained(
            'tshark marks each zero window, rill the first of a row', frame.t_zero and frame.zero_before):
        return 'zero window'
    if frame.t_keepalive == frame.r_keepalive:
        return None
    if frame.t_keepalive and frame.at_fin:
        return not explained('an ACK that left before the FIN stands one below it, which is no keepalive',
                             not frame.length) and 'tshark says keepalive'
    if frame.t_keepalive:
        return not explained('what tshark calls a keepalive asks for a window, or is not answered yet',
                             frame.r_probe or frame.again or frame.one_back) and 'tshark says keepalive'
    return not explained('one back, all acknowledged: a keepalive, which tshark says of some', frame.one_back) and \
        'tshark says no keepalive'


def read(rill, path):
    arguments = [part for field in FIELDS for part in ('-e', field)]
    text = run('tshark', '-r', path, '-T', 'fields', '-E', 'header=y', '-E', 'separator=,', '-E', 'occurrence=f',
               '-Y', 'tcp', *arguments)
    theirs = list(csv.DictReader(io.StringIO(text)))
    ours = {int(row['frame']): row for row in
            csv.DictReader(io.StringIO(run(rill, 'streams', path, 'export', '--packets', '--csv', '--no-index')))}
    for row in theirs:
        yield Frame(row, ours[int(row['frame.number'])])


def compare(rill, path):
    """Returns (frames, differences that nothing explains)."""
    lives, last, wrong, count = {}, {}, [], 0
    for frame in read(rill, path):
        count += 1
        life = lives.get(frame.connection)
        if life is None:
            life = lives[frame.connection] = Life(frame)
            life.ends = set()
        side, earlier = life.side(frame), last.get(frame.ports)
        if life.first is frame:
            life.shares = earlier is not None and earlier.stream == frame.stream
        frame.first_of_side = not side.packets
        new_stream = earlier is not None and earlier.stream != frame.stream
        new_life = earlier is not None and earlier.connection != frame.connection
        if earlier is not None and new_stream != new_life and frame.stream not in life.streams:
            if not streams_differ(frame, earlier, life):
                wrong.append((frame, 'connections'))
        side.take(frame)
        if frame.flags & ACK:
            life.other(frame).hear(frame.ack)
        life.streams[frame.stream] += 1
        life.ends |= {frame.source} if frame.flags & (FIN | RST) else set()
        frame.over = bool(life.ends)
        last[frame.ports] = frame
        reasons = (check_resent(frame, life), check_late(frame), check_gap(frame, life), check_rest(frame))
        wrong += [(frame, reason) for reason in reasons if reason]
    return count, wrong


def follow_alike(rill, path, number):
    """The bytes of a connection, both sides, as each follows them."""
    lines = run('tshark', '-r', path, '-q', '-z', f'follow,tcp,raw,{number}').splitlines()[6:-1]
    theirs = [''.join(line.strip() for line in lines if line.startswith('\t') == second) for second in (False, True)]
    for side, hexes in zip(('client', 'server'), theirs):
        ours = subprocess.run([rill, 'streams', path, 'follow', str(number), '--raw', '--from', side, '--no-index'],
                              capture_output=True).stdout.hex()
        if ours != hexes:
            return False
    return True


def main():
    rill, generator = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    frames, bad, followed, unlike = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'c.pcap')
        for seed in range(first, first + count):
            missing = (0, 20, 200)[seed // 3 % 3]
            run(generator, 'write', str(seed), str(seed % 3), path, str(missing))
            seen, wrong = compare(rill, path)
            frames += seen
            bad += bool(wrong)
            for frame, reason in wrong[:5]:
                print(f'# seed {seed} at {seed % 3}, missing {missing}: frame {frame.number}: {reason}: {vars(frame)}')
            if not missing and seed % 5 == 0:
                followed += 1
                if not follow_alike(rill, path, 0):
                    unlike += 1
                    print(f'# seed {seed} at {seed % 3}: followed, connection 0 is not the same')
    for rule, times in used.most_common():
        print(f'# {times:7} {rule}')
    print(f'# {frames} frames of {count} captures')
    print(f'{"not " * bool(bad or not frames)}ok 1 - each frame is what it was, and each difference to tshark has a named rule')
    print(f'{"not " * bool(unlike or not followed)}ok 2 - followed streams are the same bytes ({followed} captures)')
    print('1..2')
    return bad or unlike


sys.exit(1 if main() else 0)
