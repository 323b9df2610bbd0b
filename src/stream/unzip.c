/*-------------------------------------------------------------------------
 *
 * unzip.c
 *		Read a zip archive of gzip files forward, as it arrives.
 *
 * The archive is a sequence of records, each led by a signature: entries
 * (local header, content, perhaps a data descriptor), then the central
 * directory, then its end.  The end of an entry is found from its sizes, from
 * the end of its deflate data, or, for the stored entries with a descriptor
 * that the vendor sends, from the end of the gzip member inside; there the
 * descriptor is recognized by its content, which must be the checksum and the
 * sizes of exactly what was read, and by the signature of the record after it.
 * If there is no gzip inside, the descriptor is looked for at each byte.
 *
 * An entry is handed over before the central directory can confirm it.  That
 * the directory lists exactly what was read is checked with constant memory:
 * the sums of a hash of each entry must be equal on both sides.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "stream/crc32.h"
#include "stream/gunzip.h"
#include "stream/inflater.h"
#include "stream/portion.h"
#include "stream/stream_error.h"
#include "stream/unzip.h"
#include "stream/zip_format.h"

/*
 * Enough to look ahead over any fixed part, or a descriptor and a signature,
 * or for what an inflater took in excess and the few bytes that were pending.
 */
#define PENDING_SIZE 128

#define MIDDLE_SIZE 65536

/* A descriptor, and the signature of the record after it. */
#define DESCRIPTOR_LOOK (MAX_DESCRIPTOR_SIZE + SIGNATURE_SIZE)

/* Content is judged by at most this much of its beginning. */
#define BEGINNING_SIZE 512

/* Names of entries that an error can list. */
#define SHOWN_NAMES 3
#define SHOWN_NAME_SIZE 44

typedef enum UnzipState
{
	UNZIP_RECORD,     /* a signature comes */
	UNZIP_LOCAL_NAME, /* local header, after its fixed part */
	UNZIP_LOCAL_EXTRA,
	UNZIP_STORED,        /* content of known size */
	UNZIP_STORED_DECIDE, /* a gzip member or a descriptor comes */
	UNZIP_STORED_MEMBER, /* inside a gzip member */
	UNZIP_STORED_SEARCH, /* content that a descriptor ends, wherever that comes */
	UNZIP_DEFLATED,
	UNZIP_AFTER_CONTENT,
	UNZIP_DESCRIPTOR,
	UNZIP_CENTRAL_NAME,
	UNZIP_CENTRAL_EXTRA,
	UNZIP_CENTRAL_COMMENT,
	UNZIP_ZIP64_EXTENSION, /* extensible data of the zip64 end record */
	UNZIP_ARCHIVE_COMMENT,
	UNZIP_PADDING, /* only zero bytes may follow */
	UNZIP_FAILED
} UnzipState;

/* How far the sequence of records has got. */
typedef enum UnzipStage
{
	STAGE_ENTRIES,
	STAGE_CENTRAL,
	STAGE_ZIP64_END,
	STAGE_ZIP64_LOCATOR
} UnzipStage;

struct Unzip
{
	UnzipState state;
	UnzipStage stage;
	Gunzip *gunzip;
	Inflater *inflater; /* for the archive's own compression */

	/* Bytes taken from the input that no record has used yet. */
	unsigned char pending[PENDING_SIZE];
	unsigned pending_begin;
	unsigned pending_end;

	unsigned char *extra;
	unsigned collected; /* of a name or extra field */
	uint64_t skip_left; /* of a comment or extension */

	EntryHeader entry;   /* as its local header says */
	EntryHeader central; /* the one being read */

	/* The entry's content */
	EntryKind kind;
	bool wanted;     /* a file that is handed over */
	bool judging;    /* whether it is wanted is not known yet */
	bool descriptor; /* one follows */
	bool size_known; /* entry.compressed is reliable */
	bool inflated;   /* the archive's compression has ended */
	bool corrupt;    /* it has ended, but not as it should */
	unsigned idle;   /* compressed bytes in a row that inflated to nothing */
	uint32_t crc;    /* of what was read: the stored bytes, or the inflated ones */
	uint64_t compressed;
	uint64_t uncompressed;
	unsigned char *middle; /* deflate undone, gzip not yet */
	size_t middle_begin;
	size_t middle_end;

	/* The inflated content's first bytes, by which it is judged; handed over before all others. */
	unsigned char beginning[BEGINNING_SIZE];
	unsigned beginning_next;
	unsigned beginning_end;

	uint64_t found_content; /* with UNZIP_STORED_SEARCH: this many of the next bytes are content */
	bool found_end;         /* and the descriptor follows them */

	EntrySet read;
	EntrySet listed;
	uint64_t central_start;
	uint64_t central_end;
	bool zip64;
	uint64_t zip64_start;

	uint64_t entries; /* handed over */
	uint64_t passed_over;
	uint64_t passed_over_bytes;
	char first_passed_over[UNZIP_MAX_NAME + 1];
	char shown_names[SHOWN_NAMES][SHOWN_NAME_SIZE]; /* of those passed over */
	unsigned padding;                               /* after the end */
	uint64_t position;
	uint64_t inflated_bytes; /* of the archive's own compression */
	uint64_t gunzip_work;    /* of what was inflated by that */
	uint64_t work_began;     /* of the call */
	uint64_t bytes_out;
	StreamError error;
};

Unzip *
unzip_create(void)
{
	Unzip *unzip = calloc(1, sizeof(Unzip));

	if (unzip == NULL)
		return NULL;
	unzip->gunzip = gunzip_create();
	unzip->inflater = inflater_create();
	unzip->extra = malloc(MAX_EXTRA);
	unzip->middle = malloc(MIDDLE_SIZE);
	if (unzip->gunzip == NULL || unzip->inflater == NULL || unzip->extra == NULL ||
		unzip->middle == NULL)
	{
		unzip_free(unzip);
		return NULL;
	}
	unzip_reset(unzip);
	return unzip;
}

void
unzip_reset(Unzip *unzip)
{
	unzip->state = UNZIP_RECORD;
	unzip->stage = STAGE_ENTRIES;
	unzip->pending_begin = 0;
	unzip->pending_end = 0;
	unzip->entry.name[0] = '\0';
	unzip->entry.name_length = 0;
	memset(&unzip->read, 0, sizeof(EntrySet));
	memset(&unzip->listed, 0, sizeof(EntrySet));
	unzip->central_start = 0;
	unzip->central_end = 0;
	unzip->zip64 = false;
	unzip->entries = 0;
	unzip->passed_over = 0;
	unzip->passed_over_bytes = 0;
	unzip->first_passed_over[0] = '\0';
	unzip->judging = false;
	unzip->beginning_next = unzip->beginning_end = 0;
	unzip->padding = 0;
	unzip->position = 0;
	unzip->bytes_out = 0;
	unzip->inflated_bytes = 0;
	unzip->gunzip_work = 0;
	gunzip_reset(unzip->gunzip);
	stream_error_clear(&unzip->error);
}

void
unzip_free(Unzip *unzip)
{
	if (unzip == NULL)
		return;
	gunzip_free(unzip->gunzip);
	inflater_free(unzip->inflater);
	free(unzip->extra);
	free(unzip->middle);
	free(unzip);
}

const StreamError *
unzip_error(const Unzip *unzip)
{
	return &unzip->error;
}

