/*-------------------------------------------------------------------------
 *
 * test_records.c
 *		From bytes to records: blocks, records across blocks, archives.
 *
 *-------------------------------------------------------------------------
 */
#include "gzip_build.h"

#include "stream/records.h"

#define SLOTS 2 /* id, pad */

static JsonPaths *paths;

/* {"id":N,"pad":"xxx"} with length bytes of padding. */
static void
append_record(Bytes *bytes, long id, size_t length)
{
	char start[64];
	size_t before;

	snprintf(start, sizeof(start), "{\"id\":%ld,\"pad\":\"", id);
	append_text(bytes, start);
	before = bytes->length;
	for (size_t i = 0; i < length; i++)
		append(bytes, i % 61 == 7 ? "}" : (i % 53 == 5 ? "," : "x"), 1);
	CHECK(bytes->length == before + length);
	append_text(bytes, "\"}");
}

typedef struct Archive
{
	Bytes bytes;
	Bytes directory;
	int entries;
} Archive;

static void
add_entry(Archive *archive, const char *name, const Bytes *content)
{
	uint32_t crc = (uint32_t) crc32(0, content->data, (uInt) content->length);
	size_t offset = archive->bytes.length;
	Bytes common = { 0 };

	append_number(&common, 20, 2);
	append_number(&common, 0, 2);
	append_number(&common, 0, 2);
	append_number(&common, 0, 4);
	append_number(&common, crc, 4);
	append_number(&common, content->length, 4);
	append_number(&common, content->length, 4);
	append_number(&common, strlen(name), 2);
	append_number(&common, 0, 2);

	append_number(&archive->bytes, 0x04034b50, 4);
	append_bytes(&archive->bytes, &common);
	append_text(&archive->bytes, name);
	append_bytes(&archive->bytes, content);

	append_number(&archive->directory, 0x02014b50, 4);
	append_number(&archive->directory, 20, 2);
	append_bytes(&archive->directory, &common);
	append_number(&archive->directory, 0, 2);
	append_number(&archive->directory, 0, 2);
	append_number(&archive->directory, 0, 2);
	append_number(&archive->directory, 0, 4);
	append_number(&archive->directory, offset, 4);
	append_text(&archive->directory, name);
	archive->entries++;
	free(common.data);
}

static void
close_archive(Archive *archive)
{
	size_t offset = archive->bytes.length;

	append_bytes(&archive->bytes, &archive->directory);
	append_number(&archive->bytes, 0x06054b50, 4);
	append_number(&archive->bytes, 0, 4);
	append_number(&archive->bytes, archive->entries, 2);
	append_number(&archive->bytes, archive->entries, 2);
	append_number(&archive->bytes, archive->directory.length, 4);
	append_number(&archive->bytes, offset, 4);
	append_number(&archive->bytes, 0, 2);
	free(archive->directory.data);
}

/*
 * Read all of it, the input in pieces of at most piece bytes, and blocks given
 * away half full now and then.  Checks that the ids count up from 0 and that
 * each padding has the length that lengths says.  Returns the last status.
 */
static StreamStatus
read_all(ContainerKind kind, const Bytes *bytes, size_t piece, const size_t *lengths, long *count,
		 long *entries, char *message)
{
	Container *container = container_create(kind);
	RecordStream *stream = record_stream_create(paths);
	RecordBlock *spare = record_block_create();
	JsonValue values[SLOTS];
	StreamInput input = { bytes->data, 0, false };
	size_t left = bytes->length;
	StreamStatus status;

	*count = *entries = 0;
	record_stream_reset(stream, kind);
	for (;;)
	{
		status = record_stream_next(stream, values);
		if (status == STREAM_RECORD)
		{
			if (!CHECK_THAT(strtol(values[0].start, NULL, 10) == *count, "record %ld is %.10s",
							*count, values[0].start) ||
				(lengths != NULL &&
				 !CHECK_THAT(values[1].length == lengths[*count], "record %ld has %u bytes", *count,
							 values[1].length)))
				break;
			(*count)++;
			CHECK_NUMBER(record_stream_number(stream), *count);
		}
		else if (status == STREAM_ENTRY_BEGIN)
			(*entries)++;
		else if (status == STREAM_NEED_INPUT)
		{
			StreamStatus fill;

			if (spare == NULL)
				spare = record_block_create();
			fill = record_block_fill(spare, container, &input);
			while (fill == STREAM_NEED_INPUT && !input.last)
			{
				size_t next = 1 + random_below((uint32_t) piece);

				if (next > left)
					next = left;
				input.available += next;
				left -= next;
				input.last = left == 0;
				fill = record_block_continue(spare, container, &input);
				if (!record_block_is_empty(spare) && random_below(4) == 0)
					break;
			}
			spare = record_stream_give(stream, spare);
		}
		else
			break;
	}
	snprintf(message, 256, "%s", record_stream_error(stream)->message);
	record_block_free(record_stream_take_back(stream));
	record_block_free(spare);
	record_stream_free(stream);
	container_free(container);
	return status;
}

