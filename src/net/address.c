/*-------------------------------------------------------------------------
 *
 * address.c
 *		Kinds of network addresses.
 *
 *-------------------------------------------------------------------------
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* From the four bytes, in network order. */
static AddressKind
kind_of_ipv4(const unsigned char *bytes)
{
	if (bytes[0] == 127)
		return ADDRESS_LOOPBACK;
	if (bytes[0] == 169 && bytes[1] == 254)
		return ADDRESS_LINK_LOCAL;
	return bytes[0] == 0 ? ADDRESS_UNSPECIFIED : ADDRESS_ORDINARY;
}

AddressKind
address_kind(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in ipv4;

		memcpy(&ipv4, address, sizeof(ipv4));
		return kind_of_ipv4((const unsigned char *) &ipv4.sin_addr);
	}
	if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 ipv6;

		memcpy(&ipv6, address, sizeof(ipv6));
		if (IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr))
			return ADDRESS_LOOPBACK;
		if (IN6_IS_ADDR_UNSPECIFIED(&ipv6.sin6_addr))
			return ADDRESS_UNSPECIFIED;
		if (IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr))
			return ADDRESS_LINK_LOCAL;
		if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr) || IN6_IS_ADDR_V4COMPAT(&ipv6.sin6_addr))
			return kind_of_ipv4(ipv6.sin6_addr.s6_addr + 12);
	}
	return ADDRESS_ORDINARY;
}

const char *
address_kind_name(AddressKind kind)
{
	switch (kind)
	{
		case ADDRESS_ORDINARY:
			return "ordinary";
		case ADDRESS_LOOPBACK:
			return "loopback";
		case ADDRESS_LINK_LOCAL:
			return "link-local";
		case ADDRESS_UNSPECIFIED:
			return "unspecified";
	}
	return "unknown";
}

void
address_format(const struct sockaddr *address, char *text, size_t size)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	const char *written = NULL;

	if (address->sa_family == AF_INET)
	{
		memcpy(&ipv4, address, sizeof(ipv4));
		written = inet_ntop(AF_INET, &ipv4.sin_addr, text, size);
	}
	else if (address->sa_family == AF_INET6)
	{
		memcpy(&ipv6, address, sizeof(ipv6));
		written = inet_ntop(AF_INET6, &ipv6.sin6_addr, text, size);
	}
	if (written == NULL && size > 0)
		text[0] = '\0';
}

unsigned
address_port(const struct sockaddr *address)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;

	if (address->sa_family == AF_INET)
	{
		memcpy(&ipv4, address, sizeof(ipv4));
		return ntohs(ipv4.sin_port);
	}
	if (address->sa_family == AF_INET6)
	{
		memcpy(&ipv6, address, sizeof(ipv6));
		return ntohs(ipv6.sin6_port);
	}
	return 0;
}
