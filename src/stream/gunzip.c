/*-------------------------------------------------------------------------
 *
 * gunzip.c
 *		Inflate a gzip stream, or pass other data through unchanged.
 *
 * The inflater only sees the raw deflate data between a member's header and
 * trailer.  Headers and trailers are read here,
 * byte by byte, because that is where the decisions are: what is a further
 * member, what is padding, what is garbage, and which of the checks failed.
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

#define HEADER_SIZE 10
#define TRAILER_SIZE 8

/* RFC 1952, section 2.3.1 */
#define FLAG_HEADER_CRC 0x02
#define FLAG_EXTRA 0x04
#define FLAG_NAME 0x08
#define FLAG_COMMENT 0x10
#define FLAGS_RESERVED 0xe0

typedef enum GunzipState
{
	GUNZIP_SNIFF,
	GUNZIP_PLAIN,
	GUNZIP_HEADER,
	GUNZIP_EXTRA_LENGTH,
	GUNZIP_EXTRA,
	GUNZIP_NAME,
	GUNZIP_COMMENT,
	GUNZIP_HEADER_CRC,
	GUNZIP_BODY,
	GUNZIP_TRAILER,
	GUNZIP_BETWEEN, /* after a member */
	GUNZIP_PADDING, /* after a zero byte after a member */
	GUNZIP_FAILED
} GunzipState;

struct Gunzip
{
	Inflater *inflater;
	GunzipState state;
	bool single_member; /* stop after the member's trailer */

	/* A field of a header or trailer that is being collected. */
	unsigned char field[HEADER_SIZE];
	unsigned field_length;
	unsigned flags;
	unsigned extra_left;
	unsigned header_length;
	uint32_t header_crc;

	/* How much there has been without content. */
	unsigned empty_members; /* in a row, before this one */
	unsigned idle;          /* compressed bytes */
	unsigned padding;

	uint64_t member; /* counts from 1 */
	uint64_t member_start;
	uint32_t member_crc;
	uint64_t member_length; /* inflated */
	uint32_t earlier_crc;   /* of the content of all members before */

	uint64_t bytes_in;
	uint64_t bytes_out;
	StreamError error;
};

Gunzip *
gunzip_create(void)
{
	Gunzip *gunzip = calloc(1, sizeof(Gunzip));

	if (gunzip == NULL)
		return NULL;
	gunzip->inflater = inflater_create();
	if (gunzip->inflater == NULL)
	{
		free(gunzip);
		return NULL;
	}
	gunzip_reset(gunzip);
	return gunzip;
}

void
gunzip_free(Gunzip *gunzip)
{
	if (gunzip == NULL)
		return;
	inflater_free(gunzip->inflater);
	explicit_bzero(gunzip, sizeof(*gunzip));
	free(gunzip);
}

/* Set the error; the caller has formatted nothing but the problem itself. */
static __attribute__((cold, noinline)) void
fail(Gunzip *gunzip, StreamErrorKind kind, const char *problem)
{
	stream_error_set(&gunzip->error, kind, gunzip->bytes_in, "gzip member %llu (at byte %llu): %s",
					 (unsigned long long) gunzip->member, (unsigned long long) gunzip->member_start,
					 problem);
	gunzip->state = GUNZIP_FAILED;
}

/* Prepare for the header of a member that begins here. */
static void
begin_member(Gunzip *gunzip)
{
	gunzip->earlier_crc = gunzip_content_crc(gunzip);
	gunzip->empty_members = gunzip->member_length > 0 ? 0 : gunzip->empty_members + 1;
	gunzip->state = GUNZIP_HEADER;
	gunzip->field_length = 0;
	gunzip->header_length = 0;
	gunzip->header_crc = 0;
	gunzip->idle = 0;
	gunzip->member++;
	gunzip->member_start = gunzip->bytes_in;
	gunzip->member_crc = 0;
	gunzip->member_length = 0;
	inflater_reset(gunzip->inflater);
	if (gunzip->empty_members > GUNZIP_MAX_EMPTY_MEMBERS)
		fail(gunzip, STREAM_ERROR_TOO_LARGE,
			 "more than " STRING_OF(GUNZIP_MAX_EMPTY_MEMBERS) " members without content before it");
}

