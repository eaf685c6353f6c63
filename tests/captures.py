#!/usr/bin/env python3
"""The captures beside the project, each against what is known of how it was made: tests/captures.py RILL FOLDER.
Prints TAP. A capture that is not there is skipped by name."""
import csv, hashlib, json, os, subprocess, sys

RILL, FOLDER = sys.argv[1:3]
NAMES = '''bigendian bottleneck_client capture_loss cooked_sll http_keepalive http_parallel6 icmp_quoted_tcp
ip_fragments ipv6 keepalive loss_client loss_server midstream mixed_linktypes.pcapng offload_tso overlap_conflict
port_reuse port_scan reorder_client reset_mid reuse_no_fin reuse_no_second_syn seq_wrap simultaneous_open snap68
stray_syn syn_timeout synack_before_syn two_ifaces.pcapng vlan vlan_same_tuple vxlan zero_window'''.split()
# Where the reference's streams are not the connections, or its addresses are those of a tunnel.
OTHER_STREAMS = {'reuse_no_second_syn', 'vlan_same_tuple', 'stray_syn', 'icmp_quoted_tcp', 'vxlan'}
OTHER_RANGES = {'two_ifaces', 'reuse_no_second_syn', 'vlan_same_tuple'}
REFERENCE_WRITES_INTO_THE_DATA = {'capture_loss', 'midstream'}


def rill(*words):
    return subprocess.run([RILL, 'streams', *words], capture_output=True)


def connections_of(path):
    run = rill(path, '--json')
    assert run.returncode == 0, f'exit code {run.returncode}: {run.stderr.decode()}'
    return [json.loads(line) for line in run.stdout.decode().splitlines()]


def socket(text):
    address, port = text.rsplit(':', 1)
    return address.strip('[]') + ' ' + port


def equal(what, got, wanted):
    assert got == wanted, f'{what}: {got}, expected {wanted}'


def check_account(connection):
    equal('sum of the blame', sum(connection['blame'].values()), connection['duration'])
    for state, frame in connection['evidence'].items():
        assert connection['first_frame'] <= frame <= connection['last_frame'], f'evidence of {state}: frame {frame}'


def check_stream(connection, stream, ranges, exact):
    swapped = socket(connection['client']) != stream['a']
    ab = (lambda pair: pair[::-1]) if swapped else (lambda pair: pair)
    equal('ends', sorted(map(socket, (connection['client'], connection['server']))), sorted((stream['a'], stream['b'])))
    equal('packets', ab(connection['packets']), [stream['packets_ab'], stream['packets_ba']])
    equal('frames', (connection['first_frame'], connection['last_frame']),
          (stream['first_frame'], stream['last_frame']))
    for one in ranges if exact else []:
        side = 0 if one['src'] == socket(connection['client']) else 1
        for ours, theirs in (('resent_segments', 'resent_segments'), ('resent_bytes', 'resent_bytes'),
                             ('missing_bytes', 'missing_bytes_inside'), ('bytes', 'unique_bytes')):
            equal(f'{ours} of {one["src"]}', connection[ours][side], one[theirs])


def check_follow(path, connection, stream):
    swapped = socket(connection['client']) != stream['a']
    for node in (0, 1):
        run = rill(path, 'follow', str(connection['number']), '--raw', '--from',
                   ('client', 'server')[node ^ swapped])
        equal(f'exit code of follow {connection["number"]}', run.returncode, 0)
        equal(f'SHA-256 of what node {node} of stream {connection["number"]} sent',
              hashlib.sha256(run.stdout).hexdigest(), stream['follow'][f'node{node}_sha256'])


def sums(connections, key):
    return sum(sum(connection[key]) for connection in connections)


def json_packets(path, number):
    return [json.loads(line) for line in rill(path, 'ladder', str(number), '--json').stdout.decode().splitlines()]


def overtaken(path, log):
    """Of the segments that the forwarder's log says it held back, those that a later one overtook in the capture:
    one that nothing followed for that time looks like any other."""
    with open(log, encoding='utf-8') as file:
        held = {int(row[3]) for row in csv.reader(file) if row[0] == 'reorder'}
    segments, highest = json_packets(path, 0), -1
    found = 0
    isn = connections_of(path)[0]['isn'][1]
    for one in segments:
        if one['from'] != 'server' or not one['bytes']:
            continue
        late = one['position'] < highest
        if late and (one['position'] + isn + 1) % 2 ** 32 in held:
            found += 1
            held.discard((one['position'] + isn + 1) % 2 ** 32)
        highest = max(highest, one['position'])
    return found


def longest(connection):
    return max(connection['blame'], key=connection['blame'].get)


