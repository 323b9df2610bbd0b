/*-------------------------------------------------------------------------
 *
 * unpack.c
 *		Unpacking what the records of an export are packed in: gzip, or zip of
 *		gzip.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "stream/gunzip.h"
#include "stream/stream_error.h"
#include "stream/unzip.h"

/* One of the two is there, depending on the kind. */
struct Unpacker
{
	PackingKind kind;
	Gunzip *gunzip;
	Unzip *unzip;

	/* For a body that was packed once more on its way: */
	ContentDecoder *decoder; /* or NULL */
	unsigned char *decoded;
	StreamInput decoded_input;

	/* For an archive that is read again: */
	DeliveredEntries *delivered; /* borrowed, or NULL */
	unsigned char *scratch;      /* for what is skipped */
	bool skipping;               /* the entry, or its beginning */
	bool differs;                /* the entry differs, but may just be corrupt */
	DeliveredEntry known;
	uint64_t skipped; /* bytes of the entry */
	StreamError error;
};

/*
 * A step takes at most 64 kB (ARCHITECTURE.md, Rules): what is skipped, and
 * what passes between two decoders, comes in pieces of the same size, after
 * each of which the caller regains control.
 */
#define SCRATCH_SIZE ((size_t) 64 * 1024)
#define DECODED_SIZE ((size_t) 64 * 1024)

Unpacker *
unpacker_create(PackingKind kind)
{
	Unpacker *unpacker = calloc(1, sizeof(Unpacker));

	if (unpacker == NULL)
		return NULL;
	unpacker->kind = kind;
	if (kind == PACKED_GZIP)
		unpacker->gunzip = gunzip_create();
	else
		unpacker->unzip = unzip_create();
	if (unpacker->gunzip == NULL && unpacker->unzip == NULL)
	{
		free(unpacker);
		return NULL;
	}
	return unpacker;
}

void
unpacker_free(Unpacker *unpacker)
{
	if (unpacker == NULL)
		return;
	if (unpacker->gunzip != NULL)
		gunzip_free(unpacker->gunzip);
	if (unpacker->unzip != NULL)
		unzip_free(unpacker->unzip);
	content_decoder_free(unpacker->decoder);
	free(unpacker->decoded);
	free(unpacker->scratch);
	free(unpacker);
}

void
unpacker_reset(Unpacker *unpacker)
{
	if (unpacker->kind == PACKED_GZIP)
		gunzip_reset(unpacker->gunzip);
	else
		unzip_reset(unpacker->unzip);
	content_decoder_free(unpacker->decoder);
	unpacker->decoder = NULL;
	unpacker->delivered = NULL;
	unpacker->skipping = false;
	unpacker->skipped = 0;
	stream_error_clear(&unpacker->error);
}

bool
unpacker_set_coding(Unpacker *unpacker, ContentCoding coding)
{
	if (coding != CODING_GZIP && coding != CODING_DEFLATE)
		return true;
	if (unpacker->decoded == NULL)
		unpacker->decoded = malloc(DECODED_SIZE);
	unpacker->decoder = content_decoder_create(coding);
	memset(&unpacker->decoded_input, 0, sizeof(unpacker->decoded_input));
	return unpacker->decoded != NULL && unpacker->decoder != NULL;
}

bool
unpacker_is_gzip_inside(const Unpacker *unpacker)
{
	return unpacker->kind == PACKED_GZIP && !gunzip_is_plain(unpacker->gunzip);
}

bool
unpacker_read_again(Unpacker *unpacker, DeliveredEntries *delivered)
{
	if (unpacker->scratch == NULL)
		unpacker->scratch = malloc(SCRATCH_SIZE);
	if (unpacker->scratch == NULL)
		return false;
	unpacker->delivered = delivered;
	return true;
}

static StreamStatus
fail_changed(Unpacker *unpacker, const char *problem)
{
	char name[112];

	stream_escape(name, sizeof(name), unzip_entry_name(unpacker->unzip),
				  strlen(unzip_entry_name(unpacker->unzip)));
	stream_error_set(&unpacker->error, STREAM_ERROR_CHANGED, unzip_bytes_in(unpacker->unzip),
					 "zip entry \"%s\" %s", name, problem);
	return STREAM_ERROR;
}

/* Does what has been read of the entry match what is known about it? */
static bool
is_same(const Unpacker *unpacker)
{
	return unpacker->skipped == unpacker->known.length &&
		   unzip_entry_crc(unpacker->unzip) == unpacker->known.crc;
}

