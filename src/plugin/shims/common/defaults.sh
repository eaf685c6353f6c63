#!/bin/sh
# Stands for the Linux suite's beginning: the same settings, for the host of the script.
cat >> "${RILL_PACKETDRILL_SETTINGS:?is not set: the file that librill-packetdrill.so reads}" << 'SETTINGS'
net.ipv4.tcp_rmem=4096 540000 15728640
net.ipv4.tcp_wmem=4096 262144 4194304
net.ipv4.tcp_ecn=0
net.ipv4.tcp_slow_start_after_idle=0
net.ipv4.tcp_syn_retries=5
net.ipv4.tcp_fastopen=0x70403
net.ipv4.tcp_fastopen_key=a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4
net.ipv4.tcp_congestion_control=cubic
SETTINGS
