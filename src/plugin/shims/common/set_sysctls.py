#!/bin/sh
# Stands for the Linux suite's program of that name: /proc/sys/KEY=VALUE, each into the file that the host reads.
for word; do
    printf '%s\n' "${word#/proc/sys/}" | sed 's/"//g' \
        >> "${RILL_PACKETDRILL_SETTINGS:?is not set: the file that librill-packetdrill.so reads}"
done