/* Skip some more of the entry or its beginning. STREAM_ENTRY_BEGIN: what follows is new. */
static StreamStatus
skip_known(Unpacker *unpacker, StreamInput *input)
{
	bool to_the_end = unpacker->known.whole || unpacker->differs;
	size_t size = SCRATCH_SIZE;
	size_t given;
	StreamStatus status;

	if (!to_the_end && unpacker->known.length - unpacker->skipped < size)
		size = (size_t) (unpacker->known.length - unpacker->skipped);
	status = unzip_read(unpacker->unzip, input, unpacker->scratch, size, &given);
	unpacker->skipped += given;
	if (!to_the_end && unpacker->skipped == unpacker->known.length)
	{
		if (is_same(unpacker))
		{
			unpacker->skipping = false;
			return STREAM_ENTRY_BEGIN;
		}
		/* If its own checksum turns out to be wrong, too, that is the error to report. */
		unpacker->differs = true;
	}
	if (status != STREAM_ENTRY_END)
		return status;
	unpacker->skipping = false;
	if (unpacker->differs || !unpacker->known.whole || !is_same(unpacker))
		return fail_changed(unpacker, "is not the same as when it was read before");
	return STREAM_DATA;
}

static StreamStatus
read_again(Unpacker *unpacker, StreamInput *input, unsigned char *output, size_t output_size,
		   size_t *produced)
{
	StreamStatus status;

	*produced = 0;
	if (unpacker->error.kind != STREAM_ERROR_NONE)
		return STREAM_ERROR;
	if (unpacker->skipping)
		return skip_known(unpacker, input);
	status = unzip_read(unpacker->unzip, input, output, output_size, produced);
	if (status == STREAM_END && delivered_entries_missing(unpacker->delivered) > 0)
		return fail_changed(unpacker,
							"is the last one, but others that were read before are missing");
	if (status != STREAM_ENTRY_BEGIN)
		return status;
	unpacker->skipped = 0;
	if (!delivered_entries_meet(unpacker->delivered, unzip_entry_name(unpacker->unzip),
								&unpacker->known))
		return status;
	unpacker->skipping = true;
	unpacker->differs = false;
	return STREAM_DATA;
}

static StreamStatus
read_packed(Unpacker *unpacker, StreamInput *input, unsigned char *output, size_t output_size,
			size_t *produced)
{
	if (unpacker->kind == PACKED_GZIP)
		return gunzip_read(unpacker->gunzip, input, output, output_size, produced);
	if (unpacker->delivered != NULL)
		return read_again(unpacker, input, output, output_size, produced);
	return unzip_read(unpacker->unzip, input, output, output_size, produced);
}

/*
 * Lend the unpacker what the decoder has produced, and let the decoder produce
 * more when that is used up.
 */
static StreamStatus
read_decoded(Unpacker *unpacker, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	StreamInput *decoded = &unpacker->decoded_input;
	StreamStatus status;

	*produced = 0;
	if (decoded->available == 0 && !decoded->last)
	{
		decoded->next = unpacker->decoded;
		status = content_decoder_read(unpacker->decoder, input, unpacker->decoded, DECODED_SIZE,
									  &decoded->available);
		if (status == STREAM_ERROR)
			return STREAM_ERROR;
		decoded->last = status == STREAM_END;
		if (decoded->available == 0 && status == STREAM_NEED_INPUT)
			return STREAM_NEED_INPUT;
	}
	status = read_packed(unpacker, decoded, output, output_size, produced);
	return status == STREAM_NEED_INPUT ? STREAM_DATA : status;
}

StreamStatus
unpacker_read(Unpacker *unpacker, StreamInput *input, unsigned char *output, size_t output_size,
			  size_t *produced)
{
	if (unpacker->decoder != NULL)
		return read_decoded(unpacker, input, output, output_size, produced);
	return read_packed(unpacker, input, output, output_size, produced);
}

const StreamError *
unpacker_error(const Unpacker *unpacker)
{
	if (unpacker->error.kind != STREAM_ERROR_NONE)
		return &unpacker->error;
	if (unpacker->decoder != NULL &&
		content_decoder_error(unpacker->decoder)->kind != STREAM_ERROR_NONE)
		return content_decoder_error(unpacker->decoder);
	return unpacker->kind == PACKED_GZIP ? gunzip_error(unpacker->gunzip)
										 : unzip_error(unpacker->unzip);
}

const char *
unpacker_entry_name(const Unpacker *unpacker)
{
	return unpacker->kind == PACKED_ZIP ? unzip_entry_name(unpacker->unzip) : NULL;
}

uint64_t
unpacker_passed_over(const Unpacker *unpacker, const char **first)
{
	if (unpacker->kind != PACKED_ZIP)
		return 0;
	*first = unzip_first_passed_over(unpacker->unzip);
	return unzip_passed_over(unpacker->unzip);
}

uint64_t
unpacker_work(const Unpacker *unpacker)
{
	uint64_t work =
		unpacker->kind == PACKED_GZIP ? gunzip_work(unpacker->gunzip) : unzip_work(unpacker->unzip);

	if (unpacker->decoder != NULL)
		work += content_decoder_work(unpacker->decoder);
	return work;
}

bool
unpacker_entry_state(const Unpacker *unpacker, uint64_t *length, uint32_t *crc)
{
	if (unpacker->kind != PACKED_ZIP)
		return false;
	*length = unzip_entry_length(unpacker->unzip);
	*crc = unzip_entry_crc(unpacker->unzip);
	return !unzip_entry_is_plain(unpacker->unzip);
}

uint64_t
unpacker_entry_skipped(const Unpacker *unpacker)
{
	return unpacker->skipped;
}
