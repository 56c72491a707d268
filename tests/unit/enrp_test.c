/* SPDX-License-Identifier: BSD-3-Clause */
/* Registrars joined in memory: several struct enrp with channels that are pairs of queues, on a clock of the
 * test's. */
#include "base/error.h"
#include "enrp/enrp.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 4, CHANNELS = 4000, START_MS = 1000 };

struct node;

/* This test's own idea of a channel; the transport room's is never looked into. */
struct channel {
    struct node *owner;
    struct channel *other;
    bool open, closed;
};

enum letter_kind { LETTER_OPENED, LETTER_MESSAGE, LETTER_CLOSED };
struct letter {
    struct letter *next;
    struct channel *to;
    enum letter_kind kind;
    size_t length;
    uint8_t data[];
};

struct world;
struct node {
    struct world *world;
    struct enrp *enrp;
    struct handlespace *space;
    struct address address;
    bool cut;  /* reaches nobody, and nobody reaches it */
    bool deaf; /* takes connections, but never answers */
    unsigned announces, served, gone;
    uint32_t last_gone;
    uint32_t identifier; /* 0: that of its number, id_of() */
    uint16_t drops;      /* message types that do not come here, as bits */
    uint16_t mute;       /* ... that do not leave */
    unsigned adopted, suggested;
    uint64_t adopted_first, adopted_last;
    uint8_t *told; /* how often its tables told an element of that identifier */
    uint32_t last_told;
    bool more;
    uint8_t last_type;
    size_t last_length;
    size_t largest;
};

struct world {
    struct node nodes[NODES];
    struct channel channels[CHANNELS];
    size_t n_channels;
    struct letter *first, **last;
    uint64_t now;
};

static struct octets text(const char *s)
{
    return octets_of(s, strlen(s));
}

/* --- the network
 * ------------------------------------------------------------------------------------------------------- */

static void post(struct world *w, struct channel *to, enum letter_kind kind, struct octets data)
{
    struct letter *l = malloc(sizeof *l + data.length);
    *l = (struct letter){.to = to, .kind = kind, .length = data.length};
    if (data.length)
        memcpy(l->data, data.data, data.length);
    *w->last = l;
    w->last = &l->next;
}

static void deliver(struct world *w, struct letter *l)
{
    struct channel *c = l->to;
    struct node *n = c->owner;
    /* As SCTP does with what comes for an association that is no more. */
    if (c->closed && l->kind == LETTER_MESSAGE && !n->cut && !c->other->owner->cut)
        post(w, c->other, LETTER_CLOSED, (struct octets){0});
    if (!n->enrp || c->closed || n->deaf || (l->kind == LETTER_MESSAGE && n->drops >> l->data[0] & 1))
        return;
    if (l->kind == LETTER_MESSAGE && !n->cut && !c->other->owner->cut) {
        enrp_receive(n->enrp, c, WIRE_PPID_ENRP, octets_of(l->data, l->length), w->now);
    } else if (l->kind == LETTER_OPENED) {
        c->open = true;
        enrp_channel_opened(n->enrp, c, w->now);
    } else if (l->kind == LETTER_CLOSED) {
        c->closed = true;
        enrp_channel_closed(n->enrp, c, w->now);
    }
}

static void settle(struct world *w)
{
    for (unsigned i = 0; w->first; i++) {
        struct letter *l = w->first;
        CU_ASSERT_FATAL(i < 100000);
        if (!(w->first = l->next))
            w->last = &w->first;
        deliver(w, l);
        free(l);
    }
}

/* Lets time pass, from one deadline to the next. */
static void pass(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    settle(w);
    for (unsigned i = 0;; i++) {
        uint64_t next = UINT64_MAX;
        CU_ASSERT_FATAL(i < 100000);
        for (struct node *n = w->nodes; n < w->nodes + NODES; n++)
            if (n->enrp && enrp_next_deadline(n->enrp) < next)
                next = enrp_next_deadline(n->enrp);
        if (next > end)
            break;
        if (next > w->now)
            w->now = next;
        for (struct node *n = w->nodes; n < w->nodes + NODES; n++) {
            enum handlespace_deadline kind;
            struct pool_element *e;
            if (n->enrp)
                enrp_tick(n->enrp, w->now);
            while (n->space && (e = handlespace_due(n->space, w->now, &kind)))
                handlespace_remove(n->space, e, HANDLESPACE_EXPIRED);
        }
        settle(w);
    }
    w->now = end;
    for (struct node *n = w->nodes; n < w->nodes + NODES; n++) {
        enum handlespace_deadline kind;
        for (struct pool_element *e; n->space && (e = handlespace_due(n->space, w->now, &kind));)
            handlespace_remove(n->space, e, HANDLESPACE_EXPIRED);
    }
    settle(w);
}

static void watch_table(struct node *n, struct octets message)
{
    struct wire_message m;
    struct wire_fault fault;
    struct wire_pool_element e;
    struct octets handle;
    bool is_handle;
    CU_ASSERT_EQUAL_FATAL(wire_parse(WIRE_ENRP, message.data, message.length, &m, &fault), 0);
    n->more = m.flags & ENRP_FLAG_MORE;
    while (m.present & WIRE_HAS_LIST && wire_table_next(&m.list, &is_handle, &handle, &e))
        if (!is_handle && handle.length == 4 && memcmp(handle.data, "Many", 4) == 0) {
            n->told[e.identifier]++;
            n->last_told = e.identifier;
        }
}

static int net_send(void *context, struct channel *c, struct octets message)
{
    struct node *n = context;
    CU_ASSERT_FATAL(c->owner == n);
    if (c->closed)
        return ERR_CLOSED;
    CU_ASSERT_TRUE(c->open); /* nothing is sent before the channel is open */
    if (n->mute >> message.data[0] & 1)
        return 0;
    n->last_type = message.data[0];
    n->last_length = message.length;
    if (message.data[0] == ENRP_HANDLE_TABLE_RESPONSE && n->told)
        watch_table(n, message);
    if (message.data[0] == ENRP_HANDLE_TABLE_RESPONSE && message.length > n->largest)
        n->largest = message.length;
    post(n->world, c->other, LETTER_MESSAGE, message);
    return 0;
}

static struct channel *net_connect(void *context, const struct address *addresses, size_t n_addresses,
                                   uint16_t port)
{
    struct node *from = context;
    struct world *w = from->world;
    CU_ASSERT_EQUAL(port, WIRE_PORT_ENRP);
    CU_ASSERT_FATAL(n_addresses > 0 && w->n_channels + 2 <= CHANNELS);
    struct channel *a = &w->channels[w->n_channels++], *b = &w->channels[w->n_channels++];
    struct node *to = w->nodes;
    while (to < w->nodes + NODES && !(to->enrp && address_equal(&to->address, &addresses[0])))
        to++;
    bool reached = to < w->nodes + NODES && !to->cut && !from->cut;
    *a = (struct channel){.owner = from, .other = b};
    *b = (struct channel){.owner = reached ? to : from, .other = a};
    post(w, a, reached ? LETTER_OPENED : LETTER_CLOSED, (struct octets){0});
    if (reached)
        post(w, b, LETTER_OPENED, (struct octets){0});
    return a;
}

static void net_close(struct channel *c)
{
    post(c->owner->world, c, LETTER_CLOSED, (struct octets){0});
    if (c->other->owner != c->owner && !c->owner->cut && !c->other->owner->cut)
        post(c->owner->world, c->other, LETTER_CLOSED, (struct octets){0});
}

static size_t net_peers(const struct channel *c, struct address *out, size_t max, uint16_t *port)
{
    CU_ASSERT_FATAL(max > 0);
    out[0] = c->other->owner->address;
    *port = WIRE_PORT_ENRP;
    return 1;
}

static const char *net_describe(const struct channel *c, char out[ADDRESS_TEXT_MAX + 8])
{
    return address_format(&c->other->owner->address, out);
}

static void net_announce(void *context, struct octets message)
{
    struct node *from = context;
    from->announces++;
    for (struct node *n = from->world->nodes; n < from->world->nodes + NODES; n++)
        if (n->enrp && !n->cut && !from->cut) /* the sender hears itself, too, as with a looping multicast */
            enrp_announced(n->enrp, &from->address, WIRE_PORT_ENRP, message, from->world->now);
}

/* --- registrars
 * ---------------------------------------------------------------------------------------------------------
 */

static void space_changed(void *context, const struct handlespace_event *event)
{
    struct node *n = context;
    if (n->enrp)
        enrp_handlespace_changed(n->enrp, event);
}

static void serving(void *context)
{
    ((struct node *)context)->served++;
}

static void adopted(void *context, struct pool_element *e, uint64_t at_ms)
{
    struct node *n = context;
    CU_ASSERT_PTR_NOT_NULL(e);
    if (!n->adopted++)
        n->adopted_first = at_ms;
    n->adopted_last = at_ms;
}

/* Here the element agrees at once. */
static void suggested(void *context, struct pool_element *e, uint64_t now_ms)
{
    struct node *n = context;
    CU_ASSERT_EQUAL(now_ms, n->world->now);
    n->suggested++;
    handlespace_set_owner(n->space, e, 0x1000 + (uint32_t)(n - n->world->nodes));
}

static void peer_changed(void *context, const struct enrp_peer *peer, bool gone)
{
    struct node *n = context;
    n->gone += gone;
    if (gone)
        n->last_gone = peer->identifier;
}

static uint32_t id_of(unsigned i)
{
    return 0x1000 + i;
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    w->last = &w->first;
    w->now = START_MS;
    for (unsigned i = 0; i < NODES; i++) {
        w->nodes[i].world = w;
        w->nodes[i].address = (struct address){.family = 4, .octets = {10, 0, 0, (uint8_t)(i + 1)}};
    }
    return w;
}

enum { MULTICAST = 1, COMPAT = 2, TO_FIRST = 4, SILENT = 8 };

