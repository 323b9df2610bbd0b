/*-------------------------------------------------------------------------
 *
 * address.h
 *		Kinds of network addresses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ADSEXPORT_ADDRESS_H
#define ADSEXPORT_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

typedef enum AddressKind
{
	ADDRESS_ORDINARY,   /* another machine's, or this machine's own in a network */
	ADDRESS_LOOPBACK,   /* 127.0.0.0/8, ::1 */
	ADDRESS_LINK_LOCAL, /* 169.254.0.0/16, fe80::/10; clouds keep their metadata there */
	ADDRESS_UNSPECIFIED /* 0.0.0.0/8, ::, which systems treat as this machine */
} AddressKind;

/* Looks into IPv6 addresses that contain an IPv4 address, too. */
extern AddressKind address_kind(const struct sockaddr *address);

/* "loopback" and so on. */
extern const char *address_kind_name(AddressKind kind);

extern void address_format(const struct sockaddr *address, char *text, size_t size);
extern unsigned address_port(const struct sockaddr *address);

#endif /* ADSEXPORT_ADDRESS_H */