const char *
unzip_entry_name(const Unzip *unzip)
{
	return unzip->entry.name;
}

/* Bytes that are held back do not count yet. */
static unsigned
held_back(const Unzip *unzip)
{
	return unzip->beginning_end - unzip->beginning_next;
}

uint64_t
unzip_entry_length(const Unzip *unzip)
{
	return gunzip_bytes_out(unzip->gunzip) - held_back(unzip);
}

uint32_t
unzip_entry_crc(const Unzip *unzip)
{
	if (held_back(unzip) > 0)
		return stream_crc32(0, unzip->beginning, unzip->beginning_next);
	/* Of plain content the archive's own checksum is the checksum. */
	return gunzip_is_plain(unzip->gunzip) ? unzip->crc : gunzip_content_crc(unzip->gunzip);
}

bool
unzip_entry_is_plain(const Unzip *unzip)
{
	return gunzip_is_plain(unzip->gunzip);
}

uint64_t
unzip_entries(const Unzip *unzip)
{
	return unzip->entries;
}

uint64_t
unzip_bytes_in(const Unzip *unzip)
{
	return unzip->position;
}

uint64_t
unzip_bytes_out(const Unzip *unzip)
{
	return unzip->bytes_out;
}

uint64_t
unzip_passed_over(const Unzip *unzip)
{
	return unzip->passed_over;
}

const char *
unzip_first_passed_over(const Unzip *unzip)
{
	return unzip->first_passed_over;
}

uint64_t
unzip_work(const Unzip *unzip)
{
	return unzip->position * STREAM_WORK_TAKEN + unzip->bytes_out + unzip->inflated_bytes +
		   unzip->gunzip_work;
}

/*-------------------------------------------------------------------------
 * Errors
 *-------------------------------------------------------------------------
 */
static __attribute__((cold, noinline, format(printf, 3, 4))) void
fail(Unzip *unzip, StreamErrorKind kind, const char *format, ...)
{
	va_list arguments;

	unzip->error.kind = kind;
	unzip->error.offset = unzip->position;
	va_start(arguments, format);
	vsnprintf(unzip->error.message, sizeof(unzip->error.message), format, arguments);
	va_end(arguments);
	unzip->state = UNZIP_FAILED;
}

/* Likewise about the current entry, whose name begins the message. */
static __attribute__((cold, noinline, format(printf, 3, 4))) void
fail_entry(Unzip *unzip, StreamErrorKind kind, const char *format, ...)
{
	char name[112];
	char problem[200];
	va_list arguments;

	stream_escape(name, sizeof(name), unzip->entry.name, unzip->entry.name_length);
	va_start(arguments, format);
	vsnprintf(problem, sizeof(problem), format, arguments);
	va_end(arguments);
	fail(unzip, kind, "zip entry \"%s\": %s", name, problem);
}

static __attribute__((cold, noinline)) void
fail_truncated(Unzip *unzip)
{
	if (unzip->position == 0 && unzip->pending_end == 0)
		fail(unzip, STREAM_ERROR_TRUNCATED, "data is empty");
	else if (unzip->state >= UNZIP_LOCAL_EXTRA && unzip->state <= UNZIP_DESCRIPTOR)
		fail_entry(unzip, STREAM_ERROR_TRUNCATED, "archive ends inside this entry");
	else
		fail(unzip, STREAM_ERROR_TRUNCATED, "zip archive ends too early (after %llu entries)",
			 (unsigned long long) unzip->read.count);
}

static __attribute__((cold, noinline)) void
fail_gunzip(Unzip *unzip)
{
	const StreamError *error = gunzip_error(unzip->gunzip);

	fail_entry(unzip, error->kind, "%s", error->message);
}

/* The vendor has another way to say that there is no data. */
static __attribute__((cold, noinline)) void
fail_without_export(Unzip *unzip)
{
	uint64_t count = unzip->passed_over > 0 ? unzip->passed_over : unzip->read.count;
	char names[SHOWN_NAMES * (SHOWN_NAME_SIZE + 4)] = "";
	size_t length = 0;

	if (unzip->passed_over == 0)
		stream_escape(unzip->shown_names[0], SHOWN_NAME_SIZE, unzip->entry.name,
					  unzip->entry.name_length);
	for (unsigned i = 0; i < SHOWN_NAMES && (i == 0 || i < unzip->passed_over); i++)
		length += (size_t) snprintf(names + length, sizeof(names) - length, "%s\"%s\"",
									i > 0 ? ", " : "", unzip->shown_names[i]);
	fail(unzip, STREAM_ERROR_UNSUPPORTED, "zip archive holds no export file, but %llu other: %s%s",
		 (unsigned long long) count, names, unzip->passed_over > SHOWN_NAMES ? ", ..." : "");
}

/*-------------------------------------------------------------------------
 * Taking bytes
 *
 * The next bytes of the archive are those pending, then those of the input.
 *-------------------------------------------------------------------------
 */
static inline StreamInput
next_bytes(const Unzip *unzip, const StreamInput *input)
{
	StreamInput bytes = *input;

	if (unzip->pending_begin < unzip->pending_end)
	{
		bytes.next = unzip->pending + unzip->pending_begin;
		bytes.available = unzip->pending_end - unzip->pending_begin;
		bytes.last = input->last && input->available == 0;
	}
	return bytes;
}

static inline void
use_bytes(Unzip *unzip, StreamInput *input, size_t length)
{
	unzip->position += length;
	if (unzip->pending_begin < unzip->pending_end)
	{
		unzip->pending_begin += (unsigned) length;
		if (unzip->pending_begin == unzip->pending_end)
		{
			unzip->pending_begin = 0;
			unzip->pending_end = 0;
		}
	}
	else
	{
		input->next += length;
		input->available -= length;
	}
}

/* The last few bytes that were used have to be read again. */
static void
put_back(Unzip *unzip, const unsigned char *bytes, unsigned length)
{
	unsigned have = unzip->pending_end - unzip->pending_begin;

	if (length == 0)
		return;
	memmove(unzip->pending + length, unzip->pending + unzip->pending_begin, have);
	memcpy(unzip->pending, bytes, length);
	unzip->pending_begin = 0;
	unzip->pending_end = have + length;
	unzip->position -= length;
}

/*
 * Look at the next length (at most PENDING_SIZE) bytes without using them.
 * Returns NULL when they are not all there.
 */
static const unsigned char *
peek(Unzip *unzip, StreamInput *input, unsigned length)
{
	unsigned have = unzip->pending_end - unzip->pending_begin;

	if (have == 0 && input->available >= length)
		return input->next;
	if (have < length)
	{
		size_t more = length - have;

		if (unzip->pending_begin > 0)
		{
			memmove(unzip->pending, unzip->pending + unzip->pending_begin, have);
			unzip->pending_begin = 0;
			unzip->pending_end = have;
		}
		if (more > input->available)
			more = input->available;
		if (more > 0)
		{
			memcpy(unzip->pending + unzip->pending_end, input->next, more);
			unzip->pending_end += (unsigned) more;
			input->next += more;
			input->available -= more;
		}
		if (unzip->pending_end < length)
			return NULL;
	}
	return unzip->pending + unzip->pending_begin;
}

/*
 * Collect a field of size bytes, counting in unzip->collected.  Returns true
 * (and starts the count again) when it is complete.
 */
