/*-------------------------------------------------------------------------
 *
 * container.c
 *		What the records of an export are packed in: gzip, or zip of gzip.
 *
 *-------------------------------------------------------------------------
 */
#include "stream/container.h"

#include <stdlib.h>
#include <string.h>

#include "stream/gunzip.h"
#include "stream/stream_error.h"
#include "stream/unzip.h"

/* One of the two is there, by kind. */
struct Container
{
	ContainerKind kind;
	Gunzip *gunzip;
	Unzip *unzip;

	/* Of a body that was packed once more on its way: */
	ContentDecoder *decoder; /* or NULL */
	unsigned char *decoded;
	StreamInput decoded_input;

	/* Of an archive that is read again: */
	DeliveredEntries *delivered; /* borrowed, or NULL */
	unsigned char *scratch;      /* for what is left out */
	bool skipping;               /* the entry, or its beginning */
	bool differs;                /* it is not the same, but may just be corrupt */
	DeliveredEntry known;
	uint64_t skipped; /* bytes of the entry */
	StreamError error;
};

#define SCRATCH_SIZE ((size_t) 64 * 1024)
#define DECODED_SIZE ((size_t) 64 * 1024)

Container *
container_create(ContainerKind kind)
{
	Container *container = calloc(1, sizeof(Container));

	if (container == NULL)
		return NULL;
	container->kind = kind;
	if (kind == CONTAINER_GZIP)
		container->gunzip = gunzip_create();
	else
		container->unzip = unzip_create();
	if (container->gunzip == NULL && container->unzip == NULL)
	{
		free(container);
		return NULL;
	}
	return container;
}

void
container_free(Container *container)
{
	if (container == NULL)
		return;
	if (container->gunzip != NULL)
		gunzip_free(container->gunzip);
	if (container->unzip != NULL)
		unzip_free(container->unzip);
	content_decoder_free(container->decoder);
	free(container->decoded);
	free(container->scratch);
	free(container);
}

void
container_reset(Container *container)
{
	if (container->kind == CONTAINER_GZIP)
		gunzip_reset(container->gunzip);
	else
		unzip_reset(container->unzip);
	content_decoder_free(container->decoder);
	container->decoder = NULL;
	container->delivered = NULL;
	container->skipping = false;
	container->skipped = 0;
	stream_error_clear(&container->error);
}

bool
container_set_coding(Container *container, ContentCoding coding)
{
	if (coding != CODING_GZIP && coding != CODING_DEFLATE)
		return true;
	if (container->decoded == NULL)
		container->decoded = malloc(DECODED_SIZE);
	container->decoder = content_decoder_create(coding);
	memset(&container->decoded_input, 0, sizeof(container->decoded_input));
	return container->decoded != NULL && container->decoder != NULL;
}

bool
container_is_gzip_inside(const Container *container)
{
	return container->kind == CONTAINER_GZIP && !gunzip_is_plain(container->gunzip);
}

bool
container_read_again(Container *container, DeliveredEntries *delivered)
{
	if (container->scratch == NULL)
		container->scratch = malloc(SCRATCH_SIZE);
	if (container->scratch == NULL)
		return false;
	container->delivered = delivered;
	return true;
}

static StreamStatus
fail_changed(Container *container, const char *problem)
{
	char name[112];

	stream_escape(name, sizeof(name), unzip_entry_name(container->unzip),
				  strlen(unzip_entry_name(container->unzip)));
	stream_error_set(&container->error, STREAM_ERROR_CHANGED, unzip_bytes_in(container->unzip),
					 "zip entry \"%s\" %s", name, problem);
	return STREAM_ERROR;
}

/* Is what was read of the entry so far what is known of it? */
static bool
is_same(const Container *container)
{
	return container->skipped == container->known.length &&
		   unzip_entry_crc(container->unzip) == container->known.crc;
}

/* Leave out some more of the entry or its beginning.  STREAM_ENTRY_BEGIN: it goes on with what is new. */
static StreamStatus
skip_known(Container *container, StreamInput *input)
{
	bool to_the_end = container->known.whole || container->differs;
	size_t size = SCRATCH_SIZE;
	size_t given;
	StreamStatus status;

	if (!to_the_end && container->known.length - container->skipped < size)
		size = (size_t) (container->known.length - container->skipped);
	status = unzip_read(container->unzip, input, container->scratch, size, &given);
	container->skipped += given;
	if (!to_the_end && container->skipped == container->known.length)
	{
		if (is_same(container))
		{
			container->skipping = false;
			return STREAM_ENTRY_BEGIN;
		}
		/* If its own checksum is wrong, too, that is what is wrong with it. */
		container->differs = true;
	}
	if (status != STREAM_ENTRY_END)
		return status;
	container->skipping = false;
	if (container->differs || !container->known.whole || !is_same(container))
		return fail_changed(container, "is not the same as when it was read before");
	return STREAM_DATA;
}