/* Starts registrar i; TO_FIRST: with registrar 0 as a peer by administration. */
static struct node *start(struct world *w, unsigned i, unsigned how)
{
    struct node *n = &w->nodes[i];
    struct enrp_address first = {w->nodes[0].address, WIRE_PORT_ENRP};
    struct handlespace_options ho = {.changed = space_changed, .context = n};
    n->space = handlespace_new(&ho);
    struct enrp_options o = {
        .handlespace = n->space,
        .link = {.context = n,
                 .send = net_send,
                 .connect = net_connect,
                 .close = net_close,
                 .peers = net_peers,
                 .describe = net_describe,
                 .announce = how & MULTICAST ? net_announce : NULL},
        .settings = {.registrar = n->identifier ? n->identifier : id_of(i),
                     .compat_rsplib = how & COMPAT,
                     .addresses = &n->address,
                     .n_addresses = 1,
                     .port = WIRE_PORT_ENRP,
                     .peers = &first,
                     .n_peers = how & TO_FIRST ? 1 : 0,
                     .no_announces = how & SILENT},
        .adopted = adopted,
        .suggested = suggested,
        .peer_changed = peer_changed,
        .serving = serving,
        .context = n,
    };
    n->enrp = enrp_new(&o, w->now);
    return n;
}

static void stop(struct node *n)
{
    enrp_free(n->enrp);
    handlespace_free(n->space);
    n->enrp = NULL;
    n->space = NULL;
}

static void world_free(struct world *w)
{
    settle(w);
    for (unsigned i = 0; i < NODES; i++)
        stop(&w->nodes[i]);
    free(w);
}

static const struct enrp_peer *peer(const struct node *n, unsigned i)
{
    const struct enrp_peer *p = NULL;
    while ((p = enrp_peer_next(n->enrp, p)) && p->identifier != id_of(i))
        ;
    return p;
}

static int state(const struct node *n, unsigned i)
{
    const struct enrp_peer *p = peer(n, i);
    return p ? (int)p->state : -1;
}

static const uint8_t pe_address[] = {0x00, 0x01, 0x00, 0x08, 10, 9, 0, 1};

static struct wire_pool_element element(uint32_t identifier, uint32_t home, uint32_t load)
{
    return (struct wire_pool_element){
        .identifier = identifier,
        .home_registrar = home,
        .registration_life = 300,
        .user = {.type = WIRE_SCTP, .port = 7, .addresses = octets_of(pe_address, sizeof pe_address)},
        .policy = {.type = POLICY_LU, .load = load},
        .asap = {.type = WIRE_SCTP, .port = 3863, .addresses = octets_of(pe_address, sizeof pe_address)},
    };
}

static void enrol(struct node *n, const char *pool, uint32_t identifier, uint32_t load)
{
    struct wire_pool_element e = element(identifier, id_of((unsigned)(n - n->world->nodes)), load);
    CU_ASSERT_EQUAL_FATAL(
        handlespace_register(n->space, text(pool), &e, n->world->now, HANDLESPACE_REGISTERED, NULL), 0);
}

static struct pool_element *find(struct node *n, const char *pool, uint32_t identifier)
{
    struct pool *p = handlespace_find_pool(n->space, text(pool));
    return p ? handlespace_find(p, identifier) : NULL;
}

/* A message that registrar `sender` might send over one of the receiver's channels. */
static void receive(struct node *n, struct channel *c, const struct wire_message *m)
{
    uint8_t buffer[4096];
    int length = wire_write(m, buffer, sizeof buffer);
    CU_ASSERT_FATAL(length > 0);
    enrp_receive(n->enrp, c, WIRE_PPID_ENRP, octets_of(buffer, (size_t)length), n->world->now);
}

static struct channel *channel_to(struct node *n, unsigned i)
{
    struct world *w = n->world;
    for (size_t c = 0; c < w->n_channels; c++)
        if (w->channels[c].owner == n && w->channels[c].open && !w->channels[c].closed &&
            w->channels[c].other->owner == &w->nodes[i])
            return &w->channels[c];
    return NULL;
}

/* --- peers
 * ----------------------------------------------------------------------------------------------------------------
 */

static void peers_find_each_other_by_multicast(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 100);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(state(b, 0), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 1);
    CU_ASSERT_TRUE(peer(a, 1)->connected);
    CU_ASSERT(address_equal(&peer(a, 1)->addresses[0], &b->address));
    CU_ASSERT_EQUAL(peer(a, 1)->port, WIRE_PORT_ENRP);
    pass(w, 10000);
    CU_ASSERT_TRUE(enrp_serving(a->enrp));
    CU_ASSERT_TRUE(enrp_serving(b->enrp));
    CU_ASSERT_EQUAL(a->served, 1);
    world_free(w);
}

static void peers_by_administration_need_no_multicast(void)
{
    struct world *w = world_new();
    struct node *b = start(w, 1, TO_FIRST);
    pass(w, 20000);
    CU_ASSERT_EQUAL(enrp_peers(b->enrp), 1);
    CU_ASSERT_EQUAL(enrp_peer_next(b->enrp, NULL)->state, ENRP_PEER_CONFIGURED);
    CU_ASSERT_TRUE(enrp_serving(b->enrp)); /* nobody there: alone */
    struct node *a = start(w, 0, 0);
    CU_ASSERT_TRUE(enrp_serving(a->enrp));
    pass(w, 20000);
    CU_ASSERT_EQUAL(state(b, 0), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT_TRUE(peer(b, 0)->configured);
    CU_ASSERT_EQUAL(enrp_peers(b->enrp), 1);
    struct enrp_settings s = {.registrar = id_of(1)};
    CU_ASSERT_EQUAL(enrp_configure(b->enrp, &s, w->now), 0);
    CU_ASSERT_FALSE(peer(b, 0)->configured);
    CU_ASSERT_EQUAL(a->announces, 0);
    world_free(w);
}

static void a_configured_peer_heard_by_multicast_is_one_peer(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST | TO_FIRST);
    pass(w, 40000);
    CU_ASSERT_EQUAL(enrp_peers(b->enrp), 1);
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 1);
    CU_ASSERT_EQUAL(state(b, 0), ENRP_PEER_ACTIVE);
    CU_ASSERT_TRUE(peer(b, 0)->configured);
    world_free(w);
}

static void presence_comes_every_cycle_with_the_checksum(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    enrol(a, "CalcAppPool", 0x5562e917, 0);
    unsigned before = a->announces;
    pass(w, 300000);
    CU_ASSERT_EQUAL(a->announces - before, 10);
    CU_ASSERT_TRUE(peer(b, 0)->has_checksum);
    CU_ASSERT_EQUAL(peer(b, 0)->checksum, 0x8490);
    CU_ASSERT_EQUAL(handlespace_checksum(b->space, id_of(0)),
                    0xffff); /* its life of 300 s is over here ... */
    world_free(w);
}

static void a_reply_is_given_when_required(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    uint64_t sent = enrp_statistics(a->enrp)->sent[ENRP_PRESENCE];
    struct wire_message m = {.protocol = WIRE_ENRP, .type = ENRP_PRESENCE, .sender = id_of(1)};
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->sent[ENRP_PRESENCE], sent);
    m.flags = ENRP_FLAG_REPLY_REQUIRED;
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->sent[ENRP_PRESENCE], sent + 1);
    (void)b;
    world_free(w);
}

static void a_silent_peer_is_probed_then_dead_then_back(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    enrol(b, "Echo", 5, 0);
    settle(w);
    CU_ASSERT_PTR_NOT_NULL(find(a, "Echo", 5));
    b->cut = true;
    uint64_t heard = peer(a, 1)->last_heard_ms;
    pass(w, heard + 61000 - w->now - 1);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    pass(w, 1);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_PROBED);
    pass(w, 4999);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_PROBED);
    pass(w, 1);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_DEAD);
    CU_ASSERT_FALSE(peer(a, 1)->connected);
    CU_ASSERT_EQUAL(handlespace_owned(a->space, id_of(0)), 1);
    b->cut = false;
    pass(w, 60000);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    b->cut = true;
    pass(w, 300000);
    CU_ASSERT_PTR_NULL(find(a, "Echo", 5));
    world_free(w);
}

static void a_lost_association_is_opened_again(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    start(w, 1, MULTICAST);
    pass(w, 10000);
    for (size_t i = 0; i < w->n_channels; i++)
        if (w->channels[i].owner == a && w->channels[i].open)
            net_close(&w->channels[i]);
    settle(w);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_PROBED);
    pass(w, 100);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT_TRUE(peer(a, 1)->connected);
    world_free(w);
}

static void a_forged_announce_does_not_move_a_connected_peer(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    start(w, 1, MULTICAST);
    pass(w, 10000);
    static const uint8_t elsewhere[] = {0x00, 0x01, 0x00, 0x08, 10, 6, 6, 6};
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_PRESENCE, .sender = id_of(1), .present = WIRE_HAS_SERVER};
    m.server.identifier = id_of(1);
    m.server.transport = (struct wire_transport){
        .type = WIRE_SCTP, .port = 1, .addresses = octets_of(elsewhere, sizeof elsewhere)};
    uint8_t buffer[256];
    int length = wire_write(&m, buffer, sizeof buffer);
    struct address from = {.family = 4, .octets = {10, 6, 6, 6}};
    CU_ASSERT_FATAL(length > 0);
    enrp_announced(a->enrp, &from, 1, octets_of(buffer, (size_t)length), w->now);
    CU_ASSERT(address_equal(&peer(a, 1)->addresses[0], &w->nodes[1].address));
    CU_ASSERT_EQUAL(peer(a, 1)->port, WIRE_PORT_ENRP);
    world_free(w);
}