static bool
collect(Unzip *unzip, StreamInput *input, void *field, unsigned size)
{
	while (unzip->collected < size)
	{
		StreamInput bytes = next_bytes(unzip, input);
		size_t length = size - unzip->collected;

		if (length > bytes.available)
			length = bytes.available;
		if (length == 0)
			return false;
		memcpy((unsigned char *) field + unzip->collected, bytes.next, length);
		unzip->collected += (unsigned) length;
		use_bytes(unzip, input, length);
	}
	unzip->collected = 0;
	return true;
}

/* Pass over unzip->skip_left bytes.  Returns true when that is done. */
static bool
skip(Unzip *unzip, StreamInput *input)
{
	while (unzip->skip_left > 0)
	{
		StreamInput bytes = next_bytes(unzip, input);
		size_t length = bytes.available;

		if (length > unzip->skip_left)
			length = (size_t) unzip->skip_left;
		if (length == 0)
			return false;
		unzip->skip_left -= length;
		use_bytes(unzip, input, length);
	}
	return true;
}

/*-------------------------------------------------------------------------
 * Headers
 *-------------------------------------------------------------------------
 */

/* The fixed part of a local header. */
static void
read_local_header(Unzip *unzip, const unsigned char *bytes)
{
	EntryHeader *entry = &unzip->entry;

	if (unzip->read.count == UNZIP_MAX_ENTRIES)
	{
		fail(unzip, STREAM_ERROR_TOO_LARGE,
			 "zip archive has more than " STRING_OF(UNZIP_MAX_ENTRIES) " entries");
		return;
	}
	entry->offset = unzip->position;
	entry->flags = get_uint16(bytes + 6);
	entry->method = get_uint16(bytes + 8);
	entry->crc = get_uint32(bytes + 14);
	entry->compressed = get_uint32(bytes + 18);
	entry->uncompressed = get_uint32(bytes + 22);
	entry->name_length = get_uint16(bytes + 26);
	entry->extra_length = get_uint16(bytes + 28);
	unzip->collected = 0;
	unzip->state = UNZIP_LOCAL_NAME;
	if (entry->name_length > UNZIP_MAX_NAME)
	{
		unsigned name_length = entry->name_length;

		entry->name_length = 0;
		fail(unzip, STREAM_ERROR_TOO_LARGE,
			 "name of a zip entry is %u bytes long, but at most %d are supported", name_length,
			 UNZIP_MAX_NAME);
	}
}

/* The entry is not an export. */
static void
note_passed_over(Unzip *unzip)
{
	if (unzip->kind == ENTRY_OF_NO_INTEREST)
		return;
	if (unzip->passed_over == 0)
		strcpy(unzip->first_passed_over, unzip->entry.name);
	if (unzip->passed_over < SHOWN_NAMES)
		stream_escape(unzip->shown_names[unzip->passed_over], SHOWN_NAME_SIZE, unzip->entry.name,
					  unzip->entry.name_length);
	unzip->passed_over++;
}

/* Is the content looked at, or passed over? */
static inline bool
is_read(const Unzip *unzip)
{
	return unzip->wanted || unzip->judging;
}

/* The local header is complete: decide how the content is read. */
static void
begin_content(Unzip *unzip)
{
	EntryHeader *entry = &unzip->entry;

	if (memchr(entry->name, '\0', entry->name_length) != NULL)
	{
		fail_entry(unzip, STREAM_ERROR_CORRUPT, "name holds a NUL byte");
		return;
	}
	if (entry->flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED_HEADER))
	{
		fail_entry(unzip, STREAM_ERROR_UNSUPPORTED,
				   "encrypted entries are not supported (method %u)", entry->method);
		return;
	}
	if (entry->flags & FLAG_PATCH)
	{
		fail_entry(unzip, STREAM_ERROR_UNSUPPORTED, "patched data is not supported (method %u)",
				   entry->method);
		return;
	}
	if (entry->method != METHOD_STORED && entry->method != METHOD_DEFLATED)
	{
		fail_entry(unzip, STREAM_ERROR_UNSUPPORTED, "compression method %u%s is not supported",
				   entry->method, zip_method_name(entry->method));
		return;
	}
	if (!zip_apply_zip64_extra(entry, unzip->extra, false))
	{
		fail_entry(unzip, STREAM_ERROR_CORRUPT, "local header lacks its zip64 sizes");
		return;
	}

	/* With a descriptor, the sizes are zero unless the writer knew them. */
	unzip->descriptor = (entry->flags & FLAG_DESCRIPTOR) != 0;
	unzip->size_known = !unzip->descriptor || entry->compressed != 0;
	if (entry->method == METHOD_STORED && unzip->size_known &&
		entry->compressed != entry->uncompressed)
	{
		fail_entry(unzip, STREAM_ERROR_CORRUPT,
				   "stored, but its sizes differ (%llu compressed, %llu not)",
				   (unsigned long long) entry->compressed,
				   (unsigned long long) entry->uncompressed);
		return;
	}

	unzip->kind = zip_kind_by_name(entry);
	unzip->wanted = unzip->kind == ENTRY_EXPORT;
	unzip->judging = unzip->kind == ENTRY_PERHAPS;
	if (!unzip->wanted && !unzip->judging)
		note_passed_over(unzip);
	unzip->beginning_next = unzip->beginning_end = 0;
	unzip->found_content = 0;
	unzip->found_end = false;
	unzip->crc = 0;
	unzip->compressed = 0;
	unzip->uncompressed = 0;
	unzip->inflated = false;
	unzip->corrupt = false;
	unzip->idle = 0;
	unzip->middle_begin = 0;
	unzip->middle_end = 0;
	if (entry->method == METHOD_DEFLATED)
	{
		inflater_reset(unzip->inflater);
		unzip->state = UNZIP_DEFLATED;
	}
	else
		unzip->state = unzip->size_known ? UNZIP_STORED : UNZIP_STORED_DECIDE;
	if (is_read(unzip))
	{
		if (unzip->state == UNZIP_STORED_DECIDE)
			gunzip_reset_to_member(unzip->gunzip);
		else
			gunzip_reset(unzip->gunzip);
	}
}

static void
read_central_header(Unzip *unzip, const unsigned char *bytes)
{
	EntryHeader *central = &unzip->central;

	if (unzip->stage == STAGE_ENTRIES)
	{
		unzip->stage = STAGE_CENTRAL;
		unzip->central_start = unzip->position;
	}
	central->method = get_uint16(bytes + 10);
	central->crc = get_uint32(bytes + 16);
	central->compressed = get_uint32(bytes + 20);
	central->uncompressed = get_uint32(bytes + 24);
	central->name_length = get_uint16(bytes + 28);
	central->extra_length = get_uint16(bytes + 30);
	central->comment_length = get_uint16(bytes + 32);
	central->disk = get_uint16(bytes + 34);
	central->offset = get_uint32(bytes + 42);
	unzip->collected = 0;
	unzip->state = UNZIP_CENTRAL_NAME;

	if (unzip->listed.count == unzip->read.count)
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip central directory lists more than the %llu entries that were read",
			 (unsigned long long) unzip->read.count);
	/* No such entry was read. */
	else if (central->name_length > UNZIP_MAX_NAME)
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip central directory lists a name of %u bytes, which no entry has",
			 central->name_length);
	/* ffff refers to the zip64 extra field. */
	else if (central->disk != 0 && central->disk != UINT16_MAX)
		fail(unzip, STREAM_ERROR_UNSUPPORTED, "spanned zip archives are not supported");
}

