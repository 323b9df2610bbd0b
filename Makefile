# adsexport_fdw: build with  make && sudo make install
#   PG_CONFIG=/path/to/pg_config   the server to build for (default: the first in PATH)
#   WERROR=1                       warnings are errors
#   WITH_ISAL=1                    inflate with ISA-L instead of zlib, two to three times as fast

EXTENSION = adsexport_fdw
MODULE_big = adsexport_fdw
DATA = $(wildcard sql/adsexport_fdw--*.sql)
PGFILEDESC = "adsexport_fdw - bulk exports of Amazon Ads and Amplitude as foreign tables"

OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/*/*.c))

PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config

# Goals that build nothing need no libraries.
ifneq ($(filter-out clean distclean,$(or $(MAKECMDGOALS),all)),)
LIBRARIES = libcurl:7.68:libcurl4-openssl-dev zlib:1.2.11:zlib1g-dev json-c:0.13:libjson-c-dev
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
SHLIB_LINK += $(shell $(PKG_CONFIG) --libs $(LIBRARY_NAMES)) -lpthread
endif

# The version has its place in the control file, all others take it from there.
ADSEXPORT_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'$$/\1/p" $(EXTENSION).control)
PG_CPPFLAGS = -I$(CURDIR)/src -D_GNU_SOURCE -DADSEXPORT_VERSION='"$(ADSEXPORT_VERSION)"' $(LIBRARY_CFLAGS)
ifeq ($(WITH_ISAL),1)
PG_CPPFLAGS += -DADSEXPORT_WITH_ISAL
endif
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-declaration-after-statement -fvisibility=hidden
ifeq ($(WERROR),1)
PG_CFLAGS += -Werror
endif

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS knows no header dependencies between folders; this keeps an edit-compile loop honest.
$(OBJS): $(wildcard src/*.h src/*/*.h) $(EXTENSION).control