static void forged_announces_cost_a_bounded_list_for_a_while(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    start(w, 1, MULTICAST);
    pass(w, 10000);
    for (uint32_t i = 0; i < 500; i++) {
        struct wire_message m = {.protocol = WIRE_ENRP, .type = ENRP_PRESENCE, .sender = 0x90000 + i};
        struct address nowhere = {.family = 4, .octets = {10, 7, (uint8_t)(i >> 8), (uint8_t)i}};
        uint8_t buffer[256];
        int length = wire_write(&m, buffer, sizeof buffer);
        enrp_announced(a->enrp, &nowhere, WIRE_PORT_ENRP, octets_of(buffer, (size_t)length), w->now);
    }
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 64);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->peers_refused, 500 - 63);
    pass(w, 6000);
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 1);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(a->gone, 63);
    world_free(w);
}

static struct wire_message presence_of(uint32_t sender)
{
    return (struct wire_message){.protocol = WIRE_ENRP, .type = ENRP_PRESENCE, .sender = sender};
}

static void announce(struct node *n, const struct address *from, uint32_t sender)
{
    struct wire_message m = presence_of(sender);
    uint8_t buffer[64];
    int length = wire_write(&m, buffer, sizeof buffer);
    enrp_announced(n->enrp, from, WIRE_PORT_ENRP, octets_of(buffer, (size_t)length), n->world->now);
}

static void a_flood_of_announces_does_not_keep_out_who_calls(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    pass(w, 10000);
    for (uint32_t i = 0; i < 64; i++)
        announce(a, &(struct address){.family = 4, .octets = {10, 7, 0, (uint8_t)i}}, 0x90000 + i);
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 64);
    start(w, 1, TO_FIRST);
    pass(w, 100);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 64);
    world_free(w);
}

static void a_listed_registrar_without_a_usable_address_is_no_peer(void)
{
    static const uint8_t bad[][8] = {
        {0, 1, 0, 8, 0, 0, 0, 0}, {0, 1, 0, 8, 224, 0, 0, 1}, {0, 1, 0, 8, 10, 0, 0, 9}};
    struct world *w = world_new();
    struct node *a = start(w, 0, 0), *b = start(w, 1, TO_FIRST);
    while (enrp_statistics(b->enrp)->sent[ENRP_LIST_REQUEST] == 0 && w->now < 12000) {
        a->deaf = true; /* it answers nothing, the test does */
        pass(w, 1);
        struct wire_message hello = presence_of(id_of(0));
        if (channel_to(b, 0))
            receive(b, channel_to(b, 0), &hello);
    }
    uint8_t run[256];
    struct writer list = writer_of(run, sizeof run);
    for (uint32_t i = 0; i < 3; i++) {
        struct wire_server s = {.identifier = 0x7000 + i};
        s.transport = (struct wire_transport){
            .type = WIRE_SCTP, .port = i < 2 ? WIRE_PORT_ENRP : 0, .addresses = octets_of(bad[i], 8)};
        wire_put_server(&list, &s);
    }
    struct wire_message m = {.protocol = WIRE_ENRP,
                             .type = ENRP_LIST_RESPONSE,
                             .sender = id_of(0),
                             .present = WIRE_HAS_LIST,
                             .list = {octets_of(run, writer_used(&list))}};
    receive(b, channel_to(b, 0), &m);
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->unexpected, 0);
    CU_ASSERT_EQUAL(enrp_peers(b->enrp), 1);
    world_free(w);
}

static void a_configured_peer_that_comes_back_under_another_identifier_is_found(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0), *b = start(w, 1, TO_FIRST);
    pass(w, 10000);
    CU_ASSERT_EQUAL(state(b, 0), ENRP_PEER_ACTIVE);
    for (struct channel *c; (c = channel_to(a, 1));) {
        net_close(c);
        c->closed = true;
    }
    stop(a);
    a->identifier = id_of(2);
    start(w, 0, 0);
    pass(w, 1000);
    CU_ASSERT_EQUAL_FATAL(state(b, 2), ENRP_PEER_ACTIVE);
    CU_ASSERT_TRUE(peer(b, 2)->configured);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    pass(w, 10000);
    CU_ASSERT_EQUAL(state(b, 0), ENRP_PEER_DEAD);
    CU_ASSERT_FALSE(peer(b, 0)->configured);
    world_free(w);
}

static void a_peer_known_twice_is_not_told_as_gone(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    struct enrp_address address = {a->address, WIRE_PORT_ENRP};
    struct enrp_settings s = {.registrar = id_of(1), .peers = &address, .n_peers = 1};
    CU_ASSERT_EQUAL(enrp_configure(b->enrp, &s, w->now), 0);
    CU_ASSERT_EQUAL(enrp_peers(b->enrp), 2);
    pass(w, 100);
    CU_ASSERT_EQUAL(enrp_peers(b->enrp), 1);
    CU_ASSERT_TRUE(peer(b, 0)->configured);
    CU_ASSERT_EQUAL(b->gone, 1);
    CU_ASSERT_EQUAL(b->last_gone, 0); /* the place without an identifier, not the peer */
    world_free(w);
}

static unsigned open_channels(const struct node *n)
{
    unsigned count = 0;
    for (size_t i = 0; i < n->world->n_channels; i++) {
        const struct channel *c = &n->world->channels[i];
        count += c->owner == n && c->open && !c->closed;
    }
    return count;
}

static void an_association_overtaken_by_the_peers_own_is_closed(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    pass(w, 10000);
    struct node *b = &w->nodes[1];
    announce(a, &b->address, id_of(1)); /* the connection is on its way ... */
    free(w->first);
    w->first = NULL;
    w->last = &w->first;
    struct channel *a_calls = &w->channels[0], *b_calls = &w->channels[2], *b_side = &w->channels[3];
    w->n_channels = 4; /* ... and the peer's own is there first */
    *b_side = (struct channel){.owner = b, .other = b_calls, .open = true};
    *b_calls = (struct channel){.owner = a, .other = b_side, .open = true};
    enrp_channel_opened(a->enrp, b_calls, w->now);
    struct wire_message m = presence_of(id_of(1));
    receive(a, b_calls, &m);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    a_calls->open = true;
    enrp_channel_opened(a->enrp, a_calls, w->now);
    settle(w);
    CU_ASSERT_EQUAL(open_channels(a), 1);
    CU_ASSERT_TRUE(peer(a, 1)->connected);
    world_free(w);
}

/* --- start-up
 * -------------------------------------------------------------------------------------------------------------
 */

static void fill(struct node *n, unsigned pools, unsigned each)
{
    char name[32];
    for (unsigned p = 0; p < pools; p++)
        for (unsigned i = 0; i < each; i++) {
            snprintf(name, sizeof name, "Pool number %u", p);
            enrol(n, name, i * 2654435761u, i);
        }
}

static void download(unsigned compat, size_t limit)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST | compat);
    pass(w, 10000);
    fill(a, 40, 100);
    struct node *b = start(w, 1, MULTICAST | compat);
    CU_ASSERT_FALSE(enrp_serving(b->enrp));
    pass(w, 1000);
    CU_ASSERT_TRUE(enrp_serving(b->enrp));
    CU_ASSERT_EQUAL(handlespace_elements(b->space), 4000);
    CU_ASSERT_EQUAL(handlespace_pools(b->space), 40);
    CU_ASSERT_EQUAL(handlespace_owned(b->space, id_of(0)), 4000);
    CU_ASSERT_EQUAL(handlespace_checksum(b->space, id_of(0)), handlespace_checksum(a->space, id_of(0)));
    CU_ASSERT(a->largest <= limit);
    CU_ASSERT(a->largest > limit - 120); /* each message is filled */
    struct wire_pool_element e;
    pool_element_decode(find(b, "Pool number 7", 2654435761u), &e);
    CU_ASSERT_EQUAL(e.registration_life, 300);
    CU_ASSERT_EQUAL(e.home_registrar, id_of(0));
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->sent[ENRP_HANDLE_UPDATE],
                    0); /* what was learnt is not told on */
    world_free(w);
}

static void a_new_registrar_downloads_the_handlespace(void)
{
    download(0, WIRE_MESSAGE_MAX);
}

static void in_compat_mode_a_table_message_has_at_most_1400_octets(void)
{
    download(COMPAT, 1400);
}

static void in_compat_mode_long_handles_are_not_told(void)
{
    static const char handle[] = "a pool handle of more than 32 octets";
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST | COMPAT), *b = start(w, 1, MULTICAST | COMPAT);
    pass(w, 10000);
    enrol(a, handle, 1, 0);
    enrol(a, "Echo", 2, 0);
    pass(w, 1000);
    CU_ASSERT_PTR_NULL(find(b, handle, 1));
    CU_ASSERT_PTR_NOT_NULL(find(b, "Echo", 2));
    struct node *c = start(w, 2, MULTICAST | COMPAT);
    pass(w, 10000);
    CU_ASSERT_PTR_NULL(find(c, handle, 1));
    CU_ASSERT_PTR_NOT_NULL(find(c, "Echo", 2));
    world_free(w);
}

static void a_mentor_in_start_up_rejects(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    enrol(a, "Early", 1, 0);
    pass(w, 500);
    CU_ASSERT_FALSE(enrp_serving(a->enrp) || enrp_serving(b->enrp));
    CU_ASSERT(enrp_statistics(a->enrp)->sent[ENRP_LIST_RESPONSE] > 0);
    struct wire_message m = {.protocol = WIRE_ENRP, .type = ENRP_HANDLE_TABLE_REQUEST, .sender = id_of(1)};
    uint64_t before = enrp_statistics(b->enrp)->unexpected;
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->last_type, ENRP_HANDLE_TABLE_RESPONSE);
    CU_ASSERT_EQUAL(a->largest, 12); /* nothing but the header */
    settle(w);
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->unexpected, before + 1); /* nobody had asked */
    pass(w, 10000);
    CU_ASSERT_TRUE(enrp_serving(a->enrp) && enrp_serving(b->enrp));
    world_free(w);
}

static void a_mentor_that_falls_silent_does_not_stop_start_up(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    pass(w, 10000);
    struct node *b = start(w, 1, MULTICAST);
    while (enrp_statistics(b->enrp)->sent[ENRP_LIST_REQUEST] == 0 && w->now < 12000)
        pass(w, 1);
    a->cut = true;
    pass(w, 12000);
    CU_ASSERT_TRUE(enrp_serving(b->enrp));
    world_free(w);
}