static void
finish_central_header(Unzip *unzip)
{
	EntryHeader *central = &unzip->central;

	if (!zip_apply_zip64_extra(central, unzip->extra, true))
	{
		char name[112];

		stream_escape(name, sizeof(name), central->name, central->name_length);
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip central directory lacks the zip64 sizes of entry \"%s\"", name);
		return;
	}
	zip_add_to_set(&unzip->listed, central, central->crc, central->compressed,
				   central->uncompressed);
	unzip->skip_left = central->comment_length;
	unzip->state = UNZIP_CENTRAL_COMMENT;
}

/*
 * The central directory is complete: does it list what was read?  Called at
 * the first record after it.
 */
static bool
check_central(Unzip *unzip)
{
	if (unzip->stage == STAGE_ENTRIES)
		unzip->central_start = unzip->position;
	unzip->central_end = unzip->position;
	if (unzip->read.count != unzip->listed.count)
	{
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip central directory lists %llu entries, but %llu were read",
			 (unsigned long long) unzip->listed.count, (unsigned long long) unzip->read.count);
		return false;
	}
	if (unzip->read.sum != unzip->listed.sum || unzip->read.mixed_sum != unzip->listed.mixed_sum)
	{
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip central directory differs from the %llu entries that were read",
			 (unsigned long long) unzip->read.count);
		return false;
	}
	return true;
}

static void
read_zip64_end(Unzip *unzip, const unsigned char *bytes)
{
	uint64_t size = get_uint64(bytes + 4);

	if (!check_central(unzip))
		return;
	/* The size leaves out the signature and itself. */
	if (size < ZIP64_END_OF_DIRECTORY_SIZE - 12)
	{
		fail(unzip, STREAM_ERROR_CORRUPT, "zip64 end of central directory is too short");
		return;
	}
	if (get_uint32(bytes + 16) != 0 || get_uint32(bytes + 20) != 0)
	{
		fail(unzip, STREAM_ERROR_UNSUPPORTED, "spanned zip archives are not supported");
		return;
	}
	if (get_uint64(bytes + 24) != unzip->read.count ||
		get_uint64(bytes + 32) != unzip->read.count ||
		get_uint64(bytes + 40) != unzip->central_end - unzip->central_start ||
		get_uint64(bytes + 48) != unzip->central_start)
	{
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip64 end of central directory differs from what was read");
		return;
	}
	if (size > UNZIP_MAX_PADDING)
	{
		fail(
			unzip, STREAM_ERROR_TOO_LARGE,
			"zip64 end of central directory is longer than " STRING_OF(UNZIP_MAX_PADDING) " bytes");
		return;
	}
	unzip->zip64 = true;
	unzip->zip64_start = unzip->position;
	unzip->stage = STAGE_ZIP64_END;
	unzip->skip_left = size - (ZIP64_END_OF_DIRECTORY_SIZE - 12);
	unzip->state = UNZIP_ZIP64_EXTENSION;
}

static void
read_zip64_locator(Unzip *unzip, const unsigned char *bytes)
{
	if (get_uint32(bytes + 4) != 0 || get_uint32(bytes + 16) > 1)
	{
		fail(unzip, STREAM_ERROR_UNSUPPORTED, "spanned zip archives are not supported");
		return;
	}
	if (get_uint64(bytes + 8) != unzip->zip64_start)
	{
		fail(unzip, STREAM_ERROR_CORRUPT, "zip64 locator points to the wrong place");
		return;
	}
	unzip->stage = STAGE_ZIP64_LOCATOR;
}

/* Is a field of the end record right, or left to the zip64 end record? */
static bool
end_field_fits(const Unzip *unzip, uint64_t stated, uint64_t actual, uint64_t all_ones)
{
	return stated == actual || (unzip->zip64 && stated == all_ones);
}

static void
read_end(Unzip *unzip, const unsigned char *bytes)
{
	unsigned disk = get_uint16(bytes + 4);
	unsigned central_disk = get_uint16(bytes + 6);

	if (!unzip->zip64 && !check_central(unzip))
		return;
	if ((disk != 0 && !(unzip->zip64 && disk == UINT16_MAX)) ||
		(central_disk != 0 && !(unzip->zip64 && central_disk == UINT16_MAX)))
	{
		fail(unzip, STREAM_ERROR_UNSUPPORTED, "spanned zip archives are not supported");
		return;
	}

	/*
	 * Some writers know no zip64 and count modulo 2^16.  The directory itself
	 * has been checked.
	 */
	if (!end_field_fits(unzip, get_uint16(bytes + 8), unzip->read.count & UINT16_MAX, UINT16_MAX) ||
		!end_field_fits(unzip, get_uint16(bytes + 10), unzip->read.count & UINT16_MAX,
						UINT16_MAX) ||
		!end_field_fits(unzip, get_uint32(bytes + 12), unzip->central_end - unzip->central_start,
						UINT32_MAX) ||
		!end_field_fits(unzip, get_uint32(bytes + 16), unzip->central_start, UINT32_MAX))
	{
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip end of central directory differs from what was read");
		return;
	}
	unzip->skip_left = get_uint16(bytes + 20);
	unzip->state = UNZIP_ARCHIVE_COMMENT;
}

/*
 * The signature is not valid here: not a zip archive at all, a kind that we do
 * not read, or garbage.
 */
static __attribute__((cold, noinline)) void
fail_record(Unzip *unzip, StreamInput *input)
{
	unsigned char begin[16];
	char quoted[80];
	size_t length = unzip->pending_end - unzip->pending_begin;
	size_t more;
	uint32_t signature;

	memcpy(begin, unzip->pending + unzip->pending_begin, length < 16 ? length : 16);
	if (length > 16)
		length = 16;
	more = 16 - length < input->available ? 16 - length : input->available;
	if (more > 0)
		memcpy(begin + length, input->next, more);
	length += more;
	stream_escape(quoted, sizeof(quoted), begin, length);

	signature = length >= SIGNATURE_SIZE ? get_uint32(begin) : 0;
	if (unzip->position == 0 && (signature == SPANNING_MARKER || signature == DESCRIPTOR))
		fail(unzip, STREAM_ERROR_UNSUPPORTED, "spanned zip archives are not supported");
	else if (signature == ARCHIVE_EXTRA_DATA)
		fail(unzip, STREAM_ERROR_UNSUPPORTED,
			 "zip archives with an encrypted central directory are not supported");
	else if (signature == DIGITAL_SIGNATURE)
		fail(unzip, STREAM_ERROR_UNSUPPORTED, "digitally signed zip archives are not supported");
	else if (unzip->position == 0)
		fail(unzip, STREAM_ERROR_CORRUPT, "data is not a zip archive: it begins with \"%s\"",
			 quoted);
	else
		fail(unzip, STREAM_ERROR_CORRUPT,
			 "zip archive is corrupt: expected a record after %llu entries, found \"%s\"",
			 (unsigned long long) unzip->read.count, quoted);
}

/*
 * Read the fixed part of the next record.  Returns false when it is not there
 * yet, or on an error.
 */
