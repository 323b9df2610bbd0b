/*-------------------------------------------------------------------------
 *
 * foreign_content.c
 *		Content that is no export at all, by its first bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "export/foreign_content.h"
#include "stream/gunzip.h"

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

/* What the beginning of some gzip data inflates to; false if that is nothing. */
static bool
inflate_head(const ContentHead *packed, ContentHead *inflated)
{
	StreamInput input = { packed->bytes, packed->length, false };
	Gunzip *gunzip = gunzip_create();

	inflated->length = 0;
	if (gunzip == NULL)
		return false;
	(void) gunzip_read(gunzip, &input, inflated->bytes, sizeof(inflated->bytes), &inflated->length);
	gunzip_free(gunzip);
	return inflated->length > 0;
}

/* Does it begin as a list in JSON does?  Nothing at all is no sign of something else. */
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
content_is_foreign(const ContentHead *head, ContainerKind kind, ForeignContent *content)
{
	content->head = *head;
	content->inflated = false;
	if (head->length == 0)
		return false;
	if (kind == CONTAINER_ZIP)
	{
		content->may_heal = !is_gzip(head);
		return !is_zip(head);
	}
	if (is_gzip(head))
	{
		/* If that is corrupt, the checksum has more to say. */
		if (!inflate_head(head, &content->head))
			return false;
		content->inflated = true;
	}
	content->may_heal = !is_gzip(&content->head) && !is_zip(&content->head);
	return !begins_as_array(&content->head);
}