static void a_backup_mentor_is_asked_when_the_first_falls_silent(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0), *b = start(w, 1, TO_FIRST);
    pass(w, 10000);
    enrol(b, "Echo", 1, 0);
    settle(w);
    struct node *c = start(w, 2, TO_FIRST);
    enrp_tick(c->enrp, w->now);
    for (struct letter *l;
         (l = w->first) && enrp_statistics(c->enrp)->sent[ENRP_HANDLE_TABLE_REQUEST] == 0;) {
        if (!(w->first = l->next))
            w->last = &w->first;
        deliver(w, l);
        free(l);
        enrp_tick(c->enrp, w->now);
    }
    a->deaf = true; /* the list was told, with b in it; the table never comes */
    pass(w, 20000);
    CU_ASSERT_TRUE(enrp_serving(c->enrp));
    CU_ASSERT_EQUAL(enrp_statistics(c->enrp)->sent[ENRP_LIST_REQUEST], 2);
    CU_ASSERT_EQUAL(handlespace_owned(c->space, id_of(1)), 1);
    world_free(w);
}

static void the_third_registrar_learns_the_second_from_the_first(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0), *b = start(w, 1, TO_FIRST);
    pass(w, 10000);
    enrol(b, "Echo", 1, 0);
    struct node *c = start(w, 2, TO_FIRST);
    pass(w, 1000);
    CU_ASSERT_EQUAL(state(c, 0), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(state(c, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL_FATAL(state(b, 2), ENRP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(handlespace_owned(c->space, id_of(1)), 1);
    (void)a;
    world_free(w);
}

static void the_list_has_all_registrars_but_the_one_that_asks(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0);
    start(w, 1, TO_FIRST);
    pass(w, 10000);
    struct wire_message m = {.protocol = WIRE_ENRP, .type = ENRP_LIST_REQUEST, .sender = id_of(1)};
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->last_type, ENRP_LIST_RESPONSE);
    CU_ASSERT_EQUAL(a->last_length, 12);
    start(w, 2, TO_FIRST);
    pass(w, 10000);
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->last_length, 12 + 8 + 16);
    world_free(w);
}

static void a_mentor_knows_nothing_better_of_own_elements(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    enrol(b, "Echo", 1, 10);
    enrol(b, "Echo", 2, 10);
    enrol(a, "Echo", 3, 10);
    settle(w);
    for (struct channel *c; (c = channel_to(b, 0));) {
        net_close(c);
        settle(w);
    }
    stop(b); /* and comes back with the same identifier, before its elements are gone at the mentor */
    pass(w, 1000);
    b = start(w, 1, MULTICAST);
    enrol(b, "Echo", 2, 20);
    pass(w, 3000);
    CU_ASSERT_TRUE(enrp_serving(b->enrp));
    CU_ASSERT_PTR_NULL(find(b, "Echo", 1));
    CU_ASSERT_PTR_NOT_NULL(find(b, "Echo", 3));
    struct wire_pool_element e;
    pool_element_decode(find(b, "Echo", 2), &e);
    CU_ASSERT_EQUAL(e.policy.load, 20);
    world_free(w);
}

static void own_children_are_told_alone_when_asked_for(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    enrol(a, "Echo", 1, 0);
    enrol(b, "Echo", 2, 0);
    enrol(b, "Other", 3, 0);
    settle(w);
    CU_ASSERT_EQUAL(handlespace_elements(a->space), 3);
    struct wire_message m = {.protocol = WIRE_ENRP, .type = ENRP_HANDLE_TABLE_REQUEST, .sender = id_of(1)};
    receive(a, channel_to(a, 1), &m);
    size_t all = a->largest;
    a->largest = 0;
    m.flags = ENRP_FLAG_OWN_CHILDREN;
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->largest, 12 + 8 + 60);
    CU_ASSERT_EQUAL(all, 12 + 8 + 2 * 60 + 12 + 60);
    world_free(w);
}

/* --- updates
 * ----------------------------------------------------------------------------------------------------------------
 */

static void changes_of_own_elements_reach_all_peers(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST), *c = start(w, 2, MULTICAST);
    pass(w, 10000);
    enrol(a, "Echo", 1, 10);
    enrol(b, "Echo", 2, 20);
    settle(w);
    CU_ASSERT_PTR_NOT_NULL(find(c, "Echo", 1));
    CU_ASSERT_PTR_NOT_NULL(find(c, "Echo", 2));
    enrol(a, "Echo", 1, 30);
    settle(w);
    struct wire_pool_element e;
    pool_element_decode(find(b, "Echo", 1), &e);
    CU_ASSERT_EQUAL(e.policy.load, 30);
    pass(w, 200000);
    enrol(a, "Echo", 1, 30); /* a re-registration keeps the copies alive */
    pass(w, 200000);
    CU_ASSERT_PTR_NOT_NULL(find(c, "Echo", 1));
    CU_ASSERT_PTR_NULL(find(c, "Echo", 2));
    handlespace_remove(a->space, find(a, "Echo", 1), HANDLESPACE_DEREGISTERED);
    settle(w);
    CU_ASSERT_EQUAL(handlespace_elements(b->space) + handlespace_elements(c->space), 0);
    CU_ASSERT_EQUAL(enrp_statistics(c->enrp)->sent[ENRP_HANDLE_UPDATE], 0);
    world_free(w);
}

static void an_element_that_registers_elsewhere_changes_its_home(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    enrol(a, "Echo", 1, 10);
    settle(w);
    enrol(b, "Echo", 1, 10);
    settle(w);
    CU_ASSERT_EQUAL(handlespace_owned(a->space, id_of(1)), 1);
    CU_ASSERT_EQUAL(handlespace_owned(a->space, id_of(0)), 0);
    CU_ASSERT_EQUAL(handlespace_owned(b->space, id_of(1)), 1);
    world_free(w);
}

static void only_the_home_registrar_may_change_an_element(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST), *c = start(w, 2, MULTICAST);
    pass(w, 10000);
    enrol(a, "Echo", 1, 10);
    enrol(b, "Echo", 2, 10);
    settle(w);
    struct wire_message m = {.protocol = WIRE_ENRP,
                             .type = ENRP_HANDLE_UPDATE,
                             .sender = id_of(2),
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT,
                             .action = WIRE_ACTION_ADD_PE,
                             .pool_handle = text("Echo"),
                             .element = element(2, id_of(1), 99)};
    receive(a, channel_to(a, 2), &m);
    m.action = WIRE_ACTION_DEL_PE;
    receive(a, channel_to(a, 2), &m);
    m.element = element(1, id_of(0), 99);
    receive(a, channel_to(a, 2), &m);
    m.action = 7;
    receive(a, channel_to(a, 2), &m);
    struct wire_pool_element e;
    CU_ASSERT_PTR_NOT_NULL(find(a, "Echo", 1));
    pool_element_decode(find(a, "Echo", 2), &e);
    CU_ASSERT_EQUAL(e.policy.load, 10);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->elements_refused, 3);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->unexpected, 3);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->malformed, 1);
    (void)c;
    world_free(w);
}

static void one_association_speaks_for_one_registrar(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0);
    start(w, 1, TO_FIRST);
    start(w, 2, TO_FIRST);
    pass(w, 10000);
    struct wire_message m = {.protocol = WIRE_ENRP,
                             .type = ENRP_HANDLE_UPDATE,
                             .sender = id_of(1),
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT,
                             .pool_handle = text("Echo"),
                             .element = element(2, id_of(1), 99)};
    receive(a, channel_to(a, 2), &m);
    CU_ASSERT_EQUAL(handlespace_elements(a->space), 0);
    m.sender = id_of(0);
    receive(a, channel_to(a, 1), &m);
    m.sender = id_of(1);
    m.receiver = id_of(2);
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(handlespace_elements(a->space), 0);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->unexpected, 3);
    m.receiver = id_of(0);
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(handlespace_elements(a->space), 1);
    world_free(w);
}

/* --- faults
 * ------------------------------------------------------------------------------------------------------------------
 */

static void whoever_wants_to_take_over_hears_that_the_target_lives(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    start(w, 1, MULTICAST);
    pass(w, 10000);
    unsigned before = a->announces;
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(1), .target = id_of(0)};
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->announces, before + 1);
    m.target = id_of(3);
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->announces, before + 1);
    world_free(w);
}

/* --- takeover
 * ----------------------------------------------------------------------------------------------------------------
 */

/* Registrars 0 .. n-1 that know each other, each with two elements of its own. */
static struct world *scope(unsigned n, unsigned how)
{
    struct world *w = world_new();
    for (unsigned i = 0; i < n; i++)
        start(w, i, MULTICAST | how);
    pass(w, 10000);
    for (unsigned i = 0; i < n; i++) {
        enrol(&w->nodes[i], "Echo", 0x100 + i, 0);
        enrol(&w->nodes[i], "Other", 0x200 + i, 0);
    }
    settle(w);
    for (unsigned i = 0; i < n; i++)
        CU_ASSERT_EQUAL_FATAL(handlespace_elements(w->nodes[i].space), 2 * n);
    return w;
}

/* Elements have lives of 300 s; here they re-register as they do. */
static void live(struct world *w, uint64_t ms)
{
    for (uint64_t end = w->now + ms; w->now < end;) {
        pass(w, end - w->now < 50000 ? end - w->now : 50000);
        for (struct node *n = w->nodes; n < w->nodes + NODES; n++)
            for (struct pool_element *e = NULL;
                 n->space && (e = handlespace_owned_next(n->space, id_of((unsigned)(n - w->nodes)), e));)
                pool_element_set_deadline(n->space, e, DEADLINE_REGISTRATION, w->now + 300000);
        for (struct node *n = w->nodes; n < w->nodes + NODES; n++)
            for (struct node *o = w->nodes; o < w->nodes + NODES; o++)
                for (struct pool_element *e = NULL;
                     n->space && o != n &&
                     (e = handlespace_owned_next(n->space, id_of((unsigned)(o - w->nodes)), e));)
                    pool_element_set_deadline(n->space, e, DEADLINE_REGISTRATION, w->now + 300000);
    }
}

