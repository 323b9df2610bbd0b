/*-------------------------------------------------------------------------
 *
 * fuzz_json_portable.c
 *		The portable variant's side of fuzz_json.
 *
 *-------------------------------------------------------------------------
 */
#include "json_portable.h"

#include "check.h"
#include "fuzz.h"
#include "stream/json.h"

#define FUZZ_NAME(name) portable_##name
#include "fuzz_json_walk.h"

extern void read_text_portably(const char *const *wanted, int wanted_count, JsonFraming framing,
							   const uint8_t *text, size_t length, Bytes *log);

void
read_text_portably(const char *const *wanted, int wanted_count, JsonFraming framing,
				   const uint8_t *text, size_t length, Bytes *log)
{
	portable_read_text(wanted, wanted_count, framing, text, length, false, log);
}