static bool
read_record(Unzip *unzip, StreamInput *input)
{
	static const struct
	{
		uint32_t signature;
		unsigned size;
		unsigned stages; /* the stages in which it may come, as bits */
		void (*read)(Unzip *unzip, const unsigned char *bytes);
	} records[] = {
		{ LOCAL_HEADER, LOCAL_HEADER_SIZE, 1 << STAGE_ENTRIES, read_local_header },
		{ CENTRAL_HEADER, CENTRAL_HEADER_SIZE, 1 << STAGE_ENTRIES | 1 << STAGE_CENTRAL,
		  read_central_header },
		{ ZIP64_END_OF_DIRECTORY, ZIP64_END_OF_DIRECTORY_SIZE,
		  1 << STAGE_ENTRIES | 1 << STAGE_CENTRAL, read_zip64_end },
		{ ZIP64_LOCATOR, ZIP64_LOCATOR_SIZE, 1 << STAGE_ZIP64_END, read_zip64_locator },
		{ END_OF_DIRECTORY, END_OF_DIRECTORY_SIZE,
		  1 << STAGE_ENTRIES | 1 << STAGE_CENTRAL | 1 << STAGE_ZIP64_LOCATOR, read_end },
	};
	const unsigned char *bytes = peek(unzip, input, SIGNATURE_SIZE);

	if (bytes == NULL)
	{
		/* Distinguish a truncated archive from a short text. */
		size_t length = unzip->pending_end - unzip->pending_begin;

		if (input->last && length > 0 &&
			memcmp(unzip->pending + unzip->pending_begin, "PK", length < 2 ? length : 2) != 0)
			fail_record(unzip, input);
		return false;
	}
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		if (get_uint32(bytes) == records[i].signature &&
			(records[i].stages & (1u << unzip->stage)) != 0)
		{
			bytes = peek(unzip, input, records[i].size);
			if (bytes == NULL)
				return false;
			records[i].read(unzip, bytes);
			if (unzip->state == UNZIP_FAILED)
				return false;
			use_bytes(unzip, input, records[i].size);
			return true;
		}
	fail_record(unzip, input);
	return false;
}

/*-------------------------------------------------------------------------
 * Content
 *-------------------------------------------------------------------------
 */
typedef enum ContentResult
{
	CONTENT_COMPLETE,
	CONTENT_NEED_INPUT,
	CONTENT_PAUSED, /* the output is full, or enough work was done for one call */
	CONTENT_FAILED
} ContentResult;

static inline bool
is_work_enough(const Unzip *unzip)
{
	return unzip_work(unzip) - unzip->work_began >= STREAM_WORK;
}

/* Count bytes that are passed over; false if there were too many. */
static bool
pass_over(Unzip *unzip, size_t length)
{
	unzip->passed_over_bytes += length;
	if (unzip->passed_over_bytes <= UNZIP_MAX_PASSED_OVER)
		return true;
	fail_entry(unzip, STREAM_ERROR_TOO_LARGE,
			   "more than " STRING_OF(UNZIP_MAX_PASSED_OVER) " bytes that are no export");
	return false;
}

/*
 * Hand bytes to gunzip.  They are used (and counted) only as far as gunzip took
 * them, which *taken says.
 */
static ContentResult
gunzip_bytes(Unzip *unzip, StreamInput bytes, size_t *taken, unsigned char *output,
			 size_t output_size, size_t *produced)
{
	const unsigned char *begin = bytes.next;
	size_t given;
	StreamStatus status;

	status =
		gunzip_read(unzip->gunzip, &bytes, output + *produced, output_size - *produced, &given);
	*produced += given;
	unzip->bytes_out += given;
	*taken = (size_t) (bytes.next - begin);
	switch (status)
	{
		case STREAM_DATA:
			return CONTENT_PAUSED;
		case STREAM_NEED_INPUT:
			return CONTENT_NEED_INPUT;
		case STREAM_END:
			return CONTENT_COMPLETE;
		default:
			return CONTENT_FAILED;
	}
}

/* Count stored content as read. */
static void
use_stored(Unzip *unzip, StreamInput *input, const unsigned char *bytes, size_t length)
{
	unzip->crc = stream_crc32(unzip->crc, bytes, length);
	unzip->compressed += length;
	unzip->uncompressed += length;
	use_bytes(unzip, input, length);
}

/* Stored content of known size. */
static ContentResult
read_stored(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
			size_t *produced)
{
	for (;;)
	{
		StreamInput bytes = next_bytes(unzip, input);
		uint64_t left = unzip->entry.compressed - unzip->compressed;
		bool archive_ends = bytes.last && bytes.available < left;
		ContentResult result;
		size_t taken;

		bytes.last = bytes.available >= left;
		if (bytes.last)
			bytes.available = (size_t) left;

		/* An empty file is not gzip, but there is nothing wrong with it. */
		if (!is_read(unzip) || unzip->entry.compressed == 0)
		{
			taken = bytes.available;
			result = bytes.last ? CONTENT_COMPLETE : CONTENT_NEED_INPUT;
			if (!pass_over(unzip, taken))
				return CONTENT_FAILED;
		}
		else
			result = gunzip_bytes(unzip, bytes, &taken, output, output_size, produced);
		if (taken > 0)
			use_stored(unzip, input, bytes.next, taken);
		if (result == CONTENT_FAILED)
			fail_gunzip(unzip);
		if (result != CONTENT_NEED_INPUT)
			return result;
		if (archive_ends)
		{
			fail_truncated(unzip);
			return CONTENT_FAILED;
		}
		if (next_bytes(unzip, input).available == 0)
			return CONTENT_NEED_INPUT;
	}
}

/* One gzip member of a stored entry of unknown size. */
static ContentResult
read_member(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
			size_t *produced)
{
	for (;;)
	{
		StreamInput bytes = next_bytes(unzip, input);
		size_t taken;
		ContentResult result = gunzip_bytes(unzip, bytes, &taken, output, output_size, produced);

		if (taken > 0)
			use_stored(unzip, input, bytes.next, taken);
		if (result == CONTENT_FAILED)
			fail_gunzip(unzip);
		if (result != CONTENT_NEED_INPUT || next_bytes(unzip, input).available == 0)
			return result;
	}
}

/*
 * Inflate some of the archive's own deflate data into the middle buffer, which
 * is empty.
 */
