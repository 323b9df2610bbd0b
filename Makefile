# adsexport_fdw: build with  make && sudo make install
#   PG_CONFIG=/path/to/pg_config   the server to build for (default: the first in PATH)
#   WERROR=1                       warnings are errors
#   WITH_ISAL=0                    inflate with zlib, although ISA-L is installed, which is two to three times as fast
#
#   make check                 build and run all tests in a copy of an installed PostgreSQL (SUITES="unit regress": these)
#   make installcheck          pg_regress against the running server; what needs a remote only with ADSEXPORT_EMULATOR=URL
#   make prove_installcheck    the Python tests by prove, with what is installed, in clusters of their own
#   make unit                  the tests of what needs no server
#   make fuzz                  the fuzz targets (FUZZ_SECONDS=10: each for this long)
#   make format                format the C code
#   make bench                 measure, and write bench/RESULTS.md (BENCH=--quick)
#   make dist                  the release as a zip in dist/

EXTENSION = adsexport_fdw
MODULE_big = adsexport_fdw
DATA = $(wildcard sql/adsexport_fdw--*.sql)
PGFILEDESC = "adsexport_fdw - bulk exports of Amazon Ads and Amplitude as foreign tables"

OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/*/*.c))

# The emulator prints its URL: see test/emulator/README.md.
REGRESS = catalogue explain import options $(if $(ADSEXPORT_EMULATOR),mistakes scan)

PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config

# The version has its place in the control file; the library, the release and the tests take it from there.
ADSEXPORT_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(EXTENSION).control)
# As PGXN and others write it: with three numbers.
RELEASE := $(ADSEXPORT_VERSION)$(if $(word 3,$(subst ., ,$(ADSEXPORT_VERSION))),,.0)

FUZZ_SECONDS ?= 10
# These need neither a server nor its development files here.
OWN_GOALS = check unit fuzz format bench dist release

ifeq ($(filter-out $(OWN_GOALS),$(or $(MAKECMDGOALS),all)),)

check:
	test/run $(SUITES)

else # what PGXS builds

# Goals that build nothing need no libraries.
ifneq ($(filter-out clean distclean installcheck prove_installcheck,$(or $(MAKECMDGOALS),all)),)
FOUND_ISAL := $(if $(shell $(PKG_CONFIG) --atleast-version=2.30 libisal 2>/dev/null && echo yes),1,0)
# What was built is what is installed.
ifeq ($(filter-out install,$(or $(MAKECMDGOALS),all)),)
WITH_ISAL ?= $(or $(shell cat .with-isal 2>/dev/null),$(FOUND_ISAL))
endif
WITH_ISAL ?= $(FOUND_ISAL)
WITH_ISAL := $(WITH_ISAL)
ifneq ($(WITH_ISAL),$(filter 0 1,$(WITH_ISAL)))
$(error WITH_ISAL has to be 0 or 1, not "$(WITH_ISAL)")
endif
LIBRARIES = libcurl:7.68:libcurl4-openssl-dev zlib:1.2.11:zlib1g-dev
ifeq ($(WITH_ISAL),1)
LIBRARIES += libisal:2.30:libisal-dev
endif
ifeq ($(shell command -v $(PKG_CONFIG)),)
$(error pkg-config was not found; install it (Debian: apt-get install pkg-config))
endif
ifeq ($(shell command -v $(PG_CONFIG)),)
$(error $(PG_CONFIG) was not found; install the server's development files (Debian: apt-get install postgresql-server-dev-all) or set PG_CONFIG)
endif
define require_library
ifneq ($(shell $(PKG_CONFIG) --atleast-version=$(word 2,$(1)) $(word 1,$(1)) && echo yes),yes)
$$(error $(word 1,$(1)) $(word 2,$(1)) or later was not found by pkg-config; install it (Debian: apt-get install $(word 3,$(1))))
endif
endef
$(foreach library,$(LIBRARIES),$(eval $(call require_library,$(subst :, ,$(library)))))
LIBRARY_NAMES = $(foreach library,$(LIBRARIES),$(firstword $(subst :, ,$(library))))
LIBRARY_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARY_NAMES))
# libdl, where the C library does not have it in itself, is among what the server is linked with.
SHLIB_LINK += $(shell $(PKG_CONFIG) --libs $(LIBRARY_NAMES)) -lpthread $(filter -ldl,$(LIBS))
endif

EXTRA_CLEAN = .with-isal

PG_CPPFLAGS = -I$(CURDIR)/src -D_GNU_SOURCE -DADSEXPORT_VERSION='"$(ADSEXPORT_VERSION)"' $(LIBRARY_CFLAGS)
ifeq ($(WITH_ISAL),1)
PG_CPPFLAGS += -DADSEXPORT_WITH_ISAL
endif
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-declaration-after-statement -fvisibility=hidden
ifeq ($(WERROR),1)
PG_CFLAGS += -Werror
endif

# Bitcode is for inlining into expressions, of which a foreign data wrapper has nothing to offer.
override with_llvm := no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows no header dependencies between folders; this keeps an edit-compile loop honest.
$(OBJS): $(wildcard src/*.h src/*/*.h) $(EXTENSION).control .with-isal

# Written when it changes, so that no object of the other build stays.
.with-isal: always
	@echo '$(WITH_ISAL)' | cmp -s - $@ || echo '$(WITH_ISAL)' >$@
.PHONY: always

# Each file of tests is one test for prove, which runs all the tests in it.
prove_installcheck:
	PG_CONFIG=$(PG_CONFIG) prove --exec test/t/run $(or $(PROVE_TESTS),test/t/test_*.py)

endif

unit:
	$(MAKE) -C test/unit check

fuzz:
	test/fuzz/run $(FUZZ_SECONDS)

format:
	test/format --fix

bench:
	bench/run $(BENCH)

# The same bytes from the same commit: git takes times and modes from there, and zip's times are local ones.
dist:
	mkdir -p dist
	TZ=UTC0 git archive --format=zip -9 --prefix=$(EXTENSION)-$(RELEASE)/ -o dist/$(EXTENSION)-$(RELEASE).zip HEAD

# For scripts.
release:
	@echo $(RELEASE)

.PHONY: check prove_installcheck unit fuzz format bench dist release