def two_ifaces(path, connections):
    equal('lost', connections[0]['lost_segments'], [0, 3])
    equal('resent', connections[0]['resent_segments'], [0, 3])
    # Every packet was seen twice but the three that were dropped between the interfaces.
    equal('second sightings', sum(connections[0]['duplicate_sightings']), (sum(connections[0]['packets']) - 3) // 2)


def reorder_client(path, connections):
    wanted = overtaken(path, os.path.join(FOLDER, 'reorder.truth.csv'))
    assert wanted >= 33
    equal('reordered', connections[0]['reordered_segments'], [0, wanted])
    equal('resent', connections[0]['resent_segments'], [0, 1])
    equal('spurious', connections[0]['spurious_segments'], [0, 1])
    equal('repaired', connections[0]['repaired_segments'], [0, 0])


def zero_window(path, connections):
    assert connections[0]['blame']['receiver_window'] >= 2_480_000_000
    equal('held longest by', longest(connections[0]), 'receiver_window')
    equal('probes', connections[0]['window_probes'], [3, 0])
    equal('keepalives', connections[0]['keepalives'], [0, 0])
    assert 'receiver' in connections[0]['verdict']


def port_scan(path, connections):
    states = [connection['state'] for connection in connections]
    equal('open, closed, no answer', [states.count(s) for s in ('reset', 'refused', 'attempted')], [20, 160, 20])


def expect(**wanted):
    def check(path, connections):
        for key, value in wanted.items():
            equal(key, sums(connections, key), value)
    return check


def bottleneck(path, connections):
    blame = connections[0]['blame']
    network = sum(blame[key] for key in blame if key.startswith('network_'))
    assert network > connections[0]['duration'] * 0.9, blame
    assert longest(connections[0]).startswith('network_')


def conflict(path, connections):
    events = [json.loads(line) for line in rill(path, 'events').stdout.decode().splitlines()]
    equal('overlaps that differ', sum(event['event'] == 'conflict' for event in events), 2)
    equal('bytes that differ', connections[0]['conflicting_bytes'], [9, 0]) # good/evil: 4; AAAAA/BBBBB: 5


def stray(path, connections):
    equal('rejected SYNs', connections[0]['rejected_syns'], 1)
    equal('packets', sum(connections[0]['packets']), 28)
    equal('bytes', connections[0]['bytes'], [1500, 4500])


def reuse(path, connections):
    equal('handshakes', [c['handshake'] for c in connections], ['whole', 'none'])
    equal('bytes', [c['bytes'] for c in connections], [[300, 900], [500, 1200]])
    equal('lives', [c['incarnation'] for c in connections], [1, 2])


MORE = {
    'two_ifaces': two_ifaces, 'reorder_client': reorder_client, 'zero_window': zero_window, 'port_scan': port_scan,
    'loss_server': expect(resent_segments=26, reordered_segments=0, repaired_segments=0, lost_segments=26),
    'loss_client': expect(resent_segments=0, reordered_segments=0, repaired_segments=26),
    'capture_loss': expect(resent_segments=0, lost_segments=0, repaired_segments=0, missing_bytes=28960),
    'bottleneck_client': bottleneck, 'overlap_conflict': conflict, 'stray_syn': stray, 'reuse_no_second_syn': reuse,
    'keepalive': expect(keepalives=3, window_probes=0, resent_segments=0),
    'icmp_quoted_tcp': lambda p, c: equal('ICMP errors', sum(x['icmp_errors'] for x in c), 2),
    'vlan_same_tuple': lambda p, c: equal('VLANs', sorted(x['scope'][0]['id'] for x in c), [10, 20]),
    'vxlan': lambda p, c: equal('scope', c[0]['scope'], [{'kind': 'vxlan', 'id': 77}]),
    'synack_before_syn': lambda p, c: equal('client', c[0]['client'], '10.1.0.1:40000'),
    'syn_timeout': lambda p, c: equal('state', c[0]['state'], 'attempted'),
    'reset_mid': lambda p, c: equal('closed by', c[0]['closed_by'], 'reset_by_server'),
    'port_reuse': lambda p, c: equal('lives', [x['incarnation'] for x in c], [1, 2, 3, 4, 5, 6]),
    'midstream': lambda p, c: equal('handshake', c[0]['handshake'], 'none'),
    'seq_wrap': expect(resent_segments=0, missing_bytes=0),
}


def check(name, path):
    with open(os.path.join(FOLDER, name + '.expected.json'), encoding='utf-8') as file:
        expected = json.load(file)
    connections = connections_of(path)
    equal('connections', len(connections), expected['truth']['connections'])
    equal('the list when all sleep', rill(path, '--no-index', '--awake', '0', '--json').stdout,
          rill(path, '--no-index', '--json').stdout)
    for connection in connections:
        check_account(connection)
    if name not in OTHER_STREAMS:
        for connection, stream in zip(connections, expected['streams']):
            ranges = [one for one in expected['byte_ranges'] if one['stream'] == stream['stream']]
            check_stream(connection, stream, ranges, name not in OTHER_RANGES)
            if name not in REFERENCE_WRITES_INTO_THE_DATA and 'follow' in stream:
                check_follow(path, connection, stream)
    if name == 'vxlan':
        check_follow(path, connections[0], dict(expected['streams'][0], a=socket(connections[0]['client'])))
    if name in MORE:
        MORE[name](path, connections)


failed = 0
for number, entry in enumerate(NAMES, 1):
    name, kind = os.path.splitext(entry)
    path = os.path.join(FOLDER, name + (kind or '.pcap'))
    if not os.path.exists(path):
        print(f'ok {number} - {name} # SKIP {path} is not there')
        continue
    try:
        check(name, path)
        print(f'ok {number} - {name}')
    except (AssertionError, KeyError, IndexError, ValueError) as error:
        print(f'not ok {number} - {name}\n# {error!r}')
        failed += 1
print(f'1..{len(NAMES)}')
sys.exit(failed > 0)