void
gunzip_reset(Gunzip *gunzip)
{
	gunzip->single_member = false;
	gunzip->member = 0;
	gunzip->member_crc = 0;
	gunzip->member_length = 0;
	gunzip->earlier_crc = 0;
	gunzip->bytes_in = 0;
	gunzip->bytes_out = 0;
	stream_error_clear(&gunzip->error);
	gunzip->empty_members = 0;
	begin_member(gunzip);
	gunzip->empty_members = 0;
	gunzip->padding = 0;
	gunzip->state = GUNZIP_SNIFF;
}

void
gunzip_reset_to_member(Gunzip *gunzip)
{
	gunzip_reset(gunzip);
	gunzip->state = GUNZIP_HEADER;
	gunzip->single_member = true;
}

void
gunzip_next_member(Gunzip *gunzip)
{
	if (gunzip->state == GUNZIP_BETWEEN)
		begin_member(gunzip);
}

const StreamError *
gunzip_error(const Gunzip *gunzip)
{
	return &gunzip->error;
}

uint64_t
gunzip_bytes_in(const Gunzip *gunzip)
{
	return gunzip->bytes_in;
}

uint64_t
gunzip_bytes_out(const Gunzip *gunzip)
{
	return gunzip->bytes_out;
}

uint64_t
gunzip_work(const Gunzip *gunzip)
{
	return gunzip->bytes_out + gunzip->bytes_in * STREAM_WORK_TAKEN;
}

bool
gunzip_is_plain(const Gunzip *gunzip)
{
	return gunzip->state == GUNZIP_PLAIN;
}

uint32_t
gunzip_content_crc(const Gunzip *gunzip)
{
	if (gunzip->bytes_out == gunzip->member_length)
		return gunzip->member_crc;
	if (gunzip->member_length == 0)
		return gunzip->earlier_crc;
	return stream_crc32_combine(gunzip->earlier_crc, gunzip->member_crc, gunzip->member_length);
}

static __attribute__((cold, noinline)) void
fail_truncated(Gunzip *gunzip)
{
	switch (gunzip->state)
	{
		case GUNZIP_SNIFF:
			if (gunzip->bytes_in == 0)
			{
				stream_error_set(&gunzip->error, STREAM_ERROR_TRUNCATED, 0, "data is empty");
				gunzip->state = GUNZIP_FAILED;
				return;
			}
			__attribute__((fallthrough));
		default:
			fail(gunzip, STREAM_ERROR_TRUNCATED, "data ends inside its header");
			return;
		case GUNZIP_BODY:
			fail(gunzip, STREAM_ERROR_TRUNCATED, "data ends too early");
			return;
		case GUNZIP_TRAILER:
			fail(gunzip, STREAM_ERROR_TRUNCATED, "data ends inside its trailer");
			return;
	}
}

/* Take one byte; the caller knows that there is one. */
static inline unsigned char
take_byte(Gunzip *gunzip, StreamInput *input)
{
	gunzip->bytes_in++;
	input->available--;
	return *input->next++;
}

/*
 * Collect a field of the given size.  Returns false when the input is used up
 * before it is complete.
 */
static bool
collect(Gunzip *gunzip, StreamInput *input, unsigned size)
{
	while (gunzip->field_length < size)
	{
		if (input->available == 0)
			return false;
		gunzip->field[gunzip->field_length++] = take_byte(gunzip, input);
	}
	gunzip->field_length = 0;
	return true;
}

static inline uint32_t
field_uint32(const unsigned char *field)
{
	return (uint32_t) field[0] | (uint32_t) field[1] << 8 | (uint32_t) field[2] << 16 |
		   (uint32_t) field[3] << 24;
}

/* Add header bytes to the checksum that FHCRC announces. */
static inline void
add_to_header_crc(Gunzip *gunzip, const unsigned char *bytes, size_t length)
{
	if (gunzip->flags & FLAG_HEADER_CRC)
		gunzip->header_crc = stream_crc32(gunzip->header_crc, bytes, length);
}

