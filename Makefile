# A front to CMake's presets: `make`, `make run`, `make test`.
JOBS ?= 2

.PHONY: all run test differential coverage fuzz soak bench bench-recovery bench-streams round-trip amalgamation install tools-build tools-test tools-bench clean

all: tools-build
	@cmake --preset release > build-configure.log 2>&1 || { cat build-configure.log >&2; rm -f build-configure.log; exit 1; }
	@rm -f build-configure.log
	@cmake --build --preset release -j $(JOBS)

# The main job: build, then show two hosts talking.
run: all
	@build/rill demo
	@echo
	@echo "Next: build/rill demo --loss 2% --rtt 80ms --capture demo.pcapng, or the README's 'serve and curl'."

tools-build:
	@tools/install build

tools-test:
	@tools/install test

tools-bench:
	@tools/install bench

test: tools-test all
	@tests/run

# 100,000 random sequences to the kernel's TCP and to rill; needs root and TUN.
differential: tools-test
	@cmake --preset test > /dev/null && cmake --build --preset test --target tcp_differential_test -j $(JOBS) > /dev/null
	@build-test/tests/tcp_differential_test 100000

# 10,000 random runs, captured and taken apart again.
round-trip: tools-test
	@cmake --preset test > /dev/null && cmake --build --preset test --target round_trip_test -j $(JOBS) > /dev/null
	@build-test/tests/round_trip_test 10000

# What the tests reach of the protocol's own layers; fails below 95 % of lines or 90 % of branches.
coverage: tools-build
	@tools/install coverage
	@tools/coverage

# Each fuzz target for FUZZ_SECONDS; make soak: for SOAK_SECONDS, an hour, and the random simulations.
fuzz soak: tools-test
	@cmake --preset fuzz > build-configure.log 2>&1 || { cat build-configure.log >&2; rm -f build-configure.log; exit 1; }
	@rm -f build-configure.log
	@cmake --build --preset fuzz -j $(JOBS) > /dev/null
	@JOBS=$(JOBS) tests/fuzz/run $@

# make install PREFIX=/usr/local
install: all
	cmake --install build --prefix $(or $(PREFIX),/usr/local)

# The library as two files.
amalgamation:
	@tools/amalgamate build/amalgamation
	@ls build/amalgamation/rill.c build/amalgamation/rill.h

# rill beside Debian's lwIP, in interleaved runs.
bench: tools-bench all
	@cmake --build --preset release -j $(JOBS) --target lwip_bench > /dev/null
	@bench/compare $(BENCH)

# Loss recovery beside the kernel's, over paths of rill lab (root).
bench-recovery: all
	@cmake --build --preset release -j $(JOBS) --target flow > /dev/null
	@bench/recovery $(BENCH)
	@bench/share

# rill streams beside tshark and tcptrace, on captures of a gigabyte each.
bench-streams: tools-bench all
	@cmake --build --preset release -j $(JOBS) --target captures > /dev/null
	@bench/streams $(BENCH)

clean:
	rm -rf build build-*
