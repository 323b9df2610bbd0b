/*-------------------------------------------------------------------------
 *
 * foreign_content.h
 *		Recognizing content that is not an export at all, by its first bytes.
 *
 * A 200 may bring a gateway's page, an error in JSON, or something that was
 * packed once too often.  What the JSON or zip reader would say about that
 * helps nobody.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_FOREIGN_CONTENT_H
#define ADSEXPORT_FOREIGN_CONTENT_H

#include "postgres.h"

#include "stream/unpack.h"

/* At most this much of the beginning is looked at. */
#define CONTENT_HEAD 2048

/* The first bytes of a download. */
typedef struct ContentHead
{
	unsigned char bytes[CONTENT_HEAD];
	size_t length;
} ContentHead;

/* Add what follows, as far as there is room. */
extern void content_head_add(ContentHead *head, const unsigned char *bytes, size_t length);

typedef struct ForeignContent
{
	ContentHead head; /* what is to be described */
	bool inflated;    /* it came out of gzip */
	bool may_heal;    /* another attempt may help; not for what is packed differently */
} ForeignContent;

/* Is it, once decoded, not an export?  Then *content describes it. */
extern bool content_is_foreign(const ContentHead *head, ContentCoding coding, PackingKind kind,
							   ForeignContent *content);

#endif /* ADSEXPORT_FOREIGN_CONTENT_H */
