/*-------------------------------------------------------------------------
 *
 * foreign_content.c
 *		Recognizing content that is not an export at all, by its first bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "remote/foreign_content.h"

void
content_head_add(ContentHead *head, const unsigned char *bytes, size_t length)
{
	size_t taken = Min(length, sizeof(head->bytes) - head->length);

	if (taken == 0)
		return;
	memcpy(head->bytes + head->length, bytes, taken);
	head->length += taken;
}

static bool
begins_with(const ContentHead *head, const char *beginning, size_t length)
{
	return head->length >= length && memcmp(head->bytes, beginning, length) == 0;
}

static bool
is_gzip(const ContentHead *head)
{
	return begins_with(head, "\x1f\x8b", 2);
}

static bool
is_zip(const ContentHead *head)
{
	return begins_with(head, "PK", 2);
}

/* What the beginning of something packed unpacks to; false if that is nothing. */
static bool
unpack_head(const ContentHead *packed, ContentCoding coding, ContentHead *unpacked)
{
	StreamInput input = { packed->bytes, packed->length, false };
	ContentDecoder *decoder = content_decoder_create(coding);

	unpacked->length = 0;
	if (decoder == NULL)
		return false;
	(void) content_decoder_read(decoder, &input, unpacked->bytes, sizeof(unpacked->bytes),
								&unpacked->length);
	content_decoder_free(decoder);
	return unpacked->length > 0;
}

/* Does it begin like a JSON array?  An empty beginning is not a sign of something else. */
static bool
begins_as_array(const ContentHead *head)
{
	size_t place = begins_with(head, "\xef\xbb\xbf", 3) ? 3 : 0;

	while (place < head->length && strchr(" \t\r\n", head->bytes[place]) != NULL &&
		   head->bytes[place] != '\0')
		place++;
	return place == head->length || head->bytes[place] == '[';
}

bool
content_is_foreign(const ContentHead *head, ContentCoding coding, PackingKind kind,
				   ForeignContent *content)
{
	ContentHead *unpacked = &content->head;
	ContentHead packed = *head;

	content->inflated = false;
	/* If that is corrupt, the checksum will say more. */
	if ((coding == CODING_GZIP || coding == CODING_DEFLATE) && !unpack_head(head, coding, &packed))
		return false;
	*unpacked = packed;
	if (packed.length == 0)
		return false;
	if (kind == PACKED_ZIP)
	{
		content->may_heal = !is_gzip(&packed);
		return !is_zip(&packed);
	}
	if (is_gzip(&packed))
	{
		if (!unpack_head(&packed, CODING_GZIP, unpacked))
			return false;
		content->inflated = true;
	}
	content->may_heal = !is_gzip(unpacked) && !is_zip(unpacked);
	return !begins_as_array(unpacked);
}