/* Read the ten bytes that every header begins with. */
static bool
read_fixed_header(Gunzip *gunzip, StreamInput *input)
{
	char problem[80];

	/* Byte by byte, to distinguish garbage from a truncated header. */
	while (gunzip->field_length < HEADER_SIZE)
	{
		unsigned index = gunzip->field_length;
		unsigned char byte;

		if (input->available == 0)
			return false;
		byte = *input->next;
		if ((index == 0 && byte != 0x1f) || (index == 1 && byte != 0x8b))
		{
			fail(gunzip, STREAM_ERROR_CORRUPT,
				 gunzip->member == 1 ? "data is not gzip"
									 : "data after the previous member is neither gzip nor zeros");
			return false;
		}
		if (index == 2 && byte != 8)
		{
			snprintf(problem, sizeof(problem), "compression method %u is not supported", byte);
			fail(gunzip, STREAM_ERROR_UNSUPPORTED, problem);
			return false;
		}
		if (index == 3 && (byte & FLAGS_RESERVED) != 0)
		{
			snprintf(problem, sizeof(problem), "header flags 0x%02x are not supported", byte);
			fail(gunzip, STREAM_ERROR_UNSUPPORTED, problem);
			return false;
		}
		gunzip->field[gunzip->field_length++] = take_byte(gunzip, input);
	}
	gunzip->flags = gunzip->field[3];
	add_to_header_crc(gunzip, gunzip->field, HEADER_SIZE);
	gunzip->field_length = 0;
	gunzip->state = GUNZIP_EXTRA_LENGTH;
	return true;
}

/* Take this many bytes of a header; false if it has become too long. */
static bool
skip_header_bytes(Gunzip *gunzip, StreamInput *input, size_t length)
{
	add_to_header_crc(gunzip, input->next, length);
	input->next += length;
	input->available -= length;
	gunzip->bytes_in += length;
	gunzip->header_length += (unsigned) length;
	if (gunzip->header_length <= GUNZIP_MAX_HEADER)
		return true;
	fail(gunzip, STREAM_ERROR_TOO_LARGE,
		 "header is longer than " STRING_OF(GUNZIP_MAX_HEADER) " bytes");
	return false;
}

/* Skip a text that ends in NUL.  Returns false if the input ends before, or on an error. */
static bool
skip_header_text(Gunzip *gunzip, StreamInput *input)
{
	const unsigned char *nul;
	size_t length = input->available;

	if (length == 0)
		return false;
	nul = memchr(input->next, '\0', length);
	if (nul != NULL)
		length = (size_t) (nul - input->next) + 1;
	return skip_header_bytes(gunzip, input, length) && nul != NULL;
}

/*
 * Read the rest of a header.  Returns false when the input is used up, or on an
 * error.
 */
static bool
read_optional_header(Gunzip *gunzip, StreamInput *input)
{
	if (gunzip->state == GUNZIP_EXTRA_LENGTH)
	{
		gunzip->extra_left = 0;
		if (gunzip->flags & FLAG_EXTRA)
		{
			if (!collect(gunzip, input, 2))
				return false;
			add_to_header_crc(gunzip, gunzip->field, 2);
			gunzip->extra_left = (unsigned) gunzip->field[0] | (unsigned) gunzip->field[1] << 8;
		}
		gunzip->state = GUNZIP_EXTRA;
	}
	if (gunzip->state == GUNZIP_EXTRA)
	{
		size_t length = gunzip->extra_left;

		if (length > input->available)
			length = input->available;
		gunzip->extra_left -= (unsigned) length;
		if (length > 0 && !skip_header_bytes(gunzip, input, length))
			return false;
		if (gunzip->extra_left > 0)
			return false;
		gunzip->state = GUNZIP_NAME;
	}
	if (gunzip->state == GUNZIP_NAME)
	{
		if ((gunzip->flags & FLAG_NAME) && !skip_header_text(gunzip, input))
			return false;
		gunzip->state = GUNZIP_COMMENT;
	}
	if (gunzip->state == GUNZIP_COMMENT)
	{
		if ((gunzip->flags & FLAG_COMMENT) && !skip_header_text(gunzip, input))
			return false;
		gunzip->state = GUNZIP_HEADER_CRC;
	}
	if (gunzip->flags & FLAG_HEADER_CRC)
	{
		uint32_t stated;

		if (!collect(gunzip, input, 2))
			return false;
		stated = (uint32_t) gunzip->field[0] | (uint32_t) gunzip->field[1] << 8;
		if (stated != (gunzip->header_crc & 0xffff))
		{
			char problem[80];

			snprintf(problem, sizeof(problem), "header checksum is %04x, but the header says %04x",
					 gunzip->header_crc & 0xffff, stated);
			fail(gunzip, STREAM_ERROR_CORRUPT, problem);
			return false;
		}
	}
	gunzip->state = GUNZIP_BODY;
	return true;
}

