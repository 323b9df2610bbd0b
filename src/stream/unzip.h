/*-------------------------------------------------------------------------
 *
 * unzip.h
 *		Read a zip archive of gzip files forward, as it arrives.
 *
 * Made for Amplitude's archives: entries are usually stored with bit 3 set,
 * zero sizes in the local header and a data descriptor after it, so only the
 * entry's gzip data shows where it ends.  An entry whose name ends in
 * ".json.gz" is inflated (twice where the entry itself is deflated) and
 * delivered.  Of other names that end in .json, .jsonl, .ndjson, .gz or .gzip,
 * in whatever case, the content decides: if it is JSON lines, or gzip of them,
 * it is delivered, too.  Everything else is passed over, and counted except
 * for directories and a Mac's notes; an archive with nothing to deliver is an
 * error (unsupported). At the end everything that was read is compared with
 * the central directory: count, names, methods, CRCs, sizes and offsets.
 * Memory does not grow with the number of entries.
 *
 * Source of the layout: docs/vendors/amplitude-export.md 2, and PKWARE's
 * APPNOTE 6.3.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_UNZIP_H
#define ADSEXPORT_UNZIP_H

#include "stream/stream.h"

/* Longer names are rejected; the vendor's are under 100 bytes. */
#define UNZIP_MAX_NAME 1024

/* Entries in all, so that an archive must end; a year of hours with 20 files each has 175,200. */
#define UNZIP_MAX_ENTRIES 16777216

/* Inflated bytes of entries that are passed over, in all. */
#define UNZIP_MAX_PASSED_OVER 268435456

/* Compressed bytes of an entry in a row that inflate to nothing, as empty blocks do. */
#define UNZIP_MAX_IDLE 1048576

/* Zeros after the end of the archive, and what else its last records may be filled with. */
#define UNZIP_MAX_PADDING 1048576

typedef struct Unzip Unzip;

/* Returns NULL when memory is short.  Free with unzip_free. */
extern Unzip *unzip_create(void);
extern void unzip_reset(Unzip *unzip);
extern void unzip_free(Unzip *unzip);

/*
 * Like gunzip_read, whose limits hold for the gzip inside, with two more
 * answers: STREAM_ENTRY_BEGIN before an entry's first byte and STREAM_ENTRY_END
 * after its last, when the checksums of the entry and of the gzip inside have
 * matched.  Nothing is produced with these two.  STREAM_END comes after the
 * end-of-central-directory record, once input->last is set and nothing but zero
 * bytes has followed it.  Entries that are passed over are not announced, but
 * verified all the same.
 */
extern StreamStatus unzip_read(Unzip *unzip, StreamInput *input, unsigned char *output,
							   size_t output_size, size_t *produced);

extern const StreamError *unzip_error(const Unzip *unzip);

/*
 * The entry between STREAM_ENTRY_BEGIN and the next one.  The name is NUL
 * terminated and may hold any other byte; length and CRC-32 are those of the
 * inflated content so far and complete with STREAM_ENTRY_END.
 */
extern const char *unzip_entry_name(const Unzip *unzip);
extern uint64_t unzip_entry_length(const Unzip *unzip);
extern uint32_t unzip_entry_crc(const Unzip *unzip);

/* Is it not gzip? Then the CRC-32 is right only with STREAM_ENTRY_END. */
extern bool unzip_entry_is_plain(const Unzip *unzip);

/* Since the last reset; entries are those announced by STREAM_ENTRY_BEGIN. */
extern uint64_t unzip_entries(const Unzip *unzip);
extern uint64_t unzip_bytes_in(const Unzip *unzip);
extern uint64_t unzip_bytes_out(const Unzip *unzip);

/* Entries that were passed over, and the name of the first one. */
extern uint64_t unzip_passed_over(const Unzip *unzip);
extern const char *unzip_first_passed_over(const Unzip *unzip);

/* In the units of STREAM_WORK. */
extern uint64_t unzip_work(const Unzip *unzip);

#endif /* ADSEXPORT_UNZIP_H */
