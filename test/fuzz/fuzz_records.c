/*-------------------------------------------------------------------------
 *
 * fuzz_records.c
 *		Fuzz stream/records: what comes out of blocks, however they are cut and
 *		however far ahead they are walked, is what the json reader finds in the
 *		whole.
 *
 * The bytes \1, \2 and \3 become runs of letters that are longer than a record
 * in most exports, than the room in front of a block, and than a block.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"
#include "stream/record_block.h"
#include "stream/record_stream.h"
#include "stream/record_walker.h"
#include "stream/crc32.h"

#define MAX_CONTENT ((size_t) 4 * 1024 * 1024)
#define MAX_AHEAD 4

typedef struct Sum
{
	uint64_t records;
	uint32_t crc; /* of all values and offsets, one after another */
} Sum;

static JsonPaths *paths;

static void
add_to_sum(Sum *sum, const JsonValue *values, uint64_t offset)
{
	sum->records++;
	sum->crc = stream_crc32(sum->crc, (const unsigned char *) &offset, sizeof(offset));
	for (int i = 0; i < json_paths_count(paths); i++)
	{
		uint32_t head[2] = { values[i].type, values[i].length };

		if (values[i].type == JSON_MISSING)
			head[1] = 0;
		sum->crc = stream_crc32(sum->crc, (const unsigned char *) head, sizeof(head));
		if (head[1] > 0)
			sum->crc = stream_crc32(sum->crc, (const unsigned char *) values[i].start, head[1]);
	}
}

/* Leaves something of the record in the arena, as far as that goes. */
static void
prepare(void *argument, const JsonValue *values, RecordArena *arena, void **prepared)
{
	(void) argument;
	*prepared = NULL;
	if (arena->limit - arena->next < 16)
		return;
	memcpy(arena->next, &values[0].length, sizeof(values[0].length));
	*prepared = arena->next;
	arena->next += 16;
}

static StreamStatus
read_whole(char *content, size_t length, Sum *sum)
{
	static JsonReader *reader;
	JsonValue *values = malloc(sizeof(JsonValue) * (size_t) json_paths_count(paths));
	StreamStatus status;

	if (reader == NULL)
		reader = json_reader_create(paths);
	json_reader_reset(reader, JSON_FRAMING_ARRAY);
	for (;;)
	{
		size_t consumed = 0;

		status = json_reader_next(reader, content, length, true, &consumed, values);
		if (status != STREAM_RECORD)
			break;
		add_to_sum(sum, values, json_reader_record_offset(reader));
		content += consumed;
		length -= consumed;
	}
	free(values);
	return status;
}

/* A block with some of the content; *ended: it is the last. */
static RecordBlock *
fill(Unpacker *unpacker, StreamInput *input, size_t *left, size_t piece, bool *ended)
{
	RecordBlock *block = record_block_create();
	StreamStatus status = record_block_fill(block, unpacker, input);

	while (status == STREAM_PAUSED || (status == STREAM_NEED_INPUT && !input->last))
	{
		size_t next = status == STREAM_PAUSED ? 0 : 1 + fuzz_below(piece);

		if (next > *left)
			next = *left;
		input->available += next;
		*left -= next;
		input->last = *left == 0;
		status = record_block_continue(block, unpacker, input);
		if (!record_block_is_empty(block) && fuzz_below(3) == 0)
			break;
	}
	*ended = status == STREAM_END || status == STREAM_ERROR;
	return block;
}

