/* rill.h: all of the core's interface. */
#ifndef RILL_H
#define RILL_H
#include <rill/base.h>
#include <rill/capture.h>
#include <rill/journal.h>
#include <rill/packet.h>
#include <rill/socket.h>
#include <rill/stack.h>
#include <rill/tcp.h>
#include <rill/tcpi.h>
#include <rill/trace.h>
#include <rill/udp.h>
#endif
