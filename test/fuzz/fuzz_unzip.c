/*-------------------------------------------------------------------------
 *
 * fuzz_unzip.c
 *		Fuzz stream/unzip.
 *
 * The first byte chooses: odd, the rest is an archive; even, the rest is cut
 * into entries of all kinds, which are put into an archive, perhaps damaged,
 * and must come back.
 *
 *-------------------------------------------------------------------------
 */
#include "fuzz.h"
#include "pieces.h"
#include "stream/unzip.h"
#include "zip_build.h"

#define MAX_LISTING (1 << 20)

typedef struct Outcome
{
	StreamStatus status;
	StreamError error;
	Bytes listing; /* "<name|content>" for each entry */
	uint64_t entries;
} Outcome;

static void
run(Unzip *unzip, const uint8_t *data, size_t length, bool pieces, Outcome *outcome)
{
	Pieces lent;
	uint8_t *output = NULL;
	size_t entry_start = 0;

	pieces_begin(&lent, data, length);
	unzip_reset(unzip);
	outcome->listing.length = 0;
	do
	{
		size_t output_size = pieces ? 1 + fuzz_below(100) : 65536;
		size_t produced;

		output = realloc(output, output_size);
		outcome->status = unzip_read(unzip, &lent.input, output, output_size, &produced);
		EXPECT(produced <= output_size, "%zu", produced);
		append(&outcome->listing, output, produced);
		if (outcome->status == STREAM_NEED_INPUT)
		{
			size_t size = pieces ? fuzz_below(50) : length;

			EXPECT(lent.input.available == 0 && !lent.input.last, "%zu left", lent.input.available);
			pieces_lend(&lent, size, true);
		}
		else if (outcome->status == STREAM_ENTRY_BEGIN)
		{
			EXPECT(produced == 0, "%zu bytes", produced);
			append_text(&outcome->listing, "<");
			append_text(&outcome->listing, unzip_entry_name(unzip));
			append_text(&outcome->listing, "|");
			entry_start = outcome->listing.length;
		}
		else if (outcome->status == STREAM_ENTRY_END)
		{
			size_t entry_length = outcome->listing.length - entry_start;

			EXPECT(produced == 0, "%zu bytes", produced);
			EXPECT(unzip_entry_length(unzip) == entry_length, "%zu", entry_length);
			EXPECT(unzip_entry_crc(unzip) ==
					   crc32_z(0, outcome->listing.data + entry_start, entry_length),
				   "%u", unzip_entry_crc(unzip));
			append_text(&outcome->listing, ">");
		}
	} while (outcome->status != STREAM_END && outcome->status != STREAM_ERROR &&
			 outcome->listing.length < MAX_LISTING);
	outcome->error = *unzip_error(unzip);
	outcome->entries = unzip_entries(unzip);
	pieces_end(&lent);
	free(output);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Unzip *unzip;
	Outcome whole = { 0 };
	Outcome cut = { 0 };
	Archive archive = { 0 };
	Bytes expected = { 0 };
	bool built;
	unsigned damage = 0;
	unsigned others = 0; /* entries that are no exports */

	if (unzip == NULL)
		unzip = unzip_create();
	if (size < 2)
		return 0;
	fuzz_state = data[0];
	built = (data[0] & 1) == 0;
	if (!built)
		append(&archive.bytes, data + 1, size - 1);
	else
	{
		size_t next = 1;

		/* Two bytes of options and a length, then content. */
		while (next + 3 <= size)
		{
			unsigned bits = data[next] | (unsigned) data[next + 1] << 8;
			size_t length = data[next + 2];
			EntryOptions options = { 0 };
			Bytes content = { 0 };
			char name[40];
			const char *suffix = bits & 0x400 ? ".txt" : ".json.gz";

			next += 3;
			if (length > size - next)
				length = size - next;
			options.deflate = bits & 1;
			options.descriptor = (Descriptor) ((bits >> 1) % DESCRIPTOR_KINDS);
			options.sizes_in_header = bits & 0x20;
			options.zip64 = bits & 0x40;
			options.other_extra = bits & 0x80;
			snprintf(name, sizeof(name), "%u%s", bits, suffix);
			if (bits & 0x100)
				append_gzip_with_flags(&content, data + next, length, bits >> 11);
			if (bits & 0x200)
				append_gzip_with_flags(&content, data + next, length, 0);
			add_entry(&archive, name, &content, options);
			if ((bits & 0x400) == 0)
			{
				append_text(&expected, "<");
				append_text(&expected, name);
				append_text(&expected, "|");
				if (bits & 0x100)
					append(&expected, data + next, length);
				if (bits & 0x200)
					append(&expected, data + next, length);
				append_text(&expected, ">");
			}
			else
				others++;
			free(content.data);
			next += length;
		}
		archive.zip64 = data[0] & 2;
		finish_archive(&archive, data[0] & 4 ? "PK comment" : "");
		damage = data[0] >> 6;
		for (unsigned i = 0; i < damage; i++)
			archive.bytes.data[fuzz_below(archive.bytes.length)] ^= (uint8_t) (1 << fuzz_below(8));
	}

	run(unzip, archive.bytes.data, archive.bytes.length, false, &whole);
	run(unzip, archive.bytes.data, archive.bytes.length, true, &cut);
	if (whole.listing.length < MAX_LISTING && cut.listing.length < MAX_LISTING)
	{
		EXPECT(whole.status == cut.status, "%s and %s", whole.error.message, cut.error.message);
		EXPECT(whole.error.kind == cut.error.kind, "%s and %s", whole.error.message,
			   cut.error.message);
		EXPECT(same_bytes(&whole.listing, &cut.listing), "%zu and %zu bytes", whole.listing.length,
			   cut.listing.length);
		EXPECT(whole.entries == cut.entries, "entries");
		/* Several bits may change a name here and in the directory alike: another archive. */
		if (built && damage == 0 && others > 0 && expected.length == 0)
			EXPECT(whole.error.kind == STREAM_ERROR_UNSUPPORTED, "%s", whole.error.message);
		else if (built && (damage == 0 || (damage == 1 && whole.status == STREAM_END)))
			EXPECT(whole.status == STREAM_END && same_bytes(&whole.listing, &expected),
				   "content did not come back: %s", whole.error.message);
	}
	free(whole.listing.data);
	free(cut.listing.data);
	free(expected.data);
	clear_archive(&archive);
	return 0;
}