static void cut_off(struct node *n)
{
    n->cut = true;
    for (size_t i = 0; i < n->world->n_channels; i++) /* what is left on its own side ends, too */
        if (n->world->channels[i].owner == n)
            n->world->channels[i].closed = true;
}

static uint32_t owned(const struct node *n, unsigned i)
{
    return handlespace_owned(n->space, id_of(i));
}

static uint64_t sent(const struct node *n, uint8_t type)
{
    return enrp_statistics(n->enrp)->sent[type];
}

static void agree(const struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            for (unsigned of = 0; of < n; of++)
                if (w->nodes[i].enrp && w->nodes[j].enrp)
                    CU_ASSERT_EQUAL(handlespace_checksum(w->nodes[i].space, id_of(of)),
                                    handlespace_checksum(w->nodes[j].space, id_of(of)));
}

static void with_two_a_takeover_is_complete_at_once(void)
{
    struct world *w = scope(2, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1];
    fill(b, 1, 3000);
    settle(w);
    cut_off(b);
    live(w, 66000);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_DEAD);
    CU_ASSERT_EQUAL(owned(a, 1), 0);
    CU_ASSERT_EQUAL(owned(a, 0), 2 + 3002);
    CU_ASSERT_EQUAL(a->adopted, 3002);
    CU_ASSERT_EQUAL(a->adopted_last - a->adopted_first, 3001 * 1000 / 15000); /* a bounded rate */
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->takeovers, 1);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->elements_adopted, 3002);
    uint64_t updates = sent(a, ENRP_HANDLE_UPDATE);
    CU_ASSERT_EQUAL(updates, 2); /* none for what changed its home */
    world_free(w);
}

static void nothing_is_taken_over_from_one_without_elements(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    start(w, 2, MULTICAST);
    pass(w, 10000);
    cut_off(b);
    pass(w, 100000);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_DEAD);
    CU_ASSERT_EQUAL(sent(a, ENRP_INIT_TAKEOVER), 0);
    world_free(w);
}

/* Of those that find it dead at the same time. */
static void one_wins(unsigned how, unsigned winner, unsigned loser)
{
    struct world *w = scope(3, how);
    struct node *v = &w->nodes[winner], *l = &w->nodes[loser];
    cut_off(&w->nodes[1]);
    live(w, 70000);
    CU_ASSERT_EQUAL(owned(v, winner), 4);
    CU_ASSERT_EQUAL(owned(l, winner), 4);
    CU_ASSERT_EQUAL(owned(l, loser), 2);
    CU_ASSERT_EQUAL(owned(v, 1) + owned(l, 1), 0);
    CU_ASSERT_EQUAL(v->adopted, 2);
    CU_ASSERT_EQUAL(l->adopted, 0);
    CU_ASSERT_EQUAL(sent(v, ENRP_INIT_TAKEOVER_ACK), 0);
    CU_ASSERT_EQUAL(sent(l, ENRP_INIT_TAKEOVER_ACK), 1);
    CU_ASSERT_EQUAL(sent(v, ENRP_TAKEOVER_SERVER), 1);
    CU_ASSERT_EQUAL(sent(l, ENRP_TAKEOVER_SERVER), 0);
    CU_ASSERT(sent(l, ENRP_INIT_TAKEOVER) > 0); /* it has tried */
    live(w, 200000);
    CU_ASSERT_EQUAL(owned(l, winner), 4);
    CU_ASSERT_EQUAL(enrp_statistics(l->enrp)->synchronizations, 0);
    world_free(w);
}

static void of_two_that_begin_at_once_the_larger_identifier_wins(void)
{
    one_wins(0, 2, 0);
}

static void in_compat_mode_the_lower_identifier_wins(void)
{
    one_wins(COMPAT, 0, 2);
}

static void every_takeover_of_a_third_is_acknowledged(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0];
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(1), .target = id_of(2)};
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(a->last_type, ENRP_INIT_TAKEOVER_ACK);
    CU_ASSERT_EQUAL(a->last_length, 16);
    CU_ASSERT_EQUAL(state(a, 2), ENRP_PEER_DEAD); /* "not active", until it speaks */
    pass(w, 31000);
    CU_ASSERT_EQUAL(state(a, 2), ENRP_PEER_ACTIVE);
    m.target = 0x7777; /* never heard of */
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(sent(a, ENRP_INIT_TAKEOVER_ACK), 2);
    m.target = id_of(1);
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(sent(a, ENRP_INIT_TAKEOVER_ACK), 2);
    world_free(w);
}

static void the_living_are_not_taken_over(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0];
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_TAKEOVER_SERVER, .sender = id_of(1), .target = id_of(2)};
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(owned(a, 2), 2);
    unsigned announces = a->announces;
    m.target = id_of(0);
    receive(a, channel_to(a, 1), &m);
    CU_ASSERT_EQUAL(owned(a, 0), 2);
    CU_ASSERT_EQUAL(a->announces, announces + 1);
    world_free(w);
}

/* It has nothing to take over from registrar i, and does not answer those who want to. */
static void not_interested(struct node *n, unsigned i)
{
    n->drops = 1 << ENRP_INIT_TAKEOVER;
    for (struct pool_element *e; (e = handlespace_owned_next(n->space, id_of(i), NULL));)
        handlespace_remove(n->space, e, HANDLESPACE_ADMIN);
}

static void who_never_acknowledges_but_lives_has_no_say(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *c = &w->nodes[2];
    not_interested(c, 1);
    cut_off(&w->nodes[1]);
    live(w, 66000);
    CU_ASSERT_EQUAL(owned(a, 1), 2);
    CU_ASSERT_EQUAL(sent(a, ENRP_INIT_TAKEOVER), 2);
    live(w, 15000);
    CU_ASSERT_EQUAL(owned(a, 1), 0);
    CU_ASSERT_EQUAL(owned(a, 0), 4);
    CU_ASSERT_EQUAL(state(a, 2), ENRP_PEER_ACTIVE);
    live(w, 31000);
    CU_ASSERT_EQUAL(owned(c, 0), 4); /* by audit */
    world_free(w);
}

static void who_dies_in_the_middle_is_not_waited_for(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0];
    live(w, 5000);
    cut_off(&w->nodes[1]);
    live(w, 20000);
    w->nodes[2].deaf = true; /* its association stands, nothing comes any more */
    live(w, 61000);
    CU_ASSERT_EQUAL(owned(a, 1), 0);
    CU_ASSERT_EQUAL(state(a, 2), ENRP_PEER_DEAD);
    live(w, 30000);
    CU_ASSERT_EQUAL(owned(a, 0), 6);
    world_free(w);
}

static void one_that_comes_back_in_the_middle_keeps_its_elements(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1], *c = &w->nodes[2];
    struct enrp_settings patient = {.registrar = id_of(1), .max_time_last_heard_ms = 200000};
    enrp_configure(b->enrp, &patient, w->now);
    not_interested(c, 1);
    b->cut = true; /* its associations stand */
    while (sent(a, ENRP_INIT_TAKEOVER) == 0 && w->now < 100000)
        pass(w, 1);
    CU_ASSERT_EQUAL(owned(a, 1), 2);
    b->cut = false;
    live(w, 5100); /* the next attempt reaches it */
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    live(w, 100000);
    CU_ASSERT_EQUAL(owned(a, 1), 2);
    CU_ASSERT_EQUAL(sent(a, ENRP_TAKEOVER_SERVER), 0);
    agree(w, 3);
    world_free(w);
}

/* They were apart, and each has taken over the other. */
static void come_back(unsigned how, unsigned winner)
{
    struct world *w = scope(2, how);
    struct node *a = &w->nodes[0], *b = &w->nodes[1];
    cut_off(b);
    for (size_t i = 0; i < w->n_channels; i++)
        w->channels[i].closed = true;
    live(w, 70000);
    CU_ASSERT_EQUAL(owned(a, 0), 4);
    CU_ASSERT_EQUAL(owned(b, 1), 4);
    b->cut = false;
    live(w, 120000);
    agree(w, 2);
    CU_ASSERT_EQUAL(handlespace_elements(a->space), 4); /* none is lost */
    CU_ASSERT_EQUAL(owned(a, winner), 4);
    world_free(w);
}

static void two_that_were_apart_agree_again(void)
{
    come_back(0, 1);
    come_back(COMPAT, 0);
}

static void a_new_home_that_is_not_told_is_learnt_by_audit(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *c = &w->nodes[2];
    c->mute = 1 << ENRP_TAKEOVER_SERVER; /* as rsplib on Linux */
    cut_off(&w->nodes[1]);
    live(w, 67000);
    CU_ASSERT_EQUAL(owned(c, 2), 4);
    live(w, 8000);
    CU_ASSERT_EQUAL(owned(a, 2), 4); /* it is asked, before its next heartbeat */
    CU_ASSERT_EQUAL(owned(a, 1), 0);
    CU_ASSERT_EQUAL(sent(a, ENRP_TAKEOVER_SERVER), 0);
    world_free(w);
}

static void what_the_winner_does_not_do_another_does(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1];
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(2), .target = id_of(1)};
    cut_off(b);
    receive(a, channel_to(a, 2), &m); /* of which it knows nothing */
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_DEAD);
    live(w, 14000);
    CU_ASSERT_EQUAL(owned(a, 1), 2);
    live(w, 2000);
    CU_ASSERT_EQUAL(owned(a, 0), 4);
    CU_ASSERT_EQUAL(owned(&w->nodes[2], 0), 4);
    world_free(w);
}