static StreamStatus
read_again(Container *container, StreamInput *input, unsigned char *output, size_t output_size,
		   size_t *produced)
{
	StreamStatus status;

	*produced = 0;
	if (container->error.kind != STREAM_ERROR_NONE)
		return STREAM_ERROR;
	if (container->skipping)
		return skip_known(container, input);
	status = unzip_read(container->unzip, input, output, output_size, produced);
	if (status == STREAM_END && delivered_entries_missing(container->delivered) > 0)
		return fail_changed(container,
							"is the last one, but others that were read before are missing");
	if (status != STREAM_ENTRY_BEGIN)
		return status;
	container->skipped = 0;
	if (!delivered_entries_meet(container->delivered, unzip_entry_name(container->unzip),
								&container->known))
		return status;
	container->skipping = true;
	container->differs = false;
	return STREAM_DATA;
}

static StreamStatus
read_packed(Container *container, StreamInput *input, unsigned char *output, size_t output_size,
			size_t *produced)
{
	if (container->kind == CONTAINER_GZIP)
		return gunzip_read(container->gunzip, input, output, output_size, produced);
	if (container->delivered != NULL)
		return read_again(container, input, output, output_size, produced);
	return unzip_read(container->unzip, input, output, output_size, produced);
}

/* Some of what comes out of the decoder, which has to be asked for more when that is used up. */
static StreamStatus
read_decoded(Container *container, StreamInput *input, unsigned char *output, size_t output_size,
			 size_t *produced)
{
	StreamInput *decoded = &container->decoded_input;
	StreamStatus status;

	*produced = 0;
	if (decoded->available == 0 && !decoded->last)
	{
		decoded->next = container->decoded;
		status = content_decoder_read(container->decoder, input, container->decoded, DECODED_SIZE,
									  &decoded->available);
		if (status == STREAM_ERROR)
			return STREAM_ERROR;
		decoded->last = status == STREAM_END;
		if (decoded->available == 0 && status == STREAM_NEED_INPUT)
			return STREAM_NEED_INPUT;
	}
	status = read_packed(container, decoded, output, output_size, produced);
	return status == STREAM_NEED_INPUT ? STREAM_DATA : status;
}

StreamStatus
container_read(Container *container, StreamInput *input, unsigned char *output, size_t output_size,
			   size_t *produced)
{
	if (container->decoder != NULL)
		return read_decoded(container, input, output, output_size, produced);
	return read_packed(container, input, output, output_size, produced);
}

const StreamError *
container_error(const Container *container)
{
	if (container->error.kind != STREAM_ERROR_NONE)
		return &container->error;
	if (container->decoder != NULL &&
		content_decoder_error(container->decoder)->kind != STREAM_ERROR_NONE)
		return content_decoder_error(container->decoder);
	return container->kind == CONTAINER_GZIP ? gunzip_error(container->gunzip)
											 : unzip_error(container->unzip);
}

const char *
container_entry_name(const Container *container)
{
	return container->kind == CONTAINER_ZIP ? unzip_entry_name(container->unzip) : NULL;
}

uint64_t
container_passed_over(const Container *container, const char **first)
{
	if (container->kind != CONTAINER_ZIP)
		return 0;
	*first = unzip_first_passed_over(container->unzip);
	return unzip_passed_over(container->unzip);
}

uint64_t
container_work(const Container *container)
{
	uint64_t work = container->kind == CONTAINER_GZIP ? gunzip_work(container->gunzip)
													  : unzip_work(container->unzip);

	if (container->decoder != NULL)
		work += content_decoder_work(container->decoder);
	return work;
}

bool
container_entry_state(const Container *container, uint64_t *length, uint32_t *crc)
{
	if (container->kind != CONTAINER_ZIP)
		return false;
	*length = unzip_entry_length(container->unzip);
	*crc = unzip_entry_crc(container->unzip);
	return !unzip_entry_is_plain(container->unzip);
}

uint64_t
container_entry_skipped(const Container *container)
{
	return container->skipped;
}
