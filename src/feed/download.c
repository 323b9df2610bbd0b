/*-------------------------------------------------------------------------
 *
 * download.c
 *		The bytes of a download: where they start, and how they reach the
 *		unpacker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "feed/download.h"
#include "feed/part_end.h"
#include "stream/crc32.h"

/*
 * Temporary files are read in pieces of this size: so large that a read costs
 * little next to unpacking what it brings, and small enough for the cache.
 */
#define FILE_BUFFER ((size_t) 128 * 1024)

/*-------------------------------------------------------------------------
 * The beginning of the answer
 *-------------------------------------------------------------------------
 */

static void
raise_changed_content(const ExportFeed *feed, FeedPart *part)
{
	feed_fail_changed(feed, part,
					  psprintf("the download broke after " UINT64_FORMAT
							   " bytes, and the next one does not begin with the same",
							   part->resume_from));
}

/*
 * The status of the export gave the length of the gzip file; a download that
 * ends before that is resumed.
 */
static void
expect_length(FeedPart *part)
{
	int64 start = part->from_start ? 0 : (int64) part->resume_from;
	int64 size = part->feed->api->file_size != NULL ? part->feed->api->file_size(part) : -1;

	if (size > start)
		request_expect(part->request, (uint64) (size - start));
}

/* From its first bytes: is it packed, or did something on the way unpack it? */
static void
sniff(FeedPart *part, const char *body, size_t length)
{
	part->sniffed = true;
	part->is_gzip =
		length >= 2 && (unsigned char) body[0] == 0x1f && (unsigned char) body[1] == 0x8b;
	/* Packed once more, it has another length. */
	if (part->is_gzip && part->coding == CODING_NONE)
		expect_length(part);
}

/* Does the header Content-Range say that the content begins there? */
static bool
range_begins_at(const char *content_range, uint64 expected)
{
	static const char unit[] = "bytes ";
	uint64 first;
	char *end;

	if (strncmp(content_range, unit, sizeof(unit) - 1) != 0)
		return false;
	first = strtoull(content_range + sizeof(unit) - 1, &end, 10);
	return *end == '-' && first == expected;
}

/*
 * Where does the answer to a download begin?  A server may send the range it
 * was asked for, or all of it again.
 */
void
check_range(const ExportFeed *feed, FeedPart *part, const RequestResult *result)
{
	part->skip_left = 0;
	if (result->status == 206)
	{
		if (part->from_start || !range_begins_at(result->headers->content_range, part->resume_from))
			raise_changed_content(feed, part);
		if (part->is_gzip && part->coding == CODING_NONE)
			expect_length(part);
		return;
	}
	part->from_start = true;
	part->skip_left = part->resume_from;
	part->skip_checksum = 0;
	if (part->resume_from == 0)
		strlcpy(part->etag, result->headers->etag, sizeof(part->etag));
}

/*-------------------------------------------------------------------------
 * What the unpacker is lent
 *-------------------------------------------------------------------------
 */

/* Read what we know already, and compare it with what we read before. */
static void
skip_known_bytes(ExportFeed *feed, FeedPart *part)
{
	size_t length;
	const char *body = request_body(part->request, &length);

	if (length > part->skip_left)
		length = part->skip_left;
	part->skip_checksum = stream_crc32(part->skip_checksum, (const unsigned char *) body, length);
	part->skip_left -= length;
	request_consume(part->request, length);
	if (part->skip_left == 0 ? part->skip_checksum != part->resume_checksum
							 : request_state(part->request) == REQUEST_DONE)
		raise_changed_content(feed, part);
}

/* Allocated only when something is read from a file. */
static char *
file_buffer(ExportFeed *feed)
{
	if (feed->file_buffer == NULL)
		feed->file_buffer = MemoryContextAlloc(feed->context, FILE_BUFFER);
	return feed->file_buffer;
}

/* Lend the unpacker more of the file in which an earlier download was kept. */
static bool
lend_from_spool(ExportFeed *feed, FeedPart *part)
{
	if (feed->pump.input.last)
		return false;
	feed->pump.input.next = (const unsigned char *) file_buffer(feed);
	feed->pump.input.available =
		spool_read(part->spool, feed->file_buffer, FILE_BUFFER, &feed->pump.input.last);
	return true;
}

/* What the unpacker has taken is removed from the request's body. */
void
consume_lent(ExportFeed *feed, FeedPart *part)
{
	if (!feed->lent_from_file)
		request_consume(part->request, feed->lent - feed->pump.input.available);
	feed->lent = feed->pump.input.available;
}

void
feed_take_back_input(ExportFeed *feed, FeedPart *part)
{
	if (feed->lent_from_file && feed->pump.input.available > 0)
		return; /* it is in the buffer of the feed already */
	consume_lent(feed, part);
	if (part->spool != NULL)
		feed->spooled += feed->pump.input.available;
	feed->lent = feed->pump.input.available = 0;
	feed->pump.input.last = false;
}

/*
 * Keep the first bytes, and everything that arrives for the first time if it
 * may be needed again.
 */
static void
keep_input(ExportFeed *feed, FeedPart *part)
{
	size_t known = Min(feed->spooled, feed->pump.input.available);

	feed->spooled -= known;
	content_head_add(&feed->head, feed->pump.input.next, feed->pump.input.available);
	if (part->spool != NULL && feed->pump.input.available > known)
		spool_write(part->spool, (const char *) feed->pump.input.next + known,
					feed->pump.input.available - known);
}

/* Lend it more of the file that was filled while the scan rested. */
bool
lend_from_overflow(ExportFeed *feed, FeedPart *part)
{
	feed->pump.input.next = (const unsigned char *) file_buffer(feed);
	feed->pump.input.available = overflow_read(part->overflow, feed->file_buffer, FILE_BUFFER);
	feed->pump.input.last = false;
	feed->lent = feed->pump.input.available;
	feed->lent_from_file = true;
	if (!part->sniffed)
		sniff(part, feed->file_buffer, feed->pump.input.available);
	keep_input(feed, part);
	return true;
}

/*
 * Lend the stream what has arrived. Returns false if there is nothing new.
 */
bool
lend_input(ExportFeed *feed, FeedPart *part)
{
	const char *body;
	size_t length;

	if (part->from_spool)
		return lend_from_spool(feed, part);
	consume_lent(feed, part);
	feed_note_transfer(part);
	if (!overflow_is_empty(part->overflow))
		return lend_from_overflow(feed, part);
	if (part->skip_left > 0)
		skip_known_bytes(feed, part);
	body = request_body(part->request, &length);
	if (!part->sniffed && (length >= 2 || request_state(part->request) == REQUEST_DONE))
		sniff(part, body, length);
	feed->lent = length;
	feed->lent_from_file = false;
	feed->pump.input.next = (const unsigned char *) body;
	feed->pump.input.available = length;
	/* The unpacker took all that was lent before, so this is new. */
	keep_input(feed, part);
	feed->pump.input.last = request_state(part->request) == REQUEST_DONE && part->skip_left == 0;
	return length > 0 || feed->pump.input.last;
}
