/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels as asap sees them: rate, place, and the pool elements that live on them. */
#include "asap/internal.h"

#include <stdlib.h>

enum { THOUSAND = 1000, FIRST_ROOM = 4 };

struct asap_client *asap_client_new(struct asap *a, struct channel *c, uint64_t now_ms)
{
    struct asap_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->channel = c;
    client->refilled_ms = now_ms;
    client->tokens = (uint64_t)a->settings.requests_per_second * THOUSAND;
    LIST_INSERT_HEAD(&a->clients, client, all);
    a->link.set_client(c, client);
    return client;
}

void asap_client_free(struct asap *a, struct asap_client *client)
{
    if (client->placed)
        HASH_DELETE(hh, a->places, client);
    asap_unsubscribe(a, client);
    LIST_REMOVE(client, all);
    free(client->elements);
    free(client);
}

/* Token bucket that holds a second's worth. */
bool asap_client_allows(struct asap *a, struct asap_client *client, uint64_t now_ms)
{
    uint64_t rate = a->settings.requests_per_second;

    if (rate == 0)
        return true;
    if (now_ms > client->refilled_ms) {
        uint64_t passed = now_ms - client->refilled_ms;
        client->tokens += passed > THOUSAND ? rate * THOUSAND : passed * rate;
        if (client->tokens > rate * THOUSAND)
            client->tokens = rate * THOUSAND;
        client->refilled_ms = now_ms;
    }
    if (client->tokens < THOUSAND)
        return false;
    client->tokens -= THOUSAND;
    return true;
}

/* The secret keeps a client from choosing addresses and ports that fall into one bucket. */
static struct asap_place place_of(const struct asap *a, const struct address *address, uint16_t port)
{
    struct asap_place place;

    memset(&place, 0, sizeof place);
    place.secret = a->secret;
    place.address.family = address->family;
    memcpy(place.address.octets, address->octets, address->family == 4 ? 4 : 16);
    place.port = port;
    return place;
}

void asap_client_place(struct asap *a, struct asap_client *client, const struct address *address,
                       uint16_t port)
{
    struct asap_client *other;

    if (client->placed)
        HASH_DELETE(hh, a->places, client);
    client->place = place_of(a, address, port);
    /* A newer association of the same place is the better one: the old one is on its way out. */
    HASH_FIND(hh, a->places, &client->place, sizeof client->place, other);
    if (other) {
        HASH_DELETE(hh, a->places, other);
        other->placed = false;
    }
    HASH_ADD(hh, a->places, place, sizeof client->place, client);
    client->placed = client->hh.tbl != NULL;
}

struct asap_client *asap_client_at(struct asap *a, const struct address *addresses, size_t n, uint16_t port)
{
    struct asap_client *found = NULL;

    for (size_t i = 0; i < n && !found; i++) {
        struct asap_place place = place_of(a, &addresses[i], port);
        HASH_FIND(hh, a->places, &place, sizeof place, found);
    }
    return found;
}

uint64_t asap_key(const struct pool_element *e)
{
    return (uint64_t)pool_index(pool_element_pool(e)) << 32 | pool_element_identifier(e);
}

static struct pool_element *element_of(struct asap *a, uint64_t key)
{
    uint32_t index = (uint32_t)(key >> 32);
    struct pool *p = handlespace_pool_after(a->handlespace, index - 1);

    return p && pool_index(p) == index ? handlespace_find(p, (uint32_t)key) : NULL;
}

/* The i-th element that came over the client's channel and still does; NULL where it went or moved. */
struct pool_element *asap_bound(struct asap *a, const struct asap_client *client, uint32_t i)
{
    struct pool_element *e = element_of(a, client->elements[i]);

    return e && pool_element_channel(e) == a->link.number(client->channel) ? e : NULL;
}

static int compare_keys(const void *x, const void *y)
{
    uint64_t kx = *(const uint64_t *)x, ky = *(const uint64_t *)y;
    return kx < ky ? -1 : kx > ky;
}

/* Drops what is gone and what is there twice, so that a channel on which elements come and go does not grow.
 */
static void compact(struct asap *a, struct asap_client *client)
{
    uint32_t kept = 0;

    qsort(client->elements, client->n_elements, sizeof *client->elements, compare_keys);
    for (uint32_t i = 0; i < client->n_elements; i++)
        if ((kept == 0 || client->elements[kept - 1] != client->elements[i]) && asap_bound(a, client, i))
            client->elements[kept++] = client->elements[i];
    client->n_elements = kept;
}

static void make_room(struct asap *a, struct asap_client *client)
{
    uint32_t room = client->room ? client->room * 2 : FIRST_ROOM;
    uint64_t *larger;

    if (client->n_elements)
        compact(a, client);
    if (client->room && client->n_elements <= client->room / 2)
        return;
    larger = realloc(client->elements, room * sizeof *larger);
    if (larger) {
        client->elements = larger;
        client->room = room;
    }
}

/* Without memory the element only loses its fast probe when the channel closes; its keep-alives find out as
 * well. */
void asap_bind(struct asap *a, struct asap_client *client, struct pool_element *e)
{
    uint64_t number = a->link.number(client->channel);

    if (pool_element_channel(e) == number)
        return;
    pool_element_set_channel(e, number);
    if (client->n_elements == client->room)
        make_room(a, client);
    if (client->n_elements < client->room)
        client->elements[client->n_elements++] = asap_key(e);
}

void asap_unbind(struct asap *a, struct asap_client *client, const struct pool_element *e)
{
    uint64_t key = asap_key(e);

    if (pool_element_channel(e) != a->link.number(client->channel))
        return;
    for (uint32_t i = 0; i < client->n_elements; i++)
        if (client->elements[i] == key) {
            client->elements[i] = client->elements[--client->n_elements];
            return;
        }
}