static void another_takes_over_at_once_when_the_winner_dies(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *c = &w->nodes[2];
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(2), .target = id_of(1)};
    cut_off(&w->nodes[1]);
    receive(a, channel_to(a, 2), &m);
    for (struct channel *k; (k = channel_to(c, 0));) {
        net_close(k);
        k->closed = true;
    }
    stop(c);
    live(w, 1500);
    CU_ASSERT_EQUAL(state(a, 2), ENRP_PEER_DEAD);
    CU_ASSERT_EQUAL(owned(a, 0), 6);
    world_free(w);
}

static void who_has_missed_a_takeover_hears_of_it_when_he_asks(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *c = &w->nodes[2];
    c->mute = 1 << ENRP_TAKEOVER_SERVER;
    a->drops = 1 << ENRP_HANDLE_TABLE_RESPONSE; /* nor does it learn by audit */
    cut_off(&w->nodes[1]);
    live(w, 67000);
    c->mute = 0;
    CU_ASSERT_EQUAL(owned(a, 1), 2);
    live(w, 15000);
    CU_ASSERT_EQUAL(owned(a, 2), 4);
    CU_ASSERT_EQUAL(a->adopted, 0);
    world_free(w);
}

static void a_winner_may_remove_what_it_took_over_in_silence(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0];
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(2), .target = id_of(1)};
    struct wire_message gone = {.protocol = WIRE_ENRP,
                                .type = ENRP_HANDLE_UPDATE,
                                .sender = id_of(2),
                                .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT,
                                .action = WIRE_ACTION_DEL_PE,
                                .pool_handle = text("Echo"),
                                .element = element(0x101, id_of(2), 0)};
    receive(a, channel_to(a, 2), &gone);
    CU_ASSERT_PTR_NOT_NULL(find(a, "Echo", 0x101));
    cut_off(&w->nodes[1]);
    receive(a, channel_to(a, 2), &m);
    receive(a, channel_to(a, 2), &gone);
    CU_ASSERT_PTR_NULL(find(a, "Echo", 0x101));
    world_free(w);
}

static void one_that_refuses_connections_is_dead_soon(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *c = &w->nodes[2];
    for (struct channel *k; (k = channel_to(&w->nodes[1], 0));) {
        net_close(k);
        k->closed = true;
    }
    for (struct channel *k; (k = channel_to(&w->nodes[1], 2));) {
        net_close(k);
        k->closed = true;
    }
    stop(&w->nodes[1]);
    live(w, 900);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_PROBED); /* it may be a restart */
    live(w, 400);
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_DEAD);
    CU_ASSERT_EQUAL(owned(a, 2), 4);
    CU_ASSERT_EQUAL(owned(c, 2), 4);
    world_free(w);
}

static void the_elements_of_a_home_that_nobody_knows_are_taken_over(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0);
    pass(w, 10000);
    struct wire_pool_element e = element(7, 0x7777, 0);
    handlespace_register(a->space, text("Echo"), &e, w->now, HANDLESPACE_PEER, NULL);
    struct node *b = start(w, 1, TO_FIRST);
    pass(w, 1000);
    CU_ASSERT_EQUAL(handlespace_owned(b->space, 0x7777), 1);
    live(w, 64000);
    CU_ASSERT_EQUAL(handlespace_owned(b->space, 0x7777), 1);
    live(w, 4000);
    CU_ASSERT_EQUAL(handlespace_owned(b->space, 0x7777), 0);
    CU_ASSERT_EQUAL(owned(a, 1), 1);
    CU_ASSERT_EQUAL(owned(b, 1), 1);
    world_free(w);
}

/* --- suggestions, and an orderly stop
 * ------------------------------------------------------------------------------------------ */

static void a_registrar_that_stops_suggests_its_elements_to_the_living(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1], *c = &w->nodes[2];
    enrp_leave(b->enrp);
    settle(w);
    /* 0x101 and 0x201: 0x1002 differs from both more than 0x1000 */
    CU_ASSERT_EQUAL(a->suggested, 0);
    CU_ASSERT_EQUAL(c->suggested, 2);
    CU_ASSERT_EQUAL(owned(c, 2), 4);
    CU_ASSERT_EQUAL(owned(a, 2), 4);
    CU_ASSERT_EQUAL(owned(b, 2), 4);
    struct wire_message m = {
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(0), .target = id_of(1)};
    receive(b, channel_to(b, 0), &m);
    CU_ASSERT_EQUAL(b->last_type, ENRP_INIT_TAKEOVER_ACK); /* it agrees */
    world_free(w);
}

static void a_better_home_is_suggested_to_the_best_alone(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1], *c = &w->nodes[2];
    struct enrp_settings s = {.registrar = id_of(0), .suggest_takeover = true};
    CU_ASSERT_EQUAL(enrp_configure(a->enrp, &s, w->now), 0);
    enrol(a, "Echo", 0x01, 0); /* 0x1002 */
    enrol(a, "Echo", 0x02, 0); /* 0x1001 */
    enrol(a, "Echo", 0x03, 0); /* stays */
    settle(w);
    CU_ASSERT_EQUAL(b->suggested, 1);
    CU_ASSERT_EQUAL(c->suggested, 1);
    CU_ASSERT_EQUAL(pool_element_owner(find(a, "Echo", 1)), id_of(2));
    CU_ASSERT_EQUAL(pool_element_owner(find(c, "Echo", 2)), id_of(1));
    CU_ASSERT_EQUAL(pool_element_owner(find(b, "Echo", 3)), id_of(0));
    agree(w, 3);
    world_free(w);
}

/* --- audit
 * ----------------------------------------------------------------------------------------------------------------
 */

static void an_audit_finds_what_was_missed(void)
{
    struct world *w = scope(3, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1];
    fill(a, 30, 100);
    settle(w);
    b->drops = 1 << ENRP_HANDLE_UPDATE;
    for (uint32_t i = 0; i < 50; i++)
        handlespace_remove(a->space, find(a, "Pool number 3", i * 2654435761u), HANDLESPACE_DEREGISTERED);
    enrol(a, "New", 77, 0);
    enrol(a, "Echo", 0x100, 99); /* its load: not in the checksum, but in the table */
    settle(w);
    b->drops = 0;
    CU_ASSERT_EQUAL(owned(b, 0), 3002);
    pass(w, 31000);
    CU_ASSERT_EQUAL(owned(b, 0), 2953);
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->synchronizations, 1);
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->elements_swept, 50);
    CU_ASSERT_EQUAL(enrp_statistics(w->nodes[2].enrp)->synchronizations, 0);
    struct wire_pool_element e;
    pool_element_decode(find(b, "Echo", 0x100), &e);
    CU_ASSERT_EQUAL(e.policy.load, 99);
    CU_ASSERT_EQUAL(owned(b, 2), 2); /* others' are left alone */
    agree(w, 3);
    pass(w, 61000);
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->synchronizations, 1);
    world_free(w);
}

static void what_changes_during_an_audit_is_not_swept(void)
{
    struct world *w = scope(2, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1];
    fill(a, 30, 100);
    settle(w);
    b->drops = 1 << ENRP_HANDLE_UPDATE;
    enrol(a, "Missed", 1, 0);
    handlespace_remove(a->space, find(a, "Echo", 0x100), HANDLESPACE_DEREGISTERED);
    settle(w);
    b->drops = 0;
    while (enrp_statistics(b->enrp)->synchronizations == 0) {
        if (w->first) {
            struct letter *l = w->first;
            if (!(w->first = l->next))
                w->last = &w->first;
            deliver(w, l);
            free(l);
        } else {
            w->now += 100;
            enrp_tick(a->enrp, w->now);
            enrp_tick(b->enrp, w->now);
        }
    }
    for (unsigned i = 0; w->first; i++) { /* with each message something changes */
        struct letter *l = w->first;
        if (!(w->first = l->next))
            w->last = &w->first;
        deliver(w, l);
        free(l);
        if (i < 10) {
            enrol(a, "New", i, 0);
            handlespace_remove(a->space, find(a, "Pool number 3", i * 2654435761u), HANDLESPACE_DEREGISTERED);
        }
    }
    CU_ASSERT_EQUAL(owned(b, 0), owned(a, 0));
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->elements_swept, 1); /* the one that was gone before */
    agree(w, 2);
    world_free(w);
}

static void a_table_that_misses_some_costs_no_elements(void)
{
    struct world *w = scope(2, 0);
    struct node *a = &w->nodes[0], *b = &w->nodes[1];
    struct wire_message m = presence_of(id_of(0));
    m.present = WIRE_HAS_CHECKSUM;
    m.checksum = 0x1234;
    receive(b, channel_to(b, 0), &m);
    CU_ASSERT_EQUAL(b->last_type, ENRP_HANDLE_TABLE_REQUEST);
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->synchronizations, 1);
    m = (struct wire_message){.protocol = WIRE_ENRP, .type = ENRP_HANDLE_TABLE_RESPONSE, .sender = id_of(0)};
    receive(b, channel_to(b, 0), &m); /* nothing at all */
    settle(w);
    CU_ASSERT_EQUAL(owned(b, 0), 2);
    m = presence_of(id_of(0));
    m.present = WIRE_HAS_CHECKSUM;
    m.checksum = 0x1234;
    for (int i = 0; i < 100; i++) { /* and asked again and again, rarely */
        receive(b, channel_to(b, 0), &m);
        w->now += 10;
    }
    CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->synchronizations, 1);
    (void)a;
    world_free(w);
}