static StreamStatus
read_blocks(const char *content, size_t length, Sum *sum)
{
	static const size_t pieces[] = { 3, 50, 3000, 100000, 1000000 };
	RecordPreparer preparer = { prepare, NULL, 1 };
	Unpacker *unpacker = unpacker_create(PACKED_GZIP);
	RecordWalker *walker = record_walker_create(paths);
	RecordStream *stream = record_stream_create();
	StreamInput input = { (const unsigned char *) content, 0, false };
	size_t piece = pieces[fuzz_below(5)];
	RecordBlock *ahead[MAX_AHEAD];
	int count = 0;
	int walked = 0;
	bool ended = false;
	StreamStatus status;

	if (length / piece > 2000)
		piece = length / 2000;
	record_stream_reset(stream, PACKED_GZIP);
	record_walker_reset(walker, PACKED_GZIP);
	while ((status = record_stream_next(stream)) == STREAM_RECORD || status == STREAM_NEED_INPUT)
	{
		RecordBlock *block = record_stream_block(stream);

		if (status == STREAM_RECORD)
		{
			void *const *prepared = record_stream_prepared(stream);
			const JsonValue *values = record_stream_values(stream);

			add_to_sum(sum, values, record_stream_offset(stream));
			EXPECT(record_stream_number(stream) == sum->records, "%ju",
				   (uintmax_t) record_stream_number(stream));
			if (prepared != NULL && *prepared != NULL)
				EXPECT(memcmp(*prepared, &values[0].length, sizeof(values[0].length)) == 0,
					   "record %ju", (uintmax_t) sum->records);
			continue;
		}
		if (block != NULL && record_block_state(block) == BLOCK_PARTLY_WALKED)
		{
			volatile sig_atomic_t stop = fuzz_below(4) == 1;

			record_walker_walk(walker, block, &stop);
			if (fuzz_below(2) == 0)
				record_block_prepare(block, &preparer);
			record_stream_give(stream, block);
			continue;
		}
		record_block_free(record_stream_return_block(stream));
		while (!ended && count < MAX_AHEAD && (count == 0 || fuzz_below(2) == 0))
			ahead[count++] = fill(unpacker, &input, &length, piece, &ended);
		EXPECT(count > 0, "nothing comes behind %ju records", (uintmax_t) sum->records);
		while (walked < count &&
			   (walked == 0 ||
				(record_block_state(ahead[walked - 1]) == BLOCK_WALKED && fuzz_below(2) == 0)))
		{
			RecordBlock *next = ahead[walked++];
			volatile sig_atomic_t stop = fuzz_below(4) == 1;

			record_walker_walk(walker, next, &stop);
			if (fuzz_below(8) == 0)
				record_block_leave(next);
			if (fuzz_below(2) == 0)
				record_block_prepare(next, &preparer);
		}
		record_stream_give(stream, ahead[0]);
		memmove(ahead, ahead + 1, sizeof(ahead[0]) * (size_t) --count);
		walked--;
	}
	record_block_free(record_stream_return_block(stream));
	while (count > 0)
		record_block_free(ahead[--count]);
	record_stream_free(stream);
	record_walker_free(walker);
	unpacker_free(unpacker);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t runs[] = { 0, 5000, 70000, 300000 };
	char *content;
	size_t length = 0;
	Sum whole = { 0 };
	Sum blocks = { 0 };
	StreamStatus expected;
	StreamStatus found;

	if (paths == NULL)
	{
		paths = json_paths_create();
		json_paths_add(paths, "a");
		json_paths_add(paths, "b.c");
		json_paths_add(paths, "$");
	}
	/* The first byte chooses the pieces; what looks like gzip is not for here. */
	if (size < 2 || data[1] == 0x1f)
		return 0;
	fuzz_state = data[0];
	content = calloc(1, MAX_CONTENT + JSON_PADDING);
	for (size_t i = 1; i < size; i++)
	{
		size_t run = data[i] >= 1 && data[i] <= 3 ? runs[data[i]] : 1;

		if (length + run > MAX_CONTENT)
			break;
		memset(content + length, run == 1 ? data[i] : 'x', run);
		length += run;
	}
	expected = read_whole(content, length, &whole);
	found = read_blocks(content, length, &blocks);
	EXPECT(found == expected, "%d instead of %d", (int) found, (int) expected);
	EXPECT(blocks.records == whole.records, "%ju records instead of %ju",
		   (uintmax_t) blocks.records, (uintmax_t) whole.records);
	EXPECT(blocks.crc == whole.crc, "other values");
	free(content);
	return 0;
}
