/*-------------------------------------------------------------------------
 *
 * json_portable.c
 *		The reading of JSON again, with the portable byte-parallel steps, under
 *		other names, so that both variants can be compared in one program.
 *
 *-------------------------------------------------------------------------
 */
#define JSON_FORCE_PORTABLE
#include "json_portable.h"

#include "../../src/stream/json.c"
#include "../../src/stream/json_cursor.c"
#include "../../src/stream/json_paths.c"
#include "../../src/stream/json_text.c"
