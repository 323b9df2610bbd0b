/*-------------------------------------------------------------------------
 *
 * json_portable.c
 *		stream/json.c again, with the portable byte-parallel steps, under other
 *		names, so that both variants can be compared in one program.
 *
 *-------------------------------------------------------------------------
 */
#define JSON_FORCE_PORTABLE
#include "json_portable.h"

#include "../../src/stream/json.c"