/*
 * Inflate what input and output allow.  Returns true at the end of the
 * member's data.
 */
static bool
read_body(Gunzip *gunzip, StreamInput *input, unsigned char *output, size_t output_size,
		  size_t *produced)
{
	size_t before = input->available;
	size_t given;
	InflaterResult result =
		inflater_run(gunzip->inflater, input, output + *produced, output_size - *produced, &given);

	gunzip->member_crc = stream_crc32(gunzip->member_crc, output + *produced, given);
	gunzip->member_length += given;
	gunzip->bytes_out += given;
	*produced += given;
	gunzip->bytes_in += before - input->available;
	gunzip->idle = given > 0 ? 0 : gunzip->idle + (unsigned) (before - input->available);

	switch (result)
	{
		case INFLATER_MORE:
			if (gunzip->idle > GUNZIP_MAX_IDLE)
				fail(gunzip, STREAM_ERROR_TOO_LARGE,
					 "more than " STRING_OF(GUNZIP_MAX_IDLE) " compressed bytes without content");
			return false;
		case INFLATER_END:
			/* What it took in excess belongs to the trailer, which is no shorter. */
			gunzip->field_length = inflater_leftover(gunzip->inflater, gunzip->field);
			return true;
		case INFLATER_OUT_OF_MEMORY:
			fail(gunzip, STREAM_ERROR_OUT_OF_MEMORY, "out of memory");
			return false;
		case INFLATER_CORRUPT:
			break;
	}
	{
		char problem[80];

		snprintf(problem, sizeof(problem), "compressed data is corrupt: %s",
				 inflater_problem(gunzip->inflater));
		fail(gunzip, STREAM_ERROR_CORRUPT, problem);
	}
	return false;
}

/* Compare the trailer with what was inflated. */
static bool
check_trailer(Gunzip *gunzip)
{
	uint32_t crc = field_uint32(gunzip->field);
	uint32_t length = field_uint32(gunzip->field + 4);
	char problem[96];

	if (crc != gunzip->member_crc)
	{
		snprintf(problem, sizeof(problem), "checksum is %08x, but the trailer says %08x",
				 gunzip->member_crc, crc);
		fail(gunzip, STREAM_ERROR_CORRUPT, problem);
		return false;
	}
	if (length != (uint32_t) gunzip->member_length)
	{
		snprintf(problem, sizeof(problem), "length (modulo 2^32) is %u, but the trailer says %u",
				 (uint32_t) gunzip->member_length, length);
		fail(gunzip, STREAM_ERROR_CORRUPT, problem);
		return false;
	}
	gunzip->state = GUNZIP_BETWEEN;
	return true;
}

/*
 * Decide by the first two bytes. Returns false when they are not there yet. If
 * it is gzip, the header's first bytes stay in field.
 */
static bool
sniff(Gunzip *gunzip, StreamInput *input)
{
	/* field holds a first byte that was 1f */
	if (gunzip->field_length == 0)
	{
		if (input->available == 0)
			return false;
		if (*input->next != 0x1f)
		{
			gunzip->state = GUNZIP_PLAIN;
			return true;
		}
		gunzip->field[gunzip->field_length++] = take_byte(gunzip, input);
	}
	if (input->available == 0)
		return false;
	gunzip->state = *input->next == 0x8b ? GUNZIP_HEADER : GUNZIP_PLAIN;
	return true;
}

