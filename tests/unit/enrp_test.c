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
    if (!n->enrp || c->closed || n->deaf)
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

static int net_send(void *context, struct channel *c, struct octets message)
{
    struct node *n = context;
    CU_ASSERT_FATAL(c->owner == n);
    if (c->closed)
        return ERR_CLOSED;
    CU_ASSERT_TRUE(c->open); /* nothing is sent before the channel is open */
    n->last_type = message.data[0];
    n->last_length = message.length;
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
    if (c->other->owner != c->owner)
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

enum { MULTICAST = 1, COMPAT = 2, TO_FIRST = 4 };

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
                     .n_peers = how & TO_FIRST ? 1 : 0},
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
    CU_ASSERT_PTR_NOT_NULL(find(a, "Echo", 5)); /* there is no takeover: it goes when its life is over */
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
    {"unknown messages are reported, errors are not", unknown_messages_are_reported_and_errors_are_not},
    {"random octets do no harm", random_octets_do_no_harm},
};

UNIT_MAIN("enrp", tests)