static ContentResult
inflate_some(Unzip *unzip, StreamInput *input)
{
	for (;;)
	{
		StreamInput bytes = next_bytes(unzip, input);
		uint64_t left = unzip->entry.compressed - unzip->compressed;
		bool bounded = unzip->size_known && bytes.available >= left;
		InflaterResult result;
		size_t taken;

		if (unzip->corrupt)
		{
			fail_entry(unzip, STREAM_ERROR_CORRUPT, "compressed data is corrupt: %s",
					   inflater_problem(unzip->inflater));
			return CONTENT_FAILED;
		}
		if (bounded)
			bytes.available = (size_t) left;
		taken = bytes.available;
		unzip->middle_begin = 0;
		result =
			inflater_run(unzip->inflater, &bytes, unzip->middle, MIDDLE_SIZE, &unzip->middle_end);
		taken -= bytes.available;
		unzip->crc = stream_crc32(unzip->crc, unzip->middle, unzip->middle_end);
		unzip->uncompressed += unzip->middle_end;
		unzip->inflated_bytes += unzip->middle_end;
		unzip->compressed += taken;
		unzip->idle = unzip->middle_end > 0 ? 0 : unzip->idle + (unsigned) taken;
		if (taken > 0)
			use_bytes(unzip, input, taken);

		switch (result)
		{
			case INFLATER_END:
			{
				unsigned char leftover[INFLATER_LEFTOVER];
				unsigned length = inflater_leftover(unzip->inflater, leftover);

				unzip->compressed -= length;
				put_back(unzip, leftover, length);
				unzip->inflated = true;
				return CONTENT_COMPLETE;
			}
			case INFLATER_MORE:
				break;
			case INFLATER_OUT_OF_MEMORY:
				fail_entry(unzip, STREAM_ERROR_OUT_OF_MEMORY, "out of memory");
				return CONTENT_FAILED;
			case INFLATER_CORRUPT:
				/* What came before is handed over first. */
				unzip->corrupt = true;
				break;
		}
		if (unzip->middle_end > 0)
			return CONTENT_COMPLETE;
		if (unzip->corrupt)
			continue;
		if (bounded && bytes.available == 0)
		{
			fail_entry(unzip, STREAM_ERROR_CORRUPT,
					   "compressed data does not end within the %llu bytes of its header",
					   (unsigned long long) unzip->entry.compressed);
			return CONTENT_FAILED;
		}
		if (unzip->idle > UNZIP_MAX_IDLE)
		{
			fail_entry(unzip, STREAM_ERROR_TOO_LARGE,
					   "more than " STRING_OF(UNZIP_MAX_IDLE) " compressed bytes without content");
			return CONTENT_FAILED;
		}
		if (next_bytes(unzip, input).available == 0)
			return CONTENT_NEED_INPUT;
	}
}

static ContentResult
read_deflated(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
			  size_t *produced)
{
	for (;;)
	{
		StreamInput bytes = { unzip->middle + unzip->middle_begin,
							  unzip->middle_end - unzip->middle_begin, unzip->inflated };
		ContentResult result;
		size_t taken;

		if (!is_read(unzip) || (unzip->inflated && unzip->uncompressed == 0))
		{
			taken = bytes.available;
			result = unzip->inflated ? CONTENT_COMPLETE : CONTENT_NEED_INPUT;
			if (!pass_over(unzip, taken))
				return CONTENT_FAILED;
		}
		else
		{
			result = gunzip_bytes(unzip, bytes, &taken, output, output_size, produced);
			unzip->gunzip_work += taken * STREAM_WORK_TAKEN;
		}
		unzip->middle_begin += taken;
		if (result == CONTENT_FAILED)
			fail_gunzip(unzip);
		if (result != CONTENT_NEED_INPUT)
			return result;
		if (is_work_enough(unzip))
			return CONTENT_PAUSED;
		result = inflate_some(unzip, input);
		if (result != CONTENT_COMPLETE)
			return result;
	}
}

/* Does a record follow that may come after an entry? */
static bool
is_record_after_entry(const unsigned char *bytes)
{
	uint32_t signature = get_uint32(bytes);

	return signature == LOCAL_HEADER || signature == CENTRAL_HEADER;
}

/*
 * Length of the descriptor at bytes, if it is the one of exactly this content,
 * or 0.  bytes holds DESCRIPTOR_LOOK of them.
 */
static unsigned
match_descriptor(const unsigned char *bytes, uint32_t crc, uint64_t compressed,
				 uint64_t uncompressed)
{
	for (unsigned with_signature = 0; with_signature < 2; with_signature++)
	{
		const unsigned char *fields = bytes;

		if (with_signature)
		{
			if (get_uint32(bytes) != DESCRIPTOR)
				break;
			fields += SIGNATURE_SIZE;
		}
		if (get_uint32(fields) != crc)
			continue;
		if (get_uint32(fields + 4) == compressed && get_uint32(fields + 8) == uncompressed &&
			is_record_after_entry(fields + 12))
			return (unsigned) (fields + 12 - bytes);
		if (get_uint64(fields + 4) == compressed && get_uint64(fields + 12) == uncompressed &&
			is_record_after_entry(fields + 20))
			return (unsigned) (fields + 20 - bytes);
	}
	return 0;
}

/* Could it be one by its sizes, after this many bytes of stored content? */
static bool
sizes_fit(const unsigned char *bytes, uint64_t length)
{
	for (unsigned skip = 4; skip <= 8; skip += 4)
	{
		const unsigned char *sizes = bytes + skip;

		if (get_uint32(sizes) == (uint32_t) length && get_uint32(sizes + 4) == (uint32_t) length)
			return true;
		if (get_uint64(sizes) == length && get_uint64(sizes + 8) == length)
			return true;
	}
	return false;
}

/*
 * How many of the bytes are content of a stored entry whose descriptor comes
 * somewhere; *found: it follows them.
 */
static size_t
search_descriptor(const Unzip *unzip, const unsigned char *bytes, size_t length, bool *found)
{
	size_t position = 0;
	uint32_t crc = unzip->crc;
	size_t checked = 0; /* of the bytes, in crc */

	*found = false;
	while (position + DESCRIPTOR_LOOK <= length)
	{
		/* It has 12 to 24 bytes before the next signature. */
		size_t from = position + 12;
		const unsigned char *signature = memmem(bytes + from, length - from - 2, "PK", 2);

		if (signature == NULL)
			return length - DESCRIPTOR_LOOK + 1;
		if ((size_t) (signature - bytes) > position + MAX_DESCRIPTOR_SIZE)
		{
			position = (size_t) (signature - bytes) - MAX_DESCRIPTOR_SIZE;
			continue;
		}
		if (sizes_fit(bytes + position, unzip->compressed + position))
		{
			uint64_t size = unzip->compressed + position;

			/* Their sizes may fit thousands of times; each byte is checked once. */
			crc = stream_crc32(crc, bytes + checked, position - checked);
			checked = position;
			*found = match_descriptor(bytes + position, crc, size, size) > 0;
			if (*found)
				return position;
		}
		position++;
	}
	return position;
}

/*
 * Find out how many of the next bytes belong to the content. Returns false if
 * that is not known yet.
 */
static bool
find_content(Unzip *unzip, StreamInput *input)
{
	unsigned char both[PENDING_SIZE + DESCRIPTOR_LOOK];
	size_t have = unzip->pending_end - unzip->pending_begin;
	const unsigned char *bytes = input->next;
	size_t length = input->available;

	if (have > 0)
	{
		size_t more = length < DESCRIPTOR_LOOK - 1 ? length : DESCRIPTOR_LOOK - 1;

		memcpy(both, unzip->pending + unzip->pending_begin, have);
		if (more > 0)
			memcpy(both + have, input->next, more);
		bytes = both;
		length = have + more;
	}
	if (length < DESCRIPTOR_LOOK)
	{
		/* Keep them; the central directory follows, so there must be as much. */
		(void) peek(unzip, input, DESCRIPTOR_LOOK);
		return false;
	}
	unzip->found_content = search_descriptor(unzip, bytes, length, &unzip->found_end);
	return true;
}