static void
pass_through(Gunzip *gunzip, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	size_t length = output_size - *produced;

	if (gunzip->field_length > 0 && length > 0)
	{
		/* the 1f that turned out not to begin a gzip header */
		output[(*produced)++] = gunzip->field[0];
		gunzip->field_length = 0;
		gunzip->bytes_out++;
		length--;
	}
	if (length > input->available)
		length = input->available;
	if (length == 0)
		return;
	memcpy(output + *produced, input->next, length);
	*produced += length;
	gunzip->bytes_out += length;
	gunzip->bytes_in += length;
	input->next += length;
	input->available -= length;
}

/* gunzip_read, with so little input that it need not measure its work. */
static StreamStatus
read_portion(Gunzip *gunzip, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	*produced = 0;
	for (;;)
	{
		bool complete = false; /* the state's work is done */

		switch (gunzip->state)
		{
			case GUNZIP_SNIFF:
				complete = sniff(gunzip, input);
				break;

			case GUNZIP_PLAIN:
				pass_through(gunzip, input, output, output_size, produced);
				if (input->available > 0 || gunzip->field_length > 0)
					return STREAM_DATA;
				return input->last ? STREAM_END : STREAM_NEED_INPUT;

			case GUNZIP_HEADER:
				complete = read_fixed_header(gunzip, input);
				break;

			case GUNZIP_EXTRA_LENGTH:
			case GUNZIP_EXTRA:
			case GUNZIP_NAME:
			case GUNZIP_COMMENT:
			case GUNZIP_HEADER_CRC:
				complete = read_optional_header(gunzip, input);
				break;

			case GUNZIP_BODY:
				complete = read_body(gunzip, input, output, output_size, produced);
				if (complete)
					gunzip->state = GUNZIP_TRAILER;
				else if (*produced == output_size && gunzip->state == GUNZIP_BODY)
					return STREAM_DATA;
				else if (input->available > 0 && gunzip->state == GUNZIP_BODY)
					complete = true; /* more than zlib takes at once */
				break;

			case GUNZIP_TRAILER:
				complete = collect(gunzip, input, TRAILER_SIZE) && check_trailer(gunzip);
				break;

			case GUNZIP_BETWEEN:
				if (gunzip->single_member)
					return STREAM_END;
				if (input->available == 0)
					return input->last ? STREAM_END : STREAM_NEED_INPUT;
				if (*input->next == 0)
					gunzip->state = GUNZIP_PADDING;
				else
					begin_member(gunzip);
				complete = gunzip->state != GUNZIP_FAILED;
				break;

			case GUNZIP_PADDING:
				while (input->available > 0 && *input->next == 0)
				{
					take_byte(gunzip, input);
					gunzip->padding++;
				}
				if (gunzip->padding > GUNZIP_MAX_PADDING)
					fail(gunzip, STREAM_ERROR_TOO_LARGE,
						 "more than " STRING_OF(GUNZIP_MAX_PADDING) " zeros follow it");
				else if (input->available == 0)
					return input->last ? STREAM_END : STREAM_NEED_INPUT;
				else
					fail(gunzip, STREAM_ERROR_CORRUPT, "the zeros after it are followed by data");
				break;

			case GUNZIP_FAILED:
				break;
		}

		if (complete)
			continue;
		if (gunzip->state != GUNZIP_FAILED)
		{
			if (!input->last)
				return STREAM_NEED_INPUT;
			fail_truncated(gunzip);
		}

		/* Hand over what was inflated before the error first. */
		return *produced > 0 ? STREAM_DATA : STREAM_ERROR;
	}
}

StreamStatus
gunzip_read(Gunzip *gunzip, StreamInput *input, unsigned char *output, size_t output_size,
			size_t *produced)
{
	StreamInput portion = stream_portion(input);
	size_t size = output_size < STREAM_WORK ? output_size : STREAM_WORK;
	StreamStatus status = read_portion(gunzip, &portion, output, size, produced);

	return stream_take_portion(input, &portion, status);
}