static void an_endless_audit_ends(void)
{
    struct world *w = scope(2, 0);
    struct node *b = &w->nodes[1];
    w->nodes[0].cut = true;
    struct wire_message m = presence_of(id_of(0));
    m.present = WIRE_HAS_CHECKSUM;
    m.checksum = 0x1234;
    receive(b, channel_to(b, 0), &m);
    uint8_t run[256];
    struct writer list = writer_of(run, sizeof run);
    struct wire_pool_element e = element(0x100, id_of(0), 0);
    wire_put_pool_handle(&list, text("Echo"));
    wire_put_pool_element(&list, &e);
    m = (struct wire_message){.protocol = WIRE_ENRP,
                              .type = ENRP_HANDLE_TABLE_RESPONSE,
                              .flags = ENRP_FLAG_MORE,
                              .sender = id_of(0),
                              .present = WIRE_HAS_LIST,
                              .list = {octets_of(run, writer_used(&list))}};
    uint64_t before = enrp_statistics(b->enrp)->unexpected;
    for (int i = 0; i < 2000; i++)
        receive(b, channel_to(b, 0), &m);
    CU_ASSERT(sent(b, ENRP_HANDLE_TABLE_REQUEST) < 1100);
    CU_ASSERT(enrp_statistics(b->enrp)->unexpected > before);
    CU_ASSERT_EQUAL(owned(b, 0), 2);
    world_free(w);
}

static void a_forged_announce_is_no_sign_of_life_and_no_checksum(void)
{
    struct world *w = scope(2, 0);
    struct node *a = &w->nodes[0];
    pass(w, 35000);
    uint64_t heard = peer(a, 1)->last_heard_ms;
    uint16_t checksum = peer(a, 1)->checksum;
    struct wire_message m = presence_of(id_of(1));
    uint8_t buffer[64];
    m.present = WIRE_HAS_CHECKSUM;
    m.checksum = (uint16_t)(checksum + 1);
    int length = wire_write(&m, buffer, sizeof buffer);
    w->now += 5;
    enrp_announced(a->enrp, &w->nodes[1].address, WIRE_PORT_ENRP, octets_of(buffer, (size_t)length), w->now);
    CU_ASSERT_EQUAL(peer(a, 1)->last_heard_ms, heard);
    CU_ASSERT_EQUAL(peer(a, 1)->checksum, checksum);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->synchronizations, 0);
    world_free(w);
}

/* What rsplib's accumulator of 32 bits makes of the same elements. */
static uint16_t wrapped_checksum(struct node *n)
{
    uint32_t sum = 0;
    for (struct pool_element *e = NULL; (e = handlespace_owned_next(n->space, id_of(0), e));) {
        struct octets handle = pool_handle(pool_element_pool(e));
        for (size_t i = 0; i < handle.length; i += 2)
            sum += (uint32_t)(handle.data[i] << 8 | (i + 1 < handle.length ? handle.data[i + 1] : 0));
        sum += pool_element_identifier(e) >> 16;
        sum += pool_element_identifier(e) & 0xffff;
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void in_compat_mode_a_sum_that_wraps_is_right(void)
{
    for (unsigned how = 0; how <= COMPAT; how += COMPAT) {
        struct world *w = scope(2, how);
        struct node *a = &w->nodes[0], *b = &w->nodes[1];
        fill(a, 10, 3500);
        settle(w);
        struct wire_message m = presence_of(id_of(0));
        m.present = WIRE_HAS_CHECKSUM;
        m.checksum = wrapped_checksum(a);
        CU_ASSERT_NOT_EQUAL(m.checksum, handlespace_checksum(a->space, id_of(0)));
        receive(b, channel_to(b, 0), &m);
        CU_ASSERT_EQUAL(enrp_statistics(b->enrp)->synchronizations, how ? 0 : 1);
        world_free(w);
    }
}

/* --- what a request costs
 * ----------------------------------------------------------------------------------------------------- */

static void own_children_are_told_whatever_is_removed_in_between(void)
{
    enum { MANY = 4000 };
    struct world *w = scope(2, 0);
    struct node *a = &w->nodes[0];
    struct wire_message m = {.protocol = WIRE_ENRP,
                             .type = ENRP_HANDLE_TABLE_REQUEST,
                             .flags = ENRP_FLAG_OWN_CHILDREN,
                             .sender = id_of(1)};
    static uint8_t told[MANY];
    memset(told, 0, sizeof told);
    for (uint32_t i = 0; i < MANY; i++)
        enrol(a, "Many", i, 0);
    settle(w);
    struct channel *c = channel_to(a, 1);
    a->told = told;
    for (unsigned requests = 0; requests < 20 && (requests == 0 || a->more); requests++) {
        receive(a, c, &m);
        handlespace_remove(a->space, find(a, "Many", a->last_told), HANDLESPACE_DEREGISTERED);
        if (requests == 1) /* the place is lost: from the beginning, but to the end */
            for (uint32_t i = 0; i < 20; i++)
                handlespace_remove(a->space, find(a, "Many", a->last_told + 1 + i), HANDLESPACE_DEREGISTERED);
    }
    CU_ASSERT_FALSE(a->more);
    CU_ASSERT(a->largest <= WIRE_MESSAGE_MAX);
    for (uint32_t i = 0; i < MANY; i++)
        CU_ASSERT(told[i] >= 1 && told[i] <= 2);
    world_free(w);
}

static void whoever_asks_too_often_is_refused(void)
{
    struct world *w = scope(2, 0);
    struct node *a = &w->nodes[0];
    struct wire_message m = {.protocol = WIRE_ENRP,
                             .type = ENRP_HANDLE_TABLE_REQUEST,
                             .flags = ENRP_FLAG_OWN_CHILDREN,
                             .sender = id_of(1)};
    struct channel *c = channel_to(a, 1);
    pass(w, 20000);
    for (int i = 0; i < 10; i++) {
        receive(a, c, &m);
        CU_ASSERT(a->last_length > 12);
    }
    for (int i = 0; i < 1000; i++)
        receive(a, c, &m);
    CU_ASSERT_EQUAL(a->last_length, 12);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->overload, 1000);
    m.flags = 0;
    m.type = ENRP_LIST_REQUEST;
    receive(a, c, &m);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->overload, 1001);
    w->now += 500;
    receive(a, c, &m);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->overload, 1001);
    unsigned before = a->announces;
    w->now += 20000;
    m = (struct wire_message){
        .protocol = WIRE_ENRP, .type = ENRP_INIT_TAKEOVER, .sender = id_of(1), .target = id_of(0)};
    for (int i = 0; i < 1000; i++)
        receive(a, c, &m);
    CU_ASSERT_EQUAL(a->announces, before + 10);
    world_free(w);
}

/* --- more about start-up
 * ------------------------------------------------------------------------------------------------------ */

static void a_mentor_that_always_has_more_is_left(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0), *b = start(w, 1, TO_FIRST);
    uint8_t run[256];
    struct writer list = writer_of(run, sizeof run);
    struct wire_pool_element e = element(1, id_of(0), 0);
    wire_put_pool_handle(&list, text("Echo"));
    wire_put_pool_element(&list, &e);
    a->deaf = true; /* the test answers */
    pass(w, 1);
    struct wire_message hello = presence_of(id_of(0));
    struct wire_message listing = {.protocol = WIRE_ENRP, .type = ENRP_LIST_RESPONSE, .sender = id_of(0)};
    struct wire_message more = {.protocol = WIRE_ENRP,
                                .type = ENRP_HANDLE_TABLE_RESPONSE,
                                .flags = ENRP_FLAG_MORE,
                                .sender = id_of(0),
                                .present = WIRE_HAS_LIST,
                                .list = {octets_of(run, writer_used(&list))}};
    receive(b, channel_to(b, 0), &hello);
    enrp_tick(b->enrp, w->now);
    receive(b, channel_to(b, 0), &listing);
    CU_ASSERT_EQUAL(sent(b, ENRP_HANDLE_TABLE_REQUEST), 1);
    for (unsigned i = 0; i < 3000 && !enrp_serving(b->enrp); i++) {
        receive(b, channel_to(b, 0), &more);
        w->now += 3;
        enrp_tick(b->enrp, w->now);
    }
    CU_ASSERT_TRUE(enrp_serving(b->enrp));
    CU_ASSERT(sent(b, ENRP_HANDLE_TABLE_REQUEST) < 1100);
    world_free(w);
}

static void start_up_with_a_slow_mentor_ends(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, 0), *b = start(w, 1, TO_FIRST);
    a->deaf = true;
    pass(w, 1);
    struct wire_message hello = presence_of(id_of(0));
    struct wire_message listing = {.protocol = WIRE_ENRP, .type = ENRP_LIST_RESPONSE, .sender = id_of(0)};
    receive(b, channel_to(b, 0), &hello);
    enrp_tick(b->enrp, w->now);
    receive(b, channel_to(b, 0), &listing);
    for (uint32_t i = 0; i < 200 && !enrp_serving(b->enrp); i++) { /* always something new, a little */
        uint8_t run[256];
        struct writer list = writer_of(run, sizeof run);
        struct wire_pool_element e = element(i, id_of(0), 0);
        wire_put_pool_handle(&list, text("Echo"));
        wire_put_pool_element(&list, &e);
        struct wire_message more = {.protocol = WIRE_ENRP,
                                    .type = ENRP_HANDLE_TABLE_RESPONSE,
                                    .flags = ENRP_FLAG_MORE,
                                    .sender = id_of(0),
                                    .present = WIRE_HAS_LIST,
                                    .list = {octets_of(run, writer_used(&list))}};
        receive(b, channel_to(b, 0), &more);
        w->now += 4900;
        enrp_tick(b->enrp, w->now);
    }
    CU_ASSERT_TRUE(enrp_serving(b->enrp));
    CU_ASSERT(w->now < START_MS + 310000);
    world_free(w);
}

