# SPDX-License-Identifier: AGPL-3.0-or-later
# The commands of the house. Meson and ninja do the building; each target here
# is a few words over tools/ and can be typed by hand as well.
#
#   ARGS=...           after `hearth serve --open` of make run
#   NINJAFLAGS=-j4     for every build
#   HEARTH_OFFLINE=1   never downloads
#   HEARTH_MESON=...   options for a build folder that is configured for the first time

MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
NINJA = ninja $(NINJAFLAGS)

.DEFAULT_GOAL := help
.PHONY: help run test check asan tsan fuzz bench lint fmt gen docs install clean setup ui build-dev build-release build-asan build-tsan

help:
	@echo 'make run       install what is missing, build, start, open the page'
	@echo 'make test      every suite; ends in one line that adds them up'
	@echo 'make check     the fast suites, on build/dev'
	@echo 'make asan      unit tests with AddressSanitizer and UBSan'
	@echo 'make tsan      unit tests with ThreadSanitizer'
	@echo 'make fuzz      libFuzzer over every target; TARGET=name TIME=seconds (60)'
	@echo 'make bench     measurements, beside llama-server with LLAMA_SERVER=path'
	@echo 'make lint      clang-format, clang-tidy, cppcheck, floors, links'
	@echo 'make fmt       clang-format, in place'
	@echo 'make gen       regenerate what comes from spec/ and the methods.json files'
	@echo 'make docs      regenerate the reference, check every link'
	@echo 'make install   into PREFIX ($(PREFIX)), DESTDIR honoured'
	@echo 'make clean     remove build/ and ui/dist (.deps and node_modules stay)'

run: build-release
	@exec build/release/hearth serve --open $(ARGS)

test:
	@tools/setup test
	@tools/build-ui
	@$(MAKE) build-dev build-asan build-tsan
	@tools/with-node tools/run-tests test $(SUITES)

check: build-dev
	@tools/with-node tools/run-tests check $(SUITES)

setup:
	@tools/setup run

ui: setup
	@tools/build-ui

build-release: ui
	@tools/configure release
	@$(NINJA) -C build/release

# Tests need more packages than the program: cmocka.
build-dev build-asan build-tsan: build-%:
	@tools/setup check
	@case $* in dev) tools/build-ui ;; esac
	@tools/configure $*
	@$(NINJA) -C build/$*

asan: build-asan
	@tools/meson-suite build/asan unit plugins fuzz

tsan: build-tsan
	@tools/meson-suite build/tsan unit plugins

fuzz:
	@tools/setup check
	@tools/setup lint
	@tools/configure fuzz
	@$(NINJA) -C build/fuzz
	@tools/fuzz build/fuzz $(TARGET)

bench: build-release
	@bench/run $(ARGS)

lint: build-dev
	@tools/setup lint
	@tools/lint

fmt:
	@tools/setup lint
	@tools/lint --fix

gen:
	@python3 tools/gen.py

docs: gen
	@tools/check-links

install: build-release
	@meson configure build/release -Dprefix=$(PREFIX)
	@meson install -C build/release

clean:
	rm -rf build ui/dist