/* Stored content of unknown size that is not gzip. */
static ContentResult
read_searched(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
			  size_t *produced)
{
	for (;;)
	{
		ContentResult result = CONTENT_NEED_INPUT;
		StreamInput bytes;
		size_t taken;

		if (unzip->found_content == 0 && unzip->found_end)
			return CONTENT_COMPLETE;
		if (unzip->found_content == 0 && !find_content(unzip, input))
			return CONTENT_NEED_INPUT;
		if (unzip->found_content == 0)
			continue;
		bytes = next_bytes(unzip, input);
		bytes.last = false;
		if (bytes.available > unzip->found_content)
			bytes.available = (size_t) unzip->found_content;
		taken = bytes.available;
		if (is_read(unzip))
			result = gunzip_bytes(unzip, bytes, &taken, output, output_size, produced);
		else if (!pass_over(unzip, taken))
			return CONTENT_FAILED;
		unzip->found_content -= taken;
		if (taken > 0)
			use_stored(unzip, input, bytes.next, taken);
		if (result == CONTENT_FAILED)
			fail_gunzip(unzip);
		if (result != CONTENT_NEED_INPUT || next_bytes(unzip, input).available == 0)
			return result;
	}
}

/*-------------------------------------------------------------------------
 * The end of an entry
 *-------------------------------------------------------------------------
 */

static __attribute__((cold, noinline)) void
fail_descriptor(Unzip *unzip, const unsigned char *bytes)
{
	if (get_uint32(bytes) != DESCRIPTOR)
		fail_entry(unzip, STREAM_ERROR_CORRUPT,
				   "no data descriptor matches its %llu bytes with checksum %08x",
				   (unsigned long long) unzip->compressed, unzip->crc);
	else if (get_uint32(bytes + 4) != unzip->crc)
		fail_entry(unzip, STREAM_ERROR_CORRUPT,
				   "checksum is %08x, but its data descriptor says %08x", unzip->crc,
				   get_uint32(bytes + 4));
	else
		fail_entry(unzip, STREAM_ERROR_CORRUPT,
				   "sizes are %llu and %llu, but its data descriptor says otherwise",
				   (unsigned long long) unzip->compressed,
				   (unsigned long long) unzip->uncompressed);
}

/* Read the descriptor.  Returns false when it is not there yet, or on an error. */
static bool
read_descriptor(Unzip *unzip, StreamInput *input)
{
	const unsigned char *bytes = peek(unzip, input, DESCRIPTOR_LOOK);
	unsigned length;

	if (bytes == NULL)
		return false;
	length = match_descriptor(bytes, unzip->crc, unzip->compressed, unzip->uncompressed);
	if (length == 0)
	{
		fail_descriptor(unzip, bytes);
		return false;
	}
	use_bytes(unzip, input, length);
	return true;
}

typedef enum Verdict
{
	VERDICT_OPEN, /* nothing but white space yet */
	VERDICT_EXPORT,
	VERDICT_OTHER
} Verdict;