static void those_by_administration_find_room(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST), *b = start(w, 1, MULTICAST);
    pass(w, 10000);
    struct enrp_address wanted[2] = {{.address = b->address, .port = WIRE_PORT_ENRP},
                                     {.address = {.family = 4, .octets = {10, 0, 0, 4}}, .port = 9}};
    struct enrp_settings s = {.registrar = id_of(0), .max_peers = 1, .peers = &wanted[1], .n_peers = 1};
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE); /* a stranger, who has the only place */
    CU_ASSERT_EQUAL(enrp_configure(a->enrp, &s, w->now), 0);
    CU_ASSERT_EQUAL(enrp_peers(a->enrp), 1);
    CU_ASSERT_TRUE(enrp_peer_next(a->enrp, NULL)->configured);
    s.peers = wanted;
    s.n_peers = 2;
    CU_ASSERT_EQUAL(enrp_configure(a->enrp, &s, w->now), ERR_LIMIT); /* more than may be */
    s.max_peers = 64;
    CU_ASSERT_EQUAL(enrp_configure(a->enrp, &s, w->now), 0);
    for (uint32_t i = 0; i < 100; i++)
        announce(a, &(struct address){.family = 4, .octets = {10, 7, 0, (uint8_t)i}}, 0x90000 + i);
    s.peers = NULL;
    s.n_peers = 0;
    CU_ASSERT_EQUAL(enrp_configure(a->enrp, &s, w->now), 0);
    s.peers = wanted;
    s.n_peers = 1;
    CU_ASSERT_EQUAL(enrp_configure(a->enrp, &s, w->now), 0);
    world_free(w);
}

static void with_nobody_to_ask_start_up_is_over_at_once(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST | SILENT);
    CU_ASSERT_TRUE(enrp_serving(a->enrp));
    struct node *b = start(w, 1, MULTICAST);
    CU_ASSERT_FALSE(enrp_serving(b->enrp));
    world_free(w);
}

/* --- strange input
 * ---------- */

static void unknown_messages_are_reported_and_errors_are_not(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    start(w, 1, MULTICAST);
    pass(w, 10000);
    uint8_t unknown[] = {0x7f, 0, 0, 12, 0, 0, 0x10, 1, 0, 0, 0, 0};
    enrp_receive(a->enrp, channel_to(a, 1), WIRE_PPID_ENRP, octets_of(unknown, sizeof unknown), w->now);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->sent[ENRP_ERROR], 1);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->unrecognized, 1);
    uint8_t error[] = {ENRP_ERROR, 0, 0, 13, 0, 0, 0x10, 1, 0, 0, 0, 0, 1};
    enrp_receive(a->enrp, channel_to(a, 1), WIRE_PPID_ENRP, octets_of(error, sizeof error), w->now);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->sent[ENRP_ERROR], 1);
    enrp_receive(a->enrp, channel_to(a, 1), 4711, octets_of(unknown, sizeof unknown), w->now);
    CU_ASSERT_EQUAL(enrp_statistics(a->enrp)->unexpected, 1);
    settle(w);
    world_free(w);
}

static void random_octets_do_no_harm(void)
{
    struct world *w = world_new();
    struct node *a = start(w, 0, MULTICAST);
    start(w, 1, MULTICAST);
    pass(w, 10000);
    enrol(a, "Echo", 1, 0);
    uint64_t seed = 42;
    for (unsigned i = 0; i < 30000; i++) {
        static const uint8_t kinds[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        uint8_t kind = kinds[i % sizeof kinds], buffer[512];
        struct wire_message m = {
            .protocol = WIRE_ENRP, .type = ENRP_HANDLE_UPDATE, .sender = id_of(1 + i % 70)};
        m.present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT;
        m.pool_handle = text("Echo");
        m.element = element(i % 200, m.sender, i);
        int length = wire_write(&m, buffer, sizeof buffer);
        CU_ASSERT_FATAL(length > 0);
        if (i & 1)
            buffer[0] = kind;
        for (unsigned flips = i % 4; flips > 0; flips--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            buffer[(seed >> 33) % (unsigned)length] ^= (uint8_t)(seed >> 24);
        }
        if (i % 3)
            enrp_receive(a->enrp, channel_to(a, 1), 0, octets_of(buffer, (size_t)length), w->now);
        else
            enrp_announced(a->enrp, &w->nodes[3].address, WIRE_PORT_ENRP, octets_of(buffer, (size_t)length),
                           w->now);
        if (i % 16 == 0) {
            settle(w);
            w->now++;
        }
    }
    pass(w, 100000);
    CU_ASSERT_PTR_NOT_NULL(find(a, "Echo", 1));
    CU_ASSERT_EQUAL(state(a, 1), ENRP_PEER_ACTIVE);
    CU_ASSERT(enrp_peers(a->enrp) <= 64);
    world_free(w);
}

static const struct unit_test tests[] = {
    {"peers find each other by multicast", peers_find_each_other_by_multicast},
    {"peers by administration need no multicast", peers_by_administration_need_no_multicast},
    {"a configured peer heard by multicast is one peer", a_configured_peer_heard_by_multicast_is_one_peer},
    {"presence comes every cycle, with the checksum", presence_comes_every_cycle_with_the_checksum},
    {"a reply is given when it is required", a_reply_is_given_when_required},
    {"a silent peer is probed, then dead, then back", a_silent_peer_is_probed_then_dead_then_back},
    {"a lost association is opened again", a_lost_association_is_opened_again},
    {"a forged announce does not move a connected peer", a_forged_announce_does_not_move_a_connected_peer},
    {"forged announces cost a bounded list for a while", forged_announces_cost_a_bounded_list_for_a_while},
    {"a flood of announces does not keep out who calls", a_flood_of_announces_does_not_keep_out_who_calls},
    {"a listed registrar without a usable address is no peer",
     a_listed_registrar_without_a_usable_address_is_no_peer},
    {"a configured peer that comes back under another identifier is found",
     a_configured_peer_that_comes_back_under_another_identifier_is_found},
    {"a peer known twice is not told as gone", a_peer_known_twice_is_not_told_as_gone},
    {"an association overtaken by the peer's own is closed",
     an_association_overtaken_by_the_peers_own_is_closed},
    {"a new registrar downloads the handlespace", a_new_registrar_downloads_the_handlespace},
    {"in compat mode a table message has at most 1400 octets",
     in_compat_mode_a_table_message_has_at_most_1400_octets},
    {"in compat mode long handles are not told", in_compat_mode_long_handles_are_not_told},
    {"a mentor that is starting up itself rejects", a_mentor_in_start_up_rejects},
    {"a mentor that falls silent does not stop start-up", a_mentor_that_falls_silent_does_not_stop_start_up},
    {"a backup mentor is asked when the first falls silent",
     a_backup_mentor_is_asked_when_the_first_falls_silent},
    {"the third registrar learns the second from the first",
     the_third_registrar_learns_the_second_from_the_first},
    {"the list has all registrars but the one that asks", the_list_has_all_registrars_but_the_one_that_asks},
    {"a mentor knows nothing better of own elements", a_mentor_knows_nothing_better_of_own_elements},
    {"own children are told alone when asked for", own_children_are_told_alone_when_asked_for},
    {"changes of own elements reach all peers", changes_of_own_elements_reach_all_peers},
    {"an element that registers elsewhere changes its home",
     an_element_that_registers_elsewhere_changes_its_home},
    {"only the home registrar may change an element", only_the_home_registrar_may_change_an_element},
    {"one association speaks for one registrar", one_association_speaks_for_one_registrar},
    {"whoever wants to take over hears that the target lives",
     whoever_wants_to_take_over_hears_that_the_target_lives},
    {"with two a takeover is complete at once", with_two_a_takeover_is_complete_at_once},
    {"nothing is taken over from one without elements", nothing_is_taken_over_from_one_without_elements},
    {"of two that begin at once the larger identifier wins",
     of_two_that_begin_at_once_the_larger_identifier_wins},
    {"in compat mode the lower identifier wins", in_compat_mode_the_lower_identifier_wins},
    {"every takeover of a third is acknowledged", every_takeover_of_a_third_is_acknowledged},
    {"the living are not taken over", the_living_are_not_taken_over},
    {"who never acknowledges but lives has no say", who_never_acknowledges_but_lives_has_no_say},
    {"who dies in the middle is not waited for", who_dies_in_the_middle_is_not_waited_for},
    {"one that comes back in the middle keeps its elements",
     one_that_comes_back_in_the_middle_keeps_its_elements},
    {"two that were apart agree again", two_that_were_apart_agree_again},
    {"a new home that is not told is learnt by audit", a_new_home_that_is_not_told_is_learnt_by_audit},
    {"what the winner does not do another does", what_the_winner_does_not_do_another_does},
    {"another takes over at once when the winner dies", another_takes_over_at_once_when_the_winner_dies},
    {"who has missed a takeover hears of it when he asks",
     who_has_missed_a_takeover_hears_of_it_when_he_asks},
    {"a winner may remove what it took over in silence", a_winner_may_remove_what_it_took_over_in_silence},
    {"one that refuses connections is dead soon", one_that_refuses_connections_is_dead_soon},
    {"the elements of a home that nobody knows are taken over",
     the_elements_of_a_home_that_nobody_knows_are_taken_over},
    {"a registrar that stops suggests its elements to the living",
     a_registrar_that_stops_suggests_its_elements_to_the_living},
    {"a better home is suggested to the best alone", a_better_home_is_suggested_to_the_best_alone},
    {"an audit finds what was missed", an_audit_finds_what_was_missed},
    {"what changes during an audit is not swept", what_changes_during_an_audit_is_not_swept},
    {"a table that misses some costs no elements", a_table_that_misses_some_costs_no_elements},
    {"an endless audit ends", an_endless_audit_ends},
    {"a forged announce is no sign of life and no checksum",
     a_forged_announce_is_no_sign_of_life_and_no_checksum},
    {"in compat mode a sum that wraps is right", in_compat_mode_a_sum_that_wraps_is_right},
    {"own children are told whatever is removed in between",
     own_children_are_told_whatever_is_removed_in_between},
    {"whoever asks too often is refused", whoever_asks_too_often_is_refused},
    {"a mentor that always has more is left", a_mentor_that_always_has_more_is_left},
    {"start up with a slow mentor ends", start_up_with_a_slow_mentor_ends},
    {"those by administration find room", those_by_administration_find_room},
    {"with nobody to ask start up is over at once", with_nobody_to_ask_start_up_is_over_at_once},
    {"unknown messages are reported, errors are not", unknown_messages_are_reported_and_errors_are_not},
    {"random octets do no harm", random_octets_do_no_harm},
};

UNIT_MAIN("enrp", tests)