static void
test_array(const char *name, int records, size_t longest, size_t piece)
{
	size_t *lengths = malloc(sizeof(size_t) * (size_t) records);
	Bytes text = { 0 };
	Bytes gzip = { 0 };
	long count;
	long entries;
	char message[256];

	begin_test(name);
	append_text(&text, "[");
	for (int i = 0; i < records; i++)
	{
		lengths[i] = random_below((uint32_t) longest);
		if (i > 0)
			append_text(&text, ",");
		append_record(&text, i, lengths[i]);
	}
	append_text(&text, "]");
	append_gzip_with_flags(&gzip, text.data, text.length, 0);
	CHECK_NUMBER(read_all(CONTAINER_GZIP, &gzip, piece, lengths, &count, &entries, message),
				 STREAM_END);
	CHECK_NUMBER(count, records);
	CHECK_NUMBER(entries, 0);
	/* Not compressed at all, too. */
	CHECK_NUMBER(read_all(CONTAINER_GZIP, &text, piece, lengths, &count, &entries, message),
				 STREAM_END);
	CHECK_NUMBER(count, records);
	/* A byte short is never complete. */
	gzip.length--;
	CHECK_NUMBER(read_all(CONTAINER_GZIP, &gzip, piece, lengths, &count, &entries, message),
				 STREAM_ERROR);
	CHECK(message[0] != '\0');
	free(text.data);
	free(gzip.data);
	free(lengths);
}

static void
test_archive(const char *name, int entry_count, int records_each, size_t longest, size_t piece)
{
	Archive archive = { { 0 }, { 0 }, 0 };
	long id = 0;
	size_t *lengths = malloc(sizeof(size_t) * (size_t) (entry_count * records_each + 1));
	long count;
	long entries;
	char message[256];

	begin_test(name);
	for (int i = 0; i < entry_count; i++)
	{
		Bytes text = { 0 };
		Bytes gzip = { 0 };
		char file[64];
		int records = records_each > 0 ? (int) random_below((uint32_t) records_each + 1) : 0;

		append(&text, "", 0);
		for (int j = 0; j < records; j++)
		{
			lengths[id] = random_below((uint32_t) longest);
			append_record(&text, id, lengths[id]);
			id++;
			/* The last line may or may not be ended. */
			if (j < records - 1 || i % 2 == 0)
				append_text(&text, i % 3 == 0 ? "\r\n" : "\n");
		}
		append_gzip_with_flags(&gzip, text.data != NULL ? (char *) text.data : "", text.length, 0);
		snprintf(file, sizeof(file), "1/1_2025-01-01_%d#0.json.gz", i);
		add_entry(&archive, file, &gzip);
		free(text.data);
		free(gzip.data);
	}
	close_archive(&archive);
	CHECK_NUMBER(read_all(CONTAINER_ZIP, &archive.bytes, piece, lengths, &count, &entries, message),
				 STREAM_END);
	CHECK_NUMBER(count, id);
	CHECK_NUMBER(entries, entry_count);
	archive.bytes.length -= 1 + random_below(200);
	CHECK_NUMBER(read_all(CONTAINER_ZIP, &archive.bytes, piece, lengths, &count, &entries, message),
				 STREAM_ERROR);
	CHECK(message[0] != '\0');
	free(archive.bytes.data);
	free(lengths);
}

static void
test_broken(void)
{
	static const char *const texts[] = { "",
										 "[",
										 "[{\"id\":0}",
										 "[{\"id\":0},",
										 "{\"id\":0}",
										 "[{\"id\":0}]x",
										 "[{\"id\":0}}]",
										 "[7]",
										 "<html>" };
	char message[256];
	long count;
	long entries;

	begin_test("content that is not an array of objects");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Bytes gzip = { 0 };

		append_gzip(&gzip, texts[i]);
		CHECK_THAT(read_all(CONTAINER_GZIP, &gzip, 3, NULL, &count, &entries, message) ==
					   STREAM_ERROR,
				   "\"%s\" is accepted", texts[i]);
		free(gzip.data);
	}

	begin_test("a record over the limit");
	{
		Bytes text = { 0 };

		append_text(&text, "[");
		append_record(&text, 0, JSON_MAX_RECORD + 10);
		append_text(&text, "]");
		CHECK_NUMBER(read_all(CONTAINER_GZIP, &text, 1000000, NULL, &count, &entries, message),
					 STREAM_ERROR);
		CHECK_CONTAINS(message, "larger");
		free(text.data);
	}
}

int
main(void)
{
	paths = json_paths_create();
	json_paths_add(paths, "id");
	json_paths_add(paths, "pad");

	test_array("small records", 20000, 200, 5000);
	test_array("small records in tiny pieces", 2000, 100, 3);
	test_array("records around the size of the headroom", 200, 140000, 50000);
	test_array("records larger than a block", 30, 1500000, 100000);
	test_array("one record", 1, 10, 7);
	test_array("no record", 0, 10, 7);
	test_archive("many small entries", 3000, 3, 50, 1000);
	test_archive("empty entries", 1000, 0, 10, 100);
	test_archive("entries in tiny pieces", 60, 5, 50, 2);
	test_archive("large entries", 6, 400, 5000, 60000);
	test_archive("entries with large records", 20, 5, 400000, 60000);
	test_broken();
	json_paths_free(paths);
	return finish_tests();
}