/* Are these the first bytes of JSON lines? */
static Verdict
judge(const unsigned char *bytes, size_t length)
{
	static const unsigned char byte_order_mark[] = { 0xef, 0xbb, 0xbf };
	size_t i = 0;

	while (i < length && i < sizeof(byte_order_mark) && bytes[i] == byte_order_mark[i])
		i++;
	if (i > 0 && i < length && i < sizeof(byte_order_mark))
		return VERDICT_OTHER;
	while (i < length &&
		   (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r' || bytes[i] == '\n'))
		i++;
	if (i == length)
		return VERDICT_OPEN;
	return bytes[i] == '{' ? VERDICT_EXPORT : VERDICT_OTHER;
}

/*
 * In a stored entry of unknown size, before or after a gzip member: is this
 * the descriptor, or does another member come?  Returns false if that is not
 * known yet, or on an error.
 */
static bool
decide_stored(Unzip *unzip, StreamInput *input)
{
	const unsigned char *bytes = peek(unzip, input, DESCRIPTOR_LOOK);
	unsigned length;

	/* The central directory follows, so there must be as much. */
	if (bytes == NULL)
		return false;

	/* A descriptor without signature may begin with any bytes. */
	length = match_descriptor(bytes, unzip->crc, unzip->compressed, unzip->uncompressed);
	if (length > 0)
	{
		use_bytes(unzip, input, length);
		unzip->state = UNZIP_AFTER_CONTENT;
		unzip->descriptor = false;
		return true;
	}
	if (is_read(unzip) && bytes[0] == 0x1f && bytes[1] == 0x8b)
	{
		if (unzip->compressed > 0)
			gunzip_next_member(unzip->gunzip);
		unzip->state = UNZIP_STORED_MEMBER;
		return true;
	}
	if (unzip->wanted && unzip->compressed == 0 && judge(bytes, DESCRIPTOR_LOOK) == VERDICT_OTHER)
	{
		char quoted[80];

		stream_escape(quoted, sizeof(quoted), bytes, 16);
		fail_entry(unzip, STREAM_ERROR_CORRUPT,
				   "stored without sizes, and its content is neither gzip nor JSON: it begins with "
				   "\"%s\"",
				   quoted);
	}
	else if (!is_read(unzip) || unzip->compressed == 0)
	{
		gunzip_reset(unzip->gunzip);
		unzip->state = UNZIP_STORED_SEARCH;
		return true;
	}
	else
		fail_descriptor(unzip, bytes);
	return false;
}

/* The content has been read: compare it with the local header. */
static bool
check_entry(Unzip *unzip)
{
	EntryHeader *entry = &unzip->entry;
	bool optional = (entry->flags & FLAG_DESCRIPTOR) != 0;

	/* Zeros in a header with a descriptor say nothing. */
	if (unzip->compressed != entry->compressed && !(optional && entry->compressed == 0))
		fail_entry(unzip, STREAM_ERROR_CORRUPT, "compressed size is %llu, but its header says %llu",
				   (unsigned long long) unzip->compressed, (unsigned long long) entry->compressed);
	else if (unzip->uncompressed != entry->uncompressed && !(optional && entry->uncompressed == 0))
		fail_entry(unzip, STREAM_ERROR_CORRUPT, "size is %llu, but its header says %llu",
				   (unsigned long long) unzip->uncompressed,
				   (unsigned long long) entry->uncompressed);
	else if (unzip->crc != entry->crc && !(optional && entry->crc == 0))
		fail_entry(unzip, STREAM_ERROR_CORRUPT, "checksum is %08x, but its header says %08x",
				   unzip->crc, entry->crc);
	else
	{
		zip_add_to_set(&unzip->read, entry, unzip->crc, unzip->compressed, unzip->uncompressed);
		return true;
	}
	return false;
}

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */
static ContentResult
read_content(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	switch (unzip->state)
	{
		case UNZIP_STORED:
			return read_stored(unzip, input, output, output_size, produced);
		case UNZIP_STORED_MEMBER:
			return read_member(unzip, input, output, output_size, produced);
		case UNZIP_STORED_SEARCH:
			return read_searched(unzip, input, output, output_size, produced);
		default:
			return read_deflated(unzip, input, output, output_size, produced);
	}
}

/*
 * Read the first bytes of the content and judge by them.  Afterwards the entry
 * is wanted, or passed over, or still to be judged.
 */
static ContentResult
read_beginning(Unzip *unzip, StreamInput *input)
{
	size_t given = 0;
	UnzipState state = unzip->state;
	Verdict verdict;
	ContentResult result = read_content(unzip, input, unzip->beginning + unzip->beginning_end,
										BEGINNING_SIZE - unzip->beginning_end, &given);

	unzip->beginning_end += (unsigned) given;
	verdict = judge(unzip->beginning, unzip->beginning_end);
	/* How the bytes were cut must not decide. */
	if (result == CONTENT_FAILED &&
		(verdict == VERDICT_EXPORT ||
		 (verdict == VERDICT_OPEN && unzip->beginning_end == BEGINNING_SIZE)))
	{
		/* The error is for the next call. */
		unzip->judging = false;
		unzip->wanted = true;
		return result;
	}
	if (result == CONTENT_FAILED)
	{
		if (verdict != VERDICT_OTHER)
			return result;
		/* Errors after that do not matter here. */
		unzip->state = state;
		memset(&unzip->error, 0, sizeof(unzip->error));
		result = CONTENT_PAUSED;
	}
	if (verdict == VERDICT_OTHER)
	{
		unzip->judging = false;
		unzip->bytes_out -= unzip->beginning_end;
		unzip->beginning_end = 0;
		note_passed_over(unzip);
		/* The end of the gzip says nothing then. */
		if (unzip->state == UNZIP_STORED_MEMBER)
		{
			unzip->state = UNZIP_STORED_SEARCH;
			return CONTENT_PAUSED;
		}
	}
	else if (verdict == VERDICT_EXPORT || result == CONTENT_COMPLETE ||
			 unzip->beginning_end == BEGINNING_SIZE)
	{
		unzip->judging = false;
		unzip->wanted = true;
	}
	return result;
}

/* unzip_read, with so little input that only what it inflates to needs to be counted. */
static StreamStatus
read_portion(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	*produced = 0;
	unzip->work_began = unzip_work(unzip);
	if (!unzip->judging && held_back(unzip) > 0)
	{
		*produced = held_back(unzip) < output_size ? held_back(unzip) : output_size;
		memcpy(output, unzip->beginning + unzip->beginning_next, *produced);
		unzip->beginning_next += (unsigned) *produced;
		return STREAM_DATA;
	}
	for (;;)
	{
		ContentResult result;
		bool complete = false; /* the state's work is done */

		switch (unzip->state)
		{
			case UNZIP_RECORD:
				complete = read_record(unzip, input);
				break;

			case UNZIP_LOCAL_NAME:
				complete = collect(unzip, input, unzip->entry.name, unzip->entry.name_length);
				if (complete)
				{
					unzip->entry.name[unzip->entry.name_length] = '\0';
					unzip->state = UNZIP_LOCAL_EXTRA;
				}
				break;

			case UNZIP_LOCAL_EXTRA:
				complete = collect(unzip, input, unzip->extra, unzip->entry.extra_length);
				if (!complete)
					break;
				begin_content(unzip);
				if (unzip->state == UNZIP_FAILED)
					break;
				if (unzip->wanted)
				{
					unzip->entries++;
					return STREAM_ENTRY_BEGIN;
				}
				continue;

			case UNZIP_STORED:
			case UNZIP_STORED_MEMBER:
			case UNZIP_STORED_SEARCH:
			case UNZIP_DEFLATED:
			{
				bool judging = unzip->judging;

				if (judging)
					result = read_beginning(unzip, input);
				else
					result = read_content(unzip, input, output, output_size, produced);
				complete = result == CONTENT_COMPLETE;
				if (complete)
					unzip->state = unzip->state == UNZIP_STORED_MEMBER ? UNZIP_STORED_DECIDE
																	   : UNZIP_AFTER_CONTENT;
				if (judging && unzip->wanted)
				{
					unzip->entries++;
					return STREAM_ENTRY_BEGIN;
				}
				if (result == CONTENT_PAUSED)
					return STREAM_DATA;
				break;
			}

			case UNZIP_STORED_DECIDE:
				complete = decide_stored(unzip, input);
				/* Its descriptor comes first: it is empty, as an export may be. */
				if (complete && unzip->judging && unzip->state == UNZIP_AFTER_CONTENT)
				{
					unzip->judging = false;
					unzip->wanted = true;
					unzip->entries++;
					return STREAM_ENTRY_BEGIN;
				}
				break;

			case UNZIP_AFTER_CONTENT:
				if (unzip->descriptor)
				{
					unzip->state = UNZIP_DESCRIPTOR;
					continue;
				}
				/* The end of an entry comes with no bytes. */
				if (*produced > 0)
					return STREAM_DATA;
				if (!check_entry(unzip))
					break;
				unzip->state = UNZIP_RECORD;
				if (unzip->wanted)
					return STREAM_ENTRY_END;
				continue;

			case UNZIP_DESCRIPTOR:
				complete = read_descriptor(unzip, input);
				if (complete)
				{
					unzip->descriptor = false;
					unzip->state = UNZIP_AFTER_CONTENT;
				}
				break;

			case UNZIP_CENTRAL_NAME:
				complete = collect(unzip, input, unzip->central.name, unzip->central.name_length);
				if (complete)
					unzip->state = UNZIP_CENTRAL_EXTRA;
				break;

			case UNZIP_CENTRAL_EXTRA:
				complete = collect(unzip, input, unzip->extra, unzip->central.extra_length);
				if (complete)
				{
					finish_central_header(unzip);
					complete = unzip->state != UNZIP_FAILED;
				}
				break;

			case UNZIP_CENTRAL_COMMENT:
			case UNZIP_ZIP64_EXTENSION:
				complete = skip(unzip, input);
				if (complete)
					unzip->state = UNZIP_RECORD;
				break;

			case UNZIP_ARCHIVE_COMMENT:
				complete = skip(unzip, input);
				if (complete)
					unzip->state = UNZIP_PADDING;
				break;

			case UNZIP_PADDING:
			{
				StreamInput bytes = next_bytes(unzip, input);

				if (bytes.available == 0)
				{
					if (!input->last)
						return STREAM_NEED_INPUT;
					if (unzip->entries > 0 || unzip->read.count == 0)
						return STREAM_END;
					fail_without_export(unzip);
				}
				else if (*bytes.next != 0)
					fail(unzip, STREAM_ERROR_CORRUPT,
						 "the end of the zip archive is followed by data");
				else if (++unzip->padding > UNZIP_MAX_PADDING)
					fail(unzip, STREAM_ERROR_TOO_LARGE,
						 "the end of the zip archive is followed by more than " STRING_OF(
							 UNZIP_MAX_PADDING) " zeros");
				else
					use_bytes(unzip, input, 1);
				complete = unzip->state != UNZIP_FAILED;
				break;
			}

			case UNZIP_FAILED:
				break;
		}

		if (complete)
			continue;
		if (unzip->state != UNZIP_FAILED)
		{
			if (!input->last)
				return STREAM_NEED_INPUT;
			fail_truncated(unzip);
		}

		/* Hand over what was inflated before the error first. */
		return *produced > 0 ? STREAM_DATA : STREAM_ERROR;
	}
}

StreamStatus
unzip_read(Unzip *unzip, StreamInput *input, unsigned char *output, size_t output_size,
		   size_t *produced)
{
	StreamInput portion = stream_portion(input);
	size_t size = output_size < STREAM_WORK ? output_size : STREAM_WORK;
	StreamStatus status = read_portion(unzip, &portion, output, size, produced);

	return stream_take_portion(input, &portion, status);
}
